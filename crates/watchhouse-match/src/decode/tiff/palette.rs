//! Palettes, which the decoder does not know: their indexes are shades of grey to it, once the
//! directory says so, and are coloured here.

use tiff::tags::{ByteOrder, Tag};

use super::super::DecodeError;
use super::super::error::malformed;
use super::{TiffDecoder, translate};

/// The colours of a page, one for each index.
pub(super) type Palette = Vec<[u8; 3]>;

const PALETTE: u16 = 3;
const BLACK_IS_ZERO: u16 = 1;

/// The palette of the decoder's page, if its samples are indexes.
pub(super) fn read(decoder: &mut TiffDecoder<'_>) -> Result<Option<Palette>, DecodeError> {
    let meaning: Option<u16> = decoder
        .find_tag_unsigned(Tag::PhotometricInterpretation)
        .map_err(translate)?;
    if meaning != Some(PALETTE) {
        return Ok(None);
    }
    // All reds, all greens, all blues, in 16 bits each.
    let samples = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(translate)?;
    let n_colors = samples.len() / 3;
    let high = |at: usize| samples[at].to_be_bytes()[0];
    let colors = (0..n_colors).map(|at| [high(at), high(n_colors + at), high(2 * n_colors + at)]);
    Ok(Some(colors.collect()))
}

/// Makes the indexes of the decoder's page shades of grey in `file`, a copy of what it reads.
pub(super) fn hide(decoder: &mut TiffDecoder<'_>, file: &mut [u8]) -> Result<(), DecodeError> {
    let lost = || malformed("a page cannot be found again");
    let order = decoder.byte_order();
    let is_big = u16_at(file, 2, order) == Some(43);
    let at = decoder.ifd_pointer().ok_or_else(lost)?.0 as usize;
    // The count of entries, and an entry: tag, type, count, value.
    let (head, entry, value) = match is_big {
        true => (8, 20, 12),
        false => (2, 12, 8),
    };
    let n_entries = match is_big {
        true => file.get(at..at + 8).map(|count| match order {
            ByteOrder::LittleEndian => usize::from(count[0]) | usize::from(count[1]) << 8,
            ByteOrder::BigEndian => usize::from(count[7]) | usize::from(count[6]) << 8,
        }),
        false => u16_at(file, at, order).map(usize::from),
    };
    let entries = (0..n_entries.ok_or_else(lost)?).map(|n| at + head + n * entry);
    let tag = Tag::PhotometricInterpretation.to_u16();
    let found = entries
        .into_iter()
        .find(|entry| u16_at(file, *entry, order) == Some(tag))
        .ok_or_else(lost)?;
    let grey = match order {
        ByteOrder::LittleEndian => BLACK_IS_ZERO.to_le_bytes(),
        ByteOrder::BigEndian => BLACK_IS_ZERO.to_be_bytes(),
    };
    let place = file.get_mut(found + value..found + value + 2);
    place.ok_or_else(lost)?.copy_from_slice(&grey);
    Ok(())
}

fn u16_at(file: &[u8], at: usize, order: ByteOrder) -> Option<u16> {
    let bytes = *file.get(at..)?.first_chunk()?;
    Some(match order {
        ByteOrder::LittleEndian => u16::from_le_bytes(bytes),
        ByteOrder::BigEndian => u16::from_be_bytes(bytes),
    })
}
