//! Sessions: how they begin, what they need, and all the ways in which they end.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::{Answer, Client, OpenSession, send};
use crate::people::{PASSWORD, add, sign_in, signed_in, text};

const SESSION: &str = "/api/v1/session";

async fn try_sign_in(client: &Client, login: &str, password: &str) -> Answer {
    let body = json!({ "login": login, "password": password });
    client.post(SESSION, body).await
}

#[tokio::test]
async fn signing_in_gives_a_cookie_that_scripts_and_other_sites_cannot_use() {
    let app = TestApp::new().await;
    let id = add(&app.admin(), "ann", &["reviewer"]).await;
    let request = app.stranger().request("POST", SESSION);
    let body = json!({ "login": " ANN ", "password": PASSWORD });

    let answer = send(request.header("user-agent", "a browser").json(&body)).await;

    let shown = answer.expect(201);
    let line = answer.header("set-cookie").unwrap();
    let (value, terms) = line.split_once("; ").unwrap();
    assert!(value.starts_with("watchhouse=whs_"), "{line}");
    assert_eq!(terms, "Path=/; Max-Age=43200; HttpOnly; SameSite=Strict");
    assert_eq!(shown["person"]["id"], id);
    let session = &shown["session"];
    assert_eq!(
        *session,
        json!({
            "id": session["id"],
            "method": "password",
            "address": "127.0.0.1",
            "browser": "a browser",
            "began_at": "2026-01-01T00:00:00Z",
            "last_used_at": "2026-01-01T00:00:00Z",
            "idle_until": "2026-01-01T00:30:00Z",
            "ends_at": "2026-01-01T12:00:00Z",
            "is_current": true,
        })
    );
    let ann = app.stranger().with_session(OpenSession::of(&answer));
    assert_eq!(ann.get(SESSION).await.expect(200), shown);
    let began = json!({ "session": session["id"], "method": "password" });
    assert_eq!(app.recorded("session.began").await, [began]);
}

#[tokio::test]
async fn behind_tls_the_cookie_is_this_hosts_alone() {
    let url = "https://trust.example.org";
    let app = TestApp::with(|config| config.server.public_url = url.to_owned()).await;
    add(&app.admin(), "ann", &[]).await;

    let answer = try_sign_in(&app.stranger(), "ann", PASSWORD).await;

    let line = answer.header("set-cookie").unwrap();
    assert!(line.starts_with("__Host-watchhouse=whs_"), "{line}");
    assert!(
        line.ends_with("; HttpOnly; SameSite=Strict; Secure"),
        "{line}"
    );
    let ann = app.stranger().with_session(OpenSession::of(&answer));
    ann.get(SESSION).await.expect(200);
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_the_same() {
    let app = TestApp::new().await;
    let admin = app.admin();
    add(&admin, "ann", &[]).await;
    let gone = add(&admin, "gone", &[]).await;
    let gone = format!("/api/v1/people/{gone}");
    admin
        .patch(&gone, json!({ "is_disabled": true }))
        .await
        .expect(200);
    crate::people::invited(&admin, "invited", &[]).await;
    let stranger = app.stranger();

    let mut answers = Vec::new();
    for (login, password) in [
        ("ann", "not the password"),
        ("ann", ""),
        ("nobody", PASSWORD),
        ("no login at all", PASSWORD),
        ("", PASSWORD),
        ("gone", PASSWORD),
        ("invited", PASSWORD),
        ("invited", ""),
        ("invited", "nobody's"),
    ] {
        let answer = try_sign_in(&stranger, login, password).await;
        let mut problem = answer.expect_problem(401, "sign_in_refused");
        problem.as_object_mut().unwrap().remove("request_id");
        assert_eq!(answer.header("set-cookie"), None);
        answers.push(problem);
    }

    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(app.count("sessions").await, 0);
}

#[tokio::test]
async fn tries_are_limited_and_come_back() {
    let app = TestApp::with(|config| {
        config.sign_in.tries_per_hour = 4;
        config.server.client_address_header = "x-real-ip".to_owned();
    })
    .await;
    add(&app.admin(), "ann", &[]).await;
    let try_from = async |address: &str, login: &str, password: &str| {
        let body = json!({ "login": login, "password": password });
        let request = app.stranger().request("POST", SESSION);
        send(request.header("x-real-ip", address).json(&body)).await
    };
    for _ in 0..4 {
        let answer = try_from("192.0.2.1", "ann", "wrong password").await;
        answer.expect_problem(401, "sign_in_refused");
    }

    // The right password does not help any more, and an unknown login fares the same.
    let answer = try_from("192.0.2.1", "ANN", PASSWORD).await;
    answer.expect_problem(429, "too_many_tries");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=901).contains(&wait), "{wait}");
    for _ in 0..4 {
        let answer = try_from("192.0.2.1", "nobody", PASSWORD).await;
        answer.expect_problem(401, "sign_in_refused");
    }
    let answer = try_from("192.0.2.1", "nobody", PASSWORD).await;
    answer.expect_problem(429, "too_many_tries");

    // From elsewhere the owner gets in, and from there a while later.
    try_from("192.0.2.2", "ann", PASSWORD).await.expect(201);
    app.advance(Duration::from_secs(wait));
    try_from("192.0.2.1", "ann", PASSWORD).await.expect(201);

    // One network's tries for all logins together, and one login's from all networks.
    let mut n_refused = 0;
    for n in 0..30 {
        let answer = try_from("198.51.100.1", &format!("login-{n}"), "wrong").await;
        n_refused += usize::from(answer.status == 429);
    }
    assert_eq!(n_refused, 10);
    let mut n_refused = 0;
    for n in 0..100 {
        let answer = try_from(&format!("203.0.113.{n}"), "bob", "wrong").await;
        n_refused += usize::from(answer.status == 429);
    }
    assert_eq!(n_refused, 20);
}

#[tokio::test]
async fn a_call_by_cookie_that_changes_something_needs_the_token() {
    let app = TestApp::new().await;
    let ann = signed_in(&app.admin(), "ann", &["reviewer"]).await;
    let bob = signed_in(&app.admin(), "bob", &["reviewer"]).await;
    let case = app.admin().case("post-1").await;
    let path = format!("/api/v1/cases/{case}/claim");
    let own = ann.session.clone().unwrap();
    let claim_with = async |token: Option<&str>| {
        let request = app.stranger().request("POST", &path);
        let request = request.header("cookie", &own.cookie).json(&json!({}));
        send(match token {
            Some(token) => request.header("x-csrf-token", token),
            None => request,
        })
        .await
    };

    for token in [
        None,
        Some(""),
        Some("x"),
        Some(bob.session.as_ref().unwrap().csrf_token.as_str()),
        Some(own.cookie.as_str()),
    ] {
        let answer = claim_with(token).await;
        answer.expect_problem(403, "csrf_token_missing");
    }

    assert_eq!(app.count("cases WHERE claimed_by IS NOT NULL").await, 0);
    claim_with(Some(&own.csrf_token)).await.expect(200);
    let request = app.stranger().request("GET", SESSION);
    let other = format!("theme=dark; {}; a=b", own.cookie);
    send(request.header("cookie", other)).await.expect(200);
}

#[tokio::test]
async fn a_cookie_that_is_none_of_ours_is_refused() {
    let app = TestApp::new().await;
    let ann = signed_in(&app.admin(), "ann", &["reviewer"]).await;
    let bob = signed_in(&app.admin(), "bob", &["reviewer"]).await;
    let own = ann.session.unwrap().cookie;
    let (id, secret) = own.split_once('.').unwrap();
    let others = bob.session.unwrap().cookie;
    let (_, others_secret) = others.split_once('.').unwrap();
    let call = async |cookie: &str| {
        let request = app.stranger().request("GET", "/api/v1/cases");
        send(request.header("cookie", cookie)).await
    };

    for cookie in [
        "watchhouse=".to_owned(),
        "watchhouse=whs_".to_owned(),
        id.to_owned(),
        format!("{id}."),
        format!("{id}.{others_secret}"),
        format!("{id}.{secret}x"),
        own.replace("whs_", "whk_"),
        format!("{}.{secret}", id.to_lowercase()),
    ] {
        call(&cookie).await.expect_problem(401, "session_ended");
    }
    for cookie in ["", "theme=dark", "Watchhouse=x", "xwatchhouse=y"] {
        call(cookie).await.expect_problem(401, "key_missing");
    }
    call(&own).await.expect(200);
}

#[tokio::test]
async fn a_session_ends_when_nothing_is_done_in_it() {
    let app = TestApp::new().await;
    let ann = signed_in(&app.admin(), "ann", &["reviewer"]).await;
    let is_used_at = async |at: &str| {
        for _ in 0..500 {
            let session = ann.get(SESSION).await.expect(200);
            if session["session"]["last_used_at"] == at {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the use at {at} was not kept");
    };

    app.advance(Duration::from_mins(29));
    is_used_at("2026-01-01T00:29:00Z").await;
    app.advance(Duration::from_mins(29));
    is_used_at("2026-01-01T00:58:00Z").await;
    app.advance(Duration::from_mins(30));

    let answer = ann.get(SESSION).await;
    answer.expect_problem(401, "session_ended");
}

#[tokio::test]
async fn a_session_ends_after_its_hours_whatever_is_done() {
    let app = TestApp::with(|config| config.sign_in.idle_minutes = 24 * 60).await;
    let ann = signed_in(&app.admin(), "ann", &["reviewer"]).await;

    app.advance(Duration::from_hours(8));
    ann.get("/api/v1/cases").await.expect(200);
    app.advance(Duration::from_hours(4) - Duration::from_secs(1));
    ann.get("/api/v1/cases").await.expect(200);
    app.advance(Duration::from_secs(1));

    let answer = ann.get("/api/v1/cases").await;
    answer.expect_problem(401, "session_ended");
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions() {
    let app = TestApp::new().await;
    let first = signed_in(&app.admin(), "ann", &[]).await;
    let second = sign_in(&app.stranger(), "ann").await;
    let bob = signed_in(&app.admin(), "bob", &[]).await;
    let listed = async |client: &Client| -> Vec<(String, bool)> {
        let list = client.get("/api/v1/sessions").await.expect(200);
        let sessions = list["data"].as_array().unwrap().iter();
        sessions
            .map(|one| (text(one, "id"), one["is_current"].as_bool().unwrap()))
            .collect()
    };
    let seen = listed(&second).await;
    assert_eq!(seen.len(), 2);
    assert!(seen[0].1 && !seen[1].1);
    let path = format!("/api/v1/sessions/{}", seen[1].0);

    let answer = bob.delete(&path).await;
    answer.expect_problem(404, "not_found");
    first.get(SESSION).await.expect(200);
    second.delete(&path).await.expect(204);

    let answer = first.get(SESSION).await;
    answer.expect_problem(401, "session_ended");
    let answer = second.delete(&path).await;
    answer.expect_problem(404, "not_found");
    assert_eq!(listed(&second).await, [seen[0].clone()]);
    let out = second.delete(SESSION).await;
    out.expect(204);
    assert_eq!(
        out.header("set-cookie").unwrap(),
        "watchhouse=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
    );
    let answer = second.get(SESSION).await;
    answer.expect_problem(401, "session_ended");
    let ended = app.recorded("session.ended").await;
    assert_eq!(
        ended,
        [
            json!({ "session": seen[1].0 }),
            json!({ "session": seen[0].0 })
        ]
    );
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let app = TestApp::new().await;
    let first = signed_in(&app.admin(), "ann", &[]).await;
    let second = sign_in(&app.stranger(), "ann").await;
    let path = format!("{SESSION}/password");
    let new = "another good password";

    let wrong = json!({ "password": "not it at all", "new_password": new });
    let answer = first.post(&path, wrong).await;
    answer.expect_problem(403, "password_wrong");
    let weak = json!({ "password": PASSWORD, "new_password": "short" });
    let answer = first.post(&path, weak).await;
    answer.expect_problem(422, "invalid");
    second.get(SESSION).await.expect(200);
    let change = json!({ "password": PASSWORD, "new_password": new });
    first.post(&path, change).await.expect(204);

    first.get(SESSION).await.expect(200);
    let answer = second.get(SESSION).await;
    answer.expect_problem(401, "session_ended");
    let answer = try_sign_in(&app.stranger(), "ann", PASSWORD).await;
    answer.expect_problem(401, "sign_in_refused");
    try_sign_in(&app.stranger(), "ann", new).await.expect(201);
}

#[tokio::test]
async fn an_accepted_invitation_ends_all_sessions() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = add(&admin, "ann", &[]).await;
    let ann = sign_in(&admin, "ann").await;
    let path = format!("/api/v1/people/{id}/invite");
    let invited = admin.post(&path, json!({})).await.expect(200);
    // The invitation alone changes nothing: it may have been asked for by somebody else.
    ann.get(SESSION).await.expect(200);

    let invitation = text(&invited, "invitation");
    crate::people::accept(&app.stranger(), &invitation, "another good password").await;

    let answer = ann.get(SESSION).await;
    answer.expect_problem(401, "session_ended");
}

#[tokio::test]
async fn keys_have_no_sessions() {
    let app = TestApp::new().await;

    for (method, path) in [
        ("GET", SESSION.to_owned()),
        ("DELETE", SESSION.to_owned()),
        ("GET", "/api/v1/sessions".to_owned()),
        ("POST", format!("{SESSION}/password")),
    ] {
        let request = app.admin().request(method, &path);
        let answer = send(request.json(&json!({ "password": "a", "new_password": "b" }))).await;
        answer.expect_problem(403, "not_a_person");
    }
    let current = app.admin().get("/api/v1/keys/current").await.expect(200);
    assert_eq!(current["name"], "administrator");
    let ann = signed_in(&app.admin(), "ann", &["administrator"]).await;
    let answer = ann.get("/api/v1/keys/current").await;
    answer.expect_problem(404, "not_found");
}

#[tokio::test]
async fn sessions_are_forgotten_a_month_after_their_end() {
    let app = TestApp::new().await;
    signed_in(&app.admin(), "ann", &[]).await;
    app.settle().await;

    app.advance(Duration::from_hours(30 * 24 + 12));
    app.settle().await;
    assert_eq!(app.count("sessions").await, 1);
    app.advance(Duration::from_hours(2));

    for _ in 0..500 {
        if app.count("sessions").await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the session is still there");
}

#[tokio::test]
async fn secrets_of_people_are_kept_nowhere() {
    let app = TestApp::new().await;
    let ann = signed_in(&app.admin(), "ann", &[]).await;
    let device = crate::second_factor::Device::add(&ann).await;
    let cookie = ann.session.as_ref().unwrap().cookie.clone();
    let (_, secret) = cookie.split_once('.').unwrap();

    let answers: Vec<Value> = vec![
        app.admin().get("/api/v1/people").await.expect(200),
        app.admin()
            .get("/api/v1/ledger/entries?limit=200")
            .await
            .expect(200),
    ];

    let kept = crate::keys::everything_kept(&app).await;
    for secret in [secret, PASSWORD, device.secret.as_str()] {
        assert!(!crate::keys::holds(&kept, secret.as_bytes()), "{secret}");
        for answer in &answers {
            assert!(!answer.to_string().contains(secret), "{answer}");
        }
    }
}
