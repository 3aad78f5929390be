//! Letterboxes and frames: a second hash without them, and none where there are none.

use image::{DynamicImage, Rgb, RgbImage, imageops};
use proptest::prelude::*;
use watchhouse_match::{Area, Family, Frame, Limits, Pdq, Picture, Variant, inspect, pdq};

use crate::make;
use crate::pillow::pixels_of;

fn frames(file: &[u8]) -> Vec<Frame> {
    inspect(file, &Limits::default())
        .expect("it is whole")
        .frames
}

fn without_border(file: &[u8]) -> Option<(Area, Pdq)> {
    frames(file)
        .into_iter()
        .find_map(|frame| match frame.variant {
            Variant::WithoutBorder(area) => Some((area, frame.pdq)),
            _ => None,
        })
}

fn hash_of(picture: &RgbImage) -> Pdq {
    let (width, height) = picture.dimensions();
    pdq(
        &Picture::rgb(width as usize, height as usize, picture),
        Family::Full,
    )
}

fn png(picture: &RgbImage) -> Vec<u8> {
    make::file(picture.clone(), image::ImageFormat::Png)
}

fn jpeg(picture: impl Into<DynamicImage>, quality: u8) -> Vec<u8> {
    let mut file = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, quality)
        .encode_image(&picture.into())
        .expect("drawings can be written");
    file
}

/// `picture` on a page of one colour, with so much of it at the left, top, right and bottom.
fn on_page(picture: &RgbImage, color: [u8; 3], [left, top, right, bottom]: [u32; 4]) -> RgbImage {
    let (width, height) = picture.dimensions();
    let mut page = RgbImage::from_pixel(width + left + right, height + top + bottom, Rgb(color));
    imageops::replace(&mut page, picture, left.into(), top.into());
    page
}

#[test]
fn a_border_on_any_side_is_taken_off() {
    let picture = make::drawing(300, 200, 5);
    for color in [[0; 3], [255; 3], [250, 20, 90]] {
        for sides in [
            [0, 40, 0, 40],
            [60, 0, 60, 0],
            [30, 30, 30, 30],
            [0, 0, 0, 50],
            [25, 0, 0, 0],
        ] {
            let file = png(&on_page(&picture, color, sides));
            let found = without_border(&file).unwrap_or_else(|| panic!("{color:?} {sides:?}"));
            let [left, top, ..] = sides;
            let expected = Area {
                left,
                top,
                width: 300,
                height: 200,
            };
            assert_eq!(found, (expected, hash_of(&picture)), "{color:?} {sides:?}");
        }
    }
}

#[test]
fn a_frame_within_a_letterbox_is_taken_off_too() {
    let picture = make::drawing(300, 200, 5);
    let framed = on_page(&picture, [240, 200, 180], [20, 20, 20, 20]);
    let boxed = on_page(&framed, [0; 3], [0, 60, 0, 60]);
    let found = without_border(&png(&boxed)).map(|(_, pdq)| pdq);
    assert_eq!(found, Some(hash_of(&picture)));
}

#[test]
fn noise_of_jpeg_does_not_hide_a_border() {
    for seed in 0..12 {
        let picture = make::drawing(320, 240, seed);
        let boxed = on_page(&picture, [0; 3], [0, 45, 0, 45]);
        let file = jpeg(boxed, 50);
        let (area, found) = without_border(&file).unwrap_or_else(|| panic!("seed {seed}"));
        let distance = found.hash.distance(&hash_of(&picture).hash);
        assert!(
            distance <= 31,
            "seed {seed} is {distance} bits off, {area:?}"
        );
    }
}

#[test]
fn transparent_edges_are_a_border() {
    let picture = make::drawing(300, 200, 5);
    let mut page = DynamicImage::from(make::drawing(400, 300, 8)).into_rgba8();
    for pixel in page.pixels_mut() {
        pixel.0[3] = 0;
    }
    imageops::replace(
        &mut page,
        &DynamicImage::from(picture.clone()).into_rgba8(),
        50,
        50,
    );
    let found = without_border(&make::file(page, image::ImageFormat::Png));
    assert_eq!(found.map(|(_, pdq)| pdq), Some(hash_of(&picture)));
}

#[test]
fn nothing_is_taken_off_where_little_would_be_left_or_little_changed() {
    let picture = make::drawing(300, 200, 5);
    for (name, page) in [
        ("plain", RgbImage::from_pixel(300, 200, Rgb([90; 3]))),
        ("a stamp on a page", on_page(&picture, [255; 3], [300; 4])),
        ("a line", on_page(&picture, [0; 3], [1, 1, 1, 1])),
        ("no border", picture.clone()),
    ] {
        assert_eq!(without_border(&png(&page)), None, "{name}");
    }
}

#[test]
fn taking_a_border_off_rows_counts_against_the_limit_on_memory() {
    let picture = make::drawing(300, 280, 5);
    let boxed = on_page(&make::drawing(300, 200, 5), [0; 3], [0, 40, 0, 40]);
    let limits = |decoded_bytes| Limits {
        decoded_bytes,
        ..Limits::default()
    };
    // Rows take a part of this, and all pixels 252,000 bytes more.
    let codes = [&picture, &boxed].map(|picture| {
        let answer = inspect(&jpeg(picture.clone(), 80), &limits(250_000));
        answer.err().map(|error| error.code())
    });
    assert_eq!(codes, [None, Some("too_much_memory")]);
    assert!(inspect(&jpeg(boxed, 80), &limits(400_000)).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_picture_keeps_its_first_hash_and_has_few_others(
        width in 1u32..200, height in 1u32..200, seed in 0u32..100,
        page in any::<[u8; 3]>(), sides in prop::array::uniform4(0u32..60),
    ) {
        let picture = on_page(&make::drawing(width, height, seed), page, sides);
        let frames = frames(&png(&picture));
        prop_assert_eq!(frames[0].variant, Variant::AsStored);
        prop_assert_eq!(frames[0].pdq, hash_of(&picture));
        prop_assert!(frames.len() <= Variant::MOST as usize);
        for frame in &frames[1..] {
            let Variant::WithoutBorder(area) = frame.variant else {
                panic!("{:?}", frame.variant);
            };
            let inner = imageops::crop_imm(&picture, area.left, area.top, area.width, area.height);
            prop_assert_eq!(frame.pdq, hash_of(&inner.to_image()));
        }
    }

    #[test]
    fn a_jpeg_has_the_frames_of_its_pixels_in_another_format(
        width in 1u32..200, height in 1u32..200, seed in 0u32..100, quality in 20u8..=95,
        page in any::<[u8; 3]>(), sides in prop::array::uniform4(0u32..60), is_grey in any::<bool>(),
    ) {
        let picture = DynamicImage::from(on_page(&make::drawing(width, height, seed), page, sides));
        let (width, height) = (picture.width(), picture.height());
        let file = match is_grey {
            true => jpeg(picture.into_luma8(), quality),
            false => jpeg(picture, quality),
        };
        let pixels = RgbImage::from_raw(width, height, pixels_of(&file));
        prop_assert_eq!(frames(&file), frames(&png(&pixels.expect("all of them"))));
    }
}
