//! Draws pictures and writes them in every format.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, RgbImage, RgbaImage};

/// Rings, a slope and a grid: detail at several scales, different for each seed.
pub(crate) fn drawing(width: u32, height: u32, seed: u32) -> RgbImage {
    let (centre_x, centre_y) = (f64::from(17 * seed % width), f64::from(29 * seed % height));
    RgbImage::from_fn(width, height, |x, y| {
        let distance = (f64::from(x) - centre_x).hypot(f64::from(y) - centre_y);
        let ring = ((distance / (3.0 + f64::from(seed % 5))).sin() * 60.0 + 128.0) as u8;
        let slope = ((x * (1 + seed % 3) + y * 2) % 256) as u8;
        let grid = if (x / 8 + y / 8 + seed).is_multiple_of(3) {
            200
        } else {
            40
        };
        image::Rgb([ring, slope, grid])
    })
}

/// The same in at most 216 colours, which GIF keeps exactly.
pub(crate) fn poster(width: u32, height: u32, seed: u32) -> RgbImage {
    let mut drawing = drawing(width, height, seed);
    for sample in drawing.iter_mut() {
        *sample = *sample / 51 * 51;
    }
    drawing
}

/// `picture` in a format that keeps every sample (JPEG and GIF do not).
pub(crate) fn file(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture
        .into()
        .write_to(&mut file, format)
        .expect("drawings can be written");
    file.into_inner()
}

pub(crate) fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, 95)
        .encode_image(picture)
        .expect("drawings can be written");
    file
}

pub(crate) fn gif(frames: &[RgbImage]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut file, 30);
    for frame in frames {
        let frame = DynamicImage::from(frame.clone()).into_rgba8();
        encoder
            .encode_frame(image::Frame::new(frame))
            .expect("drawings can be written");
    }
    drop(encoder);
    file
}

/// An animated PNG, with `thumbnail` as the picture that only old programs show.
pub(crate) fn apng(thumbnail: Option<&RgbImage>, frames: &[RgbImage]) -> Vec<u8> {
    let (width, height) = frames[0].dimensions();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder
        .set_animated(frames.len() as u32, 0)
        .expect("has frames");
    encoder
        .set_sep_def_img(thumbnail.is_some())
        .expect("before the header");
    let mut writer = encoder.write_header().expect("writes to memory");
    for frame in thumbnail.into_iter().chain(frames) {
        writer.write_image_data(frame).expect("of the right size");
    }
    writer.finish().expect("all frames were written");
    file
}

/// An animated WebP with lossless frames that cover the canvas.
pub(crate) fn animated_webp(frames: &[RgbImage]) -> Vec<u8> {
    let (width, height) = frames[0].dimensions();
    let frames = frames
        .iter()
        .map(|frame| webp_frame(frame.clone(), (0, 0), 0));
    webp_of_frames(width, height, frames)
}

/// `flags`: 1 clears the frame's place afterwards, 2 replaces what is below instead of blending.
pub(crate) fn webp_frame(frame: impl Into<DynamicImage>, (x, y): (u32, u32), flags: u8) -> Vec<u8> {
    let frame = frame.into();
    let (width, height) = (frame.width(), frame.height());
    let still = file(frame, ImageFormat::WebP);
    let fields = [x / 2, y / 2, width - 1, height - 1, 100].map(u24);
    // After the still's header comes the lossless chunk, and nothing else.
    chunk(
        b"ANMF",
        &[&fields.concat(), &[flags][..], &still[12..]].concat(),
    )
}

pub(crate) fn webp_of_frames(
    width: u32,
    height: u32,
    frames: impl IntoIterator<Item = Vec<u8>>,
) -> Vec<u8> {
    let header = [&[0x02, 0, 0, 0][..], &u24(width - 1), &u24(height - 1)].concat();
    let mut chunks = b"WEBP".to_vec();
    chunks.extend(chunk(b"VP8X", &header));
    chunks.extend(chunk(b"ANIM", &[0; 6]));
    chunks.extend(frames.into_iter().flatten());
    chunk(b"RIFF", &chunks)
}

fn u24(number: u32) -> [u8; 3] {
    let [low, middle, high, _] = number.to_le_bytes();
    [low, middle, high]
}

pub(crate) fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut chunk = kind.to_vec();
    chunk.extend((content.len() as u32).to_le_bytes());
    chunk.extend(content);
    if content.len() % 2 == 1 {
        chunk.push(0);
    }
    chunk
}

/// A picture that `tests/pictures/make` wrote.
pub(crate) fn stored(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
    fs::read(folder.join(name)).expect("it lies beside the tests")
}

/// A small still picture in each format, with its name.
pub(crate) fn one_of_each() -> Vec<(&'static str, Vec<u8>)> {
    let picture = drawing(37, 29, 1);
    let frames = [picture.clone(), drawing(37, 29, 2), drawing(37, 29, 3)];
    let rgba: RgbaImage = DynamicImage::from(picture.clone()).into_rgba8();
    vec![
        ("jpeg", jpeg(&picture)),
        ("png", file(picture.clone(), ImageFormat::Png)),
        ("png with alpha", file(rgba.clone(), ImageFormat::Png)),
        ("animated png", apng(None, &frames)),
        (
            "animated png with a thumbnail",
            apng(Some(&frames[2]), &frames[..2]),
        ),
        ("gif", gif(&frames[..1])),
        ("animated gif", gif(&frames)),
        ("webp", file(picture.clone(), ImageFormat::WebP)),
        ("webp with alpha", file(rgba, ImageFormat::WebP)),
        ("animated webp", animated_webp(&frames)),
        ("bmp", file(picture, ImageFormat::Bmp)),
    ]
}
