//! Known videos: the hashes of their frames, and the kind.

use std::fmt;

use super::PdqHash;
use super::degenerate::Degenerate;
use super::signal::Signal;
use crate::index::{Indexed, VideoTable};
use crate::pdq::Pdq;
use crate::vpdq::{MOST_MILLISECONDS, VideoFrame};

/// Known videos. Read in either form of [`crate::vpdq`]'s text and written as JSON.
pub struct Vpdq;

/// The hashed frames of a video, in the order in which they are shown: for each its hash, its quality
/// and its milliseconds. Their numbers are not kept, for not every list has them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VideoHash(Box<[u8]>);

const HASH_BYTES: usize = 32;
const FRAME_BYTES: usize = HASH_BYTES + 1 + 8;

impl VideoHash {
    /// How many frames a listed video may have: an hour of seconds, or two minutes of every frame.
    pub const MOST_FRAMES: usize = 3_600;

    /// The video, its frames numbered from 0 on.
    pub fn vpdq(&self) -> crate::vpdq::Vpdq {
        let (frames, _) = self.0.as_chunks::<FRAME_BYTES>();
        let frames = (0..).zip(frames);
        let frames = frames.map(|(number, bytes)| read_frame(number, bytes));
        crate::vpdq::Vpdq {
            frames: frames.collect(),
        }
    }

    /// The hashes that are compared; see [`crate::vpdq::Vpdq::distinct`].
    pub fn distinct(&self) -> Vec<PdqHash> {
        self.vpdq().distinct()
    }
}

/// Of any number of frames: an upload may be longer than what is listed.
impl From<&crate::vpdq::Vpdq> for VideoHash {
    fn from(vpdq: &crate::vpdq::Vpdq) -> VideoHash {
        let frames = vpdq.frames.iter();
        VideoHash(frames.flat_map(frame_bytes).collect())
    }
}

fn frame_bytes(frame: &VideoFrame) -> [u8; FRAME_BYTES] {
    let mut bytes = [0; FRAME_BYTES];
    bytes[..HASH_BYTES].copy_from_slice(&frame.pdq.hash.0);
    bytes[HASH_BYTES] = frame.pdq.quality;
    bytes[HASH_BYTES + 1..].copy_from_slice(&frame.timestamp_ms.to_le_bytes());
    bytes
}

fn read_frame(number: u32, bytes: &[u8; FRAME_BYTES]) -> VideoFrame {
    let (hash, rest) = bytes
        .split_first_chunk::<HASH_BYTES>()
        .expect("a frame has a hash");
    let (quality, milliseconds) = rest
        .split_first_chunk::<1>()
        .expect("a frame has a quality");
    let milliseconds = milliseconds.try_into().expect("eight bytes are left");
    VideoFrame {
        number,
        pdq: Pdq {
            hash: PdqHash(*hash),
            quality: quality[0],
        },
        timestamp_ms: u64::from_le_bytes(milliseconds),
    }
}

fn check_length(n_frames: usize) -> Result<(), String> {
    let most = VideoHash::MOST_FRAMES;
    if n_frames > most {
        return Err(format!(
            "{n_frames} frames, more than {most}; list it in parts"
        ));
    }
    Ok(())
}

impl Indexed for Vpdq {
    type Table = VideoTable;
}

impl Signal for Vpdq {
    type Value = VideoHash;

    const NAME: &'static str = "vpdq";
    const LABEL: &'static str = "vPDQ";
    const NOUN: &'static str = "a vPDQ";
    /// Of a video that shows a drawn colour gradient.
    const EXAMPLE: &'static str =
        "[\"26a0599f3660798ad000a7bf5551658aff2a625f5555555af7706227aeaa6267,100,0.000\"]";
    const SIZE_BYTES: Option<usize> = None;
    const IS_PERCEPTUAL: bool = true;
    const HAS_SPACES: bool = true;

    fn parse(text: &str) -> Result<VideoHash, String> {
        let vpdq = crate::vpdq::Vpdq::parse(text).map_err(|error| error.to_string())?;
        check_length(vpdq.frames.len())?;
        Ok(VideoHash::from(&vpdq))
    }

    fn from_bytes(bytes: &[u8]) -> Result<VideoHash, String> {
        let (frames, rest) = bytes.as_chunks::<FRAME_BYTES>();
        if frames.is_empty() || !rest.is_empty() {
            return Err(format!("expected {FRAME_BYTES} bytes for each frame"));
        }
        check_length(frames.len())?;
        let mut frames = frames.iter().map(|bytes| read_frame(0, bytes));
        if frames.any(|frame| frame.pdq.quality > 100 || frame.timestamp_ms > MOST_MILLISECONDS) {
            return Err("a quality or a time that no frame has".to_owned());
        }
        Ok(VideoHash(bytes.into()))
    }

    fn as_bytes(value: &VideoHash) -> &[u8] {
        &value.0
    }

    fn check_indexable(value: &VideoHash) -> Result<(), Degenerate> {
        match value.distinct().is_empty() {
            true => Err(Degenerate::NoGoodFrame),
            false => Ok(()),
        }
    }

    fn write(value: &VideoHash, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&value.vpdq().to_json())
    }
}
