//! People: taken on, invited, changed, disabled; nobody with power over more than they have.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::{Client, OpenSession};
use crate::process::Place;

const PEOPLE: &str = "/api/v1/people";
pub const PASSWORD: &str = "a horse that is correct";

/// Takes somebody on. Returns their id and the invitation.
pub async fn invited(admin: &Client, login: &str, roles: &[&str]) -> (String, String) {
    let new = json!({ "name": format!("{login} by name"), "login": login, "roles": roles });
    let made = admin.post(PEOPLE, new).await.expect(201);
    (text(&made, "id"), text(&made, "invitation"))
}

/// Takes somebody on who has chosen a password. Returns their id.
pub async fn add(admin: &Client, login: &str, roles: &[&str]) -> String {
    let (id, invitation) = invited(admin, login, roles).await;
    accept(admin, &invitation, PASSWORD).await;
    id
}

pub async fn accept(client: &Client, invitation: &str, password: &str) {
    let body = json!({ "invitation": invitation, "password": password });
    client
        .post("/api/v1/invitations/accept", body)
        .await
        .expect(200);
}

/// Takes somebody on who has signed in.
pub async fn signed_in(admin: &Client, login: &str, roles: &[&str]) -> Client {
    add(admin, login, roles).await;
    sign_in(admin, login).await
}

pub async fn sign_in(client: &Client, login: &str) -> Client {
    let body = json!({ "login": login, "password": PASSWORD });
    let answer = client.post("/api/v1/session", body).await;
    client.with_session(OpenSession::of(&answer))
}

pub fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn somebody_is_taken_on_and_chooses_a_password() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let new = json!({ "name": "Ann Example", "login": " Ann@Example.org ", "roles": ["reviewer"] });

    let made = admin.post(PEOPLE, new).await.expect(201);

    let id = text(&made, "id");
    let invitation = text(&made, "invitation");
    let path = format!("{PEOPLE}/{id}");
    let shown = json!({
        "id": id,
        "name": "Ann Example",
        "login": "ann@example.org",
        "roles": ["reviewer"],
        "has_password": false,
        "has_second_factor": false,
        "invitation_until": "2026-01-04T00:00:00Z",
        "created_at": "2026-01-01T00:00:00Z",
        "disabled_at": null,
        "last_sign_in_at": null,
    });
    assert_eq!(admin.get(&path).await.expect(200), shown);
    let accepted = json!({ "invitation": invitation, "password": PASSWORD });
    let accepted = app
        .stranger()
        .post("/api/v1/invitations/accept", accepted)
        .await
        .expect(200);
    assert_eq!(
        accepted,
        json!({ "name": "Ann Example", "login": "ann@example.org" })
    );
    let ann = sign_in(&app.stranger(), "ann@example.org").await;
    let session = ann.get("/api/v1/session").await.expect(200);
    assert_eq!(session["person"]["name"], "Ann Example");
    let after = admin.get(&path).await.expect(200);
    assert_eq!(after["has_password"], true);
    assert_eq!(after["invitation_until"], Value::Null);
    assert_eq!(after["last_sign_in_at"], "2026-01-01T00:00:00Z");
    assert_eq!(
        app.recorded("person.created").await,
        [
            json!({ "person": id, "name": "Ann Example", "login": "ann@example.org",
            "roles": ["reviewer"] })
        ]
    );
    assert_eq!(
        app.recorded("password.set").await,
        [json!({ "person": id })]
    );
    let kept =
        format!("people WHERE password LIKE '$argon2id$%' AND password NOT LIKE '%{PASSWORD}%'");
    assert_eq!(app.count(&kept).await, 1);
}

#[tokio::test]
async fn an_invitation_is_good_once_and_for_its_time() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let (id, first) = invited(&admin, "ann", &[]).await;
    let again = admin
        .post(&format!("{PEOPLE}/{id}/invite"), json!({}))
        .await
        .expect(200);
    let second = text(&again, "invitation");
    let accept_as = async |invitation: &str, password: &str| {
        let body = json!({ "invitation": invitation, "password": password });
        app.stranger()
            .post("/api/v1/invitations/accept", body)
            .await
    };

    let replaced = accept_as(&first, PASSWORD).await;
    replaced.expect_problem(422, "invitation_unknown");
    for (password, message) in [
        ("short", "expected 12 to 256 characters"),
        ("aaaaaaaaaaaaaaaabbb", "it repeats the same few characters"),
        (
            "this holds ANN, too",
            "it holds the name that you sign in with",
        ),
    ] {
        let refused = accept_as(&second, password).await;
        let problem = refused.expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["message"], message);
    }
    accept_as(&second, PASSWORD).await.expect(200);
    let twice = accept_as(&second, "another good password").await;
    twice.expect_problem(422, "invitation_unknown");
    let third = admin
        .post(&format!("{PEOPLE}/{id}/invite"), json!({}))
        .await
        .expect(200);
    app.advance(Duration::from_hours(72));
    let late = accept_as(&text(&third, "invitation"), PASSWORD).await;

    late.expect_problem(422, "invitation_unknown");
    sign_in(&app.stranger(), "ann").await;
}

#[tokio::test]
async fn whoever_is_disabled_is_out_at_once() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = add(&admin, "ann", &["auditor"]).await;
    let ann = sign_in(&admin, "ann").await;
    ann.get("/api/v1/cases").await.expect(200);
    let path = format!("{PEOPLE}/{id}");

    let disabled = json!({ "is_disabled": true });
    let disabled = admin.patch(&path, disabled).await.expect(200);

    assert_eq!(disabled["disabled_at"], "2026-01-01T00:00:00Z");
    let answer = ann.get("/api/v1/cases").await;
    answer.expect_problem(401, "session_ended");
    let body = json!({ "login": "ann", "password": PASSWORD });
    let answer = admin.post("/api/v1/session", body).await;
    answer.expect_problem(401, "sign_in_refused");
    let enabled = json!({ "is_disabled": false });
    admin.patch(&path, enabled).await.expect(200);
    // What has ended does not come back.
    let answer = ann.get("/api/v1/cases").await;
    answer.expect_problem(401, "session_ended");
    sign_in(&admin, "ann")
        .await
        .get("/api/v1/cases")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_role_that_is_taken_away_is_gone_at_once() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = add(&admin, "ann", &["auditor", "reviewer"]).await;
    let ann = sign_in(&admin, "ann").await;
    ann.get("/api/v1/banks").await.expect(200);

    let change = json!({ "roles": ["reviewer"] });
    admin
        .patch(&format!("{PEOPLE}/{id}"), change)
        .await
        .expect(200);

    let answer = ann.get("/api/v1/banks").await;
    answer.expect_problem(403, "scope_missing");
    ann.get("/api/v1/cases").await.expect(200);
    let session = ann.get("/api/v1/session").await.expect(200);
    let scopes = [
        "items:read",
        "cases:read",
        "cases:decide",
        "policies:read",
        "actions:read",
        "reports:read",
    ];
    assert_eq!(session["scopes"], json!(scopes));
}

#[tokio::test]
async fn nobody_has_power_over_more_than_they_have() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let desk = json!({ "name": "desk", "scopes": ["people:read", "people:write", "cases:read"] });
    admin.post("/api/v1/roles", desk).await.expect(201);
    let keeper = signed_in(&admin, "keeper", &["desk"]).await;
    let lead = format!("{PEOPLE}/{}", add(&admin, "lead", &["lead"]).await);
    let (plain, _) = invited(&admin, "plain", &[]).await;
    let plain = format!("{PEOPLE}/{plain}");

    let greater = json!({ "name": "b", "login": "b", "roles": ["reviewer"] });
    for answer in [
        keeper.post(PEOPLE, greater).await,
        keeper.patch(&plain, json!({ "roles": ["reviewer"] })).await,
        keeper
            .patch(&plain, json!({ "roles": ["administrator"] }))
            .await,
        keeper.patch(&lead, json!({ "is_disabled": true })).await,
        keeper.patch(&lead, json!({ "roles": [] })).await,
        keeper
            .patch(&lead, json!({ "reset_second_factor": true }))
            .await,
        keeper.post(&format!("{lead}/invite"), json!({})).await,
        keeper
            .post(
                "/api/v1/roles",
                json!({ "name": "more", "scopes": ["admin"] }),
            )
            .await,
        keeper
            .patch(
                "/api/v1/roles/desk",
                json!({ "scopes": ["people:write", "scan"] }),
            )
            .await,
        keeper
            .patch("/api/v1/roles/reviewer", json!({ "description": "mine" }))
            .await,
    ] {
        answer.expect_problem(403, "scope_missing");
    }

    let given = keeper.patch(&plain, json!({ "roles": ["desk"] })).await;
    assert_eq!(given.expect(200)["roles"], json!(["desk"]));
    // An administrator gives child safety without having it.
    let boss = signed_in(&admin, "boss", &["administrator"]).await;
    boss.patch(&plain, json!({ "roles": ["senior"] }))
        .await
        .expect(200);
    let own = boss.get("/api/v1/session").await.expect(200);
    let own = format!("{PEOPLE}/{}", own["person"]["id"].as_str().unwrap());
    let answer = boss.patch(&own, json!({ "is_disabled": true })).await;
    answer.expect_problem(422, "invalid");
}

#[tokio::test]
async fn what_makes_no_sense_of_a_person_is_refused() {
    let app = TestApp::new().await;
    let admin = app.admin();
    add(&admin, "ann", &[]).await;

    for (body, field) in [
        (json!({ "name": " ", "login": "b" }), "name"),
        (json!({ "name": "b", "login": "" }), "login"),
        (json!({ "name": "b", "login": "with space" }), "login"),
        (json!({ "name": "b", "login": "x".repeat(65) }), "login"),
        (
            json!({ "name": "b", "login": "b", "roles": ["king"] }),
            "roles[0]",
        ),
        (
            json!({ "name": "b", "login": "b", "roles": ["lead", "lead"] }),
            "roles[1]",
        ),
    ] {
        let problem = admin
            .post(PEOPLE, body)
            .await
            .expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let taken = json!({ "name": "b", "login": "ANN" });
    let taken = admin.post(PEOPLE, taken).await;
    taken.expect_problem(409, "login_taken");
    for path in ["per_0", "per_0/invite"] {
        let path = format!("{PEOPLE}/{path}");
        let answer = match path.ends_with("invite") {
            true => admin.post(&path, json!({})).await,
            false => admin.get(&path).await,
        };
        answer.expect_problem(404, "not_found");
    }
    assert_eq!(app.count("people").await, 1);
    let logins: Vec<_> = admin.get(PEOPLE).await.expect(200)["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| text(one, "login"))
        .collect();
    assert_eq!(logins, ["ann"]);
}

#[tokio::test]
async fn taking_on_with_an_idempotency_key_happens_once_and_tells_the_invitation_once() {
    let app = TestApp::new().await;
    let new = json!({ "name": "Ann", "login": "ann" });

    let first = app.admin().post_once("once", PEOPLE, new.clone()).await;
    let second = app.admin().post_once("once", PEOPLE, new).await;

    let mut first = first.expect(201);
    assert!(text(&first, "invitation").starts_with("whi_"));
    first.as_object_mut().unwrap().remove("invitation");
    assert_eq!(second.expect(201), first);
    assert_eq!(app.count("people").await, 1);
}

#[tokio::test]
async fn what_a_person_does_has_their_name() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = add(&admin, "ann", &["reviewer"]).await;
    let ann = sign_in(&admin, "ann").await;
    let case = admin.case("post-1").await;

    let claimed = ann.post("/api/v1/cases/next", json!({})).await.expect(200);
    let decision =
        json!({ "case_version": 1, "policy": "p", "outcome": "no_violation", "reasons": "r" });
    let path = format!("/api/v1/cases/{case}/decisions");
    let decided = ann.post_once("once", &path, decision.clone()).await;
    let replayed = ann.post_once("once", &path, decision).await;

    assert_eq!(claimed["id"], case);
    assert_eq!(claimed["claim"]["by"], id);
    assert_eq!(claimed["claim"]["name"], "ann by name");
    let decided = decided.expect(201);
    assert_eq!(decided["decided_by"], id);
    assert_eq!(decided["decided_by_name"], "ann by name");
    assert_eq!(replayed.expect(201), decided);
    let entries = admin.get("/api/v1/ledger/entries?kind=case.decided").await;
    assert_eq!(entries.expect(200)["data"][0]["actor"], id);
}

#[tokio::test]
async fn the_first_person_is_made_on_the_command_line() {
    let place = Place::new().await;
    let server = place.start().await;
    let stranger = Client::new(server.address, None);

    let command = [
        "person",
        "add",
        "Ann",
        "--role",
        "administrator",
        "--role",
        "senior",
    ];
    let added = place.run(&command).await.expect(0);

    let invitation = added.out.lines().next().unwrap();
    let invitation = invitation.strip_prefix("invitation: ").unwrap();
    accept(&stranger, invitation, PASSWORD).await;
    let ann = sign_in(&stranger, "ann").await;
    let session = ann.get("/api/v1/session").await.expect(200);
    assert_eq!(session["person"]["name"], "Ann");
    assert_eq!(
        session["person"]["roles"],
        json!(["administrator", "senior"])
    );
    let id = session["person"]["id"].as_str().unwrap();
    let listed = place.run(&["person", "list"]).await.expect(0);
    assert_eq!(
        listed.out,
        format!("ann\tactive\t{id}\tAnn\tadministrator,senior\n")
    );
    place.run(&["person", "disable", "ANN"]).await.expect(0);
    let answer = ann.get("/api/v1/session").await;
    answer.expect_problem(401, "session_ended");
    place.run(&["person", "enable", "ann"]).await.expect(0);
    let again = place.run(&["person", "invite", "ann"]).await.expect(0);
    assert!(again.out.starts_with("invitation: whi_"), "{}", again.out);
    for wrong in [
        &["person", "add", "ann"][..],
        &["person", "add", "b", "--role", "king"],
        &["person", "add", "not a login"],
        &["person", "disable", "nobody"],
    ] {
        let refused = place.run(wrong).await.expect(2);
        assert!(refused.err.starts_with("error: "), "{}", refused.err);
    }
    let listed = place.run(&["person", "list"]).await.expect(0);
    assert_eq!(listed.out.lines().count(), 1);
    server.stop().await;
}
