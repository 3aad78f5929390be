//! Importing a bank file.
//!
//! The body is spooled to disk as it comes, read once to find every fault, and read again into one
//! transaction: memory stays small, a slow sender holds no transaction open, and a file is in the bank
//! whole or not at all.

use std::fs::File;
use std::io::{BufReader, Seek as _, SeekFrom};

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

use super::banks::follow;
use super::error::{ApiError, ApiResult, Fault, internal, invalid_body, not_found};
use super::extract::{Once, Params, Path};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::bank_file::{Format, ReadError, Reader};
use crate::hex;
use crate::id::{BankId, Name as _};
use crate::jobs::search_sightings::{Hashes, SearchSightings};
use crate::store::Tx;
use crate::store::hashes::NewHash;

/// Hashes that are handed from the reader to the database at a time, in the order of the index that has to
/// hold them: the more at a time, the less often each of its pages is read and written. Three times so many
/// are in memory, some ten megabytes each.
const HASHES_A_TURN: usize = 65_536;

/// Fewer, where their texts are long, or they are.
const TEXT_BYTES_A_TURN: usize = 8 << 20;

/// So many faults are listed; all are counted.
const LISTED_FAULTS: usize = 100;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// `plain`, `csv` or `jsonl`.
    #[param(example = "csv")]
    format: String,
    /// Where it comes from, for lines that do not say. `import`, if nothing is said.
    source: Option<String>,
    /// What a bad line means: the file is refused, or the line is skipped. Refused, if nothing is said.
    on_error: Option<OnError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    Refuse,
    Skip,
}

/// What became of a bank file.
#[derive(Serialize, ToSchema)]
pub struct Import {
    /// Hashes in the file.
    read: u64,
    /// Hashes that are new in the bank.
    added: u64,
    /// Hashes that the bank had, or the file had twice.
    already_there: u64,
    /// Lines that were skipped.
    skipped: u64,
    /// The first 100 of them, with why.
    errors: Vec<Fault>,
}

/// What is wrong with a file.
#[derive(Default)]
struct Faults {
    count: u64,
    first: Vec<Fault>,
}

/// Import a bank file.
///
/// The body is the file. With one bad line nothing is imported, unless `on_error=skip`. The hashes can
/// be matched when this answers, and the past is searched for them after.
#[utoipa::path(post, path = "/banks/{id}/import", tag = "banks",
    params(("id" = BankId, Path), ImportQuery),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200, body = Import)))]
pub async fn import_bank_file(
    State(app): State<App>,
    Path(id): Path<BankId>,
    request: Request,
) -> ApiResult<Response> {
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &app).await?;
    caller.require(Scope::BanksWrite)?;
    let Params(query) = Params::<ImportQuery>::from_request_parts(&mut parts, &app).await?;
    let format: Format = query
        .format
        .parse()
        .map_err(|error| super::error::invalid("format", format!("{error}")))?;
    let source = query.source.unwrap_or_else(|| "import".to_owned());
    app.store
        .read()
        .await?
        .bank(&id)
        .await?
        .ok_or_else(|| not_found("bank", &id))?;

    let (file, digest) = spool(&app, body).await?;
    let once = Once::new(&parts, &caller, || digest)?;
    let (file, faults) = find_faults(file, format).await?;
    if faults.count > 0 && query.on_error != Some(OnError::Skip) {
        return Err(refused(faults));
    }

    let mut tx = app.store.begin_for_banks().await?;
    caller.check_again(&app, &mut tx).await?;
    if let Some(answer) = once.replayed(&mut tx).await? {
        return Ok(answer);
    }
    let bank = tx.bank(&id).await?.ok_or_else(|| not_found("bank", &id))?;
    let before = tx.last_number().await?;
    let (read, added) = insert(&mut tx, &id, file, format, source.clone()).await?;
    tx.bank_grew(&id, added).await?;
    let details = json!({
        "bank": bank.id.as_str(),
        "source": source,
        "sha256": hex::encode(&digest),
        "read": read,
        "added": added,
        "skipped": faults.count,
    });
    tx.record(&caller.actor(), "bank.imported", details).await?;
    if added > 0 {
        let until = tx.last_number().await?;
        let added = Hashes::Added {
            since: before,
            until,
        };
        SearchSightings::enqueue(&mut tx, added).await?;
    }
    let answer = Import {
        read,
        added,
        already_there: read - added,
        skipped: faults.count,
        errors: faults.first,
    };
    let answer = once.answer(&mut tx, StatusCode::OK, &answer).await?;
    tx.commit().await?;
    follow(&app).await;
    Ok(answer)
}

/// Writes the body to an unnamed file as it comes.
async fn spool(app: &App, body: Body) -> ApiResult<(File, [u8; 32])> {
    let limit = app.config.banks.max_import_bytes;
    let file = tempfile::tempfile_in(&app.config.data_dir).map_err(anyhow::Error::from)?;
    let mut file = tokio::fs::File::from_std(file);
    let mut hasher = Sha256::new();
    let mut size = 0;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| invalid_body("the body broke off before its end"))?;
        size += chunk.len() as u64;
        if size > limit {
            return Err(ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("the file has more than {limit} bytes"),
            ));
        }
        hasher.update(&chunk);
        file.write_all(&chunk).await.map_err(anyhow::Error::from)?;
    }
    file.flush().await.map_err(anyhow::Error::from)?;
    Ok((file.into_std().await, hasher.finalize().into()))
}

fn rewound(mut file: &File, format: Format) -> std::io::Result<Reader<BufReader<&File>>> {
    file.seek(SeekFrom::Start(0))?;
    Ok(Reader::new(format, BufReader::with_capacity(1 << 20, file)))
}

async fn find_faults(file: File, format: Format) -> ApiResult<(File, Faults)> {
    let read = tokio::task::spawn_blocking(move || {
        let mut faults = Faults::default();
        for record in rewound(&file, format)? {
            match record {
                Ok(_) => {}
                Err(ReadError::Io { error, .. }) => return Err(error),
                Err(ReadError::Line(fault) | ReadError::Header(fault)) => {
                    faults.count += 1;
                    if faults.first.len() < LISTED_FAULTS {
                        let line = Some(fault.line);
                        faults.first.push(Fault {
                            line,
                            field: None,
                            message: fault.message,
                        });
                    }
                }
            }
        }
        Ok((file, faults))
    });
    let read = read.await.map_err(internal)?;
    Ok(read.map_err(anyhow::Error::from)?)
}

fn refused(faults: Faults) -> ApiError {
    let first = faults.first.first().map(|fault| {
        format!(
            "; line {}: {}",
            fault.line.unwrap_or_default(),
            fault.message
        )
    });
    let message = format!(
        "nothing was imported: {} bad {}{}; `on_error=skip` imports the other lines",
        faults.count,
        if faults.count == 1 { "line" } else { "lines" },
        first.unwrap_or_default()
    );
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_lines", message).with_errors(faults.first)
}

/// Inserts every hash of the file. Returns how many there were and how many of them are new.
async fn insert(
    tx: &mut Tx,
    bank: &BankId,
    file: File,
    format: Format,
    source: String,
) -> ApiResult<(u64, u64)> {
    let (sender, mut receiver) = mpsc::channel::<Vec<NewHash>>(1);
    let reader = tokio::task::spawn_blocking(move || -> std::io::Result<()> {
        let mut chunk = Vec::with_capacity(HASHES_A_TURN);
        let mut text_bytes = 0;
        for record in rewound(&file, format)? {
            let record = match record {
                Ok(record) => record,
                // The faults were found before, and are skipped now or never came so far.
                Err(ReadError::Line(_) | ReadError::Header(_)) => continue,
                Err(ReadError::Io { error, .. }) => return Err(error),
            };
            for hash in record.hashes {
                let new = NewHash {
                    hash,
                    source: record.source.clone().unwrap_or_else(|| source.clone()),
                    external_id: record.external_id.clone(),
                    category: record.category.clone(),
                };
                let texts = [&new.external_id, &new.category].into_iter().flatten();
                text_bytes += new.source.len() + texts.map(String::len).sum::<usize>();
                text_bytes += new.hash.as_bytes().len();
                chunk.push(new);
                if chunk.len() == HASHES_A_TURN || text_bytes >= TEXT_BYTES_A_TURN {
                    text_bytes = 0;
                    let full = std::mem::replace(&mut chunk, Vec::with_capacity(HASHES_A_TURN));
                    if sender.blocking_send(in_order(full)).is_err() {
                        // The other side has failed and says why.
                        return Ok(());
                    }
                }
            }
        }
        if !chunk.is_empty() {
            let _ = sender.blocking_send(in_order(chunk));
        }
        Ok(())
    });
    let mut read = 0;
    let mut added = 0;
    while let Some(chunk) = receiver.recv().await {
        read += chunk.len() as u64;
        added += tx.insert_hashes(bank, &chunk).await?.added;
    }
    reader
        .await
        .map_err(internal)?
        .map_err(anyhow::Error::from)?;
    Ok((read, added))
}

/// Of hashes that are there twice, the first in the file stays the first.
fn in_order(mut hashes: Vec<NewHash>) -> Vec<NewHash> {
    hashes.sort_by(|one, other| {
        let key = |new: &NewHash| new.hash.kind().as_str();
        (key(one), one.hash.as_bytes()).cmp(&(key(other), other.hash.as_bytes()))
    });
    hashes
}
