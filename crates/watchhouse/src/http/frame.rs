//! What a media shows, as answers tell it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::hex;
use crate::store::sightings::SeenFrame;

/// One picture of a media, and the hash that it was looked up by.
#[derive(Serialize, ToSchema)]
pub struct FrameOfMedia {
    index: u32,
    /// Which picture was made of the frame: `as_stored`, or where it can be seen in another way than
    /// that `clipped` (grey of 16 bits, as some tools read it), `over_white` (not opaque), or
    /// `without_border` (a letterbox or a frame taken off).
    #[schema(example = "as_stored")]
    variant: String,
    pdq: String,
    /// PDQ's quality, 0 to 100; below 50 it has too few features to compare.
    quality: u32,
    /// When it is shown, in milliseconds. Only a video's frames have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_ms: Option<u64>,
}

impl From<&SeenFrame> for FrameOfMedia {
    fn from(frame: &SeenFrame) -> FrameOfMedia {
        FrameOfMedia {
            index: frame.frame,
            variant: frame.variant.clone(),
            pdq: hex::encode(&frame.pdq),
            quality: frame.quality,
            timestamp_ms: frame.timestamp_ms,
        }
    }
}
