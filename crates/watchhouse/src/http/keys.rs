//! API keys.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::error::{ApiError, ApiResult, invalid, not_found};
use super::extract::{Creation, Listed, PageQuery, Params, Path, Scoped, page};
use crate::app::App;
use crate::auth::{Caller, Scope, make_secret};
use crate::clock::Timestamp;
use crate::id::{KeyId, Name as _, OrganisationId};
use crate::store::keys::ApiKey;

const LONGEST_NAME: usize = 100;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Who or what uses it; shown beside everything that it does.
    #[schema(example = "review desk")]
    name: String,
    scopes: Vec<Scope>,
    /// After this it is refused. If nothing is said, never, or with the key that makes it.
    expires_at: Option<Timestamp>,
    /// Calls a second. The settings' default, if nothing is said.
    rate_per_second: Option<u32>,
    /// Calls at once.
    burst: Option<u32>,
    /// Whose key it is, if it is an organisation's that reports. Such a key has the scopes `reports:write`
    /// and `reports:read` and no others.
    organisation: Option<OrganisationId>,
}

impl Scoped for NewKey {
    const SCOPE: Scope = Scope::KeysWrite;
}

/// A key. Its secret is told once, when it is made.
#[derive(Serialize, ToSchema)]
pub struct Key {
    id: KeyId,
    name: String,
    scopes: Vec<String>,
    rate_per_second: Option<u32>,
    burst: Option<u32>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    /// To the minute.
    last_used_at: Option<Timestamp>,
    organisation: Option<OrganisationId>,
}

#[derive(Serialize, ToSchema)]
pub struct CreatedKey {
    #[serde(flatten)]
    key: Key,
    /// What to send as `Authorization: Bearer …`. It is shown this once.
    secret: String,
}

impl From<ApiKey> for Key {
    fn from(key: ApiKey) -> Key {
        Key {
            id: key.id,
            name: key.name,
            scopes: key.scopes,
            rate_per_second: key.rate_per_second,
            burst: key.burst,
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
            organisation: key.organisation_id,
        }
    }
}

/// Make an API key.
///
/// The secret is in this answer and nowhere else: a repetition with the same Idempotency-Key gets the
/// key without it. A key gives no scope that it has not, and no time beyond its own.
#[utoipa::path(post, path = "/keys", tag = "keys", request_body = NewKey,
    responses((status = 201, body = CreatedKey)))]
pub async fn create_key(
    State(app): State<App>,
    Creation {
        caller,
        body: new,
        once,
    }: Creation<NewKey>,
) -> ApiResult<Response> {
    let mut tx = app.store.begin().await?;
    caller.check_again(&app, &mut tx).await?;
    if let Some(answer) = once.replayed(&mut tx).await? {
        return Ok(answer);
    }
    // After the replay: what was in the future at the first time may have passed.
    check(&caller, &new, tx.now)?;
    if let Some(organisation) = &new.organisation
        && tx.organisation(organisation).await?.is_none()
    {
        let message = format!("there is no organisation \"{organisation}\"");
        return Err(invalid("organisation", message));
    }
    let id: KeyId = tx.make();
    let (secret, secret_digest) = make_secret(&app.ids, &id);
    let key = ApiKey {
        id,
        name: new.name,
        secret_digest,
        scopes: new
            .scopes
            .iter()
            .map(|scope| scope.as_str().to_owned())
            .collect(),
        rate_per_second: new.rate_per_second,
        burst: new.burst,
        created_at: tx.now,
        expires_at: new.expires_at.or(caller.expires_at),
        revoked_at: None,
        last_used_at: None,
        organisation_id: new.organisation,
    };
    tx.insert_key(&key).await?;
    let details = json!({
        "key": key.id.as_str(),
        "name": key.name,
        "scopes": key.scopes,
        "expires_at": key.expires_at.map(|at| at.to_string()),
        "organisation": key.organisation_id.as_ref().map(|id| id.as_str()),
    });
    tx.record(&caller.actor(), "key.created", details).await?;
    let created = CreatedKey {
        key: key.into(),
        secret,
    };
    let answer = once
        .answer_once(&mut tx, StatusCode::CREATED, &created, &created.key)
        .await?;
    tx.commit().await?;
    app.wake();
    Ok(answer)
}

fn check(caller: &Caller, new: &NewKey, now: Timestamp) -> ApiResult<()> {
    if new.name.trim().is_empty() || new.name.chars().count() > LONGEST_NAME {
        return Err(invalid(
            "name",
            format!("expected 1 to {LONGEST_NAME} characters"),
        ));
    }
    if new.scopes.is_empty() {
        return Err(invalid(
            "scopes",
            "a key without a scope can do nothing; name at least one",
        ));
    }
    // Nobody gives away more than they have.
    let scopes: Vec<_> = new
        .scopes
        .iter()
        .map(|one| one.as_str().to_owned())
        .collect();
    if let Some(scope) = caller.lacks(&scopes) {
        let message =
            format!("nobody may give scopes that they have not themselves, such as \"{scope}\"");
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "scope_missing",
            message,
        ));
    }
    let is_reporters = |scope: &Scope| matches!(scope, Scope::ReportsWrite | Scope::ReportsRead);
    if new.organisation.is_some() && !new.scopes.iter().all(is_reporters) {
        return Err(invalid(
            "scopes",
            "an organisation's key may have \"reports:write\" and \"reports:read\" and no others",
        ));
    }
    if new.expires_at.is_some_and(|at| at <= now) {
        return Err(invalid("expires_at", "this is in the past"));
    }
    if let (Some(end), Some(own_end)) = (new.expires_at, caller.expires_at)
        && end > own_end
    {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "outlives_caller",
            format!("a key may not outlive the key that makes it, which ends at {own_end}"),
        ));
    }
    for (field, limit) in [
        ("rate_per_second", new.rate_per_second),
        ("burst", new.burst),
    ] {
        if limit == Some(0) {
            return Err(invalid(
                field,
                "expected at least 1; revoke a key to stop it",
            ));
        }
    }
    Ok(())
}

/// List API keys.
#[utoipa::path(get, path = "/keys", tag = "keys", params(PageQuery),
    responses((status = 200, body = Listed<Key>)))]
pub async fn list_keys(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<PageQuery>,
) -> ApiResult<Json<Listed<Key>>> {
    caller.require(Scope::KeysWrite)?;
    let page = page(query.limit, query.after)?;
    let mut tx = app.store.read().await?;
    Ok(Listed::from_page(tx.keys(&page).await?, Key::from))
}

/// Show the key that this call is made with.
#[utoipa::path(get, path = "/keys/current", tag = "keys", responses((status = 200, body = Key)))]
pub async fn show_current_key(State(app): State<App>, caller: Caller) -> ApiResult<Json<Key>> {
    find(&app, &KeyId::from(&caller.id)).await
}

/// Show an API key.
#[utoipa::path(get, path = "/keys/{id}", tag = "keys", params(("id" = KeyId, Path)),
    responses((status = 200, body = Key)))]
pub async fn show_key(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<KeyId>,
) -> ApiResult<Json<Key>> {
    caller.require(Scope::KeysWrite)?;
    find(&app, &id).await
}

async fn find(app: &App, id: &KeyId) -> ApiResult<Json<Key>> {
    let mut tx = app.store.read().await?;
    let key = tx.key(id).await?.ok_or_else(|| not_found("key", id))?;
    Ok(Json(key.into()))
}

/// Revoke an API key.
///
/// At once and for good. What it did stays on record under its name. It takes a key that has all the
/// scopes of the one that is revoked.
#[utoipa::path(delete, path = "/keys/{id}", tag = "keys", params(("id" = KeyId, Path)),
    responses((status = 200, body = Key)))]
pub async fn revoke_key(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<KeyId>,
) -> ApiResult<Json<Key>> {
    caller.require(Scope::KeysWrite)?;
    let mut tx = app.store.begin().await?;
    let key = tx.key(&id).await?.ok_or_else(|| not_found("key", &id))?;
    if let Some(scope) = caller.lacks(&key.scopes) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "scope_missing",
            format!(
                "nobody may revoke keys with scopes that they have not themselves, such as \"{scope}\""
            ),
        ));
    }
    if tx.revoke_key(&id).await? {
        tx.record(
            &caller.actor(),
            "key.revoked",
            json!({ "key": id.as_str() }),
        )
        .await?;
    }
    let key = tx.key(&id).await?.ok_or_else(|| not_found("key", &id))?;
    tx.commit().await?;
    app.known_keys.forget();
    app.wake();
    Ok(Json(key.into()))
}
