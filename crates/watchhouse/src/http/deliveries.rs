//! Deliveries: every attempt to tell, to be seen and repeated.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::error::{ApiResult, conflict, not_found};
use super::extract::{Listed, Params, Path, page};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::id::{DeliveryId, MessageId, Name as _, WebhookEndpointId};
use crate::jobs::{self, deliver_webhook::DeliverWebhook};
use crate::store;
use crate::store::Tx;
use crate::store::deliveries::DeliveryState;

#[derive(Serialize, ToSchema)]
pub struct Delivery {
    id: DeliveryId,
    endpoint: WebhookEndpointId,
    message: MessageId,
    #[schema(example = "action.requested")]
    kind: String,
    state: DeliveryState,
    attempts: u32,
    /// Null once it ended.
    next_attempt_at: Option<Timestamp>,
    created_at: Timestamp,
    ended_at: Option<Timestamp>,
}

/// A delivery with what is told and every attempt.
#[derive(Serialize, ToSchema)]
pub struct DeliveryInFull {
    #[serde(flatten)]
    delivery: Delivery,
    /// The exact text that is signed and sent.
    body: String,
    tries: Vec<Attempt>,
}

#[derive(Serialize, ToSchema)]
pub struct Attempt {
    number: u32,
    at: Timestamp,
    took_ms: u64,
    /// The receiver's HTTP status, if it answered.
    status: Option<u32>,
    /// Why it does not count as delivered.
    problem: Option<String>,
    /// The beginning of the receiver's answer.
    answer: Option<String>,
}

impl From<store::deliveries::Delivery> for Delivery {
    fn from(delivery: store::deliveries::Delivery) -> Delivery {
        Delivery {
            id: delivery.id,
            endpoint: delivery.endpoint_id,
            message: delivery.message_id,
            kind: delivery.message_kind,
            state: delivery.state,
            attempts: delivery.attempts,
            next_attempt_at: delivery.next_attempt_at,
            created_at: delivery.created_at,
            ended_at: delivery.ended_at,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// The id of an endpoint.
    endpoint: Option<WebhookEndpointId>,
    state: Option<DeliveryState>,
    /// How many at most, 1 to 200. 50 if nothing is said.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// List deliveries.
#[utoipa::path(get, path = "/deliveries", tag = "webhooks", params(DeliveryQuery),
    responses((status = 200, body = Listed<Delivery>)))]
pub async fn list_deliveries(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<DeliveryQuery>,
) -> ApiResult<Json<Listed<Delivery>>> {
    caller.require(Scope::WebhooksRead)?;
    let page = page(query.limit, query.after)?;
    let mut tx = app.store.read().await?;
    let deliveries = tx
        .deliveries(query.endpoint.as_ref(), query.state, &page)
        .await?;
    Ok(Listed::from_page(deliveries, Delivery::from))
}

/// Show a delivery, with every attempt.
#[utoipa::path(get, path = "/deliveries/{id}", tag = "webhooks", params(("id" = DeliveryId, Path)),
    responses((status = 200, body = DeliveryInFull)))]
pub async fn show_delivery(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<DeliveryId>,
) -> ApiResult<Json<DeliveryInFull>> {
    caller.require(Scope::WebhooksRead)?;
    let mut tx = app.store.read().await?;
    Ok(Json(read_in_full(&mut tx, &id).await?))
}

async fn read_in_full(tx: &mut Tx, id: &DeliveryId) -> ApiResult<DeliveryInFull> {
    let delivery = tx
        .delivery(id)
        .await?
        .ok_or_else(|| not_found("delivery", id))?;
    let message = tx.message(&delivery.message_id).await?;
    let tries = tx.attempts(id).await?;
    Ok(DeliveryInFull {
        delivery: delivery.into(),
        body: message.map(|message| message.body).unwrap_or_default(),
        tries: tries
            .into_iter()
            .map(|attempt| Attempt {
                number: attempt.number,
                at: attempt.at,
                took_ms: attempt.took_ms,
                status: attempt.status,
                problem: attempt.problem,
                answer: attempt.answer,
            })
            .collect(),
    })
}

/// Send a delivery again.
///
/// With the same message id, so that a receiver that had it drops it. Its waits begin anew.
#[utoipa::path(post, path = "/deliveries/{id}/replay", tag = "webhooks",
    params(("id" = DeliveryId, Path)), responses((status = 200, body = DeliveryInFull)))]
pub async fn replay_delivery(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<DeliveryId>,
) -> ApiResult<Json<DeliveryInFull>> {
    caller.require(Scope::WebhooksWrite)?;
    let mut tx = app.store.begin().await?;
    let delivery = tx
        .delivery(&id)
        .await?
        .ok_or_else(|| not_found("delivery", &id))?;
    if !tx.replay_delivery(&id).await? {
        return Err(conflict(
            "delivery_pending",
            "this delivery has not ended; it is tried by itself",
        ));
    }
    let job = DeliverWebhook {
        delivery: id.clone(),
        attempts_before: delivery.attempts,
    };
    let now = tx.now;
    jobs::enqueue(&mut tx, &job, now).await?;
    let details = json!({ "delivery": id.as_str(), "message": delivery.message_id.as_str() });
    tx.record(&caller.actor(), "delivery.replayed", details)
        .await?;
    let delivery = read_in_full(&mut tx, &id).await?;
    tx.commit().await?;
    app.wake();
    Ok(Json(delivery))
}
