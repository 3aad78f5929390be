//! Brightness, row by row: the first step of PDQ, so that no whole-picture float buffer is needed.

use crate::picture::{Channels, Picture};

use super::Family;

/// ITU-R BT.601 weights of red, green and blue.
const WEIGHTS: [f32; 3] = [0.299, 0.587, 0.114];

/// The side to which the 512 family stretches.
const STRETCHED_SIDE: usize = 512;

/// A picture's brightness (0.0 to 255.0), one row at a time.
pub(crate) struct LumaRows<'a> {
    picture: &'a Picture<'a>,
    family: Family,
    stretch: bool,
}

impl<'a> LumaRows<'a> {
    pub(crate) fn new(picture: &'a Picture<'a>, family: Family) -> LumaRows<'a> {
        let is_large = picture.width() > STRETCHED_SIDE || picture.height() > STRETCHED_SIDE;
        LumaRows {
            picture,
            family,
            stretch: is_large && family == Family::Stretch512,
        }
    }

    pub(super) fn width(&self) -> usize {
        if self.stretch {
            STRETCHED_SIDE
        } else {
            self.picture.width()
        }
    }

    pub(super) fn height(&self) -> usize {
        if self.stretch {
            STRETCHED_SIDE
        } else {
            self.picture.height()
        }
    }

    /// Writes row `y`, of [`LumaRows::width`] values.
    #[inline(always)]
    pub(super) fn read(&self, y: usize, row: &mut [f32]) {
        match self.picture.channels() {
            Channels::Grey => self.read_pixels::<1>(y, row, grey),
            Channels::GreyAlpha => self.read_pixels::<2>(y, row, grey),
            Channels::Rgb => match self.family {
                Family::Full => self.read_pixels::<3>(y, row, luma_rounded_once),
                Family::Stretch512 => self.read_pixels::<3>(y, row, luma_in_floats),
            },
            Channels::Rgba => match self.family {
                Family::Full => self.read_pixels::<4>(y, row, luma_rounded_once),
                Family::Stretch512 => self.read_pixels::<4>(y, row, luma_in_floats),
            },
        }
    }

    #[inline(always)]
    fn read_pixels<const N: usize>(
        &self,
        y: usize,
        row: &mut [f32],
        luma: impl Fn(&[u8; N]) -> f32,
    ) {
        if !self.stretch {
            let (pixels, _) = self.picture.row(y).as_chunks();
            for (value, pixel) in row.iter_mut().zip(pixels) {
                *value = luma(pixel);
            }
            return;
        }
        let (width, height) = (self.picture.width(), self.picture.height());
        let (pixels, _) = self.picture.row(y * height / STRETCHED_SIDE).as_chunks();
        for (x, value) in row.iter_mut().enumerate() {
            *value = luma(&pixels[x * width / STRETCHED_SIDE]);
        }
    }
}

/// Grey through the weights rounds back to the grey value in both families.
#[inline(always)]
fn grey<const N: usize>(pixel: &[u8; N]) -> f32 {
    f32::from(pixel[0])
}

/// As the Python package, which weighs in doubles and rounds once: whole thousandths rounded once are
/// the same, for every colour that there is (a test tries them all), and take half the time.
#[inline(always)]
pub(crate) fn luma_rounded_once<const N: usize>(pixel: &[u8; N]) -> f32 {
    let [red, green, blue] = [0, 1, 2].map(|channel| i32::from(pixel[channel]));
    (299 * red + 587 * green + 114 * blue) as f32 / 1_000.0
}

/// As the C++ program.
#[inline(always)]
fn luma_in_floats<const N: usize>(pixel: &[u8; N]) -> f32 {
    let [red, green, blue] = [0, 1, 2].map(|channel| f32::from(pixel[channel]) * WEIGHTS[channel]);
    red + green + blue
}
