//! Bits of coded data, with the stuffing taken out.
//!
//! A 0xff in coded data is followed by a zero byte that means nothing; any other byte there makes a
//! marker, at which the data ends. The reader then goes on with zeros and counts them, so that the
//! inner loops need not ask whether there is data: who reads a row MUST ask afterwards whether bits
//! were made up.

use super::JpegError;

/// How many bits there are at least after [`Bits::refill`].
const REFILLED: u32 = 56;

/// A copy is cheap, and keeps the state of an inner loop in registers.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    /// What is not in `buffer` yet.
    rest: &'a [u8],
    /// The next bits, the first one on top. Behind the first `n_bits` lie zeros, or bits of `rest`.
    buffer: u64,
    /// At most 63.
    n_bits: u32,
    /// How many of all bits so far were made up after the end of the data.
    n_made_up: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(coded: &'a [u8]) -> Bits<'a> {
        Bits {
            rest: coded,
            buffer: 0,
            n_bits: 0,
            n_made_up: 0,
        }
    }

    /// Makes sure of [`REFILLED`] bits.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        if let Some(chunk) = self.rest.first_chunk()
            && let word = u64::from_be_bytes(*chunk)
            && !has_0xff(word)
        {
            self.buffer |= word >> self.n_bits;
            self.rest = &self.rest[(63 - self.n_bits as usize) / 8..];
            self.n_bits |= REFILLED;
        } else {
            *self = self.refilled_by_bytes();
        }
    }

    /// By value, because an address that is handed out would keep the caller's copy in memory.
    #[inline(never)]
    fn refilled_by_bytes(mut self) -> Bits<'a> {
        while self.n_bits < REFILLED {
            let byte = match *self.rest {
                [0xff, 0, ref rest @ ..] => {
                    self.rest = rest;
                    0xff
                }
                [] | [0xff, ..] => {
                    self.n_made_up = self.n_made_up.saturating_add(8);
                    0
                }
                [byte, ref rest @ ..] => {
                    self.rest = rest;
                    byte
                }
            };
            self.buffer |= u64::from(byte) << (REFILLED - self.n_bits);
            self.n_bits += 8;
        }
        self
    }

    /// The next `n` bits as a number, without taking them; `n` is 1 to 56, and refilled for.
    #[inline(always)]
    pub(super) fn peek(&self, n: u32) -> u64 {
        self.buffer >> (u64::BITS - n)
    }

    /// The `n` bits (0 to 16) behind the next `skipped` ones, as T.81 codes positive and negative
    /// numbers (its procedure EXTEND): those that start with a zero are below it.
    #[inline(always)]
    pub(super) fn peek_signed(&self, skipped: u32, n: u32) -> i32 {
        let bits = self.buffer << skipped;
        let number = (bits >> 1 >> (63 - n)) as i32;
        let is_negative = !(bits as i64 >> 63) as i32;
        number - (((1 << n) - 1) & is_negative)
    }

    #[inline(always)]
    pub(super) fn skip(&mut self, n: u32) {
        self.buffer <<= n;
        self.n_bits -= n;
    }

    /// Takes `n` bits (0 to 16) that were refilled for.
    #[inline(always)]
    pub(super) fn take(&mut self, n: u32) -> u32 {
        let number = (self.buffer >> 1 >> (63 - n)) as u32;
        self.skip(n);
        number
    }

    /// Takes one bit, and refills for it.
    #[inline(always)]
    pub(super) fn next_bit(&mut self) -> bool {
        if self.n_bits == 0 {
            self.refill();
        }
        let bit = self.buffer >> 63 == 1;
        self.skip(1);
        bit
    }

    /// # Errors
    /// If bits were taken that the data does not have.
    pub(super) fn check_were_there(&self) -> Result<(), JpegError> {
        if self.n_made_up <= self.n_bits {
            Ok(())
        } else if self.rest.iter().all(|&byte| byte == 0xff) {
            Err(JpegError::Truncated)
        } else {
            Err(JpegError::Malformed(
                "a marker comes before its data is complete",
            ))
        }
    }

    /// What is wrong where `seemingly` was found in the next 16 bits or before them: it may only be
    /// that the data ended.
    #[cold]
    pub(super) fn fault(mut self, seemingly: JpegError) -> JpegError {
        self.n_bits = self.n_bits.saturating_sub(16);
        if self.n_made_up == 0 {
            return seemingly;
        }
        self.check_were_there().err().unwrap_or(seemingly)
    }

    /// What follows the data, from the marker on. Bits before it that were not taken are let go.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

/// Whether a byte of `word` is 0xff: then its upper bit is set, and is not any more with one added.
/// What is carried into the next byte does harm only where there is a 0xff anyway.
#[inline(always)]
fn has_0xff(word: u64) -> bool {
    const UPPER_BITS: u64 = 0x8080_8080_8080_8080;
    const ONES: u64 = 0x0101_0101_0101_0101;
    word & !word.wrapping_add(ONES) & UPPER_BITS != 0
}
