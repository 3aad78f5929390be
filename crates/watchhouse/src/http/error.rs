//! What a call answers when it cannot do what was asked: RFC 9457 problem details.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::observe::current_request_id;
use crate::outbound::Refused;
use crate::store;

pub type ApiResult<T> = Result<T, ApiError>;

/// `code` is part of the API and MUST NOT change. `message` is for people and may.
#[derive(Debug)]
pub struct ApiError {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    pub errors: Vec<Fault>,
    /// In seconds.
    pub retry_after: Option<u64>,
    /// For the log only: it may name tables, files or people.
    cause: Option<anyhow::Error>,
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Fault {
    /// The line of a file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The field of a body or a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    pub message: String,
}

/// An error, as RFC 9457 writes it.
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// `urn:watchhouse:problem:` and the code.
    #[schema(example = "urn:watchhouse:problem:not_found")]
    pub r#type: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    /// Never changes its meaning; programs look at this.
    #[schema(example = "not_found")]
    pub code: &'static str,
    /// Name it when asking for help: it is in the server's log.
    pub request_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
}

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError {
            status,
            code,
            message: message.into(),
            errors: Vec::new(),
            retry_after: None,
            cause: None,
        }
    }

    pub fn with_errors(mut self, errors: Vec<Fault>) -> ApiError {
        self.errors = errors;
        self
    }
}

pub fn not_found(what: &str, id: impl std::fmt::Display) -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        format!("there is no {what} \"{id}\""),
    )
}

/// A field holds what it must not.
pub fn invalid(field: &str, message: impl Into<String>) -> ApiError {
    let message = message.into();
    let fault = Fault {
        line: None,
        field: Some(field.to_owned()),
        message: message.clone(),
    };
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid",
        format!("{field}: {message}"),
    )
    .with_errors(vec![fault])
}

/// The body is not of the form that the call takes.
pub fn invalid_body(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_body", message)
}

pub fn conflict(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, code, message)
}

pub fn unavailable(message: impl Into<String>) -> ApiError {
    let mut error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
    error.retry_after = Some(1);
    error
}

pub fn internal(cause: impl Into<anyhow::Error>) -> ApiError {
    let mut error = ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "something went wrong on our side; the request id finds it in the server's log",
    );
    error.cause = Some(cause.into());
    error
}

impl From<store::Error> for ApiError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Conflict(_) => {
                conflict("already_there", "something with this name is there already")
            }
            store::Error::Unavailable(_) => {
                let mut answer =
                    unavailable("the database is busy or away at this moment; try again");
                answer.cause = Some(error.into());
                answer
            }
            store::Error::Full => {
                let mut answer = ApiError::new(
                    StatusCode::INSUFFICIENT_STORAGE,
                    "storage_full",
                    "the server's disk is full: nothing was changed; try again when there is room",
                );
                answer.retry_after = Some(30);
                answer.cause = Some(error.into());
                answer
            }
            store::Error::Corrupt(_) | store::Error::Driver(_) => internal(error),
        }
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let status = match refused.code {
            "not_reached" | "fetch_failed" | "too_many_redirects" => StatusCode::BAD_GATEWAY,
            "timed_out" => StatusCode::GATEWAY_TIMEOUT,
            "too_many_bytes" => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        ApiError::new(status, refused.code, refused.message)
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<store::Error>() {
            Ok(error) => error.into(),
            Err(error) if is_disk_full(&error) => store::Error::Full.into(),
            Err(error) => internal(error),
        }
    }
}

fn is_disk_full(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| {
            use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
            matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
        })
    })
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let request_id = current_request_id();
        if let Some(cause) = &self.cause {
            let id = request_id.as_deref().unwrap_or("none");
            tracing::error!(request.id = id, "request {id} failed: {cause:#}");
        }
        let problem = Problem {
            r#type: format!("urn:watchhouse:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.message,
            code: self.code,
            request_id,
            errors: self.errors,
        };
        let mut response = (self.status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
