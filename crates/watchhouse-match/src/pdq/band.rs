//! Sixteen rows side by side.
//!
//! A running mean along a row is a chain in which each sum waits for the one before it, and its order
//! must not change. Rows do not wait for each other, so sixteen go along together, a row to a lane.

/// Rows of a band: as many 32-bit floats as the widest register holds.
pub(crate) const LANES: usize = 16;

/// The samples of all the band's rows at one x.
pub(crate) type Column = [f32; LANES];

/// Gives rows for columns; kernels have ways of their own.
pub(crate) trait Transposed: Fn(&[Column; LANES]) -> [Column; LANES] + Copy {}

impl<T: Fn(&[Column; LANES]) -> [Column; LANES] + Copy> Transposed for T {}

/// Rows of samples as they come, to be turned into columns, and back.
pub(super) struct Band {
    /// Of a row, rounded up to whole blocks; what lies beyond the width is never looked at.
    stride: usize,
    width: usize,
    samples: Vec<f32>,
}

impl Band {
    pub(super) fn new(width: usize) -> Band {
        let stride = width.next_multiple_of(LANES);
        Band {
            stride,
            width,
            samples: vec![0.0; stride * LANES],
        }
    }

    pub(super) fn row(&self, lane: usize) -> &[f32] {
        &self.samples[lane * self.stride..][..self.width]
    }

    pub(super) fn row_mut(&mut self, lane: usize) -> &mut [f32] {
        &mut self.samples[lane * self.stride..][..self.width]
    }

    /// Columns for [`Band::write_columns`] and [`Band::read_columns`]; of the last ones the band has
    /// only some.
    pub(super) fn new_columns(&self) -> Vec<Column> {
        vec![[0.0; LANES]; self.stride]
    }

    #[inline(always)]
    pub(super) fn write_columns(&self, columns: &mut [Column], transposed: impl Transposed) {
        let (blocks, _) = columns.as_chunks_mut::<LANES>();
        for (x, block) in blocks.iter_mut().enumerate() {
            for (lane, samples) in block.iter_mut().enumerate() {
                *samples = *self.samples[lane * self.stride + x * LANES..]
                    .first_chunk()
                    .expect("a row is whole blocks");
            }
            *block = transposed(block);
        }
    }

    #[inline(always)]
    pub(super) fn read_columns(&mut self, columns: &[Column], transposed: impl Transposed) {
        let (blocks, _) = columns.as_chunks::<LANES>();
        for (x, block) in blocks.iter().enumerate() {
            for (lane, samples) in transposed(block).iter().enumerate() {
                *self.samples[lane * self.stride + x * LANES..]
                    .first_chunk_mut()
                    .expect("a row is whole blocks") = *samples;
            }
        }
    }
}

/// Rows for columns.
#[inline(always)]
pub(crate) fn transposed(rows: &[Column; LANES]) -> [Column; LANES] {
    std::array::from_fn(|x| rows.map(|row| row[x]))
}
