//! How much of one video is in another.

use std::collections::HashSet;

use super::Vpdq;
use crate::arch::Kernel;
use crate::hash::PdqHash;
use crate::index::PdqColumns;

/// Frames below this quality are too plain to compare: black, a title, a fade.
pub const LEAST_QUALITY: u8 = 50;

/// How many of a video's frames have a near frame in the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub n_met: usize,
    /// Frames that were compared: those with a hash of their own and enough quality.
    pub n_frames: usize,
}

impl Share {
    /// 0 to 100; 0 when there is nothing to compare.
    pub fn percent(&self) -> f64 {
        if self.n_frames == 0 {
            return 0.0;
        }
        self.n_met as f64 * 100.0 / self.n_frames as f64
    }

    /// 100 less the percent, rounded up: at most 20 exactly where the share reaches 80.
    pub fn percent_missed(&self) -> u32 {
        let n_missed = (self.n_frames - self.n_met) as u128;
        let percent = (n_missed * 100).div_ceil((self.n_frames as u128).max(1));
        u32::try_from(percent).expect("it is at most 100")
    }

    /// Whether it is at least so many percent, exactly. A threshold of 0 means any frame at all: where
    /// none is met, nothing matches.
    pub fn reaches(&self, percent: u32) -> bool {
        let (n_met, n_frames) = (self.n_met as u128, self.n_frames as u128);
        n_met > 0 && n_met * 100 >= n_frames * u128::from(percent)
    }
}

/// What two videos have in common, seen from either.
///
/// The published tools do not agree on what to call them: the README of Meta's vpdq compares a *query*
/// with a *comparison* video, of which 80 % must be found, and its Python library demands 80 % of the
/// *query*. So the sides have plain names here. A known clip inside a long upload has a high share of
/// the known video and a small one of the upload; a cut from a known film is the other way round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Of the listed video's frames, those found in the upload.
    pub of_known: Share,
    /// Of the upload's frames, those found in the listed video.
    pub of_upload: Share,
}

impl Shares {
    /// Whether both shares reach their thresholds, in percent.
    pub fn reach(&self, of_known: u32, of_upload: u32) -> bool {
        self.of_known.reaches(of_known) && self.of_upload.reaches(of_upload)
    }
}

/// Compares every frame of one video with every frame of the other: those are near that differ in at
/// most `distance` bits (31 is what Meta publishes). Equal hashes count once, and frames below
/// [`LEAST_QUALITY`] not at all.
pub fn compare(known: &Vpdq, upload: &Vpdq, distance: u32) -> Shares {
    let mut columns = PdqColumns::default();
    for hash in &known.distinct() {
        columns.push(hash);
    }
    compare_with(&columns, &upload.distinct(), distance)
}

/// [`compare`], of what [`Vpdq::distinct`] gives.
pub(crate) fn compare_with(known: &PdqColumns, upload: &[PdqHash], distance: u32) -> Shares {
    let mut met_known = vec![false; known.len()];
    let mut met_upload = vec![false; upload.len()];
    Kernel::fastest().sweep(known, upload, distance, &mut |query_idx, row, _| {
        met_upload[query_idx] = true;
        met_known[row] = true;
    });
    Shares {
        of_known: share(&met_known),
        of_upload: share(&met_upload),
    }
}

fn share(met: &[bool]) -> Share {
    Share {
        n_met: met.iter().filter(|is_met| **is_met).count(),
        n_frames: met.len(),
    }
}

impl Vpdq {
    /// The hashes that are compared: each once, in the order of its first frame, without those of
    /// frames below [`LEAST_QUALITY`].
    pub fn distinct(&self) -> Vec<PdqHash> {
        let mut seen = HashSet::new();
        let good = self
            .frames
            .iter()
            .filter(|frame| frame.pdq.quality >= LEAST_QUALITY);
        good.map(|frame| frame.pdq.hash)
            .filter(|hash| seen.insert(*hash))
            .collect()
    }
}
