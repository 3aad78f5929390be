//! PNG and animated PNG.

use std::io::{Cursor, ErrorKind};

use png::{ColorType, Transformations};

use super::compose::{Blend, Composer, Dispose, Placement};
use super::error::malformed;
use super::grey16;
use super::reader::Reader;
use super::{Canvas, DecodeError, DecodeErrorKind, Format, Limits, Viewer};
use crate::picture::{Channels, Picture};
use crate::variant::Variant;

/// What the chunks say.
struct Survey {
    canvas: Canvas,
    /// Frames that are played; 0 if the file is not animated.
    n_played: u32,
    /// The most bytes that decoding holds for each pixel.
    bytes_per_pixel: u64,
    is_grey_of_16_bits: bool,
}

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    viewer: &mut dyn Viewer,
) -> Result<Canvas, DecodeError> {
    let survey = survey(bytes)?;
    let canvas = survey.canvas;
    limits.check(&canvas, survey.bytes_per_pixel)?;

    let eight_bits = Transformations::EXPAND | Transformations::STRIP_16;
    let mut reader = open(bytes, limits, eight_bits)?;
    let mut samples = Vec::new();
    let mut composer = (survey.n_played > 0).then(|| Composer::new(canvas.width, canvas.height));
    // A default picture that is not played is a frame of its own: old viewers show only that.
    let first_played = canvas.n_frames - survey.n_played;
    for index in 0..canvas.n_frames {
        let picture = next_picture(&mut reader, &mut samples)?;
        if index == 0 {
            viewer.whole(0, &picture);
            if survey.is_grey_of_16_bits {
                show_clipped(bytes, limits, viewer)?;
            }
        }
        if let Some(composer) = &mut composer
            && index >= first_played
        {
            let control = reader.info().frame_control();
            let control = control.ok_or_else(|| malformed("a frame has no header"))?;
            viewer.whole(index, &composer.lay(&picture, place(control))?);
        }
    }
    Ok(canvas)
}

type PngReader<'a> = png::Reader<Cursor<&'a [u8]>>;

fn open<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    transformations: Transformations,
) -> Result<PngReader<'a>, DecodeError> {
    let limits = png::Limits {
        bytes: usize::try_from(limits.decoded_bytes).unwrap_or(usize::MAX),
    };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(transformations);
    decoder.set_ignore_text_chunk(true);
    decoder.read_info().map_err(translate)
}

/// Decodes the first picture once more, in all its 16 bits.
fn show_clipped(bytes: &[u8], limits: &Limits, viewer: &mut dyn Viewer) -> Result<(), DecodeError> {
    let mut reader = open(bytes, limits, Transformations::IDENTITY)?;
    let mut samples = Vec::new();
    let info = next_frame(&mut reader, &mut samples)?;
    let (pairs, _) = samples[..info.buffer_size()].as_chunks();
    let clipped = grey16::clipped(pairs.iter().map(|pair| u16::from_be_bytes(*pair)));
    let (width, height) = (info.width as usize, info.height as usize);
    let picture = Picture::grey(width, height, &clipped);
    viewer.whole(0, &picture.of_variant(Variant::Clipped));
    Ok(())
}

/// Decodes the next picture into `samples`.
fn next_picture<'s>(
    reader: &mut PngReader<'_>,
    samples: &'s mut Vec<u8>,
) -> Result<Picture<'s>, DecodeError> {
    let info = next_frame(reader, samples)?;
    let channels = match info.color_type {
        ColorType::Grayscale => Channels::Grey,
        ColorType::GrayscaleAlpha => Channels::GreyAlpha,
        ColorType::Rgb => Channels::Rgb,
        ColorType::Rgba => Channels::Rgba,
        ColorType::Indexed => return Err(malformed("its palette is missing")),
    };
    let (width, height) = (info.width as usize, info.height as usize);
    let samples = &samples[..info.buffer_size()];
    Ok(Picture::new(width, height, channels, samples))
}

fn next_frame(
    reader: &mut PngReader<'_>,
    samples: &mut Vec<u8>,
) -> Result<png::OutputInfo, DecodeError> {
    let n_bytes = reader
        .output_buffer_size()
        .ok_or_else(|| malformed("it does not fit in memory"))?;
    samples.clear();
    samples.resize(n_bytes, 0);
    reader.next_frame(samples).map_err(translate)
}

fn place(control: &png::FrameControl) -> Placement {
    Placement {
        x: control.x_offset,
        y: control.y_offset,
        blend: match control.blend_op {
            png::BlendOp::Source => Blend::Source,
            png::BlendOp::Over => Blend::Over,
        },
        dispose: match control.dispose_op {
            png::DisposeOp::None => Dispose::Keep,
            png::DisposeOp::Background => Dispose::Clear,
            png::DisposeOp::Previous => Dispose::Restore,
        },
    }
}

fn translate(error: png::DecodingError) -> DecodeError {
    match &error {
        png::DecodingError::LimitsExceeded => DecodeErrorKind::TooMuchMemory.because_of(&error),
        png::DecodingError::IoError(io) if io.kind() == ErrorKind::UnexpectedEof => {
            DecodeErrorKind::Truncated.because_of(&error)
        }
        _ => DecodeErrorKind::Malformed.because_of(&error),
    }
}

fn survey(bytes: &[u8]) -> Result<Survey, DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.take(8)?;
    let (width, height, bytes_per_pixel, is_grey_of_16_bits) = read_header(&mut reader)?;
    let mut n_announced = None;
    let mut n_frame_headers = 0u32;
    let mut has_data = false;
    let mut is_default_played = false;
    loop {
        let size = reader.u32_be()? as usize;
        let kind = reader.array::<4>()?;
        let chunk = reader.take(size)?;
        let _checksum = reader.u32_be()?;
        match &kind {
            b"IHDR" => return Err(malformed("it has two headers")),
            b"IDAT" => has_data = true,
            b"IEND" => break,
            b"acTL" if !has_data => n_announced = Some(Reader::new(chunk).u32_be()?),
            b"fcTL" => {
                n_frame_headers += 1;
                is_default_played |= !has_data;
            }
            _ => {}
        }
    }
    if !has_data {
        return Err(malformed("it has no picture data"));
    }
    let canvas = |n_frames| Canvas {
        format: Format::Png,
        width,
        height,
        n_frames,
    };
    let Some(n_announced) = n_announced else {
        return Ok(Survey {
            canvas: canvas(1),
            n_played: 0,
            bytes_per_pixel,
            is_grey_of_16_bits,
        });
    };
    if n_announced != n_frame_headers {
        return Err(malformed(format!(
            "it announces {n_announced} frames and has {n_frame_headers}"
        )));
    }
    Ok(Survey {
        canvas: canvas(n_announced.saturating_add(u32::from(!is_default_played))),
        n_played: n_announced,
        // The canvas, and what a frame covers.
        bytes_per_pixel: bytes_per_pixel + 8,
        is_grey_of_16_bits,
    })
}

/// Answers width, height, the most bytes of a decoded pixel, and whether it is grey of 16 bits.
fn read_header(reader: &mut Reader<'_>) -> Result<(u32, u32, u64, bool), DecodeError> {
    let size = reader.u32_be()?;
    if reader.array::<4>()? != *b"IHDR" || size != 13 {
        return Err(malformed("it does not start with a header"));
    }
    let (width, height) = (reader.u32_be()?, reader.u32_be()?);
    let [depth, color, _compression, _filter, _interlace] = reader.array()?;
    let _checksum = reader.u32_be()?;
    let is_grey_of_16_bits = color == 0 && depth == 16;
    // Transparency may be stored apart and makes one sample more.
    let n_samples = match color {
        // Both readings, of one and two bytes.
        0 if is_grey_of_16_bits => 5,
        0 | 4 => 2,
        2 | 3 | 6 => 4,
        _ => return Err(malformed(format!("{color} is not a colour type"))),
    };
    Ok((width, height, n_samples, is_grey_of_16_bits))
}
