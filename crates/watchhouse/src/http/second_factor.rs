//! The second factor of one's own sign-in: codes from a device.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::callers::SignedIn;
use super::error::{ApiResult, conflict, invalid};
use super::extract::Sent;
use super::sessions::{From, require_password, take_try};
use crate::app::App;
use crate::id::Name as _;
use crate::sign_in::{Device, RECOVERY_CODES, make_recovery_code, recovery_digest};
use crate::store::Tx;
use crate::store::people::Person;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnPassword {
    password: String,
}

/// What the device has to know. It is told this once.
#[derive(Serialize, ToSchema)]
pub struct NewDevice {
    /// For typing: base32.
    secret: String,
    /// For a picture that the device reads: `otpauth://totp/…`.
    address: String,
}

/// Add a second factor to one's sign-in.
///
/// It protects nothing before a first code has confirmed it. Whoever has one removes it first.
#[utoipa::path(post, path = "/session/second-factor", tag = "sessions", request_body = OwnPassword,
    responses((status = 200, body = NewDevice)))]
pub async fn add_second_factor(
    State(app): State<App>,
    signed_in: SignedIn,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Sent(own): Sent<OwnPassword>,
) -> ApiResult<Json<NewDevice>> {
    let from = From::of(&app, &headers, peer.as_deref());
    require_password(&app, &signed_in, &own.password, &from).await?;
    let secret: [u8; 20] = app.ids.random_bytes();
    let device = Device::new(&secret, issuer(&app), &signed_in.person.login)?;
    let sealed = app.secrets.seal(&secret)?;

    let mut tx = app.store.begin().await?;
    signed_in.caller.check_again(&app, &mut tx).await?;
    let person = tx.person_to_change(&signed_in.person.id).await?;
    if person.is_some_and(|person| person.second_factor().is_some()) {
        return Err(conflict(
            "second_factor_there",
            "you have a second factor already; remove it first",
        ));
    }
    tx.begin_totp(&signed_in.person.id, &sealed).await?;
    record(&mut tx, &signed_in, "second_factor.begun").await?;
    tx.commit().await?;
    app.wake();
    Ok(Json(NewDevice {
        secret: device.secret(),
        address: device.address()?,
    }))
}

/// What the device shows the codes under.
fn issuer(app: &App) -> &str {
    let url = &app.config.server.public_url;
    let host = url.split_once("://").map_or("", |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    if host.is_empty() { "Watchhouse" } else { host }
}

async fn record(tx: &mut Tx, signed_in: &SignedIn, kind: &str) -> ApiResult<()> {
    let details = json!({ "person": signed_in.person.id.as_str() });
    tx.record(&signed_in.caller.actor(), kind, details).await?;
    Ok(())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstCode {
    /// What the device shows at this moment.
    #[schema(example = "123456")]
    code: String,
}

/// They stand in for codes when the device is lost, each once. They are told this once.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// Confirm one's second factor with a first code.
///
/// From then on signing in takes one. The answer holds ten recovery codes, once; keep them on paper.
#[utoipa::path(post, path = "/session/second-factor/confirm", tag = "sessions",
    request_body = FirstCode, responses((status = 200, body = RecoveryCodes)))]
pub async fn confirm_second_factor(
    State(app): State<App>,
    signed_in: SignedIn,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Sent(first): Sent<FirstCode>,
) -> ApiResult<Json<RecoveryCodes>> {
    let from = From::of(&app, &headers, peer.as_deref());
    take_try(&app, &signed_in.person.login, &from)?;

    let mut tx = app.store.begin().await?;
    signed_in.caller.check_again(&app, &mut tx).await?;
    let person = tx.person_to_change(&signed_in.person.id).await?;
    let person = person.unwrap_or_else(|| signed_in.person.clone());
    if person.totp.is_none() || person.second_factor().is_some() {
        return Err(conflict(
            "nothing_to_confirm",
            "there is no second factor that waits for a first code; add one",
        ));
    }
    if !is_device_code(&app, &mut tx, &person, &first.code).await? {
        return Err(invalid("code", "this is not what the device shows now"));
    }
    let recovery_codes: Vec<String> = (0..RECOVERY_CODES)
        .map(|_| make_recovery_code(&app.ids))
        .collect();
    let digests: Vec<_> = recovery_codes
        .iter()
        .map(|code| recovery_digest(code))
        .collect();
    tx.confirm_totp(&person.id).await?;
    tx.replace_recovery_codes(&person.id, &digests).await?;
    record(&mut tx, &signed_in, "second_factor.added").await?;
    tx.commit().await?;
    app.wake();
    Ok(Json(RecoveryCodes { recovery_codes }))
}

/// Remove one's second factor.
#[utoipa::path(post, path = "/session/second-factor/remove", tag = "sessions",
    request_body = OwnPassword, responses((status = 204, description = "There is none any more")))]
pub async fn remove_second_factor(
    State(app): State<App>,
    signed_in: SignedIn,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Sent(own): Sent<OwnPassword>,
) -> ApiResult<StatusCode> {
    let from = From::of(&app, &headers, peer.as_deref());
    require_password(&app, &signed_in, &own.password, &from).await?;

    let mut tx = app.store.begin().await?;
    signed_in.caller.check_again(&app, &mut tx).await?;
    tx.remove_totp(&signed_in.person.id).await?;
    record(&mut tx, &signed_in, "second_factor.removed").await?;
    tx.commit().await?;
    app.wake();
    Ok(StatusCode::NO_CONTENT)
}

/// Whether this is a code of the person's device or a recovery code, and was not used before. It is used up by
/// that, when the transaction commits.
pub(super) async fn is_right_code(
    app: &App,
    tx: &mut Tx,
    person: &Person,
    code: &str,
) -> ApiResult<bool> {
    if is_device_code(app, tx, person, code).await? {
        return Ok(true);
    }
    let digest = recovery_digest(code);
    let is_used = tx.use_recovery_code(&person.id, &digest).await?;
    if is_used {
        let actor = crate::store::ledger::Actor::Caller((&person.id).into());
        let details = json!({
            "person": person.id.as_str(),
            "left": tx.recovery_codes_left(&person.id).await?,
        });
        tx.record(&actor, "recovery_code.used", details).await?;
    }
    Ok(is_used)
}

async fn is_device_code(app: &App, tx: &mut Tx, person: &Person, code: &str) -> ApiResult<bool> {
    let Some(totp) = &person.totp else {
        return Ok(false);
    };
    let secret = app.secrets.unseal(&totp.secret_sealed)?;
    let device = Device::new(&secret, issuer(app), &person.login)?;
    match device.step_of(code, tx.now) {
        Some(step) => Ok(tx.take_totp_step(&person.id, step).await?),
        None => Ok(false),
    }
}
