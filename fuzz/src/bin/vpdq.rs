//! Hashes of videos as text: written again they are the same, and compared as a plain loop compares.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchhouse_match::vpdq::{Share, Shares, compare};
use watchhouse_match::{PdqHash, Vpdq};

const DISTANCE: u32 = 31;

fuzz_target!(|text: &str| {
    let Ok(video) = Vpdq::parse(text) else {
        return;
    };
    assert!(video.frames.iter().all(|frame| frame.pdq.quality <= 100));
    if !text.trim_start().starts_with('[') {
        let written = video.to_lines();
        assert!(written.lines().eq(text.to_ascii_lowercase().lines()));
    }
    assert_eq!(Vpdq::parse(&video.to_lines()), Ok(video.clone()));
    let mut numbered = video.clone();
    for (number, frame) in (0..).zip(&mut numbered.frames) {
        frame.number = number;
    }
    assert_eq!(Vpdq::parse(&video.to_json()), Ok(numbered));

    let (one, other) = video.frames.split_at(video.frames.len() / 2);
    let [one, other] = [one, other].map(|frames| Vpdq {
        frames: frames.to_vec(),
    });
    let shares = Shares {
        of_known: share(&one, &other),
        of_upload: share(&other, &one),
    };
    assert_eq!(compare(&one, &other, DISTANCE), shares);
});

/// How many frames of one video the other has.
fn share(of: &Vpdq, other: &Vpdq) -> Share {
    let (of, other) = (of.distinct(), other.distinct());
    let is_met = |hash: &PdqHash| other.iter().any(|met| met.distance(hash) <= DISTANCE);
    Share {
        n_met: of.iter().filter(|hash| is_met(hash)).count(),
        n_frames: of.len(),
    }
}
