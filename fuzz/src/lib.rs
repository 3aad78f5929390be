//! What fuzz targets share, and the server's parsers without the server.
//!
//! The files of pure modules are compiled here again: with all of the server each target would take
//! three hundred crates more, slow to build and slow to fuzz.

use std::panic;
use std::sync::Once;

use watchhouse_match::{Format, Limits, Variant, inspect};

#[path = "../../crates/watchhouse/src"]
mod server {
    pub mod archive;
    pub mod bank_file;
    pub mod ledger {
        pub mod bundle;
        pub mod checkpoint;
        pub mod merkle;
        pub mod note;
        pub mod path;
        pub mod proof;
        pub mod tile;
    }
    pub mod rules;
    pub mod surface;
}

pub use server::{archive, bank_file, ledger, rules, surface};

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
    static FORGIVE_OTHERS: Once = Once::new();
    FORGIVE_OTHERS.call_once(forgive_others);
    if Format::sniff(bytes) != Some(format) {
        return;
    }
    let Ok(inspection) = inspect(bytes, &LIMITS) else {
        return;
    };
    assert_eq!(inspection.format, format);
    assert!(u64::from(inspection.width) * u64::from(inspection.height) <= LIMITS.pixels);
    // An animation's first frame may come twice: alone and composed.
    let most_frames = (LIMITS.frames + 1) * Variant::MOST;
    assert!((1..=most_frames as usize).contains(&inspection.frames.len()));
    for frame in &inspection.frames {
        assert!(frame.pdq.quality <= 100);
        if let Variant::WithoutBorder(area) = frame.variant {
            assert!((1..LIMITS.pixels).contains(&(u64::from(area.width) * u64::from(area.height))));
        }
    }
}

/// A panic in our own code is found, caught or not. Where the code is another's, `inspect` catches it
/// and answers an error: that is no find.
fn forgive_others() {
    let abort = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let is_other = |file: &str| file.contains("/registry/src/");
        if !info.location().is_some_and(|at| is_other(at.file())) {
            abort(info);
        }
    }));
}
