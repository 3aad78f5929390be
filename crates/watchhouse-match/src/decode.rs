//! Pictures from bytes that an enemy may have written.
//!
//! Each format is read twice: a survey walks its structure without allocating, so that limits are
//! enforced before a decoder starts and a file that was cut off is told from a whole one; then a
//! memory-safe decoder makes samples. MUST NOT answer with half a picture, and MUST NOT trust a
//! file's name or declared type.

use std::panic::{AssertUnwindSafe, catch_unwind};

mod bmp;
mod compose;
mod error;
mod gif;
mod grey16;
mod heif;
pub(crate) mod jpeg;
mod jxl;
mod limits;
mod png;
mod reader;
mod still;
mod tiff;
mod webp;

pub use error::{DecodeError, DecodeErrorKind};
pub use limits::Limits;

use crate::picture::{Picture, Row};

/// A picture format, told by the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    Jpeg,
    Png,
    Gif,
    WebP,
    Bmp,
    Tiff,
    Jxl,
    Avif,
    Heic,
}

impl Format {
    pub const ALL: [Format; 9] = [
        Format::Jpeg,
        Format::Png,
        Format::Gif,
        Format::WebP,
        Format::Bmp,
        Format::Tiff,
        Format::Jxl,
        Format::Avif,
        Format::Heic,
    ];

    /// The name in the API. MUST NOT change.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Jpeg => "jpeg",
            Format::Png => "png",
            Format::Gif => "gif",
            Format::WebP => "webp",
            Format::Bmp => "bmp",
            Format::Tiff => "tiff",
            Format::Jxl => "jxl",
            Format::Avif => "avif",
            Format::Heic => "heic",
        }
    }

    pub const fn media_type(self) -> &'static str {
        match self {
            Format::Jpeg => "image/jpeg",
            Format::Png => "image/png",
            Format::Gif => "image/gif",
            Format::WebP => "image/webp",
            Format::Bmp => "image/bmp",
            Format::Tiff => "image/tiff",
            Format::Jxl => "image/jxl",
            Format::Avif => "image/avif",
            Format::Heic => "image/heic",
        }
    }

    /// The format that the first bytes announce.
    pub fn sniff(bytes: &[u8]) -> Option<Format> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Format::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Format::WebP),
            // Two letters are little to go by, so the size of the second header must be known too.
            [b'B', b'M', rest @ ..] if bmp::has_known_header(rest) => Some(Format::Bmp),
            _ if tiff::has_signature(bytes) => Some(Format::Tiff),
            _ if jxl::has_signature(bytes) => Some(Format::Jxl),
            _ => heif::sniff(bytes),
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a file announces before it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canvas {
    pub format: Format,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// How many pictures it holds; 1 unless it is animated.
    pub n_frames: u32,
}

impl Canvas {
    pub(crate) fn n_pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// Looks at frames while they are decoded, row by row from the top, so that nobody needs to hold a
/// whole one.
pub trait Viewer {
    /// A frame of so many pixels begins. A frame may come more than once: an animation's first as
    /// programs show it that do not animate and as it is composed, and any in several variants.
    fn begin(&mut self, index: u32, width: usize, height: usize);

    /// The next row of that frame.
    fn row(&mut self, row: Row<'_>);

    /// That was the frame's last row.
    fn end(&mut self);

    /// A frame that its decoder holds as a whole, instead of row by row.
    fn whole(&mut self, index: u32, picture: &Picture<'_>) {
        self.begin(index, picture.width(), picture.height());
        picture.each_row(|row| self.row(row));
        self.end();
    }

    /// Whether a frame that has just come row by row is to come once more, as a whole. That takes
    /// its time and its memory again.
    fn wants_whole(&self) -> bool {
        false
    }
}

/// Looks at nothing: for those who only want to know whether a file can be decoded.
impl Viewer for () {
    fn begin(&mut self, _index: u32, _width: usize, _height: usize) {}

    fn row(&mut self, _row: Row<'_>) {}

    fn end(&mut self) {}
}

/// Decodes every frame, as stored: no orientation, no colour management, no blending of a still
/// picture with a background. But what a codestream itself asks for (cropping and turning in HEIF,
/// orientation in JPEG XL) is done, for nobody shows such a picture otherwise.
///
/// # Errors
/// If the file is not whole, breaks a limit, or cannot be understood. What `viewer` has seen by
/// then MUST be thrown away: it may be half a frame.
pub fn decode(
    bytes: &[u8],
    limits: &Limits,
    viewer: &mut dyn Viewer,
) -> Result<Canvas, DecodeError> {
    limits.check_bytes(bytes)?;
    let format = Format::sniff(bytes).ok_or_else(error::unsupported_content)?;
    // The decoders are other people's, and a panic of theirs MUST NOT take the process with it.
    // Nothing of theirs outlives the panic, so what they left half done cannot be seen.
    let decoded = catch_unwind(AssertUnwindSafe(|| match format {
        Format::Jpeg => jpeg::decode(bytes, limits, viewer),
        Format::Png => png::decode(bytes, limits, viewer),
        Format::Gif => gif::decode(bytes, limits, viewer),
        Format::WebP => webp::decode(bytes, limits, viewer),
        Format::Bmp => bmp::decode(bytes, limits, viewer),
        Format::Tiff => tiff::decode(bytes, limits, viewer),
        Format::Jxl => jxl::decode(bytes, limits, viewer),
        Format::Avif | Format::Heic => heif::decode(bytes, format, limits, viewer),
    }));
    decoded
        .unwrap_or_else(|_| Err(DecodeErrorKind::Malformed.because("the decoder gave up on it")))
        .map_err(|error| error.of(format))
}
