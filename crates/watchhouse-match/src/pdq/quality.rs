//! How much there is to see: the sum of brightness steps between neighbours.

use super::shrink::Block64;

/// Chosen by the reference so that ordinary photographs come out at 100.
const STEPS_PER_POINT: i32 = 90;

/// 0 to 100.
pub(super) fn quality(block: &Block64) -> u8 {
    let mut steps = 0;
    for rows in block.windows(2) {
        for (above, below) in rows[0].iter().zip(&rows[1]) {
            steps += step(*above, *below);
        }
    }
    for row in block {
        for pair in row.windows(2) {
            steps += step(pair[0], pair[1]);
        }
    }
    let quality = (steps / STEPS_PER_POINT).min(100);
    u8::try_from(quality).expect("between 0 and 100")
}

/// Percent of the full range, cut to a whole number.
fn step(a: f32, b: f32) -> i32 {
    (((a - b) * 100.0 / 255.0) as i32).abs()
}
