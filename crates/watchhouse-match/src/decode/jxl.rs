//! JPEG XL, still and animated, bare or in its container.
//!
//! The codestream has no list of its frames: they are found while it is fed to the decoder, which
//! decodes no sample before it is asked to. So the survey is done on the decoder's own headers, and
//! what it allocates is counted against the limits. Orientation is part of the codestream, and
//! applied.

use std::error::Error;

use jxl_oxide::{AllocTracker, InitializeResult, JxlImage, JxlThreadPool, PixelFormat, Render};

use super::error::malformed;
use super::{Canvas, DecodeError, DecodeErrorKind, Format, Limits, Viewer};
use crate::picture::{Channels, Picture};

/// Three planes of 32-bit floats and the samples; what more it takes is counted by the decoder.
const BYTES_PER_PIXEL: u64 = 16;

const BARE: [u8; 2] = [0xff, 0x0a];
const CONTAINER: [u8; 12] = *b"\0\0\0\x0cJXL \r\n\x87\n";

/// How much of the file is looked at first for its header. A colour profile may make it longer.
const FIRST_BYTES: usize = 4096;
/// How much is fed between two looks at the number of frames.
const FED_BYTES: usize = 64 << 10;

pub(super) fn has_signature(bytes: &[u8]) -> bool {
    bytes.starts_with(&BARE) || bytes.starts_with(&CONTAINER)
}

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    viewer: &mut dyn Viewer,
) -> Result<Canvas, DecodeError> {
    let image = load(bytes, limits)?;
    let canvas = canvas(&image, image.num_loaded_keyframes())?;
    limits.check(&canvas, BYTES_PER_PIXEL)?;

    let channels = match image.pixel_format() {
        PixelFormat::Gray => Channels::Grey,
        PixelFormat::Graya => Channels::GreyAlpha,
        PixelFormat::Rgb => Channels::Rgb,
        PixelFormat::Rgba => Channels::Rgba,
        PixelFormat::Cmyk | PixelFormat::Cmyka => {
            return Err(DecodeErrorKind::UnsupportedFormat.because("its inks are not understood"));
        }
    };
    let mut samples = Vec::new();
    for index in 0..canvas.n_frames {
        let render = image
            .render_frame(index as usize)
            .map_err(|error| translate(&*error))?;
        let size = write_samples(&render, channels, &mut samples)?;
        viewer.whole(index, &Picture::new(size.0, size.1, channels, &samples));
    }
    Ok(canvas)
}

/// Reads all headers, and all coded data without decoding them.
fn load(bytes: &[u8], limits: &Limits) -> Result<JxlImage, DecodeError> {
    let (mut image, mut n_fed) = open(bytes, limits)?;
    limits.check(&canvas(&image, 1)?, BYTES_PER_PIXEL)?;
    while n_fed < bytes.len() && !image.is_loading_done() {
        let next = &bytes[n_fed..bytes.len().min(n_fed + FED_BYTES)];
        let n_taken = image.feed_bytes(next).map_err(|error| translate(&*error))?;
        if n_taken == 0 {
            break;
        }
        n_fed += n_taken;
        check_frames(&image, limits)?;
    }
    check_frames(&image, limits)?;
    if !image.is_loading_done() {
        return Err(DecodeErrorKind::Truncated.because(format!(
            "it ends after {} bytes, before its last frame does",
            bytes.len()
        )));
    }
    Ok(image)
}

/// Feeds as much as it takes to know the picture's size. Answers how many bytes that were.
fn open(bytes: &[u8], limits: &Limits) -> Result<(JxlImage, usize), DecodeError> {
    let mut n_bytes = FIRST_BYTES;
    loop {
        let first = &bytes[..bytes.len().min(n_bytes)];
        let memory = usize::try_from(limits.decoded_bytes).unwrap_or(usize::MAX);
        let mut opening = JxlImage::builder()
            .pool(JxlThreadPool::none())
            .alloc_tracker(AllocTracker::with_limit(memory))
            .build_uninit();
        let n_fed = opening
            .feed_bytes(first)
            .map_err(|error| translate(&*error))?;
        match opening.try_init().map_err(|error| translate(&*error))? {
            InitializeResult::Initialized(image) => return Ok((image, n_fed)),
            InitializeResult::NeedMoreData(_) if first.len() == bytes.len() => {
                return Err(DecodeErrorKind::Truncated.because(format!(
                    "it ends after {} bytes, within its header",
                    bytes.len()
                )));
            }
            // Anew, and twice as much: the header is parsed from its start each time.
            InitializeResult::NeedMoreData(_) => n_bytes *= 2,
        }
    }
}

/// Frames that are only parts of others cost as much as those that are shown, and are counted too.
fn check_frames(image: &JxlImage, limits: &Limits) -> Result<(), DecodeError> {
    let n_frames = image.num_loaded_frames();
    limits.check(&canvas(image, n_frames.max(1))?, BYTES_PER_PIXEL)?;
    // Each is decoded as large as it is, on the canvas or not.
    match n_frames.checked_sub(1).and_then(|last| image.frame(last)) {
        Some(frame) if frame.header().width > 0 => {
            limits.check_size(frame.header().width, frame.header().height)
        }
        _ => Ok(()),
    }
}

fn canvas(image: &JxlImage, n_frames: usize) -> Result<Canvas, DecodeError> {
    Ok(Canvas {
        format: Format::Jxl,
        width: image.width(),
        height: image.height(),
        n_frames: u32::try_from(n_frames).map_err(|_| malformed("it has too many frames"))?,
    })
}

/// Writes a frame's samples, rounded to 8 bits. Answers its size.
fn write_samples(
    render: &Render,
    channels: Channels,
    samples: &mut Vec<u8>,
) -> Result<(usize, usize), DecodeError> {
    let mut stream = render.stream();
    let size = (stream.width() as usize, stream.height() as usize);
    if stream.channels() as usize != channels.count() {
        return Err(malformed("its headers contradict each other"));
    }
    samples.clear();
    samples.resize(size.0 * size.1 * channels.count(), 0);
    stream.write_to_buffer(samples);
    Ok(size)
}

fn translate(error: &(dyn Error + Send + Sync + 'static)) -> DecodeError {
    // The decoder's errors of memory are not public.
    let is_memory = |error: &dyn Error| {
        let text = error.to_string();
        text.contains("allocate") || text.contains("out of memory")
    };
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(error) = cause {
        if is_memory(error) {
            return DecodeErrorKind::TooMuchMemory.because_of(error);
        }
        cause = error.source();
    }
    DecodeErrorKind::Malformed.because_of(error)
}
