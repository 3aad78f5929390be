//! Hashing a picture while it is being decoded.

use super::luma::Luma;
use super::shrink::Shrink;
use super::{Family, Spectrum};
use crate::arch::Kernel;
use crate::picture::Row;

/// Pictures with a side below this have no hash: the reference answers zeros at quality 0.
const LEAST_SIDE: usize = 5;

/// Takes a picture row by row, from the top, and keeps only those that it still needs.
pub struct PdqHasher {
    kernel: &'static Kernel,
    luma: Luma,
    /// None for a picture too small to hash.
    shrink: Option<Box<Shrink>>,
    n_rows: usize,
}

impl PdqHasher {
    /// For a picture of so many pixels.
    pub fn new(width: usize, height: usize, family: Family) -> PdqHasher {
        PdqHasher::with(Kernel::fastest(), width, height, family)
    }

    pub(crate) fn with(
        kernel: &'static Kernel,
        width: usize,
        height: usize,
        family: Family,
    ) -> PdqHasher {
        let luma = Luma::new(width, height, family);
        let is_large_enough = width >= LEAST_SIDE && height >= LEAST_SIDE;
        PdqHasher {
            kernel,
            shrink: is_large_enough.then(|| Box::new(Shrink::new(luma.width(), luma.height()))),
            luma,
            n_rows: 0,
        }
    }

    /// Takes the next row.
    ///
    /// # Panics
    /// If it is not as wide as the picture, or one too many: mistakes of the program and never of
    /// the file that it reads.
    pub fn push(&mut self, row: Row<'_>) {
        self.luma.check(&row);
        let y = self.n_rows;
        self.n_rows += 1;
        let Some(shrink) = &mut self.shrink else {
            return;
        };
        // Stretched, a row may count several times, or not at all.
        while shrink.n_rows() < self.luma.height() && self.luma.source_y(shrink.n_rows()) == y {
            self.kernel.push(shrink, &self.luma, &row);
        }
    }

    /// # Panics
    /// If rows are missing.
    pub fn finish(self) -> Spectrum {
        let Some(mut shrink) = self.shrink else {
            return Spectrum {
                coefficients: None,
                quality: 0,
            };
        };
        Spectrum::of_block(self.kernel.finish(&mut shrink))
    }
}
