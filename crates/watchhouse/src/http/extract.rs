//! What handlers take: bodies, pages, and POSTs that happen once. Who calls is for `callers` to say.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::error::{ApiError, ApiResult, Fault, invalid, invalid_body};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::store::idempotency::{Attempt, Earlier};
use crate::store::{Page, PageOf, Tx};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const LONGEST_IDEMPOTENCY_KEY: usize = 255;
const LARGEST_PUBLIC_BODY: usize = 64 << 10;

/// Which page of a list, newest first.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many at most, 1 to 200. 50 if nothing is said.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

pub fn page(limit: Option<u32>, after: Option<String>) -> ApiResult<Page> {
    let limit = limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(invalid("limit", "expected 1 to 200"));
    }
    Ok(Page { after, limit })
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub struct Listed<T> {
    pub data: Vec<T>,
    /// Give it as `after` to get the next page; null on the last.
    pub next: Option<String>,
}

impl<T> Listed<T> {
    pub fn from_page<R>(page: PageOf<R>, change: impl FnMut(R) -> T) -> Json<Listed<T>> {
        let PageOf { rows, next } = page.map(change);
        Json(Listed { data: rows, next })
    }
}

/// PostgreSQL's text cannot hold U+0000, and nobody means it.
pub fn null_refused() -> ApiError {
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid",
        "texts must not hold the character U+0000",
    )
}

/// A query whose unknown and wrong parameters are refused in our words.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, app).await {
            Ok(Query(params)) => Ok(Params(params)),
            Err(rejection) => Err(ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                rejection.body_text(),
            )),
        }
    }
}

/// The variable parts of a path, refused in our words when they are not of the form that they have.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, app).await {
            Ok(axum::extract::Path(variables)) => Ok(Path(variables)),
            // No row has a name of that form.
            Err(rejection) => Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "not_found",
                rejection.body_text(),
            )),
        }
    }
}

/// A JSON body's form, and what it takes to send one. Whoever may not send it has nothing of it read.
pub trait Scoped: DeserializeOwned {
    const SCOPE: Scope;
}

/// A JSON body of a call that creates nothing, from a caller who may send it.
pub struct Input<T> {
    pub caller: Caller,
    pub body: T,
}

impl<T: Scoped> FromRequest<App> for Input<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let (caller, bytes) = read_allowed::<T>(app, &mut parts, body).await?;
        Ok(Input {
            caller,
            body: parse_json(&bytes)?,
        })
    }
}

/// A JSON body from anybody: what is in the path is the right to send it. For what happens once by itself.
pub struct PublicInput<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for PublicInput<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let limit = app.config.server.max_body_bytes.min(LARGEST_PUBLIC_BODY);
        let bytes = read_json_body(&parts.headers, body, limit).await?;
        Ok(PublicInput(parse_json(&bytes)?))
    }
}

/// A JSON body of a POST that creates, from a caller who may send it: repeated with the same
/// `Idempotency-Key`, it gets the first answer again.
pub struct Creation<T> {
    pub caller: Caller,
    pub body: T,
    pub once: Once,
}

impl<T: Scoped> FromRequest<App> for Creation<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let (caller, bytes) = read_allowed::<T>(app, &mut parts, body).await?;
        let once = Once::new(&parts, &caller, || Sha256::digest(&bytes).into())?;
        Ok(Creation {
            caller,
            body: parse_json(&bytes)?,
            once,
        })
    }
}

/// A JSON body of a call that needs no scope: by nobody, or by a person about themselves.
pub struct Sent<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Sent<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let limit = app.config.server.max_body_bytes;
        let bytes = read_json_body(&parts.headers, body, limit).await?;
        Ok(Sent(parse_json(&bytes)?))
    }
}

async fn read_allowed<T: Scoped>(
    app: &App,
    parts: &mut Parts,
    body: Body,
) -> ApiResult<(Caller, Bytes)> {
    let caller = Caller::from_request_parts(parts, app).await?;
    caller.require(T::SCOPE)?;
    let bytes = read_json_body(&parts.headers, body, app.config.server.max_body_bytes).await?;
    Ok((caller, bytes))
}

/// The promise that a POST happens once, if its caller asked for it.
pub struct Once(Option<Attempt>);

impl Once {
    /// `digest` is of all that makes the call what it is, beside method and path.
    pub fn new(
        parts: &Parts,
        caller: &Caller,
        digest: impl FnOnce() -> [u8; 32],
    ) -> ApiResult<Once> {
        let Some(name) = parts.headers.get(IDEMPOTENCY_KEY) else {
            return Ok(Once(None));
        };
        let name = name
            .to_str()
            .ok()
            .filter(|name| !name.is_empty() && name.len() <= LONGEST_IDEMPOTENCY_KEY)
            .ok_or_else(|| {
                ApiError::new(
                    StatusCode::BAD_REQUEST,
                    "idempotency_key_invalid",
                    format!(
                        "an Idempotency-Key is 1 to {LONGEST_IDEMPOTENCY_KEY} visible characters"
                    ),
                )
            })?;
        Ok(Once(Some(Attempt {
            caller_id: caller.id.clone(),
            name: name.to_owned(),
            route: format!("{} {}", parts.method, parts.uri),
            digest: digest(),
        })))
    }

    /// True if nobody asked for it.
    pub fn is_void(&self) -> bool {
        self.0.is_none()
    }

    /// The answer of the first time, if this is not it. Otherwise the name is taken, in this
    /// transaction.
    pub async fn replayed(&self, tx: &mut Tx) -> ApiResult<Option<Response>> {
        let Some(attempt) = &self.0 else {
            return Ok(None);
        };
        match tx.claim_attempt(attempt).await? {
            Earlier::None => Ok(None),
            Earlier::Differs => Err(ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "this Idempotency-Key was used for another call; take a new one",
            )),
            Earlier::Answered { status, body } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                let mut response = json_response(status, body);
                response
                    .headers_mut()
                    .insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
                Ok(Some(response))
            }
        }
    }

    /// Answers, and keeps the answer for repetitions.
    pub async fn answer(
        &self,
        tx: &mut Tx,
        status: StatusCode,
        answer: &impl Serialize,
    ) -> ApiResult<Response> {
        let body = serde_json::to_string(answer).expect("answers are plain data");
        if let Some(attempt) = &self.0 {
            tx.save_answer(attempt, status.as_u16(), &body).await?;
        }
        Ok(json_response(status, body))
    }

    /// Answers with what must not be kept, such as a secret; repetitions get `kept`.
    pub async fn answer_once(
        &self,
        tx: &mut Tx,
        status: StatusCode,
        answer: &impl Serialize,
        kept: &impl Serialize,
    ) -> ApiResult<Response> {
        self.answer(tx, status, kept).await?;
        let body = serde_json::to_string(answer).expect("answers are plain data");
        Ok(json_response(status, body))
    }
}

fn json_response(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Reads a body of at most `limit` bytes.
pub async fn read_body(body: Body, limit: usize) -> ApiResult<Bytes> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        // The limit's own error is private to axum's body crate; its text is stable.
        if std::error::Error::source(&error)
            .is_some_and(|cause| cause.to_string().contains("limit"))
        {
            too_large(limit)
        } else {
            invalid_body("the body broke off before its end")
        }
    })
}

pub fn too_large(limit: usize) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        format!("the body has more than {limit} bytes"),
    )
}

async fn read_json_body(headers: &HeaderMap, body: Body, limit: usize) -> ApiResult<Bytes> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "send JSON, with `Content-Type: application/json`",
        ));
    }
    read_body(body, limit).await
}

/// Parses a JSON object; the error names the field.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    // The parser would take an array of the fields' values for the object.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(invalid_body(
            "expected an object and not an array at line 1 column 1",
        ));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        let message = error.inner().to_string();
        let fault = Fault {
            line: None,
            // A "?" stands where the body broke off before the name was known.
            field: (field != "." && !field.ends_with('?')).then_some(field),
            message: message.clone(),
        };
        invalid_body(message).with_errors(vec![fault])
    })?;
    reader
        .end()
        .map_err(|error| invalid_body(error.to_string()))?;
    if has_escaped_null(bytes) {
        return Err(null_refused());
    }
    Ok(parsed)
}

/// True when a text in this JSON, which is well formed, holds U+0000. There is one way to write it.
fn has_escaped_null(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let escape = &rest[at + 1..];
        if escape.starts_with(b"u0000") {
            return true;
        }
        // Whatever is escaped is no beginning of an escape.
        rest = escape.get(1..).unwrap_or_default();
    }
    false
}
