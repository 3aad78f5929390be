//! Files made to hurt: bombs, stumps, lies and noise.

use std::time::Instant;

use image::ImageFormat;
use proptest::prelude::*;
use watchhouse_match::{Limits, inspect};

use crate::make;

fn code(file: &[u8]) -> Option<&'static str> {
    inspect(file, &Limits::default())
        .err()
        .map(|error| error.code())
}

/// Overwrites the first place that holds `from`.
fn patch(file: &mut [u8], from: &[u8], to: &[u8]) {
    let at = file
        .windows(from.len())
        .position(|window| window == from)
        .expect("the file holds this");
    file[at..at + to.len()].copy_from_slice(to);
}

#[test]
fn headers_that_announce_billions_of_pixels_are_refused_at_once() {
    let picture = make::drawing(40, 30, 1);
    let one = std::slice::from_ref(&picture);
    let mut bombs = vec![
        ("png", make::file(picture.clone(), ImageFormat::Png)),
        ("bmp", make::file(picture.clone(), ImageFormat::Bmp)),
        ("gif", make::gif(one)),
        ("gif frame", make::gif(one)),
        ("jpeg", make::jpeg(&picture)),
        ("webp", make::file(picture.clone(), ImageFormat::WebP)),
        ("animated webp", make::animated_webp(one)),
    ];
    let (be, le) = (60_000u32.to_be_bytes(), 60_000u32.to_le_bytes());
    for (name, file) in &mut bombs {
        match *name {
            "png" => patch(file, b"IHDR", &[&b"IHDR"[..], &be, &be].concat()),
            "bmp" => file[18..26].copy_from_slice(&[le, le].concat()),
            "gif" => file[6..10].copy_from_slice(&[le[0], le[1], le[0], le[1]]),
            "gif frame" => patch(
                file,
                &[0x2c, 0, 0, 0, 0, 40, 0, 30, 0],
                &[0x2c, 0, 0, 0, 0, le[0], le[1], le[0], le[1]],
            ),
            "jpeg" => patch(file, &[8, 0, 30, 0, 40], &[8, be[2], be[3], be[2], be[3]]),
            "webp" => file[21..25].copy_from_slice(&[0xff, 0xff, 0xff, 0x0f]),
            _ => file[24..30].copy_from_slice(&[0xff; 6]),
        }
    }
    for (name, file) in bombs {
        let start = Instant::now();
        assert_eq!(code(&file), Some("too_many_pixels"), "{name}");
        assert!(start.elapsed().as_millis() < 100, "{name}");
    }
}

#[test]
fn headers_of_containers_that_announce_too_much_are_refused_before_decoding() {
    for name in ["plain.heic", "plain.avif"] {
        let mut file = make::stored(name);
        let size = [192u32.to_be_bytes(), 144u32.to_be_bytes()].concat();
        let more = [60_000u32.to_be_bytes(), 60_000u32.to_be_bytes()].concat();
        patch(&mut file, &size, &more);
        assert_eq!(code(&file), Some("too_many_pixels"), "{name}");
    }
    // A bare JPEG XL: a height of 30 bits, a width that equals it, and all else as usual.
    let header: u64 = 3 << 1 | 59_999 << 3 | 1 << 33 | 1 << 36 | 1 << 37;
    let jxl = [&[0xff, 0x0a][..], &header.to_le_bytes()].concat();
    assert_eq!(code(&jxl), Some("too_many_pixels"));
}

#[test]
fn changed_files_of_every_container_do_not_panic() {
    let limits = Limits {
        pixels: 100_000,
        ..Limits::default()
    };
    for name in ["plain.tiff", "container.jxl", "plain.heic"] {
        let file = make::stored(name);
        for at in (0..file.len().min(1000)).step_by(23) {
            let mut changed = file.clone();
            changed[at] ^= 0x55;
            let _ = inspect(&changed, &limits);
        }
    }
}

#[test]
fn a_bitstream_larger_than_its_container_says_is_refused() {
    // 1x1 outside, 40x30 inside: a decoder would find out after decoding.
    let picture = make::drawing(40, 30, 1);
    let still = make::file(picture.clone(), ImageFormat::WebP);
    let header = make::chunk(b"VP8X", &[0; 10]);
    let file = make::chunk(b"RIFF", &[b"WEBP", &header[..], &still[12..]].concat());
    assert_eq!(code(&file), Some("malformed"));

    let mut moving = make::animated_webp(&[picture]);
    patch(
        &mut moving,
        &[39, 0, 0, 29, 0, 0, 100],
        &[9, 0, 0, 9, 0, 0, 100],
    );
    assert_eq!(code(&moving), Some("malformed"));
}

#[test]
fn a_frame_bomb_is_refused_before_it_is_decoded() {
    let one = make::gif(&[make::drawing(8, 8, 1)]);
    let mut bomb = one[..one.len() - 1].to_vec();
    // Ten thousand frames of one dot each: no palette, code size 2, three bytes of data.
    for _ in 0..10_000 {
        bomb.extend([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4c, 0x01, 0]);
    }
    bomb.push(0x3b);
    let start = Instant::now();
    assert_eq!(code(&bomb), Some("too_many_frames"));
    assert!(start.elapsed().as_millis() < 100);
}

#[test]
fn a_scan_bomb_is_refused() {
    let file = make::jpeg(&make::drawing(16, 16, 1));
    let scan = file
        .windows(2)
        .position(|at| at == [0xff, 0xda])
        .expect("has a scan");
    let end = file.len() - 2;
    let bomb = [&file[..end], &file[scan..end].repeat(100), &file[end..]].concat();
    assert_eq!(code(&bomb), Some("too_many_scans"));
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for (name, file) in make::one_of_each() {
        assert_eq!(code(&file), None, "{name}");
        for n_bytes in 0..file.len() {
            let code = code(&file[..n_bytes]);
            assert!(
                code.is_some(),
                "{name} cut to {n_bytes} of {} bytes",
                file.len()
            );
            // Until the format can be told from the first bytes, nothing better can be said.
            let expected = match n_bytes {
                0 => "empty",
                1..18 if code == Some("unsupported_format") => "unsupported_format",
                _ => "truncated",
            };
            assert_eq!(code, Some(expected), "{name} cut to {n_bytes} bytes");
        }
    }
}

#[test]
fn what_follows_a_picture_does_not_change_its_hash() {
    for (name, file) in make::one_of_each() {
        let whole = inspect(&file, &Limits::default()).expect("these are whole");
        let longer = [&file[..], b"and more"].concat();
        assert_eq!(inspect(&longer, &Limits::default()), Ok(whole), "{name}");
    }
}

#[test]
fn frames_that_were_taken_out_of_an_animation_are_missed() {
    let frames = [make::drawing(20, 20, 1), make::drawing(20, 20, 2)];
    let mut file = make::apng(None, &frames);
    // Announces three frames and has two.
    patch(&mut file, b"acTL\0\0\0\x02", b"acTL\0\0\0\x03");
    assert_eq!(code(&file), Some("malformed"));
}

#[test]
fn a_picture_under_anothers_signature_is_malformed() {
    let files = make::one_of_each();
    let jpeg = &files[0].1;
    let png = &files[1].1;
    let mislabelled = [&png[..8], &jpeg[..]].concat();
    assert!(matches!(
        code(&mislabelled),
        Some("malformed" | "truncated")
    ));
    let mislabelled = [&[0xff, 0xd8, 0xff][..], &png[..]].concat();
    assert!(matches!(
        code(&mislabelled),
        Some("malformed" | "truncated")
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn noise_is_an_error(
        start in proptest::sample::select(vec![
            &b""[..], b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\xff\0\0\0WEBP", b"BM",
        ]),
        noise in proptest::collection::vec(any::<u8>(), 0..2000),
    ) {
        prop_assert!(code(&[start, &noise].concat()).is_some());
    }

    #[test]
    fn changed_files_give_an_answer_and_the_same_one_twice(
        which in any::<proptest::sample::Index>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let files = make::one_of_each();
        let (_, mut file) = files[which.index(files.len())].clone();
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let limits = Limits { decoded_bytes: 32 << 20, ..Limits::default() };
        let answer = inspect(&file, &limits);
        if let Err(error) = &answer {
            prop_assert!(
                !error.to_string().contains("gave up"),
                "a decoder panicked: {error}"
            );
        }
        prop_assert_eq!(inspect(&file, &limits), answer);
    }
}
