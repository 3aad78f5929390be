//! A full disk: what cannot be kept is refused, nothing is half done, and the server lives on.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::app::{PROGRAM, is_postgres};
use crate::client::{Answer, Client};
use crate::make;
use crate::process::{Place, Server, clean, finish};
use crate::receiver::Receiver;

/// Room for the database, its log, and some evidence.
const DISK: &str = "size=24m";

#[tokio::test]
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
async fn a_full_disk_refuses_and_after_it_everything_goes_on() {
    let Some(disk) = Disk::new().await else {
        println!("skipped: mounting needs root");
        return;
    };
    let receiver = Receiver::start().await;
    let server = disk.serve().await;
    let admin = server.ready().await;
    let endpoint = json!({ "url": receiver.url() });
    admin
        .post("/api/v1/webhook-endpoints", endpoint)
        .await
        .expect(201);
    admin.policy("known-media", json!({})).await;
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&make::picture(1))).await;
    let before = admin.scan("before", make::picture(1)).await.expect(200);
    let case = before["case"].as_str().unwrap();
    admin
        .post(&format!("/api/v1/cases/{case}/claim"), json!({}))
        .await
        .expect(200);

    let filler = disk.fill(&server);
    let mut refused = refused_scans(&admin).await;
    let decision = json!({
        "case_version": 1,
        "policy": "known-media",
        "outcome": "violation",
        "facts": "it was seen",
        "reasons": "it is listed",
        "actions": [{ "kind": "remove" }],
    });
    let decisions = format!("/api/v1/cases/{case}/decisions");
    let decided = admin
        .post_once("decide", &decisions, decision.clone())
        .await;
    let import = import(&admin, &bank).await;

    import.expect_problem(507, "storage_full");
    // The file was refused before its end, and with it the connection that it came on.
    let admin = server.admin();
    refused.extend(scans_with_little_room(&admin, &filler).await);
    if is_postgres() {
        // The database is elsewhere, and has room.
        decided.expect(201);
    } else {
        assert_full(&decided);
    }
    assert_eq!(admin.get("/healthz").await.status, 200);
    assert_eq!(admin.get("/readyz").await.status, 200);
    let items = listed(&admin, "/api/v1/items").await;
    let cases = listed(&admin, "/api/v1/cases").await;
    for name in &refused {
        let is_named = |item: &Value| item["external_id"].as_str() == Some(name.as_str());
        assert!(!items.iter().any(is_named), "{name} is half done");
    }
    assert_eq!(cases.len(), items.len());
    assert_eq!(
        evidence_files(&disk, &server),
        n_evidence(&admin, &cases).await
    );
    let shown = admin
        .get(&format!("/api/v1/banks/{bank}"))
        .await
        .expect(200);
    assert_eq!(shown["hash_count"], 1);

    fs::remove_file(filler).unwrap();
    for name in &refused {
        let scan = admin.scan(name, make::picture(1)).await.expect(200);
        assert_eq!(scan["verdict"], "block");
    }
    let decided = admin
        .post_once("decide", &decisions, decision)
        .await
        .expect(201);
    assert_eq!(import_again(&admin, &bank).await["added"], N_IMPORTED);
    crate::process::until("the webhook arrives", async || {
        let received = receiver.received();
        let mut bodies = received.iter().map(|call| call.json());
        bodies.any(|body| body["data"]["action"]["id"] == decided["actions"][0]["id"])
    })
    .await;
    let cases = listed(&admin, "/api/v1/cases").await;
    assert_eq!(
        evidence_files(&disk, &server),
        n_evidence(&admin, &cases).await
    );
    let verified = server.verify_ledger(&disk.place, None).await.expect(0);
    assert!(verified.out.starts_with("verified: "));
    server.stop().await;
}

/// A small file system that a server alone sees, as its data directory.
struct Disk {
    place: Place,
    mount: PathBuf,
}

impl Disk {
    /// None where nothing may be mounted.
    async fn new() -> Option<Disk> {
        let mut place = Place::new().await;
        let mount = place.path().join("disk");
        fs::create_dir(&mount).unwrap();
        let probe = clean(
            "unshare",
            &["-m", "mount", "-t", "tmpfs", "none", mount.to_str()?],
        );
        if finish(probe).await.code != Some(0) {
            return None;
        }
        place.set_data(&mount.join("data"));
        if !is_postgres() {
            place.set("database", "");
        }
        Some(Disk { place, mount })
    }

    async fn serve(&self) -> Server {
        let script = format!("mount -t tmpfs -o {DISK} none \"$0\" && exec \"$1\" serve");
        let mount = self.mount.to_str().unwrap();
        let command = ["-m", "sh", "-c", &script, mount, PROGRAM];
        self.place
            .start_as(self.place.command("unshare", &command))
            .await
    }

    /// A path as the server sees it.
    fn inside(&self, server: &Server, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", server.process_id()));
        root.join(path.strip_prefix("/").unwrap())
    }

    /// Takes all the room there is. Returns the file that has it.
    fn fill(&self, server: &Server) -> PathBuf {
        let path = self.inside(server, &self.mount.join("filler"));
        let mut file = File::create(&path).unwrap();
        for size in [1 << 20, 4 << 10, 1] {
            let bytes = vec![b'x'; size];
            while file.write_all(&bytes).is_ok() {}
        }
        path
    }
}

#[track_caller]
fn assert_full(answer: &Answer) {
    answer.expect_problem(507, "storage_full");
    assert!(answer.header("retry-after").is_some());
}

/// Scans a listed picture until the disk has no room for it, and then some more times.
async fn refused_scans(admin: &Client) -> Vec<String> {
    let mut refused = Vec::new();
    for number in 0..500 {
        let name = format!("full-{number}");
        let answer = admin.scan(&name, make::picture(1)).await;
        if answer.status != 200 {
            assert_full(&answer);
            refused.push(name);
        }
        if refused.len() == 5 {
            return refused;
        }
    }
    panic!("500 scans found room on a full disk");
}

/// Scans with a little more room each time, until one succeeds: in between, the sealed copy has room and
/// what tells of it has not.
async fn scans_with_little_room(admin: &Client, filler: &Path) -> Vec<String> {
    let filler = File::options().write(true).open(filler).unwrap();
    let mut refused = Vec::new();
    for number in 0..500 {
        let size = filler.metadata().unwrap().len();
        filler.set_len(size - (16 << 10)).unwrap();
        let name = format!("little-{number}");
        let answer = admin.scan(&name, make::picture(1)).await;
        if answer.status == 200 {
            return refused;
        }
        assert_full(&answer);
        refused.push(name);
    }
    panic!("8 MB were not enough for a scan");
}

const N_IMPORTED: usize = 20_000;

/// A file of hashes that is larger than what any rest of room holds.
async fn import(admin: &Client, bank: &str) -> Answer {
    let mut file = String::new();
    for number in 1..=N_IMPORTED {
        file.push_str(&format!("md5 {number:032x}\n"));
    }
    let path = format!("/api/v1/banks/{bank}/import?format=plain");
    admin.post_bytes(&path, "text/plain", file).await
}

async fn import_again(admin: &Client, bank: &str) -> Value {
    import(admin, bank).await.expect(200)
}

async fn listed(admin: &Client, path: &str) -> Vec<Value> {
    let page = admin.get(&format!("{path}?limit=200")).await.expect(200);
    assert_eq!(page["next"], Value::Null, "one page is enough");
    page["data"].as_array().unwrap().clone()
}

async fn n_evidence(admin: &Client, cases: &[Value]) -> usize {
    let mut n_rows = 0;
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
        n_rows += case["evidence"].as_array().unwrap().len();
    }
    n_rows
}

/// How many files of evidence there are, whole or not.
fn evidence_files(disk: &Disk, server: &Server) -> usize {
    let folder = disk.place.data.join("blobs/evidence");
    fs::read_dir(disk.inside(server, &folder)).unwrap().count()
}
