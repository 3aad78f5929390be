//! Hashes as text: hex of either case in, lower-case hex out, and base32 for SHA-1.

use std::fmt;

use super::HashKind;

/// Why a text or a run of bytes is not a hash of the kind that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is not {article} {} hash: {why}", kind.label())]
pub struct ParseHashError {
    pub kind: HashKind,
    what: String,
    article: &'static str,
    why: String,
}

impl ParseHashError {
    fn new(kind: HashKind, what: String, why: String) -> ParseHashError {
        let article = match kind {
            HashKind::Md5 => "an",
            HashKind::Sha1 | HashKind::Sha256 | HashKind::Pdq => "a",
        };
        ParseHashError {
            kind,
            what,
            article,
            why,
        }
    }

    pub(super) fn wrong_size(kind: HashKind, n_bytes: usize) -> ParseHashError {
        let why = format!("expected {} bytes", kind.size_bytes());
        ParseHashError::new(kind, format!("a run of {n_bytes} bytes"), why)
    }
}

/// A name that is no [`HashKind`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{quoted} is not a hash kind: expected md5, sha1, sha256 or pdq")]
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

/// Fills `bytes`, which has the kind's size.
pub(super) fn decode(kind: HashKind, text: &str, bytes: &mut [u8]) -> Result<(), ParseHashError> {
    // 20 bytes are exactly 32 base32 digits; 32 hex digits would be an MD5.
    if kind == HashKind::Sha1 && text.len() == 32 && decode_base32(text, bytes).is_some() {
        return Ok(());
    }
    let refuse = |why: String| ParseHashError::new(kind, quote(text, 4), why);

    if let Some((digit_idx, odd)) = text
        .chars()
        .enumerate()
        .find(|(_, digit)| !digit.is_ascii_hexdigit())
    {
        return Err(refuse(format!(
            "{odd:?} at position {} is not a hex digit",
            digit_idx + 1
        )));
    }
    let expected = kind.size_bytes() * 2;
    if text.len() != expected {
        return Err(refuse(format!(
            "{} hex digits, expected {expected}",
            text.len()
        )));
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = hex_value(pair[0]) << 4 | hex_value(pair[1]);
    }
    Ok(())
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
fn decode_base32(text: &str, bytes: &mut [u8]) -> Option<()> {
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
    (byte_idx == bytes.len()).then_some(())
}

/// The text in quotes, cut to its first characters: an error must not carry a whole list line.
fn quote(text: &str, n_chars: usize) -> String {
    let cut = text.chars().nth(n_chars).map_or("", |_| "…");
    let start: String = text.chars().take(n_chars).collect();
    format!("\"{}{cut}\"", start.escape_debug())
}
