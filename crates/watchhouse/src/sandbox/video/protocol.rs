//! What a child that hashes a video says to its parent, in frames of the sandbox's protocol.
//!
//! After its `Hello`: `Announced`, when `ffprobe` has said what the video is; a `Frame` for each that
//! was hashed; `Ended`. Or `Refused`, at any place, and nothing after it.

use watchhouse_match::{Frame, Limits};

use super::super::Refusal;
use super::super::protocol::{self, FRAME_BYTES, Kind, LARGEST_TEXT_BYTES, Rest};

const ANNOUNCED_BYTES: usize = 16;
const ENDED_BYTES: usize = 8;

/// What a video says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// In pixels.
    pub width: u32,
    pub height: u32,
    /// Frames a second, as a fraction; 0 of 0 where nothing is said.
    pub rate: (u32, u32),
}

impl Announced {
    pub fn frames_per_second(&self) -> f64 {
        f64::from(self.rate.0) / f64::from(self.rate.1)
    }

    pub(super) fn to_body(self) -> Vec<u8> {
        let (frames, seconds) = self.rate;
        let fields = [self.width, self.height, frames, seconds];
        fields.into_iter().flat_map(u32::to_le_bytes).collect()
    }
}

/// One thing that the child says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Announced(Announced),
    Frame(Box<Frame>),
    Ended {
        n_frames: u32,
        /// Bytes after the last whole frame.
        n_rest: u32,
    },
    Refused(Refusal),
}

pub(super) fn ended_body(n_frames: u32, n_rest: u32) -> Vec<u8> {
    [n_frames, n_rest]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect()
}

pub(super) fn frame_body(frame: &Frame) -> Vec<u8> {
    let mut body = Vec::with_capacity(FRAME_BYTES);
    protocol::write_frame(frame, &mut body);
    body
}

/// The longest body of each kind.
pub fn largest(kind: Kind) -> usize {
    match kind {
        Kind::Announced => ANNOUNCED_BYTES,
        Kind::Frame => FRAME_BYTES,
        Kind::Ended => ENDED_BYTES,
        Kind::Refused => LARGEST_TEXT_BYTES,
        _ => 0,
    }
}

/// Reads what the child said. The error finishes "the decoding process gave …".
pub fn parse(kind: Kind, body: &[u8], limits: &Limits) -> Result<Said, String> {
    let mut rest = Rest(body);
    let said = match kind {
        Kind::Refused => return protocol::parse_refusal(body).map(Said::Refused),
        Kind::Announced => {
            let (width, height) = (rest.u32()?, rest.u32()?);
            let pixels = u64::from(width) * u64::from(height);
            if pixels == 0 || pixels > limits.pixels {
                return Err(format!("an impossible size of {width} by {height}"));
            }
            let rate = (rest.u32()?, rest.u32()?);
            Said::Announced(Announced {
                width,
                height,
                rate,
            })
        }
        Kind::Frame => Said::Frame(Box::new(rest.frame()?)),
        Kind::Ended => Said::Ended {
            n_frames: rest.u32()?,
            n_rest: rest.u32()?,
        },
        _ => return Err(format!("{kind:?} in place of a frame")),
    };
    if !rest.0.is_empty() {
        return Err(format!("{} bytes too many", rest.0.len()));
    }
    Ok(said)
}
