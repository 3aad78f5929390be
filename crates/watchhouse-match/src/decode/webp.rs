//! WebP: lossy, lossless and animated.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;

use super::compose::{Blend, Composer, Dispose, Placement};
use super::error::malformed;
use super::reader::Reader;
use super::still::{Still, show_still};
use super::{Canvas, DecodeError, Format, Limits, Viewer};

/// Planes or a colour-transformed copy, and the samples.
const STILL_BYTES_PER_PIXEL: u64 = 8;
/// The canvas, the frame, and its copies on the way out.
const ANIMATED_BYTES_PER_PIXEL: u64 = 16;

const ANIMATION_FLAG: u8 = 0x02;
const ALPHA_FLAG: u8 = 0x10;

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    viewer: &mut dyn Viewer,
) -> Result<Canvas, DecodeError> {
    let (canvas, is_animated) = survey(bytes)?;
    if !is_animated {
        limits.check(&canvas, STILL_BYTES_PER_PIXEL)?;
        show_still(WebPDecoder::new(Cursor::new(bytes))?, viewer)?;
        return Ok(canvas);
    }
    limits.check(&canvas, ANIMATED_BYTES_PER_PIXEL)?;
    let mut composer = Composer::new(canvas.width, canvas.height);
    let mut chunks = open_container(bytes)?;
    let mut index = 0;
    while !chunks.is_at_end() {
        let (kind, chunk) = next_chunk(&mut chunks)?;
        if &kind == b"ANMF" {
            let frame = AnimationFrame::read(chunk)?;
            let still = Still::decode(WebPDecoder::new(Cursor::new(frame.to_file()))?)?;
            viewer.whole(index, &composer.lay(&still.picture(), frame.placement)?);
            index += 1;
        }
    }
    Ok(canvas)
}

/// Answers the canvas, and whether the file is an animation (of one frame, perhaps).
fn survey(bytes: &[u8]) -> Result<(Canvas, bool), DecodeError> {
    let mut chunks = open_container(bytes)?;
    let mut first = None;
    let mut still = None;
    let mut n_frames = 0u32;
    while !chunks.is_at_end() {
        let (kind, chunk) = next_chunk(&mut chunks)?;
        first.get_or_insert((kind, chunk));
        match &kind {
            b"VP8 " | b"VP8L" => still = Some(bitstream_size(&kind, chunk)?),
            b"ANMF" => {
                AnimationFrame::read(chunk)?;
                n_frames += 1;
            }
            _ => {}
        }
    }
    let (kind, chunk) = first.ok_or_else(|| malformed("it has no chunks"))?;
    let ((width, height), is_animated) = match &kind {
        b"VP8X" => read_extended_header(chunk)?,
        b"VP8 " | b"VP8L" => (bitstream_size(&kind, chunk)?, false),
        _ => return Err(malformed("it does not start with a picture or a header")),
    };
    if is_animated != (n_frames > 0) {
        return Err(malformed("its header contradicts its frames"));
    }
    if !is_animated && still != Some((width, height)) {
        return Err(malformed("its header contradicts its picture"));
    }
    let canvas = Canvas {
        format: Format::WebP,
        width,
        height,
        n_frames: n_frames.max(1),
    };
    Ok((canvas, is_animated))
}

type Size = (u32, u32);

/// A reader of the chunks, which MUST all be there.
fn open_container(bytes: &[u8]) -> Result<Reader<'_>, DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.take(4)?;
    let size = reader.u32_le()? as usize;
    let mut chunks = Reader::new(reader.take(size)?);
    chunks.take(4)?;
    Ok(chunks)
}

fn next_chunk<'a>(reader: &mut Reader<'a>) -> Result<([u8; 4], &'a [u8]), DecodeError> {
    let kind = reader.array()?;
    let size = reader.u32_le()? as usize;
    let chunk = reader.take(size)?;
    // Chunks are padded to even sizes; some writers forget it for the last one.
    if size % 2 == 1 && !reader.is_at_end() {
        reader.u8()?;
    }
    Ok((kind, chunk))
}

fn read_extended_header(chunk: &[u8]) -> Result<(Size, bool), DecodeError> {
    let mut reader = Reader::new(chunk);
    let [flags, ..] = reader.array::<4>()?;
    let size = (reader.u24_le()? + 1, reader.u24_le()? + 1);
    Ok((size, flags & ANIMATION_FLAG != 0))
}

/// The size that a lossy or lossless bitstream is decoded at, whatever its container says.
fn bitstream_size(kind: &[u8; 4], chunk: &[u8]) -> Result<Size, DecodeError> {
    let mut reader = Reader::new(chunk);
    if kind == b"VP8L" {
        if reader.u8()? != 0x2f {
            return Err(malformed("its lossless picture has no signature"));
        }
        let bits = reader.u32_le()?;
        return Ok(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1));
    }
    let _frame_tag = reader.u24_le()?;
    if reader.array()? != [0x9d, 0x01, 0x2a] {
        return Err(malformed("its lossy picture has no signature"));
    }
    // The two highest bits ask for scaling, which nobody does.
    let (width, height) = (reader.u16_le()? & 0x3fff, reader.u16_le()? & 0x3fff);
    Ok((u32::from(width), u32::from(height)))
}

/// One frame of an animation.
///
/// The `image` crate's own animation is not used: it dims opaque frames by one step of brightness,
/// and clears the wrong place under frames without alpha.
struct AnimationFrame<'a> {
    placement: Placement,
    size: Size,
    /// The chunks of the picture.
    picture: &'a [u8],
}

impl<'a> AnimationFrame<'a> {
    /// # Errors
    /// Also if the bitstream is not as large as the frame, which the decoder would find too late.
    fn read(chunk: &'a [u8]) -> Result<AnimationFrame<'a>, DecodeError> {
        let mut reader = Reader::new(chunk);
        let (x, y) = (reader.u24_le()? * 2, reader.u24_le()? * 2);
        let size = (reader.u24_le()? + 1, reader.u24_le()? + 1);
        let _duration = reader.u24_le()?;
        let flags = reader.u8()?;
        let picture = reader.rest();
        let mut n_pictures = 0;
        while !reader.is_at_end() {
            let (kind, chunk) = next_chunk(&mut reader)?;
            if matches!(&kind, b"VP8 " | b"VP8L") {
                n_pictures += 1;
                if bitstream_size(&kind, chunk)? != size {
                    return Err(malformed("a frame contradicts its picture"));
                }
            }
        }
        if n_pictures != 1 {
            return Err(malformed(format!("a frame has {n_pictures} pictures")));
        }
        let placement = Placement {
            x,
            y,
            blend: if flags & 2 == 0 {
                Blend::Over
            } else {
                Blend::Source
            },
            dispose: if flags & 1 == 0 {
                Dispose::Keep
            } else {
                Dispose::Clear
            },
        };
        Ok(AnimationFrame {
            placement,
            size,
            picture,
        })
    }

    /// The frame as a still file of its own.
    fn to_file(&self) -> Vec<u8> {
        let has_separate_alpha = self.picture.starts_with(b"ALPH");
        let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
        if has_separate_alpha {
            file.extend(b"VP8X\x0a\0\0\0");
            file.extend([ALPHA_FLAG, 0, 0, 0]);
            file.extend(&(self.size.0 - 1).to_le_bytes()[..3]);
            file.extend(&(self.size.1 - 1).to_le_bytes()[..3]);
        }
        file.extend(self.picture);
        let size = (file.len() - 8) as u32;
        file[4..8].copy_from_slice(&size.to_le_bytes());
        file
    }
}
