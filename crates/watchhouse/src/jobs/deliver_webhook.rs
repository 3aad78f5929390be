//! Tells an endpoint a message: Standard Webhooks, at least once, always with the same id.

use std::time::Duration;

use anyhow::Context as _;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::json;
use standardwebhooks::Webhook;
use url::Url;

use super::{Job, Outcome};
use crate::app::App;
use crate::clock::later;
use crate::id::{DeliveryId, Name as _};
use crate::metrics::OutcomeLabels;
use crate::outbound::{Answer, Refused};
use crate::store::Tx;
use crate::store::deliveries::{Attempt, Delivery, DeliveryState, Message};
use crate::store::ledger::Actor;
use crate::store::webhook_endpoints::WebhookEndpoint;

/// A receiver may ask for a pause, but not for longer than this.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// One delivery, until it is delivered or dead.
#[derive(Serialize, Deserialize)]
pub struct DeliverWebhook {
    pub delivery: DeliveryId,
    /// Attempts of earlier rounds: a replay begins the waits anew.
    pub attempts_before: u32,
}

/// What to do after an attempt.
enum Next {
    Delivered,
    Retry {
        after: Duration,
    },
    Dead,
    /// The receiver says that it is gone for good.
    Gone,
}

impl Job for DeliverWebhook {
    const NAME: &'static str = "deliver_webhook";
    // A failed attempt is no failed try: those are failures of our own, such as of the database.
    const TRIES: u32 = 1_000;

    async fn run(&self, app: &App) -> anyhow::Result<Outcome> {
        let mut tx = app.store.read().await?;
        let delivery = tx
            .delivery(&self.delivery)
            .await?
            .context("the delivery is gone")?;
        let endpoint = tx.webhook_endpoint(&delivery.endpoint_id).await?;
        let message = tx
            .message(&delivery.message_id)
            .await?
            .context("the message is gone")?;
        drop(tx);
        if delivery.state != DeliveryState::Pending {
            return Ok(Outcome::Done(app.store.begin().await?));
        }
        let Some(endpoint) = endpoint.filter(|endpoint| endpoint.is_enabled) else {
            let refused = Refused {
                code: "endpoint_off",
                message: "the endpoint is switched off or deleted".to_owned(),
            };
            return finish(app, &delivery, Err(refused), Duration::ZERO, Next::Dead).await;
        };
        let Some(_turn) = app.endpoint_turns.take(&endpoint.id) else {
            return Ok(Outcome::InLine(endpoint.id));
        };

        let began = std::time::Instant::now();
        let result = attempt(app, &endpoint, &message).await;
        let next = self.next(app, &delivery, &result);
        finish(app, &delivery, result, began.elapsed(), next).await
    }
}

impl DeliverWebhook {
    fn next(&self, app: &App, delivery: &Delivery, result: &Result<Answer, Refused>) -> Next {
        match result {
            Ok(answer) if (200..300).contains(&answer.status) => return Next::Delivered,
            Ok(answer) if answer.status == 410 => return Next::Gone,
            _ => {}
        }
        let round = delivery.attempts.saturating_sub(self.attempts_before) as usize;
        let Some(seconds) = app.config.webhooks.retry_seconds.get(round) else {
            return Next::Dead;
        };
        // A fifth either way, so that a receiver that comes back is not met by all at once.
        let share = 0.8 + 0.4 * app.ids.random_share();
        let mut after = Duration::from_secs(*seconds).mul_f64(share);
        if let Ok(answer) = result {
            after = after.max(asked_pause(&answer.headers).min(LONGEST_PAUSE));
        }
        Next::Retry { after }
    }
}

/// Retry-After in seconds; its form as a date is rare, and the waits of ours do for it.
fn asked_pause(headers: &HeaderMap) -> Duration {
    let seconds = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

async fn attempt(
    app: &App,
    endpoint: &WebhookEndpoint,
    message: &Message,
) -> Result<Answer, Refused> {
    let unsent = |error: anyhow::Error| Refused {
        code: "not_sent",
        message: format!("{error:#}"),
    };
    let url = Url::parse(&endpoint.url)
        .context("reading the endpoint's address")
        .map_err(unsent)?;
    let headers = signed_headers(app, endpoint, message).map_err(unsent)?;
    app.outbound
        .post(
            &url,
            headers,
            message.body.clone(),
            app.config.webhook_timeout(),
        )
        .await
}

fn signed_headers(
    app: &App,
    endpoint: &WebhookEndpoint,
    message: &Message,
) -> anyhow::Result<HeaderMap> {
    let now = app.clock.now();
    let mut secrets = vec![app.secrets.unseal(&endpoint.secret_sealed)?];
    if let Some((old, until)) = &endpoint.old_secret_sealed
        && *until > now
    {
        secrets.push(app.secrets.unseal(old)?);
    }
    let seconds = now.as_second();
    let mut signatures = Vec::new();
    for secret in secrets {
        let signer = Webhook::from_bytes(secret).context("reading the endpoint's secret")?;
        let signature = signer.sign(message.id.as_str(), seconds, message.body.as_bytes());
        signatures.push(signature.context("signing the message")?);
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("webhook-id", HeaderValue::from_str(message.id.as_str())?);
    headers.insert("webhook-timestamp", HeaderValue::from(seconds));
    headers.insert(
        "webhook-signature",
        HeaderValue::from_str(&signatures.join(" "))?,
    );
    Ok(headers)
}

/// Writes the attempt down, and what follows from it.
async fn finish(
    app: &App,
    delivery: &Delivery,
    result: Result<Answer, Refused>,
    took: Duration,
    next: Next,
) -> anyhow::Result<Outcome> {
    let mut tx = app.store.begin().await?;
    // Somebody else may have been here meanwhile: a second worker after a lapsed lease. Then this
    // attempt is not counted, and the delivery goes on as the other one left it.
    let earlier = delivery.attempts;
    let delivery = tx
        .delivery(&delivery.id)
        .await?
        .context("the delivery is gone")?;
    match delivery.next_attempt_at {
        None => return Ok(Outcome::Done(tx)),
        Some(at) if delivery.attempts != earlier => return Ok(Outcome::Again(tx, at)),
        Some(_) => {}
    }
    let number = delivery.attempts + 1;
    let attempt = match result {
        Ok(answer) => Attempt {
            number,
            at: tx.now,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            status: Some(u32::from(answer.status)),
            problem: (!matches!(next, Next::Delivered))
                .then(|| format!("the receiver answered {}", answer.status)),
            answer: Some(answer.beginning).filter(|text| !text.is_empty()),
        },
        Err(refused) => Attempt {
            number,
            at: tx.now,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            status: None,
            problem: Some(refused.message),
            answer: None,
        },
    };
    tx.insert_attempt(&delivery.id, &attempt).await?;
    let outcome = if matches!(next, Next::Delivered) {
        "delivered"
    } else {
        "failed"
    };
    app.metrics
        .delivery_attempts
        .get_or_create(&OutcomeLabels {
            outcome: outcome.to_owned(),
        })
        .inc();

    match next {
        Next::Retry { after } => {
            let at = later(tx.now, after);
            tx.retry_delivery(&delivery.id, number, at).await?;
            return Ok(Outcome::Again(tx, at));
        }
        Next::Delivered => end(&mut tx, &delivery, DeliveryState::Delivered, &attempt).await?,
        Next::Dead => end(&mut tx, &delivery, DeliveryState::Dead, &attempt).await?,
        Next::Gone => {
            end(&mut tx, &delivery, DeliveryState::Dead, &attempt).await?;
            switch_off(&mut tx, &delivery).await?;
        }
    }
    Ok(Outcome::Done(tx))
}

async fn end(
    tx: &mut Tx,
    delivery: &Delivery,
    state: DeliveryState,
    attempt: &Attempt,
) -> anyhow::Result<()> {
    tx.end_delivery(&delivery.id, state, attempt.number).await?;
    let details = json!({
        "delivery": delivery.id.as_str(),
        "message": delivery.message_id.as_str(),
        "endpoint": delivery.endpoint_id.as_str(),
        "attempts": attempt.number,
        "status": attempt.status,
    });
    tx.record(
        &Actor::System,
        &format!("delivery.{}", state.as_str()),
        details,
    )
    .await?;
    if state == DeliveryState::Dead {
        tracing::error!(
            delivery.id = %delivery.id,
            "delivery {} is dead after {} attempts: {}",
            delivery.id,
            attempt.number,
            attempt.problem.as_deref().unwrap_or("no reason is known"),
        );
    }
    Ok(())
}

async fn switch_off(tx: &mut Tx, delivery: &Delivery) -> anyhow::Result<()> {
    let endpoint = tx.webhook_endpoint_to_change(&delivery.endpoint_id).await?;
    let Some(mut endpoint) = endpoint else {
        return Ok(());
    };
    endpoint.is_enabled = false;
    endpoint.disabled_reason = Some("the receiver answered 410 Gone".to_owned());
    tx.update_webhook_endpoint(&endpoint).await?;
    let details = json!({ "endpoint": endpoint.id.as_str(), "reason": endpoint.disabled_reason });
    tx.record(&Actor::System, "webhook_endpoint.switched_off", details)
        .await?;
    Ok(())
}
