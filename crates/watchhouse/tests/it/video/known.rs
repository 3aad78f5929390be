//! Known videos in banks: listed, matched by the share of either that is in the other, and kept.

use serde_json::{Value, json};
use watchhouse::matcher::Matcher;
use watchhouse_match::{HashKind, Pdq, PdqHash, VideoFrame, Vpdq};

use super::*;
use crate::app::TestApp;
use crate::client::Client;

/// The vPDQ of a video that shows these drawings.
fn vpdq_of(seeds: &[u64]) -> Vpdq {
    let frames = (0..).zip(seeds).map(|(nth, seed)| VideoFrame {
        number: nth * 2,
        pdq: frame_of(*seed).pdq,
        timestamp_ms: u64::from(nth) * 1_000,
    });
    Vpdq {
        frames: frames.collect(),
    }
}

/// One that is too long for an index on values, of frames that nobody has seen, behind these drawings.
fn long_vpdq(seeds: &[u64], salt: u8) -> Vpdq {
    let mut vpdq = vpdq_of(seeds);
    vpdq.frames.extend((0..200u8).map(|number| VideoFrame {
        number: u32::from(number),
        pdq: Pdq {
            hash: PdqHash(std::array::from_fn(|byte| {
                number.wrapping_mul(37) ^ (byte as u8).wrapping_mul(101) ^ salt
            })),
            quality: 100,
        },
        timestamp_ms: u64::from(number) * 40,
    }));
    vpdq
}

async fn bank(client: &Client, of_known: u32, of_upload: u32) -> String {
    let bank = json!({ "name": "videos", "of_known": of_known, "of_upload": of_upload });
    let answer = client.post("/api/v1/banks", bank).await;
    let bank = answer.expect(201);
    assert_eq!(
        (&bank["of_known"], &bank["of_upload"]),
        (&json!(of_known), &json!(of_upload))
    );
    bank["id"].as_str().unwrap().to_owned()
}

/// The one hash that a bank has.
async fn listed(client: &Client, bank: &str) -> Value {
    let hashes = client.get(&format!("/api/v1/banks/{bank}/hashes")).await;
    let hashes = hashes.expect(200)["data"].clone();
    assert_eq!(hashes.as_array().unwrap().len(), 1, "{hashes}");
    hashes[0].clone()
}

#[tokio::test]
async fn a_clip_in_a_longer_video_is_found_with_the_share_of_both() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = bank(&admin, 80, 0).await;
    let clip = vpdq_of(&[2, 3]);
    let id = admin.add_hash(&bank, "vpdq", &clip.to_lines()).await;

    let video = of_drawings(&[1, 2, 3, 2, 4]);
    let scan = admin.scan("post-1", video).await.expect(200);
    let other = admin
        .scan("post-2", of_drawings(&[1, 2, 4]))
        .await
        .expect(200);

    assert_eq!(scan["verdict"], "hold", "{scan}");
    let found = &scan["matches"][0];
    assert_eq!(scan["matches"].as_array().unwrap().len(), 1);
    assert_eq!(found["kind"], "vpdq");
    assert_eq!(found["hash"]["id"], id.as_str());
    assert_eq!(found["hash"]["value"], clip.to_json());
    assert_eq!(
        found["shares"],
        json!({
            "of_known": { "percent": 100, "frames_met": 2, "frames": 2, "threshold": 80 },
            "of_upload": { "percent": 50, "frames_met": 2, "frames": 4, "threshold": 0 },
        })
    );
    assert_eq!(
        (&found["distance"], &found["threshold"]),
        (&json!(0), &json!(20))
    );
    assert_eq!(found["frame"], Value::Null);
    assert_eq!(found["rule"]["name"], "known-video");
    let case = scan["case"].as_str().unwrap();
    let case = admin.get(&format!("/api/v1/cases/{case}")).await;
    assert_eq!(case.expect(200)["matches"], scan["matches"]);
    assert_eq!(other["verdict"], "allow", "half of the clip: {other}");
}

#[tokio::test]
async fn a_bank_that_asks_for_less_finds_yesterdays_video() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = bank(&admin, 80, 51).await;
    let of_part = of_drawings(&[1, 2]);
    let scan = admin.scan("post-1", of_part).await.expect(200);
    assert_eq!(scan["verdict"], "allow");
    // A picture is no video of one frame.
    let picture = png(&pictures::draw(2, SIZE)).bytes;
    admin.scan("post-2", picture).await.expect(200);

    admin
        .add_hash(&bank, "vpdq", &vpdq_of(&[2]).to_json())
        .await;
    app.settle().await;
    assert_eq!(app.count("matches").await, 0, "half of it is not enough");
    let path = format!("/api/v1/banks/{bank}");
    for (change, field) in [
        (json!({ "of_upload": 101 }), "of_upload"),
        (json!({ "of_known": 101 }), "of_known"),
    ] {
        let refused = admin.patch(&path, change).await.expect(422);
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
    }
    let changed = admin.patch(&path, json!({ "of_upload": 50 })).await;
    assert_eq!(changed.expect(200)["of_known"], 80);
    app.settle().await;

    assert_eq!(app.count("matches").await, 1);
    let items = admin.get("/api/v1/items?external_id=post-1").await;
    let item = items.expect(200)["data"][0]["id"].clone();
    let path = format!("/api/v1/items/{}", item.as_str().unwrap());
    let item = admin.get(&path).await.expect(200);
    assert_eq!(
        item["matches"][0]["shares"],
        json!({
            "of_known": { "percent": 100, "frames_met": 1, "frames": 1, "threshold": 80 },
            "of_upload": { "percent": 50, "frames_met": 1, "frames": 2, "threshold": 50 },
        })
    );
}

#[tokio::test]
async fn a_long_video_is_listed_found_shown_and_removed_like_any_other() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = bank(&admin, 0, 50).await;
    let long = long_vpdq(&[1, 2, 3], 0);
    let others = [long_vpdq(&[4], 1), long_vpdq(&[4], 2)];
    let file: String = [&long, &others[0], &long, &others[1]]
        .iter()
        .map(|vpdq| json!({ "vpdq": vpdq.to_json(), "id": "clip" }).to_string() + "\n")
        .collect();

    let path = format!("/api/v1/banks/{bank}/import?format=jsonl&source=exchange");
    let imported = admin
        .post_bytes(&path, "text/plain", file)
        .await
        .expect(200);
    let scan = admin.scan("post-1", of_drawings(&[2, 3])).await.expect(200);

    let counts = ["read", "added", "already_there"].map(|name| imported[name].clone());
    assert_eq!(counts, [4, 3, 1].map(|n| json!(n)));
    assert_eq!(scan["matches"].as_array().unwrap().len(), 1, "{scan}");
    let found = &scan["matches"][0];
    assert_eq!(found["hash"]["value"], long.to_json());
    assert_eq!(found["hash"]["external_id"], "clip");
    assert_eq!(
        found["shares"],
        json!({
            "of_known": { "percent": 0, "frames_met": 2, "frames": 203, "threshold": 0 },
            "of_upload": { "percent": 100, "frames_met": 2, "frames": 2, "threshold": 50 },
        })
    );
    let question = json!({ "hashes": [{ "kind": "vpdq", "value": long.to_json() }] });
    let answer = admin.post("/api/v1/lookup", question).await.expect(200);
    assert_eq!(answer["answers"][0]["matches"][0]["distance"], 0);

    // A server that starts reads all of them.
    let matcher = Matcher::new(&app.app.config);
    let followed = matcher.catch_up(&app.app.store, &app.app.metrics).await;
    followed.unwrap();
    assert_eq!(matcher.read(|index| index.len_of(HashKind::Vpdq)), 3);

    for id in admin.ids(&format!("/api/v1/banks/{bank}/hashes")).await {
        admin
            .delete(&format!("/api/v1/banks/{bank}/hashes/{id}"))
            .await
            .expect(204);
    }
    let scan = admin.scan("post-3", of_drawings(&[2, 3])).await.expect(200);
    assert_eq!(scan["matches"], json!([]));
    // What was removed may come again.
    let again = admin.add_hash(&bank, "vpdq", &long.to_lines()).await;
    assert_eq!(listed(&admin, &bank).await["id"], again.as_str());
    assert_eq!(listed(&admin, &bank).await["value"], long.to_json());
}

#[tokio::test]
async fn what_is_no_video_that_can_be_compared_is_refused() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = bank(&admin, 80, 0).await;
    let plain = format!("0,49,{},0.000\n", "f8".repeat(32));
    for (value, why) in [
        ("", "\"\" is not a vPDQ: it has no frames"),
        ("0,1", "line 1: 2 fields, expected 4"),
        (&plain, "no frame has a quality of 50 or more"),
    ] {
        let hashes = json!({ "hashes": [{ "kind": "vpdq", "value": value }] });
        let path = format!("/api/v1/banks/{bank}/hashes");
        let refused = admin.post(&path, hashes).await.expect(422);
        let message = refused["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(why), "{message}");
    }
}
