//! Brightness, row by row: the first step of PDQ, so that no whole-picture float buffer is needed.

use crate::picture::{Channels, Picture};

use super::Family;

/// ITU-R BT.601 weights of red, green and blue.
const WEIGHTS: [f64; 3] = [0.299, 0.587, 0.114];

/// The side to which the 512 family stretches.
const STRETCHED_SIDE: usize = 512;

/// A picture's brightness (0.0 to 255.0), one row at a time.
pub(super) struct LumaRows<'a> {
    picture: &'a Picture<'a>,
    family: Family,
    stretch: bool,
}

impl<'a> LumaRows<'a> {
    pub(super) fn new(picture: &'a Picture<'a>, family: Family) -> LumaRows<'a> {
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
    pub(super) fn read(&self, y: usize, row: &mut [f32]) {
        if !self.stretch {
            let pixels = self
                .picture
                .row(y)
                .chunks_exact(self.picture.channels().count());
            for (value, pixel) in row.iter_mut().zip(pixels) {
                *value = self.luma(pixel);
            }
            return;
        }
        let n_channels = self.picture.channels().count();
        let pixels = self.picture.row(y * self.picture.height() / STRETCHED_SIDE);
        for (x, value) in row.iter_mut().enumerate() {
            let source_x = x * self.picture.width() / STRETCHED_SIDE;
            *value = self.luma(&pixels[source_x * n_channels..][..n_channels]);
        }
    }

    fn luma(&self, pixel: &[u8]) -> f32 {
        let (red, green, blue) = match self.picture.channels() {
            // Grey through the weights rounds back to the grey value in both families.
            Channels::Grey | Channels::GreyAlpha => return f32::from(pixel[0]),
            Channels::Rgb | Channels::Rgba => (pixel[0], pixel[1], pixel[2]),
        };
        match self.family {
            // The Python package weighs in doubles and rounds once; the C++ program in floats.
            Family::Full => {
                (f64::from(red) * WEIGHTS[0]
                    + f64::from(green) * WEIGHTS[1]
                    + f64::from(blue) * WEIGHTS[2]) as f32
            }
            Family::Stretch512 => {
                f32::from(red) * WEIGHTS[0] as f32
                    + f32::from(green) * WEIGHTS[1] as f32
                    + f32::from(blue) * WEIGHTS[2] as f32
            }
        }
    }
}
