use watchhouse_match::decode::decode;
use watchhouse_match::{DecodeError, Format, Limits};

use crate::make;

fn code(file: &[u8], limits: &Limits) -> Option<&'static str> {
    let decoded = decode(file, limits, &mut ());
    decoded.err().map(|error| error.code())
}

fn error(file: &[u8], limits: &Limits) -> DecodeError {
    decode(file, limits, &mut ()).expect_err("this breaks a limit")
}

#[test]
fn formats_are_told_by_content() {
    for (name, file) in make::one_of_each() {
        let format = Format::sniff(&file).expect("all of them are supported");
        assert!(
            name.contains(format.as_str()),
            "{name} was taken for {format}"
        );
        let canvas = decode(&file, &Limits::default(), &mut ()).expect("these are whole");
        assert_eq!(
            (canvas.format, canvas.width, canvas.height),
            (format, 37, 29)
        );
    }
}

#[test]
fn what_is_no_picture_is_unsupported_and_nothing_is_empty() {
    let limits = Limits::default();
    assert_eq!(code(b"", &limits), Some("empty"));
    for file in [
        &b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..],
        b"BM is how this letter begins, but it is a letter",
        b"GIF88a",
        b"RIFF\x04\0\0\0WAVE",
        b"\0\0\0\x18ftypisom\0\0\0\0mp42isom",
        b"x",
    ] {
        assert_eq!(code(file, &limits), Some("unsupported_format"));
    }
    assert_eq!(
        error(b"x", &limits).to_string(),
        "cannot decode the file: its content is not a JPEG, PNG, GIF, WebP, BMP, TIFF, \
         JPEG XL, AVIF or HEIC picture"
    );
}

#[test]
fn limits_are_met_exactly() {
    let picture = make::drawing(40, 30, 1);
    let three = [
        picture.clone(),
        make::drawing(40, 30, 2),
        make::drawing(40, 30, 3),
    ];
    let still = make::file(picture, image::ImageFormat::Png);
    for moving in [
        make::gif(&three),
        make::apng(None, &three),
        make::animated_webp(&three),
    ] {
        let default = Limits::default();
        for (file, limits, expected) in [
            (
                &still,
                Limits {
                    pixels: 1200,
                    ..default
                },
                None,
            ),
            (
                &still,
                Limits {
                    pixels: 1199,
                    ..default
                },
                Some("too_many_pixels"),
            ),
            (
                &still,
                Limits {
                    animation_pixels: 0,
                    ..default
                },
                None,
            ),
            (
                &still,
                Limits {
                    bytes: still.len() as u64,
                    ..default
                },
                None,
            ),
            (
                &still,
                Limits {
                    bytes: still.len() as u64 - 1,
                    ..default
                },
                Some("too_many_bytes"),
            ),
            (
                &still,
                Limits {
                    decoded_bytes: 1200,
                    ..default
                },
                Some("too_much_memory"),
            ),
            (
                &moving,
                Limits {
                    frames: 3,
                    ..default
                },
                None,
            ),
            (
                &moving,
                Limits {
                    frames: 2,
                    ..default
                },
                Some("too_many_frames"),
            ),
            (
                &moving,
                Limits {
                    animation_pixels: 3600,
                    ..default
                },
                None,
            ),
            (
                &moving,
                Limits {
                    animation_pixels: 3599,
                    ..default
                },
                Some("too_many_pixels"),
            ),
        ] {
            assert_eq!(code(file, &limits), expected, "{limits:?}");
        }
    }
    assert_eq!(
        error(
            &still,
            &Limits {
                pixels: 7,
                ..Limits::default()
            }
        )
        .to_string(),
        "cannot decode the PNG: it is 40x30 pixels, more than 7"
    );
}

#[test]
fn a_jpeg_that_needs_no_second_look_is_not_held() {
    // 2 megapixels, of which a few rows are held at a time.
    let file = make::jpeg(&make::drawing(2000, 1000, 1));
    let limits = |decoded_bytes| Limits {
        decoded_bytes,
        ..Limits::default()
    };
    assert_eq!(code(&file, &limits(600_000)), None);
    assert_eq!(code(&file, &limits(60_000)), Some("too_much_memory"));
}
