//! Banks and the hashes in them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use watchhouse_match::{BankSettings, Hash, HashKind};

use super::error::{ApiError, ApiResult, Fault, conflict, invalid, not_found};
use super::extract::{Creation, Input, Listed, PageQuery, Params, Path, Scoped, page};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::id::{BankId, Name as _};
use crate::jobs::search_sightings::{Hashes, SearchSightings};
use crate::store;
use crate::store::hashes::{BankedHash, NewHash};

const LONGEST_NAME: usize = 100;
const LONGEST_TEXT: usize = 1_000;
/// Beyond this, import a file.
const MOST_HASHES: usize = 1_000;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBank {
    /// Unique.
    #[schema(example = "hotline list")]
    name: String,
    #[serde(default)]
    description: String,
    /// Who answers for what is in it.
    #[serde(default)]
    owner: String,
    /// What its hashes are of, in your own words; rules can look at it.
    #[serde(default)]
    category: String,
    /// The greatest PDQ distance that is a match, 0 to 63. The settings' default, if nothing is said.
    threshold: Option<u32>,
    /// How much of a known video an upload must have to match, in percent of its frames; at 0 any frame is
    /// enough. 80, if nothing is said.
    of_known: Option<u32>,
    /// How much of an upload must be in a known video, likewise. 0, if nothing is said, so that a clip is
    /// found inside a longer upload.
    of_upload: Option<u32>,
    /// A bank that is switched off matches nothing.
    is_enabled: Option<bool>,
}

impl Scoped for NewBank {
    const SCOPE: Scope = Scope::BanksWrite;
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BankChange {
    name: Option<String>,
    description: Option<String>,
    owner: Option<String>,
    category: Option<String>,
    threshold: Option<u32>,
    of_known: Option<u32>,
    of_upload: Option<u32>,
    is_enabled: Option<bool>,
}

impl Scoped for BankChange {
    const SCOPE: Scope = Scope::BanksWrite;
}

#[derive(Serialize, ToSchema)]
pub struct Bank {
    id: BankId,
    name: String,
    description: String,
    owner: String,
    category: String,
    /// In bits of 256.
    threshold: u32,
    /// In percent of a known video's frames.
    of_known: u32,
    /// In percent of an uploaded video's frames.
    of_upload: u32,
    is_enabled: bool,
    hash_count: u64,
    created_at: Timestamp,
    changed_at: Timestamp,
}

impl From<store::banks::Bank> for Bank {
    fn from(bank: store::banks::Bank) -> Bank {
        Bank {
            id: bank.id,
            name: bank.name,
            description: bank.description,
            owner: bank.owner,
            category: bank.category,
            threshold: bank.threshold,
            of_known: bank.of_known,
            of_upload: bank.of_upload,
            is_enabled: bank.is_enabled,
            hash_count: bank.hash_count,
            created_at: bank.created_at,
            changed_at: bank.changed_at,
        }
    }
}

/// The kinds of hashes as the API's document lists them; see [`HashKind`].
pub struct KindOfHash;

impl PartialSchema for KindOfHash {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("Which fingerprint a hash is."))
            .enum_values(Some(HashKind::NAMES.iter().copied()))
            .examples([HashKind::Pdq.as_str()])
            .into()
    }
}

impl ToSchema for KindOfHash {}

/// A hash as it lies in a bank.
#[derive(Serialize, ToSchema)]
pub struct ListedHash {
    #[schema(example = "hsh_42")]
    pub id: String,
    #[schema(value_type = KindOfHash)]
    pub kind: String,
    /// As its kind is written: for digests and PDQ lower-case hex; URLs and terms in the form in which
    /// they are compared; for a video the JSON array of `"hash,quality,seconds"`.
    pub value: String,
    pub source: String,
    pub external_id: Option<String>,
    pub category: Option<String>,
    pub added_at: Timestamp,
}

impl From<BankedHash> for ListedHash {
    fn from(hash: BankedHash) -> ListedHash {
        ListedHash {
            id: hash_id(hash.number),
            kind: hash.hash.kind().as_str().to_owned(),
            value: hash.hash.to_string(),
            source: hash.source,
            external_id: hash.external_id,
            category: hash.category,
            added_at: hash.added_at,
        }
    }
}

pub fn hash_id(number: u64) -> String {
    format!("hsh_{number}")
}

/// Make a bank.
#[utoipa::path(post, path = "/banks", tag = "banks", request_body = NewBank,
    responses((status = 201, body = Bank)))]
pub async fn create_bank(
    State(app): State<App>,
    Creation {
        caller,
        body: new,
        once,
    }: Creation<NewBank>,
) -> ApiResult<Response> {
    let mut tx = app.store.begin_for_banks().await?;
    if let Some(answer) = once.replayed(&mut tx).await? {
        return Ok(answer);
    }
    let mut bank = store::banks::Bank {
        id: tx.make(),
        number: 0,
        name: new.name,
        description: new.description,
        owner: new.owner,
        category: new.category,
        threshold: new.threshold.unwrap_or(app.config.banks.threshold),
        of_known: new.of_known.unwrap_or(BankSettings::default().of_known),
        of_upload: new.of_upload.unwrap_or(BankSettings::default().of_upload),
        is_enabled: new.is_enabled.unwrap_or(true),
        hash_count: 0,
        created_at: tx.now,
        changed_at: tx.now,
    };
    check(&bank)?;
    tx.insert_bank(&mut bank)
        .await
        .map_err(|error| name_taken(error, &bank.name))?;
    tx.record(&caller.actor(), "bank.created", bank_details(&bank))
        .await?;
    let answer = once
        .answer(&mut tx, StatusCode::CREATED, &Bank::from(bank))
        .await?;
    tx.commit().await?;
    follow(&app).await;
    Ok(answer)
}

/// List banks.
#[utoipa::path(get, path = "/banks", tag = "banks", params(PageQuery),
    responses((status = 200, body = Listed<Bank>)))]
pub async fn list_banks(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<PageQuery>,
) -> ApiResult<Json<Listed<Bank>>> {
    caller.require(Scope::BanksRead)?;
    let page = page(query.limit, query.after)?;
    let mut tx = app.store.read().await?;
    Ok(Listed::from_page(tx.banks(&page).await?, Bank::from))
}

/// Show a bank.
#[utoipa::path(get, path = "/banks/{id}", tag = "banks", params(("id" = BankId, Path)),
    responses((status = 200, body = Bank)))]
pub async fn show_bank(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<BankId>,
) -> ApiResult<Json<Bank>> {
    caller.require(Scope::BanksRead)?;
    let mut tx = app.store.read().await?;
    let bank = tx.bank(&id).await?.ok_or_else(|| not_found("bank", &id))?;
    Ok(Json(bank.into()))
}

/// Change a bank, or switch it off.
///
/// Lookups follow at once. A bank that is switched on, or gets wider thresholds, is looked for in the past.
#[utoipa::path(patch, path = "/banks/{id}", tag = "banks", params(("id" = BankId, Path)),
    request_body = BankChange, responses((status = 200, body = Bank)))]
pub async fn change_bank(
    State(app): State<App>,
    Path(id): Path<BankId>,
    Input {
        caller,
        body: change,
    }: Input<BankChange>,
) -> ApiResult<Json<Bank>> {
    let mut tx = app.store.begin_for_banks().await?;
    let bank = tx.bank_to_change(&id).await?;
    let mut bank = bank.ok_or_else(|| not_found("bank", &id))?;
    let before = bank.clone();
    bank.name = change.name.unwrap_or(bank.name);
    bank.description = change.description.unwrap_or(bank.description);
    bank.owner = change.owner.unwrap_or(bank.owner);
    bank.category = change.category.unwrap_or(bank.category);
    bank.threshold = change.threshold.unwrap_or(bank.threshold);
    bank.of_known = change.of_known.unwrap_or(bank.of_known);
    bank.of_upload = change.of_upload.unwrap_or(bank.of_upload);
    bank.is_enabled = change.is_enabled.unwrap_or(bank.is_enabled);
    bank.changed_at = tx.now;
    check(&bank)?;
    tx.update_bank(&bank)
        .await
        .map_err(|error| name_taken(error, &bank.name))?;
    tx.record(&caller.actor(), "bank.changed", bank_details(&bank))
        .await?;
    // Switched on, or wider than before: it may know what it let pass.
    let is_wider = bank.threshold > before.threshold
        || bank.of_known < before.of_known
        || bank.of_upload < before.of_upload;
    if bank.is_enabled && (!before.is_enabled || is_wider) {
        let until = tx.last_number().await?;
        let number = bank.number;
        SearchSightings::enqueue(&mut tx, Hashes::OfBank { number, until }).await?;
    }
    tx.commit().await?;
    follow(&app).await;
    Ok(Json(bank.into()))
}

fn check(bank: &store::banks::Bank) -> ApiResult<()> {
    if bank.name.trim().is_empty() || bank.name.chars().count() > LONGEST_NAME {
        return Err(invalid(
            "name",
            format!("expected 1 to {LONGEST_NAME} characters"),
        ));
    }
    for (field, text) in [
        ("description", &bank.description),
        ("owner", &bank.owner),
        ("category", &bank.category),
    ] {
        if text.chars().count() > LONGEST_TEXT {
            return Err(invalid(
                field,
                format!("expected at most {LONGEST_TEXT} characters"),
            ));
        }
    }
    if bank.threshold > 63 {
        return Err(invalid(
            "threshold",
            "expected 0 to 63: beyond that a PDQ distance means nothing",
        ));
    }
    for (field, percent) in [("of_known", bank.of_known), ("of_upload", bank.of_upload)] {
        if percent > 100 {
            return Err(invalid(field, "expected 0 to 100 percent"));
        }
    }
    Ok(())
}

fn name_taken(error: store::Error, name: &str) -> ApiError {
    match error {
        store::Error::Conflict(_) => conflict(
            "name_taken",
            format!("there is another bank with the name \"{name}\""),
        ),
        other => other.into(),
    }
}

fn bank_details(bank: &store::banks::Bank) -> serde_json::Value {
    json!({
        "bank": bank.id.as_str(),
        "name": bank.name,
        "owner": bank.owner,
        "category": bank.category,
        "threshold": bank.threshold,
        "of_known": bank.of_known,
        "of_upload": bank.of_upload,
        "is_enabled": bank.is_enabled,
    })
}

/// Lets the index follow at once, so that what was answered holds for the next scan. It follows to the
/// end also when the caller has hung up meanwhile.
pub async fn follow(app: &App) {
    app.wake();
    let app = app.clone();
    let following = app.tasks.clone().spawn(async move {
        if let Err(error) = app.matcher.catch_up(&app.store, &app.metrics).await {
            // The change is committed, and the next round of the follower tries again.
            tracing::error!("the index cannot follow the banks: {error:#}");
        }
    });
    let _ = following.await;
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHashes {
    /// At most 1,000; import a file for more.
    hashes: Vec<HashToAdd>,
}

impl Scoped for NewHashes {
    const SCOPE: Scope = Scope::BanksWrite;
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HashToAdd {
    #[schema(value_type = KindOfHash)]
    kind: String,
    /// As its kind is written: for digests and PDQ hex of either case; for a URL `example.org`,
    /// `example.org/folder/` or `https://example.org/page?x=1`; for a text a word or a phrase; for a video
    /// its vPDQ, as lines of `number,quality,hash,seconds` or as an array of `"hash,quality,seconds"`.
    value: String,
    /// Where it comes from. `api`, if nothing is said.
    source: Option<String>,
    /// The source's own name for it.
    external_id: Option<String>,
    category: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct AddedHashes {
    added: Vec<ListedHash>,
    /// How many the bank had before.
    already_there: u64,
}

/// Add hashes to a bank.
///
/// All or none. They can be matched when this answers, and the past is searched for them after.
#[utoipa::path(post, path = "/banks/{id}/hashes", tag = "banks", params(("id" = BankId, Path)),
    request_body = NewHashes, responses((status = 201, body = AddedHashes)))]
pub async fn add_hashes(
    State(app): State<App>,
    Path(id): Path<BankId>,
    Creation {
        caller,
        body: new,
        once,
    }: Creation<NewHashes>,
) -> ApiResult<Response> {
    let hashes = parse_hashes(new.hashes)?;

    let mut tx = app.store.begin_for_banks().await?;
    if let Some(answer) = once.replayed(&mut tx).await? {
        return Ok(answer);
    }
    let bank = tx.bank(&id).await?.ok_or_else(|| not_found("bank", &id))?;
    let inserted = tx.insert_hashes(&bank.id, &hashes).await?;
    let first = inserted.first_number;
    let added = tx
        .hashes_numbered(first..first + hashes.len() as u64)
        .await?;
    tx.bank_grew(&bank.id, added.len() as u64).await?;
    let numbers: Vec<u64> = added.iter().map(|hash| hash.number).collect();
    let details = json!({ "bank": bank.id.as_str(), "hashes": numbers, "count": added.len() });
    tx.record(&caller.actor(), "hash.added", details).await?;
    if let (Some(first), Some(last)) = (numbers.first(), numbers.last()) {
        let (since, until) = (first - 1, *last);
        SearchSightings::enqueue(&mut tx, Hashes::Added { since, until }).await?;
    }
    let answer = AddedHashes {
        already_there: (hashes.len() - added.len()) as u64,
        added: added.into_iter().map(ListedHash::from).collect(),
    };
    let answer = once.answer(&mut tx, StatusCode::CREATED, &answer).await?;
    tx.commit().await?;
    follow(&app).await;
    Ok(answer)
}

fn parse_hashes(hashes: Vec<HashToAdd>) -> ApiResult<Vec<NewHash>> {
    if hashes.is_empty() || hashes.len() > MOST_HASHES {
        let message = format!("expected 1 to {MOST_HASHES}; import a file for more");
        return Err(invalid("hashes", message));
    }
    let mut faults = Vec::new();
    let mut parsed = Vec::new();
    for (i, new) in hashes.into_iter().enumerate() {
        match parse_indexable(&new.kind, &new.value) {
            Ok(hash) => parsed.push(NewHash {
                hash,
                source: new.source.unwrap_or_else(|| "api".to_owned()),
                external_id: new.external_id,
                category: new.category,
            }),
            Err(message) => {
                faults.push(Fault {
                    line: None,
                    field: Some(format!("hashes[{i}]")),
                    message,
                });
            }
        }
    }
    if faults.is_empty() {
        return Ok(parsed);
    }
    let message = format!(
        "{} of the hashes cannot be taken; none was added",
        faults.len()
    );
    Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message).with_errors(faults))
}

fn parse_indexable(kind: &str, value: &str) -> Result<Hash, String> {
    let hash = parse_hash(kind, value)?;
    hash.check_indexable().map_err(|error| error.to_string())?;
    Ok(hash)
}

/// A hash as callers write it, or what is wrong with it.
pub fn parse_hash(kind: &str, value: &str) -> Result<Hash, String> {
    let kind: HashKind = kind
        .parse()
        .map_err(|error: watchhouse_match::ParseKindError| error.to_string())?;
    Hash::parse(kind, value).map_err(|error| error.to_string())
}

/// List a bank's hashes, newest first.
#[utoipa::path(get, path = "/banks/{id}/hashes", tag = "banks",
    params(("id" = BankId, Path), PageQuery), responses((status = 200, body = Listed<ListedHash>)))]
pub async fn list_hashes(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<BankId>,
    Params(query): Params<PageQuery>,
) -> ApiResult<Json<Listed<ListedHash>>> {
    caller.require(Scope::BanksRead)?;
    let page = page(query.limit, query.after)?;
    if let Some(after) = &page.after
        && after.parse::<i64>().is_err()
    {
        return Err(invalid("after", "expected the `next` of the page before"));
    }
    let mut tx = app.store.read().await?;
    tx.bank(&id).await?.ok_or_else(|| not_found("bank", &id))?;
    Ok(Listed::from_page(
        tx.hashes(&id, &page).await?,
        ListedHash::from,
    ))
}

/// Remove a hash from a bank.
///
/// It matches nothing from now on. Matches that it made stay on record.
#[utoipa::path(delete, path = "/banks/{id}/hashes/{hash}", tag = "banks",
    params(("id" = BankId, Path), ("hash" = String, Path, example = "hsh_42")),
    responses((status = 204)))]
pub async fn remove_hash(
    State(app): State<App>,
    caller: Caller,
    Path((id, hash)): Path<(BankId, String)>,
) -> ApiResult<StatusCode> {
    caller.require(Scope::BanksWrite)?;
    let number = hash
        .strip_prefix("hsh_")
        .and_then(|number| number.parse::<u64>().ok());
    // One hash has one id: no sign, no leading zeros.
    let number = number
        .filter(|number| *number < 1 << 62 && hash_id(*number) == hash)
        .ok_or_else(|| not_found("hash", &hash))?;

    let mut tx = app.store.begin_for_banks().await?;
    if !tx.remove_hash(&id, number).await? {
        return Err(not_found("hash", &hash));
    }
    let details = json!({ "bank": id.as_str(), "hash": number });
    tx.record(&caller.actor(), "hash.removed", details).await?;
    tx.commit().await?;
    follow(&app).await;
    Ok(StatusCode::NO_CONTENT)
}
