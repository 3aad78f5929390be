//! From a file's bytes to the hashes of everything in it that can be seen.

use crate::decode::{self, DecodeError, Format, Limits, Viewer};
use crate::hash::PdqHash;
use crate::pdq::{Family, Pdq, PdqHasher};
use crate::picture::Row;

/// What a picture file shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    pub format: Format,
    /// Of the canvas, in pixels, before any rotation that metadata may ask for.
    pub width: u32,
    pub height: u32,
    /// The frames that have a hash of their own, in the order in which they are shown.
    pub frames: Vec<Frame>,
}

/// One frame of a picture; the only one, unless it is animated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Counts from 0; of frames with equal hashes, the first.
    pub index: u32,
    /// The best quality of the frames with this hash.
    pub pdq: Pdq,
    /// Under every transform, in the order of [`Transform::ALL`](crate::Transform::ALL); the first
    /// equals `pdq.hash`.
    pub dihedrals: [PdqHash; 8],
}

/// Decodes a picture and hashes every frame of it, at full resolution and as stored: orientation
/// metadata is not applied and alpha is dropped, as the tools do that made the lists.
///
/// # Errors
/// If not all of it can be decoded within the limits. There is no partial answer.
pub fn inspect(bytes: &[u8], limits: &Limits) -> Result<Inspection, DecodeError> {
    let mut hashing = Hashing::default();
    let canvas = decode::decode(bytes, limits, &mut hashing)?;
    Ok(Inspection {
        format: canvas.format,
        width: canvas.width,
        height: canvas.height,
        frames: hashing.frames,
    })
}

/// Hashes frames while they are decoded.
#[derive(Default)]
struct Hashing {
    /// The frame that is being decoded, with its index.
    current: Option<(u32, PdqHasher)>,
    frames: Vec<Frame>,
}

impl Viewer for Hashing {
    fn begin(&mut self, index: u32, width: usize, height: usize) {
        self.current = Some((index, PdqHasher::new(width, height, Family::Full)));
    }

    fn row(&mut self, row: Row<'_>) {
        let (_, hasher) = self
            .current
            .as_mut()
            .expect("a frame begins before its rows");
        hasher.push(row);
    }

    fn end(&mut self) {
        let (index, hasher) = self.current.take().expect("a frame begins before it ends");
        let spectrum = hasher.finish();
        let pdq = spectrum.pdq();
        match self
            .frames
            .iter_mut()
            .find(|frame| frame.pdq.hash == pdq.hash)
        {
            Some(same) => same.pdq.quality = same.pdq.quality.max(pdq.quality),
            None => self.frames.push(Frame {
                index,
                pdq,
                dihedrals: spectrum.dihedrals(),
            }),
        }
    }
}
