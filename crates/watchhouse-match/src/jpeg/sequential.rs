//! Blocks that come whole.

use super::bits::Bits;
use super::huffman::{Code, Table};
use super::{Block, JpegError, NATURAL};

pub(super) const RUN_TOO_LONG: JpegError =
    JpegError::Malformed("it has a run beyond the end of a block");

/// Reads a block over what was there. Answers where its last coefficient lies in zigzag order.
#[inline(always)]
pub(super) fn read_block(
    shared_bits: &mut Bits<'_>,
    (dc, ac): (&Table, &Table),
    prediction: &mut i32,
    block: &mut Block,
) -> Result<u8, JpegError> {
    let mut bits = *shared_bits;
    *block = [0; 64];
    bits.refill();
    let code = dc.peek(&bits)?;
    *prediction += bits.peek_signed(code.length(), code.size());
    bits.skip(code.total_length());
    block[0] = in_range(*prediction, &bits)?;

    let mut k = 0;
    'block: loop {
        // A code and its number have at most 26 bits, so this is enough for two of them.
        bits.refill();
        for _ in 0..2 {
            let code = ac.peek(&bits)?;
            let number = bits.peek_signed(code.length(), code.size());
            bits.skip(code.total_length());
            let next = k + code.run() as usize + 1;
            if next > 63 {
                if next > Code::END_OF_BLOCK as usize {
                    break 'block;
                }
                return Err(bits.fault(RUN_TOO_LONG));
            }
            k = next;
            block[usize::from(NATURAL[k])] = number as i16;
            if k == 63 {
                break 'block;
            }
        }
    }
    *shared_bits = bits;
    Ok(k as u8)
}

/// # Errors
/// If it is larger than a coefficient of eight-bit samples can be by far.
#[inline(always)]
pub(super) fn in_range(number: i32, bits: &Bits<'_>) -> Result<i16, JpegError> {
    // Without the lowest number, from which a refinement could go no further down.
    if number.unsigned_abs() <= i16::MAX.unsigned_abs().into() {
        Ok(number as i16)
    } else {
        Err(bits.fault(JpegError::Malformed("it has a coefficient out of range")))
    }
}
