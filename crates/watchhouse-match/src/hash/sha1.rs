//! Sha1: in hex, and in base32 as some hotlines send it.

use super::degenerate::{Degenerate, check_digest};
use super::signal::Signal;
use super::text;
use crate::index::{DigestTable, Indexed};

/// Sha1 digests of whole files.
pub struct Sha1;

const OF_NOTHING: [u8; 20] = [
    0xda, 0x39, 0xa3, 0xee, 0x5e, 0x6b, 0x4b, 0x0d, 0x32, 0x55, 0xbf, 0xef, 0x95, 0x60, 0x18, 0x90,
    0xaf, 0xd8, 0x07, 0x09,
];

impl Indexed for Sha1 {
    type Table = DigestTable<20>;
}

impl Signal for Sha1 {
    type Value = [u8; 20];

    const NAME: &'static str = "sha1";
    const LABEL: &'static str = "SHA-1";
    const NOUN: &'static str = "a SHA-1 hash";
    const EXAMPLE: &'static str = "7ef791f2299577a080de5c6719e99efe82510b69";
    const SIZE_BYTES: Option<usize> = Some(20);

    fn parse(text: &str) -> Result<[u8; 20], String> {
        // 20 bytes are exactly 32 base32 digits; 32 hex digits would be an MD5.
        if text.len() == 32
            && let Some(digest) = text::decode_base32(text)
        {
            return Ok(digest);
        }
        text::decode_hex(text)
    }

    fn from_bytes(bytes: &[u8]) -> Result<[u8; 20], String> {
        text::sized(bytes)
    }

    fn as_bytes(value: &[u8; 20]) -> &[u8] {
        value
    }

    fn check_indexable(value: &[u8; 20]) -> Result<(), Degenerate> {
        check_digest(value, &OF_NOTHING)
    }
}
