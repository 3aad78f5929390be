//! The public form: anyone may report, whatever they have typed stays, and floods do not get through.

use std::time::Duration;

use crate::app::TestApp;
use crate::client::{Answer, Client, send};

/// What a person types, with the token of a form that was just given out.
async fn filled(app: &TestApp) -> Vec<(&'static str, String)> {
    let form = app.stranger().get("/report").await;
    assert_eq!(form.status, 200, "{}", form.text());
    let token = value_of(&form.text(), "token");
    vec![
        ("token", token),
        ("language", "en".to_owned()),
        ("website", String::new()),
        ("address", "https://forum.example.org/posts/4711".to_owned()),
        ("category", "scams_and_fraud".to_owned()),
        ("explanation", "It asks for <b>passwords</b>.".to_owned()),
        ("name", "Robin Reader".to_owned()),
        ("email", "robin@example.org".to_owned()),
        ("good_faith", "yes".to_owned()),
    ]
}

/// The value of the first input of this name on a page.
fn value_of(page: &str, name: &str) -> String {
    let at = page.find(&format!("name=\"{name}\"")).unwrap();
    let (_, rest) = page[at..].split_once("value=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

fn with(typed: &[(&'static str, String)], name: &str, value: &str) -> Vec<(&'static str, String)> {
    let mut typed = typed.to_vec();
    let field = typed.iter_mut().find(|(of, _)| *of == name).unwrap();
    field.1 = value.to_owned();
    typed
}

async fn post(client: &Client, typed: &[(&str, String)]) -> Answer {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(typed);
    let request = client
        .request("POST", "/report")
        .header("content-type", "application/x-www-form-urlencoded");
    send(request.body(body.finish())).await
}

async fn n_reports(app: &TestApp) -> i64 {
    app.count("reports").await
}

#[tokio::test]
async fn a_form_becomes_a_report_and_leads_to_its_receipt() {
    let app = TestApp::new().await;
    let typed = filled(&app).await;
    app.advance(Duration::from_secs(60));

    let page = post(&app.stranger(), &typed).await;

    // The client has followed the way to the receipt.
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(
        page.text().contains("We have received your report."),
        "{}",
        page.text()
    );
    let reports = app.admin().get("/api/v1/reports").await.expect(200);
    let report = &reports["data"][0];
    assert_eq!(report["source"], "user");
    assert_eq!(report["key"], serde_json::Value::Null);
    assert_eq!(report["reporter"]["name"], "Robin Reader");
    assert_eq!(report["reporter"]["email"], "robin@example.org");
    assert_eq!(report["explanation"], "It asks for <b>passwords</b>.");
    assert_eq!(report["good_faith"], true);
    assert_eq!(report["due_at"], "2026-01-08T00:01:00Z");
    app.settle().await;
    let entries = app
        .admin()
        .get("/api/v1/ledger/entries?kind=report.received")
        .await
        .expect(200);
    assert_eq!(entries["data"][0]["actor"], "public");
    assert!(
        !entries["data"][0]["body"]
            .as_str()
            .unwrap()
            .contains("obin"),
        "{entries}"
    );
}

#[tokio::test]
async fn a_form_that_is_sent_twice_is_one_report() {
    let app = TestApp::new().await;
    let typed = filled(&app).await;
    app.advance(Duration::from_secs(60));

    let stranger = app.stranger();
    let (one, other) = tokio::join!(post(&stranger, &typed), post(&stranger, &typed));
    app.advance(Duration::from_hours(48));
    let late = post(&stranger, &typed).await;

    assert_eq!((one.status, other.status, late.status), (200, 200, 200));
    // Whether its entry has its place may differ between the two.
    let report = |answer: &Answer| {
        let text = answer.text();
        let (_, rest) = text.split_once("<dd>rep_").expect("it names the report");
        rest[..26].to_owned()
    };
    assert_eq!(report(&one), report(&other));
    assert_eq!(report(&one), report(&late));
    assert_eq!(n_reports(&app).await, 1);
}

#[tokio::test]
async fn what_is_missing_is_said_and_what_was_typed_stays() {
    let app = TestApp::new().await;
    let typed = filled(&app).await;
    app.advance(Duration::from_secs(60));
    for (field, value, said) in [
        ("address", "somewhere", "Give the exact address"),
        ("address", "", "Give the exact address"),
        ("category", "", "Choose what it is about."),
        ("category", "cats", "Choose what it is about."),
        ("explanation", "  ", "Say why it is wrong"),
        ("name", "", "Give your name."),
        ("email", "nobody", "Give an e-mail address"),
        ("email", "", "Give an e-mail address"),
        ("good_faith", "", "Confirm that"),
    ] {
        let page = post(&app.stranger(), &with(&typed, field, value)).await;

        assert_eq!(page.status, 422, "{field}");
        let page = page.text();
        let fault = format!("<p class=\"fault\" id=\"{field}-fault\">{said}");
        assert!(page.contains(&fault), "{field}: {page}");
        assert!(page.contains(&format!("href=\"#{field}\"")), "{page}");
        if field != "explanation" {
            assert!(
                page.contains("It asks for &lt;b&gt;passwords&lt;/b&gt;."),
                "{page}"
            );
        }
    }
    assert_eq!(n_reports(&app).await, 0);
    let nameless = with(&with(&typed, "name", ""), "email", "");
    let nameless = with(&nameless, "category", "protection_of_minors");
    assert_eq!(post(&app.stranger(), &nameless).await.status, 200);
    assert_eq!(n_reports(&app).await, 1);
}

#[tokio::test]
async fn programs_are_sent_back_and_people_can_send_again() {
    let app = TestApp::new().await;
    let typed = filled(&app).await;

    let quick = post(&app.stranger(), &typed).await;
    app.advance(Duration::from_secs(60));
    let trapped = post(
        &app.stranger(),
        &with(&typed, "website", "https://buy.example"),
    )
    .await;
    let forged = post(&app.stranger(), &with(&typed, "token", "x.y")).await;
    let again = post(&app.stranger(), &typed).await;

    assert_eq!(quick.status, 429);
    assert!(
        quick.text().contains("wait a few seconds"),
        "{}",
        quick.text()
    );
    assert_eq!(value_of(&quick.text(), "token"), typed[0].1);
    assert_eq!(trapped.status, 429);
    assert_eq!(forged.status, 422);
    assert_ne!(value_of(&forged.text(), "token"), "x.y");
    assert_eq!(again.status, 200);
    assert_eq!(n_reports(&app).await, 1);
}

#[tokio::test]
async fn a_form_of_yesterday_comes_back_with_what_was_typed() {
    let app = TestApp::new().await;
    let typed = filled(&app).await;
    app.advance(Duration::from_hours(25));

    let old = post(&app.stranger(), &typed).await;
    let renewed = with(&typed, "token", &value_of(&old.text(), "token"));
    app.advance(Duration::from_secs(60));
    let sent = post(&app.stranger(), &renewed).await;

    assert_eq!(old.status, 422);
    assert!(
        old.text().contains("open for more than a day"),
        "{}",
        old.text()
    );
    assert_eq!(sent.status, 200);
    assert_eq!(n_reports(&app).await, 1);
}

#[tokio::test]
async fn one_network_sends_so_many_and_others_are_not_kept_from_it() {
    let app = TestApp::with(|config| {
        config.report_form.per_hour = 2;
        config.server.client_address_header = "x-real-ip".to_owned();
    })
    .await;
    let from = async |address: &str| {
        let typed = filled(&app).await;
        app.advance(Duration::from_secs(60));
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(&typed);
        let request = app
            .stranger()
            .request("POST", "/report")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-real-ip", address);
        send(request.body(body.finish())).await.status
    };

    let one_network = ["2001:db8::1", "2001:db8::2", "2001:db8::3:0:0:0"];
    let mut statuses = Vec::new();
    for address in one_network {
        statuses.push(from(address).await);
    }

    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(from("2001:db8:1::1").await, 200);
    assert_eq!(from("198.51.100.7").await, 200);
}

#[tokio::test]
async fn the_form_speaks_the_reader_s_language() {
    let app = TestApp::new().await;
    let page = async |path: &str, accept: &str| {
        let request = app
            .stranger()
            .request("GET", path)
            .header("accept-language", accept);
        send(request).await.text()
    };

    for (path, accept, code) in [
        ("/report", "fr-CH, fr;q=0.9, en;q=0.8", "fr"),
        ("/report", "de, en;q=0.5, fr;q=0.1", "en"),
        ("/report", "de", "en"),
        ("/report?language=fr", "en", "fr"),
        ("/report?language=xx", "fr", "fr"),
    ] {
        let page = page(path, accept).await;
        assert!(
            page.contains(&format!("<html lang=\"{code}\">")),
            "{path} {accept}: {page}"
        );
    }
    let linked = page(
        "/report?address=https%3A%2F%2Fa.example%2F%22%3E%3Cscript%3E",
        "en",
    )
    .await;
    assert!(
        linked.contains("https://a.example/&quot;&gt;&lt;script&gt;"),
        "{linked}"
    );
    assert!(!linked.contains("<script"), "{linked}");
}

#[tokio::test]
async fn the_form_can_be_switched_off() {
    let app = TestApp::with(|config| config.report_form.enabled = false).await;

    let shown = app.stranger().get("/report").await;
    let sent = post(&app.stranger(), &[]).await;

    shown.expect_problem(404, "form_off");
    sent.expect_problem(404, "form_off");
}
