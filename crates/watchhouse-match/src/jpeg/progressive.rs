//! Blocks that come in pieces: some coefficients, some of their bits at a time (T.81, annex G).

use super::bits::Bits;
use super::huffman::Table;
use super::sequential::{RUN_TOO_LONG, in_range};
use super::{Block, JpegError, NATURAL};

/// The coefficients `first..=last` in zigzag order, from bit `low` on.
#[derive(Clone, Copy)]
pub(super) struct Band {
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) low: u32,
}

/// The constant coefficient but for its `low` lowest bits.
#[inline(always)]
pub(super) fn read_dc(
    bits: &mut Bits<'_>,
    dc: &Table,
    low: u32,
    prediction: &mut i32,
    block: &mut Block,
) -> Result<(), JpegError> {
    bits.refill();
    let code = dc.peek(bits)?;
    let sum = *prediction + bits.peek_signed(code.length(), code.size());
    // Sums in range stay in range until the shift.
    *prediction = i32::from(in_range(sum, bits)?);
    bits.skip(code.total_length());
    block[0] = in_range(*prediction << low, bits)?;
    Ok(())
}

/// One more bit of the constant coefficient.
#[inline(always)]
pub(super) fn refine_dc(bits: &mut Bits<'_>, low: u32, block: &mut Block) {
    block[0] |= i16::from(bits.next_bit()) << low;
}

/// The first bits of a band. `n_ended` counts the blocks, from this one on, that have no more of it.
/// Answers the place of the last coefficient, 0 for none.
#[inline(always)]
pub(super) fn read_ac(
    shared_bits: &mut Bits<'_>,
    ac: &Table,
    band: Band,
    n_ended: &mut u32,
    block: &mut Block,
) -> Result<u8, JpegError> {
    if *n_ended > 0 {
        *n_ended -= 1;
        return Ok(0);
    }
    let mut bits = *shared_bits;
    let mut last = 0;
    let mut k = band.first;
    while k <= band.last {
        bits.refill();
        let code = ac.peek(&bits)?;
        let number = bits.peek_signed(code.length(), code.size());
        bits.skip(code.total_length());
        let run = code.run();
        if code.size() > 0 {
            k += run as usize;
            if k > band.last {
                return Err(bits.fault(RUN_TOO_LONG));
            }
            block[usize::from(NATURAL[k])] = in_range(number << band.low, &bits)?;
            last = k;
            k += 1;
        } else if run < 15 {
            *n_ended = (1 << run) + bits.take(run) - 1;
            break;
        } else {
            k += 16;
            if k > band.last {
                return Err(bits.fault(RUN_TOO_LONG));
            }
        }
    }
    *shared_bits = bits;
    Ok(last as u8)
}

/// One more bit of a band: of the coefficients that are known, and of those that only now are not zero
/// any more. `known_last` bounds the places of the former. Answers as [`read_ac`] does.
#[inline(always)]
pub(super) fn refine_ac(
    shared_bits: &mut Bits<'_>,
    ac: &Table,
    band: Band,
    n_ended: &mut u32,
    (block, known_last): (&mut Block, u8),
) -> Result<u8, JpegError> {
    let mut bits = *shared_bits;
    let mut last = 0;
    let mut k = band.first;
    while *n_ended == 0 && k <= band.last {
        bits.refill();
        let code = ac.peek(&bits)?;
        let number = bits.peek_signed(code.length(), code.size());
        bits.skip(code.total_length());
        if code.size() == 0 && code.run() < 15 {
            *n_ended = (1 << code.run()) + bits.take(code.run());
            break;
        }
        if code.size() > 1 {
            return Err(bits.fault(JpegError::Malformed("it refines by more than a bit")));
        }
        let mut n_zeros = code.run();
        loop {
            if k > band.last {
                return Err(bits.fault(RUN_TOO_LONG));
            }
            let coefficient = &mut block[usize::from(NATURAL[k])];
            if *coefficient != 0 {
                refine(&mut bits, coefficient, band.low);
            } else if n_zeros == 0 {
                break;
            } else {
                n_zeros -= 1;
            }
            k += 1;
        }
        if number != 0 {
            block[usize::from(NATURAL[k])] = (number << band.low) as i16;
            last = k;
        }
        k += 1;
    }
    if *n_ended > 0 {
        *n_ended -= 1;
        for &place in NATURAL[..=band.last.min(usize::from(known_last))]
            .iter()
            .skip(k)
        {
            let coefficient = &mut block[usize::from(place)];
            if *coefficient != 0 {
                refine(&mut bits, coefficient, band.low);
            }
        }
    }
    *shared_bits = bits;
    Ok(last as u8)
}

/// The next bit, away from zero.
#[inline(always)]
fn refine(bits: &mut Bits<'_>, coefficient: &mut i16, low: u32) {
    let bit = i16::from(bits.next_bit()) << low;
    // What is known has nothing below the bit before this one, so it cannot overflow.
    *coefficient += if *coefficient < 0 { -bit } else { bit };
}
