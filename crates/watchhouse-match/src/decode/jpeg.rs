//! JPEG, baseline and progressive. Orientation metadata is not applied.
//!
//! The decoder is asked to be strict: where a lenient one paints grey over what it could not read,
//! the hash would be of the grey.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::error::malformed;
use super::reader::Reader;
use super::{Canvas, DecodeError, DecodeErrorKind, Format, Limits, Viewer, show};
use crate::picture::{Channels, Picture};

/// A scan of a few bytes can make a decoder walk over the whole picture, so their number is a bound
/// on time. Encoders write about ten.
const MAX_SCANS: u32 = 64;

mod marker {
    pub(super) const RESTARTS: std::ops::RangeInclusive<u8> = 0xd0..=0xd7;
    pub(super) const END_OF_IMAGE: u8 = 0xd9;
    pub(super) const START_OF_SCAN: u8 = 0xda;
    pub(super) const TEMPORARY: u8 = 0x01;
}

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    viewer: &mut dyn Viewer,
) -> Result<Canvas, DecodeError> {
    let (canvas, n_components) = survey(bytes)?;
    // A picture in several scans is held as 16-bit coefficients next to its 8-bit samples.
    limits.check(&canvas, u64::from(n_components) * 3)?;

    let (width, height) = (canvas.width as usize, canvas.height as usize);
    let (color, channels) = match n_components {
        1 => (ColorSpace::Luma, Channels::Grey),
        _ => (ColorSpace::RGB, Channels::Rgb),
    };
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(width)
        .set_max_height(height)
        .jpeg_set_max_scans(MAX_SCANS as usize)
        .jpeg_set_out_colorspace(color);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let samples = decoder.decode().map_err(translate)?;
    if decoder.dimensions() != Some((width, height))
        || samples.len() != width * height * channels.count()
    {
        return Err(malformed("its headers contradict each other"));
    }
    show(viewer, 0, &Picture::new(width, height, channels, &samples));
    Ok(canvas)
}

/// Walks all segments to the end of the image. Answers the canvas and the number of components.
fn survey(bytes: &[u8]) -> Result<(Canvas, u8), DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.take(2)?;
    let mut frame = None;
    let mut n_scans = 0;
    loop {
        let kind = next_marker(&mut reader)?;
        match kind {
            marker::END_OF_IMAGE => break,
            marker::TEMPORARY => continue,
            kind if marker::RESTARTS.contains(&kind) => continue,
            _ => {}
        }
        let size = usize::from(reader.u16_be()?);
        let segment = reader.take(size.saturating_sub(2))?;
        match kind {
            // Start of frame, of any coding process; C4, C8 and CC are other things.
            0xc0..=0xcf if !matches!(kind, 0xc4 | 0xc8 | 0xcc) => {
                let earlier = frame.replace(read_frame(segment)?);
                if earlier.is_some() {
                    return Err(malformed("it has two frame headers"));
                }
            }
            marker::START_OF_SCAN => {
                n_scans += 1;
                if n_scans > MAX_SCANS {
                    return Err(DecodeErrorKind::TooManyScans
                        .because(format!("it has more than {MAX_SCANS} scans")));
                }
            }
            _ => {}
        }
    }
    let frame = frame.ok_or_else(|| malformed("it has no frame header"))?;
    if n_scans == 0 {
        return Err(malformed("it has no scan"));
    }
    Ok(frame)
}

fn read_frame(segment: &[u8]) -> Result<(Canvas, u8), DecodeError> {
    let &[_precision, h1, h0, w1, w0, n_components, ..] = segment else {
        return Err(malformed("its frame header is too short"));
    };
    let canvas = Canvas {
        format: Format::Jpeg,
        width: u32::from(u16::from_be_bytes([w1, w0])),
        height: u32::from(u16::from_be_bytes([h1, h0])),
        n_frames: 1,
    };
    Ok((canvas, n_components))
}

/// Skips coded data, stuffing and fill bytes up to the next marker.
fn next_marker(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    loop {
        let coded = reader.rest().iter().position(|&byte| byte == 0xff);
        reader.take(coded.unwrap_or(reader.rest().len()))?;
        reader.u8()?;
        while reader.rest().first() == Some(&0xff) {
            reader.u8()?;
        }
        match reader.u8()? {
            0 => {}
            kind => return Ok(kind),
        }
    }
}

fn translate(error: DecodeErrors) -> DecodeError {
    let kind = match &error {
        DecodeErrors::Unsupported(_) => DecodeErrorKind::UnsupportedFormat,
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => DecodeErrorKind::Truncated,
        DecodeErrors::LargeDimensions(_) => DecodeErrorKind::TooManyPixels,
        _ => DecodeErrorKind::Malformed,
    };
    kind.because_of(&error)
}
