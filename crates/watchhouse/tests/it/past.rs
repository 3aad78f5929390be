//! The past: a hash that is listed today finds yesterday's upload.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watchhouse::hex;
use watchhouse::id::{BankId, Name as _, SightingId};
use watchhouse::jobs::search_sightings::{Hashes, SearchSightings};
use watchhouse::scan::{self, Upload};
use watchhouse::store::hashes::NewHash;
use watchhouse::store::items::NewItem;
use watchhouse::store::ledger::Actor;
use watchhouse::store::sightings::{SeenFrame, Sighting};
use watchhouse::surface::Surface;
use watchhouse_demo::alterations::Alteration;
use watchhouse_match::{Digests, Hash, HashKind, PdqHash};

use crate::app::{PROGRAM, TestApp};
use crate::client::Client;
use crate::make;
use crate::receiver::Receiver;

#[tokio::test]
async fn a_picture_that_is_listed_later_is_found() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    let endpoint = json!({ "url": receiver.url(), "events": ["case.opened"] });
    admin
        .post("/api/v1/webhook-endpoints", endpoint)
        .await
        .expect(201);
    let media = make::picture(1);
    let scan = admin
        .scan_on("private", "post-1", media.clone())
        .await
        .expect(200);
    assert_eq!(scan["verdict"], "allow");

    let bank = admin.bank("list").await;
    let hash = admin
        .add_pdq(&bank, &make::pdq_near(&make::pdq(&media), 9))
        .await;
    app.settle().await;

    let item = item(&admin, "post-1").await;
    let found = &item["matches"][0];
    assert_eq!(item["matches"].as_array().unwrap().len(), 1);
    assert_eq!(found["hash"]["id"], hash.as_str());
    assert_eq!(found["distance"], 9);
    assert_eq!(found["threshold"], 31);
    assert_eq!(found["transform"], "original");
    assert_eq!(found["frame"], 0);
    assert_eq!(found["rule"]["name"], "known-picture-in-private");
    assert_eq!(item["surface"], "private");
    let id = item["cases"][0].as_str().unwrap();
    let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
    assert_eq!(case["queue"], "known-media");
    assert_eq!(case["matches"], item["matches"]);
    assert_eq!(case["reasons"][0]["scan"], scan["id"]);
    assert_eq!(case["evidence"], json!([]), "the media is gone");
    let told = receiver.wait_for(1).await[0].json();
    assert_eq!(told["type"], "case.opened");
    assert_eq!(told["data"]["case"], id);
    assert_eq!(told["data"]["item"]["external_id"], "post-1");
    assert_eq!(told["data"]["account"]["external_id"], "ann");
    assert_eq!(told["data"]["verdict"], "hold");
    let entries = admin
        .get("/api/v1/ledger/entries?kind=scan.matched")
        .await
        .expect(200);
    assert_eq!(entries["data"].as_array().unwrap().len(), 1);
    assert_eq!(entries["data"][0]["actor"], "system");
}

#[tokio::test]
async fn a_picture_that_was_seen_in_a_frame_is_found_by_what_is_in_it() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let framed = make::altered(1, Alteration::Framed);
    let scan = admin.scan("post-1", framed).await.expect(200);
    assert_eq!(scan["verdict"], "allow");
    let bank = admin.bank("list").await;

    admin.add_pdq(&bank, &make::pdq(&make::picture(1))).await;
    app.settle().await;

    let item = item(&admin, "post-1").await;
    assert_eq!(item["matches"].as_array().unwrap().len(), 1);
    assert_eq!(item["matches"][0]["frame"], 0);
    assert_eq!(item["matches"][0]["variant"], "without_border");
}

#[tokio::test]
async fn a_file_that_is_listed_later_is_found_by_each_digest() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    for (seed, kind) in ["md5", "sha1", "sha256"].into_iter().enumerate() {
        let post = format!("post-{kind}");
        let media = make::noise(1_000 + seed);
        // It could not be decoded, and still it has digests.
        let scan = admin.scan(&post, media.clone()).await.expect(200);
        let digests = Digests::of(&media);
        let value = match kind {
            "md5" => hex::encode(&digests.md5),
            "sha1" => hex::encode(&digests.sha1),
            _ => hex::encode(&digests.sha256),
        };

        let hash = admin.add_hash(&bank, kind, &value).await;
        app.settle().await;

        let item = item(&admin, &post).await;
        assert_eq!(item["matches"].as_array().unwrap().len(), 1, "{kind}");
        let found = &item["matches"][0];
        assert_eq!(found["hash"]["id"], hash.as_str());
        assert_eq!(found["distance"], 0);
        assert_eq!(found["frame"], Value::Null);
        assert_eq!(
            item["cases"],
            json!([scan["case"]]),
            "it joins the case that is open"
        );
        let case = scan["case"].as_str().unwrap();
        let case = admin
            .get(&format!("/api/v1/cases/{case}"))
            .await
            .expect(200);
        assert_eq!(case["queue"], "known-media");
        assert_eq!(case["reasons"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_find_on_an_open_case_is_told() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    let endpoint = json!({ "url": receiver.url(), "events": ["case.changed"] });
    admin
        .post("/api/v1/webhook-endpoints", endpoint)
        .await
        .expect(201);
    let media = make::noise(1_000);
    let scan = admin.scan("post-1", media.clone()).await.expect(200);
    assert_eq!(scan["verdict"], "hold");
    let id = scan["case"].as_str().unwrap();
    admin.claim(id).await.expect(200);

    let bank = admin.bank("list").await;
    let digest = hex::encode(&Digests::of(&media).sha256);
    admin.add_hash(&bank, "sha256", &digest).await;
    app.settle().await;

    let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
    assert_eq!(case["version"], 2);
    assert_eq!(case["priority"], 90);
    let told: Vec<Value> = receiver.received().iter().map(|call| call.json()).collect();
    let item = &case["item"];
    let expected = json!({
        "type": "case.changed",
        "timestamp": "2026-01-01T00:00:00Z",
        "data": {
            "case": id,
            "version": 2,
            "queue": "known-media",
            "priority": 90,
            "verdict": "block",
            "item": { "id": item["id"], "external_id": "post-1", "kind": item["kind"],
                "surface": "public" },
            "account": { "id": item["account"], "external_id": "ann" },
        },
    });
    assert_eq!(told, [expected]);
}

#[tokio::test]
async fn a_weaker_find_tells_the_case_as_it_stands() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    let endpoint = json!({ "url": receiver.url(), "events": ["case.changed"] });
    admin
        .post("/api/v1/webhook-endpoints", endpoint)
        .await
        .expect(201);
    let media = make::picture(1);
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&media)).await;
    let id = admin.scan("post-1", media).await.expect(200)["case"].clone();

    assert_eq!(admin.case("post-1").await, id);

    let told = receiver.wait_for(1).await[0].json();
    assert_eq!(told["data"]["version"], 2);
    assert_eq!(told["data"]["verdict"], "hold", "of what was found now");
    assert_eq!(told["data"]["queue"], "known-media");
    assert_eq!(told["data"]["priority"], 80);
}

#[tokio::test]
async fn a_file_of_hashes_finds_the_past_too() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    admin.scan("post-1", media.clone()).await.expect(200);
    let bank = admin.bank("list").await;
    let path = format!("/api/v1/banks/{bank}/import?format=plain&source=file");
    let lines = format!("pdq {}\n", make::pdq(&media));
    admin
        .post_bytes(&path, "text/plain", lines)
        .await
        .expect(200);
    app.settle().await;

    let item = item(&admin, "post-1").await;
    assert_eq!(item["matches"][0]["hash"]["source"], "file");
}

#[tokio::test]
async fn what_was_found_once_is_not_found_again() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    let endpoint = json!({ "url": receiver.url(), "events": ["case.opened"] });
    admin
        .post("/api/v1/webhook-endpoints", endpoint)
        .await
        .expect(201);
    let media = make::picture(1);
    let value = make::pdq(&media);
    for n in 0..5 {
        admin
            .scan(&format!("post-{n}"), media.clone())
            .await
            .expect(200);
    }
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &value).await;
    search_all(&app, 8).await;
    app.settle().await;
    search_all(&app, 2).await;
    let path = format!("/api/v1/banks/{bank}/hashes");
    let same = json!({ "hashes": [{ "kind": "pdq", "value": value }] });
    let again = admin.post(&path, same).await.expect(201);
    assert_eq!(again["already_there"], 1);
    // The same item once more, and this time it is known at once.
    admin.scan("post-0", media).await.expect(200);
    search_all(&app, 1).await;
    app.settle().await;

    for n in 0..5 {
        let item = item(&admin, &format!("post-{n}")).await;
        let expected = if n == 0 { 2 } else { 1 };
        assert_eq!(
            item["matches"].as_array().unwrap().len(),
            expected,
            "post-{n}"
        );
        assert_eq!(item["cases"].as_array().unwrap().len(), 1, "post-{n}");
    }
    let left = app.left().await;
    assert_eq!(left.entries_of("scan.matched"), 6);
    assert_eq!(left.entries_of("case.opened"), 5);
    assert_eq!(receiver.received().len(), 5);
}

/// Has every hash searched for in the past, so many times at once.
async fn search_all(app: &TestApp, times: usize) {
    let mut tx = app.app.store.begin().await.unwrap();
    for _ in 0..times {
        let all = Hashes::Added {
            since: 0,
            until: 1_000,
        };
        SearchSightings::enqueue(&mut tx, all).await.unwrap();
    }
    tx.commit().await.unwrap();
    app.app.wake();
}

#[tokio::test]
async fn a_second_list_finds_it_in_its_own_right() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    admin.scan("post-1", media.clone()).await.expect(200);
    for name in ["one", "two"] {
        let bank = admin.bank(name).await;
        admin.add_pdq(&bank, &make::pdq(&media)).await;
        app.settle().await;
    }

    let item = item(&admin, "post-1").await;
    let banks: Vec<_> = item["matches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["bank"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(banks, ["two", "one"]);
    assert_eq!(item["cases"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_hash_that_is_removed_before_the_search_finds_nothing() {
    // Nothing runs beside the calls yet: the search waits.
    let app = TestApp::open(PROGRAM, |_| {}).await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let media = make::picture(1);
    let scan = admin.scan("post-1", media.clone()).await.expect(200);
    assert_eq!(scan["verdict"], "allow");
    let hash = admin.add_pdq(&bank, &make::pdq(&media)).await;
    let path = format!("/api/v1/banks/{bank}/hashes/{hash}");
    admin.delete(&path).await.expect(204);

    app.start().await;
    app.settle().await;

    let left = app.left().await;
    assert_eq!((left.items, left.cases), (0, 0));
}

#[tokio::test]
async fn a_list_that_is_switched_off_finds_nothing() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    admin.scan("post-1", media.clone()).await.expect(200);
    let bank = json!({ "name": "off", "is_enabled": false });
    let bank = admin.post("/api/v1/banks", bank).await.expect(201);

    admin
        .add_pdq(bank["id"].as_str().unwrap(), &make::pdq(&media))
        .await;
    app.settle().await;

    let left = app.left().await;
    assert_eq!((left.items, left.cases), (0, 0));
}

#[tokio::test]
async fn the_past_is_searched_to_its_end() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let value = make::pdq(&media);
    const SEEN: usize = 4_100;
    // In the first stride, at its end and the next one's beginning, and at the end of all.
    let like = [0, 1_999, 2_000, SEEN - 1];
    let mut tx = app.app.store.begin().await.unwrap();
    for n in 0..SEEN {
        let picture = if like.contains(&n) {
            value.clone()
        } else {
            make::pdq_near(&value, 100)
        };
        let picture: PdqHash = picture.parse().unwrap();
        let id: SightingId = tx.make();
        let sighting = sighting(id, n, picture, tx.now);
        tx.insert_sighting(&sighting).await.unwrap();
    }
    tx.commit().await.unwrap();

    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &value).await;
    app.settle().await;

    let items = admin.get("/api/v1/items").await.expect(200);
    let mut found: Vec<usize> = items["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["external_id"].as_str().unwrap().parse().unwrap())
        .collect();
    found.sort_unstable();
    assert_eq!(found, like);
}

#[tokio::test]
async fn a_search_that_is_cut_short_leaves_the_rest_to_another() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let value = make::pdq(&make::picture(1));
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &value).await;
    app.settle().await;
    const SEEN: usize = 600;
    let like = [0, 7, 249, 250, SEEN - 1];
    let mut tx = app.app.store.begin().await.unwrap();
    for n in 0..SEEN {
        let far = if like.contains(&n) { 3 } else { 100 };
        let picture = make::pdq_near(&value, far).parse().unwrap();
        let id: SightingId = tx.make();
        let sighting = sighting(id, n, picture, tx.now);
        tx.insert_sighting(&sighting).await.unwrap();
    }
    tx.commit().await.unwrap();
    let everything = Hashes::Added {
        since: 0,
        until: 1_000,
    };

    let mut found = Vec::new();
    let mut left = Some(SearchSightings::through_all(everything));
    while let Some(search) = left {
        // Its time is over before it begins.
        left = search.search(&app.app, Instant::now()).await.unwrap();
        found.push(app.count("matches").await);
    }

    // Each find ends a run, and so do a stride without one, the end of the past and the end of the list.
    assert_eq!(found, [1, 2, 3, 4, 4, 5, 5, 5]);
}

#[tokio::test]
async fn a_banks_hashes_are_read_in_pieces_each_one_once() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let value = make::pdq(&make::picture(1));
    let (bank, other) = (admin.bank("list").await, admin.bank("other").await);
    let mut numbers = Vec::new();
    for n in 0..5 {
        admin.add_pdq(&other, &make::pdq_near(&value, n)).await;
        let digests = Digests::of(&[n as u8]);
        for hash in [
            admin.add_pdq(&bank, &make::pdq_near(&value, n)).await,
            admin
                .add_hash(&bank, "md5", &hex::encode(&digests.md5))
                .await,
        ] {
            numbers.push(hash[4..].parse::<u64>().unwrap());
        }
    }
    let (removed, newest) = (numbers.remove(3), numbers.pop().unwrap());
    let path = format!("/api/v1/banks/{bank}/hashes/hsh_{removed}");
    admin.delete(&path).await.expect(204);

    let mut tx = app.app.store.read().await.unwrap();
    let (mut of_bank, mut after) = (Vec::new(), 0);
    loop {
        let some = tx.some_hashes_of_bank(1, newest - 1, after, 3).await;
        let some = some.unwrap();
        let Some(last) = some.last() else { break };
        after = last.number;
        assert!(some.len() <= 3 && some.iter().all(|hash| hash.bank_number == 1));
        of_bank.extend(some.iter().map(|hash| hash.number));
    }

    of_bank.sort_unstable();
    assert_eq!(of_bank, numbers);
    let since = numbers[1];
    let added = tx.some_hashes_added(since, newest, 4).await.unwrap();
    let added: Vec<u64> = added.iter().map(|hash| hash.number).collect();
    let mut expected: Vec<u64> = (since + 1..=newest).filter(|n| *n != removed).collect();
    expected.truncate(4);
    assert_eq!(added, expected);
}

#[tokio::test]
async fn of_a_list_full_of_near_copies_the_closest_sixteen_are_found_in_the_past() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let value = make::pdq(&media);
    admin.scan("post-1", media).await.expect(200);
    let bank = admin.bank("list").await;
    let near = (1..=20).map(|far| json!({ "kind": "pdq", "value": make::pdq_near(&value, far) }));
    let path = format!("/api/v1/banks/{bank}/hashes");
    let near = json!({ "hashes": near.collect::<Vec<_>>() });
    admin.post(&path, near).await.expect(201);
    app.settle().await;

    let distances = async || {
        let item = item(&admin, "post-1").await;
        let matches = item["matches"].as_array().unwrap().iter();
        let mut distances: Vec<u64> = matches
            .map(|found| found["distance"].as_u64().unwrap())
            .collect();
        distances.sort_unstable();
        distances
    };
    assert_eq!(distances().await, (1..=16).collect::<Vec<_>>());
    assert_eq!(app.recorded("scan.matched").await[0]["more_matches"], 4);
    // Searched for once more, and there is nothing new in it.
    for is_enabled in [false, true] {
        let bank = format!("/api/v1/banks/{bank}");
        let change = json!({ "is_enabled": is_enabled });
        admin.patch(&bank, change).await.expect(200);
    }
    app.settle().await;
    assert_eq!(distances().await.len(), 16);
    // What is closer than all of them is.
    admin.add_pdq(&bank, &value).await;
    app.settle().await;
    assert_eq!(distances().await, (0..=16).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_found_in_the_past_leaves_the_item_as_the_platform_last_described_it() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    admin.scan("post-1", media.clone()).await.expect(200);
    let newer =
        br#"{"id":"post-1","surface":"private","kind":"profile","account":"bob","text":"hello"}"#;
    let (kind, form) = make::form(&[("item", newer), ("media", b"no picture")]);
    admin
        .post_bytes("/api/v1/scan", &kind, form)
        .await
        .expect(200);
    let before = item(&admin, "post-1").await;
    assert_eq!(before["matches"], json!([]));

    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&media)).await;
    app.settle().await;

    let mut after = item(&admin, "post-1").await;
    assert_eq!(after["matches"].as_array().unwrap().len(), 1);
    after["matches"] = json!([]);
    assert_eq!(after, before);
    assert_eq!(after["surface"], "private");
    assert_eq!(after["text"], "hello");
}

fn sighting(
    id: SightingId,
    n: usize,
    picture: PdqHash,
    scanned_at: watchhouse::clock::Timestamp,
) -> Sighting {
    let digests = Digests::of(&n.to_be_bytes());
    Sighting {
        id,
        scanned_at,
        item_external_id: n.to_string(),
        item_kind: "post".to_owned(),
        account_external_id: None,
        surface: Surface::Public,
        verdict: "allow".to_owned(),
        problem: None,
        sha256: digests.sha256,
        sha1: digests.sha1,
        md5: digests.md5,
        size_bytes: 8,
        format: Some("jpeg".to_owned()),
        width: Some(320),
        height: Some(240),
        frames: vec![SeenFrame {
            frame: 0,
            variant: "as_stored".to_owned(),
            pdq: picture.0,
            quality: 100,
            timestamp_ms: None,
        }],
        has_media: true,
        url_keys: Vec::new(),
    }
}

/// An item in full, by the platform's own name for it.
async fn item(admin: &Client, external_id: &str) -> Value {
    let items = admin
        .get(&format!("/api/v1/items?external_id={external_id}"))
        .await
        .expect(200);
    let id = items["data"][0]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no item {external_id}"));
    admin.get(&format!("/api/v1/items/{id}")).await.expect(200)
}

#[tokio::test]
async fn a_bank_that_is_switched_on_finds_what_passed_it() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let off = json!({ "name": "list", "is_enabled": false });
    let bank = admin.post("/api/v1/banks", off).await.expect(201);
    let bank = bank["id"].as_str().unwrap();
    admin.add_pdq(bank, &make::pdq(&media)).await;
    let passed = admin.scan("post-1", media).await.expect(200);
    assert_eq!(passed["verdict"], "allow");
    app.settle().await;

    let on = json!({ "is_enabled": true });
    admin
        .patch(&format!("/api/v1/banks/{bank}"), on)
        .await
        .expect(200);
    app.settle().await;

    assert_eq!(app.left().await.entries_of("case.opened"), 1);
}

#[tokio::test]
async fn a_wider_threshold_finds_what_passed_the_narrow_one() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let narrow = json!({ "name": "list", "threshold": 10 });
    let bank = admin.post("/api/v1/banks", narrow).await.expect(201);
    let bank = bank["id"].as_str().unwrap();
    admin
        .add_pdq(bank, &make::pdq_near(&make::pdq(&media), 20))
        .await;
    let passed = admin.scan("post-1", media).await.expect(200);
    assert_eq!(passed["verdict"], "allow");
    app.settle().await;

    let wider = json!({ "threshold": 20 });
    admin
        .patch(&format!("/api/v1/banks/{bank}"), wider)
        .await
        .expect(200);
    app.settle().await;

    assert_eq!(app.left().await.entries_of("case.opened"), 1);
}

#[tokio::test]
async fn an_upload_that_was_under_way_is_found_by_the_second_search() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let bank = admin.bank("list").await;
    // What a slow scan does: it looks up before the hash is there, and writes after its search. The
    // hash comes in a transaction that takes long, as an import's does.
    let mut change = app.app.store.begin_for_banks().await.unwrap();
    app.advance(Duration::from_mins(6));
    let item = NewItem {
        external_id: "post-1".to_owned(),
        kind: "post".to_owned(),
        surface: Surface::Public,
        account_external_id: None,
        address: None,
        text: None,
    };
    let upload = Upload {
        item,
        media: Some(media.clone().into()),
        links: Vec::new(),
    };
    let checked = scan::check(&app.app, upload).await.unwrap();
    let since = change.last_number().await.unwrap();
    let new = NewHash {
        hash: Hash::parse(HashKind::Pdq, &make::pdq(&media)).unwrap(),
        source: "test".to_owned(),
        external_id: None,
        category: None,
    };
    change
        .insert_hashes(&BankId::from_text(bank), &[new])
        .await
        .unwrap();
    let until = since + 1;
    SearchSightings::enqueue(&mut change, Hashes::Added { since, until })
        .await
        .unwrap();
    change.commit().await.unwrap();
    app.app.wake();
    app.settle().await;
    let mut tx = app.app.store.begin().await.unwrap();
    scan::record(&mut tx, &Actor::System, &checked, false)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    app.settle().await;
    assert_eq!(app.left().await.entries_of("case.opened"), 0);

    app.advance(Duration::from_mins(6));
    app.settle().await;

    assert_eq!(app.left().await.entries_of("case.opened"), 1);
}
