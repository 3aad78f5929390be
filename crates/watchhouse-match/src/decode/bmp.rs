//! BMP, as Windows writes it.

use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;

use super::error::malformed;
use super::reader::Reader;
use super::still::show_still;
use super::{Canvas, DecodeError, DecodeErrorKind, Format, Limits, Viewer};

const BYTES_PER_PIXEL: u64 = 4;

/// Run-length coded pictures have no size that could be known before decoding.
const RUN_LENGTH_CODED: [u32; 2] = [1, 2];

/// Whether what follows the letters "BM" has an information header of a known version.
pub(super) fn has_known_header(rest: &[u8]) -> bool {
    let version = rest.get(12..16);
    version.is_some_and(|size| matches!(size, [12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]))
}

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    viewer: &mut dyn Viewer,
) -> Result<Canvas, DecodeError> {
    let canvas = survey(bytes, limits)?;
    limits.check(&canvas, BYTES_PER_PIXEL)?;
    show_still(BmpDecoder::new(Cursor::new(bytes))?, viewer)?;
    Ok(canvas)
}

fn survey(bytes: &[u8], limits: &Limits) -> Result<Canvas, DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.take(10)?;
    let data_offset = u64::from(reader.u32_le()?);
    let header_size = reader.u32_le()?;
    let (width, height, bits_per_pixel, compression);
    if header_size == 12 {
        (width, height) = (u32::from(reader.u16_le()?), u32::from(reader.u16_le()?));
        let _planes = reader.u16_le()?;
        bits_per_pixel = reader.u16_le()?;
        compression = 0;
    } else {
        width = reader.u32_le()?;
        // Negative for rows from the top.
        height = reader.u32_le()?.cast_signed().unsigned_abs();
        let _planes = reader.u16_le()?;
        bits_per_pixel = reader.u16_le()?;
        compression = reader.u32_le()?;
    }
    limits.check_size(width, height)?;
    if !matches!(bits_per_pixel, 1 | 2 | 4 | 8 | 16 | 24 | 32) {
        return Err(malformed(format!("{bits_per_pixel} bits per pixel")));
    }
    if !RUN_LENGTH_CODED.contains(&compression) {
        let row_bytes = (u64::from(width) * u64::from(bits_per_pixel)).div_ceil(32) * 4;
        let end = data_offset + row_bytes * u64::from(height);
        if end > bytes.len() as u64 {
            return Err(DecodeErrorKind::Truncated.because(format!(
                "it has {} bytes, and its rows need {end}",
                bytes.len()
            )));
        }
    }
    Ok(Canvas {
        format: Format::Bmp,
        width,
        height,
        n_frames: 1,
    })
}
