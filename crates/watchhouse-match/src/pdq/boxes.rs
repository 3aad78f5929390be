//! Box filters: running means along rows and columns.
//!
//! A mean is a running sum that gains the entering sample and then loses the leaving one. The order
//! matters: another order rounds differently and flips bits of the hash, so even a window of one
//! sample, in theory the identity, is summed.
//!
//! Always inlined, so that each kernel in `arch` compiles it for its own CPUs.

use std::ops::Range;

use super::band::{Column, LANES};

/// How far the mean of a window reaches: `[i - behind, i + ahead]`, cut at the ends.
#[derive(Clone, Copy)]
struct Window {
    size: usize,
    ahead: usize,
}

impl Window {
    /// The window that shrinks `len` samples to 64 when applied twice (PDQ's "Jarosz" window).
    fn for_len(len: usize) -> Window {
        let size = len.div_ceil(128);
        Window {
            size,
            ahead: (size + 2) / 2 - 1,
        }
    }

    fn around(self, i: usize, len: usize) -> Range<usize> {
        (i + self.ahead + 1).saturating_sub(self.size)..(i + self.ahead + 1).min(len)
    }
}

/// What each of `len` samples weighs, where it does, in the mean of means around sample `i`: the two
/// blurs along one direction, for those who have sums of samples instead of samples.
pub(super) fn weights_in_mean_of_means(i: usize, len: usize) -> (usize, Vec<f32>) {
    let window = Window::for_len(len);
    let means = window.around(i, len);
    let first = window.around(means.start, len).start;
    let end = window.around(means.end - 1, len).end;
    let mut weights = vec![0.0; end - first];
    for mean in means.clone() {
        let inside = window.around(mean, len);
        let weight = 1.0 / (means.len() * inside.len()) as f32;
        for sample in inside {
            weights[sample - first] += weight;
        }
    }
    (first, weights)
}

/// The running means along all rows of a band. Calls `mean` with each x, the sums of the window
/// around it, and how many samples a sum has. There are at least as many columns as the window holds.
#[inline(always)]
pub(super) fn sums_along_rows(columns: &[Column], mut mean: impl FnMut(usize, &Column, f32)) {
    let len = columns.len();
    let Window { size, ahead } = Window::for_len(len);
    let (mut sums, mut n_inside, mut x) = ([0.0f32; LANES], 0.0f32, 0);

    for entering in &columns[..ahead] {
        add(&mut sums, entering);
        n_inside += 1.0;
    }
    for entering in &columns[ahead..size] {
        add(&mut sums, entering);
        n_inside += 1.0;
        mean(x, &sums, n_inside);
        x += 1;
    }
    for (entering, leaving) in columns[size..].iter().zip(columns) {
        add(&mut sums, entering);
        subtract(&mut sums, leaving);
        mean(x, &sums, n_inside);
        x += 1;
    }
    for leaving in &columns[len - size..][..ahead] {
        subtract(&mut sums, leaving);
        n_inside -= 1.0;
        mean(x, &sums, n_inside);
        x += 1;
    }
}

#[inline(always)]
fn add(sums: &mut Column, entering: &Column) {
    for (sum, entering) in sums.iter_mut().zip(entering) {
        *sum += entering;
    }
}

#[inline(always)]
fn subtract(sums: &mut Column, leaving: &Column) {
    for (sum, leaving) in sums.iter_mut().zip(leaving) {
        *sum -= leaving;
    }
}

/// The running mean along all columns at once, fed row by row.
///
/// Keeps only the rows inside the window, so a picture of any height takes little memory.
pub(super) struct ColumnBlur {
    window: Window,
    width: usize,
    n_rows: usize,
    n_pushed: usize,
    n_inside: usize,
    sums: Vec<f32>,
    /// The last `window.size` rows; row `y` is at `y % window.size`.
    inside: Vec<f32>,
}

impl ColumnBlur {
    pub(super) fn new(width: usize, n_rows: usize) -> ColumnBlur {
        let window = Window::for_len(n_rows);
        ColumnBlur {
            window,
            width,
            n_rows,
            n_pushed: 0,
            n_inside: 0,
            sums: vec![0.0; width],
            inside: vec![0.0; width * window.size],
        }
    }

    /// Takes the next row. True if that completed a row of means, which is then in `means`.
    #[inline(always)]
    pub(super) fn push(&mut self, row: &[f32], means: &mut [f32]) -> bool {
        let y = self.n_pushed;
        self.n_pushed += 1;
        let slot = y % self.window.size * self.width;
        let slot = &mut self.inside[slot..slot + self.width];
        if y < self.window.size {
            self.n_inside += 1;
            for ((sum, kept), &entering) in self.sums.iter_mut().zip(slot).zip(row) {
                *sum += entering;
                *kept = entering;
            }
        } else {
            for ((sum, kept), &entering) in self.sums.iter_mut().zip(slot).zip(row) {
                *sum += entering;
                *sum -= *kept;
                *kept = entering;
            }
        }
        if y < self.window.ahead {
            return false;
        }
        self.write(means);
        true
    }

    /// After the last row: the rows of means near the bottom edge, one a call, then false.
    #[inline(always)]
    pub(super) fn drain(&mut self, means: &mut [f32]) -> bool {
        debug_assert_eq!(self.n_pushed, self.n_rows, "all rows came before the drain");
        if self.n_inside + self.window.ahead <= self.window.size {
            return false;
        }
        let leaving_y = self.n_rows - self.n_inside;
        let slot = leaving_y % self.window.size * self.width;
        for (sum, &leaving) in self.sums.iter_mut().zip(&self.inside[slot..]) {
            *sum -= leaving;
        }
        self.n_inside -= 1;
        self.write(means);
        true
    }

    #[inline(always)]
    fn write(&self, means: &mut [f32]) {
        let n_inside = self.n_inside as f32;
        for (mean, sum) in means.iter_mut().zip(&self.sums) {
            *mean = sum / n_inside;
        }
    }
}
