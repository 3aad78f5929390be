//! Things to test with: pictures that our own code draws, and files made of them.

use std::sync::LazyLock;

use watchhouse_demo::alterations::{Alteration, jpeg, png};
use watchhouse_demo::pictures::{self, Size};
use watchhouse_match::{Limits, inspect};

/// A small photo-like picture, as JPEG. The same seed gives the same picture; others look different.
pub fn picture(seed: u64) -> Vec<u8> {
    static DRAWN: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| (0..8).map(draw).collect());
    match DRAWN.get(seed as usize) {
        Some(drawn) => drawn.clone(),
        None => draw(seed),
    }
}

fn draw(seed: u64) -> Vec<u8> {
    jpeg(&pictures::draw(seed, SIZE), 90).bytes
}

const SIZE: Size = Size {
    width: 320,
    height: 240,
};

/// The same picture after something was done to it.
pub fn altered(seed: u64, alteration: Alteration) -> Vec<u8> {
    alteration.of(&pictures::draw(seed, SIZE)).bytes
}

/// The same picture as PNG, whose bytes and so digests differ.
pub fn as_png(seed: u64) -> Vec<u8> {
    png(&pictures::draw(seed, SIZE)).bytes
}

/// A picture's PDQ hash, as hex.
pub fn pdq(media: &[u8]) -> String {
    let inspection = inspect(media, &Limits::default()).unwrap();
    watchhouse::hex::encode(&inspection.frames[0].pdq.hash.0)
}

/// A PDQ hash that is `bits` away from this one.
pub fn pdq_near(value: &str, bits: usize) -> String {
    let hash: watchhouse_match::PdqHash = value.parse().unwrap();
    let mut bytes = hash.0;
    for bit in 0..bits {
        // Spread, so that the number of ones stays near one half.
        let place = bit * 7 % 256;
        bytes[place / 8] ^= 1 << (place % 8);
    }
    watchhouse::hex::encode(&bytes)
}
