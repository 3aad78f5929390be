//! Things to test with: pictures that our own code draws, and files made of them.

use std::fs;
use std::path::Path;
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

/// A file of the matching engine's tests, of a format that nothing here can write. All show one scene.
pub fn stored(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../watchhouse-match/tests/pictures");
    fs::read(folder.join(name)).expect("a file of the tests")
}

/// One scene in each format that nothing here can write.
pub const STORED: [&str; 4] = ["plain.tiff", "lossy.jxl", "plain.avif", "plain.heic"];

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

/// A multipart form with these parts, of these names. Returns its content type and its body.
pub fn form(parts: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        body.extend_from_slice(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n")
                .as_bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

const BOUNDARY: &str = "a-line-that-no-picture-has";

/// A whole PNG that says it has this size, and has no pixels.
pub fn hollow_png(width: u32, height: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for chunk in [&header[..], b"IDAT", b"IEND"] {
        bytes.extend_from_slice(&(chunk.len() as u32 - 4).to_be_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(&crc32(chunk).to_be_bytes());
    }
    bytes
}

/// PNG's checksum, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

/// An animated GIF of so many frames, each one pixel that differs from the one before.
pub fn long_gif(n_frames: usize) -> Vec<u8> {
    let mut bytes = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff".to_vec();
    for n in 0..n_frames {
        bytes.extend_from_slice(b"!\xf9\x04\x00\x01\x00\x00\x00");
        bytes.extend_from_slice(b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02");
        // A clear code, the pixel's colour, the end.
        bytes.extend_from_slice(if n % 2 == 0 {
            b"D\x01\x00"
        } else {
            b"L\x01\x00"
        });
    }
    bytes.push(b';');
    bytes
}

/// Bytes that are no media, the same each time.
pub fn noise(n_bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 56) as u8
    })
    .take(n_bytes)
    .collect()
}
