//! From a file's bytes to the hashes of everything in it that can be seen.

use crate::border::{self, Edges};
use crate::decode::{self, DecodeError, Format, Limits, Viewer};
use crate::hash::PdqHash;
use crate::pdq::{Family, Pdq, PdqHasher, Spectrum};
use crate::picture::{Picture, Row};
use crate::variant::Variant;

/// What a picture file shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    pub format: Format,
    /// Of the canvas, in pixels, before any rotation that metadata may ask for.
    pub width: u32,
    pub height: u32,
    /// The frames that have a hash of their own, in the order in which they are shown, each as it is
    /// stored first.
    pub frames: Vec<Frame>,
}

/// One frame of a picture (the only one, unless it is animated) in one of its variants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Counts from 0; of frames with equal hashes, the first.
    pub index: u32,
    /// Of variants with equal hashes, the first.
    pub variant: Variant,
    /// The best quality of the frames with this hash.
    pub pdq: Pdq,
    /// Under every transform, in the order of [`Transform::ALL`](crate::Transform::ALL); the first
    /// equals `pdq.hash`.
    pub dihedrals: [PdqHash; 8],
}

/// Decodes a picture and hashes every frame of it, at full resolution and as stored: orientation
/// metadata is not applied and alpha is dropped, as the tools do that made the lists. Where a frame
/// can be seen in other ways than that, it is hashed in those, too: see [`Variant`].
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
    /// The frame that comes row by row.
    current: Option<Current>,
    /// The frame that has come so may have a border, which cannot be taken off rows that are gone.
    may_have_border: bool,
    frames: Vec<Frame>,
}

struct Current {
    index: u32,
    hasher: PdqHasher,
    edges: Edges,
}

impl Viewer for Hashing {
    fn begin(&mut self, index: u32, width: usize, height: usize) {
        self.current = Some(Current {
            index,
            hasher: PdqHasher::new(width, height, Family::Full),
            edges: Edges::new(height),
        });
    }

    fn row(&mut self, row: Row<'_>) {
        let current = self.current.as_mut();
        let current = current.expect("a frame begins before its rows");
        current.edges.push(&row);
        current.hasher.push(row);
    }

    fn end(&mut self) {
        let current = self.current.take().expect("a frame begins before it ends");
        self.may_have_border = current.edges.may_be_border();
        let spectrum = current.hasher.finish();
        self.add(current.index, Variant::AsStored, &spectrum);
    }

    fn wants_whole(&self) -> bool {
        self.may_have_border
    }

    fn whole(&mut self, index: u32, picture: &Picture<'_>) {
        let was_hashed = std::mem::take(&mut self.may_have_border);
        if !was_hashed {
            self.hash(index, picture);
        }
        self.hash_inside(index, picture);
        if let Some(seen) = picture.over_white() {
            self.hash(index, &seen);
            self.hash_inside(index, &seen);
        }
    }
}

impl Hashing {
    fn hash(&mut self, index: u32, picture: &Picture<'_>) {
        self.add(
            index,
            picture.variant(),
            &Spectrum::of(picture, Family::Full),
        );
    }

    /// Hashes what is left of a picture without its border.
    fn hash_inside(&mut self, index: u32, picture: &Picture<'_>) {
        if let Some(inner) = border::find(picture) {
            self.hash(index, &picture.without_border(inner));
        }
    }

    fn add(&mut self, index: u32, variant: Variant, spectrum: &Spectrum) {
        let pdq = spectrum.pdq();
        let mut frames = self.frames.iter_mut();
        match frames.find(|frame| frame.pdq.hash == pdq.hash) {
            Some(same) => same.pdq.quality = same.pdq.quality.max(pdq.quality),
            None => self.frames.push(Frame {
                index,
                variant,
                pdq,
                dihedrals: spectrum.dihedrals(),
            }),
        }
    }
}
