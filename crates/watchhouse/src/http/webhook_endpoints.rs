//! Webhook endpoints.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;
use utoipa::ToSchema;

use super::error::{ApiResult, invalid, not_found};
use super::extract::{Creation, Input, Listed, PageQuery, Params, Path, Scoped, page};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::{Timestamp, later};
use crate::id::{Name as _, WebhookEndpointId};
use crate::outbox::Event;
use crate::store;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhookEndpoint {
    #[schema(example = "https://forum.example.org/hooks/watchhouse")]
    url: String,
    #[serde(default)]
    description: String,
    /// What it wants to be told. Everything, if nothing is said.
    #[serde(default)]
    events: Vec<Event>,
}

impl Scoped for NewWebhookEndpoint {
    const SCOPE: Scope = Scope::WebhooksWrite;
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookEndpointChange {
    url: Option<String>,
    description: Option<String>,
    events: Option<Vec<Event>>,
    is_enabled: Option<bool>,
}

impl Scoped for WebhookEndpointChange {
    const SCOPE: Scope = Scope::WebhooksWrite;
}

#[derive(Serialize, ToSchema)]
pub struct WebhookEndpoint {
    id: WebhookEndpointId,
    url: String,
    description: String,
    /// Empty: everything.
    events: Vec<String>,
    is_enabled: bool,
    /// Why Watchhouse switched it off by itself, if it did.
    disabled_reason: Option<String>,
    /// Until when the secret before the last rotation signs too.
    old_secret_until: Option<Timestamp>,
    created_at: Timestamp,
}

/// An endpoint with its secret, which is told this once.
#[derive(Serialize, ToSchema)]
pub struct WebhookEndpointWithSecret {
    #[serde(flatten)]
    endpoint: WebhookEndpoint,
    /// What the receiver verifies with: any Standard Webhooks library takes it. It is shown this once.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
}

impl From<store::webhook_endpoints::WebhookEndpoint> for WebhookEndpoint {
    fn from(endpoint: store::webhook_endpoints::WebhookEndpoint) -> WebhookEndpoint {
        WebhookEndpoint {
            id: endpoint.id,
            url: endpoint.url,
            description: endpoint.description,
            events: endpoint.events,
            is_enabled: endpoint.is_enabled,
            disabled_reason: endpoint.disabled_reason,
            old_secret_until: endpoint.old_secret_sealed.map(|(_, until)| until),
            created_at: endpoint.created_at,
        }
    }
}

/// A new secret: the bytes to seal, and the text to tell.
fn make_secret(app: &App) -> ([u8; 32], String) {
    let secret = app.ids.random_bytes::<32>();
    let text = format!("whsec_{}", BASE64_STANDARD.encode(secret));
    (secret, text)
}

fn check_url(app: &App, url: &str) -> ApiResult<()> {
    let parsed = Url::parse(url)
        .map_err(|error| invalid("url", format!("\"{url}\" is no address: {error}")))?;
    Ok(app.outbound.check(&parsed)?)
}

fn names(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| event.as_str().to_owned())
        .collect()
}

/// Make a webhook endpoint.
///
/// The secret is in this answer and nowhere else: a repetition with the same Idempotency-Key gets the
/// endpoint without it.
#[utoipa::path(post, path = "/webhook-endpoints", tag = "webhooks", request_body = NewWebhookEndpoint,
    responses((status = 201, body = WebhookEndpointWithSecret)))]
pub async fn create_webhook_endpoint(
    State(app): State<App>,
    Creation {
        caller,
        body: new,
        once,
    }: Creation<NewWebhookEndpoint>,
) -> ApiResult<Response> {
    check_url(&app, &new.url)?;

    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replayed(&mut tx).await? {
        return Ok(answer);
    }
    let (secret, secret_text) = make_secret(&app);
    let endpoint = store::webhook_endpoints::WebhookEndpoint {
        id: tx.make(),
        url: new.url,
        description: new.description,
        events: names(&new.events),
        is_enabled: true,
        disabled_reason: None,
        secret_sealed: app.secrets.seal(&secret)?,
        old_secret_sealed: None,
        created_at: tx.now,
    };
    tx.insert_webhook_endpoint(&endpoint).await?;
    let details = json!({ "endpoint": endpoint.id.as_str(), "url": endpoint.url });
    tx.record(&caller.actor(), "webhook_endpoint.created", details)
        .await?;
    let created = WebhookEndpointWithSecret {
        endpoint: endpoint.into(),
        secret: secret_text,
    };
    let answer = once
        .answer_once(&mut tx, StatusCode::CREATED, &created, &created.endpoint)
        .await?;
    tx.commit().await?;
    app.wake();
    Ok(answer)
}

/// List webhook endpoints.
#[utoipa::path(get, path = "/webhook-endpoints", tag = "webhooks", params(PageQuery),
    responses((status = 200, body = Listed<WebhookEndpoint>)))]
pub async fn list_webhook_endpoints(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<PageQuery>,
) -> ApiResult<Json<Listed<WebhookEndpoint>>> {
    caller.require(Scope::WebhooksRead)?;
    let page = page(query.limit, query.after)?;
    let mut tx = app.store.read().await?;
    Ok(Listed::from_page(
        tx.webhook_endpoints(&page).await?,
        WebhookEndpoint::from,
    ))
}

/// Show a webhook endpoint.
#[utoipa::path(get, path = "/webhook-endpoints/{id}", tag = "webhooks",
    params(("id" = WebhookEndpointId, Path)), responses((status = 200, body = WebhookEndpoint)))]
pub async fn show_webhook_endpoint(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<WebhookEndpointId>,
) -> ApiResult<Json<WebhookEndpoint>> {
    caller.require(Scope::WebhooksRead)?;
    let mut tx = app.store.read().await?;
    let endpoint = tx
        .webhook_endpoint(&id)
        .await?
        .ok_or_else(|| not_found("webhook endpoint", &id))?;
    Ok(Json(endpoint.into()))
}

/// Change a webhook endpoint, or switch it on or off.
#[utoipa::path(patch, path = "/webhook-endpoints/{id}", tag = "webhooks",
    params(("id" = WebhookEndpointId, Path)), request_body = WebhookEndpointChange,
    responses((status = 200, body = WebhookEndpoint)))]
pub async fn change_webhook_endpoint(
    State(app): State<App>,
    Path(id): Path<WebhookEndpointId>,
    Input {
        caller,
        body: change,
    }: Input<WebhookEndpointChange>,
) -> ApiResult<Json<WebhookEndpoint>> {
    if let Some(url) = &change.url {
        check_url(&app, url)?;
    }

    let mut tx = app.store.begin().await?;
    let endpoint = tx.webhook_endpoint_to_change(&id).await?;
    let mut endpoint = endpoint.ok_or_else(|| not_found("webhook endpoint", &id))?;
    endpoint.url = change.url.unwrap_or(endpoint.url);
    endpoint.description = change.description.unwrap_or(endpoint.description);
    if let Some(events) = change.events {
        endpoint.events = names(&events);
    }
    if let Some(is_enabled) = change.is_enabled {
        endpoint.is_enabled = is_enabled;
        endpoint.disabled_reason = None;
    }
    tx.update_webhook_endpoint(&endpoint).await?;
    let details = json!({
        "endpoint": endpoint.id.as_str(),
        "url": endpoint.url,
        "events": endpoint.events,
        "is_enabled": endpoint.is_enabled,
    });
    tx.record(&caller.actor(), "webhook_endpoint.changed", details)
        .await?;
    tx.commit().await?;
    app.wake();
    Ok(Json(endpoint.into()))
}

/// Give a webhook endpoint a new secret.
///
/// The old one signs too for a day, so that the receiver can change over without a gap.
#[utoipa::path(post, path = "/webhook-endpoints/{id}/rotate-secret", tag = "webhooks",
    params(("id" = WebhookEndpointId, Path)),
    responses((status = 200, body = WebhookEndpointWithSecret)))]
pub async fn rotate_webhook_secret(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<WebhookEndpointId>,
) -> ApiResult<Json<WebhookEndpointWithSecret>> {
    caller.require(Scope::WebhooksWrite)?;
    let mut tx = app.store.begin().await?;
    let endpoint = tx.webhook_endpoint_to_change(&id).await?;
    let mut endpoint = endpoint.ok_or_else(|| not_found("webhook endpoint", &id))?;
    let (secret, secret_text) = make_secret(&app);
    let until = later(
        tx.now,
        Duration::from_secs(app.config.webhooks.old_secret_seconds),
    );
    let old = std::mem::replace(&mut endpoint.secret_sealed, app.secrets.seal(&secret)?);
    endpoint.old_secret_sealed = Some((old, until));
    tx.update_webhook_endpoint(&endpoint).await?;
    let details = json!({ "endpoint": id.as_str(), "old_until": until.to_string() });
    tx.record(&caller.actor(), "webhook_endpoint.secret_rotated", details)
        .await?;
    tx.commit().await?;
    app.wake();
    Ok(Json(WebhookEndpointWithSecret {
        endpoint: endpoint.into(),
        secret: secret_text,
    }))
}

/// Delete a webhook endpoint.
///
/// What is still on its way to it becomes dead.
#[utoipa::path(delete, path = "/webhook-endpoints/{id}", tag = "webhooks",
    params(("id" = WebhookEndpointId, Path)), responses((status = 204)))]
pub async fn delete_webhook_endpoint(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<WebhookEndpointId>,
) -> ApiResult<StatusCode> {
    caller.require(Scope::WebhooksWrite)?;
    let mut tx = app.store.begin().await?;
    if !tx.delete_webhook_endpoint(&id).await? {
        return Err(not_found("webhook endpoint", &id));
    }
    let details = json!({ "endpoint": id.as_str() });
    tx.record(&caller.actor(), "webhook_endpoint.deleted", details)
        .await?;
    tx.commit().await?;
    app.wake();
    Ok(StatusCode::NO_CONTENT)
}
