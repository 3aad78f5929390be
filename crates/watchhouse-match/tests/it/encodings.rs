//! The same picture in many encodings: each hashes within ten bits of its plain RGB form.

use image::codecs::gif::GifEncoder;
use image::{DynamicImage, ExtendedColorType, GrayImage, ImageFormat, RgbImage};
use watchhouse_match::{
    DecodeErrorKind, Family, Format, Frame, Inspection, Limits, PdqHash, Picture, Variant, inspect,
    pdq,
};

use crate::{make, tiff};

/// The most bits that an encoding may be off.
const NEAR: u32 = 10;

fn inspected(file: &[u8]) -> Inspection {
    inspect(file, &Limits::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn hash_of(picture: &RgbImage) -> PdqHash {
    let (width, height) = picture.dimensions();
    pdq(
        &Picture::rgb(width as usize, height as usize, picture),
        Family::Full,
    )
    .hash
}

fn variant(inspection: &Inspection, variant: Variant) -> &Frame {
    let mut frames = inspection.frames.iter();
    frames
        .find(|frame| frame.variant == variant)
        .unwrap_or_else(|| panic!("there is no {variant:?} in {inspection:?}"))
}

/// Hills under a sky with a disc, as `tests/pictures/make` draws them.
fn scene(shift: i32) -> RgbImage {
    const WIDTH: i32 = 192;
    const HEIGHT: i32 = 144;
    RgbImage::from_fn(WIDTH as u32, HEIGHT as u32, |x, y| {
        let (x, y) = (x as i32, y as i32);
        let slope = if x > WIDTH / 2 { x * 7 % 40 } else { 0 };
        let hill = HEIGHT / 2 + (x - WIDTH / 2).pow(2) / 160 - slope / 4;
        let color = if (x - 40 - shift).pow(2) + (y - 30).pow(2) < 400 {
            [250, 230, 90]
        } else if y < hill {
            [60 + x / 4, 90 + y, 200 - y / 2]
        } else if (x / 12 + y / 12) % 3 == 0 {
            [20, 70 + x / 3, 30]
        } else {
            [110, 140 - x / 4, 60 + (y - hill) / 2]
        };
        image::Rgb(color.map(|sample| sample as u8))
    })
}

/// The scene in at most 216 colours.
fn poster() -> RgbImage {
    let mut poster = scene(0);
    for sample in poster.iter_mut() {
        *sample = ((u32::from(*sample) + 25) / 51 * 51) as u8;
    }
    poster
}

#[track_caller]
fn assert_near(name: &str, file: &[u8], format: Format, picture: &RgbImage) {
    let inspection = inspected(file);
    assert_eq!(inspection.format, format, "{name}");
    let size = (inspection.width, inspection.height);
    assert_eq!(size, picture.dimensions(), "{name}");
    let frame = variant(&inspection, Variant::AsStored);
    let distance = frame.pdq.hash.distance(&hash_of(picture));
    assert!(distance <= NEAR, "{name} is {distance} bits off");
}

#[test]
fn every_sort_of_png_is_near_its_plain_form() {
    let picture = poster();
    let rgb = DynamicImage::from(picture.clone());
    for (name, file) in [
        ("palette", palette(&picture)),
        ("interlaced", interlaced(&picture)),
        ("16 bits", make::file(rgb.to_rgb16(), ImageFormat::Png)),
        ("alpha", make::file(rgb.to_rgba8(), ImageFormat::Png)),
        (
            "alpha of 16 bits",
            make::file(rgb.to_rgba16(), ImageFormat::Png),
        ),
        ("grey", make::file(rgb.to_luma8(), ImageFormat::Png)),
        (
            "grey of 16 bits",
            make::file(rgb.to_luma16(), ImageFormat::Png),
        ),
        (
            "grey with alpha",
            make::file(rgb.to_luma_alpha8(), ImageFormat::Png),
        ),
    ] {
        assert_near(name, &file, Format::Png, &picture);
    }
}

#[test]
fn gif_and_webp_are_near_the_plain_form() {
    let picture = scene(0);
    let mut gif = Vec::new();
    GifEncoder::new_with_speed(&mut gif, 10)
        .encode(&picture, 192, 144, ExtendedColorType::Rgb8)
        .expect("drawings can be written");
    assert_near("gif", &gif, Format::Gif, &picture);
    let webp = make::file(picture.clone(), ImageFormat::WebP);
    assert_near("lossless webp", &webp, Format::WebP, &picture);
}

#[test]
fn every_sort_of_tiff_is_near_its_plain_form() {
    let picture = poster();
    for (name, file) in tiff::of_every_sort(&picture) {
        assert_near(name, &file, Format::Tiff, &picture);
    }
}

#[test]
fn pages_of_a_tiff_are_frames() {
    let pages = [scene(0), scene(30), scene(60)];
    let inspection = inspected(&tiff::of_pages(&pages));
    let stored = inspection
        .frames
        .iter()
        .filter(|frame| frame.variant == Variant::AsStored);
    let hashes: Vec<PdqHash> = stored.map(|frame| frame.pdq.hash).collect();
    assert_eq!(hashes, pages.each_ref().map(hash_of));
}

#[test]
fn jpeg_xl_avif_and_heic_are_near_the_plain_form() {
    let picture = scene(0);
    for (name, format) in [
        ("lossy.jxl", Format::Jxl),
        ("lossless.jxl", Format::Jxl),
        ("container.jxl", Format::Jxl),
        ("plain.avif", Format::Avif),
        ("ten-bits.avif", Format::Avif),
        ("limited.avif", Format::Avif),
        ("tiled.avif", Format::Avif),
        ("plain.heic", Format::Heic),
        ("444.heic", Format::Heic),
        ("ten-bits.heic", Format::Heic),
    ] {
        assert_near(name, &make::stored(name), format, &picture);
    }
}

#[test]
fn turning_that_the_container_asks_for_is_done() {
    let turned = image::imageops::rotate270(&scene(0));
    assert_near(
        "turned",
        &make::stored("turned.avif"),
        Format::Avif,
        &turned,
    );
}

#[test]
fn every_frame_of_a_sequence_is_hashed() {
    for name in ["animated.jxl", "animated.avif"] {
        let inspection = inspected(&make::stored(name));
        assert_eq!(
            inspection.frames.last().map(|frame| frame.index),
            Some(2),
            "{name}"
        );
        for shift in [0, 30, 60] {
            let expected = hash_of(&scene(shift));
            let distances = inspection.frames.iter();
            let nearest = distances
                .map(|frame| frame.pdq.hash.distance(&expected))
                .min();
            assert!(nearest <= Some(NEAR), "{name} at {shift}: {nearest:?}");
        }
    }
}

#[test]
fn what_alpha_hides_is_hashed_and_what_it_shows() {
    let picture = scene(0);
    let mut shown = picture.clone();
    for (x, _, pixel) in shown.enumerate_pixels_mut() {
        if x < 96 {
            *pixel = image::Rgb([255; 3]);
        }
    }
    let mut clear = DynamicImage::from(picture.clone()).into_rgba8();
    for (x, _, pixel) in clear.enumerate_pixels_mut() {
        pixel.0[3] = if x < 96 { 0 } else { 255 };
    }
    for (name, file, most) in [
        ("png", make::file(clear.clone(), ImageFormat::Png), 0),
        ("webp", make::file(clear.clone(), ImageFormat::WebP), 0),
        ("bmp", make::file(clear.clone(), ImageFormat::Bmp), 0),
        ("tiff", tiff::with_alpha(&clear), 0),
        ("jxl", make::stored("alpha.jxl"), NEAR),
        ("avif", make::stored("alpha.avif"), NEAR),
        ("heic", make::stored("alpha.heic"), NEAR),
    ] {
        let inspection = inspected(&file);
        let over_white = variant(&inspection, Variant::OverWhite).pdq.hash;
        let distance = over_white.distance(&hash_of(&shown));
        assert!(distance <= most, "{name} is {distance} bits off");
        // Encoders that lose detail need not keep what nobody sees.
        if most == 0 {
            let stored = variant(&inspection, Variant::AsStored).pdq.hash;
            assert_eq!(stored, hash_of(&picture), "{name}");
        }
    }
}

#[test]
fn opaque_alpha_makes_no_second_hash() {
    let opaque = DynamicImage::from(make::drawing(90, 70, 8)).into_rgba8();
    let inspection = inspected(&make::file(opaque, ImageFormat::Png));
    assert_eq!(inspection.frames.len(), 1);
}

#[test]
fn grey_of_16_bits_is_hashed_as_seen_and_as_the_lists_have_it() {
    // A dark picture that is white but for a few pixels once it is clipped.
    let drawing = make::drawing(120, 90, 3);
    let sixteen = image::ImageBuffer::from_fn(120, 90, |x, y| {
        image::Luma([u16::from(drawing.get_pixel(x, y).0[0]) * 7])
    });
    let grey = |of: fn(u16) -> u8| {
        let seen = GrayImage::from_fn(120, 90, |x, y| {
            image::Luma([of(sixteen.get_pixel(x, y).0[0])])
        });
        pdq(&Picture::grey(120, 90, &seen), Family::Full)
    };
    let png = make::file(sixteen.clone(), ImageFormat::Png);
    for file in [png, tiff::grey_of_16_bits(&sixteen)] {
        let inspection = inspected(&file);
        let seen = variant(&inspection, Variant::AsStored);
        assert_eq!(seen.pdq, grey(|sample| (sample >> 8) as u8));
        let clipped = variant(&inspection, Variant::Clipped);
        assert_eq!(clipped.pdq, grey(|sample| sample.min(255) as u8));
    }
}

#[test]
fn what_is_cut_off_is_refused() {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for name in [
        "lossy.jxl",
        "container.jxl",
        "plain.avif",
        "animated.avif",
        "plain.heic",
    ] {
        files.push((name.to_owned(), make::stored(name)));
    }
    for (name, file) in tiff::of_every_sort(&scene(0)) {
        files.push((format!("{name} tiff"), file));
    }
    for (name, file) in files {
        for part in [file.len() / 2, file.len() - 40] {
            let error = inspect(&file[..part], &Limits::default()).expect_err("cut off");
            assert_eq!(
                error.kind,
                DecodeErrorKind::Truncated,
                "{name}, {part}: {error}"
            );
        }
    }
}

#[test]
fn limits_hold_for_every_format() {
    let files = ["lossy.jxl", "plain.avif", "plain.heic", "tiled.avif"];
    let mut files: Vec<(&str, Vec<u8>)> = files.map(|name| (name, make::stored(name))).to_vec();
    files.extend(tiff::of_every_sort(&scene(0)));
    for (name, file) in &files {
        for (limits, expected) in [
            (
                Limits {
                    pixels: 20_000,
                    ..Limits::default()
                },
                DecodeErrorKind::TooManyPixels,
            ),
            (
                Limits {
                    decoded_bytes: 100_000,
                    ..Limits::default()
                },
                DecodeErrorKind::TooMuchMemory,
            ),
        ] {
            let error = inspect(file, &limits).expect_err("beyond a limit");
            assert_eq!(error.kind, expected, "{name}: {error}");
        }
    }
    for (name, file) in [
        ("pages", tiff::of_pages(&[scene(0), scene(30), scene(60)])),
        ("animated.jxl", make::stored("animated.jxl")),
        ("animated.avif", make::stored("animated.avif")),
    ] {
        let limits = Limits {
            frames: 2,
            ..Limits::default()
        };
        let error = inspect(&file, &limits).expect_err("beyond a limit");
        assert_eq!(
            error.kind,
            DecodeErrorKind::TooManyFrames,
            "{name}: {error}"
        );
    }
}

/// Of 216 colours.
fn palette(picture: &RgbImage) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Indexed);
    let steps = || (0..=255).step_by(51);
    let colors = steps()
        .flat_map(|red| steps().flat_map(move |green| steps().map(move |blue| [red, green, blue])));
    encoder.set_palette(colors.flatten().collect::<Vec<u8>>());
    let mut writer = encoder.write_header().expect("writes to memory");
    let indexes: Vec<u8> = picture
        .pixels()
        .map(|pixel| {
            let [red, green, blue] = pixel.0.map(|sample| (u32::from(sample) + 25) / 51);
            (red * 36 + green * 6 + blue) as u8
        })
        .collect();
    writer
        .write_image_data(&indexes)
        .expect("of the right size");
    writer.finish().expect("is whole");
    file
}

/// The encoder cannot interlace, so the seven passes are written here, without filters.
fn interlaced(picture: &RgbImage) -> Vec<u8> {
    const PASSES: [[usize; 4]; 7] = [
        [0, 0, 8, 8],
        [4, 0, 8, 8],
        [0, 4, 4, 8],
        [2, 0, 4, 4],
        [0, 2, 2, 4],
        [1, 0, 2, 2],
        [0, 1, 1, 2],
    ];
    let (width, height) = picture.dimensions();
    let mut rows = Vec::new();
    for [left, top, across, down] in PASSES {
        for y in (top..height as usize).step_by(down) {
            rows.push(0);
            for x in (left..width as usize).step_by(across) {
                rows.extend(picture.get_pixel(x as u32, y as u32).0);
            }
        }
    }
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 2, 0, 0, 1]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [
        (b"IHDR", header),
        (b"IDAT", stored_zlib(&rows)),
        (b"IEND", Vec::new()),
    ] {
        file.extend((data.len() as u32).to_be_bytes());
        let start = file.len();
        file.extend(kind);
        file.extend(&data);
        let checksum = crc32(&file[start..]);
        file.extend(checksum.to_be_bytes());
    }
    file
}

/// A zlib stream of blocks that are not compressed.
fn stored_zlib(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let n_blocks = data.len().div_ceil(0xffff);
    for (n, block) in data.chunks(0xffff).enumerate() {
        stream.push(u8::from(n + 1 == n_blocks));
        let size = block.len() as u16;
        stream.extend(size.to_le_bytes());
        stream.extend((!size).to_le_bytes());
        stream.extend(block);
    }
    let (mut a, mut b) = (1u32, 0u32);
    for byte in data {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |sum: u32, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 {
                sum >> 1 ^ 0xedb8_8320
            } else {
                sum >> 1
            }
        })
    })
}
