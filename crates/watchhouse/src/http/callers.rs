//! Who calls: a program with its key, or a person with the cookie of their session. What either may do is for
//! `auth` to say.
//!
//! A cookie is sent by the browser whoever asks it to, so a call by one that changes something MUST come with the
//! token that only a page of ours knows.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};

use super::error::{ApiError, ApiResult};
use crate::app::App;
use crate::auth::{self, Caller, Scope};
use crate::clock::{Timestamp, earlier};
use crate::id::{CaseId, KeyId, SessionId};
use crate::sign_in::is_csrf_token;
use crate::store::Tx;
use crate::store::keys::ApiKey;
use crate::store::people::Person;
use crate::store::sessions::{Session, USES_KEPT_EVERY};

pub const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

impl Caller {
    pub fn require(&self, scope: Scope) -> ApiResult<()> {
        if self.may(scope) {
            return Ok(());
        }
        let message = format!("\"{}\" has not the scope \"{}\"", self.name, scope.as_str());
        Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "scope_missing",
            message,
        ))
    }

    /// Refuses a case that is not within the caller's reach by this scope.
    pub async fn require_case(&self, tx: &mut Tx, scope: Scope, case: &CaseId) -> ApiResult<()> {
        if tx.is_within(&self.reach(scope), case).await? {
            return Ok(());
        }
        Err(beyond_reach(self))
    }

    /// Refuses a caller whose key or session ended after the call began, for a body may take long to come.
    pub async fn check_again(&self, app: &App, tx: &mut Tx) -> ApiResult<()> {
        let Some(signed_in) = &self.session else {
            let key = tx.key(&KeyId::from(&self.id)).await?;
            return check_lasting(&key.ok_or_else(unknown_key)?, tx.now);
        };
        let session = tx.session(&signed_in.id).await?;
        let person = tx.person(&signed_in.person).await?;
        let holds = session.is_some_and(|one| one.is_live_at(tx.now, idle(app)))
            && person.is_some_and(|one| one.disabled_at.is_none());
        holds.then_some(()).ok_or_else(session_ended)
    }
}

/// The caller may have nothing to do with a case, or with what it is about.
pub(super) fn beyond_reach(caller: &Caller) -> ApiError {
    ApiError::new(
        StatusCode::FORBIDDEN,
        "case_out_of_reach",
        format!(
            "\"{}\" may have nothing to do with this case: it is of child safety and that scope is missing, or \
             of a queue or category that no role reaches",
            caller.name
        ),
    )
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Caller, ApiError> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            return call_by_key(app, &parts.headers).await;
        }
        if session_cookie(app, &parts.headers).is_none() {
            return Err(refused(
                "key_missing",
                "send an API key as `Authorization: Bearer whk_…`, or sign in",
            ));
        }
        let signed_in = SignedIn::from_request_parts(parts, app).await?;
        if app.config.sign_in.require_second_factor && signed_in.person.second_factor().is_none() {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "second_factor_needed",
                "add a second factor to your sign-in first: `POST /api/v1/session/second-factor`",
            ));
        }
        Ok(signed_in.caller)
    }
}

/// A person who calls by their session: what is asked of calls about oneself.
pub struct SignedIn {
    pub person: Person,
    pub session: Session,
    pub caller: Caller,
    /// The cookie's text.
    pub cookie: String,
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<SignedIn, ApiError> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            call_by_key(app, &parts.headers).await?;
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "not_a_person",
                "this is for people who are signed in, and not for keys",
            ));
        }
        let Some(cookie) = session_cookie(app, &parts.headers) else {
            return Err(refused("key_missing", "sign in first"));
        };
        let signed_in = authenticate_person(app, cookie).await?;
        if ![Method::GET, Method::HEAD].contains(&parts.method) {
            let said = parts.headers.get(CSRF_TOKEN);
            let said = said.and_then(|value| value.to_str().ok()).unwrap_or("");
            if !is_csrf_token(cookie, said) {
                return Err(ApiError::new(
                    StatusCode::FORBIDDEN,
                    "csrf_token_missing",
                    "a call by cookie that changes something sends the session's `csrf_token` as \
                     `x-csrf-token`; see `GET /api/v1/session`",
                ));
            }
        }
        take_turn(app, &signed_in.caller, None)?;
        if signed_in.session.last_used_at < earlier(app.clock.now(), USES_KEPT_EVERY) {
            app.spawn(touch_session(app.clone(), signed_in.session.id.clone()));
        }
        Ok(signed_in)
    }
}

async fn call_by_key(app: &App, headers: &HeaderMap) -> ApiResult<Caller> {
    let key = authenticate_key(app, headers).await?;
    let caller = Caller::from_key(&key);
    take_turn(app, &caller, Some(&key))?;
    if app.last_uses.is_due(&key, app.clock.now()) {
        app.spawn(touch_key(app.clone(), key.id.clone()));
    }
    Ok(caller)
}

/// Takes one call from what the caller has left.
fn take_turn(app: &App, caller: &Caller, key: Option<&ApiKey>) -> ApiResult<()> {
    let defaults = &app.config.keys;
    let per_second = key
        .and_then(|key| key.rate_per_second)
        .unwrap_or(defaults.rate_per_second);
    let burst = key
        .and_then(|key| key.burst)
        .unwrap_or(defaults.burst.max(per_second));
    if let Err(wait) = app.rate_limits.take(&caller.id, per_second, burst) {
        let message = format!("\"{}\" may call {per_second} times a second", caller.name);
        let mut error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message);
        error.retry_after = Some(wait.as_secs() + 1);
        return Err(error);
    }
    Ok(())
}

async fn touch_key(app: App, key: KeyId) {
    let touched = async {
        let mut tx = app.store.begin().await?;
        tx.touch_key(&key).await?;
        tx.commit().await
    };
    if let Err(error) = touched.await {
        tracing::warn!("the last use of key {key} could not be kept: {error}");
    }
}

async fn touch_session(app: App, session: SessionId) {
    let touched = async {
        let mut tx = app.store.begin().await?;
        tx.touch_session(&session).await?;
        tx.commit().await
    };
    if let Err(error) = touched.await {
        tracing::warn!("the last use of session {session} could not be kept: {error}");
    }
}

async fn authenticate_key(app: &App, headers: &HeaderMap) -> ApiResult<Arc<ApiKey>> {
    let text = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, text)| text)
        .ok_or_else(unknown_key)?;
    let (id, digest) = auth::parse_secret(text.trim()).ok_or_else(unknown_key)?;
    let key = match app.known_keys.find(&id) {
        Ok(key) => key,
        Err(reading) => {
            let key = app.store.read().await?.key(&id).await?;
            let key = Arc::new(key.ok_or_else(unknown_key)?);
            app.known_keys.keep(reading, Arc::clone(&key));
            key
        }
    };
    if !auth::secrets_match(&key.secret_digest, &digest) {
        return Err(unknown_key());
    }
    check_lasting(&key, app.clock.now())?;
    Ok(key)
}

/// Read anew for each call: whoever is disabled, or has lost a role, is so at once, whichever node was told.
async fn authenticate_person(app: &App, cookie: &str) -> ApiResult<SignedIn> {
    let (id, digest) = auth::parse_session_secret(cookie).ok_or_else(session_ended)?;
    let mut tx = app.store.read().await?;
    let session = tx.session(&id).await?.ok_or_else(session_ended)?;
    if !auth::secrets_match(&session.secret_digest, &digest)
        || !session.is_live_at(tx.now, idle(app))
    {
        return Err(session_ended());
    }
    let person = tx.person(&session.person_id).await?;
    let person = person.ok_or_else(session_ended)?;
    if person.disabled_at.is_some() {
        return Err(session_ended());
    }
    let grants = tx.grants(&person.id).await?;
    Ok(SignedIn {
        caller: Caller::from_person(&person, session.id.clone(), &grants),
        person,
        session,
        cookie: cookie.to_owned(),
    })
}

/// What the browser sends as our cookie.
fn session_cookie<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    let name = cookie_name(app);
    let lines = headers.get_all(header::COOKIE).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(of, _)| *of == name)
        .map(|(_, value)| value)
}

/// Browsers take a name with `__Host-` from this very host alone, over TLS.
pub fn cookie_name(app: &App) -> &'static str {
    if app.config.has_tls() {
        "__Host-watchhouse"
    } else {
        "watchhouse"
    }
}

/// For how long a session holds in which nothing is done.
pub fn idle(app: &App) -> Duration {
    Duration::from_mins(app.config.sign_in.idle_minutes)
}

fn check_lasting(key: &ApiKey, now: Timestamp) -> ApiResult<()> {
    if key.revoked_at.is_some() {
        return Err(refused("key_revoked", "this API key was revoked"));
    }
    if key.expires_at.is_some_and(|at| at <= now) {
        return Err(refused("key_expired", "this API key has expired"));
    }
    Ok(())
}

fn refused(code: &'static str, message: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, code, message)
}

fn unknown_key() -> ApiError {
    refused("key_unknown", "this API key is not known here")
}

fn session_ended() -> ApiError {
    refused("session_ended", "this session has ended; sign in again")
}
