//! Why a file's coefficients could not be read.

/// Without allocation, because it is made in the innermost loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JpegError {
    #[error("it ends in the middle of its data")]
    Truncated,
    #[error("{0}")]
    Malformed(&'static str),
    #[error("{0}")]
    Unsupported(&'static str),
    #[error("it has more than {} scans", super::MAX_SCANS)]
    TooManyScans,
}
