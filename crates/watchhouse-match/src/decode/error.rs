//! Why a file gave no picture. Codes are for programs and stay; messages are for people.

use image::ImageError;
use image::error::LimitErrorKind;

use super::Format;
use crate::jpeg::JpegError;

/// What went wrong, by what the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DecodeErrorKind {
    Empty,
    UnsupportedFormat,
    Truncated,
    Malformed,
    TooManyBytes,
    TooManyPixels,
    TooManyFrames,
    TooManyScans,
    TooMuchMemory,
}

impl DecodeErrorKind {
    /// Part of the API. MUST NOT change.
    pub const fn code(self) -> &'static str {
        match self {
            DecodeErrorKind::Empty => "empty",
            DecodeErrorKind::UnsupportedFormat => "unsupported_format",
            DecodeErrorKind::Truncated => "truncated",
            DecodeErrorKind::Malformed => "malformed",
            DecodeErrorKind::TooManyBytes => "too_many_bytes",
            DecodeErrorKind::TooManyPixels => "too_many_pixels",
            DecodeErrorKind::TooManyFrames => "too_many_frames",
            DecodeErrorKind::TooManyScans => "too_many_scans",
            DecodeErrorKind::TooMuchMemory => "too_much_memory",
        }
    }

    pub(super) fn because(self, why: impl Into<String>) -> DecodeError {
        DecodeError {
            kind: self,
            format: None,
            why: why.into(),
        }
    }

    /// In the decoder's own words.
    pub(super) fn because_of(self, error: &dyn std::error::Error) -> DecodeError {
        // They may repeat what the file says, and over several lines.
        let why: String = error.to_string().chars().take(200).collect();
        self.because(why.escape_debug().to_string())
    }
}

/// Why a file gave no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot decode the {}: {why}", format.map_or("file", Format::label))]
pub struct DecodeError {
    pub kind: DecodeErrorKind,
    /// None if that is what could not be told.
    pub format: Option<Format>,
    why: String,
}

impl DecodeError {
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }

    pub(crate) fn of(self, format: Format) -> DecodeError {
        DecodeError {
            format: Some(format),
            ..self
        }
    }
}

impl Format {
    const fn label(self) -> &'static str {
        match self {
            Format::Jpeg => "JPEG",
            Format::Png => "PNG",
            Format::Gif => "GIF",
            Format::WebP => "WebP",
            Format::Bmp => "BMP",
            Format::Tiff => "TIFF",
            Format::Jxl => "JPEG XL",
            Format::Avif => "AVIF",
            Format::Heic => "HEIC",
        }
    }
}

pub(super) fn unsupported_content() -> DecodeError {
    DecodeErrorKind::UnsupportedFormat.because(
        "its content is not a JPEG, PNG, GIF, WebP, BMP, TIFF, JPEG XL, AVIF or HEIC picture",
    )
}

pub(super) fn malformed(why: impl Into<String>) -> DecodeError {
    DecodeErrorKind::Malformed.because(why)
}

impl From<ImageError> for DecodeError {
    fn from(error: ImageError) -> DecodeError {
        let kind = match &error {
            ImageError::Unsupported(_) => DecodeErrorKind::UnsupportedFormat,
            ImageError::Limits(limit) => match limit.kind() {
                LimitErrorKind::DimensionError => DecodeErrorKind::TooManyPixels,
                _ => DecodeErrorKind::TooMuchMemory,
            },
            ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
                DecodeErrorKind::Truncated
            }
            _ => DecodeErrorKind::Malformed,
        };
        kind.because_of(&error)
    }
}

impl From<JpegError> for DecodeError {
    fn from(error: JpegError) -> DecodeError {
        let kind = match error {
            JpegError::Truncated => DecodeErrorKind::Truncated,
            JpegError::Malformed(_) => DecodeErrorKind::Malformed,
            JpegError::Unsupported(_) => DecodeErrorKind::UnsupportedFormat,
            JpegError::TooManyScans => DecodeErrorKind::TooManyScans,
        };
        kind.because_of(&error)
    }
}
