//! Banks and their hashes: what was answered holds for the next scan.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use watchhouse_match::{Hash, HashKind, PdqHash};

use crate::app::TestApp;
use crate::client::{Answer, Client};
use crate::make;

const BANKS: &str = "/api/v1/banks";

fn md5(n: usize) -> String {
    format!("{:032x}", 0xabcd_0000_0000 + n)
}

async fn add(client: &Client, bank: &str, hashes: &[(&str, &str)]) -> Answer {
    let hashes = hashes.iter();
    let hashes: Vec<Value> = hashes
        .map(|(kind, value)| json!({ "kind": kind, "value": value }))
        .collect();
    let path = format!("{BANKS}/{bank}/hashes");
    client.post(&path, json!({ "hashes": hashes })).await
}

async fn change(client: &Client, bank: &str, body: Value) -> Answer {
    client.patch(&format!("{BANKS}/{bank}"), body).await
}

async fn show(client: &Client, bank: &str) -> Value {
    client.get(&format!("{BANKS}/{bank}")).await.expect(200)
}

/// How many matches a scan of this media finds.
async fn matches(client: &Client, media: &[u8]) -> usize {
    let scan = client.scan("post-1", media.to_vec()).await.expect(200);
    scan["matches"].as_array().unwrap().len()
}

/// Every page of a list, in order.
async fn all_pages(client: &Client, path: &str, limit: u32) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut after = String::new();
    loop {
        let page = client.get(&format!("{path}?limit={limit}{after}")).await;
        let page = page.expect(200);
        rows.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return rows,
        }
    }
}

#[tokio::test]
async fn a_bank_is_made_with_what_was_said_and_the_rest_by_default() {
    let app = TestApp::new().await;
    let admin = app.admin();

    let made = admin
        .post(BANKS, json!({ "name": "list" }))
        .await
        .expect(201);

    let expected = json!({
        "id": made["id"],
        "name": "list",
        "description": "",
        "owner": "",
        "category": "",
        "threshold": 31,
        "of_known": 80,
        "of_upload": 0,
        "is_enabled": true,
        "hash_count": 0,
        "created_at": "2026-01-01T00:00:00Z",
        "changed_at": "2026-01-01T00:00:00Z",
    });
    assert_eq!(made, expected);
    assert_eq!(show(&admin, made["id"].as_str().unwrap()).await, expected);
    let full = json!({
        "name": "Größe 🐝",
        "description": "d",
        "owner": "o",
        "category": "c",
        "threshold": 20,
        "of_known": 50,
        "of_upload": 10,
        "is_enabled": false,
    });
    let made = admin.post(BANKS, full.clone()).await.expect(201);
    for (field, value) in full.as_object().unwrap() {
        assert_eq!(&made[field], value);
    }
    let recorded = app.recorded("bank.created").await;
    assert_eq!(recorded.len(), 2);
    assert_eq!(recorded[1]["bank"], made["id"]);
    assert_eq!(recorded[1]["threshold"], 20);
    admin
        .get(&format!("{BANKS}/bnk_none"))
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn pages_stay_right_while_banks_are_added() {
    let app = TestApp::new().await;
    let admin = app.admin();
    for n in 0..5 {
        admin.bank(&format!("bank {n}")).await;
    }
    let names = |page: &Value| -> Vec<String> {
        let banks = page["data"].as_array().unwrap().iter();
        banks
            .map(|bank| bank["name"].as_str().unwrap().to_owned())
            .collect()
    };

    let first = admin.get(&format!("{BANKS}?limit=2")).await.expect(200);
    admin.bank("bank 5").await;
    let after = first["next"].as_str().unwrap();
    let second = admin
        .get(&format!("{BANKS}?limit=2&after={after}"))
        .await
        .expect(200);
    admin.bank("bank 6").await;
    let after = second["next"].as_str().unwrap();
    let third = admin
        .get(&format!("{BANKS}?limit=1&after={after}"))
        .await
        .expect(200);

    assert_eq!(names(&first), ["bank 4", "bank 3"]);
    assert_eq!(names(&second), ["bank 2", "bank 1"]);
    assert_eq!(names(&third), ["bank 0"]);
    assert_eq!(third["next"], Value::Null);
    assert_eq!(all_pages(&admin, BANKS, 3).await.len(), 7);
}

#[tokio::test]
async fn pages_stay_right_while_hashes_come_and_go() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let hashes = format!("{BANKS}/{bank}/hashes");
    for n in 0..6 {
        add(&admin, &bank, &[("md5", &md5(n))]).await.expect(201);
    }

    let first = admin.get(&format!("{hashes}?limit=2")).await.expect(200);
    let last_of_first = first["data"][1]["id"].as_str().unwrap();
    admin
        .delete(&format!("{hashes}/{last_of_first}"))
        .await
        .expect(204);
    add(&admin, &bank, &[("md5", &md5(9))]).await.expect(201);
    let after = first["next"].as_str().unwrap();
    let second = admin
        .get(&format!("{hashes}?limit=200&after={after}"))
        .await
        .expect(200);

    let values = |page: &Value| -> Vec<String> {
        let hashes = page["data"].as_array().unwrap().iter();
        hashes
            .map(|hash| hash["value"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(values(&first), [md5(5), md5(4)]);
    assert_eq!(values(&second), [md5(3), md5(2), md5(1), md5(0)]);
}

#[tokio::test]
async fn a_change_leaves_alone_what_it_does_not_name() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let before = show(&admin, &bank).await;
    app.advance(Duration::from_secs(60));

    let changed = change(
        &admin,
        &bank,
        json!({ "owner": "trust desk", "threshold": 0 }),
    )
    .await;

    let mut expected = before.clone();
    expected["owner"] = json!("trust desk");
    expected["threshold"] = json!(0);
    expected["changed_at"] = json!("2026-01-01T00:01:00Z");
    assert_eq!(changed.expect(200), expected);
    assert_eq!(show(&admin, &bank).await, expected);
    let recorded = app.recorded("bank.changed").await;
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0]["owner"], "trust desk");
    let answer = change(&admin, "bnk_none", json!({})).await;
    answer.expect_problem(404, "not_found");
}

#[tokio::test]
async fn changes_of_one_bank_at_once_all_hold() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;

    for round in 0..8 {
        let text = format!("round {round}");
        let changes = [
            json!({ "owner": text }),
            json!({ "description": text }),
            json!({ "category": text }),
            json!({ "threshold": round }),
        ];
        let calls = changes
            .iter()
            .map(|body| change(&admin, &bank, body.clone()));
        for answer in join_all(calls).await {
            answer.expect(200);
        }

        let shown = show(&admin, &bank).await;
        for body in &changes {
            for (field, value) in body.as_object().unwrap() {
                assert_eq!(&shown[field], value, "{shown}");
            }
        }
    }
}

#[tokio::test]
async fn lookups_follow_a_switch_at_once() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let known = make::picture(1);
    admin
        .add_pdq(&bank, &make::pdq_near(&make::pdq(&known), 10))
        .await;
    assert_eq!(matches(&admin, &known).await, 1);

    change(&admin, &bank, json!({ "is_enabled": false }))
        .await
        .expect(200);
    assert_eq!(matches(&admin, &known).await, 0);
    // What is added meanwhile is there when the bank is switched on.
    add(&admin, &bank, &[("pdq", &make::pdq(&known))])
        .await
        .expect(201);
    assert_eq!(matches(&admin, &known).await, 0);
    change(&admin, &bank, json!({ "is_enabled": true }))
        .await
        .expect(200);
    assert_eq!(matches(&admin, &known).await, 2);
    change(&admin, &bank, json!({ "threshold": 9 }))
        .await
        .expect(200);
    assert_eq!(matches(&admin, &known).await, 1);
}

#[tokio::test]
async fn a_name_is_given_once() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let other = admin.bank("other").await;

    let made = admin.post(BANKS, json!({ "name": "list" })).await;
    let renamed = change(&admin, &other, json!({ "name": "list", "owner": "x" })).await;
    let kept = change(&admin, &bank, json!({ "name": "list" })).await;
    let at_once = (0..8).map(|_| admin.post(BANKS, json!({ "name": "new" })));
    let at_once = join_all(at_once).await;

    made.expect_problem(409, "name_taken");
    renamed.expect_problem(409, "name_taken");
    kept.expect(200);
    let other = show(&admin, &other).await;
    assert_eq!(
        (&other["name"], &other["owner"]),
        (&json!("other"), &json!(""))
    );
    let n_made = at_once.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(n_made, 1);
    for refused in at_once.iter().filter(|answer| answer.status != 201) {
        refused.expect_problem(409, "name_taken");
    }
    assert_eq!(app.count("banks").await, 3);
    // A name that was given up is free again.
    change(&admin, &bank, json!({ "name": "old list" }))
        .await
        .expect(200);
    admin.bank("list").await;
}

#[tokio::test]
async fn a_bank_that_makes_no_sense_is_refused() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let wrong = [
        ("name", json!("")),
        ("name", json!(" \t")),
        ("name", json!("ä".repeat(101))),
        ("description", json!("x".repeat(1_001))),
        ("owner", json!("x".repeat(1_001))),
        ("category", json!("x".repeat(1_001))),
        ("threshold", json!(64)),
        ("threshold", json!(u32::MAX)),
    ];

    for (field, value) in wrong {
        let mut body = json!({ "name": "new" });
        body[field] = value.clone();
        let made = admin.post(BANKS, body).await;
        let changed = change(&admin, &bank, json!({ field: value })).await;
        for answer in [made, changed] {
            let problem = answer.expect_problem(422, "invalid");
            assert_eq!(problem["errors"][0]["field"], field);
        }
    }
    assert_eq!(app.count("banks").await, 1);
    let most = json!({ "name": "ä".repeat(100), "owner": "ä".repeat(1_000), "threshold": 63 });
    admin.post(BANKS, most).await.expect(201);
}

#[tokio::test]
async fn a_threshold_is_the_greatest_distance_that_matches() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let known = make::picture(1);
    let pdq = make::pdq(&known);

    for threshold in [0, 1, 31, 63] {
        let bank = json!({ "name": format!("{threshold}"), "threshold": threshold });
        let bank = admin.post(BANKS, bank).await.expect(201);
        let bank = bank["id"].as_str().unwrap();
        add(
            &admin,
            bank,
            &[("pdq", &make::pdq_near(&pdq, threshold + 1))],
        )
        .await
        .expect(201);
        assert_eq!(matches(&admin, &known).await, 0, "{threshold}");
        add(&admin, bank, &[("pdq", &make::pdq_near(&pdq, threshold))])
            .await
            .expect(201);

        let scan = admin.scan("post-1", known.clone()).await.expect(200);

        assert_eq!(scan["matches"].as_array().unwrap().len(), 1, "{scan}");
        assert_eq!(scan["matches"][0]["distance"], threshold);
        assert_eq!(scan["matches"][0]["threshold"], threshold);
        assert_eq!(scan["matches"][0]["bank"]["id"], bank);
        change(&admin, bank, json!({ "is_enabled": false }))
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn a_hash_matches_from_its_adding_to_its_removal() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let known = make::picture(1);
    let pdq = make::pdq(&known);
    assert_eq!(matches(&admin, &known).await, 0);

    let added = add(&admin, &bank, &[("pdq", &pdq.to_uppercase())])
        .await
        .expect(201);
    let id = added["added"][0]["id"].as_str().unwrap().to_owned();
    let expected = json!({
        "added": [{
            "id": id,
            "kind": "pdq",
            "value": pdq,
            "source": "api",
            "external_id": null,
            "category": null,
            "added_at": "2026-01-01T00:00:00Z",
        }],
        "already_there": 0,
    });
    assert_eq!(added, expected);
    assert_eq!(matches(&admin, &known).await, 1);
    assert_eq!(show(&admin, &bank).await["hash_count"], 1);

    // Twice is once, in another call and in the same.
    let again = add(&admin, &bank, &[("pdq", &pdq), ("pdq", &pdq)])
        .await
        .expect(201);
    assert_eq!(again, json!({ "added": [], "already_there": 2 }));
    let twins = add(&admin, &bank, &[("md5", &md5(1)), ("md5", &md5(1))])
        .await
        .expect(201);
    assert_eq!(twins["already_there"], 1);
    assert_eq!(matches(&admin, &known).await, 1);
    assert_eq!(show(&admin, &bank).await["hash_count"], 2);

    let path = format!("{BANKS}/{bank}/hashes/{id}");
    admin.delete(&path).await.expect(204);
    assert_eq!(matches(&admin, &known).await, 0);
    assert_eq!(show(&admin, &bank).await["hash_count"], 1);
    admin.delete(&path).await.expect_problem(404, "not_found");

    let back = admin.add_pdq(&bank, &pdq).await;
    assert_ne!(back, id);
    assert_eq!(matches(&admin, &known).await, 1);
    assert_eq!(show(&admin, &bank).await["hash_count"], 2);
    assert_eq!(app.recorded("hash.removed").await.len(), 1);
    let added = app.recorded("hash.added").await;
    let counts: Vec<&Value> = added.iter().map(|details| &details["count"]).collect();
    assert_eq!(counts, [1, 0, 1, 1]);
}

#[tokio::test]
async fn a_hash_is_removed_from_its_own_bank_by_its_own_id() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let other = admin.bank("other").await;
    let id = admin.add_pdq(&bank, &make::pdq(&make::picture(1))).await;
    let number = id.strip_prefix("hsh_").unwrap();

    for hash in [
        number.to_owned(),
        format!("hsh_+{number}"),
        format!("hsh_0{number}"),
        format!("hsh_{number}0"),
        "hsh_-1".to_owned(),
        "hsh_18446744073709551616".to_owned(),
    ] {
        let answer = admin.delete(&format!("{BANKS}/{bank}/hashes/{hash}")).await;
        answer.expect_problem(404, "not_found");
    }
    let answer = admin.delete(&format!("{BANKS}/{other}/hashes/{id}")).await;
    answer.expect_problem(404, "not_found");

    assert_eq!(matches(&admin, &make::picture(1)).await, 1);
    assert_eq!(app.recorded("hash.removed").await, [] as [Value; 0]);
}

#[tokio::test]
async fn hashes_of_a_call_are_added_all_or_none() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let zeros = "0".repeat(64);
    let ones = "f".repeat(64);
    let few = format!("{}{}", "0".repeat(50), "7".repeat(14));
    let short = "a".repeat(62);
    let wrong = [
        ("pdq", zeros.as_str()),
        ("pdq", &ones),
        ("pdq", &few),
        ("pdq", &short),
        ("pdq", ""),
        ("pdq", "zz"),
        ("sha256", &zeros),
        ("md5", "d41d8cd98f00b204e9800998ecf8427e"),
        ("sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (
            "sha256",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        ("md5", &ones),
        ("crc32", "00000000"),
        ("PDQ ", &ones),
        ("", ""),
    ];

    for hash in wrong {
        let answer = add(&admin, &bank, &[("md5", &md5(1)), hash]).await;
        let problem = answer.expect_problem(422, "invalid");
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{problem}");
        assert_eq!(problem["errors"][0]["field"], "hashes[1]", "{problem}");
    }
    let none = add(&admin, &bank, &[]).await;
    let many: Vec<String> = (0..1_001).map(md5).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|value| ("md5", value.as_str())).collect();
    let too_many = add(&admin, &bank, &many).await;

    none.expect_problem(422, "invalid");
    too_many.expect_problem(422, "invalid");
    assert_eq!(app.count("hashes").await, 0);
    assert_eq!(show(&admin, &bank).await["hash_count"], 0);
    let most = add(&admin, &bank, &many[..1_000]).await.expect(201);
    assert_eq!(most["added"].as_array().unwrap().len(), 1_000);
    let listed = all_pages(&admin, &format!("{BANKS}/{bank}/hashes"), 200).await;
    assert_eq!(listed.len(), 1_000);
    let answer = add(&admin, "bnk_none", &[("md5", &md5(1))]).await;
    answer.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_file_is_known_by_each_of_its_digests() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let known = make::picture(1);
    let media = admin.scan("post-1", known.clone()).await.expect(200)["media"].clone();

    for kind in ["md5", "sha1", "sha256"] {
        let bank = admin.bank(kind).await;
        let value = media[kind].as_str().unwrap();
        add(&admin, &bank, &[(kind, value)]).await.expect(201);
        let scan = admin.scan("post-1", known.clone()).await.expect(200);
        assert_eq!(scan["matches"].as_array().unwrap().len(), 1);
        assert_eq!(scan["matches"][0]["kind"], kind);
        assert_eq!(matches(&admin, &make::as_png(1)).await, 0);
        change(&admin, &bank, json!({ "is_enabled": false }))
            .await
            .expect(200);
    }
}

/// What the index finds: the numbers of hashes, with their distances.
fn found(app: &TestApp, kind: HashKind, value: &str) -> BTreeMap<u64, u32> {
    let (digests, pictures) = match kind {
        HashKind::Pdq => (vec![], vec![value.parse::<PdqHash>().unwrap()]),
        _ => (vec![Hash::parse(kind, value).unwrap()], vec![]),
    };
    let found = app.app.matcher.lookup(&digests, &pictures);
    found
        .into_iter()
        .map(|found| (found.hit.entry.0, found.hit.distance))
        .collect()
}

fn number(hash: &Value) -> u64 {
    let id = hash["id"].as_str().unwrap();
    id.strip_prefix("hsh_").unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_index_is_as_the_database_after_many_clients_at_once() {
    const CLIENTS: usize = 6;
    const ROUNDS: usize = 8;
    let app = TestApp::new().await;
    let mut banks = Vec::new();
    for name in ["one", "two", "three"] {
        banks.push(app.admin().bank(name).await);
    }
    // Each client adds to every bank what overlaps with its neighbours', and removes half of it.
    let work = (0..CLIENTS).map(|n| {
        let client = app.admin();
        let banks = banks.clone();
        async move {
            for round in 0..ROUNDS {
                let bank = &banks[(n + round) % banks.len()];
                let first = n * 5 + round * 3;
                let values: Vec<String> = (first..first + 10).map(md5).collect();
                let hashes: Vec<(&str, &str)> =
                    values.iter().map(|value| ("md5", value.as_str())).collect();
                let added = add(&client, bank, &hashes).await.expect(201);
                for hash in added["added"].as_array().unwrap().iter().step_by(2) {
                    let id = hash["id"].as_str().unwrap();
                    let path = format!("{BANKS}/{bank}/hashes/{id}");
                    client.delete(&path).await.expect(204);
                }
                if round % 4 == n % 4 {
                    let body = json!({ "owner": format!("{n}.{round}") });
                    change(&client, bank, body).await.expect(200);
                }
            }
        }
    });
    join_all(work).await;

    let mut expected: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let mut n_hashes = 0;
    for bank in &banks {
        let listed = all_pages(&app.admin(), &format!("{BANKS}/{bank}/hashes"), 200).await;
        assert_eq!(show(&app.admin(), bank).await["hash_count"], listed.len());
        n_hashes += listed.len();
        for hash in &listed {
            let value = hash["value"].as_str().unwrap().to_owned();
            assert!(expected.entry(value).or_default().insert(number(hash)));
        }
    }
    assert!(n_hashes > 50, "{n_hashes}");
    assert_eq!(app.app.metrics.index_hashes.get(), n_hashes as u64);
    for value in (0..CLIENTS * 5 + ROUNDS * 3 + 10).map(md5) {
        let numbers: BTreeSet<u64> = found(&app, HashKind::Md5, &value).into_keys().collect();
        assert_eq!(
            numbers,
            expected.remove(&value).unwrap_or_default(),
            "{value}"
        );
    }
    assert_eq!(expected.len(), 0);
}

/// A bank as it should be.
struct Model {
    id: String,
    threshold: u32,
    is_enabled: bool,
    /// The live hashes by their values.
    hashes: BTreeMap<String, u64>,
}

/// What a lookup should find, the slow way.
fn expected(banks: &[Model], query: &str) -> BTreeMap<u64, u32> {
    let query: PdqHash = query.parse().unwrap();
    let mut found = BTreeMap::new();
    for bank in banks.iter().filter(|bank| bank.is_enabled) {
        for (value, number) in &bank.hashes {
            let value: PdqHash = value.parse().unwrap();
            let pairs = query.0.iter().zip(value.0);
            let distance = pairs.map(|(one, other)| (one ^ other).count_ones()).sum();
            if distance <= bank.threshold {
                found.insert(*number, distance);
            }
        }
    }
    found
}

#[tokio::test]
async fn any_sequence_of_changes_leaves_the_index_as_a_model_says() {
    for seed in 0..4 {
        let app = TestApp::new().await;
        let admin = app.admin();
        let mut rng = StdRng::seed_from_u64(seed);
        let centre = make::pdq(&make::picture(seed));
        let mut banks: Vec<Model> = Vec::new();

        for step in 0..60 {
            let choice = if banks.is_empty() {
                0
            } else {
                rng.random_range(0..10)
            };
            let at = rng.random_range(0..banks.len().max(1));
            match choice {
                0 if banks.len() < 4 => {
                    let threshold = rng.random_range(0..64);
                    let body = json!({ "name": format!("{step}"), "threshold": threshold });
                    let made = admin.post(BANKS, body).await.expect(201);
                    banks.push(Model {
                        id: made["id"].as_str().unwrap().to_owned(),
                        threshold,
                        is_enabled: true,
                        hashes: BTreeMap::new(),
                    });
                }
                1 => {
                    let bank = &mut banks[at];
                    bank.is_enabled = !bank.is_enabled;
                    let body = json!({ "is_enabled": bank.is_enabled });
                    change(&admin, &bank.id, body).await.expect(200);
                }
                2 => {
                    let bank = &mut banks[at];
                    bank.threshold = rng.random_range(0..64);
                    let body = json!({ "threshold": bank.threshold });
                    change(&admin, &bank.id, body).await.expect(200);
                }
                3 | 4 => {
                    let bank = &mut banks[at];
                    let Some((value, number)) = bank.hashes.pop_first() else {
                        continue;
                    };
                    let path = format!("{BANKS}/{}/hashes/hsh_{number}", bank.id);
                    let answer = admin.delete(&path).await;
                    assert_eq!(answer.status, 204, "{value}: {}", answer.text());
                }
                _ => {
                    let bank = &mut banks[at];
                    let value = make::pdq_near(&centre, rng.random_range(0..70));
                    let added = add(&admin, &bank.id, &[("pdq", &value)]).await.expect(201);
                    match added["added"].get(0) {
                        Some(hash) => {
                            let before = bank.hashes.insert(value, number(hash));
                            assert_eq!(before, None);
                        }
                        None => assert!(bank.hashes.contains_key(&value)),
                    }
                }
            }
            let query = make::pdq_near(&centre, rng.random_range(0..70));
            assert_eq!(
                found(&app, HashKind::Pdq, &query),
                expected(&banks, &query),
                "seed {seed}, step {step}"
            );
        }
        for bank in &banks {
            let shown = show(&admin, &bank.id).await;
            assert_eq!(shown["hash_count"], bank.hashes.len(), "seed {seed}");
        }
        let live: usize = banks.iter().map(|bank| bank.hashes.len()).sum();
        assert_eq!(app.app.metrics.index_hashes.get(), live as u64);
    }
}
