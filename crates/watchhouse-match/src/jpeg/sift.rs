//! Blocks of which only some coefficients are wanted, or none. The codes of the others are walked over
//! all the same, several at a time, so that data which is cut off does not pass.

use super::bits::Bits;
use super::huffman::{Code, Table};
use super::leap::Leaps;
use super::sequential::{self, RUN_TOO_LONG, in_range};
use super::{Block, JpegError, NATURAL};

/// How much of a block is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The constant coefficient. Of progressive files perhaps without its lowest bits.
    Constant,
    /// The two lowest frequencies of each direction: four coefficients. Others are noise.
    Lowest,
    All,
}

/// Where the last of the lowest coefficients lies in zigzag order.
const LAST_LOWEST: usize = 4;

/// Below so many coded bytes, a table of leaps takes more time than it saves.
const WORTH_LEAPING: usize = 100_000;

/// How the blocks of a component are read.
pub(super) struct Sieve {
    dc: Box<Table>,
    ac: Box<Table>,
    leaps: Option<Leaps>,
    /// None if the component is not wanted.
    detail: Option<Detail>,
}

impl Sieve {
    pub(super) fn new(
        dc: Box<Table>,
        ac: Box<Table>,
        detail: Option<Detail>,
        n_coded: usize,
    ) -> Sieve {
        let leaps = n_coded >= WORTH_LEAPING && detail != Some(Detail::All);
        Sieve {
            dc,
            leaps: leaps.then(|| Leaps::new(&ac)),
            ac,
            detail,
        }
    }
}

#[inline(always)]
pub(super) fn read_block(
    shared_bits: &mut Bits<'_>,
    sieve: &Sieve,
    prediction: &mut i32,
    (block, last): (&mut Block, &mut u8),
) -> Result<(), JpegError> {
    if sieve.detail == Some(Detail::All) {
        *last = sequential::read_block(shared_bits, (&sieve.dc, &sieve.ac), prediction, block)?;
        return Ok(());
    }
    let mut bits = *shared_bits;
    bits.refill();
    let code = sieve.dc.peek(&bits)?;
    let difference = bits.peek_signed(code.length(), code.size());
    bits.skip(code.total_length());
    let mut k = 0;
    if let Some(detail) = sieve.detail {
        *prediction += difference;
        block[0] = in_range(*prediction, &bits)?;
        if detail == Detail::Lowest {
            for place in &NATURAL[1..=LAST_LOWEST] {
                block[usize::from(*place)] = 0;
            }
            *last = LAST_LOWEST as u8;
            while k < LAST_LOWEST {
                bits.refill();
                let code = sieve.ac.peek(&bits)?;
                let number = bits.peek_signed(code.length(), code.size());
                bits.skip(code.total_length());
                k += code.run() as usize + 1;
                if k > 63 {
                    break;
                }
                block[usize::from(NATURAL[k])] = number as i16;
            }
        }
    }
    if k < 63 {
        k = match &sieve.leaps {
            Some(leaps) => leap_to_end(&mut bits, (leaps, &sieve.ac), k)?,
            None => walk_to_end(&mut bits, &sieve.ac, k)?,
        };
    }
    if k > 63 && k <= Code::END_OF_BLOCK as usize {
        return Err(bits.fault(RUN_TOO_LONG));
    }
    *shared_bits = bits;
    Ok(())
}

/// From coefficient `k` past the end of the block. Answers the place that the last code led to.
#[inline(always)]
fn leap_to_end(
    bits: &mut Bits<'_>,
    (leaps, ac): (&Leaps, &Table),
    mut k: usize,
) -> Result<usize, JpegError> {
    loop {
        // A leap takes at most 22 bits, a code 26.
        bits.refill();
        for _ in 0..2 {
            let leap = leaps.peek(bits);
            let n_coefficients = leap.n_coefficients();
            // Where a block may be full before the leap's end, what follows is another block.
            if leap.is_none() || k + (n_coefficients & 63) >= 63 {
                return walk_to_end(bits, ac, k);
            }
            bits.skip(leap.n_bits());
            k += n_coefficients;
            if k > 63 {
                return Ok(k + 1);
            }
        }
    }
}

#[inline(always)]
fn walk_to_end(bits: &mut Bits<'_>, ac: &Table, mut k: usize) -> Result<usize, JpegError> {
    while k < 63 {
        bits.refill();
        let code = ac.peek(bits)?;
        bits.skip(code.total_length());
        k += code.run() as usize + 1;
    }
    Ok(k)
}
