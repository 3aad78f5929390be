//! Decoded pictures and rows of them, borrowed from whoever decoded them. The top row comes first.

use std::ops::Range;

use crate::variant::{Area, Variant};

/// What the samples of a pixel are, in order. Alpha is carried and never looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
}

impl Channels {
    /// Samples per pixel.
    pub const fn count(self) -> usize {
        match self {
            Channels::Grey => 1,
            Channels::GreyAlpha => 2,
            Channels::Rgb => 3,
            Channels::Rgba => 4,
        }
    }
}

/// One picture of 8-bit samples.
#[derive(Clone, Copy)]
pub struct Picture<'a> {
    width: usize,
    height: usize,
    channels: Channels,
    samples: &'a [u8],
    /// From the start of a row to that of the next, in samples.
    stride: usize,
    variant: Variant,
    is_over_white: bool,
}

impl<'a> Picture<'a> {
    /// # Panics
    /// If there are not exactly `width * height * channels` samples: that is a mistake of the
    /// program and never of the file it reads.
    pub fn new(width: usize, height: usize, channels: Channels, samples: &'a [u8]) -> Picture<'a> {
        let expected = width
            .checked_mul(height)
            .and_then(|n_pixels| n_pixels.checked_mul(channels.count()));
        assert_eq!(
            Some(samples.len()),
            expected,
            "samples of a {width}x{height} picture"
        );
        Picture {
            width,
            height,
            channels,
            samples,
            stride: width * channels.count(),
            variant: Variant::AsStored,
            is_over_white: false,
        }
    }

    /// The same picture, said to be this variant of its frame.
    pub(crate) fn of_variant(self, variant: Variant) -> Picture<'a> {
        Picture { variant, ..self }
    }

    /// The part within a border that was found in this picture.
    pub(crate) fn without_border(&self, inner: Area) -> Picture<'a> {
        let start = inner.top as usize * self.stride + inner.left as usize * self.channels.count();
        Picture {
            width: inner.width as usize,
            height: inner.height as usize,
            samples: &self.samples[start..],
            variant: Variant::WithoutBorder(inner),
            ..*self
        }
    }

    pub fn grey(width: usize, height: usize, samples: &'a [u8]) -> Picture<'a> {
        Picture::new(width, height, Channels::Grey, samples)
    }

    pub fn rgb(width: usize, height: usize, samples: &'a [u8]) -> Picture<'a> {
        Picture::new(width, height, Channels::Rgb, samples)
    }

    /// In pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// In pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// Which picture of its frame this is.
    pub fn variant(&self) -> Variant {
        self.variant
    }

    /// The samples of row `y` as they are stored, `width * channels` of them.
    pub fn row(&self, y: usize) -> &'a [u8] {
        &self.samples[y * self.stride..][..self.width * self.channels.count()]
    }

    /// All rows as they are seen, from the top.
    pub fn each_row(&self, mut look: impl FnMut(Row<'_>)) {
        if !self.is_over_white {
            for y in 0..self.height {
                look(Row::Packed(self.channels, self.row(y)));
            }
            return;
        }
        let mut seen = Vec::with_capacity(3 * self.width);
        for y in 0..self.height {
            seen.clear();
            let pixels = self.row(y).chunks_exact(self.channels.count());
            seen.extend(pixels.flat_map(|pixel| self.seen(pixel)));
            look(Row::Packed(Channels::Rgb, &seen));
        }
    }

    /// The brightness of a part of row `y`, in whole steps; not what PDQ computes with.
    pub(crate) fn luma(&self, y: usize, columns: Range<usize>) -> impl Iterator<Item = u8> {
        let n_channels = self.channels.count();
        let samples = &self.row(y)[columns.start * n_channels..columns.end * n_channels];
        let pixels = samples.chunks_exact(n_channels);
        pixels.map(|pixel| luma(self.seen(pixel)))
    }

    /// The same picture as it is seen on a white page. None if that is no other, for nothing is
    /// transparent.
    pub(crate) fn over_white(&self) -> Option<Picture<'a>> {
        let n_channels = self.channels.count();
        let alpha = match self.channels {
            Channels::Grey | Channels::Rgb => return None,
            Channels::GreyAlpha | Channels::Rgba => n_channels - 1,
        };
        let mut pixels = (0..self.height).flat_map(|y| self.row(y).chunks_exact(n_channels));
        if pixels.all(|pixel| pixel[alpha] == u8::MAX) {
            return None;
        }
        Some(Picture {
            is_over_white: true,
            variant: Variant::OverWhite,
            ..*self
        })
    }

    /// The colour of a pixel of this picture.
    fn seen(&self, pixel: &[u8]) -> [u8; 3] {
        let on_page = |colour: u8, alpha: u8| {
            if !self.is_over_white {
                return colour;
            }
            let (colour, alpha) = (u32::from(colour), u32::from(alpha));
            ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8
        };
        match *pixel {
            [red, green, blue] => [red, green, blue],
            [red, green, blue, alpha] => [red, green, blue].map(|colour| on_page(colour, alpha)),
            [grey, alpha] => [on_page(grey, alpha); 3],
            _ => [pixel[0]; 3],
        }
    }
}

/// Brightness in whole steps. The weights add up to 256, so grey stays as it is.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((77 * u32::from(red) + 150 * u32::from(green) + 29 * u32::from(blue)) >> 8) as u8
}

/// One row of a picture, as its decoder has it.
#[derive(Clone, Copy)]
pub enum Row<'a> {
    /// Pixel after pixel.
    Packed(Channels, &'a [u8]),
    /// The red, the green and the blue of all pixels, equally many of each.
    Planar([&'a [u8]; 3]),
}

impl Row<'_> {
    /// In pixels.
    pub fn width(&self) -> usize {
        match self {
            Row::Packed(channels, samples) => samples.len() / channels.count(),
            Row::Planar([red, _, _]) => red.len(),
        }
    }

    /// The brightness of pixel `x`, as [`Picture::luma`] has it.
    pub(crate) fn luma(&self, x: usize) -> u8 {
        match self {
            Row::Packed(channels, samples) => match samples[x * channels.count()..] {
                [red, green, blue, ..] if channels.count() > 2 => luma([red, green, blue]),
                _ => samples[x * channels.count()],
            },
            Row::Planar([red, green, blue]) => luma([red[x], green[x], blue[x]]),
        }
    }
}
