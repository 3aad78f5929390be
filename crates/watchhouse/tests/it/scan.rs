//! Scanning: what is listed is found, and the answer explains itself.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use watchhouse::hex;
use watchhouse::id::{Name as _, SightingId};
use watchhouse::scan::{self, Upload};
use watchhouse::store::items::NewItem;
use watchhouse::store::ledger::Actor;
use watchhouse::surface::Surface;
use watchhouse_demo::alterations::Alteration;
use watchhouse_match::{Digests, Limits, PdqHash, Transform, inspect};

use crate::app::{PROGRAM, TestApp, insert_key, run_sql};
use crate::client::{Client, send};
use crate::make;

#[tokio::test]
async fn what_nobody_listed_leaves_a_sighting_alone() {
    let app = TestApp::new().await;
    let media = make::picture(1);
    let before = app.left().await;

    let scan = app.admin().scan("post-1", media.clone()).await.expect(200);

    let digests = Digests::of(&media);
    let inspection = inspect(&media, &Limits::default()).unwrap();
    let expected = json!({
        "id": scan["id"],
        "scanned_at": "2026-01-01T00:00:00Z",
        "verdict": "allow",
        "reasons": [],
        "media": {
            "sha256": hex::encode(&digests.sha256),
            "sha1": hex::encode(&digests.sha1),
            "md5": hex::encode(&digests.md5),
            "size_bytes": media.len(),
            "format": "jpeg",
            "width": 320,
            "height": 240,
            "frames": [{
                "index": 0,
                "variant": "as_stored",
                "pdq": make::pdq(&media),
                "quality": inspection.frames[0].pdq.quality,
            }],
        },
        "matches": [],
        "more_matches": 0,
        "item": null,
        "case": null,
    });
    assert_eq!(scan, expected);
    assert_eq!(app.left().await, before);
    let id: SightingId = serde_json::from_value(scan["id"].clone()).unwrap();
    let mut tx = app.app.store.read().await.unwrap();
    let sighting = tx.sighting(&id).await.unwrap().unwrap();
    assert_eq!(sighting.item_external_id, "post-1");
    assert_eq!(sighting.account_external_id.as_deref(), Some("ann"));
    assert_eq!(sighting.verdict, "allow");
    assert_eq!(sighting.frames.len(), 1);
    assert!(app.blobs().is_empty());
}

#[tokio::test]
async fn scans_that_come_together_are_each_on_record() {
    let app = TestApp::new().await;
    let admin = app.admin();

    let scans = join_all((0..40).map(|n| {
        let admin = admin.clone();
        async move { admin.scan(&format!("post-{n}"), make::picture(n % 8)).await }
    }));
    let scans = scans.await;

    assert_eq!(app.count("sightings").await, 40);
    let mut tx = app.app.store.read().await.unwrap();
    for (n, scan) in scans.iter().enumerate() {
        let scan = scan.expect(200);
        let id = SightingId::from_text(scan["id"].as_str().unwrap().to_owned());
        let sighting = tx.sighting(&id).await.unwrap().unwrap();
        assert_eq!(sighting.item_external_id, format!("post-{n}"));
        let pdq = hex::encode(&sighting.frames[0].pdq);
        assert_eq!(scan["media"]["frames"][0]["pdq"], pdq.as_str());
    }
}

#[tokio::test]
async fn a_scan_that_cannot_be_recorded_is_not_answered() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let scans = async || {
        let scans = (0..3).map(|n| admin.scan("post", make::picture(n)));
        join_all(scans).await
    };
    run_sql(&app.app, "ALTER TABLE sightings RENAME TO hidden").await;

    let refused = scans().await;
    run_sql(&app.app, "ALTER TABLE hidden RENAME TO sightings").await;
    let answered = scans().await;

    for answer in refused {
        answer.expect_problem(500, "internal");
    }
    for answer in answered {
        assert_eq!(answer.expect(200)["verdict"], "allow");
    }
    assert_eq!(app.count("sightings").await, 3);
}

#[tokio::test]
async fn the_three_ways_to_send_media_mean_the_same() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&media)).await;
    let item = json!({ "id": "post-1", "account": "ann", "surface": "direct", "kind": "message",
        "text": "look", "address": "https://example.org/post-1" });

    let raw = admin
        .post_bytes(
            "/api/v1/scan?item=post-1&account=ann&surface=direct&kind=message",
            "image/jpeg",
            media.clone(),
        )
        .await
        .expect(200);
    let (kind, form) = make::form(&[("item", item.to_string().as_bytes()), ("media", &media)]);
    let form = admin
        .post_bytes("/api/v1/scan", &kind, form)
        .await
        .expect(200);

    for part in ["verdict", "media", "item", "case"] {
        assert_eq!(raw[part], form[part]);
    }
    assert_eq!(raw["matches"][0]["hash"], form["matches"][0]["hash"]);
    let id = form["item"]["id"].as_str().unwrap();
    let shown = admin.get(&format!("/api/v1/items/{id}")).await.expect(200);
    assert_eq!(shown["text"], "look");
    assert_eq!(shown["address"], "https://example.org/post-1");
    assert_eq!(shown["kind"], "message");
    assert_eq!(shown["surface"], "direct");
}

#[tokio::test]
async fn a_form_may_hold_as_much_media_as_a_body() {
    let app = TestApp::new().await;
    let media = make::noise(3 << 20);
    let item = json!({ "id": "post-1", "surface": "public" }).to_string();
    let (kind, form) = make::form(&[("item", item.as_bytes()), ("media", &media)]);

    let scan = app.admin().post_bytes("/api/v1/scan", &kind, form).await;

    assert_eq!(scan.expect(200)["media"]["size_bytes"], media.len());
}

#[tokio::test]
async fn a_match_explains_itself() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let value = make::pdq_near(&make::pdq(&media), 12);
    let bank = json!({ "name": "exchange", "owner": "trust", "category": "x", "threshold": 30 });
    let bank = admin.post("/api/v1/banks", bank).await.expect(201);
    let path = format!("/api/v1/banks/{}/hashes", bank["id"].as_str().unwrap());
    let hashes = json!({ "hashes": [{ "kind": "pdq", "value": value, "source": "an exchange",
        "external_id": "E-17", "category": "harassment" }] });
    let hash = admin.post(&path, hashes).await.expect(201)["added"][0].clone();

    let scan = admin.scan("post-1", media.clone()).await.expect(200);

    let quality = inspect(&media, &Limits::default()).unwrap().frames[0]
        .pdq
        .quality;
    let rule = json!({ "name": "known-picture-in-public", "version": 1 });
    let expected = json!([{
        "id": scan["matches"][0]["id"],
        "bank": { "id": bank["id"], "name": "exchange" },
        "kind": "pdq",
        "distance": 12,
        "threshold": 30,
        "transform": "original",
        "frame": 0,
        "variant": "as_stored",
        "quality": quality,
        "place": null,
        "hash": {
            "id": hash["id"],
            "kind": "pdq",
            "value": value,
            "source": "an exchange",
            "external_id": "E-17",
            "category": "harassment",
            "added_at": "2026-01-01T00:00:00Z",
        },
        "rule": rule,
    }]);
    assert_eq!(scan["matches"], expected);
    let reasons = json!([{
        "code": "rule",
        "text": "the picture looks the same as one that is listed in a bank",
        "rule": rule,
        "match": scan["matches"][0]["id"],
        "scan": scan["id"],
    }]);
    assert_eq!(scan["reasons"], reasons);
    let case = scan["case"].as_str().unwrap();
    let case = admin
        .get(&format!("/api/v1/cases/{case}"))
        .await
        .expect(200);
    assert_eq!(case["matches"], expected);
    assert_eq!(case["reasons"], reasons);
    let item = scan["item"]["id"].as_str().unwrap();
    let item = admin
        .get(&format!("/api/v1/items/{item}"))
        .await
        .expect(200);
    assert_eq!(item["matches"], expected);
    assert_eq!(item["cases"], json!([scan["case"]]));
}

#[tokio::test]
async fn altered_copies_are_found_and_say_how_far_and_how_turned() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let original = make::pdq(&make::picture(1));
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &original).await;
    let original: PdqHash = original.parse().unwrap();

    let mut unlike = Vec::new();
    for alteration in Alteration::ALL {
        let copy = make::altered(1, alteration);
        let (distance, transform) = nearest(&copy, &original);
        let scan = admin
            .scan(&format!("copy-{distance}"), copy)
            .await
            .expect(200);
        if distance > 31 {
            assert_eq!(scan["matches"], json!([]), "{alteration}");
            assert_eq!(scan["verdict"], "allow", "{alteration}");
            unlike.push(alteration);
            continue;
        }
        let found = &scan["matches"][0];
        assert_eq!(found["distance"], distance, "{alteration}");
        assert_eq!(found["transform"], transform.as_str(), "{alteration}");
        let verdict = if distance <= 15 { "block" } else { "hold" };
        assert_eq!(scan["verdict"], verdict, "{alteration}");
        let expected = match alteration {
            Alteration::Mirrored => Transform::FlipY,
            Alteration::Turned => Transform::Rotate90,
            _ => Transform::Original,
        };
        assert_eq!(transform, expected, "{alteration}");
    }
    // PDQ sees the whole picture: what cuts off or adds much makes another one, and of so small a
    // picture a little is much. A plain frame is seen for what it is.
    assert_eq!(
        unlike,
        [
            Alteration::Cropped,
            Alteration::CroppedHard,
            Alteration::Captioned
        ]
    );
}

#[tokio::test]
async fn a_framed_copy_meets_the_picture_without_its_border() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&make::picture(1))).await;

    let framed = make::altered(1, Alteration::Framed);
    let scan = admin.scan("post-1", framed).await.expect(200);

    let found = &scan["matches"][0];
    assert_eq!(found["variant"], "without_border");
    assert_eq!(found["transform"], "original");
    let frames = scan["media"]["frames"].as_array().unwrap();
    let variants: Vec<_> = frames.iter().map(|frame| &frame["variant"]).collect();
    assert_eq!(variants, ["as_stored", "without_border"]);
    let case = scan["case"].as_str().unwrap();
    let case = admin.get(&format!("/api/v1/cases/{case}")).await;
    assert_eq!(case.expect(200)["matches"], scan["matches"]);
}

#[tokio::test]
async fn a_scene_is_met_in_whatever_format_it_comes() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    admin
        .add_pdq(&bank, &make::pdq(&make::stored("plain.tiff")))
        .await;

    for name in make::STORED {
        let scan = admin.scan(name, make::stored(name)).await.expect(200);

        assert_eq!(scan["verdict"], "block", "{name}");
        let (_, format) = name.split_once('.').unwrap();
        assert_eq!(scan["media"]["format"], format);
        assert_eq!(scan["matches"][0]["variant"], "as_stored", "{name}");
    }
}

/// How far a media's picture is from a hash, in the variant and turned so that it is nearest.
fn nearest(media: &[u8], hash: &PdqHash) -> (u32, Transform) {
    let inspection = inspect(media, &Limits::default()).unwrap();
    let frames = inspection.frames.iter();
    frames
        .flat_map(|frame| frame.dihedrals.iter().zip(Transform::ALL))
        .map(|(turned, transform)| (turned.distance(hash), transform))
        .min()
        .unwrap()
}

#[tokio::test]
async fn turned_copies_are_not_found_where_that_is_switched_off() {
    let app = TestApp::with(|config| config.scan.turned = false).await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&make::picture(1))).await;

    for alteration in [Alteration::Mirrored, Alteration::Turned] {
        let scan = admin.scan("post-1", make::altered(1, alteration)).await;
        assert_eq!(scan.expect(200)["matches"], json!([]), "{alteration}");
    }
    let straight = admin
        .scan("post-1", make::altered(1, Alteration::Half))
        .await;
    assert_eq!(straight.expect(200)["matches"][0]["transform"], "original");
}

#[tokio::test]
async fn digests_match_the_very_file_and_no_other() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let digests = Digests::of(&media);
    let values = [
        ("md5", hex::encode(&digests.md5)),
        ("sha1", hex::encode(&digests.sha1)),
        ("sha256", hex::encode(&digests.sha256)),
    ];
    for (kind, value) in values {
        let bank = admin.bank(kind).await;
        let hash = admin.add_hash(&bank, kind, &value).await;

        let scan = admin.scan("post-1", media.clone()).await.expect(200);

        let matches = scan["matches"].as_array().unwrap();
        let found = matches
            .iter()
            .find(|found| found["hash"]["id"] == hash.as_str());
        let found = found.unwrap_or_else(|| panic!("{kind} is not among {matches:?}"));
        assert_eq!(found["kind"], kind);
        assert_eq!(found["distance"], 0);
        assert_eq!(found["transform"], "original");
        assert_eq!(found["frame"], Value::Null);
        assert_eq!(found["quality"], Value::Null);
        assert_eq!(found["hash"]["value"], value);
        assert_eq!(found["rule"]["name"], "known-file-in-public");
    }
    let other = admin.scan("post-2", make::as_png(1)).await.expect(200);
    assert_eq!(other["verdict"], "allow");
}

#[tokio::test]
async fn a_picture_on_several_lists_has_several_matches_the_closest_first() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let value = make::pdq(&media);
    for (name, distance) in [("far", 25), ("near", 3), ("middle", 14)] {
        let bank = admin.bank(name).await;
        admin
            .add_pdq(&bank, &make::pdq_near(&value, distance))
            .await;
    }
    let bank = admin.bank("file").await;
    let digest = hex::encode(&Digests::of(&media).sha256);
    admin.add_hash(&bank, "sha256", &digest).await;

    let scan = admin.scan("post-1", media).await.expect(200);

    let found: Vec<_> = scan["matches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| {
            let bank = found["bank"]["name"].as_str().unwrap();
            let rule = found["rule"]["name"].as_str().unwrap();
            (bank, found["distance"].as_u64().unwrap(), rule)
        })
        .collect();
    let expected = [
        ("file", 0, "known-file-in-public"),
        ("near", 3, "known-picture-in-public"),
        ("middle", 14, "known-picture-in-public"),
        ("far", 25, "similar-picture"),
    ];
    assert_eq!(found, expected);
    assert_eq!(scan["verdict"], "block");
    let case = scan["case"].as_str().unwrap();
    let case = admin
        .get(&format!("/api/v1/cases/{case}"))
        .await
        .expect(200);
    assert_eq!(case["queue"], "known-media");
    assert_eq!(case["priority"], 90);
    assert_eq!(case["matches"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn of_a_list_full_of_near_copies_the_closest_sixteen_are_kept() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let value = make::pdq(&media);
    let bank = admin.bank("list").await;
    for distance in (1..=20).rev() {
        admin
            .add_pdq(&bank, &make::pdq_near(&value, distance))
            .await;
    }

    let scan = admin.scan("post-1", media).await.expect(200);

    let distances: Vec<_> = scan["matches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["distance"].as_u64().unwrap())
        .collect();
    assert_eq!(distances, (1..=16).collect::<Vec<_>>());
    assert_eq!(scan["more_matches"], 4);
}

#[tokio::test]
async fn hashes_that_were_removed_meanwhile_take_no_others_place() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let value = make::pdq(&media);
    let bank = admin.bank("list").await;
    for distance in 1..=18 {
        admin
            .add_pdq(&bank, &make::pdq_near(&value, distance))
            .await;
    }
    // Another node removed the closest, and this one has not heard of it.
    let sql =
        "UPDATE hashes SET removed_at = 1 WHERE number <= (SELECT MIN(number) + 16 FROM hashes)";
    assert_eq!(run_sql(&app.app, sql).await, 17);

    let scan = admin.scan("post-1", media).await.expect(200);

    assert_eq!(scan["verdict"], "hold");
    assert_eq!(scan["matches"].as_array().unwrap().len(), 1);
    assert_eq!(scan["matches"][0]["distance"], 18);
    assert_eq!(scan["more_matches"], 0);
}

#[tokio::test]
async fn a_distance_at_the_threshold_matches_and_one_more_does_not() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let value = make::pdq(&media);
    for threshold in [0, 1, 31, 63] {
        let bank = json!({ "name": format!("at {threshold}"), "threshold": threshold });
        let bank = admin.post("/api/v1/banks", bank).await.expect(201);
        let bank = bank["id"].as_str().unwrap().to_owned();
        let beyond = make::pdq_near(&value, threshold + 1);
        let beyond = admin.add_pdq(&bank, &beyond).await;
        let scan = admin.scan("post-1", media.clone()).await.expect(200);
        assert!(
            hashes(&scan).iter().all(|hash| *hash != beyond),
            "{threshold}"
        );

        let at = admin
            .add_pdq(&bank, &make::pdq_near(&value, threshold))
            .await;
        let scan = admin.scan("post-1", media.clone()).await.expect(200);
        assert!(hashes(&scan).contains(&at), "{threshold}");
        assert!(!hashes(&scan).contains(&beyond), "{threshold}");
    }
}

fn hashes(scan: &Value) -> Vec<String> {
    let matches = scan["matches"].as_array().unwrap().iter();
    matches
        .map(|found| found["hash"]["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_bank_that_is_switched_off_matches_nothing_until_it_is_on_again() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&media)).await;
    let path = format!("/api/v1/banks/{bank}");

    admin
        .patch(&path, json!({ "is_enabled": false }))
        .await
        .expect(200);
    let off = admin.scan("post-1", media.clone()).await.expect(200);
    assert_eq!(off["verdict"], "allow");
    assert_eq!(off["matches"], json!([]));

    admin
        .patch(&path, json!({ "is_enabled": true }))
        .await
        .expect(200);
    let on = admin.scan("post-1", media).await.expect(200);
    assert_eq!(on["verdict"], "block");
}

#[tokio::test]
async fn the_default_rules_judge_by_surface_and_distance() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let value = make::pdq(&make::picture(1));
    let near = admin.bank("near").await;
    admin.add_pdq(&near, &make::pdq_near(&value, 15)).await;
    let value = make::pdq(&make::picture(2));
    let far = admin.bank("far").await;
    admin.add_pdq(&far, &make::pdq_near(&value, 16)).await;
    let file = make::as_png(3);
    let digest = hex::encode(&Digests::of(&file).sha1);
    admin.add_hash(&near, "sha1", &digest).await;

    let cases = [
        (make::picture(1), "public", "block", "known-media", 80),
        (make::picture(1), "private", "hold", "known-media", 75),
        (make::picture(1), "direct", "hold", "known-media", 75),
        (make::picture(2), "public", "hold", "similar-media", 60),
        (make::picture(2), "private", "hold", "similar-media", 60),
        (make::picture(2), "direct", "hold", "similar-media", 60),
        (file.clone(), "public", "block", "known-media", 90),
        (file.clone(), "private", "hold", "known-media", 85),
        (file, "direct", "hold", "known-media", 85),
    ];
    for (i, (media, surface, verdict, queue, priority)) in cases.into_iter().enumerate() {
        let scan = admin
            .scan_on(surface, &format!("post-{i}"), media)
            .await
            .expect(200);
        let id = scan["case"].as_str().unwrap();
        let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
        let judged = json!([scan["verdict"], case["queue"], case["priority"]]);
        assert_eq!(
            judged,
            json!([verdict, queue, priority]),
            "case {i}, {surface}"
        );
    }
}

const OWN_RULES: &str = r#"
[[rule]]
name = "tolerated"
version = 3
on = "match"
when = 'match.bank.name == "tolerated"'
verdict = "allow"
priority = 10
reason = "listed, and tolerated"

[[rule]]
name = "watched"
version = 7
on = "match"
when = 'match.bank.name == "watched"'
verdict = "allow"
queue = "second-look"
priority = 20
reason = "listed, and watched"

[[rule]]
name = "doubtful"
version = 2
on = "match"
when = 'match.bank.name == "doubtful"'
verdict = "hold"
queue = "doubts"
priority = 95
reason = "listed, and doubtful"

[[rule]]
name = "forbidden"
version = 1
on = "match"
when = 'match.bank.name == "forbidden"'
verdict = "block"
queue = "bans"
priority = 50
preserve = true
reason = "listed, and forbidden"

[[rule]]
name = "fragile"
version = 4
on = "match"
surfaces = ["direct"]
when = '1 / match.distance > 0'
verdict = "allow"
reason = "divides"

[[rule]]
name = "tall"
version = 1
on = "item"
when = 'media.height != null && media.width != null && media.height > media.width'
verdict = "hold"
reason = "a tall picture"
"#;

#[tokio::test]
async fn rules_of_the_operators_own_are_what_is_judged_by() {
    let app = TestApp::with_rules(OWN_RULES).await;
    let admin = app.admin();
    let names = ["tolerated", "watched", "doubtful", "forbidden", "nameless"];
    for (seed, name) in names.into_iter().enumerate() {
        let bank = admin.bank(name).await;
        admin
            .add_pdq(&bank, &make::pdq(&make::picture(seed as u64)))
            .await;
    }

    let expected = [
        json!(["allow", "rule", "tolerated", 3, null, null]),
        json!(["allow", "rule", "watched", 7, "second-look", 20]),
        json!(["hold", "rule", "doubtful", 2, "doubts", 95]),
        json!(["block", "rule", "forbidden", 1, "bans", 50]),
        json!(["hold", "unjudged_match", "unjudged-match", 1, "review", 50]),
    ];
    for (seed, expected) in expected.into_iter().enumerate() {
        let item = format!("post-{seed}");
        let scan = admin
            .scan(&item, make::picture(seed as u64))
            .await
            .expect(200);
        let case = match scan["case"].as_str() {
            Some(id) => admin.get(&format!("/api/v1/cases/{id}")).await.expect(200),
            None => Value::Null,
        };
        let reason = &scan["reasons"][0];
        let rule = &reason["rule"];
        let judged = json!([
            scan["verdict"],
            reason["code"],
            rule["name"],
            rule["version"],
            case["queue"],
            case["priority"]
        ]);
        assert_eq!(judged, expected);
        assert_eq!(scan["item"]["external_id"], item);
    }
    assert_eq!(app.blobs().len(), 1, "only `forbidden` is preserved");

    let tall = admin
        .scan("post-9", make::altered(9, Alteration::Turned))
        .await
        .expect(200);
    assert_eq!(tall["verdict"], "hold");
    assert_eq!(tall["matches"], json!([]));
    assert_eq!(tall["reasons"][0]["text"], "a tall picture");
    assert_eq!(tall["reasons"][0]["match"], Value::Null);
}

#[tokio::test]
async fn the_strictest_rule_gives_the_verdict_and_the_most_urgent_the_queue() {
    let app = TestApp::with_rules(OWN_RULES).await;
    let admin = app.admin();
    let media = make::picture(1);
    for name in ["tolerated", "doubtful", "forbidden"] {
        let bank = admin.bank(name).await;
        admin.add_pdq(&bank, &make::pdq(&media)).await;
    }

    let scan = admin.scan("post-1", media).await.expect(200);

    assert_eq!(scan["verdict"], "block");
    let fired: Vec<_> = scan["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| reason["rule"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(fired, ["forbidden", "doubtful", "tolerated"]);
    let id = scan["case"].as_str().unwrap();
    let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
    assert_eq!(case["queue"], "doubts");
    assert_eq!(case["priority"], 95);
}

#[tokio::test]
async fn a_rule_that_fails_holds_what_it_would_have_allowed() {
    let app = TestApp::with_rules(OWN_RULES).await;
    let admin = app.admin();
    let media = make::picture(1);
    let bank = admin.bank("tolerated").await;
    admin.add_pdq(&bank, &make::pdq(&media)).await;

    let scan = admin.scan_on("direct", "post-1", media).await.expect(200);

    assert_eq!(scan["verdict"], "hold");
    let reason = &scan["reasons"][0];
    assert_eq!(reason["code"], "rule_failed");
    assert_eq!(reason["rule"], json!({ "name": "fragile", "version": 4 }));
    assert_eq!(
        reason["text"],
        "the rule \"fragile\" failed: division by zero"
    );
    assert!(scan["case"].is_string());
}

#[tokio::test]
async fn one_item_has_one_open_case_however_often_it_is_scanned() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&media)).await;

    let first = admin.scan("post-1", media.clone()).await.expect(200);
    for _ in 1..10 {
        let again = admin.scan("post-1", media.clone()).await.expect(200);
        assert_eq!(again["case"], first["case"]);
        assert_eq!(again["item"], first["item"]);
    }

    let left = app.left().await;
    assert_eq!((left.items, left.accounts, left.cases), (1, 1, 1));
    assert_eq!(left.entries_of("case.opened"), 1);
    assert_eq!(left.entries_of("scan.matched"), 10);
    let id = first["case"].as_str().unwrap();
    let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
    assert_eq!(case["reasons"].as_array().unwrap().len(), 10);
    assert_eq!(case["matches"].as_array().unwrap().len(), 10);
    assert_eq!(case["evidence"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn twenty_scans_of_one_item_at_once_open_one_case() {
    let app = TestApp::with(|config| config.sandbox.children = 2).await;
    let admin = app.admin();
    let media = make::picture(1);
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&media)).await;
    let admin = &admin;

    let scans = join_all((0..20).map(|_| admin.scan("post-1", media.clone()))).await;

    let first = scans[0].expect(200);
    for scan in &scans {
        let scan = scan.expect(200);
        assert_eq!(scan["verdict"], "block");
        assert_eq!(scan["case"], first["case"]);
        assert_eq!(scan["item"], first["item"]);
    }
    let left = app.left().await;
    assert_eq!((left.items, left.accounts, left.cases), (1, 1, 1));
    assert_eq!(left.entries_of("case.opened"), 1);
    assert_eq!(left.entries_of("scan.matched"), 20);
    let id = first["case"].as_str().unwrap();
    let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
    assert_eq!(case["reasons"].as_array().unwrap().len(), 20);
    assert_eq!(case["matches"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn what_a_rule_preserves_is_sealed_and_on_record() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&media)).await;

    let scan = admin.scan("post-1", media.clone()).await.expect(200);

    let blobs = app.blobs();
    assert_eq!(blobs.len(), 1);
    let sealed = std::fs::read(&blobs[0]).unwrap();
    assert!(sealed.starts_with(b"age-encryption.org/v1\n"));
    assert!(!sealed.windows(64).any(|window| window == &media[100..164]));
    assert_eq!(app.app.secrets.unseal(&sealed).unwrap(), media);
    let id = scan["case"].as_str().unwrap();
    let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
    let evidence = case["evidence"][0]["id"].as_str().unwrap();
    let expected = json!([{
        "id": evidence,
        "sha256": hex::encode(&Digests::of(&media).sha256),
        "size_bytes": media.len(),
        "sealed_at": "2026-01-01T00:00:00Z",
    }]);
    assert_eq!(case["evidence"], expected);
    assert!(blobs[0].ends_with(format!("{evidence}.age")));
    let entries = admin
        .get("/api/v1/ledger/entries?kind=evidence.sealed")
        .await
        .expect(200);
    assert_eq!(entries["data"].as_array().unwrap().len(), 1);
    let entry = &entries["data"][0];
    assert_eq!(entry["actor"], "system");
    let body: Value = serde_json::from_str(entry["body"].as_str().unwrap()).unwrap();
    assert!(body.to_string().contains(evidence), "{body}");
}

#[tokio::test]
async fn a_scan_that_is_repeated_with_its_key_happens_once() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&media)).await;
    let scan = |item: &str| {
        let request = admin
            .request("POST", &format!("/api/v1/scan?item={item}&surface=public"))
            .header("idempotency-key", "upload-1")
            .body(media.clone());
        send(request)
    };

    let answers = join_all((0..5).map(|_| scan("post-1"))).await;
    let other = scan("post-2").await;

    let first = answers[0].expect(200);
    assert!(answers.iter().all(|answer| answer.expect(200) == first));
    let replayed = answers
        .iter()
        .filter(|answer| answer.header("idempotency-replayed") == Some("true"));
    assert_eq!(replayed.count(), 4);
    other.expect_problem(422, "idempotency_key_reused");
    assert_eq!(app.blobs().len(), 1, "no copy without a row");
    let left = app.left().await;
    assert_eq!(left.items, 1);
    assert_eq!(left.entries_of("scan.matched"), 1);
    assert_eq!(left.entries_of("evidence.sealed"), 1);
    let page = app.stranger().get("/metrics").await.text();
    let lines: Vec<&str> = page.lines().collect();
    for counted in [
        "watchhouse_scans_total{verdict=\"block\",surface=\"public\"} 1",
        "watchhouse_matches_total 1",
        "watchhouse_scan_seconds_count 1",
    ] {
        assert!(lines.contains(&counted), "no {counted} in {page}");
    }
}

#[tokio::test]
async fn a_sealed_copy_without_a_row_is_forgotten_after_an_hour() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    for seed in [1, 2] {
        admin.add_pdq(&bank, &make::pdq(&make::picture(seed))).await;
    }
    let kept = admin.scan("kept", make::picture(1)).await.expect(200);
    let kept = case_evidence(&admin, &kept).await;
    // The second is broken off between sealing and its commit.
    let checked = scan::check(&app.app, upload("broken", make::picture(2)))
        .await
        .unwrap();

    app.advance(Duration::from_mins(59));
    app.settle().await;
    assert_eq!(app.blobs().len(), 2, "a scan may still be under way");
    app.advance(Duration::from_mins(1));
    app.settle().await;

    let left = app.blobs();
    assert_eq!(left.len(), 1);
    assert!(left[0].ends_with(format!("{kept}.age")));
    assert_eq!(app.count("jobs WHERE name = 'forget_blob'").await, 0);
    // It was not broken off: it stood still, as a suspended machine does.
    let mut tx = app.app.store.begin().await.unwrap();
    let recorded = scan::record(&mut tx, &Actor::System, &checked, false).await;
    assert!(recorded.is_err(), "a row would point at nothing");
}

fn upload(item: &str, media: Vec<u8>) -> Upload {
    let item = NewItem {
        external_id: item.to_owned(),
        kind: "post".to_owned(),
        surface: Surface::Public,
        account_external_id: None,
        address: None,
        text: None,
    };
    Upload {
        item,
        media: Some(media.into()),
        links: Vec::new(),
    }
}

/// The id of the one sealed copy in a scan's case.
async fn case_evidence(admin: &Client, scan: &Value) -> String {
    let id = scan["case"].as_str().unwrap();
    let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
    assert_eq!(case["evidence"].as_array().unwrap().len(), 1);
    case["evidence"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_item_that_makes_no_sense_is_refused_before_its_media_is_read() {
    let app = TestApp::new().await;
    let secret = insert_key(&app.app, "raw", &["scan"]).await;
    let head = |query: &str, kind: &str, body: &str| {
        format!(
            "POST /api/v1/scan?{query} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {secret}\r\n\
             content-type: {kind}\r\ncontent-length: 1000\r\n\r\n{body}"
        )
    };
    let item = "--x\r\ncontent-disposition: form-data; name=\"item\"\r\n\r\n\
                {\"id\":\"\",\"surface\":\"public\"}\r\n--x";
    for request in [
        head("item=a&kind=&surface=public", "image/jpeg", ""),
        head("", "multipart/form-data; boundary=x", item),
    ] {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();

        // The media never comes.
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();

        assert_eq!(&answer, b"HTTP/1.1 422");
    }
}

#[tokio::test]
async fn before_the_lists_are_loaded_everything_is_held() {
    let app = TestApp::open(PROGRAM, |_| {}).await;
    let admin = app.admin();
    let media = make::picture(1);

    let scan = admin.scan("post-1", media.clone()).await.expect(200);

    assert_eq!(scan["verdict"], "hold");
    assert_eq!(scan["reasons"][0]["code"], "index_not_ready");
    assert_eq!(
        scan["reasons"][0]["text"],
        "the lists are still being loaded"
    );
    assert_eq!(scan["media"]["format"], "jpeg");
    let id = scan["case"].as_str().unwrap();
    let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
    assert_eq!(
        (&case["queue"], &case["priority"]),
        (&json!("unchecked"), &json!(40))
    );
    app.start().await;
    let scan = admin.scan("post-2", media).await.expect(200);
    assert_eq!(scan["verdict"], "allow");
}

#[tokio::test]
async fn where_nothing_can_be_decoded_everything_is_held() {
    let app = TestApp::open("/no/such/program", |_| {}).await;
    app.start().await;
    let admin = app.admin();
    let media = make::picture(1);
    let bank = admin.bank("list").await;
    let digest = hex::encode(&Digests::of(&media).md5);
    admin.add_hash(&bank, "md5", &digest).await;

    let scan = admin.scan("post-1", make::picture(2)).await.expect(200);
    let listed = admin.scan("post-2", media).await.expect(200);

    assert_eq!(scan["verdict"], "hold");
    assert_eq!(scan["reasons"][0]["code"], "decoder_unavailable");
    assert_eq!(scan["media"]["format"], Value::Null);
    assert_eq!(scan["media"]["frames"], json!([]));
    assert!(scan["case"].is_string());
    // Digests need no decoding.
    assert_eq!(listed["verdict"], "block");
    assert_eq!(listed["matches"][0]["kind"], "md5");
}

#[tokio::test]
async fn an_item_that_cannot_be_meant_is_refused_and_leaves_nothing() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let before = app.left().await;
    let long = "x".repeat(513);
    let queries = [
        ("item=post-1", "surface"),
        ("surface=public", "item"),
        ("item=&surface=public", "item"),
        (&format!("item={long}&surface=public"), "item"),
        ("item=post-1&surface=public&account=", "account"),
        ("item=post-1&surface=public&kind=", "kind"),
    ];
    for (query, field) in queries {
        let path = format!("/api/v1/scan?{query}");
        let answer = admin
            .post_bytes(&path, "image/jpeg", make::picture(1))
            .await;
        let problem = answer.expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
    }
    for query in [
        "item=1&surface=secret",
        "item=1&surface=public&colour=red",
        "item=a%00b&surface=public",
    ] {
        let path = format!("/api/v1/scan?{query}");
        let answer = admin
            .post_bytes(&path, "image/jpeg", make::picture(1))
            .await;
        answer.expect_problem(422, "invalid");
    }
    let item = br#"{"id":"post-1","surface":"public","text":"a\u0000b"}"#;
    let (kind, form) = make::form(&[("item", item), ("media", &make::picture(1))]);
    let answer = admin.post_bytes("/api/v1/scan", &kind, form).await;
    answer.expect_problem(422, "invalid");
    assert_eq!(app.left().await, before);
}
