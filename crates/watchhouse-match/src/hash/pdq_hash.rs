//! The 256 bits of a PDQ hash.

use std::fmt;
use std::str::FromStr;

use super::{Hash, HashKind, ParseHashError, text};

/// 256 bits, bit 255 first, as in PDQ's hex form: bit `k` is bit `k % 8` of byte `31 - k / 8`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PdqHash(pub [u8; 32]);

impl PdqHash {
    pub const BITS: u32 = 256;

    /// How many of the 256 bits differ. PDQ's published threshold for "the same picture" is 31.
    pub fn distance(&self, other: &PdqHash) -> u32 {
        self.words()
            .iter()
            .zip(other.words())
            .map(|(a, b)| (a ^ b).count_ones())
            .sum()
    }

    pub fn count_ones(&self) -> u32 {
        self.words().iter().map(|word| word.count_ones()).sum()
    }

    /// The bits as words, for comparing. Any fixed order does, so it is the one without swaps.
    pub(crate) fn words(&self) -> [u64; 4] {
        let (words, _) = self.0.as_chunks::<8>();
        std::array::from_fn(|word_idx| u64::from_le_bytes(words[word_idx]))
    }

    /// The inverse of `words`.
    pub(crate) fn from_words(words: [u64; 4]) -> PdqHash {
        let mut hash = PdqHash::default();
        for (bytes, word) in hash.0.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        hash
    }

    /// The bits in sixteen parts, four to a word, the low ones first.
    pub(crate) fn parts(&self) -> [u16; 16] {
        let (parts, _) = self.0.as_chunks::<2>();
        std::array::from_fn(|part| u16::from_le_bytes(parts[part]))
    }
}

impl FromStr for PdqHash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<PdqHash, ParseHashError> {
        match Hash::parse(HashKind::Pdq, text)? {
            Hash::Pdq(hash) => Ok(hash),
            _ => unreachable!("parsing a kind gives that kind"),
        }
    }
}

impl fmt::Display for PdqHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write_hex(f, &self.0)
    }
}

impl fmt::Debug for PdqHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pdq:{self}")
    }
}
