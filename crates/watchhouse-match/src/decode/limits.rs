//! How much of the machine one file may take.

use super::error::malformed;
use super::{Canvas, DecodeError, DecodeErrorKind};

/// Limits on one file. All are enforced before the memory or the time is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of the file.
    pub bytes: u64,
    /// Pixels of one frame.
    pub pixels: u64,
    /// Pixels of all frames together: a bound on time, since every frame is hashed in full.
    pub animation_pixels: u64,
    pub frames: u32,
    /// Memory for samples while decoding, in bytes.
    pub decoded_bytes: u64,
}

impl Default for Limits {
    /// What the largest ordinary uploads need: a 100 megapixel photograph, or an animation of 246
    /// frames in full HD or of 3,950 at 480x270.
    fn default() -> Limits {
        Limits {
            bytes: 64 << 20,
            pixels: 100_000_000,
            animation_pixels: 512_000_000,
            frames: 4096,
            decoded_bytes: 512 << 20,
        }
    }
}

impl Limits {
    pub(crate) fn check_bytes(&self, bytes: &[u8]) -> Result<(), DecodeError> {
        if bytes.is_empty() {
            return Err(DecodeErrorKind::Empty.because("it has no bytes"));
        }
        if bytes.len() as u64 > self.bytes {
            return Err(DecodeErrorKind::TooManyBytes.because(format!(
                "it has {} bytes, more than {}",
                bytes.len(),
                self.bytes
            )));
        }
        Ok(())
    }

    /// Checks a whole file before it is decoded. `bytes_per_pixel` is the most that its decoder
    /// holds at a time for each pixel of the canvas.
    pub(super) fn check(&self, canvas: &Canvas, bytes_per_pixel: u64) -> Result<(), DecodeError> {
        self.check_size(canvas.width, canvas.height)?;
        let frame_pixels = canvas.n_pixels();
        let n_pixels = frame_pixels.saturating_mul(u64::from(canvas.n_frames));
        self.check_frames(canvas.n_frames, n_pixels)?;
        self.check_memory(frame_pixels, frame_pixels.saturating_mul(bytes_per_pixel))
    }

    /// Checks the number of frames, and what pixels they have together.
    pub(super) fn check_frames(&self, n_frames: u32, n_pixels: u64) -> Result<(), DecodeError> {
        if n_frames == 0 {
            return Err(malformed("it has no frames"));
        }
        if n_frames > self.frames {
            return Err(DecodeErrorKind::TooManyFrames.because(format!(
                "it has {n_frames} frames, more than {}",
                self.frames
            )));
        }
        if n_frames > 1 && n_pixels > self.animation_pixels {
            return Err(DecodeErrorKind::TooManyPixels.because(format!(
                "its {n_frames} frames have {n_pixels} pixels together, more than {}",
                self.animation_pixels
            )));
        }
        Ok(())
    }

    /// Checks what decoding so many pixels holds at a time.
    pub(crate) fn check_memory(&self, n_pixels: u64, n_bytes: u64) -> Result<(), DecodeError> {
        if n_bytes > self.decoded_bytes {
            return Err(DecodeErrorKind::TooMuchMemory.because(format!(
                "decoding its {n_pixels} pixels takes {n_bytes} bytes, more than {}",
                self.decoded_bytes
            )));
        }
        Ok(())
    }

    /// Checks the sides of a canvas or of a part of it.
    pub(crate) fn check_size(&self, width: u32, height: u32) -> Result<(), DecodeError> {
        if width == 0 || height == 0 {
            return Err(malformed(format!("it is {width}x{height} pixels")));
        }
        if u64::from(width) * u64::from(height) > self.pixels {
            return Err(DecodeErrorKind::TooManyPixels.because(format!(
                "it is {width}x{height} pixels, more than {}",
                self.pixels
            )));
        }
        Ok(())
    }

    /// The same limits for a decoder's own book-keeping: a second line behind the survey.
    pub(super) fn for_decoder(&self) -> image::Limits {
        let mut limits = image::Limits::no_limits();
        limits.max_alloc = Some(self.decoded_bytes);
        limits
    }
}
