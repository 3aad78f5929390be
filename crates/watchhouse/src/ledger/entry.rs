//! Entries: what stands in the tree for something that happened.
//!
//! The tree is public and for ever, and what happened may have to be forgotten. So an entry is not the
//! event but a commitment to it: 32 bytes, HMAC-SHA256 under a random salt of 32 bytes over the event's
//! body in canonical JSON. Whoever is given body and salt can check them; once the salt is erased,
//! nobody can even guess the body, and every proof still holds. Nothing but commitments MUST enter the
//! tree.
//!
//! Canonical JSON is RFC 8785 restricted to what has one obvious spelling: objects with ASCII keys,
//! arrays, strings, booleans, null, and integers of at most 2^53 - 1 either way, which every JSON reader
//! holds exactly. There are no floats: that is where canonical JSON goes wrong in practice.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// The length of an entry in the tree, and of the salt that keeps it secret, in bytes.
pub const COMMITMENT_BYTES: usize = 32;

/// The largest integer, either way, that every JSON reader holds exactly (RFC 7493, section 2.2).
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Why a value has no canonical form. The path is a JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    #[error("\"{at}\" is {found}, not an integer within ±(2^53 - 1); write it as a string")]
    NotAnInteger { at: String, found: String },
    #[error("\"{at}\" has the key \"{key}\", which is not ASCII")]
    KeyNotAscii { at: String, key: String },
}

/// The one spelling of a body that is committed to.
pub fn canonical_json(body: &Value) -> Result<String, CanonicalError> {
    let mut text = String::new();
    print_value(body, &mut String::new(), &mut text)?;
    Ok(text)
}

/// The entry for a body: HMAC-SHA256(key = salt, message = canonical JSON).
///
/// The salt MUST be random and used once. Whoever checks takes the text as it was handed over, without
/// parsing and printing it again.
pub fn commitment(salt: &[u8; 32], canonical_json: &str) -> [u8; COMMITMENT_BYTES] {
    let mut mac = Hmac::<Sha256>::new_from_slice(salt).expect("HMAC takes a key of any length");
    mac.update(canonical_json.as_bytes());
    mac.finalize().into_bytes().into()
}

fn print_value(value: &Value, at: &mut String, text: &mut String) -> Result<(), CanonicalError> {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => {
            let integer = number
                .as_i64()
                .filter(|integer| integer.unsigned_abs() <= MAX_INTEGER);
            let integer = integer.ok_or_else(|| CanonicalError::NotAnInteger {
                at: at.clone(),
                found: number.to_string(),
            })?;
            text.push_str(&integer.to_string());
        }
        Value::String(string) => print_string(string, text),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                print_below(&index.to_string(), item, at, text)?;
            }
            text.push(']');
        }
        Value::Object(fields) => {
            // Bytewise order of ASCII keys is RFC 8785's order by UTF-16 units.
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (index, (key, field)) in fields.into_iter().enumerate() {
                if !key.is_ascii() {
                    return Err(CanonicalError::KeyNotAscii {
                        at: at.clone(),
                        key: key.clone(),
                    });
                }
                if index > 0 {
                    text.push(',');
                }
                print_string(key, text);
                text.push(':');
                print_below(key, field, at, text)?;
            }
            text.push('}');
        }
    }
    Ok(())
}

fn print_below(
    step: &str,
    value: &Value,
    at: &mut String,
    text: &mut String,
) -> Result<(), CanonicalError> {
    let above = at.len();
    at.push('/');
    at.push_str(&step.replace('~', "~0").replace('/', "~1"));
    print_value(value, at, text)?;
    at.truncate(above);
    Ok(())
}

/// RFC 8785, section 3.2.2.2: only what must be escaped is, and in the shortest way.
fn print_string(string: &str, text: &mut String) {
    text.push('"');
    for c in string.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            c if c < ' ' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
}
