//! Huffman codes.

use super::JpegError;
use super::bits::Bits;

/// Codes up to this long, nearly all, are looked up; the others are searched.
pub(super) const LOOKED_UP: u32 = 10;
const LONGEST: u32 = 16;

/// A table as the file has it.
#[derive(Clone)]
pub(super) struct Script {
    /// How many codes have 1, 2, … 16 bits.
    pub(super) counts: [u8; LONGEST as usize],
    /// What they stand for, shortest codes first.
    pub(super) symbols: Vec<u8>,
}

/// What symbols mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// The size of a difference.
    Dc,
    /// A run of zeros and the size of the coefficient behind it.
    Ac,
    /// The same, and runs of blocks without more coefficients.
    ProgressiveAc,
}

/// A code that was read: its length, and what it stands for. Zero is none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(u32);

impl Code {
    /// The run of a code that ends the block, in sequential scans.
    pub(super) const END_OF_BLOCK: u32 = 128;

    /// None for symbols that pictures of eight bits have no use for.
    fn new(length: u32, symbol: u8, used: Use) -> Option<Code> {
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        let run = match (used, run, size) {
            (Use::Dc, 0, 0..=11) | (Use::Ac | Use::ProgressiveAc, _, 1..=10) => run,
            (Use::Ac, 0, 0) => Code::END_OF_BLOCK,
            (Use::Ac, 15, 0) | (Use::ProgressiveAc, _, 0) => run,
            _ => return None,
        };
        Some(Code((length + size) | length << 8 | size << 16 | run << 24))
    }

    /// Of the code and the bits of the number behind it.
    #[inline(always)]
    pub(super) fn total_length(self) -> u32 {
        self.0 & 63
    }

    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.0 >> 8 & 31
    }

    /// How many bits the number behind the code has.
    #[inline(always)]
    pub(super) fn size(self) -> u32 {
        self.0 >> 16 & 15
    }

    #[inline(always)]
    pub(super) fn run(self) -> u32 {
        self.0 >> 24
    }
}

/// A table made ready for reading.
pub(super) struct Table {
    used: Use,
    /// By the next bits.
    looked_up: [Code; 1 << LOOKED_UP],
    /// For each length: the first 16 bits that belong to longer codes, and the place of a code's
    /// symbol less the code.
    lengths: [(u32, i32); LONGEST as usize + 1],
    symbols: Vec<u8>,
}

impl Table {
    /// # Errors
    /// If there are more codes than their lengths have room for.
    pub(super) fn new(script: &Script, used: Use) -> Result<Box<Table>, JpegError> {
        let mut table = Box::new(Table {
            used,
            looked_up: [Code(0); 1 << LOOKED_UP],
            lengths: [(0, 0); LONGEST as usize + 1],
            symbols: script.symbols.clone(),
        });
        let (mut code, mut n_symbols) = (0u32, 0usize);
        for (length, &count) in (1..).zip(&script.counts) {
            let end = code + u32::from(count);
            if end > 1 << length {
                return Err(JpegError::Malformed("its Huffman codes are too many"));
            }
            let offset = n_symbols as i32 - code as i32;
            table.lengths[length as usize] = (end << (LONGEST - length), offset);
            if length <= LOOKED_UP {
                let symbols = &script.symbols[n_symbols..][..usize::from(count)];
                for (code, &symbol) in (code..end).zip(symbols) {
                    let (from, to) = (
                        code << (LOOKED_UP - length),
                        (code + 1) << (LOOKED_UP - length),
                    );
                    table.looked_up[from as usize..to as usize]
                        .fill(Code::new(length, symbol, used).unwrap_or(Code(0)));
                }
            }
            n_symbols += usize::from(count);
            code = end << 1;
        }
        Ok(table)
    }

    /// The code at the top of the `n_bits` (at most [`LOOKED_UP`]) lowest bits of `bits`, if it is
    /// among those that are looked up, and whole.
    pub(super) fn look_up(&self, bits: u32, n_bits: u32) -> Option<Code> {
        let code = self.looked_up[(bits << (LOOKED_UP - n_bits)) as usize];
        (code != Code(0) && code.length() <= n_bits).then_some(code)
    }

    /// The next code, for which was refilled. It is not taken yet.
    #[inline(always)]
    pub(super) fn peek(&self, bits: &Bits<'_>) -> Result<Code, JpegError> {
        match self.looked_up[bits.peek(LOOKED_UP) as usize] {
            Code(0) => self.search(*bits),
            code => Ok(code),
        }
    }

    #[cold]
    fn search(&self, bits: Bits<'_>) -> Result<Code, JpegError> {
        let next = bits.peek(LONGEST) as u32;
        (1..=LONGEST)
            .find(|&length| next < self.lengths[length as usize].0)
            .and_then(|length| {
                let code = (next >> (LONGEST - length)) as i32;
                let symbol = self.symbols[(code + self.lengths[length as usize].1) as usize];
                Code::new(length, symbol, self.used)
            })
            .ok_or_else(|| bits.fault(JpegError::Malformed("it has a code that means nothing")))
    }
}
