//! One loop, compiled for several generations of CPUs; the best that this CPU runs is chosen once.
//!
//! A kernel here is a thin shell around safe code that lives elsewhere. Kernels MUST answer alike.

#![expect(
    unsafe_code,
    reason = "entering code that is compiled for newer CPUs cannot be checked by the compiler"
)]

use std::sync::LazyLock;

use crate::hash::PdqHash;
use crate::index::PdqColumns;

type Near<'a> = &'a mut dyn FnMut(usize, usize, u32);

/// [`PdqColumns::sweep`], compiled for CPUs like this one. [`Kernel::all`] is the only door, so
/// holding one proves that this CPU can run it.
pub(crate) struct Kernel(unsafe fn(&PdqColumns, &[PdqHash], u32, Near<'_>));

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
                    && is_x86_feature_detected!("popcnt"))
                .then_some(Kernel(sweep_avx512)),
                #[cfg(target_arch = "x86_64")]
                (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt"))
                    .then_some(Kernel(sweep_avx2)),
                Some(Kernel(sweep_portable)),
            ];
            kernels.into_iter().flatten().collect()
        });
        &ALL
    }

    pub(crate) fn fastest() -> &'static Kernel {
        &Kernel::all()[0]
    }

    pub(crate) fn sweep(
        &self,
        columns: &PdqColumns,
        queries: &[PdqHash],
        within: u32,
        near: Near<'_>,
    ) {
        // SAFETY: a Kernel exists only if `all` found every feature that its function enables.
        unsafe { (self.0)(columns, queries, within, near) }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
fn sweep_avx512(columns: &PdqColumns, queries: &[PdqHash], within: u32, near: Near<'_>) {
    columns.sweep(queries, within, near);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn sweep_avx2(columns: &PdqColumns, queries: &[PdqHash], within: u32, near: Near<'_>) {
    columns.sweep(queries, within, near);
}

/// What the compiler takes for granted: SSE2 on x86-64, NEON on AArch64.
fn sweep_portable(columns: &PdqColumns, queries: &[PdqHash], within: u32, near: Near<'_>) {
    columns.sweep(queries, within, near);
}
