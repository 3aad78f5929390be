//! Media that cannot be checked: held with a reason, never allowed, and never a fault of ours.

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use watchhouse::config::Config;

use crate::app::{TestApp, insert_key};
use crate::client::Answer;
use crate::make;

#[tokio::test]
async fn what_cannot_be_checked_is_held_with_its_reason() {
    let app = TestApp::with(small_limits).await;
    let picture = make::picture(1);
    let half = &picture[..picture.len() / 2];
    let mut mislabelled = make::as_png(1);
    mislabelled[..8].copy_from_slice(b"\xff\xd8\xff\xe0\0\x10JF");
    let mut corrupt = make::as_png(1);
    let middle = corrupt.len() / 2;
    corrupt[middle..middle + 100].fill(0);

    let cases: [(&str, Vec<u8>, &[&str]); 12] = [
        ("empty", Vec::new(), &["empty"]),
        ("noise", make::noise(10_000), &["unsupported_format"]),
        ("text", b"GET / HTTP/1.1".to_vec(), &["unsupported_format"]),
        ("half", half.to_vec(), &["truncated", "malformed"]),
        (
            "a header alone",
            picture[..20].to_vec(),
            &["truncated", "malformed"],
        ),
        ("mislabelled", mislabelled, &["truncated", "malformed"]),
        ("corrupt", corrupt, &["malformed", "truncated"]),
        (
            "pixel bomb",
            make::hollow_png(60_000, 60_000),
            &["too_many_pixels"],
        ),
        (
            "no pixels",
            make::hollow_png(100, 100),
            &["malformed", "truncated"],
        ),
        ("frame bomb", make::long_gif(5_000), &["too_many_frames"]),
        ("over the frames", make::long_gif(65), &["too_many_frames"]),
        (
            "over the pixels",
            make::hollow_png(1_001, 1_000),
            &["too_many_pixels"],
        ),
    ];
    for (name, media, codes) in cases {
        let before = app.left().await;
        let scan = app.admin().scan(&name.replace(' ', "-"), media).await;
        let code = expect_unchecked(&app, &scan).await;
        assert!(codes.contains(&code.as_str()), "{name}: {code}");
        let after = app.left().await;
        let new = &after.entries[before.entries.len()..];
        assert_eq!(new, ["case.opened", "scan.unmatched"], "{name}");
    }
    // What is just within the limits is checked.
    let scan = app
        .admin()
        .scan("post-1", make::long_gif(64))
        .await
        .expect(200);
    assert_eq!(scan["verdict"], "allow");
    assert_eq!(scan["media"]["frames"].as_array().unwrap().len(), 1);
}

fn small_limits(config: &mut Config) {
    config.scan.max_pixels = 1_000_000;
    config.scan.max_frames = 64;
}

/// Checks that a scan was held for what its one reason says, for people to look at. Gives the code.
async fn expect_unchecked(app: &TestApp, answer: &Answer) -> String {
    let scan = answer.expect(200);
    assert_eq!(scan["verdict"], "hold", "{scan}");
    assert_eq!(scan["matches"], json!([]), "{scan}");
    assert_eq!(scan["media"]["frames"], json!([]), "{scan}");
    assert_eq!(scan["media"]["format"], Value::Null, "{scan}");
    let reasons = scan["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 1, "{scan}");
    assert_eq!(reasons[0]["rule"], Value::Null, "{scan}");
    let text = reasons[0]["text"].as_str().unwrap();
    assert!(text.len() > 10 && !text.contains("panicked"), "{text}");
    let case = scan["case"].as_str().unwrap();
    let case = app.admin().get(&format!("/api/v1/cases/{case}")).await;
    let case = case.expect(200);
    assert_eq!(case["state"], "open");
    assert_eq!(case["queue"], "unchecked");
    assert_eq!(case["priority"], 40);
    assert_eq!(case["reasons"], scan["reasons"]);
    reasons[0]["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_limits_on_decoding_hold_what_is_beyond_them() {
    type Change = fn(&mut Config);
    let limits: [(Change, &[&str]); 3] = [
        (
            |config| config.scan.max_decoded_bytes = 100_000,
            &["too_much_memory"],
        ),
        (
            |config| config.scan.max_animation_pixels = 30,
            &["too_many_pixels"],
        ),
        (
            |config| config.scan.max_pixels = 320 * 240 - 1,
            &["too_many_pixels"],
        ),
    ];
    for (i, (limit, codes)) in limits.into_iter().enumerate() {
        let app = TestApp::with(limit).await;
        let media = if i == 1 {
            make::long_gif(31)
        } else {
            // Not a JPEG, whose rows alone are held.
            make::as_png(1)
        };
        let scan = app.admin().scan("post-1", media).await;
        let code = expect_unchecked(&app, &scan).await;
        assert!(codes.contains(&code.as_str()), "limit {i}: {code}");
    }
}

#[tokio::test]
async fn media_over_the_limit_is_refused_whichever_way_it_comes() {
    let app = TestApp::with(|config| config.scan.max_bytes = 50_000).await;
    let admin = app.admin();
    let before = app.left().await;
    let item = br#"{"id":"post-1","surface":"public"}"#;
    let (kind, form) = make::form(&[("item", item), ("media", &make::noise(50_001))]);

    let raw = admin.scan("post-1", make::noise(50_001)).await;
    let form = admin.post_bytes("/api/v1/scan", &kind, form).await;

    raw.expect_problem(413, "body_too_large");
    form.expect_problem(413, "body_too_large");
    assert_eq!(app.left().await, before);
    let (kind, form) = make::form(&[("item", item), ("media", &make::noise(50_000))]);
    let raw = admin.scan("post-1", make::noise(50_000)).await.expect(200);
    let form = admin
        .post_bytes("/api/v1/scan", &kind, form)
        .await
        .expect(200);
    assert_eq!(raw["reasons"][0]["code"], "unsupported_format");
    assert_eq!(form["reasons"][0]["code"], "unsupported_format");
}

#[tokio::test]
async fn an_upload_without_an_end_is_refused_at_the_limit() {
    let app = TestApp::with(|config| config.scan.max_bytes = 1 << 20).await;
    let secret = insert_key(&app.app, "raw", &["scan"]).await;
    let before = app.left().await;
    for length in [
        "transfer-encoding: chunked",
        "content-length: 1000000000000000",
    ] {
        let head = format!(
            "POST /api/v1/scan?item=post-1&surface=public HTTP/1.1\r\nhost: a\r\n\
             authorization: Bearer {secret}\r\ncontent-type: image/jpeg\r\n{length}\r\n\r\n"
        );
        let stream = TcpStream::connect(app.address).await.unwrap();
        let (mut from, mut to) = stream.into_split();
        let sending = async move {
            to.write_all(head.as_bytes()).await?;
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
            // Sixty-four times what is allowed, unless nobody takes it any more.
            for _ in 0..1_024 {
                to.write_all(chunk.as_bytes()).await?;
            }
            std::io::Result::Ok(())
        };
        let mut answer = Vec::new();

        // A connection that is reset says the same as one that is closed.
        let (sent, _) = tokio::join!(sending, from.read_to_end(&mut answer));

        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 413 "), "{length}: {answer}");
        assert!(answer.contains("\"code\":\"body_too_large\""), "{answer}");
        assert!(sent.is_err(), "{length}: all of it was taken");
    }
    assert_eq!(app.left().await, before);
    assert_eq!(app.count("sightings").await, 0);
    app.admin()
        .scan("post-1", make::picture(1))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_form_is_taken_in_any_order() {
    let app = TestApp::new().await;
    let item = br#"{"id":"post-1","surface":"public"}"#;
    let (kind, form) = make::form(&[("media", &make::picture(1)), ("item", item)]);

    let scan = app.admin().post_bytes("/api/v1/scan", &kind, form).await;

    assert_eq!(scan.expect(200)["verdict"], "allow");
}

#[tokio::test]
async fn a_form_that_is_wrong_is_refused_with_the_reason() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let before = app.left().await;
    let item: &[u8] = br#"{"id":"post-1","surface":"public"}"#;
    let media: &[u8] = &make::picture(1);
    type Part<'a> = (&'a str, &'a [u8]);
    let forms: [(&[Part<'_>], &str); 10] = [
        (&[], "form"),
        (&[("item", item)], "no part `media`"),
        (&[("media", media)], "no part `item`"),
        (
            &[("item", item), ("item", item), ("media", media)],
            "two parts \"item\"",
        ),
        (
            &[("item", item), ("media", media), ("media", media)],
            "two parts \"media\"",
        ),
        (
            &[("item", item), ("media", media), ("colour", b"red")],
            "a part \"colour\"",
        ),
        (
            &[("item", item), ("media", media), ("", b"red")],
            "a part \"\"",
        ),
        (&[("item", b"{}"), ("media", media)], "missing field `id`"),
        (&[("item", b"post-1"), ("media", media)], "expected"),
        (
            &[
                ("item", br#"{"id":"a","surface":"public","x":1}"#),
                ("media", media),
            ],
            "unknown field `x`",
        ),
    ];
    for (parts, message) in forms {
        let (kind, body) = make::form(parts);
        let answer = admin.post_bytes("/api/v1/scan", &kind, body).await;
        let problem = answer.expect_problem(400, "invalid_body");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(message), "{detail:?} has no {message:?}");
    }

    let (kind, body) = make::form(&[("item", item), ("media", media)]);
    let cut = body[..body.len() - 40].to_vec();
    for (kind, body) in [
        (kind.as_str(), cut),
        ("multipart/form-data", body.clone()),
        ("multipart/form-data; boundary=another", body.clone()),
        ("multipart/form-data; boundary=", body),
    ] {
        let answer = admin.post_bytes("/api/v1/scan", kind, body).await;
        answer.expect_problem(400, "invalid_body");
    }
    assert_eq!(app.left().await, before);
}

#[tokio::test]
async fn scans_beyond_those_that_may_wait_are_told_to_come_back() {
    let app = TestApp::with(|config| config.scan.max_waiting = 2).await;
    let admin = app.admin();
    let hold = app
        .app
        .scan_turns
        .clone()
        .acquire_many_owned(2)
        .await
        .unwrap();

    let answers = join_all((0..5).map(|_| admin.scan("post-1", make::picture(1)))).await;

    for answer in answers {
        answer.expect_problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    drop(hold);
    for _ in 0..5 {
        // A scan gives its turn back.
        admin.scan("post-1", make::picture(1)).await.expect(200);
    }
    let refused = admin.post_bytes("/api/v1/scan", "image/jpeg", "x").await;
    refused.expect_problem(422, "invalid");
    assert_eq!(app.app.scan_turns.available_permits(), 2);
}
