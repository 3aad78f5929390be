//! PDQ: the 256 bits, and the kind.

use std::fmt;
use std::str::FromStr;

use super::degenerate::{Degenerate, check_not_zero};
use super::signal::Signal;
use super::{Hash, HashKind, ParseHashError, text};
use crate::index::{Indexed, PdqTable};

/// Perceptual hashes of pictures.
pub struct Pdq;

/// A PDQ hash of a real picture has exactly half its bits set, because bits are "above the median".
/// Ties lower the count; below a quarter or above three quarters there was hardly a picture.
/// Wider than the widest threshold (63), so that an all-zero query cannot match anything indexed.
const ONES: std::ops::RangeInclusive<u32> = 64..=192;

impl Indexed for Pdq {
    type Table = PdqTable;
}

impl Signal for Pdq {
    type Value = PdqHash;

    const NAME: &'static str = "pdq";
    const LABEL: &'static str = "PDQ";
    const NOUN: &'static str = "a PDQ hash";
    /// Of a drawn colour gradient.
    const EXAMPLE: &'static str =
        "26a0599f3660798ad000a7bf5551658aff2a625f5555555af7706227aeaa6267";
    const SIZE_BYTES: Option<usize> = Some(32);
    const IS_PERCEPTUAL: bool = true;

    fn parse(text: &str) -> Result<PdqHash, String> {
        text::decode_hex(text).map(PdqHash)
    }

    fn from_bytes(bytes: &[u8]) -> Result<PdqHash, String> {
        text::sized(bytes).map(PdqHash)
    }

    fn as_bytes(value: &PdqHash) -> &[u8] {
        &value.0
    }

    fn check_indexable(value: &PdqHash) -> Result<(), Degenerate> {
        check_not_zero(&value.0)?;
        let ones = value.count_ones();
        if ones < *ONES.start() {
            return Err(Degenerate::TooFewOnes { ones });
        }
        if ones > *ONES.end() {
            return Err(Degenerate::TooManyOnes { ones });
        }
        Ok(())
    }
}

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
