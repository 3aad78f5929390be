//! Asking about hashes that are ready: which lists are they on?

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use watchhouse_match::Hash;

use super::banks::{KindOfHash, ListedHash, parse_hash};
use super::error::{ApiError, ApiResult, Fault, Problem, internal, invalid, unavailable};
use super::extract::{Input, Scoped};
use super::found_match::NamedBank;
use crate::app::App;
use crate::auth::Scope;
use crate::lookup::{self, Answer, Met};

/// A body of so many stays far below `server.max_body_bytes`.
const MOST_HASHES: usize = 1_000;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HashesToLookUp {
    /// At most 1,000, of any kinds.
    hashes: Vec<HashToLookUp>,
}

impl Scoped for HashesToLookUp {
    const SCOPE: Scope = Scope::Lookup;
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HashToLookUp {
    #[schema(value_type = KindOfHash)]
    kind: String,
    /// As in a bank.
    value: String,
}

/// What was found, and no verdict.
#[derive(Serialize, ToSchema)]
pub struct Lookup {
    /// One for each hash, in the order in which they were asked about.
    answers: Vec<LookupAnswer>,
}

/// What one hash met.
#[derive(Serialize, ToSchema)]
pub struct LookupAnswer {
    /// Closest first; of each bank at most 16.
    matches: Vec<LookupMatch>,
    /// How many more there were.
    more_matches: usize,
}

/// A match that explains itself.
#[derive(Serialize, ToSchema)]
pub struct LookupMatch {
    bank: NamedBank,
    /// In bits; 0 for a digest; for a video the percent of the known one's frames that was not found.
    distance: u32,
    /// The bank's threshold when it was looked up; for a video 100 less `of_known`.
    threshold: u32,
    /// What was met, from where, and since when it is known.
    hash: ListedHash,
}

impl From<Answer> for LookupAnswer {
    fn from(answer: Answer) -> LookupAnswer {
        LookupAnswer {
            matches: answer.matches.into_iter().map(LookupMatch::from).collect(),
            more_matches: answer.more_matches,
        }
    }
}

impl From<Met> for LookupMatch {
    fn from(met: Met) -> LookupMatch {
        LookupMatch {
            bank: NamedBank {
                id: met.bank.id,
                name: met.bank.name,
            },
            distance: met.distance,
            threshold: met.threshold,
            hash: met.hash.into(),
        }
    }
}

/// Look hashes up.
///
/// A question about lists, for whoever has hashes and no media. It is not a scan: no verdict is given, no
/// rule is asked, nothing is remembered, and what is listed later does not find what was asked about
/// before. Ask about uploads with `POST /api/v1/scan`.
#[utoipa::path(post, path = "/lookup", tag = "scan", request_body = HashesToLookUp,
    responses(
        (status = 200, body = Lookup),
        (status = 503, description = "The lists are being loaded or are stale: `index_not_ready`",
            body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn look_up_hashes(
    State(app): State<App>,
    Input { body, .. }: Input<HashesToLookUp>,
) -> ApiResult<Json<Lookup>> {
    let hashes = parse_hashes(&body.hashes)?;
    let answers = lookup::look_up(&app, hashes).await?;
    Ok(Json(Lookup {
        answers: answers.into_iter().map(LookupAnswer::from).collect(),
    }))
}

fn parse_hashes(hashes: &[HashToLookUp]) -> ApiResult<Vec<Hash>> {
    if hashes.is_empty() || hashes.len() > MOST_HASHES {
        return Err(invalid("hashes", format!("expected 1 to {MOST_HASHES}")));
    }
    let mut parsed = Vec::with_capacity(hashes.len());
    let mut faults = Vec::new();
    for (i, asked) in hashes.iter().enumerate() {
        match parse_hash(&asked.kind, &asked.value) {
            Ok(hash) => parsed.push(hash),
            Err(message) => faults.push(Fault {
                line: None,
                field: Some(format!("hashes[{i}]")),
                message,
            }),
        }
    }
    if faults.is_empty() {
        return Ok(parsed);
    }
    let message = format!(
        "{} of the hashes cannot be read; none was looked up",
        faults.len()
    );
    Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message).with_errors(faults))
}

impl From<lookup::Error> for ApiError {
    fn from(error: lookup::Error) -> ApiError {
        match error {
            lookup::Error::NotReady(reason) => {
                let mut answer = unavailable(reason.to_string());
                answer.code = "index_not_ready";
                answer
            }
            lookup::Error::Store(error) => error.into(),
            error @ lookup::Error::Broken(_) => internal(error),
        }
    }
}
