//! The second factor: codes from a device, each once, and recovery codes.

use std::time::Duration;

use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::app::TestApp;
use crate::client::{Answer, Client};
use crate::people::{PASSWORD, sign_in, signed_in};

const FACTOR: &str = "/api/v1/session/second-factor";

/// A device, as somebody has it in their pocket.
pub struct Device {
    /// Base32.
    pub secret: String,
    address: String,
}

impl Device {
    /// Begins to add a second factor for whoever is signed in.
    pub async fn add(person: &Client) -> Device {
        let own = json!({ "password": PASSWORD });
        let new = person.post(FACTOR, own).await.expect(200);
        Device {
            secret: new["secret"].as_str().unwrap().to_owned(),
            address: new["address"].as_str().unwrap().to_owned(),
        }
    }

    /// What it shows at the server's time.
    pub fn code(&self, app: &TestApp) -> String {
        self.code_in(app, 0)
    }

    pub fn code_in(&self, app: &TestApp, seconds: i64) -> String {
        let secret = Secret::try_from_base32(&self.secret).unwrap();
        let device = Builder::new().with_secret(secret).build().unwrap();
        let now = app.app.clock.now().as_second() + seconds;
        device.generate(now.unsigned_abs()).to_string()
    }

    /// Returns the recovery codes.
    async fn confirm(&self, app: &TestApp, person: &Client) -> Vec<String> {
        let body = json!({ "code": self.code(app) });
        let path = format!("{FACTOR}/confirm");
        let codes = person.post(&path, body).await.expect(200);
        let codes = codes["recovery_codes"].as_array().unwrap().iter();
        codes
            .map(|code| code.as_str().unwrap().to_owned())
            .collect()
    }
}

async fn sign_in_with(app: &TestApp, code: &str) -> Answer {
    let body = json!({ "login": "ann", "password": PASSWORD, "code": code });
    app.stranger().post("/api/v1/session", body).await
}

#[tokio::test]
async fn the_codes_are_those_of_rfc_6238() {
    // Appendix B, by SHA-1; of the eight digits there the last six.
    let secret = b"12345678901234567890".to_vec();
    let device = watchhouse::sign_in::Device::new(&secret, "Watchhouse", "ann").unwrap();
    for (seconds, code) in [
        (59_i64, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
    ] {
        let at = |seconds| watchhouse::clock::Timestamp::from_second(seconds).unwrap();
        let step = Some(seconds.unsigned_abs() / 30);
        assert_eq!(device.step_of(code, at(seconds)), step, "{seconds}");
        assert_eq!(device.step_of(code, at(seconds + 30)), step, "{seconds}");
        assert_eq!(device.step_of(code, at(seconds - 30)), step, "{seconds}");
        assert_eq!(device.step_of(code, at(seconds + 60)), None, "{seconds}");
        if seconds > 60 {
            assert_eq!(device.step_of(code, at(seconds - 60)), None, "{seconds}");
        }
    }
    for nonsense in ["", "28708", "2870820", "abcdef", "２８７０８２"] {
        let at = watchhouse::clock::Timestamp::from_second(59).unwrap();
        assert_eq!(device.step_of(nonsense, at), None, "{nonsense}");
    }
}

#[tokio::test]
async fn a_confirmed_second_factor_is_needed_to_sign_in() {
    let app = TestApp::new().await;
    let ann = signed_in(&app.admin(), "ann", &[]).await;
    let device = Device::add(&ann).await;
    let expected = format!("otpauth://totp/Watchhouse:ann?secret={}", device.secret);
    assert!(device.address.starts_with(&expected), "{}", device.address);
    // Not confirmed, it protects nothing.
    sign_in(&app.stranger(), "ann").await;
    let body = json!({ "code": "000000" });
    let answer = ann.post(&format!("{FACTOR}/confirm"), body).await;
    answer.expect_problem(422, "invalid");

    let codes = device.confirm(&app, &ann).await;

    assert_eq!(codes.len(), 10);
    app.advance(Duration::from_secs(30));
    let without = json!({ "login": "ann", "password": PASSWORD });
    let answer = app.stranger().post("/api/v1/session", without).await;
    answer.expect_problem(401, "code_needed");
    let wrong = json!({ "login": "ann", "password": "not it", "code": device.code(&app) });
    let answer = app.stranger().post("/api/v1/session", wrong).await;
    answer.expect_problem(401, "sign_in_refused");
    let answer = sign_in_with(&app, "000000").await;
    answer.expect_problem(401, "sign_in_refused");
    let spaced = device.code(&app);
    let spaced = format!("{} {}", &spaced[..3], &spaced[3..]);
    let session = sign_in_with(&app, &spaced).await.expect(201);
    assert_eq!(session["person"]["has_second_factor"], true);
    let answer = ann.post(FACTOR, json!({ "password": PASSWORD })).await;
    answer.expect_problem(409, "second_factor_there");
    let answer = ann
        .post(
            &format!("{FACTOR}/confirm"),
            json!({ "code": device.code(&app) }),
        )
        .await;
    answer.expect_problem(409, "nothing_to_confirm");
}

#[tokio::test]
async fn a_code_is_good_once() {
    let app = TestApp::new().await;
    let ann = signed_in(&app.admin(), "ann", &[]).await;
    let device = Device::add(&ann).await;
    let recovery = device.confirm(&app, &ann).await;

    // The one that confirmed is used up.
    let answer = sign_in_with(&app, &device.code(&app)).await;
    answer.expect_problem(401, "sign_in_refused");
    app.advance(Duration::from_secs(60));
    let code = device.code(&app);
    sign_in_with(&app, &code).await.expect(201);
    for used in [code, device.code_in(&app, -30)] {
        let answer = sign_in_with(&app, &used).await;
        answer.expect_problem(401, "sign_in_refused");
    }
    let recovery_code = recovery[3].to_uppercase().replace('-', " ");
    sign_in_with(&app, &recovery_code).await.expect(201);
    let answer = sign_in_with(&app, &recovery[3]).await;
    answer.expect_problem(401, "sign_in_refused");
    sign_in_with(&app, &recovery[4]).await.expect(201);

    let left: Vec<Value> = app.recorded("recovery_code.used").await;
    let left: Vec<_> = left
        .iter()
        .map(|one| one["left"].as_u64().unwrap())
        .collect();
    assert_eq!(left, [9, 8]);
}

#[tokio::test]
async fn of_two_who_use_a_code_at_once_one_gets_in() {
    let app = TestApp::new().await;
    let ann = signed_in(&app.admin(), "ann", &[]).await;
    let device = Device::add(&ann).await;
    let recovery = device.confirm(&app, &ann).await;
    app.advance(Duration::from_secs(30));

    for code in [device.code(&app), recovery[0].clone()] {
        let tries = (0..5).map(|_| sign_in_with(&app, &code));
        let answers = futures::future::join_all(tries).await;
        let n_in = answers.iter().filter(|answer| answer.status == 201);
        assert_eq!(n_in.count(), 1);
    }
}

#[tokio::test]
async fn a_second_factor_is_removed_by_its_owner_or_reset() {
    let app = TestApp::new().await;
    let ann = signed_in(&app.admin(), "ann", &[]).await;
    let device = Device::add(&ann).await;
    device.confirm(&app, &ann).await;
    let path = format!("{FACTOR}/remove");
    let answer = ann.post(&path, json!({ "password": "not it" })).await;
    answer.expect_problem(403, "password_wrong");

    ann.post(&path, json!({ "password": PASSWORD }))
        .await
        .expect(204);

    let ann = sign_in(&app.stranger(), "ann").await;
    let device = Device::add(&ann).await;
    app.advance(Duration::from_secs(60));
    device.confirm(&app, &ann).await;
    let id = ann.get("/api/v1/session").await.expect(200)["person"]["id"].clone();
    let person = format!("/api/v1/people/{}", id.as_str().unwrap());
    let reset = json!({ "reset_second_factor": true });
    let reset = app.admin().patch(&person, reset).await.expect(200);
    assert_eq!(reset["has_second_factor"], false);
    let answer = ann.get("/api/v1/session").await;
    answer.expect_problem(401, "session_ended");
    sign_in(&app.stranger(), "ann").await;
    assert_eq!(app.count("recovery_codes").await, 0);
}

#[tokio::test]
async fn where_it_is_required_nothing_is_done_without() {
    let app = TestApp::with(|config| config.sign_in.require_second_factor = true).await;
    let ann = signed_in(&app.admin(), "ann", &["reviewer"]).await;

    let answer = ann.get("/api/v1/cases").await;

    answer.expect_problem(403, "second_factor_needed");
    ann.get("/api/v1/session").await.expect(200);
    let device = Device::add(&ann).await;
    let answer = ann.get("/api/v1/cases").await;
    answer.expect_problem(403, "second_factor_needed");
    device.confirm(&app, &ann).await;
    ann.get("/api/v1/cases").await.expect(200);
}
