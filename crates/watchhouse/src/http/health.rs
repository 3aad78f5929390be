//! For machines that watch: alive, ready, measured.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{ApiError, ApiResult, unavailable};
use crate::app::App;
use crate::store;
use crate::store::deliveries::DeliveryState;

#[derive(Serialize, ToSchema)]
pub struct Health {
    status: &'static str,
}

/// Alive: the process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, body = Health)))]
pub async fn show_health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Ready: the index is built and follows the banks, and the database answers. Until then scans are held.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = Health)))]
pub async fn show_readiness(State(app): State<App>) -> ApiResult<Json<Health>> {
    if app.stop.is_cancelled() {
        return Err(unavailable("the server is stopping"));
    }
    if let Err(reason) = app.matcher.check_ready() {
        return Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "index_not_ready",
            reason.to_string(),
        ));
    }
    app.store.answers().await?;
    Ok(Json(Health { status: "ready" }))
}

/// Counters and gauges, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn show_metrics(State(app): State<App>) -> ApiResult<Response> {
    read_gauges(&app).await?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], app.metrics.page()).into_response())
}

/// Reads what is counted in the database and not as it happens.
async fn read_gauges(app: &App) -> store::Result<()> {
    let mut tx = app.store.read().await?;
    let (waiting, dead) = tx.job_counts().await?;
    app.metrics.waiting_jobs.set(waiting);
    app.metrics.dead_jobs.set(dead);
    app.metrics.open_cases.set(tx.open_case_count().await?);
    app.metrics
        .overdue_cases
        .set(tx.overdue_case_count().await?);
    app.metrics
        .pending_deliveries
        .set(tx.delivery_count(DeliveryState::Pending).await?);
    app.metrics
        .dead_deliveries
        .set(tx.delivery_count(DeliveryState::Dead).await?);
    app.metrics
        .ledger_waiting
        .set(tx.waiting_entry_count().await?);
    if let Some(newest) = tx.last_checkpoint().await? {
        app.metrics.ledger_size.set(newest.size);
    }
    Ok(())
}
