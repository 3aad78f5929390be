//! A server that is killed again and again keeps every word that it gave.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use watchhouse_demo::alterations::Alteration;

use crate::app::{PROGRAM, is_postgres};
use crate::client::{Answer, Client};
use crate::make;
use crate::process::{PATIENCE, Place, Server, runs, until};
use crate::receiver::{Receiver, Reply};

const N_UPLOADS: usize = 1_000;
const N_CALLERS: usize = 8;
const N_KILLS: usize = 9;
/// Of these the server is killed while it starts, too.
const N_FALSE_STARTS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::print_stdout,
    reason = "whoever repeats a failure needs the seed"
)]
async fn a_server_that_is_killed_again_and_again_keeps_its_word() {
    let seed = std::env::var("WATCHHOUSE_TEST_SEED").map_or_else(
        |_| u64::from(std::process::id()),
        |seed| seed.parse().unwrap(),
    );
    println!("WATCHHOUSE_TEST_SEED={seed}");
    let mut chance = Chance(seed);
    let mut place = Place::new().await;
    place.set("sandbox.children", "2");
    place.set("webhooks.retry_seconds", &format!("{:?}", [1; 60]));
    let receiver = Receiver::start().await;
    // Some fail first, so that retries are under way when it is killed.
    receiver.answer_with((0..60).map(|i| Reply::Status(if i % 3 == 0 { 500 } else { 204 })));
    let mut server = place.start().await;
    let platform = Platform::open(&server, &receiver).await;

    let mut callers = JoinSet::new();
    for _ in 0..N_CALLERS {
        callers.spawn(Arc::clone(&platform).work());
    }
    let mut moments: Vec<usize> = (0..N_KILLS)
        .map(|_| 1 + chance.below(N_UPLOADS - 20))
        .collect();
    moments.sort_unstable();
    for (number, moment) in moments.into_iter().enumerate() {
        until("the next kill is due", async || platform.n_done() >= moment).await;
        platform.keep_checkpoint(&place).await;
        tokio::time::sleep(Duration::from_millis(chance.below(60) as u64)).await;
        let children = server.children();
        server.kill().await;
        until("the killed server's children are gone", async || {
            !children.iter().any(|child| runs(*child))
        })
        .await;
        if number < N_FALSE_STARTS {
            let mut starting = place.launch(place.command(PROGRAM, &["serve"]));
            tokio::time::sleep(Duration::from_millis(chance.below(300) as u64)).await;
            starting.child.kill().await.unwrap();
        }
        server = place.start().await;
        platform.move_to(&server).await;
    }
    callers.join_all().await;

    let mut database = connect(&place).await;
    if is_postgres() {
        // What the killed server had begun there is begun again when its lease lapses, after a minute.
        // It passes now.
        let sql = "UPDATE jobs SET lease_until = NULL WHERE lease_until IS NOT NULL";
        sqlx::query(sql).execute(&mut database).await.unwrap();
    }
    let admin = server.admin();
    settle(&admin).await;
    let kept = platform.kept.lock().await;
    println!(
        "{} of {N_UPLOADS} uploads were held or blocked, {} decided; {} calls were cut off",
        kept.held.len(),
        kept.decisions.len(),
        platform.n_cut.load(Ordering::Relaxed),
    );
    assert!(kept.held.len() >= N_UPLOADS / 4);
    assert!(kept.decisions.len() >= N_UPLOADS / 5);
    assert!(
        platform.n_cut.load(Ordering::Relaxed) > 0,
        "no kill was felt"
    );

    every_scan_is_there_once(&mut database, &kept).await;
    every_held_item_has_its_case(&admin, &kept).await;
    every_decision_is_there_once(&admin, &mut database, &kept).await;
    every_key_and_bank_is_there(&admin, &kept).await;
    every_webhook_arrived(&admin, &receiver, &kept).await;
    all_evidence_is_there(&place, &mut database).await;
    the_ledger_has_only_grown(&place, &server, &admin, &kept).await;
    a_repeated_call_gets_the_first_answer(&platform, &admin, &kept).await;
    let children = server.children();
    server.stop().await;
    assert!(!children.iter().any(|child| runs(*child)));
}

/// Numbers that a seed gives (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

/// A file that is uploaded again and again, and whether it is listed.
struct Upload {
    media: Vec<u8>,
    is_listed: bool,
}

/// Who calls the server, and notes down every answer.
struct Platform {
    uploads: Vec<Upload>,
    server: watch::Sender<Client>,
    next: AtomicUsize,
    n_done: AtomicUsize,
    /// Calls that got no answer.
    n_cut: AtomicUsize,
    kept: Mutex<Kept>,
}

/// What the server has acknowledged.
#[derive(Default)]
struct Kept {
    /// The answers of scans that were not plainly allowed, by the item's name.
    held: BTreeMap<String, Value>,
    decisions: BTreeMap<String, Value>,
    banks: BTreeSet<String>,
    keys: BTreeSet<String>,
    checkpoints: Vec<PathBuf>,
}

impl Platform {
    async fn open(server: &Server, receiver: &Receiver) -> Arc<Platform> {
        let admin = server.ready().await;
        let endpoint = json!({ "url": receiver.url() });
        admin
            .post("/api/v1/webhook-endpoints", endpoint)
            .await
            .expect(201);
        admin.policy("known-media", json!({})).await;
        let bank = admin.bank("list").await;
        let mut uploads = Vec::new();
        for seed in 0..20 {
            let media = match seed {
                0..8 => make::picture(seed),
                8..14 => make::as_png(seed),
                _ => make::altered(seed, Alteration::Half),
            };
            let is_listed = seed % 3 == 0;
            if is_listed {
                let near = make::pdq_near(&make::pdq(&media), if seed % 2 == 0 { 4 } else { 22 });
                admin.add_pdq(&bank, &near).await;
            }
            uploads.push(Upload { media, is_listed });
        }
        Arc::new(Platform {
            uploads,
            server: watch::Sender::new(admin),
            next: AtomicUsize::new(0),
            n_done: AtomicUsize::new(0),
            n_cut: AtomicUsize::new(0),
            kept: Mutex::default(),
        })
    }

    fn n_done(&self) -> usize {
        self.n_done.load(Ordering::Relaxed)
    }

    /// As a balancer would: nothing is sent to a server that is not ready. What is scanned before it is
    /// looked up once more after, and then there is more than was answered.
    async fn move_to(&self, server: &Server) {
        self.server.send_replace(server.ready().await);
    }

    /// One caller: uploads until there is nothing left to upload.
    async fn work(self: Arc<Self>) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= N_UPLOADS {
                return;
            }
            self.upload(number).await;
            match number % 50 {
                7 => self.make_bank(number).await,
                31 => self.make_key(number).await,
                _ => {}
            }
            self.n_done.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn upload(&self, number: usize) {
        let upload = &self.uploads[number % self.uploads.len()];
        let item = format!("item-{number}");
        let path = format!(
            "/api/v1/scan?item={item}&account=acc-{}&surface=public",
            number % 7
        );
        let scan = self
            .insist(
                &format!("scan-{number}"),
                &path,
                "image/jpeg",
                &upload.media,
            )
            .await
            .expect(200);
        if upload.is_listed {
            assert_ne!(
                scan["verdict"], "allow",
                "a listed picture got through: {scan}"
            );
        }
        if scan["verdict"] == "allow" {
            return;
        }
        let case = scan["case"].as_str().unwrap().to_owned();
        self.kept.lock().await.held.insert(item, scan);
        if number % 5 == 4 {
            return;
        }

        let claim = format!("/api/v1/cases/{case}/claim");
        let claimed = self.insist("", &claim, "application/json", b"{}").await;
        let claimed = claimed.expect(200);
        let decision = json!({
            "case_version": claimed["version"],
            "policy": "known-media",
            "outcome": "violation",
            "facts": "it was seen",
            "reasons": format!("it is on the list, number {number}"),
            "actions": [{ "kind": "remove" }, { "kind": "warn" }],
        });
        let decision = decision.to_string();
        let path = format!("/api/v1/cases/{case}/decisions");
        let name = format!("decide-{number}");
        let decision = self
            .insist(&name, &path, "application/json", decision.as_bytes())
            .await
            .expect(201);
        let id = decision["id"].as_str().unwrap().to_owned();
        self.kept.lock().await.decisions.insert(id, decision);
    }

    async fn make_bank(&self, number: usize) {
        let bank = json!({ "name": format!("bank-{number}") }).to_string();
        let name = format!("bank-{number}");
        let bank = self
            .insist(&name, "/api/v1/banks", "application/json", bank.as_bytes())
            .await
            .expect(201);
        let id = bank["id"].as_str().unwrap().to_owned();
        self.kept.lock().await.banks.insert(id);
    }

    async fn make_key(&self, number: usize) {
        let key = json!({ "name": format!("key-{number}"), "scopes": ["scan"] }).to_string();
        let name = format!("key-{number}");
        let key = self
            .insist(&name, "/api/v1/keys", "application/json", key.as_bytes())
            .await
            .expect(201);
        let id = key["id"].as_str().unwrap().to_owned();
        self.kept.lock().await.keys.insert(id);
    }

    /// Calls again until there is an answer, over every restart, as a careful client does.
    async fn insist(&self, name: &str, path: &str, kind: &str, body: &[u8]) -> Answer {
        let mut server = self.server.subscribe();
        let began = std::time::Instant::now();
        loop {
            let client = server.borrow_and_update().clone();
            let mut request = client
                .request("POST", path)
                .header("content-type", kind)
                .body(body.to_vec());
            if !name.is_empty() {
                request = request.header("idempotency-key", name);
            }
            let answer = async {
                let response = request.send().await?;
                let (status, headers) = (response.status().as_u16(), response.headers().clone());
                let body = response.bytes().await?.to_vec();
                Ok::<_, reqwest::Error>(Answer {
                    status,
                    headers,
                    body,
                })
            };
            match answer.await {
                Ok(answer) if answer.status != 503 => return answer,
                Ok(_) => {}
                Err(_) => {
                    self.n_cut.fetch_add(1, Ordering::Relaxed);
                }
            }
            assert!(began.elapsed() < PATIENCE, "no answer to {path}");
            // Until it has moved, or for a moment where it was the connection alone.
            let _ = tokio::time::timeout(Duration::from_millis(200), server.changed()).await;
        }
    }

    /// Keeps the checkpoint that everyone can see now.
    async fn keep_checkpoint(&self, place: &Place) {
        let client = self.server.borrow().clone();
        let checkpoint = client.get("/api/v1/ledger/checkpoint").await;
        assert_eq!(checkpoint.status, 200);
        let mut kept = self.kept.lock().await;
        let file = place
            .path()
            .join(format!("checkpoint-{}", kept.checkpoints.len()));
        std::fs::write(&file, checkpoint.body).unwrap();
        kept.checkpoints.push(file);
    }
}

async fn connect(place: &Place) -> sqlx::AnyConnection {
    sqlx::any::install_default_drivers();
    sqlx::AnyConnection::connect(place.setting("database"))
        .await
        .unwrap()
}

async fn count(database: &mut sqlx::AnyConnection, sql: &str) -> usize {
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(database).await;
    usize::try_from(row.unwrap().get::<i64, _>(0)).unwrap()
}

/// Waits until nothing is left to do.
async fn settle(admin: &Client) {
    until(
        "every webhook is delivered and every entry placed",
        async || {
            let page = admin.get("/metrics").await.text();
            ["waiting_jobs", "pending_deliveries", "ledger_waiting"]
                .iter()
                .all(|name| page.contains(&format!("watchhouse_{name} 0\n")))
        },
    )
    .await;
}

/// Every row of a list.
async fn list(admin: &Client, path: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut after = String::new();
    loop {
        let page = admin
            .get(&format!("{path}?limit=200{after}"))
            .await
            .expect(200);
        rows.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return rows,
        }
    }
}

fn ids(rows: &[Value]) -> BTreeSet<String> {
    let ids: BTreeSet<String> = rows.iter().map(|row| text(&row["id"])).collect();
    assert_eq!(ids.len(), rows.len(), "an id is there twice");
    ids
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn every_scan_is_there_once(database: &mut sqlx::AnyConnection, kept: &Kept) {
    let n_items = "SELECT COUNT(DISTINCT item_external_id) FROM sightings";
    assert_eq!(count(database, n_items).await, N_UPLOADS);
    assert_eq!(
        count(database, "SELECT COUNT(*) FROM sightings").await,
        N_UPLOADS
    );
    let n_matches = kept
        .held
        .values()
        .map(|scan| scan["matches"].as_array().unwrap().len());
    assert_eq!(
        count(database, "SELECT COUNT(*) FROM matches").await,
        n_matches.sum::<usize>()
    );
}

async fn every_held_item_has_its_case(admin: &Client, kept: &Kept) {
    let items = list(admin, "/api/v1/items").await;
    let named: BTreeMap<String, String> = items
        .iter()
        .map(|item| (text(&item["external_id"]), text(&item["id"])))
        .collect();
    assert_eq!(items.len(), kept.held.len());
    let cases = list(admin, "/api/v1/cases").await;
    assert_eq!(cases.len(), kept.held.len());
    for (item, scan) in &kept.held {
        assert_eq!(named[item], text(&scan["item"]["id"]), "{item}");
        let case = admin
            .get(&format!("/api/v1/cases/{}", text(&scan["case"])))
            .await
            .expect(200);
        assert_eq!(case["subject"]["id"], scan["item"]["id"], "{item}");
        assert_eq!(case["matches"], scan["matches"], "{item}");
    }
}

async fn every_decision_is_there_once(
    admin: &Client,
    database: &mut sqlx::AnyConnection,
    kept: &Kept,
) {
    let decisions = list(admin, "/api/v1/decisions").await;
    assert_eq!(ids(&decisions), kept.decisions.keys().cloned().collect());
    for decision in &decisions {
        assert_eq!(decision, &kept.decisions[&text(&decision["id"])]);
    }
    let n_decided = "SELECT COUNT(*) FROM cases WHERE state = 'decided'";
    assert_eq!(count(database, n_decided).await, decisions.len());
    let n_actions = "SELECT COUNT(*) FROM actions";
    assert_eq!(count(database, n_actions).await, 2 * decisions.len());
}

async fn every_key_and_bank_is_there(admin: &Client, kept: &Kept) {
    let banks = list(admin, "/api/v1/banks").await;
    assert!(ids(&banks).is_superset(&kept.banks));
    assert_eq!(banks.len(), kept.banks.len() + 1, "and the list");
    let keys = list(admin, "/api/v1/keys").await;
    assert!(ids(&keys).is_superset(&kept.keys));
    assert_eq!(keys.len(), kept.keys.len() + 1, "and the administrator's");
}

async fn every_webhook_arrived(admin: &Client, receiver: &Receiver, kept: &Kept) {
    let deliveries = list(admin, "/api/v1/deliveries").await;
    for delivery in &deliveries {
        assert_eq!(delivery["state"], "delivered", "{delivery}");
    }
    let mut messages: BTreeMap<String, String> = BTreeMap::new();
    for call in receiver.received() {
        let id = call.header("webhook-id").to_owned();
        let first = messages.entry(id).or_insert_with(|| call.body.clone());
        assert_eq!(*first, call.body, "one id stands for one message");
    }
    let sent = deliveries.iter().map(|delivery| text(&delivery["message"]));
    assert_eq!(
        sent.collect::<BTreeSet<_>>(),
        messages.keys().cloned().collect()
    );
    assert_eq!(deliveries.len(), messages.len());

    let told: Vec<Value> = messages
        .values()
        .map(|body| serde_json::from_str(body).unwrap())
        .collect();
    let of = |kind: &str, what: &str| -> Vec<String> {
        let told = told.iter().filter(|message| message["type"] == kind);
        let mut ids: Vec<_> = told
            .map(|message| text(message["data"].pointer(what).unwrap()))
            .collect();
        ids.sort();
        ids
    };
    let actions = kept
        .decisions
        .values()
        .flat_map(|decision| decision["actions"].as_array().unwrap());
    let mut actions: Vec<_> = actions.map(|action| text(&action["id"])).collect();
    actions.sort();
    assert_eq!(of("action.requested", "/action/id"), actions);
    let decisions: Vec<_> = kept.decisions.keys().cloned().collect();
    assert_eq!(of("case.decided", "/decision/id"), decisions);
    let mut cases: Vec<_> = kept.held.values().map(|scan| text(&scan["case"])).collect();
    cases.sort();
    assert_eq!(of("case.opened", "/case"), cases);
}

async fn all_evidence_is_there(place: &Place, database: &mut sqlx::AnyConnection) {
    let secrets = watchhouse::secrets::Secrets::open(&place.data.join("secrets.key"), false);
    let secrets = secrets.unwrap();
    let rows = sqlx::query("SELECT blob, size_bytes FROM evidence")
        .fetch_all(database)
        .await
        .unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        let blob: String = row.get("blob");
        let sealed = std::fs::read(place.data.join("blobs").join(&blob)).unwrap();
        let media = secrets.unseal(&sealed).unwrap();
        assert_eq!(
            media.len() as i64,
            row.get::<i64, _>("size_bytes"),
            "{blob}"
        );
    }
}

async fn the_ledger_has_only_grown(place: &Place, server: &Server, admin: &Client, kept: &Kept) {
    let verified = server.verify_ledger(place, None).await.expect(0);
    assert!(verified.out.starts_with("verified: "), "{}", verified.out);
    assert!(kept.checkpoints.len() >= N_KILLS);
    for checkpoint in &kept.checkpoints {
        let verified = server
            .verify_ledger(place, Some(checkpoint))
            .await
            .expect(0);
        assert!(
            verified
                .out
                .contains("it has grown from the earlier checkpoint")
        );
    }
    for (kind, expected) in [
        ("case.decided", kept.decisions.len()),
        ("case.opened", kept.held.len()),
        ("bank.created", kept.banks.len() + 1),
        ("key.created", kept.keys.len() + 1),
    ] {
        let mut n_entries = 0;
        let mut after = String::new();
        loop {
            let path = format!("/api/v1/ledger/entries?kind={kind}&limit=200{after}");
            let page = admin.get(&path).await.expect(200);
            n_entries += page["data"].as_array().unwrap().len();
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(n_entries, expected, "{kind}");
    }
}

async fn a_repeated_call_gets_the_first_answer(platform: &Platform, admin: &Client, kept: &Kept) {
    let (item, scan) = kept.held.first_key_value().unwrap();
    let number: usize = item.trim_start_matches("item-").parse().unwrap();
    let path = format!(
        "/api/v1/scan?item={item}&account=acc-{}&surface=public",
        number % 7
    );
    let media = platform.uploads[number % platform.uploads.len()]
        .media
        .clone();
    let request = admin
        .request("POST", &path)
        .header("content-type", "image/jpeg")
        .header("idempotency-key", format!("scan-{number}"));
    let answer = crate::client::send(request.body(media)).await;
    assert_eq!(answer.header("idempotency-replayed"), Some("true"));
    assert_eq!(answer.expect(200), *scan);
}
