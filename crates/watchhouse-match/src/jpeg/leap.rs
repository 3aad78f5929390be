//! Several codes at once, for those who only want to get past them.

use super::bits::Bits;
use super::huffman::{Code, LOOKED_UP, Table};

/// How many bits a leap looks at.
const SEEN: u32 = 13;

/// What the next bits hold: how many codes' bits, numbers included, and how many coefficients. Zero
/// for none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Leap(u16);

impl Leap {
    const NONE: Leap = Leap(0);

    #[inline(always)]
    pub(super) fn n_bits(self) -> u32 {
        u32::from(self.0 & 63)
    }

    /// [`Code::END_OF_BLOCK`] and more, if that is among them.
    #[inline(always)]
    pub(super) fn n_coefficients(self) -> usize {
        usize::from(self.0 >> 8)
    }

    #[inline(always)]
    pub(super) fn is_none(self) -> bool {
        self == Leap::NONE
    }
}

pub(super) struct Leaps(Box<[Leap; 1 << SEEN]>);

impl Leaps {
    pub(super) fn new(ac: &Table) -> Leaps {
        let mut leaps = Box::new([Leap::NONE; 1 << SEEN]);
        for (seen, leap) in (0..).zip(leaps.iter_mut()) {
            *leap = leap_over(ac, seen);
        }
        Leaps(leaps)
    }

    #[inline(always)]
    pub(super) fn peek(&self, bits: &Bits<'_>) -> Leap {
        self.0[bits.peek(SEEN) as usize]
    }
}

/// Over as many codes as lie in `seen` whole; the bits of the last one's number may lie beyond.
fn leap_over(ac: &Table, seen: u32) -> Leap {
    let (mut n_bits, mut n_coefficients) = (0, 0);
    while n_bits < SEEN {
        let n_left = SEEN - n_bits;
        let left = seen & ((1 << n_left) - 1);
        let n_looked_at = n_left.min(LOOKED_UP);
        let Some(code) = ac.look_up(left >> (n_left - n_looked_at), n_looked_at) else {
            break;
        };
        if code.run() == Code::END_OF_BLOCK {
            n_bits += code.length();
            n_coefficients |= Code::END_OF_BLOCK;
            break;
        }
        if n_coefficients + code.run() + 1 > 63 {
            break;
        }
        n_bits += code.total_length();
        n_coefficients += code.run() + 1;
    }
    Leap((n_bits | n_coefficients << 8) as u16)
}
