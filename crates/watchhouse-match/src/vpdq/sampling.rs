//! Which frames of a video are hashed, and when they are shown.

/// Every how many frames one is hashed, at a video's frame rate: the rule of Meta's own tool, so that
/// lists made with either meet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    frames_per_second: f64,
    every: u32,
}

impl Sampling {
    /// Hashes a frame every `seconds_per_hash`; every frame if that is 0 or less than one frame lasts.
    ///
    /// A rate that is no positive number counts as one frame a second.
    pub fn new(frames_per_second: f64, seconds_per_hash: f64) -> Sampling {
        let is_rate = frames_per_second.is_finite() && frames_per_second > 0.0;
        let frames_per_second = if is_rate { frames_per_second } else { 1.0 };
        // Cut off and not rounded: at 29.97 frames a second every 29th frame is hashed.
        let every = (seconds_per_hash * frames_per_second) as u32;
        Sampling {
            frames_per_second,
            every: every.max(1),
        }
    }

    /// Frames whose number is a multiple of this are hashed. At least 1.
    pub fn every(&self) -> u32 {
        self.every
    }

    /// The number of the hashed frame that comes `nth`, from 0; None beyond the 32nd bit.
    pub fn number(&self, nth: u32) -> Option<u32> {
        nth.checked_mul(self.every)
    }

    /// When a frame is shown, if the rate is even.
    pub fn timestamp_ms(&self, number: u32) -> u64 {
        let seconds = f64::from(number) / self.frames_per_second;
        // Ties to even, as when three decimals are printed.
        (seconds * 1_000.0).round_ties_even() as u64
    }
}
