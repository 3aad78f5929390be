//! Chroma at the resolution of luma.
//!
//! Where it has half of it, samples in between are weighed 3 to 1 by nearness ("fancy upsampling" in
//! libjpeg, which the field's decoder does by default); otherwise samples are repeated. The biases
//! alternate so that rounding does not drift, and are part of what hash lists were made with.

/// How a component's rows become rows of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upsampling {
    /// They are.
    None,
    /// Twice as many columns.
    Columns,
    /// Twice as many rows.
    Rows,
    ColumnsAndRows,
    /// Each sample so many times side by side; each row is used as often as it covers one.
    Repeat {
        columns: usize,
    },
}

impl Upsampling {
    /// For a component of `width` samples, of which each stands for `columns` times `rows` pixels.
    pub(super) fn new(columns: usize, rows: usize, width: usize) -> Upsampling {
        match (columns, rows) {
            (1, 1) => Upsampling::None,
            (1, 2) => Upsampling::Rows,
            (2, 1) if width > 2 => Upsampling::Columns,
            (2, 2) if width > 2 => Upsampling::ColumnsAndRows,
            _ => Upsampling::Repeat { columns },
        }
    }
}

/// What a row of the picture is made of.
#[derive(Clone, Copy)]
pub(crate) struct Near<'a> {
    /// The row of samples that covers it.
    pub(crate) covering: &'a [u8],
    /// The next nearest one.
    pub(crate) beside: &'a [u8],
    /// The latter lies below.
    pub(crate) is_below: bool,
}

/// A row of upsampled samples, and what is needed on the way.
pub(crate) struct Upsampled {
    pub(crate) samples: Vec<u8>,
    /// Weighted sums of two rows, with the first and the last one repeated at the ends.
    sums: Vec<u16>,
}

impl Upsampled {
    /// For rows of `n_samples` that become rows of up to `width`.
    pub(crate) fn new(n_samples: usize, width: usize) -> Upsampled {
        Upsampled {
            samples: vec![0; width],
            sums: vec![0; n_samples + 2],
        }
    }

    /// Always inlined, so that each kernel in `arch` compiles it for its own CPUs.
    #[inline(always)]
    pub(crate) fn write(&mut self, upsampling: Upsampling, near: Near<'_>) {
        match upsampling {
            Upsampling::None => unreachable!("samples are used as they are"),
            Upsampling::Repeat { columns } => {
                let repeated = self.samples.chunks_mut(columns);
                for (samples, &sample) in repeated.zip(near.covering) {
                    samples.fill(sample);
                }
            }
            Upsampling::Rows => {
                let bias = if near.is_below { 2 } else { 1 };
                let rows = near.covering.iter().zip(near.beside);
                for (sample, (&covering, &beside)) in self.samples.iter_mut().zip(rows) {
                    *sample = ((weighted(covering, beside) + bias) >> 2) as u8;
                }
            }
            Upsampling::Columns => {
                for (sum, &sample) in self.sums[1..].iter_mut().zip(near.covering) {
                    *sum = sample.into();
                }
                self.double_columns::<2>(near.covering.len(), [1, 2]);
            }
            Upsampling::ColumnsAndRows => {
                let rows = near.covering.iter().zip(near.beside);
                for (sum, (&covering, &beside)) in self.sums[1..].iter_mut().zip(rows) {
                    *sum = weighted(covering, beside);
                }
                self.double_columns::<4>(near.covering.len(), [8, 7]);
            }
        }
    }

    /// Makes two samples of each sum: one nearer to the sum before, one to the sum behind.
    #[inline(always)]
    fn double_columns<const SHIFT: u32>(&mut self, n: usize, [before, behind]: [u16; 2]) {
        self.sums[0] = self.sums[1];
        self.sums[n + 1] = self.sums[n];
        let (pairs, _) = self.samples.as_chunks_mut::<2>();
        let sums = &self.sums[..n + 2];
        let threes = sums.iter().zip(&sums[1..]).zip(&sums[2..]);
        for (pair, ((&left, &middle), &right)) in pairs.iter_mut().zip(threes) {
            let first = (3 * middle + left + before) >> SHIFT;
            let second = (3 * middle + right + behind) >> SHIFT;
            *pair = (first | second << 8).to_le_bytes();
        }
    }
}

#[inline(always)]
fn weighted(near: u8, far: u8) -> u16 {
    3 * u16::from(near) + u16::from(far)
}
