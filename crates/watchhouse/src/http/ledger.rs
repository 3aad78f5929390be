//! The ledger: what everyone may see of it, and what a key opens.
//!
//! Below `/ledger`, checkpoint and tiles are C2SP tlog-tiles, public, and can be mirrored as they are.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::{ApiError, ApiResult, internal, not_found};
use super::extract::{Listed, Params, Path, page};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::hex;
use crate::id::EntryId;
use crate::ledger::path::Resource;
use crate::ledger::plan::Plan;
use crate::ledger::{read_bundle, read_plan};
use crate::store;
use crate::store::Tx;
use crate::store::ledger::SignedCheckpoint;

/// What is there now stays as it is for ever.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The log and its newest checkpoint.
#[derive(Serialize, ToSchema)]
pub struct LedgerInfo {
    /// The log's name: the first line of its checkpoints.
    origin: String,
    /// What to verify checkpoints with, in signed-note's text form.
    verifier_key: String,
    /// How many entries the newest checkpoint covers.
    size: u64,
    /// Base64.
    root: String,
    signed_at: Timestamp,
    /// The signed note itself.
    checkpoint: String,
}

/// An entry with what opens its commitment.
#[derive(Serialize, ToSchema)]
pub struct Entry {
    id: EntryId,
    /// Its place in the tree; null for the moment until it has one.
    index: Option<u64>,
    at: Timestamp,
    kind: String,
    actor: String,
    /// Canonical JSON: exactly the text that is committed to.
    body: String,
    /// Hex. HMAC-SHA256 with this key over `body` gives `commitment`.
    salt: String,
    /// Hex. What stands in the tree.
    commitment: String,
}

impl From<store::ledger::Entry> for Entry {
    fn from(entry: store::ledger::Entry) -> Entry {
        Entry {
            id: entry.id,
            index: entry.position,
            at: entry.at,
            kind: entry.kind,
            actor: entry.actor,
            body: entry.body,
            salt: hex::encode(&entry.salt),
            commitment: hex::encode(&entry.commitment),
        }
    }
}

/// That an entry is in the tree that a checkpoint signs.
#[derive(Serialize, ToSchema)]
pub struct InclusionProof {
    index: u64,
    size: u64,
    /// Base64, the leaf's sibling first.
    hashes: Vec<String>,
    /// The signed note whose tree the proof leads to.
    checkpoint: String,
    /// The same as one portable file, in C2SP's tlog-proof form.
    tlog_proof: String,
}

async fn newest(tx: &mut Tx) -> ApiResult<SignedCheckpoint> {
    let newest = tx.last_checkpoint().await?;
    newest.ok_or_else(|| internal(anyhow::anyhow!("the ledger has no checkpoint")))
}

/// The log's name, key and newest checkpoint. Public.
#[utoipa::path(get, path = "/ledger", tag = "ledger", security(()),
    responses((status = 200, body = LedgerInfo)))]
pub async fn show_ledger(State(app): State<App>) -> ApiResult<Json<LedgerInfo>> {
    let mut tx = app.store.read().await?;
    let newest = newest(&mut tx).await?;
    Ok(Json(LedgerInfo {
        origin: app.ledger.origin().to_owned(),
        verifier_key: app.ledger.verifier_key(),
        size: newest.size,
        root: BASE64_STANDARD.encode(newest.root),
        signed_at: newest.signed_at,
        checkpoint: newest.note,
    }))
}

/// The newest checkpoint, as a signed note. Public.
#[utoipa::path(get, path = "/ledger/checkpoint", tag = "ledger", security(()),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn show_checkpoint(State(app): State<App>) -> ApiResult<Response> {
    let mut tx = app.store.read().await?;
    let note = newest(&mut tx).await?.note;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=1"),
    ];
    Ok((headers, note).into_response())
}

/// A tile of hashes or a bundle of entries, as tlog-tiles names them. Public.
///
/// `{path}` is such as `0/x001/234`, `0/000.p/17` or `entries/000`.
#[utoipa::path(get, path = "/ledger/tile/{*path}", tag = "ledger", security(()),
    params(("path" = String, Path, example = "0/000.p/1")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream")))]
pub async fn show_tile(State(app): State<App>, Path(path): Path<String>) -> ApiResult<Response> {
    let nothing = || not_found("tile", &path);
    let resource = Resource::parse(&format!("tile/{path}")).ok_or_else(nothing)?;
    let mut tx = app.store.read().await?;
    let size = newest(&mut tx).await?.size;
    let bytes = match resource {
        Resource::Checkpoint => return Err(nothing()),
        Resource::Tile(tile) => {
            let bytes = tx.tile(tile.level, tile.index).await?;
            bytes.and_then(|bytes| bytes.get(..tile.size_bytes()).map(<[u8]>::to_vec))
        }
        Resource::Bundle(bundle) => {
            let first = bundle.first_entry();
            let is_placed = first
                .checked_add(u64::from(bundle.width))
                .is_some_and(|end| end <= size);
            match is_placed {
                true => read_bundle(&mut tx, first, bundle.width).await?,
                false => None,
            }
        }
    };
    let bytes = bytes.ok_or_else(nothing)?;
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(FOR_EVER));
    Ok((headers, bytes).into_response())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EntryQuery {
    /// Such as `case.decided`.
    kind: Option<String>,
    /// How many at most, 1 to 200. 50 if nothing is said.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// List entries, with what opens them.
#[utoipa::path(get, path = "/ledger/entries", tag = "ledger", params(EntryQuery),
    responses((status = 200, body = Listed<Entry>)))]
pub async fn list_entries(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<EntryQuery>,
) -> ApiResult<Json<Listed<Entry>>> {
    caller.require(Scope::LedgerRead)?;
    let page = page(query.limit, query.after)?;
    let mut tx = app.store.read().await?;
    Ok(Listed::from_page(
        tx.entries(query.kind.as_deref(), &page).await?,
        Entry::from,
    ))
}

/// Show an entry, with what opens it.
#[utoipa::path(get, path = "/ledger/entries/{index}", tag = "ledger", params(("index" = u64, Path)),
    responses((status = 200, body = Entry)))]
pub async fn show_entry(
    State(app): State<App>,
    caller: Caller,
    Path(index): Path<u64>,
) -> ApiResult<Json<Entry>> {
    caller.require(Scope::LedgerRead)?;
    let mut tx = app.store.read().await?;
    let entry = match index < newest(&mut tx).await?.size {
        true => tx.entry_at(index).await?,
        false => None,
    };
    Ok(Json(entry.ok_or_else(|| not_found("entry", index))?.into()))
}

/// Prove that an entry is in the tree.
#[utoipa::path(get, path = "/ledger/entries/{index}/proof", tag = "ledger",
    params(("index" = u64, Path)), responses((status = 200, body = InclusionProof)))]
pub async fn prove_entry(
    State(app): State<App>,
    caller: Caller,
    Path(index): Path<u64>,
) -> ApiResult<Json<InclusionProof>> {
    caller.require(Scope::LedgerRead)?;
    let mut tx = app.store.read().await?;
    let newest = newest(&mut tx).await?;
    let proof = prove_at(&mut tx, index, newest).await?;
    Ok(Json(proof.ok_or_else(|| not_found("entry", index))?))
}

/// None when the checkpoint does not cover the entry yet.
async fn prove_at(
    tx: &mut Tx,
    index: u64,
    newest: SignedCheckpoint,
) -> ApiResult<Option<InclusionProof>> {
    let Some(plan) = Plan::inclusion(index, newest.size) else {
        return Ok(None);
    };
    let hashes = read_plan(tx, &plan).await.map_err(ApiError::from)?;
    let proof = crate::ledger::proof::Proof {
        extra: None,
        index,
        hashes: hashes.clone(),
        checkpoint: newest.note.clone(),
    };
    Ok(Some(InclusionProof {
        index,
        size: newest.size,
        hashes: hashes
            .iter()
            .map(|hash| BASE64_STANDARD.encode(hash))
            .collect(),
        checkpoint: newest.note,
        tlog_proof: proof.to_string(),
    }))
}

/// An entry with what opens its commitment and, once it has its place, what proves it.
#[derive(Serialize, ToSchema)]
pub struct ProvenEntry {
    #[serde(flatten)]
    entry: Entry,
    proof: Option<InclusionProof>,
}

impl ProvenEntry {
    pub fn kind(&self) -> &str {
        &self.entry.kind
    }

    pub fn index(&self) -> Option<u64> {
        self.entry.index
    }
}

/// Puts together what whoever holds an entry's receipt may have. None if there is no such entry.
pub async fn prove(tx: &mut Tx, id: &EntryId) -> ApiResult<Option<ProvenEntry>> {
    let Some(entry) = tx.entry(id).await? else {
        return Ok(None);
    };
    let proof = match entry.position {
        Some(index) => {
            let newest = newest(tx).await?;
            prove_at(tx, index, newest).await?
        }
        None => None,
    };
    Ok(Some(ProvenEntry {
        entry: entry.into(),
        proof,
    }))
}
