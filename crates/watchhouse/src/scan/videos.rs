//! Videos as a whole: the known ones of which an upload has a part, and how large a part.

use watchhouse_match::vpdq::compare;
use watchhouse_match::{Hash, ListedVideos, Pdq, PdqHash, Share, VideoFrame, VideoHash, Vpdq};

use crate::matcher::Found;
use crate::store::banks::Bank;
use crate::store::matches::{ShareOfVideo, SharesOfVideo};
use crate::store::sightings::SeenFrame;

/// The video that these are the frames of. None if they are those of a picture.
pub fn video_of<'f>(frames: impl IntoIterator<Item = &'f SeenFrame>) -> Option<VideoHash> {
    let frames = frames.into_iter().map(|frame| {
        Some(VideoFrame {
            number: frame.frame,
            pdq: Pdq {
                hash: PdqHash(frame.pdq),
                quality: super::check::percent(frame.quality),
            },
            timestamp_ms: frame.timestamp_ms?,
        })
    });
    let frames: Vec<VideoFrame> = frames.collect::<Option<_>>()?;
    (!frames.is_empty()).then(|| VideoHash::from(&Vpdq { frames }))
}

/// The known videos that a video meets.
pub fn meet(videos: &ListedVideos, video: &VideoHash) -> Vec<Found> {
    // As for a digest: there is no one picture to point at.
    let query = 0;
    let hits = videos.meet(video).into_iter();
    hits.map(|hit| Found { query, hit }).collect()
}

/// How much of either is in the other. None if it is no video that was met.
pub(super) fn shares(bank: &Bank, met: &Hash, upload: &VideoHash) -> Option<SharesOfVideo> {
    let Hash::Vpdq(known) = met else {
        return None;
    };
    let shares = compare(&known.vpdq(), &upload.vpdq(), bank.threshold);
    let share = |share: Share, threshold| ShareOfVideo {
        n_met: share.n_met as u64,
        n_frames: share.n_frames as u64,
        threshold,
    };
    Some(SharesOfVideo {
        of_known: share(shares.of_known, bank.of_known),
        of_upload: share(shares.of_upload, bank.of_upload),
    })
}
