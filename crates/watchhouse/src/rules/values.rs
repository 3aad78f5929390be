//! Facts as the variables of a condition. The names and types are those of `schema`.

use std::collections::HashMap;
use std::sync::Arc;

use cel::Value;
use cel::objects::{Key, Map};

use super::facts::{AccountFacts, BankFacts, Facts, HashFacts, ItemFacts, MatchFacts, MediaFacts};

pub(super) fn item(facts: &Facts) -> Value {
    let ItemFacts {
        external_id,
        kind,
        surface,
        text,
    } = &facts.item;
    object([
        ("external_id", external_id.as_str().into()),
        ("kind", kind.as_str().into()),
        ("surface", surface.as_str().into()),
        ("has_account", Value::Bool(facts.account.is_some())),
        ("text", text_or_null(text)),
    ])
}

pub(super) fn account(facts: &Facts) -> Value {
    match &facts.account {
        Some(AccountFacts { external_id }) => {
            object([("external_id", external_id.as_str().into())])
        }
        None => Value::Null,
    }
}

pub(super) fn media(facts: &Facts) -> Value {
    let MediaFacts {
        format,
        width,
        height,
        size_bytes,
        sha256,
        frames,
        quality,
    } = &facts.media;
    object([
        ("format", text_or_null(format)),
        ("width", int_or_null(*width)),
        ("height", int_or_null(*height)),
        ("size_bytes", count(*size_bytes)),
        ("sha256", sha256.as_str().into()),
        ("frames", int(*frames)),
        ("quality", int_or_null(*quality)),
    ])
}

pub(super) fn matching(facts: &MatchFacts) -> Value {
    let MatchFacts {
        kind,
        distance,
        threshold,
        transform,
        quality,
        frame,
        bank:
            BankFacts {
                id,
                name,
                category: bank_category,
                owner,
            },
        hash:
            HashFacts {
                source,
                external_id,
                category,
                age_days,
            },
    } = facts;
    let bank = object([
        ("id", id.as_str().into()),
        ("name", name.as_str().into()),
        ("category", text_or_null(bank_category)),
        ("owner", text_or_null(owner)),
    ]);
    let hash = object([
        ("source", text_or_null(source)),
        ("external_id", text_or_null(external_id)),
        ("category", text_or_null(category)),
        ("age_days", count(*age_days)),
    ]);
    object([
        ("kind", kind.as_str().into()),
        ("distance", int(*distance)),
        ("threshold", int(*threshold)),
        ("transform", transform.as_str().into()),
        ("quality", int_or_null(*quality)),
        ("frame", int_or_null(*frame)),
        ("bank", bank),
        ("hash", hash),
    ])
}

fn object<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
    let map: HashMap<Key, Value> = fields
        .into_iter()
        .map(|(name, value)| (Key::from(name), value))
        .collect();
    Value::Map(Map { map: Arc::new(map) })
}

fn text_or_null(text: &Option<String>) -> Value {
    text.as_deref().map_or(Value::Null, Value::from)
}

/// Always signed: CEL does not mix signed and unsigned numbers in arithmetic.
fn int(number: impl Into<i64>) -> Value {
    Value::Int(number.into())
}

fn int_or_null<T: Copy + Into<i64>>(number: Option<T>) -> Value {
    number.map_or(Value::Null, |number| int(number))
}

fn count(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
