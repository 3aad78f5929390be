//! Scanning: is this known?

use std::time::Instant;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::multipart::MultipartError;
use axum::extract::{
    DefaultBodyLimit, FromRequest as _, FromRequestParts as _, Multipart, Request, State,
};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use url::Url;
use utoipa::{IntoParams, ToSchema};

use super::error::{ApiResult, Problem, invalid, invalid_body, unavailable};
use super::extract::{Once, Params, parse_json, read_body, too_large};
use super::found_match::{FoundMatch, NamedRule, named_rule};
use super::frame::FrameOfMedia;
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::hex;
use crate::id::{CaseId, ItemId, MatchId, SightingId};
use crate::metrics::{CodeLabels, VerdictLabels};
use crate::rules::Verdict;
use crate::scan::{self, Checked, Recorded, Upload};
use crate::store::cases::CaseReason;
use crate::store::items::NewItem;
use crate::store::{self, Tx};
use crate::surface::Surface;

const LONGEST_ID: usize = 512;
const LONGEST_TEXT: usize = 100_000;
const LONGEST_ADDRESS: usize = 4_096;
const MOST_LINKS: usize = 100;
/// Boundaries and headers of a form.
const ROOM_IN_FORM: usize = 65_536;

/// The item that the media belongs to.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemOfScan {
    /// The platform's own name for it.
    #[schema(example = "post-4711")]
    id: String,
    /// The platform's own name for whose it is.
    account: Option<String>,
    surface: Surface,
    /// `post`, `message`, `profile` … `post`, if nothing is said.
    kind: Option<String>,
    /// Where a person can see it.
    address: Option<String>,
    /// What it says. Its web addresses and its words are looked up.
    text: Option<String>,
    /// Web addresses that it leads to, beside those in its text; at most 100.
    #[serde(default)]
    links: Vec<String>,
}

/// The item, where the body is the media itself.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ScanQuery {
    /// The platform's own name for the item. Needed where the body is the media itself.
    item: Option<String>,
    /// The platform's own name for whose it is.
    account: Option<String>,
    /// Where the item is: `public`, `private` or `direct`. Needed where the body is the media itself.
    surface: Option<Surface>,
    /// `post`, `message`, `profile` … `post`, if nothing is said.
    kind: Option<String>,
}

/// Media to be fetched, or only what an item says.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScanOfAddress {
    /// Of a host that the setting fetch.allow_hosts names. Left out, the item's text and links are
    /// scanned alone.
    address: Option<String>,
    item: ItemOfScan,
}

/// The answer to a scan: a verdict with its reasons.
#[derive(Serialize, ToSchema)]
pub struct Scan {
    id: SightingId,
    scanned_at: Timestamp,
    /// `allow`: publish. `hold`: show nobody until a person has decided. `block`: do not publish.
    verdict: Verdict,
    /// Empty for a plain `allow`.
    reasons: Vec<Reason>,
    /// Null when only what the item says was scanned.
    media: Option<Media>,
    /// Closest first; of each bank at most 16.
    matches: Vec<FoundMatch>,
    /// How many more there were.
    more_matches: usize,
    /// Null when nothing matched and nothing was wrong.
    item: Option<NamedItem>,
    /// The case in which a person looks at it.
    case: Option<CaseId>,
}

#[derive(Serialize, ToSchema)]
pub struct NamedItem {
    id: ItemId,
    external_id: String,
}

/// What the media is.
#[derive(Serialize, ToSchema)]
pub struct Media {
    sha256: String,
    sha1: String,
    md5: String,
    size_bytes: u64,
    /// Null when it could not be decoded.
    format: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    frames: Vec<FrameOfMedia>,
}

/// Why a verdict is what it is.
#[derive(Serialize, ToSchema)]
pub struct Reason {
    /// `rule`, `unjudged_match`, `rule_failed`, `index_not_ready`, or why it could not be decoded.
    #[schema(example = "rule")]
    code: String,
    text: String,
    rule: Option<NamedRule>,
    #[serde(rename = "match")]
    matching: Option<MatchId>,
    scan: SightingId,
}

impl From<CaseReason> for Reason {
    fn from(reason: CaseReason) -> Reason {
        Reason {
            code: reason.code,
            text: reason.text,
            rule: reason.rule.map(named_rule),
            matching: reason.match_id,
            scan: reason.sighting_id,
        }
    }
}

impl Scan {
    fn of(checked: Checked, recorded: Recorded) -> Scan {
        let sighting = checked.sighting;
        Scan {
            id: sighting.id,
            scanned_at: sighting.scanned_at,
            verdict: checked.verdict,
            reasons: checked.reasons.into_iter().map(Reason::from).collect(),
            media: sighting.has_media.then(|| Media {
                sha256: hex::encode(&sighting.sha256),
                sha1: hex::encode(&sighting.sha1),
                md5: hex::encode(&sighting.md5),
                size_bytes: sighting.size_bytes,
                format: sighting.format,
                width: sighting.width,
                height: sighting.height,
                frames: sighting.frames.iter().map(FrameOfMedia::from).collect(),
            }),
            matches: checked.matches.into_iter().map(FoundMatch::from).collect(),
            more_matches: checked.more_matches,
            item: recorded.item.map(|item| NamedItem {
                id: item.id,
                external_id: item.external_id,
            }),
            case: recorded.case,
        }
    }
}

/// Scan media, or what an item says.
///
/// Send the media itself with the item in the query, or `multipart/form-data` with the parts `item`
/// (JSON) and `media`, or JSON with an address to fetch, or without one for the item's text and links
/// alone. The answer is durable when it arrives. Media
/// that could not be checked is held, never allowed. Media that never came here (too large, or not to
/// be fetched) is a problem and no verdict: hold it yourself.
#[utoipa::path(post, path = "/scan", tag = "scan", params(ScanQuery),
    request_body(content(
        (Vec<u8> = "application/octet-stream"),
        (ScanForm = "multipart/form-data"),
        (ScanOfAddress = "application/json"),
    )),
    responses(
        (status = 200, body = Scan),
        (status = 413, description = "The media has more bytes than the settings allow",
            body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "The address could not be fetched: `not_reached`, \
            `fetch_failed`, `too_many_redirects`",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many scans wait, or the server stops",
            body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "The address was not fetched in time: `timed_out`",
            body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn scan_media(State(app): State<App>, request: Request) -> ApiResult<Response> {
    let began = Instant::now();
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &app).await?;
    caller.require(Scope::Scan)?;
    let _turn = app
        .scan_turns
        .clone()
        .try_acquire_owned()
        .map_err(|_| unavailable("too many scans wait already; hold the item and try again"))?;

    let _memory = take_memory(&app, &parts).await?;
    let upload = read_upload(&app, &mut parts, body).await?;
    let once = Once::new(&parts, &caller, || digest(&upload))?;
    let surface = upload.item.surface;

    let checked = scan::check(&app, upload).await?;
    if once.is_void() && checked.found_nothing() {
        app.sightings.write(checked.sighting.clone()).await?;
        count(&app, &checked, surface, began);
        return Ok(Json(Scan::of(checked, Recorded::default())).into_response());
    }
    let Written {
        tx,
        answer,
        is_replayed,
    } = match write(&app, &caller, &once, checked.clone()).await {
        Ok(written) => written,
        Err(error) => {
            discard(&app, &checked).await;
            return Err(error);
        }
    };
    if let Err(error) = tx.commit().await {
        // A commit whose answer is lost may have happened, and then a row names the sealed bytes.
        if matches!(error, store::Error::Full | store::Error::Conflict(_)) {
            discard(&app, &checked).await;
        }
        return Err(error.into());
    }
    app.wake();
    if is_replayed {
        discard(&app, &checked).await;
    } else {
        count(&app, &checked, surface, began);
    }
    Ok(answer)
}

/// Waits for the memory that the media may take, before any of it is read.
async fn take_memory(app: &App, parts: &Parts) -> ApiResult<OwnedSemaphorePermit> {
    let limit = if essence(parts) == "application/json" {
        app.config.fetch.max_bytes
    } else {
        let length = parts.headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        length.map_or(app.config.scan.max_bytes, |length: usize| {
            length.min(app.config.scan.max_bytes)
        })
    };
    let kibibytes = u32::try_from(limit / 1_024).unwrap_or(u32::MAX);
    let memory = app.scan_memory.clone().acquire_many_owned(kibibytes);
    memory
        .await
        .map_err(|_| unavailable("the server is stopping"))
}

/// The body's kind, without parameters.
fn essence(parts: &Parts) -> String {
    let kind = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = kind
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// The parts of a multipart scan.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is there for the OpenAPI document alone")]
struct ScanForm {
    item: ItemOfScan,
    #[schema(format = Binary, value_type = String)]
    media: Vec<u8>,
}

/// An answer, and what is to be committed before it is given.
struct Written {
    tx: Tx,
    answer: Response,
    /// It was scanned before, and is not written again.
    is_replayed: bool,
}

/// Writes everything but the commit.
async fn write(app: &App, caller: &Caller, once: &Once, checked: Checked) -> ApiResult<Written> {
    let mut tx = app.store.begin().await?;
    let replayed = once.replayed(&mut tx).await?;
    let is_replayed = replayed.is_some();
    let answer = match replayed {
        Some(answer) => answer,
        None => {
            let recorded = scan::record(&mut tx, &caller.actor(), &checked, false).await?;
            once.answer(&mut tx, StatusCode::OK, &Scan::of(checked, recorded))
                .await?
        }
    };
    Ok(Written {
        tx,
        answer,
        is_replayed,
    })
}

/// Forgets sealed bytes that no row will name, without waiting for the job that would.
async fn discard(app: &App, checked: &Checked) {
    if let Some(copy) = &checked.evidence
        && let Err(error) = app.vault.forget(&copy.blob).await
    {
        tracing::warn!("sealed bytes that no row names could not be deleted: {error:#}");
    }
}

fn count(app: &App, checked: &Checked, surface: Surface, began: Instant) {
    let labels = VerdictLabels {
        verdict: checked.verdict.as_str().to_owned(),
        surface: surface.as_str().to_owned(),
    };
    app.metrics.scans.get_or_create(&labels).inc();
    app.metrics.matches.inc_by(checked.matches.len() as u64);
    if let Some(code) = &checked.sighting.problem {
        app.metrics
            .unchecked
            .get_or_create(&CodeLabels { code: code.clone() })
            .inc();
    }
    app.metrics
        .scan_seconds
        .observe(began.elapsed().as_secs_f64());
}

/// What makes one scan the same as another, for idempotency.
fn digest(upload: &Upload) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let item = format!("{:?}", upload.item);
    hasher.update(u64::try_from(item.len()).unwrap_or(u64::MAX).to_be_bytes());
    hasher.update(item);
    let links = format!("{:?}", (&upload.links, upload.media.is_some()));
    hasher.update(u64::try_from(links.len()).unwrap_or(u64::MAX).to_be_bytes());
    hasher.update(links);
    hasher.update(upload.media.as_deref().unwrap_or_default());
    hasher.finalize().into()
}

pub fn check_item(item: &NewItem) -> ApiResult<()> {
    if item.external_id.is_empty() || item.external_id.len() > LONGEST_ID {
        return Err(invalid(
            "item",
            format!("an item's id has 1 to {LONGEST_ID} bytes"),
        ));
    }
    if item.kind.is_empty() || item.kind.len() > 64 {
        return Err(invalid("kind", "expected 1 to 64 bytes"));
    }
    let account = item.account_external_id.as_ref();
    if account.is_some_and(|account| account.is_empty() || account.len() > LONGEST_ID) {
        return Err(invalid(
            "account",
            format!("an account's id has 1 to {LONGEST_ID} bytes"),
        ));
    }
    if item
        .text
        .as_ref()
        .is_some_and(|text| text.len() > LONGEST_TEXT)
    {
        return Err(invalid(
            "text",
            format!("expected at most {LONGEST_TEXT} bytes"),
        ));
    }
    if item
        .address
        .as_ref()
        .is_some_and(|address| address.len() > LONGEST_ADDRESS)
    {
        let message = format!("expected at most {LONGEST_ADDRESS} bytes");
        return Err(invalid("address", message));
    }
    Ok(())
}

impl ItemOfScan {
    /// The item and its links, if they may be so.
    fn parts(self) -> ApiResult<(NewItem, Vec<String>)> {
        let item = NewItem {
            external_id: self.id,
            kind: self.kind.unwrap_or_else(|| "post".to_owned()),
            surface: self.surface,
            account_external_id: self.account,
            address: self.address,
            text: self.text,
        };
        check_item(&item)?;
        if self.links.len() > MOST_LINKS {
            return Err(invalid("links", format!("expected at most {MOST_LINKS}")));
        }
        if self.links.iter().any(|link| link.len() > LONGEST_ADDRESS) {
            let message = format!("expected at most {LONGEST_ADDRESS} bytes each");
            return Err(invalid("links", message));
        }
        Ok((item, self.links))
    }
}

async fn read_upload(app: &App, parts: &mut Parts, body: Body) -> ApiResult<Upload> {
    let Params(query) = Params::<ScanQuery>::from_request_parts(parts, app).await?;
    match essence(parts).as_str() {
        "multipart/form-data" => read_multipart(app, parts, body).await,
        "application/json" => read_address(app, body).await,
        _ => read_raw(app, query, body).await,
    }
}

async fn read_raw(app: &App, query: ScanQuery, body: Body) -> ApiResult<Upload> {
    let missing = |field: &str| {
        invalid(
            field,
            "name it in the query, as in `?item=post-1&surface=public`",
        )
    };
    let item = NewItem {
        external_id: query.item.ok_or_else(|| missing("item"))?,
        kind: query.kind.unwrap_or_else(|| "post".to_owned()),
        surface: query.surface.ok_or_else(|| missing("surface"))?,
        account_external_id: query.account,
        address: None,
        text: None,
    };
    check_item(&item)?;
    let media = Some(read_body(body, app.config.scan.max_bytes).await?);
    let links = Vec::new();
    Ok(Upload { item, media, links })
}

async fn read_address(app: &App, body: Body) -> ApiResult<Upload> {
    let bytes = read_body(body, app.config.server.max_body_bytes).await?;
    let scan: ScanOfAddress = parse_json(&bytes)?;
    let (mut item, links) = scan.item.parts()?;
    let Some(address) = scan.address else {
        if item.text.as_deref().unwrap_or_default().is_empty() && links.is_empty() {
            let message = "name where the media is, or give the item a text or links";
            return Err(invalid("address", message));
        }
        let media = None;
        return Ok(Upload { item, media, links });
    };
    let url = Url::parse(&address)
        .map_err(|error| invalid("address", format!("\"{address}\" is no address: {error}")))?;
    item.address.get_or_insert(address);
    check_item(&item)?;
    let media = Some(app.outbound.fetch(&url).await?);
    Ok(Upload { item, media, links })
}

async fn read_multipart(app: &App, parts: &Parts, body: Body) -> ApiResult<Upload> {
    let limit = app.config.scan.max_bytes;
    // Both parts at their largest, and some room for what stands between them.
    let whole = limit + app.config.server.max_body_bytes + ROOM_IN_FORM;
    let mut request = Request::new(body);
    *request.headers_mut() = parts.headers.clone();
    DefaultBodyLimit::max(whole).apply(&mut request);
    let unread = |text: String| invalid_body(format!("the form cannot be read: {text}"));
    let broken = |error: MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(whole),
        _ => unread(error.body_text()),
    };
    let mut form = Multipart::from_request(request, app)
        .await
        .map_err(|error| unread(error.body_text()))?;
    let mut item: Option<(NewItem, Vec<String>)> = None;
    let mut media: Option<Bytes> = None;
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        let limit = if name == "media" {
            limit
        } else {
            app.config.server.max_body_bytes
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(broken)? {
            if bytes.len() + chunk.len() > limit {
                return Err(too_large(limit));
            }
            bytes.extend_from_slice(&chunk);
        }
        let is_repeated = match name.as_str() {
            "item" => {
                // Checked before the media, if the form brings it after.
                let new = parse_json::<ItemOfScan>(&bytes)?.parts()?;
                item.replace(new).is_some()
            }
            "media" => media.replace(Bytes::from(bytes)).is_some(),
            _ => {
                let message =
                    format!("the form has a part \"{name}\"; expected `item` and `media`");
                return Err(invalid_body(message));
            }
        };
        if is_repeated {
            return Err(invalid_body(format!("the form has two parts \"{name}\"")));
        }
    }
    let (item, links) = item.ok_or_else(|| invalid_body("the form has no part `item` (JSON)"))?;
    let media = media.ok_or_else(|| invalid_body("the form has no part `media` (the file)"))?;
    let media = Some(media);
    Ok(Upload { item, media, links })
}
