//! What people do to a picture before they post it again, and the encoders they use.
//!
//! The same picture MUST always give the same bytes, so that tests may name digests.

use std::fmt;
use std::io::Cursor;

use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, ImageEncoder, ImageFormat, Rgb, RgbImage};

mod lettering;

/// One way to alter a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alteration {
    /// The very bytes of the original.
    Unaltered,
    Half,
    Thumbnail,
    Recompressed,
    Cropped,
    CroppedHard,
    Watermarked,
    Captioned,
    Mirrored,
    Turned,
    Brightened,
    Grey,
    Blurred,
    AsWebp,
    AsGif,
    Framed,
}

/// A picture as it is posted.
#[derive(Clone)]
pub struct File {
    pub bytes: Vec<u8>,
    /// As in file names, without a dot.
    pub extension: &'static str,
    pub media_type: &'static str,
}

impl Alteration {
    pub const ALL: [Alteration; 16] = [
        Alteration::Unaltered,
        Alteration::Half,
        Alteration::Thumbnail,
        Alteration::Recompressed,
        Alteration::Cropped,
        Alteration::CroppedHard,
        Alteration::Watermarked,
        Alteration::Captioned,
        Alteration::Mirrored,
        Alteration::Turned,
        Alteration::Brightened,
        Alteration::Grey,
        Alteration::Blurred,
        Alteration::AsWebp,
        Alteration::AsGif,
        Alteration::Framed,
    ];

    /// The altered copy of a picture, as a file.
    pub fn of(self, original: &RgbImage) -> File {
        match self {
            Alteration::Unaltered => jpeg(original, ORIGINAL_QUALITY),
            Alteration::AsWebp => webp(original),
            Alteration::AsGif => gif(original),
            Alteration::Recompressed => jpeg(original, 30),
            Alteration::Thumbnail => png(&self.redraw(original)),
            _ => jpeg(&self.redraw(original), 85),
        }
    }

    /// Of the file that `of` gives, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Alteration::AsWebp => "webp",
            Alteration::AsGif => "gif",
            Alteration::Thumbnail => "png",
            _ => "jpg",
        }
    }

    fn redraw(self, original: &RgbImage) -> RgbImage {
        let (width, height) = original.dimensions();
        match self {
            Alteration::Unaltered
            | Alteration::AsWebp
            | Alteration::AsGif
            | Alteration::Recompressed => original.clone(),
            Alteration::Half => {
                imageops::resize(original, width / 2, height / 2, FilterType::CatmullRom)
            }
            Alteration::Thumbnail => {
                let longest = width.max(height);
                imageops::thumbnail(original, 160 * width / longest, 160 * height / longest)
            }
            Alteration::Cropped => cropped(original, 0.01),
            Alteration::CroppedHard => cropped(original, 0.08),
            Alteration::Watermarked => watermarked(original),
            Alteration::Captioned => captioned(original),
            Alteration::Mirrored => imageops::flip_horizontal(original),
            Alteration::Turned => imageops::rotate90(original),
            Alteration::Brightened => each_pixel(original, |Rgb(channels)| {
                Rgb(channels.map(|channel| (f32::from(channel) * 1.12 + 18.0).min(255.0) as u8))
            }),
            Alteration::Grey => each_pixel(original, |Rgb([red, green, blue])| {
                let luma =
                    0.299 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue);
                Rgb([luma.round() as u8; 3])
            }),
            Alteration::Blurred => imageops::blur(original, height as f32 / 250.0),
            Alteration::Framed => framed(original),
        }
    }
}

impl fmt::Display for Alteration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Alteration::Unaltered => "unaltered",
            Alteration::Half => "half size",
            Alteration::Thumbnail => "thumbnail",
            Alteration::Recompressed => "jpeg quality 30",
            Alteration::Cropped => "cropped 1 %",
            Alteration::CroppedHard => "cropped 8 %",
            Alteration::Watermarked => "watermarked",
            Alteration::Captioned => "captioned",
            Alteration::Mirrored => "mirrored",
            Alteration::Turned => "turned 90°",
            Alteration::Brightened => "brightened",
            Alteration::Grey => "greyscale",
            Alteration::Blurred => "blurred",
            Alteration::AsWebp => "as webp",
            Alteration::AsGif => "as gif",
            Alteration::Framed => "framed",
        })
    }
}

/// The JPEG quality of an original, as a telephone's camera would choose it.
pub const ORIGINAL_QUALITY: u8 = 90;

pub fn jpeg(picture: &RgbImage, quality: u8) -> File {
    let mut bytes = Vec::new();
    write(JpegEncoder::new_with_quality(&mut bytes, quality), picture);
    File {
        bytes,
        extension: "jpg",
        media_type: "image/jpeg",
    }
}

pub fn png(picture: &RgbImage) -> File {
    File {
        bytes: encoded(picture, ImageFormat::Png),
        extension: "png",
        media_type: "image/png",
    }
}

/// WebP without loss.
pub fn webp(picture: &RgbImage) -> File {
    File {
        bytes: encoded(picture, ImageFormat::WebP),
        extension: "webp",
        media_type: "image/webp",
    }
}

/// One frame of 256 colours.
pub fn gif(picture: &RgbImage) -> File {
    let mut bytes = Vec::new();
    let (width, height) = picture.dimensions();
    // Speed 10 of 30: finer palettes take ten times as long and look the same.
    GifEncoder::new_with_speed(&mut bytes, 10)
        .encode(picture.as_raw(), width, height, ExtendedColorType::Rgb8)
        .expect("encoding pixels into memory cannot fail");
    File {
        bytes,
        extension: "gif",
        media_type: "image/gif",
    }
}

fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, format)
        .expect("encoding pixels into memory cannot fail");
    bytes.into_inner()
}

fn write(encoder: impl ImageEncoder, picture: &RgbImage) {
    let (width, height) = picture.dimensions();
    encoder
        .write_image(picture.as_raw(), width, height, ExtendedColorType::Rgb8)
        .expect("encoding pixels into memory cannot fail");
}

fn each_pixel(picture: &RgbImage, change: impl Fn(Rgb<u8>) -> Rgb<u8>) -> RgbImage {
    let mut changed = picture.clone();
    for pixel in changed.pixels_mut() {
        *pixel = change(*pixel);
    }
    changed
}

/// Cuts `share` of the width and height off, all at the left and the top.
fn cropped(picture: &RgbImage, share: f32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let (left, top) = (
        (width as f32 * share).ceil() as u32,
        (height as f32 * share).ceil() as u32,
    );
    imageops::crop_imm(picture, left, top, width - left, height - top).to_image()
}

/// A half transparent word across the lower right corner.
fn watermarked(picture: &RgbImage) -> RgbImage {
    let mut marked = picture.clone();
    let dot = (picture.width() / 160).max(1);
    let word = "example.org";
    let (wide, high) = lettering::size(word, dot);
    let margin = dot * 3;
    let left = picture.width().saturating_sub(wide + margin);
    let top = picture.height().saturating_sub(high + margin);
    lettering::write(
        &mut marked,
        word,
        (left, top),
        dot,
        Rgb([255, 255, 255]),
        0.55,
    );
    marked
}

/// White on a black bar below the middle, as with a meme.
fn captioned(picture: &RgbImage) -> RgbImage {
    let mut marked = picture.clone();
    let words = "LOOK AT THIS";
    let dot = (picture.width() / 130).max(1);
    let (wide, high) = lettering::size(words, dot);
    let bar = high + dot * 4;
    let top = picture.height() - bar;
    for y in top..picture.height() {
        for x in 0..picture.width() {
            marked.put_pixel(x, y, Rgb([12, 12, 12]));
        }
    }
    let left = picture.width().saturating_sub(wide) / 2;
    lettering::write(
        &mut marked,
        words,
        (left, top + dot * 2),
        dot,
        Rgb([255, 255, 255]),
        1.0,
    );
    marked
}

/// On white paper, a tenth wider on each side.
fn framed(picture: &RgbImage) -> RgbImage {
    let border = picture.width().min(picture.height()) / 10;
    let mut paper = RgbImage::from_pixel(
        picture.width() + 2 * border,
        picture.height() + 2 * border,
        Rgb([250, 250, 248]),
    );
    imageops::replace(&mut paper, picture, i64::from(border), i64::from(border));
    paper
}
