//! GIF, still and animated.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, ImageDecoder};

use super::error::malformed;
use super::reader::Reader;
use super::still::show_still;
use super::{Canvas, DecodeError, Format, Limits, Viewer};
use crate::picture::{Channels, Picture};

/// Three RGBA canvases: the one before, the one after, and the frame.
const BYTES_PER_PIXEL: u64 = 12;

mod block {
    pub(super) const EXTENSION: u8 = 0x21;
    pub(super) const IMAGE: u8 = 0x2c;
    pub(super) const TRAILER: u8 = 0x3b;
}

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    viewer: &mut dyn Viewer,
) -> Result<Canvas, DecodeError> {
    let canvas = survey(bytes, limits)?;
    limits.check(&canvas, BYTES_PER_PIXEL)?;

    let open = || -> Result<_, DecodeError> {
        let mut decoder = GifDecoder::new(Cursor::new(bytes))?;
        decoder.set_limits(limits.for_decoder())?;
        Ok(decoder)
    };
    // Alone, a picture keeps the palette's colour where it is transparent, as the tools do that
    // made the lists; in an animation what was there before shines through.
    show_still(open()?, viewer)?;
    if canvas.n_frames > 1 {
        show_frames(open()?.into_frames(), canvas.n_frames, viewer)?;
    }
    Ok(canvas)
}

/// Shows every composed frame.
///
/// # Errors
/// Also if the decoder stops at another number of frames than the survey counted: then one of the
/// two has misunderstood the file, and a viewer may show what neither of us saw.
fn show_frames(
    frames: image::Frames<'_>,
    n_frames: u32,
    viewer: &mut dyn Viewer,
) -> Result<(), DecodeError> {
    let mut n_decoded = 0;
    for frame in frames {
        let frame = frame?.into_buffer();
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        viewer.whole(
            n_decoded,
            &Picture::new(width, height, Channels::Rgba, &frame),
        );
        n_decoded += 1;
    }
    if n_decoded != n_frames {
        return Err(malformed(format!(
            "{n_decoded} of its {n_frames} frames can be decoded"
        )));
    }
    Ok(())
}

fn survey(bytes: &[u8], limits: &Limits) -> Result<Canvas, DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.take(6)?;
    let (width, height) = (reader.u16_le()?, reader.u16_le()?);
    let [flags, _background, _aspect] = reader.array()?;
    skip_palette(&mut reader, flags)?;

    let mut n_frames = 0u32;
    loop {
        match reader.u8()? {
            block::TRAILER => break,
            block::EXTENSION => {
                let _label = reader.u8()?;
            }
            block::IMAGE => {
                let (_left, _top) = (reader.u16_le()?, reader.u16_le()?);
                let (width, height) = (reader.u16_le()?, reader.u16_le()?);
                // A frame may be larger than the canvas, and is decoded as large as it is.
                limits.check_size(u32::from(width), u32::from(height))?;
                let flags = reader.u8()?;
                skip_palette(&mut reader, flags)?;
                let _code_size = reader.u8()?;
                n_frames += 1;
            }
            other => return Err(malformed(format!("{other:#04x} is not a block"))),
        }
        loop {
            let size = usize::from(reader.u8()?);
            if size == 0 {
                break;
            }
            reader.take(size)?;
        }
    }
    Ok(Canvas {
        format: Format::Gif,
        width: u32::from(width),
        height: u32::from(height),
        n_frames,
    })
}

fn skip_palette(reader: &mut Reader<'_>, flags: u8) -> Result<(), DecodeError> {
    if flags & 0x80 != 0 {
        reader.take(3 << ((flags & 7) + 1))?;
    }
    Ok(())
}
