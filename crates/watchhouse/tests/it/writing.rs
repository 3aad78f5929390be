//! What people write: listed addresses and terms are found in texts and links.

use serde_json::{Value, json};
use watchhouse::id::SightingId;

use crate::app::TestApp;
use crate::client::Client;
use crate::make;

/// Scans what an item says, without media.
async fn say(admin: &Client, surface: &str, text: &str, links: &[&str]) -> Value {
    let item = json!({ "id": "post-1", "account": "ann", "surface": surface, "text": text, "links": links });
    let body = json!({ "item": item });
    admin.post("/api/v1/scan", body).await.expect(200)
}

/// What matched, where, and how closely.
fn met(scan: &Value) -> Vec<Value> {
    let matches = scan["matches"].as_array().unwrap().iter();
    matches
        .map(|found| {
            json!([
                found["kind"],
                found["hash"]["value"],
                found["distance"],
                found["place"]
            ])
        })
        .collect()
}

#[tokio::test]
async fn listed_terms_and_addresses_are_found_without_media() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    admin.add_hash(&bank, "text", "Bad  Word").await;
    admin.add_hash(&bank, "url", "Example.ORG").await;
    admin
        .add_hash(&bank, "url", "http://example.net:80/p?x=1#y")
        .await;

    let text = "Ö! A b4d w0rd: see https://www.example.org/x.";
    let scan = say(
        &admin,
        "public",
        text,
        &["example.com", "https://example.net/p?x=1"],
    )
    .await;

    assert_eq!(
        met(&scan),
        [
            json!(["url", "example.org", 0, { "in": "text", "start": 19, "end": 44 }]),
            json!(["url", "https://example.net/p?x=1", 0, { "in": "links", "index": 1 }]),
            json!(["text", "bad word", 1, { "in": "text", "start": 5, "end": 13 }]),
        ]
    );
    assert_eq!(scan["media"], Value::Null);
    assert_eq!(scan["verdict"], "hold");
    let rules: Vec<&Value> = scan["reasons"].as_array().unwrap().iter().collect();
    assert!(rules.iter().all(|reason| reason["code"] == "rule"));
    // A person sees the same, and what was said.
    let case = scan["case"].as_str().unwrap();
    let shown = admin
        .get(&format!("/api/v1/cases/{case}"))
        .await
        .expect(200);
    assert_eq!(shown["matches"].as_array().unwrap().len(), 3);
    let item = scan["item"]["id"].as_str().unwrap();
    let item = admin
        .get(&format!("/api/v1/items/{item}"))
        .await
        .expect(200);
    assert_eq!(item["text"], text);
    let places = item["matches"].as_array().unwrap().iter();
    assert_eq!(
        places
            .filter(|found| found["place"]["in"] == "text")
            .count(),
        2
    );
    assert!(app.blobs().is_empty());
}

#[tokio::test]
async fn what_meets_nothing_leaves_nothing_of_what_was_said() {
    let app = TestApp::new().await;
    let before = app.left().await;

    let scan = say(&app.admin(), "public", "nothing but words", &[]).await;

    assert_eq!(scan["verdict"], "allow");
    assert_eq!(scan["media"], Value::Null);
    assert_eq!(scan["item"], Value::Null);
    assert_eq!(app.left().await, before);
}

#[tokio::test]
async fn words_are_looked_up_beside_media_too() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let media = make::picture(1);
    admin.add_pdq(&bank, &make::pdq(&media)).await;
    admin.add_hash(&bank, "text", "bad word").await;
    let item = json!({ "id": "post-1", "surface": "public", "text": "bad word" });

    let (kind, form) = make::form(&[("item", item.to_string().as_bytes()), ("media", &media)]);
    let scan = admin
        .post_bytes("/api/v1/scan", &kind, form)
        .await
        .expect(200);

    let kinds: Vec<&Value> = scan["matches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| &found["kind"])
        .collect();
    assert_eq!(kinds, ["pdq", "text"]);
    assert_eq!(scan["matches"][0]["place"], Value::Null);
    assert_eq!(scan["verdict"], "block");
}

#[tokio::test]
async fn an_address_that_is_listed_later_finds_who_posted_it() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let scan = say(&admin, "public", "see www.example.org/a/b and words", &[]).await;
    assert_eq!(scan["verdict"], "allow");

    admin.add_hash(&bank, "url", "example.org/a/").await;
    admin.add_hash(&bank, "text", "words").await;
    app.settle().await;

    let cases = admin.ids("/api/v1/cases").await;
    let case = &cases[0];
    let case = admin
        .get(&format!("/api/v1/cases/{case}"))
        .await
        .expect(200);
    let matches = case["matches"].as_array().unwrap();
    assert_eq!(
        matches.len(),
        1,
        "texts are not kept, so terms find nothing in the past"
    );
    assert_eq!(matches[0]["kind"], "url");
    assert_eq!(matches[0]["place"], Value::Null);
}

#[tokio::test]
async fn between_two_people_nothing_is_kept_of_an_address() {
    let app = TestApp::new().await;
    let admin = app.admin();
    for (surface, is_kept) in [("direct", false), ("private", true)] {
        let scan = say(&admin, surface, "see www.example.org", &[]).await;
        let id: SightingId = serde_json::from_value(scan["id"].clone()).unwrap();
        let mut tx = app.app.store.read().await.unwrap();
        let sighting = tx.sighting(&id).await.unwrap().unwrap();
        assert_eq!(!sighting.url_keys.is_empty(), is_kept, "{surface}");
        assert!(!sighting.has_media);
    }
}

#[tokio::test]
async fn more_addresses_than_are_looked_up_are_held() {
    let app = TestApp::new().await;
    let text = "a.example ".repeat(1_001);

    let scan = say(&app.admin(), "public", &text, &[]).await;

    assert_eq!(scan["verdict"], "hold");
    assert_eq!(scan["reasons"][0]["code"], "too_many_urls");
}

#[tokio::test]
async fn an_item_that_says_nothing_is_no_scan() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let item = json!({ "id": "post-1", "surface": "public" });
    let answer = admin.post("/api/v1/scan", json!({ "item": item })).await;
    answer.expect_problem(422, "invalid");
    for links in [vec!["x"; 101], vec![&*"x".repeat(4_097)]] {
        let item = json!({ "id": "post-1", "surface": "public", "links": links });
        let answer = admin.post("/api/v1/scan", json!({ "item": item })).await;
        answer.expect_problem(422, "invalid");
    }
}

#[tokio::test]
async fn lists_bring_addresses_and_terms_in_every_form() {
    let app = TestApp::new().await;
    let admin = app.admin();
    for (format, file) in [
        (
            "plain",
            "url Example.org/a/\ntext  Some  Phrase\n# end\n".to_owned(),
        ),
        (
            "csv",
            "text,url,id\n\"Some, Phrase\",,1\n,example.org/a/,2\n".to_owned(),
        ),
        (
            "jsonl",
            "{\"text\":\"Some Phrase\",\"url\":\"http://EXAMPLE.org/%61\"}\n".to_owned(),
        ),
    ] {
        let bank = admin.bank(format).await;
        let path = format!("/api/v1/banks/{bank}/import?format={format}");
        let import = admin
            .post_bytes(&path, "text/plain", file)
            .await
            .expect(200);
        assert_eq!(import["added"], 2, "{format}");
        let listed = admin
            .get(&format!("/api/v1/banks/{bank}/hashes"))
            .await
            .expect(200);
        let mut values: Vec<&str> = listed["data"]
            .as_array()
            .unwrap_or_else(|| panic!("a list: {listed}"))
            .iter()
            .map(|hash| hash["value"].as_str().unwrap())
            .collect();
        values.sort_unstable();
        let expected = match format {
            "plain" => ["example.org/a/", "some phrase"],
            "csv" => ["example.org/a/", "some, phrase"],
            _ => ["https://example.org/a", "some phrase"],
        };
        assert_eq!(values, expected, "{format}");
    }
}

#[tokio::test]
async fn what_would_match_far_too_much_is_refused() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    for (kind, value) in [
        ("url", "org"),
        ("url", "ftp://example.org/"),
        ("text", "a"),
        ("text", " "),
    ] {
        let body = json!({ "hashes": [{ "kind": kind, "value": value }] });
        let answer = admin
            .post(&format!("/api/v1/banks/{bank}/hashes"), body)
            .await;
        answer.expect_problem(422, "invalid");
    }
}
