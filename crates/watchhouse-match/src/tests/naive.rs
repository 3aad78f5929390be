//! The oracles: PDQ and JPEG as a textbook would write them, whole buffers and one index at a time.

#![allow(
    clippy::needless_range_loop,
    reason = "indexes as in the formulas, so that they can be compared"
)]

mod pixels;

pub(super) use pixels::{idct, rgb, upsampled};

use crate::hash::PdqHash;
use crate::pdq::{Family, Transform};
use crate::picture::{Channels, Picture};

/// Hash and quality.
pub(super) fn pdq(picture: &Picture<'_>, family: Family) -> (PdqHash, i32) {
    let (mut width, mut height) = (picture.width(), picture.height());
    if width < 5 || height < 5 {
        return (PdqHash::default(), 0);
    }
    let mut luma = Vec::new();
    if family == Family::Stretch512 && (width > 512 || height > 512) {
        for y in 0..512 {
            for x in 0..512 {
                luma.push(luma_at(picture, x * width / 512, y * height / 512, family));
            }
        }
        (width, height) = (512, 512);
    } else {
        for y in 0..height {
            for x in 0..width {
                luma.push(luma_at(picture, x, y, family));
            }
        }
    }
    if (width, height) != (64, 64) {
        let (row_window, column_window) = (width.div_ceil(128), height.div_ceil(128));
        for _ in 0..2 {
            for y in 0..height {
                blur(&mut luma, y * width, 1, width, row_window);
            }
            for x in 0..width {
                blur(&mut luma, x, width, height, column_window);
            }
        }
    }
    let mut block = [[0.0f32; 64]; 64];
    for (i, row) in block.iter_mut().enumerate() {
        for (j, value) in row.iter_mut().enumerate() {
            let y = ((i as f64 + 0.5) * height as f64 / 64.0) as usize;
            let x = ((j as f64 + 0.5) * width as f64 / 64.0) as usize;
            *value = luma[y * width + x];
        }
    }
    (hash(&block), quality(&block))
}

fn luma_at(picture: &Picture<'_>, x: usize, y: usize, family: Family) -> f32 {
    let n_channels = picture.channels().count();
    let pixel = &picture.row(y)[x * n_channels..][..n_channels];
    match (picture.channels(), family) {
        (Channels::Grey | Channels::GreyAlpha, _) => f32::from(pixel[0]),
        (_, Family::Full) => {
            (0.299 * f64::from(pixel[0])
                + 0.587 * f64::from(pixel[1])
                + 0.114 * f64::from(pixel[2])) as f32
        }
        (_, Family::Stretch512) => {
            0.299f32 * f32::from(pixel[0])
                + 0.587f32 * f32::from(pixel[1])
                + 0.114f32 * f32::from(pixel[2])
        }
    }
}

/// The running mean of `len` values that lie `stride` apart.
fn blur(values: &mut [f32], start: usize, stride: usize, len: usize, window: usize) {
    let from: Vec<f32> = (0..len).map(|i| values[start + i * stride]).collect();
    let ahead = (window + 2) / 2 - 1;
    let (mut sum, mut n_inside, mut entering, mut leaving) = (0.0f32, 0, 0, 0);
    for i in 0..len {
        while entering < len && entering <= i + ahead {
            sum += from[entering];
            entering += 1;
            n_inside += 1;
            if n_inside > window {
                sum -= from[leaving];
                leaving += 1;
                n_inside -= 1;
            }
        }
        if i + ahead >= len {
            sum -= from[leaving];
            leaving += 1;
            n_inside -= 1;
        }
        values[start + i * stride] = sum / n_inside as f32;
    }
}

fn quality(block: &[[f32; 64]; 64]) -> i32 {
    let mut total = 0;
    for i in 0..64 {
        for j in 0..64 {
            if i < 63 {
                total += (((block[i][j] - block[i + 1][j]) * 100.0 / 255.0).trunc() as i32).abs();
            }
            if j < 63 {
                total += (((block[i][j] - block[i][j + 1]) * 100.0 / 255.0).trunc() as i32).abs();
            }
        }
    }
    i32::min(100, total / 90)
}

fn hash(block: &[[f32; 64]; 64]) -> PdqHash {
    let cosine = |i: usize, j: usize| {
        let angle = std::f64::consts::PI / 128.0 * ((i + 1) as f64) * ((2 * j + 1) as f64);
        ((2.0f64 / 64.0).sqrt() * angle.cos()) as f32
    };
    let mut half = vec![[0.0f32; 64]; 16];
    let mut coefficients = [0.0f32; 256];
    for i in 0..16 {
        for j in 0..64 {
            for k in 0..64 {
                half[i][j] += cosine(i, k) * block[k][j];
            }
        }
        for j in 0..16 {
            for k in 0..64 {
                coefficients[16 * i + j] += half[i][k] * cosine(j, k);
            }
        }
    }
    let mut sorted = coefficients;
    sorted.sort_by(f32::total_cmp);
    let mut bits = String::new();
    for k in (0..256).rev() {
        bits.push(if coefficients[k] > sorted[127] {
            '1'
        } else {
            '0'
        });
    }
    let mut hash = PdqHash::default();
    for (byte_idx, byte) in hash.0.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&bits[8 * byte_idx..8 * byte_idx + 8], 2).expect("binary");
    }
    hash
}

/// A square picture of `side` grey pixels, turned.
pub(super) fn turn(samples: &[u8], side: usize, transform: Transform) -> Vec<u8> {
    let last = side - 1;
    let mut turned = Vec::new();
    for y in 0..side {
        for x in 0..side {
            let (from_x, from_y) = match transform {
                Transform::Original => (x, y),
                Transform::Rotate90 => (last - y, x),
                Transform::Rotate180 => (last - x, last - y),
                Transform::Rotate270 => (y, last - x),
                Transform::FlipX => (x, last - y),
                Transform::FlipY => (last - x, y),
                Transform::Transpose => (y, x),
                Transform::AntiTranspose => (last - y, last - x),
            };
            turned.push(samples[from_y * side + from_x]);
        }
    }
    turned
}

pub(super) fn distance(a: &PdqHash, b: &PdqHash) -> u32 {
    let mut n_different = 0;
    for bit in 0..256 {
        let (byte, mask) = (bit / 8, 1u8 << (bit % 8));
        n_different += u32::from(a.0[byte] & mask != b.0[byte] & mask);
    }
    n_different
}
