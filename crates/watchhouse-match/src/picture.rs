//! Decoded pictures and rows of them, borrowed from whoever decoded them. The top row comes first.

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

/// One picture of 8-bit samples without padding.
#[derive(Clone, Copy)]
pub struct Picture<'a> {
    width: usize,
    height: usize,
    channels: Channels,
    samples: &'a [u8],
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

    /// The samples of row `y`, `width * channels` of them.
    pub fn row(&self, y: usize) -> &'a [u8] {
        let row_len = self.width * self.channels.count();
        &self.samples[y * row_len..][..row_len]
    }

    /// All rows, from the top.
    pub fn rows(&self) -> impl Iterator<Item = Row<'a>> {
        (0..self.height).map(|y| Row::Packed(self.channels, self.row(y)))
    }
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
}
