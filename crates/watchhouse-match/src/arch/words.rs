//! Registers of 16-bit words, in lanes of 128 bits that do not mix: two lanes or four.
//!
//! With them one body of code serves AVX2 and AVX-512. Every function is one instruction and MUST be
//! inlined into code that is compiled for CPUs that have it; nothing else may call it.

use std::arch::x86_64::*;
use std::mem::transmute;

/// A register. Each lane is eight words, four pairs, or four 32-bit sums.
pub(super) trait Words: Copy {
    const N_BYTES: usize;
    const N_LANES: usize = Self::N_BYTES / 16;

    unsafe fn load_bytes(from: &[u8]) -> Self;
    unsafe fn store_bytes(self, to: &mut [u8]);

    /// One lane from each of the words; lanes beyond repeat the last.
    unsafe fn gather<'a>(lane: impl Fn(usize) -> &'a [i16; 8]) -> Self;
    /// Stores the lower eight bytes of all lanes in `lower`, the upper ones in `upper`.
    unsafe fn store_halves(self, lower: &mut [u8], upper: &mut [u8]);

    unsafe fn all_lanes(words: [i16; 8]) -> Self;
    unsafe fn all_sums(sum: i32) -> Self;

    unsafe fn add(self, other: Self) -> Self;
    unsafe fn subtract(self, other: Self) -> Self;
    /// The lower 16 bits of the products.
    unsafe fn multiply_low(self, other: Self) -> Self;
    /// The upper 16 bits of the products.
    unsafe fn multiply_high(self, other: Self) -> Self;
    unsafe fn shift_right_1(self) -> Self;

    /// Multiplies word by word and adds up each pair.
    unsafe fn multiply_pairs(self, other: Self) -> Self;
    unsafe fn add_sums(self, other: Self) -> Self;
    unsafe fn subtract_sums(self, other: Self) -> Self;
    unsafe fn shift_sums_right<const N: u32>(self) -> Self;

    /// Alternates the bytes, or the words, of the lanes' lower or upper halves.
    unsafe fn zip_bytes_low(self, other: Self) -> Self;
    unsafe fn zip_bytes_high(self, other: Self) -> Self;
    unsafe fn zip_low(self, other: Self) -> Self;
    unsafe fn zip_high(self, other: Self) -> Self;

    /// Sums to words and words to bytes, clamped; each lane gets its own from both.
    unsafe fn narrow_sums(self, other: Self) -> Self;
    unsafe fn narrow(self, other: Self) -> Self;
}

/// Functions that are one instruction each.
macro_rules! instructions {
    ($($name:ident = $instruction:ident;)*) => {
        $(
            #[inline(always)]
            unsafe fn $name(self, other: Self) -> Self {
                // SAFETY: the caller is compiled for CPUs that have the instruction.
                unsafe { $instruction(self, other) }
            }
        )*
    };
}

impl Words for __m256i {
    const N_BYTES: usize = 32;

    instructions! {
        add = _mm256_add_epi16;
        subtract = _mm256_sub_epi16;
        multiply_low = _mm256_mullo_epi16;
        multiply_high = _mm256_mulhi_epi16;
        multiply_pairs = _mm256_madd_epi16;
        add_sums = _mm256_add_epi32;
        subtract_sums = _mm256_sub_epi32;
        zip_bytes_low = _mm256_unpacklo_epi8;
        zip_bytes_high = _mm256_unpackhi_epi8;
        zip_low = _mm256_unpacklo_epi16;
        zip_high = _mm256_unpackhi_epi16;
        narrow_sums = _mm256_packs_epi32;
        narrow = _mm256_packus_epi16;
    }

    #[inline(always)]
    unsafe fn load_bytes(from: &[u8]) -> Self {
        let from: &[u8; 32] = from.first_chunk().expect("a register full of bytes");
        // SAFETY: any bits are valid words.
        unsafe { transmute(*from) }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: &mut [u8]) {
        let to: &mut [u8; 32] = to.first_chunk_mut().expect("room for a register");
        // SAFETY: any bits are valid bytes.
        *to = unsafe { transmute::<Self, [u8; 32]>(self) };
    }

    #[inline(always)]
    unsafe fn gather<'a>(lane: impl Fn(usize) -> &'a [i16; 8]) -> Self {
        // SAFETY: any bits are valid words.
        unsafe { transmute([*lane(0), *lane(1)]) }
    }

    #[inline(always)]
    unsafe fn store_halves(self, lower: &mut [u8], upper: &mut [u8]) {
        let lower: &mut [u8; 16] = lower.first_chunk_mut().expect("room for half a register");
        let upper: &mut [u8; 16] = upper.first_chunk_mut().expect("room for half a register");
        // SAFETY: the caller is compiled for AVX2, and any bits are valid bytes.
        unsafe {
            let sorted = _mm256_permute4x64_epi64::<0b11_01_10_00>(self);
            [*lower, *upper] = transmute::<Self, [[u8; 16]; 2]>(sorted);
        }
    }

    #[inline(always)]
    unsafe fn all_lanes(words: [i16; 8]) -> Self {
        // SAFETY: any bits are valid words.
        unsafe { transmute([words; 2]) }
    }

    #[inline(always)]
    unsafe fn all_sums(sum: i32) -> Self {
        // SAFETY: the caller is compiled for AVX2.
        unsafe { _mm256_set1_epi32(sum) }
    }

    #[inline(always)]
    unsafe fn shift_right_1(self) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_srai_epi16::<1>(self) }
    }

    #[inline(always)]
    unsafe fn shift_sums_right<const N: u32>(self) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_sra_epi32(self, _mm_cvtsi32_si128(N as i32)) }
    }
}

impl Words for __m512i {
    const N_BYTES: usize = 64;

    instructions! {
        add = _mm512_add_epi16;
        subtract = _mm512_sub_epi16;
        multiply_low = _mm512_mullo_epi16;
        multiply_high = _mm512_mulhi_epi16;
        multiply_pairs = _mm512_madd_epi16;
        add_sums = _mm512_add_epi32;
        subtract_sums = _mm512_sub_epi32;
        zip_bytes_low = _mm512_unpacklo_epi8;
        zip_bytes_high = _mm512_unpackhi_epi8;
        zip_low = _mm512_unpacklo_epi16;
        zip_high = _mm512_unpackhi_epi16;
        narrow_sums = _mm512_packs_epi32;
        narrow = _mm512_packus_epi16;
    }

    #[inline(always)]
    unsafe fn load_bytes(from: &[u8]) -> Self {
        let from: &[u8; 64] = from.first_chunk().expect("a register full of bytes");
        // SAFETY: any bits are valid words.
        unsafe { transmute(*from) }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: &mut [u8]) {
        let to: &mut [u8; 64] = to.first_chunk_mut().expect("room for a register");
        // SAFETY: any bits are valid bytes.
        *to = unsafe { transmute::<Self, [u8; 64]>(self) };
    }

    #[inline(always)]
    unsafe fn gather<'a>(lane: impl Fn(usize) -> &'a [i16; 8]) -> Self {
        // SAFETY: any bits are valid words.
        unsafe { transmute([*lane(0), *lane(1), *lane(2), *lane(3)]) }
    }

    #[inline(always)]
    unsafe fn store_halves(self, lower: &mut [u8], upper: &mut [u8]) {
        let lower: &mut [u8; 32] = lower.first_chunk_mut().expect("room for half a register");
        let upper: &mut [u8; 32] = upper.first_chunk_mut().expect("room for half a register");
        // SAFETY: the caller is compiled for AVX-512, and any bits are valid bytes.
        unsafe {
            let order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
            let sorted = _mm512_permutexvar_epi64(order, self);
            [*lower, *upper] = transmute::<Self, [[u8; 32]; 2]>(sorted);
        }
    }

    #[inline(always)]
    unsafe fn all_lanes(words: [i16; 8]) -> Self {
        // SAFETY: any bits are valid words.
        unsafe { transmute([words; 4]) }
    }

    #[inline(always)]
    unsafe fn all_sums(sum: i32) -> Self {
        // SAFETY: the caller is compiled for AVX-512.
        unsafe { _mm512_set1_epi32(sum) }
    }

    #[inline(always)]
    unsafe fn shift_right_1(self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_srai_epi16::<1>(self) }
    }

    #[inline(always)]
    unsafe fn shift_sums_right<const N: u32>(self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_srai_epi32::<N>(self) }
    }
}
