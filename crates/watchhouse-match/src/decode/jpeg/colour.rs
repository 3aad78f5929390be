//! From luma and chroma, or printing inks, to red, green and blue.

/// The conversion of JFIF, its factors with 16 binary places and rounded as the field's decoder does.
/// Where a factor does not fit in 16 bits, whole multiples of the sample are added instead.
pub(crate) mod factor {
    /// 1.402 - 1
    pub(crate) const RED_OF_CR: i16 = 26_345;
    /// 1.772 - 2
    pub(crate) const BLUE_OF_CB: i16 = -14_942;
    /// -0.34414, as the field cuts it
    pub(crate) const GREEN_OF_CB: i16 = -22_554;
    /// -0.71414 + 1
    pub(crate) const GREEN_OF_CR: i16 = 18_734;
}

pub(crate) const ROUNDING: i32 = 1 << 15;

/// Converts luma, blueness and redness to red, green and blue.
#[inline(always)]
pub(crate) fn to_rgb([luma, blueness, redness]: [&[u8]; 3], [red, green, blue]: [&mut [u8]; 3]) {
    let from = luma.iter().zip(blueness).zip(redness);
    let to = red.iter_mut().zip(green).zip(blue);
    for (((red, green), blue), ((&luma, &blueness), &redness)) in to.zip(from) {
        [*red, *green, *blue] = rgb(luma, blueness, redness);
    }
}

#[inline(always)]
fn rgb(luma: u8, blueness: u8, redness: u8) -> [u8; 3] {
    let luma = i32::from(luma);
    let (cb, cr) = (i32::from(blueness) - 128, i32::from(redness) - 128);
    let of = |factor: i16, chroma: i32| i32::from(factor) * chroma;
    let red = cr + ((of(factor::RED_OF_CR, cr) + ROUNDING) >> 16);
    let green = of(factor::GREEN_OF_CB, cb) + of(factor::GREEN_OF_CR, cr);
    let green = ((green + ROUNDING) >> 16) - cr;
    let blue = 2 * cb + ((of(factor::BLUE_OF_CB, cb) + ROUNDING) >> 16);
    [red, green, blue].map(|colour| (luma + colour).clamp(0, 255) as u8)
}

/// Inks that were stored as luma and chroma: the conversion gives what light they leave.
pub(super) fn invert(inks: [&mut Vec<u8>; 3]) {
    for ink in inks.into_iter().flatten() {
        *ink = 255 - *ink;
    }
}

/// Lays black over three inks, which become red, green and blue. Inks are inverted, as Adobe's
/// programs store them and as everybody reads them: 255 is none.
pub(super) fn print_over(inks: [&mut Vec<u8>; 3], black: &[u8]) {
    for ink in inks {
        for (ink, &black) in ink.iter_mut().zip(black) {
            *ink = times(*ink, black);
        }
    }
}

/// Of 255ths, rounded.
fn times(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    ((product + (product >> 8)) >> 8) as u8
}
