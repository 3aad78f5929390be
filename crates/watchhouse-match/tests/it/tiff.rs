//! Writes TIFF files of every sort that people meet, by hand and through an encoder.

use std::io::Cursor;

use image::{DynamicImage, ImageBuffer, Luma, RgbImage, RgbaImage};
use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, colortype};

use crate::make;

mod tag {
    pub(super) const WIDTH: u16 = 256;
    pub(super) const HEIGHT: u16 = 257;
    pub(super) const BITS: u16 = 258;
    pub(super) const COMPRESSION: u16 = 259;
    pub(super) const MEANING: u16 = 262;
    pub(super) const STRIPS: u16 = 273;
    pub(super) const SAMPLES: u16 = 277;
    pub(super) const ROWS_PER_STRIP: u16 = 278;
    pub(super) const STRIP_SIZES: u16 = 279;
    pub(super) const PLANES: u16 = 284;
    pub(super) const PALETTE: u16 = 320;
    pub(super) const TILE_WIDTH: u16 = 322;
    pub(super) const TILE_HEIGHT: u16 = 323;
    pub(super) const TILES: u16 = 324;
    pub(super) const TILE_SIZES: u16 = 325;
    pub(super) const SUBSAMPLING: u16 = 530;
}

mod meaning {
    pub(super) const WHITE_IS_ZERO: u32 = 0;
    pub(super) const RGB: u32 = 2;
    pub(super) const PALETTE: u32 = 3;
    pub(super) const INKS: u32 = 5;
    pub(super) const LUMA_AND_CHROMA: u32 = 6;
}

const UNCOMPRESSED: u32 = 1;
const JPEG: u32 = 7;

/// A picture in files of many sorts, each with its name.
pub(crate) fn of_every_sort(picture: &RgbImage) -> Vec<(&'static str, Vec<u8>)> {
    let rgb = DynamicImage::from(picture.clone());
    let samples = picture.as_raw();
    let grey = rgb.to_luma8();
    let inverted: Vec<u8> = grey.iter().map(|sample| !sample).collect();
    vec![
        ("plain", encoded(picture, Compression::Uncompressed)),
        ("lzw", encoded(picture, Compression::Lzw)),
        (
            "deflate",
            encoded(picture, Compression::Deflate(DeflateLevel::Fast)),
        ),
        ("packed", encoded(picture, Compression::Packbits)),
        (
            "16 bits",
            encoded_as::<colortype::RGB16>(picture, rgb.to_rgb16().as_raw()),
        ),
        ("grey", encoded_as::<colortype::Gray8>(picture, &grey)),
        (
            "grey of 16 bits",
            encoded_as::<colortype::Gray16>(picture, rgb.to_luma16().as_raw()),
        ),
        (
            "alpha",
            encoded_as::<colortype::RGBA8>(picture, rgb.to_rgba8().as_raw()),
        ),
        (
            "inks",
            written(
                picture,
                &[
                    (tag::BITS, 8),
                    (tag::MEANING, meaning::INKS),
                    (tag::SAMPLES, 4),
                ],
                &[inks(samples)],
            ),
        ),
        (
            "inverted grey",
            written(
                picture,
                &[
                    (tag::BITS, 8),
                    (tag::MEANING, meaning::WHITE_IS_ZERO),
                    (tag::SAMPLES, 1),
                ],
                &[inverted],
            ),
        ),
        ("palette", palette(picture)),
        (
            "planes",
            written(
                picture,
                &[
                    (tag::BITS, 8),
                    (tag::MEANING, meaning::RGB),
                    (tag::SAMPLES, 3),
                    (tag::PLANES, 2),
                ],
                &planes(samples),
            ),
        ),
        ("tiles", tiles(picture)),
        (
            "jpeg",
            written(
                picture,
                &[
                    (tag::BITS, 8),
                    (tag::COMPRESSION, JPEG),
                    (tag::MEANING, meaning::LUMA_AND_CHROMA),
                    (tag::SAMPLES, 3),
                    (tag::SUBSAMPLING, 0x0001_0001),
                ],
                &[make::jpeg(picture)],
            ),
        ),
    ]
}

pub(crate) fn of_pages(pages: &[RgbImage]) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).expect("writes to memory");
    for page in pages {
        let (width, height) = page.dimensions();
        encoder
            .write_image::<colortype::RGB8>(width, height, page)
            .expect("writes to memory");
    }
    file.into_inner()
}

pub(crate) fn grey_of_16_bits(picture: &ImageBuffer<Luma<u16>, Vec<u16>>) -> Vec<u8> {
    let size = RgbImage::new(picture.width(), picture.height());
    encoded_as::<colortype::Gray16>(&size, picture.as_raw())
}

pub(crate) fn with_alpha(picture: &RgbaImage) -> Vec<u8> {
    let size = RgbImage::new(picture.width(), picture.height());
    encoded_as::<colortype::RGBA8>(&size, picture.as_raw())
}

fn encoded(picture: &RgbImage, compression: Compression) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let encoder = TiffEncoder::new(&mut file).expect("writes to memory");
    let (width, height) = picture.dimensions();
    encoder
        .with_compression(compression)
        .write_image::<colortype::RGB8>(width, height, picture)
        .expect("writes to memory");
    file.into_inner()
}

/// `size` is the picture whose samples these are, in another form.
fn encoded_as<C: colortype::ColorType>(size: &RgbImage, samples: &[C::Inner]) -> Vec<u8>
where
    [C::Inner]: tiff::encoder::TiffValue,
{
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).expect("writes to memory");
    encoder
        .write_image::<C>(size.width(), size.height(), samples)
        .expect("writes to memory");
    file.into_inner()
}

/// The colours of `picture`, of which there are at most 256, and where each of them is.
fn palette(picture: &RgbImage) -> Vec<u8> {
    let coarse = |sample: u8| (u32::from(sample) + 25) / 51;
    let indexes: Vec<u8> = picture
        .pixels()
        .map(|pixel| {
            let [red, green, blue] = pixel.0.map(coarse);
            (red * 36 + green * 6 + blue) as u8
        })
        .collect();
    let color = |index: u32, step: u32| index / step % 6 * 51 * 257;
    let colors = [36, 6, 1].map(|step| (0..256).map(move |index| color(index, step)));
    let fields = [
        (tag::BITS, vec![8]),
        (tag::MEANING, vec![meaning::PALETTE]),
        (tag::SAMPLES, vec![1]),
        (tag::PALETTE, colors.into_iter().flatten().collect()),
    ];
    let strips = (tag::STRIPS, tag::STRIP_SIZES);
    file(picture, &fields, strips, &[indexes])
}

/// Squares of 64, which do not fit the picture, with zeros beyond it.
fn tiles(picture: &RgbImage) -> Vec<u8> {
    const SIDE: u32 = 64;
    let (width, height) = picture.dimensions();
    let mut tiles = Vec::new();
    for top in (0..height).step_by(SIDE as usize) {
        for left in (0..width).step_by(SIDE as usize) {
            let places = (top..top + SIDE).flat_map(|y| (left..left + SIDE).map(move |x| (x, y)));
            let pixels = places.map(|(x, y)| {
                picture
                    .get_pixel_checked(x, y)
                    .map_or([0; 3], |pixel| pixel.0)
            });
            tiles.push(pixels.flatten().collect());
        }
    }
    let fields = [
        (tag::BITS, vec![8; 3]),
        (tag::MEANING, vec![meaning::RGB]),
        (tag::SAMPLES, vec![3]),
        (tag::TILE_WIDTH, vec![SIDE]),
        (tag::TILE_HEIGHT, vec![SIDE]),
    ];
    file(picture, &fields, (tag::TILES, tag::TILE_SIZES), &tiles)
}

fn inks(samples: &[u8]) -> Vec<u8> {
    let pixels = samples.chunks_exact(3);
    pixels
        .flat_map(|pixel| [!pixel[0], !pixel[1], !pixel[2], 0])
        .collect()
}

fn planes(samples: &[u8]) -> [Vec<u8>; 3] {
    [0, 1, 2].map(|which| samples.iter().skip(which).step_by(3).copied().collect())
}

fn written(picture: &RgbImage, fields: &[(u16, u32)], strips: &[Vec<u8>]) -> Vec<u8> {
    let fields: Vec<(u16, Vec<u32>)> = fields
        .iter()
        .map(|(tag, value)| match *tag {
            tag::SUBSAMPLING => (*tag, vec![value >> 16, value & 0xffff]),
            _ => (*tag, vec![*value]),
        })
        .collect();
    file(picture, &fields, (tag::STRIPS, tag::STRIP_SIZES), strips)
}

/// One directory and its parts, little endian; `parts` are the tags of their places and sizes.
fn file(
    picture: &RgbImage,
    fields: &[(u16, Vec<u32>)],
    parts: (u16, u16),
    data: &[Vec<u8>],
) -> Vec<u8> {
    let mut file = b"II*\0\0\0\0\0".to_vec();
    let places: Vec<u32> = data
        .iter()
        .map(|part| {
            let at = file.len() as u32;
            file.extend(part);
            file.resize(file.len().next_multiple_of(2), 0);
            at
        })
        .collect();
    let mut fields = fields.to_vec();
    let sizes = data.iter().map(|part| part.len() as u32).collect();
    fields.extend([
        (tag::WIDTH, vec![picture.width()]),
        (tag::HEIGHT, vec![picture.height()]),
        (parts.0, places),
        (parts.1, sizes),
    ]);
    if parts.0 == tag::STRIPS {
        fields.push((tag::ROWS_PER_STRIP, vec![picture.height()]));
    }
    if !fields.iter().any(|(tag, _)| *tag == tag::COMPRESSION) {
        fields.push((tag::COMPRESSION, vec![UNCOMPRESSED]));
    }
    fields.sort();

    let mut entries = Vec::new();
    for (tag, values) in &fields {
        // Places and sizes are long, all else is short.
        let is_long = [parts.0, parts.1].contains(tag);
        let bytes: Vec<u8> = match is_long {
            true => values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
            false => values
                .iter()
                .flat_map(|value| (*value as u16).to_le_bytes())
                .collect(),
        };
        entries.extend(tag.to_le_bytes());
        entries.extend(if is_long { 4u16 } else { 3 }.to_le_bytes());
        entries.extend((values.len() as u32).to_le_bytes());
        let mut value = match bytes.len() {
            0..=4 => bytes,
            _ => {
                let at = file.len() as u32;
                file.extend(&bytes);
                at.to_le_bytes().to_vec()
            }
        };
        value.resize(4, 0);
        entries.extend(value);
    }
    let directory = file.len() as u32;
    file[4..8].copy_from_slice(&directory.to_le_bytes());
    file.extend((fields.len() as u16).to_le_bytes());
    file.extend(entries);
    file.extend([0; 4]);
    file
}
