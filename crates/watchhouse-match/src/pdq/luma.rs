//! Brightness, row by row: the first step of PDQ, so that no whole-picture float buffer is needed.

use crate::picture::{Channels, Row};

use super::Family;

/// ITU-R BT.601 weights of red, green and blue.
const WEIGHTS: [f32; 3] = [0.299, 0.587, 0.114];

/// The side to which the 512 family stretches.
const STRETCHED_SIDE: usize = 512;

/// Which brightness (0.0 to 255.0) of which of a picture's pixels is hashed.
pub(crate) struct Luma {
    picture_width: usize,
    picture_height: usize,
    family: Family,
    stretch: bool,
}

impl Luma {
    pub(super) fn new(picture_width: usize, picture_height: usize, family: Family) -> Luma {
        let is_large = picture_width > STRETCHED_SIDE || picture_height > STRETCHED_SIDE;
        Luma {
            picture_width,
            picture_height,
            family,
            stretch: is_large && family == Family::Stretch512,
        }
    }

    /// How many values a row gives.
    pub(super) fn width(&self) -> usize {
        if self.stretch {
            STRETCHED_SIDE
        } else {
            self.picture_width
        }
    }

    /// How many rows are hashed.
    pub(super) fn height(&self) -> usize {
        if self.stretch {
            STRETCHED_SIDE
        } else {
            self.picture_height
        }
    }

    /// Which of the picture's rows is hashed as row `y`.
    pub(super) fn source_y(&self, y: usize) -> usize {
        y * self.picture_height / self.height()
    }

    /// # Panics
    /// If the row is not as wide as the picture.
    pub(super) fn check(&self, row: &Row<'_>) {
        assert_eq!(row.width(), self.picture_width, "pixels of a row");
    }

    /// Writes [`Luma::width`] values of a row.
    #[inline(always)]
    pub(crate) fn write(&self, row: &Row<'_>, values: &mut [f32]) {
        match (self.family, row) {
            (_, Row::Packed(Channels::Grey, samples)) => {
                self.write_packed::<1>(samples, values, grey);
            }
            (_, Row::Packed(Channels::GreyAlpha, samples)) => {
                self.write_packed::<2>(samples, values, grey);
            }
            (Family::Full, Row::Packed(Channels::Rgb, samples)) => {
                self.write_packed::<3>(samples, values, luma_rounded_once);
            }
            (Family::Full, Row::Packed(Channels::Rgba, samples)) => {
                self.write_packed::<4>(samples, values, luma_rounded_once);
            }
            (Family::Full, Row::Planar(planes)) => {
                self.write_planar(planes, values, luma_rounded_once);
            }
            (Family::Stretch512, Row::Packed(Channels::Rgb, samples)) => {
                self.write_packed::<3>(samples, values, luma_in_floats);
            }
            (Family::Stretch512, Row::Packed(Channels::Rgba, samples)) => {
                self.write_packed::<4>(samples, values, luma_in_floats);
            }
            (Family::Stretch512, Row::Planar(planes)) => {
                self.write_planar(planes, values, luma_in_floats);
            }
        }
    }

    #[inline(always)]
    fn write_packed<const N: usize>(
        &self,
        samples: &[u8],
        values: &mut [f32],
        luma: impl Fn(&[u8; N]) -> f32,
    ) {
        let (pixels, _) = samples.as_chunks();
        if self.stretch {
            for (x, value) in values.iter_mut().enumerate() {
                *value = luma(&pixels[self.source_x(x)]);
            }
        } else {
            for (value, pixel) in values.iter_mut().zip(pixels) {
                *value = luma(pixel);
            }
        }
    }

    #[inline(always)]
    fn write_planar(
        &self,
        planes: &[&[u8]; 3],
        values: &mut [f32],
        luma: impl Fn(&[u8; 3]) -> f32,
    ) {
        if self.stretch {
            for (x, value) in values.iter_mut().enumerate() {
                *value = luma(&planes.map(|plane| plane[self.source_x(x)]));
            }
        } else {
            let [red, green, blue] = planes;
            let colours = red.iter().zip(*green).zip(*blue);
            for (value, ((&red, &green), &blue)) in values.iter_mut().zip(colours) {
                *value = luma(&[red, green, blue]);
            }
        }
    }

    fn source_x(&self, x: usize) -> usize {
        x * self.picture_width / self.width()
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
