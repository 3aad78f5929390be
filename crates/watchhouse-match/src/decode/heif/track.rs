//! Where the pictures of an image sequence lie in the file: the sample table of its track.

use heic_rs::boxes::{BoxHeader, BoxIter};

use super::super::error::malformed;
use super::super::reader::Reader;
use super::super::{DecodeError, DecodeErrorKind};
use super::translate;

/// A picture's place in the file: offset and size, in bytes.
pub(super) type Place = (u64, u64);

/// A sequence of AV1 pictures.
pub(super) struct Track {
    /// As the track says, in pixels.
    pub(super) size: (u32, u32),
    pub(super) places: Vec<Place>,
}

/// All tracks with AV1 pictures, but for those of alpha. None if the file is no sequence.
///
/// # Errors
/// Also if there is a track of pictures in another codec, and if there are more than `most`
/// pictures.
pub(super) fn read(bytes: &[u8], most: u32) -> Result<Vec<Track>, DecodeError> {
    let Some(movie) = BoxIter::new(bytes).find(b"moov").map_err(translate)? else {
        return Ok(Vec::new());
    };
    let mut tracks = Vec::new();
    for track in movie.children() {
        let track = track.map_err(translate)?;
        if track.is(b"trak") {
            tracks.extend(read_track(&track, most)?);
        }
    }
    Ok(tracks)
}

/// None for a track of something else than pictures.
fn read_track(track: &BoxHeader<'_>, most: u32) -> Result<Option<Track>, DecodeError> {
    let media = child(track, b"mdia")?;
    let handler = child(&media, b"hdlr")?;
    let kind = handler.payload.get(8..12);
    if !matches!(kind, Some(b"pict" | b"vide")) {
        return Ok(None);
    }
    let table = child(&child(&media, b"minf")?, b"stbl")?;
    let mut description = Reader::new(child(&table, b"stsd")?.payload);
    let (_version, n_descriptions) = (description.u32_be()?, description.u32_be()?);
    let (_size, codec) = (description.u32_be()?, description.array::<4>()?);
    if n_descriptions != 1 || codec != *b"av01" {
        return Err(DecodeErrorKind::UnsupportedFormat
            .because("it holds a sequence of pictures that are not AV1"));
    }
    // Reserved fields, a reference, and fields for films come before the size.
    description.take(24)?;
    let size = (
        u32::from(description.u16_be()?),
        u32::from(description.u16_be()?),
    );
    Ok(Some(Track {
        size,
        places: read_places(&table, most)?,
    }))
}

/// Chunks have offsets, samples have sizes, and runs of chunks say how many samples each has.
fn read_places(table: &BoxHeader<'_>, most: u32) -> Result<Vec<Place>, DecodeError> {
    let mut sizes = Reader::new(child(table, b"stsz")?.payload);
    let (_version, size_of_all, n_samples) = (sizes.u32_be()?, sizes.u32_be()?, sizes.u32_be()?);
    if n_samples > most {
        return Err(DecodeErrorKind::TooManyFrames
            .because(format!("it has {n_samples} frames, more than {most}")));
    }
    let offsets = Offsets::read(table)?;
    let mut runs = Reader::new(child(table, b"stsc")?.payload);
    let (_version, n_runs) = (runs.u32_be()?, runs.u32_be()?);

    let mut places = Vec::new();
    let mut chunk = 0;
    let mut per_chunk = 0;
    for run in 0..=n_runs {
        let first = match run < n_runs {
            true => runs.u32_be()?,
            false => offsets.count.saturating_add(1),
        };
        while chunk + 1 < first && chunk < offsets.count {
            let mut at = offsets.get(chunk)?;
            for _ in 0..per_chunk {
                if places.len() as u32 == n_samples {
                    return Ok(places);
                }
                let size = match size_of_all {
                    0 => sizes.u32_be()?,
                    size => size,
                };
                places.push((at, u64::from(size)));
                at = at.saturating_add(u64::from(size));
            }
            chunk += 1;
        }
        if run < n_runs {
            per_chunk = runs.u32_be()?;
            let _description = runs.u32_be()?;
        }
    }
    if places.len() as u32 != n_samples {
        return Err(malformed(format!(
            "it announces {n_samples} frames and has places for {}",
            places.len()
        )));
    }
    Ok(places)
}

/// The offsets of the chunks, in 4 or 8 bytes each.
struct Offsets<'a> {
    count: u32,
    width: usize,
    bytes: &'a [u8],
}

impl<'a> Offsets<'a> {
    fn read(table: &BoxHeader<'a>) -> Result<Offsets<'a>, DecodeError> {
        let (kind, width) = match table.children().find(b"co64").map_err(translate)? {
            Some(_) => (b"co64", 8),
            None => (b"stco", 4),
        };
        let mut reader = Reader::new(child(table, kind)?.payload);
        let (_version, count) = (reader.u32_be()?, reader.u32_be()?);
        Ok(Offsets {
            count,
            width,
            bytes: reader.rest(),
        })
    }

    fn get(&self, chunk: u32) -> Result<u64, DecodeError> {
        let bytes = self.bytes.chunks_exact(self.width).nth(chunk as usize);
        let bytes = bytes.ok_or_else(|| malformed("its table of chunks is too short"))?;
        Ok(bytes
            .iter()
            .fold(0, |offset, byte| offset << 8 | u64::from(*byte)))
    }
}

fn child<'a>(parent: &BoxHeader<'a>, kind: &[u8; 4]) -> Result<BoxHeader<'a>, DecodeError> {
    let found = parent.children().find(kind).map_err(translate)?;
    found.ok_or_else(|| {
        let kind = String::from_utf8_lossy(kind);
        malformed(format!("a track has no \"{kind}\""))
    })
}
