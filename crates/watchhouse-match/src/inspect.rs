//! From a file's bytes to the hashes of everything in it that can be seen.

use crate::decode::{self, DecodeError, Format, Limits};
use crate::hash::PdqHash;
use crate::pdq::{Family, Pdq, Spectrum};

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
    let mut frames: Vec<Frame> = Vec::new();
    let canvas = decode::decode(bytes, limits, &mut |index, picture| {
        let spectrum = Spectrum::of(picture, Family::Full);
        let pdq = spectrum.pdq();
        match frames.iter_mut().find(|frame| frame.pdq.hash == pdq.hash) {
            Some(same) => same.pdq.quality = same.pdq.quality.max(pdq.quality),
            None => frames.push(Frame {
                index,
                pdq,
                dihedrals: spectrum.dihedrals(),
            }),
        }
    })?;
    Ok(Inspection {
        format: canvas.format,
        width: canvas.width,
        height: canvas.height,
        frames,
    })
}
