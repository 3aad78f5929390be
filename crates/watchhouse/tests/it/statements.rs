//! Statements of reasons: every element of Article 17, in plain words, for the person concerned alone.

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::Client;
use crate::deliveries::endpoint;
use crate::make;
use crate::receiver::Receiver;

/// The webhooks `statement.issued` that came.
fn issued(receiver: &Receiver) -> Vec<Value> {
    let calls = receiver.received();
    let told = calls.iter().map(|call| call.json()["data"].clone());
    told.collect()
}

/// The path of a statement's page.
fn path_of(statement: &Value) -> String {
    let address = statement["address"].as_str().unwrap();
    let (_, path) = address.split_once("/statements/").unwrap();
    format!("/statements/{path}")
}

fn text_of<'a>(statement: &'a Value, language: &str, element: &str) -> &'a str {
    let sections = statement["texts"][language].as_array().unwrap();
    let section = sections.iter().find(|one| one["element"] == element);
    section.unwrap_or_else(|| panic!("no {element} in {statement}"))["text"]
        .as_str()
        .unwrap()
}

async fn decide(admin: &Client, case: &str, decision: Value) -> Value {
    let claimed = admin.claim(case).await.expect(200);
    let mut decision = decision;
    decision["case_version"] = claimed["version"].clone();
    admin.decide(case, decision).await.expect(201)
}

fn removal() -> Value {
    json!({
        "policy": "law/hatred",
        "outcome": "violation",
        "facts": "The post calls for a boycott of a bakery.",
        "reasons": "That names a person's origin as the reason.",
        "actions": [
            { "kind": "remove", "territory": ["FR", "DE"] },
            { "kind": "suspend", "until": "2026-01-08T12:00:00Z" },
        ],
    })
}

async fn policy(admin: &Client) {
    let terms = json!({
        "ground": "law",
        "reference": "Act on public peace, article 7",
        "category": "illegal_or_harmful_speech",
        "texts": {
            "en": { "title": "Hatred", "text": "Do not call for hatred.", "help": "Talk to somebody." },
            "fr": { "title": "Haine", "text": "N’appelez pas à la haine.", "help": "Parlez à quelqu’un." },
        },
    });
    admin.policy("law/hatred", terms).await;
}

#[tokio::test]
async fn a_statement_has_every_element_of_article_17_in_each_language() {
    let app = TestApp::with(|config| {
        config.server.public_url = "https://trust.example.org".to_owned();
    })
    .await;
    let admin = app.admin();
    policy(&admin).await;
    let receiver = Receiver::start().await;
    endpoint(&admin, &receiver, &["statement.issued"]).await;
    let report = json!({ "item": { "id": "post-1", "account": "ann", "surface": "public",
            "address": "https://forum.example.org/post-1" },
        "reporter": { "name": "Somebody Curious", "email": "curious@example.org" },
        "category": "illegal_or_harmful_speech", "explanation": "a secret of the reporter" });
    let reported = admin.post("/api/v1/reports", report).await.expect(201);

    let decision = decide(&admin, reported["case"].as_str().unwrap(), removal()).await;

    app.settle().await;
    let [told] = &issued(&receiver)[..] else {
        panic!("not one statement")
    };
    assert_eq!(told["decision"], decision["id"]);
    assert_eq!(told["account"]["external_id"], "ann");
    let address = told["address"].as_str().unwrap();
    assert!(address.starts_with("https://trust.example.org/statements/"));
    let statement = app
        .stranger()
        .get(&format!("/api/v1{}", path_of(told)))
        .await;
    let statement = statement.expect(200);
    let expected: [(&str, &str, &[&str]); 12] = [
        (
            "en",
            "restriction",
            &[
                "removed",
                "FR, DE",
                "suspended",
                "everywhere",
                "2026-01-08 12:00",
                "no end",
                "https://forum.example.org/post-1",
            ],
        ),
        ("en", "facts", &["boycott of a bakery", "Somebody told us"]),
        (
            "en",
            "automation",
            &[
                "was not found by automated means",
                "A person took the decision",
            ],
        ),
        (
            "en",
            "ground",
            &[
                "against the law",
                "Hatred",
                "Act on public peace, article 7",
                "Do not call for hatred",
                "a person's origin",
            ],
        ),
        (
            "en",
            "redress",
            &[
                "free of charge",
                "2026-07-04",
                address,
                "Article 21",
                "court",
            ],
        ),
        ("en", "help", &["Talk to somebody"]),
        (
            "fr",
            "restriction",
            &[
                "retiré",
                "FR, DE",
                "suspendu",
                "partout",
                "2026-01-08 12:00",
                "sans date de fin",
                "https://forum.example.org/post-1",
            ],
        ),
        ("fr", "facts", &["boycott of a bakery", "signalé"]),
        (
            "fr",
            "automation",
            &[
                "n’a pas été trouvé par des moyens automatisés",
                "Une personne",
            ],
        ),
        (
            "fr",
            "ground",
            &[
                "contraire à la loi",
                "Haine",
                "Act on public peace, article 7",
                "N’appelez pas",
                "a person's origin",
            ],
        ),
        (
            "fr",
            "redress",
            &[
                "gratuitement",
                "2026-07-04",
                address,
                "article 21",
                "tribunal",
            ],
        ),
        ("fr", "help", &["Parlez"]),
    ];
    for (language, element, parts) in expected {
        let text = text_of(&statement, language, element);
        for part in parts {
            assert!(
                text.contains(part),
                "{language} {element} lacks \"{part}\": {text}"
            );
            let plain = told["texts"][language].as_str().unwrap();
            assert!(plain.contains(part), "{language}: {plain}");
        }
    }
    assert_eq!(statement["texts"]["en"].as_array().unwrap().len(), 6);
    assert_eq!(statement["appeal_until"], "2026-07-04T00:00:00Z");
    // Who reported is nobody's business, here and on the page.
    let page = app.stranger().get(&path_of(told)).await;
    for text in [statement.to_string(), page.text()] {
        for secret in ["Curious", "curious@", "a secret of the reporter"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn a_statement_tells_how_it_was_found_and_decided() {
    let app = TestApp::new().await;
    let admin = app.admin();
    policy(&admin).await;
    let receiver = Receiver::start().await;
    endpoint(&admin, &receiver, &["statement.issued"]).await;
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&make::picture(1))).await;
    let scan = admin.scan("post-1", make::picture(1)).await.expect(200);
    let mut decision = removal();
    decision["is_automated"] = json!(true);
    decision["policy"] = json!("known-media");

    decide(&admin, scan["case"].as_str().unwrap(), decision).await;

    app.settle().await;
    let told = issued(&receiver).remove(0);
    let statement = app
        .stranger()
        .get(&format!("/api/v1{}", path_of(&told)))
        .await;
    let statement = statement.expect(200);
    let automation = text_of(&statement, "en", "automation");
    assert!(
        automation.starts_with("It was found by automated means."),
        "{automation}"
    );
    assert!(automation.ends_with("by no person."), "{automation}");
    let facts = text_of(&statement, "en", "facts");
    assert!(facts.contains("nobody reported it"), "{facts}");
    let ground = text_of(&statement, "fr", "ground");
    assert!(
        ground.starts_with("Ceci est contraire à nos conditions"),
        "{ground}"
    );
}

#[tokio::test]
async fn each_account_that_is_acted_against_has_its_own() {
    let app = TestApp::new().await;
    let admin = app.admin();
    policy(&admin).await;
    let item = |id: &str, account: &str| {
        json!({ "item": { "id": id, "account": account, "surface": "public" },
            "category": "violence", "explanation": "look" })
    };
    let bobs = admin
        .post("/api/v1/reports", item("post-2", "bob"))
        .await
        .expect(201);
    let anns = admin
        .post("/api/v1/reports", item("post-1", "ann"))
        .await
        .expect(201);
    let mut decision = removal();
    decision["actions"] = json!([{ "kind": "remove" },
        { "kind": "remove", "item": bobs["subject"]["id"] }]);

    let decision = decide(&admin, anns["case"].as_str().unwrap(), decision).await;

    let path = format!(
        "/api/v1/decisions/{}/statements",
        decision["id"].as_str().unwrap()
    );
    let statements = admin.get(&path).await.expect(200);
    let about: Vec<&str> = statements
        .as_array()
        .unwrap()
        .iter()
        .map(|one| text_of(one, "en", "restriction").lines().next().unwrap())
        .collect();
    assert_eq!(about.len(), 2);
    assert!(about.contains(&"This is about: post-1"), "{about:?}");
    assert!(about.contains(&"This is about: post-2"), "{about:?}");
}

#[tokio::test]
async fn who_was_acted_against_is_told_when_it_is_taken_back() {
    let app = TestApp::new().await;
    let admin = app.admin();
    policy(&admin).await;
    let receiver = Receiver::start().await;
    endpoint(&admin, &receiver, &["statement.issued"]).await;
    let case = admin.case("post-1").await;
    let decision = decide(&admin, &case, removal()).await;
    app.settle().await;
    let first = issued(&receiver).remove(0);
    let reversal = format!(
        "/api/v1/decisions/{}/reversal",
        decision["id"].as_str().unwrap()
    );
    let reasons = json!({ "reasons": "The bakery has closed long ago." });
    admin.post(&reversal, reasons).await.expect(201);

    app.settle().await;
    let second = issued(&receiver).remove(1);
    let statement = app
        .stranger()
        .get(&format!("/api/v1{}", path_of(&second)))
        .await;
    let statement = statement.expect(200);
    let changes = text_of(&statement, "en", "restriction");
    assert!(changes.contains("as it was before"), "{changes}");
    assert!(changes.contains("open again"), "{changes}");
    assert!(text_of(&statement, "en", "facts").contains("closed long ago"));
    let before = app
        .stranger()
        .get(&format!("/api/v1{}", path_of(&first)))
        .await;
    assert_eq!(before.expect(200)["is_reversed"], true);
    let page = app.stranger().get(&path_of(&first)).await;
    assert!(page.text().contains("We have taken this decision back."));
}

#[tokio::test]
async fn the_page_is_for_whoever_has_its_address_and_shows_text_as_text() {
    let app = TestApp::new().await;
    let admin = app.admin();
    policy(&admin).await;
    let receiver = Receiver::start().await;
    endpoint(&admin, &receiver, &["statement.issued"]).await;
    let case = admin.case("post-1").await;
    let mut decision = removal();
    decision["facts"] = json!("<script>alert(1)</script> & more");
    decide(&admin, &case, decision).await;
    app.settle().await;
    let told = issued(&receiver).remove(0);

    let request = app.stranger().request("GET", &path_of(&told));
    let page = crate::client::send(request.header("accept-language", "fr-BE")).await;

    let text = page.text();
    assert!(text.contains("<html lang=\"fr\">"), "{text}");
    assert!(
        text.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; more"),
        "{text}"
    );
    assert!(!text.contains("<script"), "{text}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let mut path = path_of(&told);
    let last = path.pop().unwrap();
    path.push(if last == 'A' { 'B' } else { 'A' });
    assert_eq!(app.stranger().get(&path).await.status, 404);
    let receipt = path_of(&told).replace("/statements/", "/api/v1/receipts/");
    assert_eq!(app.stranger().get(&receipt).await.status, 404);
}
