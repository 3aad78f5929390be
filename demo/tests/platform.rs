//! The demo platform, through its own door.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use watchhouse_demo::alterations::jpeg;
use watchhouse_demo::pictures::{Size, draw};
use watchhouse_demo::platform::{Draft, Platform, Surface, Watchhouse};

const SECRET: &str = "whsec_ZGVtby13ZWJob29rLXNlY3JldC1mb3ItdGVzdHM=";

/// A platform whose Watchhouse does not answer.
struct Alone {
    directory: TempDir,
    base: String,
    stop: CancellationToken,
    served: JoinHandle<anyhow::Result<()>>,
    http: Client,
}

impl Alone {
    async fn new() -> Alone {
        // The test program brings no TLS provider of its own; a second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Alone::open(TempDir::new().expect("a scratch directory")).await
    }

    async fn open(directory: TempDir) -> Alone {
        let unused = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let nobody = unused
            .local_addr()
            .expect("a bound listener has an address");
        drop(unused);
        let watchhouse =
            Watchhouse::new(&format!("http://{nobody}"), "whk_none").expect("a client");
        let platform = Platform::open(directory.path(), watchhouse, SECRET).expect("a platform");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let stop = CancellationToken::new();
        let served = tokio::spawn(platform.serve(listener, stop.clone()));
        let http = Client::builder().no_proxy().build().expect("a client");
        Alone {
            directory,
            base: format!("http://{address}"),
            stop,
            served,
            http,
        }
    }

    async fn post_picture(&self) -> Value {
        let file = jpeg(&draw(7, Size::new(160, 120)), 90);
        let form = Form::new()
            .part("picture", Part::bytes(file.bytes).file_name("canyon.jpg"))
            .text("surface", "private")
            .text("text", "<b>mine</b>");
        let request = self.http.post(format!("{}/posts", self.base));
        let response = request
            .header("accept", "application/json")
            .multipart(form)
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), StatusCode::CREATED);
        response.json().await.expect("a post")
    }

    async fn deliver(&self, signer: &Webhook, id: &str, at: i64, message: &Value) -> StatusCode {
        let body = message.to_string();
        let signature = signer.sign(id, at, body.as_bytes()).expect("a signature");
        let request = self.http.post(format!("{}/webhooks", self.base));
        request
            .header("webhook-id", id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", signature)
            .body(body)
            .send()
            .await
            .expect("an answer")
            .status()
    }

    async fn read(&self, path: &str) -> (StatusCode, String) {
        let address = format!("{}{path}", self.base);
        let request = self.http.get(address).header("accept", "application/json");
        let response = request.send().await.expect("an answer");
        (response.status(), response.text().await.expect("a body"))
    }

    async fn stopped(self) -> TempDir {
        self.stop.cancel();
        drop(self.http);
        self.served.await.expect("no panic").expect("a clean stop");
        self.directory
    }
}

fn noted(case: &str) -> Value {
    json!({
        "type": "case.opened",
        "timestamp": "2026-01-01T00:00:00Z",
        "data": {"case": case, "verdict": "hold"},
    })
}

#[tokio::test]
async fn a_picture_that_cannot_be_checked_is_held_and_not_shown() {
    let platform = Alone::new().await;

    let post = platform.post_picture().await;

    assert_eq!(post["state"], "unchecked");
    assert_eq!(post["answer"], Value::Null);
    let reason = post["reasons"][0].as_str().expect("a reason");
    assert!(
        reason.starts_with("It could not be checked yet, so nobody sees it"),
        "{reason}"
    );
    let (status, _) = platform.read("/pictures/post-1").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, page) = platform.read("/").await;
    assert!(
        page.contains("held, unchecked") && !page.contains("/pictures/post-1"),
        "{page}"
    );
    assert!(page.contains("&lt;b&gt;mine&lt;/b&gt;"), "{page}");
    platform.stopped().await;
}

#[tokio::test]
async fn the_feed_outlives_a_restart() {
    let platform = Alone::new().await;
    let post = platform.post_picture().await;
    let directory = platform.stopped().await;

    let again = Alone::open(directory).await;

    let (status, kept) = again.read("/posts/post-1").await;
    assert_eq!(status, StatusCode::OK);
    let kept: Value = serde_json::from_str(&kept).expect("a post");
    assert_eq!(kept["id"], post["id"]);
    assert_eq!(again.post_picture().await["id"], "post-2");
    again.stopped().await;
}

#[tokio::test]
async fn webhooks_with_a_wrong_stale_or_missing_signature_are_refused() {
    let platform = Alone::new().await;
    let signer = Webhook::new(SECRET).expect("a secret");
    let stranger = Webhook::new("whsec_c29tZWJvZHktZWxzZQ==").expect("a secret");
    let now = Timestamp::now().as_second();
    let message = noted("cas_1");

    assert_eq!(
        platform.deliver(&stranger, "msg_1", now, &message).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        platform
            .deliver(&signer, "msg_2", now - 3600, &message)
            .await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        platform
            .deliver(&signer, "msg_3", now + 3600, &message)
            .await,
        StatusCode::UNAUTHORIZED
    );
    let bare = platform
        .http
        .post(format!("{}/webhooks", platform.base))
        .body(message.to_string());
    assert_eq!(
        bare.send().await.expect("an answer").status(),
        StatusCode::UNAUTHORIZED
    );
    let altered = signer.sign("msg_4", now, b"{}").expect("a signature");
    let request = platform
        .http
        .post(format!("{}/webhooks", platform.base))
        .header("webhook-id", "msg_4")
        .header("webhook-timestamp", now)
        .header("webhook-signature", altered)
        .body(message.to_string());
    assert_eq!(
        request.send().await.expect("an answer").status(),
        StatusCode::UNAUTHORIZED
    );

    let (_, received) = platform.read("/webhooks").await;
    assert_eq!(received, "[]");
    platform.stopped().await;
}

#[tokio::test]
async fn a_repeated_webhook_is_dropped() {
    let platform = Alone::new().await;
    let signer = Webhook::new(SECRET).expect("a secret");
    let now = Timestamp::now().as_second();

    for _ in 0..3 {
        let status = platform
            .deliver(&signer, "msg_1", now, &noted("cas_1"))
            .await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    }

    let (_, received) = platform.read("/webhooks").await;
    let received: Value = serde_json::from_str(&received).expect("a list");
    assert_eq!(received.as_array().map(Vec::len), Some(1));
    assert_eq!(received[0]["about"], "cas_1");
    assert_eq!(received[0]["repeats"], 2);
    platform.stopped().await;
}

#[tokio::test]
async fn an_action_whose_outcome_cannot_be_reported_is_asked_for_again() {
    let platform = Alone::new().await;
    platform.post_picture().await;
    let signer = Webhook::new(SECRET).expect("a secret");
    let now = Timestamp::now().as_second();
    let message = json!({
        "type": "action.requested",
        "timestamp": "2026-01-01T00:00:00Z",
        "data": {
            "action": {"id": "act_1", "kind": "remove", "parameters": {}},
            "decision": {"id": "dec_1", "policy": "spam", "outcome": "violation", "reasons": ""},
            "case": "cas_1",
            "item": {"id": "itm_1", "external_id": "post-1", "kind": "post", "surface": "private"},
            "account": {"id": "acc_1", "external_id": "visitor"},
        },
    });

    let status = platform.deliver(&signer, "msg_1", now, &message).await;

    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let (_, post) = platform.read("/posts/post-1").await;
    let post: Value = serde_json::from_str(&post).expect("a post");
    assert_eq!(post["state"], "removed");
    assert_eq!(post["actions"], json!(["remove (act_1)"]));
    let (_, received) = platform.read("/webhooks").await;
    assert_eq!(received, "[]", "so that the next attempt is no repeat");
    platform.stopped().await;
}

#[tokio::test]
async fn a_form_without_a_picture_is_refused_in_plain_words() {
    let platform = Alone::new().await;

    let form = Form::new().text("surface", "public");
    let request = platform
        .http
        .post(format!("{}/posts", platform.base))
        .multipart(form);
    let response = request.send().await.expect("an answer");

    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(
        response
            .text()
            .await
            .expect("a page")
            .contains("choose a picture first")
    );
    platform.stopped().await;
}

#[tokio::test]
async fn another_site_s_page_cannot_post() {
    let platform = Alone::new().await;

    let form = Form::new().part("picture", Part::bytes(vec![1]).file_name("x.jpg"));
    let request = platform
        .http
        .post(format!("{}/posts", platform.base))
        .multipart(form);
    let response = request
        .header("sec-fetch-site", "cross-site")
        .send()
        .await
        .expect("an answer");

    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    platform.stopped().await;
}

#[tokio::test]
async fn asking_again_does_not_ask_twice_at_once() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Takes calls and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!(
        "http://{}",
        silent
            .local_addr()
            .expect("a bound listener has an address")
    );
    let directory = TempDir::new().expect("a scratch directory");
    let watchhouse = Watchhouse::new(&base, "whk_none").expect("a client");
    let platform = Platform::open(directory.path(), watchhouse, SECRET).expect("a platform");
    let draft = Draft {
        account: "ada".to_owned(),
        surface: Surface::Public,
        text: String::new(),
        file_name: "picture.jpg".to_owned(),
        bytes: vec![1],
    };

    let asking = tokio::spawn({
        let platform = platform.clone();
        async move { platform.post(draft).await }
    });
    let (_call, _) = silent.accept().await.expect("a call");
    let again = timeout(Duration::from_secs(5), async {
        platform.recheck().await;
        platform.recheck().await;
    });
    again
        .await
        .expect("both come back at once, since the post is being asked about");

    assert!(
        timeout(Duration::from_millis(50), silent.accept())
            .await
            .is_err(),
        "a second call"
    );
    asking.abort();
}
