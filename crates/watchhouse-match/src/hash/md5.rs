//! Md5: the oldest digest that lists still carry.

use super::degenerate::{Degenerate, check_digest};
use super::signal::Signal;
use super::text;
use crate::index::{DigestTable, Indexed};

/// Md5 digests of whole files.
pub struct Md5;

const OF_NOTHING: [u8; 16] = [
    0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e,
];

impl Indexed for Md5 {
    type Table = DigestTable<16>;
}

impl Signal for Md5 {
    type Value = [u8; 16];

    const NAME: &'static str = "md5";
    const LABEL: &'static str = "MD5";
    const NOUN: &'static str = "an MD5 hash";
    const EXAMPLE: &'static str = "6a1847cb3cd37a7c8b1206f6ce72a66a";
    const SIZE_BYTES: Option<usize> = Some(16);

    fn parse(text: &str) -> Result<[u8; 16], String> {
        text::decode_hex(text)
    }

    fn from_bytes(bytes: &[u8]) -> Result<[u8; 16], String> {
        text::sized(bytes)
    }

    fn as_bytes(value: &[u8; 16]) -> &[u8] {
        value
    }

    fn check_indexable(value: &[u8; 16]) -> Result<(), Degenerate> {
        check_digest(value, &OF_NOTHING)
    }
}
