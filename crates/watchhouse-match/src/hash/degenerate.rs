//! Hashes that say nothing: indexing one would match what has nothing in common with it.

use super::{Hash, PdqHash};

/// Why a hash MUST NOT be indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Degenerate {
    #[error("the hash is all zeros, so it fingerprints nothing")]
    AllZero,
    #[error("only {ones} of 256 bits are set, fewer than 64, so it would match blank pictures")]
    TooFewOnes { ones: u32 },
    #[error("{ones} of 256 bits are set, more than 192, so it would match blank pictures")]
    TooManyOnes { ones: u32 },
    #[error("the hash is the digest of empty input, so it would match every empty file")]
    EmptyInput,
}

impl Degenerate {
    /// One word for the API. MUST NOT change.
    pub const fn code(self) -> &'static str {
        match self {
            Degenerate::AllZero => "all_zero",
            Degenerate::TooFewOnes { .. } => "too_few_ones",
            Degenerate::TooManyOnes { .. } => "too_many_ones",
            Degenerate::EmptyInput => "empty_input",
        }
    }
}

/// A PDQ hash of a real picture has exactly half its bits set, because bits are "above the median".
/// Ties lower the count; below a quarter or above three quarters there was hardly a picture.
/// Wider than the widest threshold (63), so that an all-zero query cannot match anything indexed.
const PDQ_ONES: std::ops::RangeInclusive<u32> = 64..=192;

const MD5_OF_NOTHING: [u8; 16] = [
    0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e,
];
const SHA1_OF_NOTHING: [u8; 20] = [
    0xda, 0x39, 0xa3, 0xee, 0x5e, 0x6b, 0x4b, 0x0d, 0x32, 0x55, 0xbf, 0xef, 0x95, 0x60, 0x18, 0x90,
    0xaf, 0xd8, 0x07, 0x09,
];
const SHA256_OF_NOTHING: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

pub(super) fn check(hash: &Hash) -> Result<(), Degenerate> {
    if hash.as_bytes().iter().all(|&byte| byte == 0) {
        return Err(Degenerate::AllZero);
    }
    let is_of_nothing = match hash {
        Hash::Md5(digest) => *digest == MD5_OF_NOTHING,
        Hash::Sha1(digest) => *digest == SHA1_OF_NOTHING,
        Hash::Sha256(digest) => *digest == SHA256_OF_NOTHING,
        Hash::Pdq(hash) => return check_ones(hash),
    };
    if is_of_nothing {
        return Err(Degenerate::EmptyInput);
    }
    Ok(())
}

fn check_ones(hash: &PdqHash) -> Result<(), Degenerate> {
    let ones = hash.count_ones();
    if ones < *PDQ_ONES.start() {
        return Err(Degenerate::TooFewOnes { ones });
    }
    if ones > *PDQ_ONES.end() {
        return Err(Degenerate::TooManyOnes { ones });
    }
    Ok(())
}
