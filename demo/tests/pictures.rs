//! The pictures are what everything else relies on: always the same, and far from each other.

use watchhouse_demo::alterations::{Alteration, File, jpeg};
use watchhouse_demo::pictures::{Scene, Size, draw, natural_size};
use watchhouse_match::{Frame, Limits, inspect};

fn frame(file: &File) -> Frame {
    let seen = inspect(&file.bytes, &Limits::default()).expect("our own files can be decoded");
    seen.frames
        .into_iter()
        .next()
        .expect("a picture has a frame")
}

/// The least distance to the original as it lies or turned any way.
fn distance(original: &Frame, copy: &Frame) -> u32 {
    original
        .dihedrals
        .iter()
        .map(|hash| hash.distance(&copy.pdq.hash))
        .min()
        .expect("there are eight ways to turn it")
}

#[test]
fn a_seed_always_draws_the_same_picture() {
    let size = Size::new(200, 150);
    for seed in 0..Scene::ALL.len() as u64 {
        assert_eq!(
            draw(seed, size),
            draw(seed, size),
            "seed {seed}, {}",
            Scene::of(seed)
        );
        assert_ne!(
            draw(seed, size),
            draw(seed + 12, size),
            "seed {seed} and {}",
            seed + 12
        );
    }
}

#[test]
fn the_tour_s_pictures_have_good_hashes_far_from_each_other() {
    let frames: Vec<(u64, Frame)> = (0..36)
        .map(|seed| (seed, frame(&jpeg(&draw(seed, natural_size(seed)), 90))))
        .collect();
    for (i, (seed, one)) in frames.iter().enumerate() {
        assert_eq!(one.pdq.quality, 100, "seed {seed}, {}", Scene::of(*seed));
        for (other_seed, other) in &frames[..i] {
            let apart = distance(one, other);
            assert!(
                apart > 60,
                "seeds {seed} and {other_seed} are only {apart} bits apart"
            );
        }
    }
}

#[test]
fn mild_alterations_stay_within_pdq_s_threshold_and_hard_ones_do_not() {
    const MILD: [Alteration; 9] = [
        Alteration::Unaltered,
        Alteration::Half,
        Alteration::Recompressed,
        Alteration::Watermarked,
        Alteration::Mirrored,
        Alteration::Turned,
        Alteration::Grey,
        Alteration::AsWebp,
        Alteration::AsGif,
    ];
    const HARD: [Alteration; 2] = [Alteration::CroppedHard, Alteration::Framed];
    for seed in [0, 7, 9, 10] {
        let picture = draw(seed, natural_size(seed));
        let original = frame(&Alteration::Unaltered.of(&picture));
        for alteration in MILD {
            let away = distance(&original, &frame(&alteration.of(&picture)));
            assert!(away <= 31, "seed {seed}, {alteration}: {away} bits");
        }
        for alteration in HARD {
            let away = distance(&original, &frame(&alteration.of(&picture)));
            assert!(away > 31, "seed {seed}, {alteration}: {away} bits");
        }
    }
}

#[test]
fn every_alteration_gives_the_same_bytes_again_and_says_what_they_are() {
    let picture = draw(10, Size::new(240, 300));
    for alteration in Alteration::ALL {
        let file = alteration.of(&picture);
        assert_eq!(file.bytes, alteration.of(&picture).bytes, "{alteration}");
        let format = image::guess_format(&file.bytes).expect("our own files are known");
        assert_eq!(format.to_mime_type(), file.media_type, "{alteration}");
        assert!(
            format.extensions_str().contains(&file.extension),
            "{alteration}"
        );
        assert_eq!(file.extension, alteration.extension(), "{alteration}");
    }
}
