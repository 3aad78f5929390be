//! Hashes as text: hex of either case in, lower-case hex out, and base32 for SHA-1.

use std::fmt;

use super::HashKind;

/// Why a text or a run of bytes is not a hash of the kind that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is not {}: {why}", kind.noun())]
pub struct ParseHashError {
    pub kind: HashKind,
    what: String,
    why: String,
}

impl ParseHashError {
    pub(super) fn of_text(kind: HashKind, text: &str, why: String) -> ParseHashError {
        let what = quote(text, kind.quoted_chars());
        ParseHashError { kind, what, why }
    }

    pub(super) fn of_bytes(kind: HashKind, n_bytes: usize, why: String) -> ParseHashError {
        let what = format!("a run of {n_bytes} bytes");
        ParseHashError { kind, what, why }
    }
}

/// A name that is no [`HashKind`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{quoted} is not a hash kind: expected {}", HashKind::listed("or"))]
pub struct ParseKindError {
    quoted: String,
}

impl ParseKindError {
    pub(super) fn new(text: &str) -> ParseKindError {
        ParseKindError {
            quoted: quote(text, 20),
        }
    }
}

/// Reads hex of either case.
pub(super) fn decode_hex<const N: usize>(text: &str) -> Result<[u8; N], String> {
    if let Some((digit_idx, odd)) = text
        .chars()
        .enumerate()
        .find(|(_, digit)| !digit.is_ascii_hexdigit())
    {
        let position = digit_idx + 1;
        return Err(format!("{odd:?} at position {position} is not a hex digit"));
    }
    if text.len() != N * 2 {
        return Err(format!("{} hex digits, expected {}", text.len(), N * 2));
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = hex_value(pair[0]) << 4 | hex_value(pair[1]);
    }
    Ok(bytes)
}

pub(super) fn sized<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| format!("expected {N} bytes"))
}

pub(super) fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// The value of a digit that is known to be hex.
fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// RFC 4648 base32 of either case: five bits a digit, most significant first.
pub(super) fn decode_base32<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (mut bits, mut n_bits, mut byte_idx) = (0u32, 0, 0);
    for digit in text.bytes() {
        let value = match digit.to_ascii_uppercase() {
            upper @ b'A'..=b'Z' => upper - b'A',
            figure @ b'2'..=b'7' => figure - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        n_bits += 5;
        if n_bits >= 8 {
            n_bits -= 8;
            *bytes.get_mut(byte_idx)? = (bits >> n_bits) as u8;
            byte_idx += 1;
        }
    }
    (byte_idx == N).then_some(bytes)
}

/// The text in quotes, cut to its first characters: an error must not carry a whole list line.
fn quote(text: &str, n_chars: usize) -> String {
    let cut = text.chars().nth(n_chars).map_or("", |_| "…");
    let start: String = text.chars().take(n_chars).collect();
    format!("\"{}{cut}\"", start.escape_debug())
}
