//! JSON Lines: an object a line.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use watchhouse_match::HashKind;

use super::{NAMES, ReadError, Record, at, hash};

/// A line's object. Values may be null, and then they are as good as not there.
#[derive(Default)]
struct Object {
    /// In the order of the kinds, whatever the line's is.
    hashes: BTreeMap<HashKind, String>,
    category: Option<String>,
    source: Option<String>,
    id: Option<String>,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut object = Object::default();
        let mut seen = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let Some(name) = NAMES.into_iter().find(|name| *name == key) else {
                return Err(A::Error::unknown_field(&key, &NAMES));
            };
            if seen.contains(&name) {
                return Err(A::Error::duplicate_field(name));
            }
            seen.push(name);
            let value: Option<String> = map.next_value()?;
            match name {
                "category" => object.category = value,
                "source" => object.source = value,
                "id" => object.id = value,
                kind => {
                    let kind = kind.parse().expect("every other name is a kind's");
                    object.hashes.extend(value.map(|value| (kind, value)));
                }
            }
        }
        Ok(object)
    }
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
    let hashes = object
        .hashes
        .iter()
        .map(|(kind, text)| hash(*kind, text, line))
        .collect::<Result<Vec<_>, _>>()?;
    if hashes.is_empty() {
        let kinds = HashKind::listed("or");
        return Err(at(line, format!("no hash; expected {kinds}")));
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
