//! What memory is told beforehand. Only hints: with none of them the answers are the same.

/// Asks for an element that will be read soon. Nothing happens where there is no such element.
#[inline(always)]
pub(crate) fn prefetch<T>(column: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let place = column.as_ptr().wrapping_add(at);
        // SAFETY: a prefetch changes nothing that the program sees, and never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (column, at);
}

/// An empty column with room for `n`, in huge pages where the system has them: reading 10 million
/// hashes at random otherwise takes half as long again, for the page tables are read at random too.
pub(crate) fn column_of<T>(n: usize) -> Vec<T> {
    let column: Vec<T> = Vec::with_capacity(n);
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        const HUGE_PAGE: usize = 512 * PAGE;
        let range = column.as_ptr().cast::<u8>();
        let n_bytes = column.capacity() * size_of::<T>();
        let to_page = range.align_offset(PAGE);
        if n_bytes >= 2 * HUGE_PAGE {
            let n_bytes = (n_bytes - to_page) / PAGE * PAGE;
            let range = range.wrapping_add(to_page).cast_mut().cast();
            // A refusal leaves small pages.
            // SAFETY: the range lies within the column's own memory, and the advice changes nothing
            // but how it is mapped.
            let _ =
                unsafe { rustix::mm::madvise(range, n_bytes, rustix::mm::Advice::LinuxHugepage) };
        }
    }
    column
}
