//! PDQ: the open perceptual hash that hotlines and platforms exchange.
//!
//! Written from Meta's published description, and equal to its reference bit for bit: every sum
//! below is in 32-bit floats and in the reference's order. MUST NOT be "improved": a hash that is
//! two bits better is two bits away from every list in the world.
//!
//! Steps: luma, two tent blurs, 64x64 samples (`shrink`), a 16x16 discrete cosine transform
//! (`dct`), and one bit for each coefficient above the median.

mod band;
mod boxes;
mod dct;
mod hasher;
mod luma;
mod quality;
mod shrink;
mod transform;

pub(crate) use band::{Column, LANES, transposed};
pub use hasher::PdqHasher;
pub(crate) use luma::Luma;
#[cfg(test)]
pub(crate) use luma::luma_rounded_once;
pub(crate) use shrink::{Block64, SIDE, Shrink, weights};
pub use transform::Transform;

use crate::hash::PdqHash;
use crate::picture::Picture;

/// Which of the two PDQs that are in use: they differ by a few bits on pictures above 512 pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Hashes the picture at its full resolution, as Meta's Python tools do. Lists hold these.
    #[default]
    Full,
    /// First stretches a larger picture to exactly 512x512, as Meta's C++ and WASM programs do.
    Stretch512,
}

/// A picture's hash, and how much picture there was to hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pdq {
    pub hash: PdqHash,
    /// 0 (featureless) to 100. Meta advises to neither list nor match hashes below 50.
    pub quality: u8,
}

/// Hashes one picture.
pub fn pdq(picture: &Picture<'_>, family: Family) -> Pdq {
    Spectrum::of(picture, family).pdq()
}

/// A picture's 16x16 lowest frequencies, from which the hashes of all its turned and mirrored
/// versions follow.
#[derive(Clone, Debug)]
pub struct Spectrum {
    /// None for a picture too small to hash.
    coefficients: Option<dct::Block16>,
    quality: u8,
}

impl Spectrum {
    pub fn of(picture: &Picture<'_>, family: Family) -> Spectrum {
        let mut hasher = PdqHasher::new(picture.width(), picture.height(), family);
        picture.each_row(|row| hasher.push(row));
        hasher.finish()
    }

    /// Of a picture that was shrunk already.
    pub(crate) fn of_block(block: &Block64) -> Spectrum {
        Spectrum {
            coefficients: Some(dct::transform(block)),
            quality: quality::quality(block),
        }
    }

    pub fn pdq(&self) -> Pdq {
        Pdq {
            hash: self.hash(Transform::Original),
            quality: self.quality,
        }
    }

    /// The hash that the picture would have after `transform`.
    ///
    /// A file that really was turned differs by some bits (0 to 26 were measured), because blur
    /// and sampling do not turn exactly.
    pub fn hash(&self, transform: Transform) -> PdqHash {
        self.coefficients
            .as_ref()
            .map_or(PdqHash::default(), |coefficients| {
                dct::bits(&transform.apply(coefficients))
            })
    }

    /// The hashes under all eight transforms, in the order of [`Transform::ALL`].
    pub fn dihedrals(&self) -> [PdqHash; 8] {
        Transform::ALL.map(|transform| self.hash(transform))
    }
}
