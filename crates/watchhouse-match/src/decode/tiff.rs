//! TIFF and BigTIFF: every page a frame.
//!
//! All pages are surveyed before the first is decoded: their sizes, and that what they point at lies
//! in the file.

use std::borrow::Cow;
use std::io::{Cursor, ErrorKind};

use tiff::TiffError;
use tiff::decoder::{ChunkType, Decoder, DecodingResult};
use tiff::tags::Tag;

use super::error::malformed;
use super::{Canvas, DecodeError, DecodeErrorKind, Format, Limits, Viewer};

mod page;
mod palette;

use page::Page;
use palette::Palette;

/// Four samples of 16 bits as they are stored, and of 8 bits, in two readings.
const BYTES_PER_PIXEL: u64 = 16;

pub(super) fn has_signature(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..]
    )
}

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    viewer: &mut dyn Viewer,
) -> Result<Canvas, DecodeError> {
    let survey = survey(bytes, limits)?;
    let mut decoder = open(&survey.readable, limits)?;
    let mut stored = DecodingResult::U8(Vec::new());
    for (index, palette) in survey.palettes.iter().enumerate() {
        if index > 0 {
            decoder.next_image().map_err(translate)?;
        }
        let page = Page {
            size: decoder.dimensions().map_err(translate)?,
            color: decoder.colortype().map_err(translate)?,
            layout: decoder
                .read_image_to_buffer(&mut stored)
                .map_err(translate)?,
            palette: palette.as_ref(),
        };
        page.show(&stored, &mut |picture| viewer.whole(index as u32, picture))?;
    }
    Ok(survey.canvas)
}

type TiffDecoder<'a> = Decoder<Cursor<&'a [u8]>>;

fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<TiffDecoder<'a>, DecodeError> {
    let memory = usize::try_from(limits.decoded_bytes).unwrap_or(usize::MAX);
    let mut bounds = tiff::decoder::Limits::default();
    bounds.decoding_buffer_size = memory;
    bounds.intermediate_buffer_size = memory;
    let decoder = Decoder::new(Cursor::new(bytes)).map_err(translate)?;
    Ok(decoder.with_limits(bounds))
}

/// What the directories say.
struct Survey<'a> {
    /// The first page's.
    canvas: Canvas,
    /// The file, as the decoder understands it.
    readable: Cow<'a, [u8]>,
    /// The palette of each page that has one.
    palettes: Vec<Option<Palette>>,
}

fn survey<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Survey<'a>, DecodeError> {
    let mut decoder = open(bytes, limits)?;
    let (width, height) = decoder.dimensions().map_err(translate)?;
    let mut survey = Survey {
        canvas: Canvas {
            format: Format::Tiff,
            width,
            height,
            n_frames: 0,
        },
        readable: Cow::Borrowed(bytes),
        palettes: Vec::new(),
    };
    let mut n_pixels = 0;
    loop {
        let (width, height) = decoder.dimensions().map_err(translate)?;
        limits.check_size(width, height)?;
        let page_pixels = u64::from(width) * u64::from(height);
        limits.check_memory(page_pixels, page_pixels.saturating_mul(BYTES_PER_PIXEL))?;
        n_pixels += page_pixels;
        survey.canvas.n_frames += 1;
        limits.check_frames(survey.canvas.n_frames, n_pixels)?;
        check_chunks(&mut decoder, bytes.len() as u64, limits)?;

        let palette = palette::read(&mut decoder)?;
        if palette.is_some() {
            palette::hide(&mut decoder, survey.readable.to_mut())?;
        }
        survey.palettes.push(palette);
        if !decoder.more_images() {
            return Ok(survey);
        }
        decoder.next_image().map_err(translate)?;
    }
}

/// Checks that all strips or tiles lie in the file, and that a tile is not larger than a picture may
/// be: it is decoded whole.
fn check_chunks(
    decoder: &mut TiffDecoder<'_>,
    file_size: u64,
    limits: &Limits,
) -> Result<(), DecodeError> {
    let (offsets, sizes) = match decoder.get_chunk_type() {
        ChunkType::Strip => (Tag::StripOffsets, Tag::StripByteCounts),
        ChunkType::Tile => {
            let (width, height) = decoder.chunk_dimensions();
            limits.check_size(width, height)?;
            (Tag::TileOffsets, Tag::TileByteCounts)
        }
    };
    let offsets = decoder.get_tag_u64_vec(offsets).map_err(translate)?;
    let sizes = decoder.get_tag_u64_vec(sizes).map_err(translate)?;
    let ends = offsets.iter().zip(&sizes);
    match ends.map(|(at, size)| at.saturating_add(*size)).max() {
        Some(end) if end > file_size => Err(DecodeErrorKind::Truncated.because(format!(
            "it has {file_size} bytes, and its pictures need {end}"
        ))),
        Some(_) => Ok(()),
        None => Err(malformed("a page has no picture")),
    }
}

fn translate(error: TiffError) -> DecodeError {
    let kind = match &error {
        TiffError::LimitsExceeded => DecodeErrorKind::TooMuchMemory,
        TiffError::UnsupportedError(_) => DecodeErrorKind::UnsupportedFormat,
        TiffError::IoError(io) if io.kind() == ErrorKind::UnexpectedEof => {
            DecodeErrorKind::Truncated
        }
        _ => DecodeErrorKind::Malformed,
    };
    kind.because_of(&error)
}
