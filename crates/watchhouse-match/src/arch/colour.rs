//! Luma and chroma to red, green and blue, a register of each at a time.
//!
//! Everything is as in the portable conversion, which says what it means.

use super::words::Words;
use crate::decode::jpeg::colour::{self, factor};

/// See [`colour::to_rgb`].
///
/// # Safety
/// The caller is compiled for CPUs that have the instructions of `W`.
#[inline(always)]
pub(super) unsafe fn to_rgb<W: Words>(ycc: [&[u8]; 3], rgb: [&mut [u8]; 3]) {
    let [luma, blueness, redness] = ycc;
    let [red, green, blue] = rgb;
    let n_registers = luma.len() / W::N_BYTES;
    for i in 0..n_registers {
        let at = i * W::N_BYTES;
        // SAFETY: as for this function.
        unsafe {
            let zero = W::all_sums(0);
            let luma = W::load_bytes(&luma[at..]);
            let cb = W::load_bytes(&blueness[at..]);
            let cr = W::load_bytes(&redness[at..]);
            let low = eight::<W>(
                luma.zip_bytes_low(zero),
                cb.zip_bytes_low(zero),
                cr.zip_bytes_low(zero),
            );
            let high = eight::<W>(
                luma.zip_bytes_high(zero),
                cb.zip_bytes_high(zero),
                cr.zip_bytes_high(zero),
            );
            low[0].narrow(high[0]).store_bytes(&mut red[at..]);
            low[1].narrow(high[1]).store_bytes(&mut green[at..]);
            low[2].narrow(high[2]).store_bytes(&mut blue[at..]);
        }
    }
    let done = n_registers * W::N_BYTES;
    colour::to_rgb(
        [&luma[done..], &blueness[done..], &redness[done..]],
        [&mut red[done..], &mut green[done..], &mut blue[done..]],
    );
}

/// Red, green and blue of eight pixels a lane, not clamped yet.
///
/// # Safety
/// As for [`to_rgb`].
#[inline(always)]
unsafe fn eight<W: Words>(luma: W, blueness: W, redness: W) -> [W; 3] {
    // SAFETY: as for `to_rgb`.
    unsafe {
        let middle = W::all_lanes([128; 8]);
        let (cb, cr) = (blueness.subtract(middle), redness.subtract(middle));
        let red = cr.add(rounded::<W>(cr, factor::RED_OF_CR));
        let blue = cb.add(cb).add(rounded::<W>(cb, factor::BLUE_OF_CB));
        let green = green::<W>(cb, cr).subtract(cr);
        [luma.add(red), luma.add(green), luma.add(blue)]
    }
}

/// The product, rounded to whole numbers: twice the product, cut to halves, plus a half.
///
/// # Safety
/// As for [`to_rgb`].
#[inline(always)]
unsafe fn rounded<W: Words>(chroma: W, factor: i16) -> W {
    // SAFETY: as for `to_rgb`.
    unsafe {
        let halves = chroma.add(chroma).multiply_high(W::all_lanes([factor; 8]));
        halves.add(W::all_lanes([1; 8])).shift_right_1()
    }
}

/// # Safety
/// As for [`to_rgb`].
#[inline(always)]
unsafe fn green<W: Words>(cb: W, cr: W) -> W {
    let (a, b) = (factor::GREEN_OF_CB, factor::GREEN_OF_CR);
    // SAFETY: as for `to_rgb`.
    unsafe {
        let factors = W::all_lanes([a, b, a, b, a, b, a, b]);
        let rounding = W::all_sums(colour::ROUNDING);
        let low = cb.zip_low(cr).multiply_pairs(factors).add_sums(rounding);
        let high = cb.zip_high(cr).multiply_pairs(factors).add_sums(rounding);
        low.shift_sums_right::<16>()
            .narrow_sums(high.shift_sums_right::<16>())
    }
}
