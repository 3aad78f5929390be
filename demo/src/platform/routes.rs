//! The platform's addresses: the feed, posting, pictures, and the door for webhooks.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Multipart, Path, Query, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Json, Redirect, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;

use super::webhooks::{Message, News, Received, Request};
use super::{Draft, Outcome, Platform, Surface, pages};

const MAX_UPLOAD_BYTES: usize = 20 << 20;
const MAX_TEXT: usize = 280;
const MAX_NAME: usize = 40;

pub(super) fn routes(platform: Platform) -> Router {
    Router::new()
        .route("/", get(show_feed))
        .route("/posts", post(create_post))
        .route("/posts/{id}", get(show_post))
        .route("/pictures/{id}", get(show_picture))
        .route("/webhooks", get(list_webhooks).post(receive_webhook))
        .route("/platform.css", get(style))
        .route("/platform.js", get(script))
        .route("/platform.svg", get(icon))
        .layer(DefaultBodyLimit::max(MAX_UPLOAD_BYTES))
        .layer(middleware::map_response(guard))
        .layer(middleware::from_fn(refuse_other_sites))
        .with_state(platform)
}

/// Pages load nothing from elsewhere and run no script but ours.
async fn guard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; img-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// Another site's page must not post in the name of whoever sits at this machine.
async fn refuse_other_sites(req: axum::extract::Request, next: Next) -> Response {
    let from = req
        .headers()
        .get("sec-fetch-site")
        .and_then(|value| value.to_str().ok());
    let is_elsewhere = !matches!(from, None | Some("same-origin" | "none"));
    if is_elsewhere && req.method() == axum::http::Method::POST {
        return (
            StatusCode::FORBIDDEN,
            "cannot accept posts from another site's pages\n",
        )
            .into_response();
    }
    next.run(req).await
}

#[derive(Deserialize)]
struct FeedQuery {
    /// The post that was just made.
    posted: Option<String>,
    /// Skips this many of the newest.
    #[serde(default)]
    skip: usize,
}

async fn show_feed(
    Shared(platform): Shared<Platform>,
    Query(query): Query<FeedQuery>,
) -> Html<String> {
    let feed = platform.feed();
    Html(pages::feed(&feed, query.posted.as_deref(), query.skip))
}

async fn show_post(Shared(platform): Shared<Platform>, Path(id): Path<String>) -> Response {
    match platform.feed().post(&id) {
        Some(post) => Json(post).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn create_post(
    Shared(platform): Shared<Platform>,
    headers: HeaderMap,
    form: Multipart,
) -> Result<Response, Refusal> {
    let wants_json = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json"));
    let draft = read_draft(form).await?;
    if platform.feed().is_disabled(&draft.account) {
        return Err(Refusal(
            StatusCode::FORBIDDEN,
            format!("account \"{}\" can no longer post", draft.account),
        ));
    }
    let post = platform.post(draft).await.map_err(|error| {
        tracing::error!("cannot keep a post: {error:#}");
        Refusal(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the post could not be kept; try again".to_owned(),
        )
    })?;
    Ok(if wants_json {
        (StatusCode::CREATED, Json(post)).into_response()
    } else {
        Redirect::to(&format!("/?posted={}", post.id)).into_response()
    })
}

async fn read_draft(mut form: Multipart) -> Result<Draft, Refusal> {
    let mut draft = Draft {
        account: "visitor".to_owned(),
        surface: Surface::Public,
        text: String::new(),
        file_name: String::new(),
        bytes: Vec::new(),
    };
    while let Some(field) = form.next_field().await? {
        match field.name() {
            Some("picture") => {
                draft.file_name = shortened(field.file_name().unwrap_or("picture"), MAX_NAME);
                draft.bytes = field.bytes().await?.into();
            }
            Some("surface") => {
                let text = field.text().await?;
                draft.surface = text.parse().map_err(|()| {
                    bad(format!(
                        "\"{text}\" is no surface: public, private or direct"
                    ))
                })?;
            }
            Some("account") => {
                let name = field.text().await?;
                let name = shortened(name.trim(), MAX_NAME);
                if !name.is_empty() {
                    draft.account = name;
                }
            }
            Some("text") => draft.text = shortened(field.text().await?.trim(), MAX_TEXT),
            other => {
                return Err(bad(format!(
                    "there is no field \"{}\"",
                    other.unwrap_or("")
                )));
            }
        }
    }
    if draft.bytes.is_empty() {
        return Err(bad("choose a picture first".to_owned()));
    }
    Ok(draft)
}

fn shortened(text: &str, most: usize) -> String {
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(most)
        .collect()
}

async fn show_picture(Shared(platform): Shared<Platform>, Path(id): Path<String>) -> Response {
    let feed = platform.feed();
    if !feed.post(&id).is_some_and(|post| post.is_visible()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Ok(bytes) = feed.upload(&id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // The type is what the bytes are, never what the one who posted them said.
    let Ok(format) = image::guess_format(&bytes) else {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    };
    // Not to be cached: it may have to vanish in a moment.
    let headers = [
        (header::CONTENT_TYPE, format.to_mime_type()),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, bytes).into_response()
}

async fn list_webhooks(Shared(platform): Shared<Platform>, headers: HeaderMap) -> Response {
    let feed = platform.feed();
    let wants_json = headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept == "application/json");
    if wants_json {
        return Json(feed.received()).into_response();
    }
    Html(pages::webhooks(&feed)).into_response()
}

/// Answers 204 only when the action was carried out and Watchhouse knows it; otherwise Watchhouse
/// delivers the message again, and everything here may happen twice.
async fn receive_webhook(
    Shared(platform): Shared<Platform>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    platform
        .0
        .webhook
        .verify(&body, &headers)
        .map_err(|error| {
            tracing::warn!("a webhook was refused: {error}");
            Refusal(
                StatusCode::UNAUTHORIZED,
                format!("cannot accept the webhook: {error}"),
            )
        })?;
    let id = headers
        .get(standardwebhooks::HEADER_WEBHOOK_ID)
        .and_then(|id| id.to_str().ok())
        .ok_or_else(|| bad("the webhook has no id".to_owned()))?;
    if platform.feed().count_repeat(id).map_err(unkept)? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let message: Message = serde_json::from_slice(&body)
        .map_err(|error| bad(format!("the webhook's body is not understood: {error}")))?;
    let (about, result) = match message.kind.as_str() {
        "action.requested" => act(&platform, message.data).await?,
        "case.opened" | "case.changed" => {
            let about = pages::subject_of(&message.data);
            let news: News = serde_json::from_value(message.data)
                .map_err(|error| bad(format!("the news of a case is not understood: {error}")))?;
            let result = news.take_in(&mut platform.feed()).map_err(unkept)?;
            (about, result)
        }
        _ => (pages::subject_of(&message.data), "noted".to_owned()),
    };
    let received = Received {
        id: id.to_owned(),
        received_at: Timestamp::now(),
        kind: message.kind,
        about,
        result,
        repeats: 0,
    };
    platform.feed().receive(received).map_err(unkept)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn act(platform: &Platform, data: serde_json::Value) -> Result<(String, String), Refusal> {
    let request: Request = serde_json::from_value(data)
        .map_err(|error| bad(format!("the requested action is not understood: {error}")))?;
    let outcome = request.carry_out(&mut platform.feed()).map_err(unkept)?;
    platform
        .0
        .watchhouse
        .report(&request.action.id, &outcome)
        .await
        .map_err(|error| {
            tracing::error!(action.id = %request.action.id, "cannot report the outcome: {error:#}");
            Refusal(
                StatusCode::SERVICE_UNAVAILABLE,
                "the outcome could not be reported; deliver again".to_owned(),
            )
        })?;
    let result = match outcome {
        Outcome::Done(detail) => format!("done: {detail}"),
        Outcome::Failed(detail) => format!("failed: {detail}"),
    };
    Ok((request.about(), result))
}

async fn style() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8")],
        include_str!("platform.css"),
    )
}

async fn script() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")],
        include_str!("platform.js"),
    )
}

async fn icon() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "image/svg+xml")],
        include_str!("platform.svg"),
    )
}

/// Why a call was not done, for the caller.
struct Refusal(StatusCode, String);

fn bad(why: String) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, why)
}

fn unkept(error: anyhow::Error) -> Refusal {
    tracing::error!("{error:#}");
    Refusal(
        StatusCode::SERVICE_UNAVAILABLE,
        "it could not be kept; try again".to_owned(),
    )
}

impl From<axum::extract::multipart::MultipartError> for Refusal {
    fn from(error: axum::extract::multipart::MultipartError) -> Refusal {
        Refusal(error.status(), error.body_text())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Html(pages::refusal(&self.1))).into_response()
    }
}
