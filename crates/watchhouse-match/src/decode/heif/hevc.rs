//! HEVC pictures, through `heic-decoder`.
//!
//! It decodes tiles on the threads of rayon's pool. Here that pool is the calling thread and no
//! other: this crate starts none, and where files of strangers are decoded none may be started.

use heic_decoder::HeifError;
use heic_rs::{Image, PixelLayout};
use rayon::ThreadPoolBuilder;

use super::super::{DecodeError, DecodeErrorKind};

/// The picture that a file shows, cropped, turned and mirrored.
pub(super) fn decode(file: &[u8]) -> Result<Image, DecodeError> {
    stay_on_this_thread();
    let decoded = heic_decoder::decode(file).map_err(translate)?;
    let (width, height) = (decoded.width as u32, decoded.height as u32);
    let (layout, data) = match decoded.alpha {
        Some(_) => (
            PixelLayout::Rgba8,
            decoded.to_rgba8().map_err(translate)?.data,
        ),
        None => (
            PixelLayout::Rgb8,
            decoded.to_rgb8().map_err(translate)?.data,
        ),
    };
    Ok(Image {
        data,
        width,
        height,
        layout,
    })
}

/// Makes the calling thread a pool of its own, once and for good.
fn stay_on_this_thread() {
    let pool = ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    // An error says that it belongs to a pool already: this one, or one of the caller's making.
    if let Ok(pool) = pool.build() {
        std::mem::forget(pool);
    }
}

fn translate(error: HeifError) -> DecodeError {
    let kind = match &error {
        HeifError::Unsupported(_) => DecodeErrorKind::UnsupportedFormat,
        HeifError::LimitExceeded(_) => DecodeErrorKind::TooManyPixels,
        _ => DecodeErrorKind::Malformed,
    };
    kind.because_of(&error)
}
