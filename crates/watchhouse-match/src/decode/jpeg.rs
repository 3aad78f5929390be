//! JPEG, baseline and progressive, to the samples that the field's decoder (libjpeg-turbo as Pillow
//! uses it) makes of it, bit for bit: the lists were made with it. Orientation metadata is not applied.
//!
//! Coefficients come from [`crate::jpeg`]; they become samples ([`idct`]), at the resolution of the
//! picture ([`upsample`]), of red, green and blue ([`colour`]), a row of MCUs at a time ([`rows`]).

pub(crate) mod colour;
pub(crate) mod idct;
mod kept;
mod rows;
mod upsample;

use kept::Kept;
pub(crate) use rows::Rows;
pub(crate) use upsample::{Near, Upsampled, Upsampling};

use super::error::malformed;
use super::reader::Reader;
use super::{Canvas, DecodeError, DecodeErrorKind, Format, Limits, Viewer};
use crate::arch::Kernel;
use crate::jpeg::{self, MAX_SCANS};
use crate::picture::Row;

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
    let canvas = survey(bytes)?;
    limits.check(&canvas, 0)?;
    let (width, height) = (canvas.width as usize, canvas.height as usize);
    viewer.begin(0, width, height);
    each_row(bytes, limits, 0, &mut |row| viewer.row(row))?;
    viewer.end();
    if viewer.wants_whole() {
        let mut kept = Kept::new(width, height);
        each_row(bytes, limits, Kept::BYTES_PER_PIXEL, &mut |row| {
            kept.push(row)
        })?;
        viewer.whole(0, &kept.picture());
    }
    Ok(canvas)
}

/// Decodes to rows for somebody who holds so many bytes for each pixel of them.
fn each_row(
    bytes: &[u8],
    limits: &Limits,
    bytes_per_pixel: u64,
    take: &mut dyn FnMut(Row<'_>),
) -> Result<(), DecodeError> {
    let mut reader = jpeg::read(bytes)?;
    let frame = reader.frame();
    let n_pixels = frame.width as u64 * frame.height as u64;
    let n_bytes = reader.memory_bytes() + Rows::memory_bytes(frame) + n_pixels * bytes_per_pixel;
    limits.check_memory(n_pixels, n_bytes)?;
    let mut rows = Rows::new(Kernel::fastest(), frame)?;
    while let Some((frame, row)) = reader.next_row()? {
        rows.take(frame, row, take);
    }
    Ok(())
}

/// Walks all segments to the end of the image.
fn survey(bytes: &[u8]) -> Result<Canvas, DecodeError> {
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

fn read_frame(segment: &[u8]) -> Result<Canvas, DecodeError> {
    let &[_precision, h1, h0, w1, w0, ..] = segment else {
        return Err(malformed("its frame header is too short"));
    };
    Ok(Canvas {
        format: Format::Jpeg,
        width: u32::from(u16::from_be_bytes([w1, w0])),
        height: u32::from(u16::from_be_bytes([h1, h0])),
        n_frames: 1,
    })
}

/// Skips coded data, stuffing and fill bytes up to the next marker.
fn next_marker(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    loop {
        let coded = memchr::memchr(0xff, reader.rest());
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
