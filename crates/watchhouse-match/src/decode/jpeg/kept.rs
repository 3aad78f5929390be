//! A whole picture, made of its rows.

use crate::picture::{Channels, Picture, Row};

/// Keeps the rows that it is given.
pub(super) struct Kept {
    width: usize,
    height: usize,
    channels: Channels,
    samples: Vec<u8>,
}

impl Kept {
    /// The most that is held.
    pub(super) const BYTES_PER_PIXEL: u64 = 3;

    /// For a picture of so many pixels.
    pub(super) fn new(width: usize, height: usize) -> Kept {
        Kept {
            width,
            height,
            channels: Channels::Rgb,
            samples: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, row: Row<'_>) {
        if self.samples.is_empty() {
            if let Row::Packed(channels, _) = row {
                self.channels = channels;
            }
            // At once, for a vector that grows holds up to twice as much.
            let n_samples = self.width * self.height * self.channels.count();
            self.samples.reserve_exact(n_samples);
        }
        match row {
            Row::Packed(_, samples) => self.samples.extend_from_slice(samples),
            Row::Planar([red, green, blue]) => {
                for ((&red, &green), &blue) in red.iter().zip(green).zip(blue) {
                    self.samples.extend([red, green, blue]);
                }
            }
        }
    }

    pub(super) fn picture(&self) -> Picture<'_> {
        Picture::new(self.width, self.height, self.channels, &self.samples)
    }
}
