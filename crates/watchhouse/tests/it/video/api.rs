//! Videos over HTTP.

use serde_json::{Value, json};
use watchhouse::id::SightingId;

use super::*;
use crate::app::TestApp;

#[tokio::test]
async fn a_listed_frame_of_a_video_is_found_and_kept_as_seen() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    admin
        .add_pdq(&bank, &frame_of(2).pdq.hash.to_string())
        .await;

    let scan = admin.scan("post-1", of_drawings(&[1, 2])).await.expect(200);

    assert_eq!(scan["verdict"], "block");
    assert_eq!(scan["media"]["format"], "mp4");
    let frames = |index: u64, timestamp_ms: u64, seed: u64| {
        let pdq = frame_of(seed).pdq;
        json!({ "index": index, "pdq": pdq.hash.to_string(), "quality": pdq.quality,
            "timestamp_ms": timestamp_ms, "variant": "as_stored" })
    };
    assert_eq!(
        scan["media"]["frames"],
        json!([frames(0, 0, 1), frames(2, 1_000, 2)])
    );
    let found = &scan["matches"][0];
    assert_eq!(
        (&found["frame"], &found["timestamp_ms"]),
        (&json!(2), &json!(1_000))
    );
    let case = scan["case"].as_str().unwrap();
    let case: Value = admin
        .get(&format!("/api/v1/cases/{case}"))
        .await
        .expect(200);
    assert_eq!(case["matches"][0]["timestamp_ms"], 1_000);
    let id: SightingId = serde_json::from_value(scan["id"].clone()).unwrap();
    let sighting = app
        .app
        .store
        .read()
        .await
        .unwrap()
        .sighting(&id)
        .await
        .unwrap();
    let seen: Vec<_> = sighting
        .unwrap()
        .frames
        .iter()
        .map(|frame| frame.timestamp_ms)
        .collect();
    assert_eq!(seen, [Some(0), Some(1_000)]);
}

#[tokio::test]
async fn a_video_that_cannot_be_looked_at_is_held() {
    let app = TestApp::with(|config| config.video.enabled = false).await;

    let scan = app
        .admin()
        .scan("post-1", of_drawings(&[1]))
        .await
        .expect(200);

    assert_eq!(scan["verdict"], "hold");
    assert_eq!(scan["reasons"][0]["code"], "unsupported_format");
}
