//! Around every call: its id, its time limit, its line in the log, its counts.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::error::unavailable;
use crate::app::App;
use crate::id::RequestId;
use crate::metrics::RequestLabels;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the call that this task answers.
pub fn current_request_id() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// The method, as far as it is one that HTTP has: a caller may make up others, and each would stay in
/// the metrics.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

pub async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let id: RequestId = app.ids.make(app.clock.now());
    let method = known(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unknown".to_owned(), |path| path.as_str().to_owned());
    // An import takes as long as its file is long, and reads the body as it comes.
    let limit = match route.ends_with("/import") {
        true => Duration::from_hours(12),
        false => Duration::from_secs(app.config.server.request_timeout_seconds),
    };

    let began = Instant::now();
    let answer = CURRENT.scope(id.to_string(), async {
        tokio::time::timeout(limit, next.run(request))
            .await
            .unwrap_or_else(|_| {
                unavailable(format!(
                    "not done within {} s, and what became of it is unknown; repeat it with the same \
                     Idempotency-Key",
                    limit.as_secs()
                ))
                .into_response()
            })
    });
    let mut response = answer.await;
    let took = began.elapsed();

    let status = response.status();
    let labels = RequestLabels {
        route: route.clone(),
        method: method.to_owned(),
        status: status.as_u16(),
    };
    app.metrics.requests.get_or_create(&labels).inc();
    app.metrics.request_seconds.observe(took.as_secs_f64());
    // The route's pattern and not the path: ids in paths are harmless, external ids in queries are not.
    tracing::debug!(
        request.id = %id,
        "{method} {route} {} in {} ms as {id}",
        status.as_u16(),
        took.as_millis()
    );
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if !headers.contains_key(header::CACHE_CONTROL) && status != StatusCode::NOT_MODIFIED {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}
