//! Inner loops, compiled for several generations of CPUs; the best that this CPU runs is chosen once.
//!
//! A kernel here is a thin shell around safe code that lives elsewhere. Kernels MUST answer alike.

#![expect(
    unsafe_code,
    reason = "entering code that is compiled for newer CPUs cannot be checked by the compiler"
)]

#[cfg(target_arch = "x86_64")]
mod colour;
#[cfg(target_arch = "x86_64")]
mod idct;
mod memory;
#[cfg(target_arch = "x86_64")]
mod words;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256i, __m512i};
use std::sync::LazyLock;

pub(crate) use memory::{column_of, prefetch};

use crate::decode::jpeg::idct::BlockRow;
use crate::decode::jpeg::{self, Near, Upsampled, Upsampling};
use crate::hash::PdqHash;
use crate::index::{PdqColumns, Walk};
use crate::pdq::{Block64, Column, LANES, Luma, Shrink, transposed};
use crate::picture::Row;

/// Rows and their distances.
type Found = Vec<(usize, u32)>;
type Report<'a> = &'a mut dyn FnMut(usize, usize, u32);

/// The inner loops, compiled for CPUs like this one. [`Kernel::all`] is the only door, so holding one
/// proves that this CPU can run it.
pub(crate) struct Kernel {
    sweep: unsafe fn(&PdqColumns, &[PdqHash], u32, Report<'_>),
    walk: unsafe fn(&Walk<'_>, usize) -> Option<Found>,
    push: unsafe fn(&mut Shrink, &Luma, &Row<'_>),
    finish: unsafe fn(&mut Shrink) -> &Block64,
    idct: unsafe fn(BlockRow<'_>, &mut [u8], usize),
    upsample: unsafe fn(&mut Upsampled, Upsampling, Near<'_>),
    to_rgb: unsafe fn([&[u8]; 3], [&mut [u8]; 3]),
}

impl Kernel {
    /// Those that this CPU can run, the fastest first, the portable one last.
    pub(crate) fn all() -> &'static [Kernel] {
        static ALL: LazyLock<Vec<Kernel>> = LazyLock::new(|| {
            let kernels = [
                #[cfg(target_arch = "x86_64")]
                (is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vpopcntdq")
                    && is_x86_feature_detected!("avx512bitalg")
                    && is_x86_feature_detected!("popcnt"))
                .then_some(Kernel {
                    sweep: sweep_avx512,
                    walk: walk_avx512,
                    push: push_avx512,
                    finish: finish_avx512,
                    idct: idct_avx512,
                    upsample: upsample_avx512,
                    to_rgb: to_rgb_avx512,
                }),
                #[cfg(target_arch = "x86_64")]
                (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt")).then_some(
                    Kernel {
                        sweep: sweep_avx2,
                        walk: walk_avx2,
                        push: push_avx2,
                        finish: finish_avx2,
                        idct: idct_avx2,
                        upsample: upsample_avx2,
                        to_rgb: to_rgb_avx2,
                    },
                ),
                Some(Kernel {
                    sweep: sweep_portable,
                    walk: walk_portable,
                    push: push_portable,
                    finish: finish_portable,
                    idct: idct_portable,
                    upsample: upsample_portable,
                    to_rgb: to_rgb_portable,
                }),
            ];
            kernels.into_iter().flatten().collect()
        });
        &ALL
    }

    pub(crate) fn fastest() -> &'static Kernel {
        &Kernel::all()[0]
    }

    /// See [`PdqColumns::sweep`].
    pub(crate) fn sweep(
        &self,
        columns: &PdqColumns,
        queries: &[PdqHash],
        within: u32,
        near: Report<'_>,
    ) {
        // SAFETY: a Kernel exists only if `all` found every feature that its function enables.
        unsafe { (self.sweep)(columns, queries, within, near) }
    }

    /// See [`Walk::run`].
    pub(crate) fn walk(&self, walk: &Walk<'_>, budget: usize) -> Option<Found> {
        // SAFETY: as for `sweep`.
        unsafe { (self.walk)(walk, budget) }
    }

    /// Lets `shrink` take a row. See [`Shrink::push`].
    pub(crate) fn push(&self, shrink: &mut Shrink, luma: &Luma, row: &Row<'_>) {
        // SAFETY: as for `sweep`.
        unsafe { (self.push)(shrink, luma, row) }
    }

    /// See [`Shrink::finish`].
    pub(crate) fn finish<'a>(&self, shrink: &'a mut Shrink) -> &'a Block64 {
        // SAFETY: as for `sweep`.
        unsafe { (self.finish)(shrink) }
    }

    /// See [`jpeg::idct::idct`]. Rows of samples MUST be whole registers of the widest kind.
    pub(crate) fn idct(&self, row: BlockRow<'_>, samples: &mut [u8], stride: usize) {
        // SAFETY: as for `sweep`.
        unsafe { (self.idct)(row, samples, stride) }
    }

    /// See [`Upsampled::write`].
    pub(crate) fn upsample(&self, to: &mut Upsampled, upsampling: Upsampling, near: Near<'_>) {
        // SAFETY: as for `sweep`.
        unsafe { (self.upsample)(to, upsampling, near) }
    }

    /// See [`jpeg::colour::to_rgb`].
    pub(crate) fn to_rgb(&self, ycc: [&[u8]; 3], rgb: [&mut [u8]; 3]) {
        // SAFETY: as for `sweep`.
        unsafe { (self.to_rgb)(ycc, rgb) }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
fn sweep_avx512(columns: &PdqColumns, queries: &[PdqHash], within: u32, near: Report<'_>) {
    columns.sweep(queries, within, near);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,avx512bitalg,popcnt")]
fn walk_avx512(walk: &Walk<'_>, budget: usize) -> Option<Found> {
    walk.run(budget)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
fn push_avx512(shrink: &mut Shrink, luma: &Luma, row: &Row<'_>) {
    shrink.push(
        |values| luma.write(row, values),
        |rows| transposed_avx512(rows),
    );
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
fn finish_avx512(shrink: &mut Shrink) -> &Block64 {
    shrink.finish(|rows| transposed_avx512(rows))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
fn idct_avx512(row: BlockRow<'_>, samples: &mut [u8], stride: usize) {
    // SAFETY: this function is compiled for CPUs that have these registers.
    unsafe { idct::idct::<__m512i>(row, samples, stride) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
fn upsample_avx512(to: &mut Upsampled, upsampling: Upsampling, near: Near<'_>) {
    to.write(upsampling, near);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
fn to_rgb_avx512(ycc: [&[u8]; 3], rgb: [&mut [u8]; 3]) {
    // SAFETY: as above.
    unsafe { colour::to_rgb::<__m512i>(ycc, rgb) }
}

/// [`transposed`] in registers; the compiler's own way fetches sample by sample, and PDQ then takes
/// half as long again. Four rounds of shuffling two halves into each other, as one does with cards,
/// bring every sample to where row and column have changed places.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn transposed_avx512(rows: &[Column; LANES]) -> [Column; LANES] {
    use std::arch::x86_64::{__m512, _mm512_permutex2var_ps, _mm512_setr_epi32};
    let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    // SAFETY: both are sixteen floats, for which any bits are valid.
    let mut rows: [__m512; LANES] = unsafe { std::mem::transmute(*rows) };
    for _ in 0..LANES.ilog2() {
        let halves = rows;
        for i in 0..LANES / 2 {
            let (a, b) = (halves[i], halves[i + LANES / 2]);
            rows[2 * i] = _mm512_permutex2var_ps(a, low, b);
            rows[2 * i + 1] = _mm512_permutex2var_ps(a, high, b);
        }
    }
    // SAFETY: as above.
    unsafe { std::mem::transmute(rows) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn sweep_avx2(columns: &PdqColumns, queries: &[PdqHash], within: u32, near: Report<'_>) {
    columns.sweep(queries, within, near);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn walk_avx2(walk: &Walk<'_>, budget: usize) -> Option<Found> {
    walk.run(budget)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn push_avx2(shrink: &mut Shrink, luma: &Luma, row: &Row<'_>) {
    shrink.push(|values| luma.write(row, values), transposed);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn finish_avx2(shrink: &mut Shrink) -> &Block64 {
    shrink.finish(transposed)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn idct_avx2(row: BlockRow<'_>, samples: &mut [u8], stride: usize) {
    // SAFETY: this function is compiled for CPUs that have these registers.
    unsafe { idct::idct::<__m256i>(row, samples, stride) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn upsample_avx2(to: &mut Upsampled, upsampling: Upsampling, near: Near<'_>) {
    to.write(upsampling, near);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn to_rgb_avx2(ycc: [&[u8]; 3], rgb: [&mut [u8]; 3]) {
    // SAFETY: as above.
    unsafe { colour::to_rgb::<__m256i>(ycc, rgb) }
}

/// What the compiler takes for granted: SSE2 on x86-64, NEON on AArch64.
fn sweep_portable(columns: &PdqColumns, queries: &[PdqHash], within: u32, near: Report<'_>) {
    columns.sweep(queries, within, near);
}

fn walk_portable(walk: &Walk<'_>, budget: usize) -> Option<Found> {
    walk.run(budget)
}

fn push_portable(shrink: &mut Shrink, luma: &Luma, row: &Row<'_>) {
    shrink.push(|values| luma.write(row, values), transposed);
}

fn finish_portable(shrink: &mut Shrink) -> &Block64 {
    shrink.finish(transposed)
}

fn idct_portable(row: BlockRow<'_>, samples: &mut [u8], stride: usize) {
    jpeg::idct::idct(row, samples, stride);
}

fn upsample_portable(to: &mut Upsampled, upsampling: Upsampling, near: Near<'_>) {
    to.write(upsampling, near);
}

fn to_rgb_portable(ycc: [&[u8]; 3], rgb: [&mut [u8]; 3]) {
    jpeg::colour::to_rgb(ycc, rgb);
}
