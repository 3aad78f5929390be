//! JSON Lines: an object a line.

use serde::Deserialize;
use watchhouse_match::HashKind;

use super::{ReadError, Record, at, hash};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    md5: Option<String>,
    sha1: Option<String>,
    sha256: Option<String>,
    pdq: Option<String>,
    category: Option<String>,
    source: Option<String>,
    id: Option<String>,
}

/// None for a blank line.
pub(super) fn record(text: &str, line: u64) -> Result<Option<Record>, ReadError> {
    match text.trim_ascii().chars().next() {
        None => return Ok(None),
        Some('{') => {}
        // The parser would take an array of the values for the object.
        Some(_) => return Err(at(line, "not a JSON object, such as {\"md5\":\"6a18…\"}")),
    }
    let object: Object =
        serde_json::from_str(text).map_err(|error| at(line, message_of(&error)))?;
    let digits = [
        (HashKind::Md5, object.md5),
        (HashKind::Sha1, object.sha1),
        (HashKind::Sha256, object.sha256),
        (HashKind::Pdq, object.pdq),
    ];
    let hashes = digits
        .into_iter()
        .filter_map(|(kind, digits)| digits.map(|digits| hash(kind, &digits, line)))
        .collect::<Result<Vec<_>, _>>()?;
    if hashes.is_empty() {
        return Err(at(line, "no hash; expected md5, sha1, sha256 or pdq"));
    }
    Ok(Some(Record {
        hashes,
        category: object.category.filter(|text| !text.is_empty()),
        source: object.source.filter(|text| !text.is_empty()),
        external_id: object.id.filter(|text| !text.is_empty()),
        line,
    }))
}

/// The parser says "at line 1", but to it every line is the first.
fn message_of(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match message.strip_suffix(&place) {
        Some(what) => format!("{what}, at column {}", error.column()),
        None => message,
    }
}
