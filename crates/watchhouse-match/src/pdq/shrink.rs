//! From a picture of any size to 64x64 samples: blur twice, then take centres.

use super::band::{Band, Column, LANES, Transposed};
use super::boxes::{ColumnBlur, sums_along_rows, weights_in_mean_of_means};

pub(crate) const SIDE: usize = 64;

/// 64 rows of 64 brightness values.
pub(crate) type Block64 = [[f32; SIDE]; SIDE];

/// Takes rows of brightness from the top and holds only as many as the blurs reach over.
pub(crate) struct Shrink {
    width: usize,
    height: usize,
    n_rows: usize,
    band: Band,
    n_waiting: usize,
    sharp: Vec<Column>,
    blurred: Vec<Column>,
    first: ColumnBlur,
    second: SecondBlur,
}

impl Shrink {
    /// Both sides MUST be at least 5 pixels.
    pub(super) fn new(width: usize, height: usize) -> Shrink {
        let band = Band::new(width);
        Shrink {
            width,
            height,
            n_rows: 0,
            sharp: band.new_columns(),
            blurred: band.new_columns(),
            band,
            n_waiting: 0,
            first: ColumnBlur::new(width, height),
            second: SecondBlur::new(width, height),
        }
    }

    /// How many rows were taken.
    pub(super) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Takes the next row, which `write` writes.
    ///
    /// Always inlined, so that each kernel in `arch` compiles it for its own CPUs.
    #[inline(always)]
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut [f32]), transposed: impl Transposed) {
        let y = self.n_rows;
        assert!(y < self.height, "all {y} rows came already");
        self.n_rows += 1;
        if self.is_block() {
            write(&mut self.second.block[y]);
            return;
        }
        write(self.band.row_mut(self.n_waiting));
        self.n_waiting += 1;
        if self.n_waiting == LANES {
            self.blur(transposed);
        }
    }

    /// After the last row: the block.
    #[inline(always)]
    pub(crate) fn finish(&mut self, transposed: impl Transposed) -> &Block64 {
        assert_eq!(self.n_rows, self.height, "not all rows came");
        if !self.is_block() {
            if self.n_waiting > 0 {
                self.blur(transposed);
            }
            while self.first.drain(self.second.next_row()) {
                self.second.take(transposed);
            }
            self.second.finish(transposed);
        }
        &self.second.block
    }

    /// A picture of that size is taken as it is, without blur.
    fn is_block(&self) -> bool {
        self.width == SIDE && self.height == SIDE
    }

    #[inline(always)]
    fn blur(&mut self, transposed: impl Transposed) {
        self.band.write_columns(&mut self.sharp, transposed);
        sums_along_rows(&self.sharp[..self.width], |x, sums, n_inside| {
            self.blurred[x] = sums.map(|sum| sum / n_inside);
        });
        self.band.read_columns(&self.blurred, transposed);
        for lane in 0..self.n_waiting {
            if self.first.push(self.band.row(lane), self.second.next_row()) {
                self.second.take(transposed);
            }
        }
        self.n_waiting = 0;
    }
}

/// The second blur, of which only the samples at the 64x64 centres are wanted: sums must run along
/// whole rows, but down 64 columns only.
struct SecondBlur {
    centres: [usize; SIDE],
    width: usize,
    height: usize,
    band: Band,
    centred: Band,
    columns: Vec<Column>,
    n_waiting: usize,
    vertical: ColumnBlur,
    n_seen: usize,
    block: Box<Block64>,
    n_taken: usize,
}

impl SecondBlur {
    fn new(width: usize, height: usize) -> SecondBlur {
        let band = Band::new(width);
        SecondBlur {
            centres: std::array::from_fn(|i| centre(i, width)),
            width,
            height,
            columns: band.new_columns(),
            band,
            centred: Band::new(SIDE),
            n_waiting: 0,
            vertical: ColumnBlur::new(SIDE, height),
            n_seen: 0,
            block: Box::new([[0.0; SIDE]; SIDE]),
            n_taken: 0,
        }
    }

    /// Where the next row is to be written.
    #[inline(always)]
    fn next_row(&mut self) -> &mut [f32] {
        self.band.row_mut(self.n_waiting)
    }

    /// Takes the row that was written.
    #[inline(always)]
    fn take(&mut self, transposed: impl Transposed) {
        self.n_waiting += 1;
        if self.n_waiting == LANES {
            self.blur(transposed);
        }
    }

    #[inline(always)]
    fn blur(&mut self, transposed: impl Transposed) {
        self.band.write_columns(&mut self.columns, transposed);
        let mut means = [[0.0; LANES]; SIDE];
        let mut n_found = 0;
        sums_along_rows(&self.columns[..self.width], |x, sums, n_inside| {
            // A picture narrower than 64 columns gives the same column more than once.
            while n_found < SIDE && self.centres[n_found] == x {
                means[n_found] = sums.map(|sum| sum / n_inside);
                n_found += 1;
            }
        });
        self.centred.read_columns(&means, transposed);
        let mut means = [0.0; SIDE];
        for lane in 0..self.n_waiting {
            if self.vertical.push(self.centred.row(lane), &mut means) {
                self.sample(&means);
            }
        }
        self.n_waiting = 0;
    }

    #[inline(always)]
    fn finish(&mut self, transposed: impl Transposed) {
        self.blur(transposed);
        let mut means = [0.0; SIDE];
        while self.vertical.drain(&mut means) {
            self.sample(&means);
        }
    }

    /// Keeps a row of means if its y is that of a centre.
    #[inline(always)]
    fn sample(&mut self, means: &[f32; SIDE]) {
        // A picture lower than 64 rows gives the same row more than once.
        while self.n_taken < SIDE && centre(self.n_taken, self.height) == self.n_seen {
            self.block[self.n_taken] = *means;
            self.n_taken += 1;
        }
        self.n_seen += 1;
    }
}

/// Along one direction, what the samples of a side of `len` (not 64, which is left as it is) weigh in
/// the value `i` of 64: the first sample that weighs anything, and the weights from there on.
pub(crate) fn weights(i: usize, len: usize) -> (usize, Vec<f32>) {
    weights_in_mean_of_means(centre(i, len), len)
}

/// floor((i + 1/2) * len / 64)
fn centre(i: usize, len: usize) -> usize {
    (2 * i + 1) * len / (2 * SIDE)
}
