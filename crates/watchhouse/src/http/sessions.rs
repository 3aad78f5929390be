//! Sessions: signing in, out, and the password.
//!
//! MUST NOT tell an unknown login from a wrong password, be it by the answer or by how long that takes.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::callers::{SignedIn, cookie_name, idle};
use super::error::{ApiError, ApiResult, invalid, not_found};
use super::extract::{Path, Sent};
use super::network::network;
use super::people::Person;
use super::second_factor::is_right_code;
use crate::app::App;
use crate::auth::{Caller, make_session_secret};
use crate::clock::{Timestamp, later};
use crate::id::{Name as _, SessionId};
use crate::people;
use crate::sign_in::{check_password, csrf_token};
use crate::store;
use crate::store::Tx;
use crate::store::ledger::Actor;
use crate::store::sessions::Method;

const LONGEST_BROWSER: usize = 200;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    #[schema(example = "ann")]
    login: String,
    password: String,
    /// From the device, or a recovery code; of whoever has a second factor.
    code: Option<String>,
}

/// Who is signed in, by which session, and what they may do.
#[derive(Serialize, ToSchema)]
pub struct CurrentSession {
    person: Person,
    /// All that the roles give, be it everywhere or in some queues and of some categories.
    scopes: Vec<&'static str>,
    session: Session,
    /// Send it as `x-csrf-token` with every call that changes something.
    csrf_token: String,
}

#[derive(Serialize, ToSchema)]
pub struct Session {
    id: SessionId,
    method: Method,
    /// The network in which it began.
    address: String,
    /// What the browser called itself.
    browser: String,
    began_at: Timestamp,
    /// To the minute.
    last_used_at: Timestamp,
    /// When it ends if nothing more is done in it.
    idle_until: Timestamp,
    /// When it ends whatever is done.
    ends_at: Timestamp,
    is_current: bool,
}

impl Session {
    fn of(app: &App, session: store::sessions::Session, current: &SessionId) -> Session {
        Session {
            idle_until: session.holds_until(idle(app)),
            is_current: session.id == *current,
            id: session.id,
            method: session.method,
            address: session.address,
            browser: session.browser,
            began_at: session.began_at,
            last_used_at: session.last_used_at,
            ends_at: session.ends_at,
        }
    }
}

impl CurrentSession {
    async fn read(tx: &mut Tx, app: &App, signed_in: SignedIn) -> store::Result<CurrentSession> {
        let SignedIn {
            person,
            session,
            caller,
            cookie,
        } = signed_in;
        let id = session.id.clone();
        Ok(CurrentSession {
            person: Person::read(tx, person).await?,
            scopes: caller.scopes(),
            session: Session::of(app, session, &id),
            csrf_token: csrf_token(&cookie),
        })
    }
}

/// Where somebody signs in from.
pub(super) struct From {
    network: std::net::IpAddr,
    browser: String,
}

impl From {
    pub(super) fn of(
        app: &App,
        headers: &HeaderMap,
        peer: Option<&ConnectInfo<SocketAddr>>,
    ) -> From {
        let browser = headers.get(header::USER_AGENT);
        let browser = browser.and_then(|value| value.to_str().ok()).unwrap_or("");
        From {
            network: network(app, headers, peer),
            browser: browser.chars().take(LONGEST_BROWSER).collect(),
        }
    }
}

/// Takes one try to show who one is.
pub(super) fn take_try(app: &App, login: &str, from: &From) -> ApiResult<()> {
    let Err(wait) = app.sign_in_limits.take(login, from.network) else {
        return Ok(());
    };
    let mut error = ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_tries",
        "this was tried too often; wait a while",
    );
    error.retry_after = Some(wait.as_secs() + 1);
    Err(error)
}

/// The same for whatever is wrong.
fn refused() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "sign_in_refused",
        "this login, password or code is not right, or may not sign in",
    )
}

/// Sign in with a password.
///
/// The answer sets the session's cookie. Of whoever has a second factor the call without `code` is answered
/// `code_needed`, if the password is right.
#[utoipa::path(post, path = "/session", tag = "sessions", security(()), request_body = NewSession,
    responses((status = 201, body = CurrentSession,
        headers(("set-cookie" = String, description = "The session's")))))]
pub async fn create_session(
    State(app): State<App>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Sent(new): Sent<NewSession>,
) -> ApiResult<Response> {
    let from = From::of(&app, &headers, peer.as_deref());
    let typed = new.login.trim().to_lowercase();
    take_try(&app, &typed, &from)?;
    let login = people::login(&typed);
    let person = match &login {
        Some(login) => app.store.read().await?.person_by_login(login).await?,
        None => None,
    };
    let person = person.filter(|person| person.disabled_at.is_none());
    // Before the transaction that writes: it takes a while.
    let kept = person.as_ref().and_then(|one| one.password.as_deref());
    let is_right = app.passwords.matches(&new.password, kept).await?;
    let Some(person) = person.filter(|_| is_right) else {
        tracing::warn!("a sign-in was refused");
        return Err(refused());
    };

    let mut tx = app.store.begin().await?;
    let checked = person.password;
    let person = tx.person_to_change(&person.id).await?;
    let is_unchanged =
        |one: &store::people::Person| one.password == checked && one.disabled_at.is_none();
    let person = person.filter(is_unchanged).ok_or_else(refused)?;
    if person.second_factor().is_some() {
        let Some(code) = &new.code else {
            return Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "code_needed",
                "send the code from the device, or a recovery code, as \"code\"",
            ));
        };
        if !is_right_code(&app, &mut tx, &person, code).await? {
            tracing::warn!("a sign-in was refused at the second factor");
            return Err(refused());
        }
    }
    begin(&app, tx, (person, Method::Password), from).await
}

/// Begins a session for somebody who has shown who they are, and answers with it.
pub(super) async fn begin(
    app: &App,
    mut tx: Tx,
    (person, method): (store::people::Person, Method),
    from: From,
) -> ApiResult<Response> {
    let id: SessionId = tx.make();
    let (cookie, secret_digest) = make_session_secret(&app.ids, &id);
    let session = store::sessions::Session {
        id,
        person_id: person.id.clone(),
        secret_digest,
        method,
        address: from.network.to_string(),
        browser: from.browser,
        began_at: tx.now,
        last_used_at: tx.now,
        ends_at: later(tx.now, Duration::from_hours(app.config.sign_in.max_hours)),
        ended_at: None,
    };
    tx.insert_session(&session).await?;
    tx.mark_signed_in(&person.id).await?;
    let grants = tx.grants(&person.id).await?;
    let caller = Caller::from_person(&person, session.id.clone(), &grants);
    let details = json!({ "session": session.id.as_str(), "method": method.as_str() });
    tx.record(&caller.actor(), "session.began", details).await?;
    let set_cookie = cookie_line(app, &cookie, app.config.sign_in.max_hours * 3_600);
    let signed_in = SignedIn {
        person: tx.person(&person.id).await?.unwrap_or(person),
        session,
        caller,
        cookie,
    };
    let answer = CurrentSession::read(&mut tx, app, signed_in).await?;
    tx.commit().await?;
    app.wake();
    let headers = [(header::SET_COOKIE, set_cookie)];
    Ok((StatusCode::CREATED, headers, Json(answer)).into_response())
}

/// `SameSite=Strict`: no other site's page has the browser send it.
fn cookie_line(app: &App, value: &str, seconds: u64) -> HeaderValue {
    let name = cookie_name(app);
    let secure = if app.config.has_tls() { "; Secure" } else { "" };
    let line =
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&line).expect("ids and base64 are plain")
}

/// Show who is signed in, and what they may do.
#[utoipa::path(get, path = "/session", tag = "sessions",
    responses((status = 200, body = CurrentSession)))]
pub async fn show_session(
    State(app): State<App>,
    signed_in: SignedIn,
) -> ApiResult<Json<CurrentSession>> {
    let mut tx = app.store.read().await?;
    Ok(Json(CurrentSession::read(&mut tx, &app, signed_in).await?))
}

/// Sign out.
#[utoipa::path(delete, path = "/session", tag = "sessions",
    responses((status = 204, description = "This session has ended")))]
pub async fn end_session(State(app): State<App>, signed_in: SignedIn) -> ApiResult<Response> {
    end(&app, &signed_in, &signed_in.session.id).await?;
    let headers = [(header::SET_COOKIE, cookie_line(&app, "", 0))];
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}

async fn end(app: &App, signed_in: &SignedIn, id: &SessionId) -> ApiResult<()> {
    let mut tx = app.store.begin().await?;
    if !tx.end_session(id, &signed_in.person.id).await? {
        return Err(not_found("session", id));
    }
    let details = json!({ "session": id.as_str() });
    tx.record(&signed_in.caller.actor(), "session.ended", details)
        .await?;
    tx.commit().await?;
    app.wake();
    Ok(())
}

#[derive(Serialize, ToSchema)]
pub struct Sessions {
    data: Vec<Session>,
}

/// List one's own sessions that hold, newest first, at most 200.
#[utoipa::path(get, path = "/sessions", tag = "sessions", responses((status = 200, body = Sessions)))]
pub async fn list_own_sessions(
    State(app): State<App>,
    signed_in: SignedIn,
) -> ApiResult<Json<Sessions>> {
    let mut tx = app.store.read().await?;
    let sessions = tx.live_sessions(&signed_in.person.id, idle(&app)).await?;
    let current = &signed_in.session.id;
    let data = sessions
        .into_iter()
        .map(|session| Session::of(&app, session, current))
        .collect();
    Ok(Json(Sessions { data }))
}

/// End one of one's own sessions, such as one that was left open elsewhere.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "sessions", params(("id" = SessionId, Path)),
    responses((status = 204, description = "It has ended")))]
pub async fn end_own_session(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<SessionId>,
) -> ApiResult<StatusCode> {
    end(&app, &signed_in, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The one that is good until now.
    password: String,
    /// 12 to 256 characters.
    new_password: String,
}

/// Change one's own password.
///
/// All other sessions of oneself end.
#[utoipa::path(post, path = "/session/password", tag = "sessions", request_body = NewPassword,
    responses((status = 204, description = "The new password holds")))]
pub async fn change_password(
    State(app): State<App>,
    signed_in: SignedIn,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Sent(new): Sent<NewPassword>,
) -> ApiResult<StatusCode> {
    let from = From::of(&app, &headers, peer.as_deref());
    require_password(&app, &signed_in, &new.password, &from).await?;
    let person = &signed_in.person;
    check_password(&new.new_password, &person.login)
        .map_err(|error| invalid("new_password", error.to_string()))?;
    let hash = app.passwords.hash(&new.new_password).await?;

    let mut tx = app.store.begin().await?;
    signed_in.caller.check_again(&app, &mut tx).await?;
    tx.set_password(&person.id, &hash).await?;
    tx.end_sessions(&person.id, Some(&signed_in.session.id))
        .await?;
    record_password(&mut tx, &signed_in.caller.actor(), person).await?;
    tx.commit().await?;
    app.wake();
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn record_password(
    tx: &mut Tx,
    actor: &Actor,
    person: &store::people::Person,
) -> store::Result<()> {
    let details = json!({ "person": person.id.as_str() });
    tx.record(actor, "password.set", details).await?;
    Ok(())
}

/// Refuses who does not know their own password: a browser may have been left alone.
pub(super) async fn require_password(
    app: &App,
    signed_in: &SignedIn,
    password: &str,
    from: &From,
) -> ApiResult<()> {
    take_try(app, &signed_in.person.login, from)?;
    let kept = signed_in.person.password.as_deref();
    if app.passwords.matches(password, kept).await? {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "password_wrong",
        "this is not your password",
    ))
}
