//! What fuzz targets share.

use watchhouse_match::{Format, Limits, inspect};

/// Limits that keep one input to milliseconds.
pub const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    pixels: 1 << 18,
    animation_pixels: 1 << 20,
    frames: 16,
    decoded_bytes: 16 << 20,
};

/// Decodes and hashes input that announces this format. What comes out keeps the limits.
pub fn inspect_as(format: Format, bytes: &[u8]) {
    if Format::sniff(bytes) != Some(format) {
        return;
    }
    let Ok(inspection) = inspect(bytes, &LIMITS) else {
        return;
    };
    assert_eq!(inspection.format, format);
    assert!(u64::from(inspection.width) * u64::from(inspection.height) <= LIMITS.pixels);
    // An animation's first frame may come twice: alone and composed.
    assert!((1..=LIMITS.frames as usize + 1).contains(&inspection.frames.len()));
    assert!(inspection.frames.iter().all(|frame| frame.pdq.quality <= 100));
}
