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
pub(crate) mod jpeg;
mod limits;
mod png;
mod reader;
mod still;
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
}

impl Format {
    pub const ALL: [Format; 5] = [
        Format::Jpeg,
        Format::Png,
        Format::Gif,
        Format::WebP,
        Format::Bmp,
    ];

    /// The name in the API. MUST NOT change.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Jpeg => "jpeg",
            Format::Png => "png",
            Format::Gif => "gif",
            Format::WebP => "webp",
            Format::Bmp => "bmp",
        }
    }

    pub const fn media_type(self) -> &'static str {
        match self {
            Format::Jpeg => "image/jpeg",
            Format::Png => "image/png",
            Format::Gif => "image/gif",
            Format::WebP => "image/webp",
            Format::Bmp => "image/bmp",
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
            _ => None,
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
    pub(in crate::decode) fn n_pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// Looks at frames while they are decoded, row by row from the top, so that nobody needs to hold a
/// whole one.
pub trait Viewer {
    /// A frame of so many pixels begins. An animation's first frame may come twice: as programs
    /// show it that do not animate, and as it is composed.
    fn begin(&mut self, index: u32, width: usize, height: usize);

    /// The next row of that frame.
    fn row(&mut self, row: Row<'_>);

    /// That was the frame's last row.
    fn end(&mut self);
}

/// Looks at nothing: for those who only want to know whether a file can be decoded.
impl Viewer for () {
    fn begin(&mut self, _index: u32, _width: usize, _height: usize) {}

    fn row(&mut self, _row: Row<'_>) {}

    fn end(&mut self) {}
}

/// Shows a frame that is held as a whole.
fn show(viewer: &mut dyn Viewer, index: u32, picture: &Picture<'_>) {
    viewer.begin(index, picture.width(), picture.height());
    for row in picture.rows() {
        viewer.row(row);
    }
    viewer.end();
}

/// Decodes every frame, as stored: no orientation, no colour management, no blending of a still
/// picture with a background.
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
    }));
    decoded
        .unwrap_or_else(|_| Err(DecodeErrorKind::Malformed.because("the decoder gave up on it")))
        .map_err(|error| error.of(format))
}
