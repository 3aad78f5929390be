//! HEIF: pictures coded by HEVC (HEIC) or AV1 (AVIF) in one container, which may be cut into tiles,
//! carry alpha, and ask to be cropped, turned and mirrored. That is done, for nobody shows such a
//! picture otherwise.
//!
//! The container is read by `heic-rs` and HEVC decoded by `heic-decoder`, which agrees with the
//! codec's reference where the other does not; both forbid `unsafe`. AV1 is rav1d's, behind `av1`.
//! What a decoder would allocate is checked first: HEVC's parameter sets are read for their sizes,
//! and AV1 is told its bound.

use heic_rs::boxes::BoxIter;
use heic_rs::context::Context;
use heic_rs::ftyp::FileType;
use heic_rs::hevc::Frame;
use heic_rs::props::ItemProps;
use heic_rs::props::hvcc::NAL_SPS;
use heic_rs::{Brand, Error, Grid, Image, Nclx, PixelLayout, color, grid, transform};

use super::error::malformed;
use super::{Canvas, DecodeError, DecodeErrorKind, Format, Limits, Viewer};
use crate::picture::{Channels, Picture};

mod av1;
mod hevc;
mod track;

use av1::Av1;

/// Planes of 16 bits in the decoder, in tiles and put together; and 8-bit samples, turned and not.
const AV1_BYTES_PER_PIXEL: u64 = 20;
/// Planes of 32 bits with quarter chroma, in tiles and put together, and 8-bit samples.
const HEVC_BYTES_PER_PIXEL: u64 = 16;

/// More brands than a file has a use for are not looked at.
const MOST_BRANDS: usize = 32;

/// What the first box announces.
pub(super) fn sniff(bytes: &[u8]) -> Option<Format> {
    let size = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
    if bytes.get(4..8)? != b"ftyp" {
        return None;
    }
    let brands = bytes.get(8..size.min(bytes.len()))?.chunks_exact(4);
    let mut found = None;
    // The second word is a version.
    for (_, brand) in brands
        .take(MOST_BRANDS)
        .enumerate()
        .filter(|(at, _)| *at != 1)
    {
        match brand {
            b"avif" | b"avis" => return Some(Format::Avif),
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => {
                found = Some(Format::Heic);
            }
            _ => {}
        }
    }
    found
}

pub(super) fn decode(
    bytes: &[u8],
    format: Format,
    limits: &Limits,
    viewer: &mut dyn Viewer,
) -> Result<Canvas, DecodeError> {
    for part in BoxIter::new(bytes) {
        part.map_err(translate)?;
    }
    // A sequence has a still picture for programs that do not animate; both are seen.
    let tracks = track::read(bytes, limits.frames)?;
    let mut canvas = Canvas {
        format,
        width: 0,
        height: 0,
        n_frames: 0,
    };
    match heic_rs::meta::parse(bytes) {
        Ok(meta) => {
            let context = Context {
                file: bytes,
                ftyp: FileType {
                    major: Brand::Mif1,
                    effective: Brand::Mif1,
                    minor_version: 0,
                    compatible_count: 0,
                },
                meta,
            };
            let still = decode_still(&context, limits)?;
            (canvas.width, canvas.height) = (still.width, still.height);
            canvas.n_frames = 1;
            show_image(0, &still, viewer)?;
        }
        Err(Error::MissingBox("meta")) if !tracks.is_empty() => {}
        Err(error) => return Err(translate(error)),
    }
    for track in &tracks {
        if canvas.width == 0 {
            (canvas.width, canvas.height) = track.size;
        }
        canvas.n_frames = canvas.n_frames.max(track.places.len() as u32);
    }
    let mut index = 0;
    for track in &tracks {
        let (width, height) = track.size;
        let n_frames = tracks.iter().map(|track| track.places.len() as u32).sum();
        limits.check(
            &Canvas {
                width,
                height,
                n_frames,
                ..canvas
            },
            AV1_BYTES_PER_PIXEL,
        )?;
        decode_track(bytes, track, &mut index, limits, viewer)?;
    }
    Ok(canvas)
}

/// The picture that is shown, cropped, turned and mirrored as it asks for.
fn decode_still(context: &Context<'_>, limits: &Limits) -> Result<Image, DecodeError> {
    let id = context.meta.primary;
    let shown = Item::read(context, id, limits)?;
    let alpha = match context.alpha_item(id).map_err(translate)? {
        Some(alpha) => Some(Item::read(context, alpha, limits)?),
        None => None,
    };
    let (width, height) = shown.size;
    let (width, height) =
        transform::transformed_size(width, height, &shown.props.transforms).map_err(translate)?;
    limits.check_size(width, height)?;
    match shown.codec {
        Codec::Hevc => hevc::decode(context.file),
        Codec::Av1 => {
            let (frame, nclx) = shown.decode_av1(context, limits)?;
            let alpha = match alpha {
                Some(alpha) => Some(alpha.decode_av1(context, limits)?.0),
                None => None,
            };
            let image = to_rgb(&frame, alpha.as_ref(), nclx, limits)?;
            transform::apply_all(image, &shown.props.transforms).map_err(translate)
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Codec {
    Hevc,
    Av1,
}

/// A picture in the container, of tiles or whole, whose sizes were checked.
struct Item<'a> {
    id: u32,
    props: ItemProps<'a>,
    codec: Codec,
    size: (u32, u32),
    grid: Option<(Grid, Vec<u32>)>,
}

impl<'a> Item<'a> {
    fn read(context: &Context<'a>, id: u32, limits: &Limits) -> Result<Item<'a>, DecodeError> {
        let props = context.props(id).map_err(translate)?;
        let size = context.coded_size(id, &props).map_err(translate)?;
        let grid = context.grid(id).map_err(translate)?;
        let parts = match &grid {
            Some((grid, tiles)) => {
                limits.check_size(grid.output_width, grid.output_height)?;
                tiles.clone()
            }
            None => vec![id],
        };
        let codec = check_parts(context, &parts, limits)?;
        check_area(size, 1, codec, limits)?;
        Ok(Item {
            id,
            props,
            codec,
            size,
            grid,
        })
    }

    /// The samples, and what they mean.
    fn decode_av1(
        &self,
        context: &Context<'_>,
        limits: &Limits,
    ) -> Result<(Frame, Nclx), DecodeError> {
        let parts = self.grid.as_ref().map(|(_, tiles)| &tiles[..]);
        let parts = parts.unwrap_or(std::slice::from_ref(&self.id));
        let mut frames = Vec::new();
        let mut meaning = None;
        for id in parts {
            let data = context.item_data(*id).map_err(translate)?;
            let mut last = None;
            Av1::new(limits.pixels / parts.len() as u64)?.decode(&data, &mut |frame, nclx| {
                let size = (frame.width, frame.height);
                check_area(size, parts.len(), Codec::Av1, limits)?;
                last = Some((frame, nclx));
                Ok(())
            })?;
            let (frame, nclx) = last.ok_or_else(|| malformed("its data hold no AV1 picture"))?;
            meaning.get_or_insert(nclx);
            frames.push(frame);
        }
        let frame = match &self.grid {
            Some((grid, _)) => grid::compose(grid, &frames, limits.pixels).map_err(translate)?,
            None => frames.remove(0),
        };
        let said = self.props.nclx.or(meaning);
        Ok((frame, said.unwrap_or_default()))
    }
}

/// Checks what decoding the parts of a picture takes, all of which MUST have one codec.
fn check_parts(
    context: &Context<'_>,
    parts: &[u32],
    limits: &Limits,
) -> Result<Codec, DecodeError> {
    let mut codec = None;
    for id in parts {
        let item = context.meta.item(*id);
        let item = item.ok_or_else(|| malformed("it shows a picture that it does not have"))?;
        let of_part = match &item.item_type {
            b"hvc1" | b"hev1" => Codec::Hevc,
            b"av01" => Codec::Av1,
            kind => {
                return Err(DecodeErrorKind::UnsupportedFormat.because(format!(
                    "its pictures are \"{}\", not HEVC or AV1",
                    kind.escape_ascii()
                )));
            }
        };
        if *codec.get_or_insert(of_part) != of_part {
            return Err(malformed("its tiles have two codecs"));
        }
        // All of it is there, also if a decoder would do without.
        context.item_data(*id).map_err(translate)?;
        let props = context.props(*id).map_err(translate)?;
        if let Some(size) = props.ispe {
            check_area((size.width, size.height), parts.len(), of_part, limits)?;
        }
        let sets = props.hvcc.iter().flat_map(|config| &config.arrays);
        for set in sets
            .filter(|array| array.nal_type == NAL_SPS)
            .flat_map(|array| &array.nals)
        {
            let info = heic_rs::hevc::probe(&[set]).map_err(translate)?;
            check_area((info.width, info.height), parts.len(), of_part, limits)?;
        }
    }
    codec.ok_or_else(|| malformed("a picture has no tiles"))
}

/// Decodes the pictures of a sequence, counting on from `index`.
fn decode_track(
    bytes: &[u8],
    track: &track::Track,
    index: &mut u32,
    limits: &Limits,
    viewer: &mut dyn Viewer,
) -> Result<(), DecodeError> {
    let (width, height) = track.size;
    let mut decoder = Av1::new(u64::from(width) * u64::from(height))?;
    let mut n_decoded = 0;
    for (at, size) in &track.places {
        let end = at.saturating_add(*size);
        let unit = usize::try_from(*at)
            .ok()
            .zip(usize::try_from(end).ok())
            .and_then(|(at, end)| bytes.get(at..end));
        let unit = unit.ok_or_else(|| {
            DecodeErrorKind::Truncated.because(format!(
                "it has {} bytes, and its frames need {end}",
                bytes.len()
            ))
        })?;
        decoder.decode(unit, &mut |frame, nclx| {
            let image = to_rgb(&frame, None, nclx, limits)?;
            show_image(*index, &image, viewer)?;
            *index += 1;
            n_decoded += 1;
            Ok(())
        })?;
    }
    if n_decoded as usize != track.places.len() {
        return Err(malformed(format!(
            "{n_decoded} of its {} frames can be decoded",
            track.places.len()
        )));
    }
    Ok(())
}

fn to_rgb(
    frame: &Frame,
    alpha: Option<&Frame>,
    nclx: Nclx,
    limits: &Limits,
) -> Result<Image, DecodeError> {
    let layout = match alpha {
        Some(_) => PixelLayout::Rgba8,
        None => PixelLayout::Rgb8,
    };
    color::convert(frame, alpha, nclx, layout, limits.pixels, Some(1)).map_err(translate)
}

fn show_image(index: u32, image: &Image, viewer: &mut dyn Viewer) -> Result<(), DecodeError> {
    let channels = match image.layout {
        PixelLayout::Rgba8 => Channels::Rgba,
        _ => Channels::Rgb,
    };
    let (width, height) = (image.width as usize, image.height as usize);
    if image.data.len() != width * height * channels.count() {
        return Err(malformed("its headers contradict each other"));
    }
    viewer.whole(index, &Picture::new(width, height, channels, &image.data));
    Ok(())
}

/// Checks so many pictures of a size, which are decoded before they are put together.
fn check_area(
    (width, height): (u32, u32),
    n_parts: usize,
    codec: Codec,
    limits: &Limits,
) -> Result<(), DecodeError> {
    limits.check_size(width, height)?;
    let bytes_per_pixel = match codec {
        Codec::Hevc => HEVC_BYTES_PER_PIXEL,
        Codec::Av1 => AV1_BYTES_PER_PIXEL,
    };
    let n_pixels = u64::from(width) * u64::from(height) * n_parts as u64;
    limits.check_memory(n_pixels, n_pixels.saturating_mul(bytes_per_pixel))
}

fn translate(error: Error) -> DecodeError {
    let kind = match &error {
        Error::Truncated(_) => DecodeErrorKind::Truncated,
        Error::Unsupported(_) => DecodeErrorKind::UnsupportedFormat,
        Error::PixelLimit { .. } => DecodeErrorKind::TooManyPixels,
        _ => DecodeErrorKind::Malformed,
    };
    kind.because_of(&error)
}
