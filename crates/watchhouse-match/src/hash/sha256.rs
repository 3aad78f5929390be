//! Sha256: what media is known by.

use super::degenerate::{Degenerate, check_digest};
use super::signal::Signal;
use super::text;
use crate::index::{DigestTable, Indexed};

/// Sha256 digests of whole files.
pub struct Sha256;

const OF_NOTHING: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

impl Indexed for Sha256 {
    type Table = DigestTable<32>;
}

impl Signal for Sha256 {
    type Value = [u8; 32];

    const NAME: &'static str = "sha256";
    const LABEL: &'static str = "SHA-256";
    const NOUN: &'static str = "a SHA-256 hash";
    const EXAMPLE: &'static str =
        "4f187313847b62e4f7c191abe0ccf4e797c026adcc4332da5a9c5932eae0e306";
    const SIZE_BYTES: Option<usize> = Some(32);

    fn parse(text: &str) -> Result<[u8; 32], String> {
        text::decode_hex(text)
    }

    fn from_bytes(bytes: &[u8]) -> Result<[u8; 32], String> {
        text::sized(bytes)
    }

    fn as_bytes(value: &[u8; 32]) -> &[u8] {
        value
    }

    fn check_indexable(value: &[u8; 32]) -> Result<(), Degenerate> {
        check_digest(value, &OF_NOTHING)
    }
}
