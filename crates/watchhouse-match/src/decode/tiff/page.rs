//! A page's samples, made pictures of 8 bits.

use tiff::ColorType;
use tiff::decoder::{BufferLayoutPreference, DecodingResult};

use super::super::error::malformed;
use super::super::grey16;
use super::super::{DecodeError, DecodeErrorKind};
use super::Palette;
use crate::picture::{Channels, Picture};
use crate::variant::Variant;

/// What is known of a page whose samples were read.
pub(super) struct Page<'p> {
    pub(super) size: (u32, u32),
    pub(super) color: ColorType,
    pub(super) layout: BufferLayoutPreference,
    pub(super) palette: Option<&'p Palette>,
}

/// What a pixel's samples are, and how many of them there are in the file.
enum Meaning {
    Kept(Channels, usize),
    Inks(usize),
    LumaAndChroma,
}

impl Page<'_> {
    pub(super) fn show(
        &self,
        stored: &DecodingResult,
        show: &mut dyn FnMut(&Picture<'_>),
    ) -> Result<(), DecodeError> {
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        let (meaning, bits) = self.meaning()?;
        let n_samples = match meaning {
            Meaning::Kept(_, n_samples) | Meaning::Inks(n_samples) => n_samples,
            Meaning::LumaAndChroma => 3,
        };
        if let DecodingResult::U16(samples) = stored {
            let samples = self.interleaved(samples, width * n_samples, n_samples)?;
            let eight: Vec<u8> = samples.iter().map(|sample| (sample >> 8) as u8).collect();
            self.show_eight(&meaning, &eight, show)?;
            if matches!(meaning, Meaning::Kept(Channels::Grey, 1)) {
                let clipped = grey16::clipped(samples.iter().copied());
                let picture = Picture::grey(width, height, &clipped);
                show(&picture.of_variant(Variant::Clipped));
            }
            return Ok(());
        }
        let DecodingResult::U8(samples) = stored else {
            return Err(unsupported("samples of more than 16 bits"));
        };
        let eight = match bits {
            8 => self.interleaved(samples, width * n_samples, n_samples)?,
            // Rows end at whole bytes.
            _ => {
                let row_len = (width * n_samples * usize::from(bits)).div_ceil(8);
                let packed = self.interleaved(samples, row_len, 1)?;
                let is_index = self.palette.is_some();
                let rows = packed.chunks_exact(row_len);
                rows.flat_map(|row| unpacked(row, bits, width * n_samples, is_index))
                    .collect()
            }
        };
        self.show_eight(&meaning, &eight, show)
    }

    fn meaning(&self) -> Result<(Meaning, u8), DecodeError> {
        Ok(match self.color {
            ColorType::Gray(bits @ (1 | 2 | 4 | 8 | 16)) => {
                (Meaning::Kept(Channels::Grey, 1), bits)
            }
            ColorType::GrayA(bits @ (8 | 16))
            | ColorType::Multiband {
                bit_depth: bits @ (8 | 16),
                num_samples: 2,
            } => (Meaning::Kept(Channels::GreyAlpha, 2), bits),
            ColorType::RGB(bits @ (8 | 16)) => (Meaning::Kept(Channels::Rgb, 3), bits),
            ColorType::RGBA(bits @ (8 | 16)) => (Meaning::Kept(Channels::Rgba, 4), bits),
            ColorType::CMYK(bits @ (8 | 16)) => (Meaning::Inks(4), bits),
            ColorType::CMYKA(bits @ (8 | 16)) => (Meaning::Inks(5), bits),
            ColorType::YCbCr(8) => (Meaning::LumaAndChroma, 8),
            other => return Err(unsupported(&format!("{other:?}"))),
        })
    }

    /// The samples with those of a pixel side by side. `n_planes` is how many planes there are if
    /// each sample has its own.
    fn interleaved<T: Copy + Default>(
        &self,
        stored: &[T],
        row_len: usize,
        n_planes: usize,
    ) -> Result<Vec<T>, DecodeError> {
        let expected = row_len * self.size.1 as usize;
        let stored = stored
            .get(..expected)
            .ok_or_else(|| malformed("its headers contradict each other"))?;
        if self.layout.planes <= 1 {
            return Ok(stored.to_vec());
        }
        if self.layout.planes != n_planes {
            return Err(unsupported("so many planes"));
        }
        let plane_len = expected / n_planes;
        let mut samples = vec![T::default(); expected];
        for (which, plane) in stored.chunks_exact(plane_len).enumerate() {
            for (at, sample) in plane.iter().enumerate() {
                samples[at * n_planes + which] = *sample;
            }
        }
        Ok(samples)
    }

    fn show_eight(
        &self,
        meaning: &Meaning,
        samples: &[u8],
        show: &mut dyn FnMut(&Picture<'_>),
    ) -> Result<(), DecodeError> {
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        let mut see = |channels, samples: &[u8]| {
            show(&Picture::new(width, height, channels, samples));
        };
        match (meaning, self.palette) {
            (Meaning::Kept(Channels::Grey, _), Some(palette)) => {
                let mut colors = Vec::with_capacity(samples.len() * 3);
                for index in samples {
                    let color = palette.get(usize::from(*index));
                    let color = color.ok_or_else(|| malformed("a colour is not in its palette"))?;
                    colors.extend(color);
                }
                see(Channels::Rgb, &colors);
            }
            (Meaning::Kept(channels, _), _) => see(*channels, samples),
            (Meaning::Inks(n_samples), _) => {
                let pixels = samples.chunks_exact(*n_samples);
                let colors: Vec<u8> = pixels.flat_map(without_inks).collect();
                see(Channels::Rgb, &colors);
            }
            (Meaning::LumaAndChroma, _) => {
                let colors: Vec<u8> = samples.chunks_exact(3).flat_map(from_luma).collect();
                see(Channels::Rgb, &colors);
            }
        }
        Ok(())
    }
}

/// Samples of 1, 2 or 4 bits; spread from 0 to 255, but for those that are indexes.
fn unpacked(row: &[u8], bits: u8, n_samples: usize, is_index: bool) -> Vec<u8> {
    let most = (1u16 << bits) - 1;
    let per_byte = usize::from(8 / bits);
    let sample = |at: usize| {
        let shift = 8 - bits * (at % per_byte + 1) as u8;
        let sample = u16::from(row[at / per_byte] >> shift) & most;
        (if is_index {
            sample
        } else {
            sample * 255 / most
        }) as u8
    };
    (0..n_samples).map(sample).collect()
}

/// Cyan, magenta, yellow and black, each of which takes light away.
fn without_inks(pixel: &[u8]) -> [u8; 3] {
    let light = |ink: u8| u32::from(255 - ink);
    let black = light(pixel[3]);
    [pixel[0], pixel[1], pixel[2]].map(|ink| ((light(ink) * black + 127) / 255) as u8)
}

/// BT.601 in the full range, as in JPEG files.
fn from_luma(pixel: &[u8]) -> [u8; 3] {
    let luma = f32::from(pixel[0]);
    let (blue, red) = (f32::from(pixel[1]) - 128.0, f32::from(pixel[2]) - 128.0);
    [
        luma + 1.402 * red,
        luma - 0.344_136 * blue - 0.714_136 * red,
        luma + 1.772 * blue,
    ]
    .map(|sample| sample.round().clamp(0.0, 255.0) as u8)
}

fn unsupported(what: &str) -> DecodeError {
    DecodeErrorKind::UnsupportedFormat.because(format!("{what} are not understood in it"))
}
