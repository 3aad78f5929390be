//! A sieve for large JPEG pictures: what is near nothing need not be decoded.
//!
//! PDQ's blurs and the choice of its 64x64 values are linear, and so is the transform that JPEG codes:
//! each value is a weighted sum of coefficients, had without making a single sample. What is lost is
//! small: frequencies that the blurs take away anyway, and what a decoder clips. It is not zero, so
//! whatever comes within [`MARGIN_BITS`] more than the threshold MUST be decoded and hashed exactly
//! before anyone hears of it, and what is had here MUST NOT be stored, shown or sent as a PDQ hash.

mod axis;
mod sieve;

pub(crate) use axis::Axis;
use sieve::Sieve;

use crate::decode::{Canvas, DecodeError, Format, Limits};
use crate::hash::PdqHash;
use crate::jpeg::{self, Colours, Detail, JpegError, Reader};
use crate::pdq::{Block64, Spectrum};

/// How much wider than its threshold a look-up MUST be that asks with a [`Screened`] picture.
///
/// Of 717 files made from 97 photographs and wallpapers in Debian's packages (300 to 3,000 pixels,
/// quality 20 to 97, some with colours or contrast overdone or text drawn over), baseline ones were up
/// to 10 bits off in any of the eight turns and progressive ones up to 16. Half as much is added,
/// because the next photograph may be worse.
pub const MARGIN_BITS: u32 = 24;

/// From this shorter side on, the four lowest coefficients of a block are enough; below, it takes all.
const LARGE: usize = 900;

/// From this shorter side on, the blocks' means in the first scan of a progressive file are enough:
/// they are 1.4 bits off in the mean, and 4.1 bits at 950 pixels.
const VERY_LARGE: usize = 1_500;

/// Below this quality, bits hang on differences so faint that they tell nothing of the exact hash.
const LEAST_QUALITY: u8 = 50;

/// What a picture is near to. It has no hash before it is decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screened {
    /// In pixels, before any rotation that metadata may ask for.
    pub width: u32,
    pub height: u32,
    /// Near the picture's hashes under every transform, in the order of
    /// [`Transform::ALL`](crate::Transform::ALL).
    pub near: [PdqHash; 8],
    /// Near the hash's quality.
    pub near_quality: u8,
}

/// Reads what a sieve needs of a picture. None says that it cannot be sifted: it is not a JPEG, is small,
/// has other colours than luma and chroma, or codes its luma in an unusual way. Then decode it.
///
/// Only the picture as it is stored is sifted. Where a file can be seen in other ways than that (see
/// [`Variant`](crate::Variant)), as by a border that would be taken off, nothing is said of those:
/// whoever looks for them too MUST decode.
///
/// A file that is cut off is an error here too. Damage in the scans of a progressive file behind the
/// first is not found before decoding.
///
/// # Errors
/// If the file is not whole, breaks a limit, or cannot be understood.
pub fn screen(bytes: &[u8], limits: &Limits) -> Result<Option<Screened>, DecodeError> {
    limits.check_bytes(bytes)?;
    if Format::sniff(bytes) != Some(Format::Jpeg) {
        return Ok(None);
    }
    screen_jpeg(bytes, limits).map_err(|error| error.of(Format::Jpeg))
}

fn screen_jpeg(bytes: &[u8], limits: &Limits) -> Result<Option<Screened>, DecodeError> {
    let mut reader = jpeg::read(bytes)?;
    let frame = reader.frame();
    let canvas = Canvas {
        format: Format::Jpeg,
        width: frame.width as u32,
        height: frame.height as u32,
        n_frames: 1,
    };
    limits.check_size(canvas.width, canvas.height)?;
    let Some(detail) = detail_for(&reader).filter(|&detail| reader.sift(detail)) else {
        return Ok(None);
    };
    limits.check_memory(canvas.n_pixels(), reader.memory_bytes())?;
    let (width, height) = (reader.frame().width, reader.frame().height);
    let values = match (detail, reader.frame().progressive) {
        (Detail::Constant, _) => {
            let across = Axis::with_straight_lines(width);
            let down = Axis::with_straight_lines(height);
            sift(&mut reader, across, down)?
        }
        (Detail::Lowest, _) => sift::<2>(&mut reader, Axis::new(width), Axis::new(height))?,
        (Detail::All, _) => sift::<8>(&mut reader, Axis::new(width), Axis::new(height))?,
    };
    let spectrum = Spectrum::of_block(&values);
    if spectrum.pdq().quality < LEAST_QUALITY {
        return Ok(None);
    }
    Ok(Some(Screened {
        width: canvas.width,
        height: canvas.height,
        near: spectrum.dihedrals(),
        near_quality: spectrum.pdq().quality,
    }))
}

/// How much of the luma blocks it takes; none if there is no luma at full resolution, or too little.
fn detail_for(reader: &Reader<'_>) -> Option<Detail> {
    let frame = reader.frame();
    let luma = &frame.components[0];
    if !matches!(frame.colours(), Colours::Grey | Colours::YCbCr)
        || (luma.width, luma.height) != (frame.width, frame.height)
    {
        return None;
    }
    let shorter = frame.width.min(frame.height);
    match (frame.progressive, shorter) {
        (true, VERY_LARGE..) => Some(Detail::Constant),
        (false, LARGE..) => Some(Detail::Lowest),
        (false, axis::LEAST_SIDE..) => Some(Detail::All),
        _ => None,
    }
}

fn sift<const N: usize>(
    reader: &mut Reader<'_>,
    across: Axis<N>,
    down: Axis<N>,
) -> Result<Box<Block64>, JpegError> {
    let luma = &reader.frame().components[0];
    let blocks_per_row = luma.blocks_per_row;
    let mut sieve = Sieve::new(across, down, &luma.quant);
    while let Some((_, row)) = reader.next_row()? {
        let rows = row.components[0].chunks_exact(blocks_per_row);
        for (blocks, last) in rows.zip(row.last[0].chunks_exact(blocks_per_row)) {
            sieve.push(blocks, last);
        }
    }
    Ok(sieve.finish())
}
