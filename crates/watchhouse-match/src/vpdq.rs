//! vPDQ: a video as a bag of its frames' PDQ hashes.
//!
//! Meta's open video hash: every so many frames one is hashed ([`Sampling`]), and two videos are alike
//! when enough of the frames of one have a near frame in the other ([`compare`]). The order of frames
//! means nothing, so a clip is found inside a longer video, and a film cut anew beside the old one.
//!
//! MUST NOT know how videos are decoded: whoever has frames hands over their hashes.

mod compare;
mod sampling;
mod text;

pub(crate) use compare::compare_with;
pub use compare::{LEAST_QUALITY, Share, Shares, compare};
pub use sampling::Sampling;
pub(crate) use text::MOST_MILLISECONDS;
pub use text::ParseVpdqError;

use crate::pdq::Pdq;

/// One hashed frame of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoFrame {
    /// Counts all frames of the video from 0, hashed or not.
    pub number: u32,
    pub pdq: Pdq,
    /// When it is shown, in milliseconds from the beginning.
    pub timestamp_ms: u64,
}

/// The vPDQ of a video: its hashed frames, in the order in which they are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vpdq {
    pub frames: Vec<VideoFrame>,
}
