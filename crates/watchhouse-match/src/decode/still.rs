//! Still pictures through the `image` crate's decoders.

use image::ImageDecoder;

use super::error::malformed;
use super::{DecodeError, Viewer};
use crate::picture::{Channels, Picture};

/// Decodes what a program shows that does not animate.
pub(super) fn show_still(
    decoder: impl ImageDecoder,
    viewer: &mut dyn Viewer,
) -> Result<(), DecodeError> {
    let still = Still::decode(decoder)?;
    viewer.whole(0, &still.picture());
    Ok(())
}

/// A decoded picture that owns its samples.
pub(super) struct Still {
    width: usize,
    height: usize,
    channels: Channels,
    samples: Vec<u8>,
}

impl Still {
    pub(super) fn decode(decoder: impl ImageDecoder) -> Result<Still, DecodeError> {
        let (width, height) = decoder.dimensions();
        let color = decoder.color_type();
        let channels = match (color.channel_count(), color.bytes_per_pixel()) {
            (1, 1) => Channels::Grey,
            (2, 2) => Channels::GreyAlpha,
            (3, 3) => Channels::Rgb,
            (4, 4) => Channels::Rgba,
            _ => return Err(malformed("its samples are not of 8 bits")),
        };
        let (width, height) = (width as usize, height as usize);
        let mut samples = vec![0; width * height * channels.count()];
        decoder.read_image(&mut samples)?;
        Ok(Still {
            width,
            height,
            channels,
            samples,
        })
    }

    pub(super) fn picture(&self) -> Picture<'_> {
        Picture::new(self.width, self.height, self.channels, &self.samples)
    }
}
