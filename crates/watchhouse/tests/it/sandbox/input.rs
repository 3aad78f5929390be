//! Good pictures and hostile bytes.

use std::io::Cursor;
use std::sync::LazyLock;

use bytes::Bytes;
use image::{ImageFormat, Rgb, RgbImage};

pub(super) const FORMATS: [ImageFormat; 5] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::Gif,
    ImageFormat::WebP,
    ImageFormat::Bmp,
];

/// A small picture, another for every number.
pub(super) fn picture(n: u32) -> Bytes {
    encoded(n, ImageFormat::Bmp)
}

pub(super) fn encoded(n: u32, format: ImageFormat) -> Bytes {
    let mut chance = Chance(u64::from(n) + 1);
    let blocks: Vec<[u8; 3]> = (0..64)
        .map(|_| chance.next().to_le_bytes())
        .map(|[r, g, b, ..]| [r, g, b])
        .collect();
    let picture = RgbImage::from_fn(96, 96, |x, y| Rgb(blocks[(x / 12 + y / 12 * 8) as usize]));
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, format)
        .expect("a picture is written");
    bytes.into_inner().into()
}

/// Some pictures in each format. Drawing them takes longer than altering them.
static DRAWN: LazyLock<[[Bytes; 8]; FORMATS.len()]> =
    LazyLock::new(|| FORMATS.map(|format| std::array::from_fn(|n| encoded(n as u32, format))));

/// Noise, or a picture that was cut, changed or mixed with another.
pub(super) fn hostile(n: usize, chance: &mut Chance) -> Bytes {
    let mut bytes = DRAWN[n % FORMATS.len()][n % 7].to_vec();
    match n / FORMATS.len() % 4 {
        0 => bytes.truncate(chance.below(bytes.len())),
        1 => {
            for _ in 0..=chance.below(8) {
                let at = chance.below(bytes.len());
                bytes[at] = chance.next() as u8;
            }
        }
        2 => {
            let other = &DRAWN[chance.below(FORMATS.len())][7];
            let at = chance.below(bytes.len().min(other.len()));
            bytes.splice(at.., other[at..].iter().copied());
        }
        _ => {
            // A true beginning, so that the decoder is sure to start.
            for byte in &mut bytes[40..] {
                *byte = chance.next() as u8;
            }
        }
    }
    bytes.into()
}

/// Numbers that look random and are the same in every run.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}
