//! Hashes that say nothing: indexing one would match what has nothing in common with it.

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
    #[error("the host has no dot in it, so it would match a whole top-level domain")]
    WholeDomain,
    #[error("fewer than two letters or digits, so it would match far too much")]
    TooFewLetters,
    #[error("no frame has a quality of 50 or more, so there is nothing to compare")]
    NoGoodFrame,
}

impl Degenerate {
    /// One word for the API. MUST NOT change.
    pub const fn code(self) -> &'static str {
        match self {
            Degenerate::AllZero => "all_zero",
            Degenerate::TooFewOnes { .. } => "too_few_ones",
            Degenerate::TooManyOnes { .. } => "too_many_ones",
            Degenerate::EmptyInput => "empty_input",
            Degenerate::WholeDomain => "whole_domain",
            Degenerate::TooFewLetters => "too_few_letters",
            Degenerate::NoGoodFrame => "no_good_frame",
        }
    }
}

/// For digests: neither made up of zeros nor `of_nothing`, the digest of empty input.
pub(super) fn check_digest(digest: &[u8], of_nothing: &[u8]) -> Result<(), Degenerate> {
    check_not_zero(digest)?;
    if digest == of_nothing {
        return Err(Degenerate::EmptyInput);
    }
    Ok(())
}

pub(super) fn check_not_zero(bytes: &[u8]) -> Result<(), Degenerate> {
    if bytes.iter().all(|&byte| byte == 0) {
        return Err(Degenerate::AllZero);
    }
    Ok(())
}
