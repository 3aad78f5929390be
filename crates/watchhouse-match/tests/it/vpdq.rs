//! Videos' hashes: their text, which frames they hold, and how much of one is in another.

use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::prelude::*;
use watchhouse_match::vpdq::{LEAST_QUALITY, ParseVpdqError, compare};
use watchhouse_match::{
    BankId, BankSettings, EntryId, Hash, HashKind, Hit, Index, Pdq, PdqHash, Refused, Sampling,
    Share, Shares, VideoFrame, VideoHash, Vpdq,
};

const LISTS: [&str; 4] = [
    "doorknob-hd-no-bar.txt",
    "pattern-sd-grey-bar.txt",
    "pattern-sd-with-small-logo-bar.txt",
    "test-padded-dimensions.txt",
];

#[allow(clippy::print_stdout, reason = "says that a test proved nothing here")]
fn list(name: &str) -> Option<String> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/reference/vpdq"
    );
    let text = std::fs::read_to_string(PathBuf::from(folder).join(name)).ok();
    if text.is_none() {
        println!("skipped: no reference files");
    }
    text
}

fn frame(number: u32, hash: [u8; 32], quality: u8, timestamp_ms: u64) -> VideoFrame {
    let hash = PdqHash(hash);
    VideoFrame {
        number,
        pdq: Pdq { hash, quality },
        timestamp_ms,
    }
}

#[test]
fn published_lists_come_back_byte_for_byte() {
    for name in LISTS {
        let Some(text) = list(name) else { return };
        let vpdq = Vpdq::parse(&text).expect("a published list");
        assert_eq!(vpdq.frames.len(), text.lines().count());
        assert_eq!(vpdq.to_lines(), text, "{name}");
        let json = vpdq.to_json();
        let again = Vpdq::parse(&json).expect("what we wrote");
        assert_eq!(again, vpdq, "{name}");
        assert_eq!(again.to_json(), json, "{name}");
    }
}

#[test]
fn published_times_are_those_of_an_even_rate() {
    for name in LISTS {
        let Some(text) = list(name) else { return };
        let sampling = Sampling::new(30.0, 0.0);
        for frame in Vpdq::parse(&text).expect("a published list").frames {
            assert_eq!(frame.timestamp_ms, sampling.timestamp_ms(frame.number));
        }
    }
}

#[test]
fn variants_of_one_video_match_and_different_videos_do_not() {
    let parsed: Option<Vec<Vpdq>> = LISTS
        .iter()
        .map(|name| Vpdq::parse(&list(name)?).ok())
        .collect();
    let Some(videos) = parsed else { return };
    for (known, of) in LISTS.iter().zip(&videos) {
        for (upload, with) in LISTS.iter().zip(&videos) {
            // The same pattern, with a grey bar and with a logo.
            let are_patterns = known.starts_with("pattern") && upload.starts_with("pattern");
            let is_same = known == upload || are_patterns;
            let shares = compare(of, with, 31);
            assert_eq!(shares.reach(80, 80), is_same, "{known} in {upload}");
        }
    }
}

#[test]
fn a_clip_is_wholly_found_in_the_video_it_was_cut_from() {
    let Some(text) = list(LISTS[0]) else { return };
    let whole = Vpdq::parse(&text).expect("a published list");
    let clip = Vpdq {
        frames: whole.frames[30..42].to_vec(),
    };
    let shares = compare(&clip, &whole, 0);
    assert_eq!(shares.of_known.percent(), 100.0);
    assert!(shares.of_upload.percent() < 50.0, "{shares:?}");
    assert!(shares.reach(80, 0) && !shares.reach(80, 80));
}

#[test]
fn equal_frames_count_once_and_plain_ones_not_at_all() {
    let known = Vpdq {
        frames: vec![
            frame(0, [1; 32], 100, 0),
            frame(1, [1; 32], 100, 40),
            frame(2, [0xf0; 32], LEAST_QUALITY - 1, 80),
            frame(3, [0x0f; 32], LEAST_QUALITY, 120),
        ],
    };
    let shares = compare(
        &known,
        &Vpdq {
            frames: vec![frame(0, [1; 32], 60, 0)],
        },
        31,
    );
    assert_eq!(
        shares.of_known,
        Share {
            n_met: 1,
            n_frames: 2
        }
    );
    assert_eq!(
        shares.of_upload,
        Share {
            n_met: 1,
            n_frames: 1
        }
    );
}

#[test]
fn where_nothing_can_be_compared_nothing_matches() {
    let black = Vpdq {
        frames: vec![frame(0, [0; 32], 0, 0)],
    };
    let shares = compare(&black, &black, 31);
    assert_eq!(shares, Shares::default());
    assert_eq!(shares.of_known.percent(), 0.0);
    assert!(!shares.reach(0, 0));
    assert!(
        !Share {
            n_met: 0,
            n_frames: 7
        }
        .reaches(0)
    );
    assert!(
        Share {
            n_met: 1,
            n_frames: 3
        }
        .reaches(33)
    );
    assert!(
        !Share {
            n_met: 1,
            n_frames: 3
        }
        .reaches(34)
    );
}

#[test]
fn frames_are_chosen_as_the_published_tool_chooses_them() {
    for (rate, seconds, every) in [
        (30.0, 1.0, 30),
        (29.97, 1.0, 29),
        (30.0, 0.0, 1),
        (0.5, 1.0, 1),
        (25.0, 2.5, 62),
        (f64::NAN, 1.0, 1),
        (0.0, 1.0, 1),
        (30.0, -1.0, 1),
        (1e300, 1.0, u32::MAX),
    ] {
        assert_eq!(
            Sampling::new(rate, seconds).every(),
            every,
            "{rate} {seconds}"
        );
    }
    let sampling = Sampling::new(29.97, 1.0);
    assert_eq!(sampling.number(2), Some(58));
    assert_eq!(sampling.number(u32::MAX), None);
    assert_eq!(sampling.timestamp_ms(58), 1_935);
    // 0.0625 s: printed with three decimals that is 0.062.
    assert_eq!(Sampling::new(16.0, 0.0).timestamp_ms(1), 62);
}

#[test]
fn bad_lines_are_named() {
    const HASH: &str = "26a0599f3660798ad000a7bf5551658aff2a625f5555555af7706227aeaa6267";
    let good = format!("0,100,{HASH},0.000\n");
    for (bad, why) in [
        (
            String::new(),
            "1 fields, expected 4: number,quality,hash,seconds",
        ),
        (
            format!("1,100,{HASH}"),
            "3 fields, expected 4: number,quality,hash,seconds",
        ),
        (
            format!("01,100,{HASH},0.033"),
            "\"01\" is not a frame's number, expected 0 to 4294967295",
        ),
        (
            format!("1,101,{HASH},0.033"),
            "\"101\" is not a quality, expected 0 to 100",
        ),
        (
            format!("1,+1,{HASH},0.033"),
            "\"+1\" is not a quality, expected 0 to 100",
        ),
        (
            format!("1,100,{HASH},0.33"),
            "\"0.33\" is not a number of seconds with three decimals",
        ),
        (
            format!("1,100,{HASH},-1.000"),
            "\"-1.000\" is not a number of seconds with three decimals",
        ),
        (
            format!("1,100,{HASH},18446744073709551615.000"),
            "\"18446744073709551615…\" is not a number of seconds with three decimals",
        ),
        (
            format!("1,100,{},0.033", &HASH[1..]),
            "\"6a05…\" is not a PDQ hash: 63 hex digits, expected 64",
        ),
    ] {
        let error = Vpdq::parse(&format!("{good}{bad}\n")).expect_err(&bad);
        let expected = ParseVpdqError::Line {
            line: 2,
            why: why.to_owned(),
        };
        assert_eq!(error, expected);
        assert_eq!(error.to_string(), format!("line 2: {why}"));
    }
    assert_eq!(Vpdq::parse(""), Err(ParseVpdqError::Empty));
    assert_eq!(Vpdq::parse("[]"), Err(ParseVpdqError::Empty));
    assert!(matches!(
        Vpdq::parse("[1]"),
        Err(ParseVpdqError::NotJson(_))
    ));
    let error = Vpdq::parse(&format!("[\"{HASH},100,0.0\", \"{HASH},100,inf\"]"));
    let error = error.expect_err("no number").to_string();
    assert_eq!(
        error,
        "frame 2 of the array: \"inf\" is no number of seconds"
    );
}

#[test]
fn json_with_the_digits_of_the_published_library_is_read() {
    const HASH: &str = "26a0599f3660798ad000a7bf5551658aff2a625f5555555af7706227aeaa6267";
    let text = format!("[\"{HASH},100,0.0333\",\n \"{HASH},7,1.23e+02\"]");
    let vpdq = Vpdq::parse(&text).expect("an array");
    let times: Vec<u64> = vpdq.frames.iter().map(|frame| frame.timestamp_ms).collect();
    assert_eq!(times, [33, 123_000]);
    assert_eq!(vpdq.frames[1].number, 1);
}

#[test]
fn a_published_list_is_a_hash_that_can_be_listed() {
    for name in LISTS {
        let Some(text) = list(name) else { return };
        let hash = Hash::parse(HashKind::Vpdq, &text).expect("a published list");
        assert_eq!(hash.check_indexable(), Ok(()));
        let json = Vpdq::parse(&text).expect("the same").to_json();
        assert_eq!(hash.to_string(), json, "{name}");
        assert_eq!(Hash::parse(HashKind::Vpdq, &json), Ok(hash), "{name}");
    }
}

#[test]
fn what_cannot_be_compared_or_is_too_long_is_not_listed() {
    let line =
        |number: usize, quality: u8| format!("{number},{quality},{},0.000\n", "f8".repeat(32));
    let parse = |text: &str| Hash::parse(HashKind::Vpdq, text);

    let plain = parse(&line(0, LEAST_QUALITY - 1)).expect("a list");
    let most: String = (0..VideoHash::MOST_FRAMES).map(|n| line(n, 100)).collect();
    let more = most.clone() + &line(VideoHash::MOST_FRAMES, 100);

    let refused = plain.check_indexable().expect_err("nothing to compare");
    assert_eq!(refused.code(), "no_good_frame");
    assert!(parse(&most).is_ok());
    let error = parse(&more).expect_err("too long").to_string();
    assert_eq!(
        error,
        "\"0,10…\" is not a vPDQ: 3601 frames, more than 3600; list it in parts"
    );
    for bytes in [&[][..], &[0; 40], &[101; 41], &[255; 41]] {
        assert!(Hash::from_bytes(HashKind::Vpdq, bytes).is_err());
    }
}

#[test]
fn shares_that_no_video_can_reach_are_refused() {
    for (of_known, of_upload) in [(101, 0), (0, 101)] {
        let settings = BankSettings {
            of_known,
            of_upload,
            ..BankSettings::default()
        };
        let set = Index::new().set_bank(BankId(1), settings);
        assert_eq!(set, Err(Refused::ShareTooLarge));
    }
}

/// Videos whose frames resemble each other, as frames do.
fn video() -> impl Strategy<Value = Vpdq> {
    let drawn = (0u8..4, prop::collection::vec(0usize..256, 0..40), 0u8..=100);
    prop::collection::vec(drawn, 0..150).prop_map(|frames| {
        let frames = (0..).zip(frames).map(|(number, (kind, flips, quality))| {
            let mut hash = [kind * 0x31; 32];
            for bit in flips {
                hash[bit / 8] ^= 1 << (bit % 8);
            }
            frame(number, hash, quality, u64::from(number) * 40)
        });
        Vpdq {
            frames: frames.collect(),
        }
    })
}

/// One frame after the other, as the definition says.
fn naive_share(of: &Vpdq, other: &Vpdq, distance: u32) -> Share {
    let good = |video: &Vpdq| -> BTreeSet<PdqHash> {
        let frames = video.frames.iter();
        let good = frames.filter(|frame| frame.pdq.quality >= 50);
        good.map(|frame| frame.pdq.hash).collect()
    };
    let (of, other) = (good(of), good(other));
    let is_met = |hash: &&PdqHash| other.iter().any(|near| near.distance(hash) <= distance);
    Share {
        n_met: of.iter().filter(is_met).count(),
        n_frames: of.len(),
    }
}

proptest! {
    #[test]
    fn shares_equal_those_of_comparing_one_by_one(
        known in video(),
        upload in video(),
        distance in 0u32..=63,
    ) {
        let shares = compare(&known, &upload, distance);
        prop_assert_eq!(shares.of_known, naive_share(&known, &upload, distance));
        prop_assert_eq!(shares.of_upload, naive_share(&upload, &known, distance));
    }

    #[test]
    fn a_look_up_meets_what_comparing_one_by_one_meets(
        known in prop::collection::vec((video(), 0usize..3, any::<bool>()), 0..8),
        banks in prop::collection::vec((0u32..=63, 0u32..=100, 0u32..=100, any::<bool>()), 3),
        upload in video(),
    ) {
        let mut index = Index::new();
        for (id, (threshold, of_known, of_upload, is_enabled)) in (0..).zip(&banks) {
            let settings = BankSettings {
                threshold: *threshold,
                of_known: *of_known,
                of_upload: *of_upload,
                is_enabled: *is_enabled,
            };
            index.set_bank(BankId(id), settings).expect("settings in range");
        }
        let mut expected = Vec::new();
        for (entry, (video, bank, is_removed)) in (0..).map(EntryId).zip(&known) {
            let hash = Hash::Vpdq(VideoHash::from(video));
            let bank_id = BankId(*bank as u32);
            let inserted = index.insert(entry, bank_id, &hash);
            prop_assert_eq!(inserted.is_ok(), hash.check_indexable().is_ok());
            if *is_removed {
                prop_assert_eq!(index.remove(entry), inserted.is_ok());
                continue;
            }
            let (threshold, of_known, of_upload, is_enabled) = banks[*bank];
            let shares = Shares {
                of_known: naive_share(video, &upload, threshold),
                of_upload: naive_share(&upload, video, threshold),
            };
            if is_enabled && shares.reach(of_known, of_upload) {
                let missed = 100.0 - shares.of_known.percent();
                expected.push(Hit {
                    entry,
                    bank: bank_id,
                    kind: HashKind::Vpdq,
                    // Ten digits are more than a share of 150 frames has.
                    distance: (missed - 1e-10).ceil() as u32,
                    threshold: 100 - of_known,
                });
            }
        }
        expected.sort_by_key(|hit| (hit.distance, hit.bank, hit.entry));
        let upload = VideoHash::from(&upload);
        let mut hits = Vec::new();
        index.lookup(&Hash::Vpdq(upload.clone()), &mut hits);
        prop_assert_eq!(&hits, &expected);
        prop_assert_eq!(&index.videos().meet(&upload), &expected);
        prop_assert!(hits.iter().all(|hit| hit.distance <= hit.threshold));
    }

    #[test]
    fn every_listed_video_comes_back_from_its_text_and_its_bytes(video in video()) {
        prop_assume!(!video.frames.is_empty());
        let hash = Hash::Vpdq(VideoHash::from(&video));
        prop_assert_eq!(Hash::parse(HashKind::Vpdq, &hash.to_string()), Ok(hash.clone()));
        prop_assert_eq!(Hash::parse(HashKind::Vpdq, &video.to_lines()), Ok(hash.clone()));
        prop_assert_eq!(Hash::from_bytes(HashKind::Vpdq, hash.as_bytes()), Ok(hash));
    }

    #[test]
    fn every_video_comes_back_from_either_form(video in video()) {
        prop_assume!(!video.frames.is_empty());
        prop_assert_eq!(Vpdq::parse(&video.to_lines()), Ok(video.clone()));
        prop_assert_eq!(Vpdq::parse(&video.to_json()), Ok(video.clone()));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[0-9a-f,.\"\\[\\]\n -]{0,200}") {
        if let Ok(video) = Vpdq::parse(&text) {
            prop_assert!(!video.frames.is_empty());
        }
    }
}
