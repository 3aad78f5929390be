//! Letters of five by seven dots, for watermarks and captions.

use image::{Rgb, RgbImage};

const WIDE: u32 = 5;
const HIGH: u32 = 7;

/// Rows from the top, the leftmost dot in bit 4; only the letters that are written somewhere.
fn dots(letter: char) -> [u8; 7] {
    match letter {
        'A' => [0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11],
        'H' => [0x11, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11],
        'I' => [0x0e, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e],
        'K' => [0x11, 0x12, 0x14, 0x18, 0x14, 0x12, 0x11],
        'L' => [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f],
        'O' => [0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e],
        'S' => [0x0f, 0x10, 0x10, 0x0e, 0x01, 0x01, 0x1e],
        'T' => [0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04],
        'a' => [0x00, 0x00, 0x0e, 0x01, 0x0f, 0x11, 0x0f],
        'e' => [0x00, 0x00, 0x0e, 0x11, 0x1f, 0x10, 0x0e],
        'g' => [0x00, 0x0f, 0x11, 0x11, 0x0f, 0x01, 0x0e],
        'l' => [0x0c, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e],
        'm' => [0x00, 0x00, 0x1a, 0x15, 0x15, 0x15, 0x15],
        'o' => [0x00, 0x00, 0x0e, 0x11, 0x11, 0x11, 0x0e],
        'p' => [0x00, 0x00, 0x1e, 0x11, 0x1e, 0x10, 0x10],
        'r' => [0x00, 0x00, 0x16, 0x19, 0x10, 0x10, 0x10],
        'x' => [0x00, 0x00, 0x11, 0x0a, 0x04, 0x0a, 0x11],
        '.' => [0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c],
        _ => [0; 7],
    }
}

/// Width and height in pixels of words whose dots are squares of `dot` pixels.
pub(super) fn size(words: &str, dot: u32) -> (u32, u32) {
    (words.chars().count() as u32 * (WIDE + 1) * dot, HIGH * dot)
}

/// Writes over a picture from an upper left corner; what does not fit is cut off.
pub(super) fn write(
    picture: &mut RgbImage,
    words: &str,
    (left, top): (u32, u32),
    dot: u32,
    ink: Rgb<u8>,
    opacity: f32,
) {
    for (i, letter) in words.chars().enumerate() {
        let rows = dots(letter);
        for y in 0..HIGH * dot {
            for x in 0..WIDE * dot {
                let is_inked = rows[(y / dot) as usize] >> (WIDE - 1 - x / dot) & 1 == 1;
                let (px, py) = (left + i as u32 * (WIDE + 1) * dot + x, top + y);
                if is_inked && px < picture.width() && py < picture.height() {
                    let under = picture.get_pixel_mut(px, py);
                    for (channel, ink) in under.0.iter_mut().zip(ink.0) {
                        *channel = (f32::from(*channel) * (1.0 - opacity)
                            + f32::from(ink) * opacity)
                            .round() as u8;
                    }
                }
            }
        }
    }
}
