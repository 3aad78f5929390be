use image::{DynamicImage, ImageFormat, RgbImage};
use watchhouse_match::{Family, Format, Inspection, Limits, Pdq, Picture, Variant, inspect, pdq};

use crate::make;

fn inspected(file: &[u8]) -> Inspection {
    inspect(file, &Limits::default()).expect("this file is whole")
}

fn as_stored(inspection: &Inspection) -> Vec<Pdq> {
    let frames = inspection.frames.iter();
    let stored = frames.filter(|frame| frame.variant == Variant::AsStored);
    stored.map(|frame| frame.pdq).collect()
}

fn hash_of(picture: &RgbImage) -> Pdq {
    let (width, height) = picture.dimensions();
    pdq(
        &Picture::rgb(width as usize, height as usize, picture),
        Family::Full,
    )
}

#[test]
fn formats_that_keep_every_sample_give_the_hash_of_the_samples() {
    let picture = make::drawing(150, 97, 4);
    for (format, expected) in [
        (ImageFormat::Png, Format::Png),
        (ImageFormat::WebP, Format::WebP),
        (ImageFormat::Bmp, Format::Bmp),
    ] {
        let inspection = inspected(&make::file(picture.clone(), format));
        assert_eq!(inspection.format, expected);
        assert_eq!((inspection.width, inspection.height), (150, 97));
        let [frame] = &inspection.frames[..] else {
            panic!("{format:?} has {} frames", inspection.frames.len());
        };
        assert_eq!((frame.index, frame.pdq), (0, hash_of(&picture)));
        assert_eq!(frame.dihedrals[0], frame.pdq.hash);
    }
}

#[test]
fn formats_that_lose_detail_stay_within_the_threshold() {
    let picture = make::drawing(300, 200, 4);
    let gif = make::gif(std::slice::from_ref(&picture));
    for file in [make::jpeg(&picture), gif] {
        let hash = inspected(&file).frames[0].pdq.hash;
        let distance = hash.distance(&hash_of(&picture).hash);
        assert!(distance <= 20, "{distance} bits off");
    }
}

#[test]
fn alpha_is_dropped_and_the_colour_beneath_it_kept() {
    let picture = make::drawing(80, 80, 6);
    let mut transparent = DynamicImage::from(picture.clone()).into_rgba8();
    for (x, _, pixel) in transparent.enumerate_pixels_mut() {
        pixel.0[3] = if x < 40 { 0 } else { 128 };
    }
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp] {
        let frames = inspected(&make::file(transparent.clone(), format)).frames;
        assert_eq!(frames[0].pdq, hash_of(&picture), "{format:?}");
    }
}

#[test]
fn sixteen_bits_and_grey_give_the_hash_of_eight_bits() {
    let picture = DynamicImage::from(make::drawing(90, 70, 8));
    let eight = hash_of(&picture.to_rgb8());
    let sixteen = make::file(picture.to_rgb16(), ImageFormat::Png);
    assert_eq!(inspected(&sixteen).frames[0].pdq, eight);

    let grey = picture.to_luma8();
    let expected = pdq(&Picture::grey(90, 70, &grey), Family::Full);
    for (name, file) in [
        ("grey png", make::file(grey.clone(), ImageFormat::Png)),
        (
            "grey png with alpha",
            make::file(
                DynamicImage::from(grey.clone()).to_luma_alpha8(),
                ImageFormat::Png,
            ),
        ),
        ("grey bmp", make::file(grey.clone(), ImageFormat::Bmp)),
    ] {
        assert_eq!(inspected(&file).frames[0].pdq, expected, "{name}");
    }
}

#[test]
fn every_frame_of_an_animation_is_hashed() {
    let drawings: Vec<_> = (0..5).map(|seed| make::poster(60, 50, seed)).collect();
    let expected: Vec<_> = drawings.iter().map(hash_of).collect();
    let thumbnail = make::poster(60, 50, 9);
    for (file, first_played) in [
        (make::gif(&drawings), 0),
        (make::apng(None, &drawings), 0),
        (make::animated_webp(&drawings), 0),
        (make::apng(Some(&thumbnail), &drawings), 1),
    ] {
        let frames = inspected(&file).frames;
        let played = &frames[first_played..];
        assert_eq!(
            played.iter().map(|frame| frame.pdq).collect::<Vec<_>>(),
            expected
        );
        let indexes: Vec<u32> = frames.iter().map(|frame| frame.index).collect();
        assert_eq!(indexes, (0..frames.len() as u32).collect::<Vec<_>>());
        if first_played == 1 {
            assert_eq!(frames[0].pdq, hash_of(&thumbnail));
        }
    }
}

/// The canvas of an animation, painted by hand.
struct Painting(RgbImage);

impl Painting {
    fn paint(&mut self, part: &RgbImage, (x, y): (u32, u32)) -> Pdq {
        image::imageops::replace(&mut self.0, part, x.into(), y.into());
        hash_of(&self.0)
    }
}

#[test]
fn parts_of_a_webp_are_laid_over_each_other() {
    let whole = make::drawing(80, 60, 1);
    let (a, b, c) = (
        make::drawing(40, 30, 2),
        make::drawing(20, 20, 3),
        make::drawing(30, 30, 4),
    );
    let mut half_hidden = DynamicImage::from(c.clone()).into_rgba8();
    for (x, _, pixel) in half_hidden.enumerate_pixels_mut() {
        pixel.0[3] = if x < 15 { 255 } else { 0 };
    }
    let frames = [
        make::webp_frame(whole.clone(), (0, 0), 0),
        make::webp_frame(a.clone(), (20, 10), 1),
        make::webp_frame(b.clone(), (40, 30), 0),
        make::webp_frame(half_hidden, (0, 30), 0),
    ];

    let inspection = inspected(&make::webp_of_frames(80, 60, frames));

    let mut canvas = Painting(RgbImage::new(80, 60));
    let first = canvas.paint(&whole, (0, 0));
    let second = canvas.paint(&a, (20, 10));
    canvas.paint(&RgbImage::new(40, 30), (20, 10));
    let third = canvas.paint(&b, (40, 30));
    let shown = image::imageops::crop_imm(&c, 0, 0, 15, 30).to_image();
    let fourth = canvas.paint(&shown, (0, 30));
    let hashes = as_stored(&inspection);
    assert_eq!(hashes, [first, second, third, fourth]);
}

#[test]
fn parts_of_an_apng_are_disposed_of_as_they_ask() {
    use png::{BlendOp, DisposeOp};
    let whole = make::drawing(80, 60, 1);
    let (a, b, c, d) = (
        make::drawing(40, 30, 2),
        make::drawing(30, 40, 3),
        make::drawing(20, 20, 4),
        make::drawing(16, 16, 5),
    );
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 80, 60);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(5, 0).expect("has frames");
    let mut writer = encoder.write_header().expect("writes to memory");
    for (part, (x, y), dispose) in [
        (&whole, (0, 0), DisposeOp::None),
        (&a, (20, 10), DisposeOp::Background),
        // Restores what the clearing above left, not what was there before it.
        (&b, (30, 5), DisposeOp::Previous),
        (&c, (10, 30), DisposeOp::None),
        (&d, (50, 40), DisposeOp::None),
    ] {
        // The writer checks each of these against the other, so it starts from the corner.
        writer.set_frame_position(0, 0).expect("on the canvas");
        let (width, height) = part.dimensions();
        writer
            .set_frame_dimension(width, height)
            .expect("on the canvas");
        writer.set_frame_position(x, y).expect("on the canvas");
        writer.set_blend_op(BlendOp::Source).expect("is animated");
        writer.set_dispose_op(dispose).expect("is animated");
        writer.write_image_data(part).expect("of the right size");
    }
    writer.finish().expect("all frames were written");

    let inspection = inspected(&file);

    let mut canvas = Painting(RgbImage::new(80, 60));
    let first = canvas.paint(&whole, (0, 0));
    let second = canvas.paint(&a, (20, 10));
    canvas.paint(&RgbImage::new(40, 30), (20, 10));
    let cleared = canvas.0.clone();
    let third = canvas.paint(&b, (30, 5));
    canvas.paint(&cleared, (0, 0));
    let fourth = canvas.paint(&c, (10, 30));
    let fifth = canvas.paint(&d, (50, 40));
    let hashes = as_stored(&inspection);
    assert_eq!(hashes, [first, second, third, fourth, fifth]);
}

#[test]
fn equal_frames_are_told_once_with_the_first_index() {
    let (a, b) = (make::drawing(60, 50, 1), make::drawing(60, 50, 2));
    let frames = [a.clone(), a.clone(), b.clone(), a, b];
    for file in [
        make::apng(None, &frames),
        make::animated_webp(&frames),
        make::gif(&frames),
    ] {
        let frames = inspected(&file).frames;
        let indexes: Vec<u32> = frames.iter().map(|frame| frame.index).collect();
        assert_eq!(indexes, [0, 2]);
    }
}

#[test]
fn a_picture_within_a_gif_canvas_is_composed() {
    // The frame covers the lower right quarter; the rest of the canvas is empty, which is black.
    let part = make::poster(40, 30, 3);
    let mut file = make::gif(std::slice::from_ref(&part));
    file[6..10].copy_from_slice(&[80, 0, 60, 0]);
    let header = [0x2c, 0, 0, 0, 0, 40, 0, 30, 0];
    let frame = file
        .windows(header.len())
        .position(|at| at == header)
        .expect("the encoder wrote this frame");
    file[frame + 1..frame + 5].copy_from_slice(&[40, 0, 30, 0]);

    let inspection = inspected(&file);

    let mut canvas = Painting(RgbImage::new(80, 60));
    let expected = canvas.paint(&part, (40, 30));
    assert_eq!((inspection.width, inspection.height), (80, 60));
    assert_eq!(inspection.frames[0].pdq, expected);
}

#[test]
fn orientation_in_metadata_is_not_applied() {
    let picture = make::drawing(64, 48, 2);
    let plain = make::jpeg(&picture);
    // An Exif segment that asks for a quarter turn, right after the start of the image.
    let tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let exif = [&b"Exif\0\0"[..], tiff].concat();
    let size = (exif.len() as u16 + 2).to_be_bytes();
    let turned = [&plain[..2], &[0xff, 0xe1], &size, &exif, &plain[2..]].concat();
    assert_eq!(inspected(&turned), inspected(&plain));
}

#[test]
fn an_example_for_documents_is_the_hash_of_a_drawing() {
    let example = watchhouse_match::HashKind::Pdq.example();
    assert_eq!(
        hash_of(&make::drawing(256, 256, 1)).hash.to_string(),
        example
    );
}
