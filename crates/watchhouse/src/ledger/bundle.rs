//! Entry bundles: the entries themselves, 256 at a time, beside the level-0 tile of the same index.
//!
//! A bundle is only (length as two big-endian bytes, entry) repeated: no count, nothing after the last.

use super::{
    path,
    tile::{FULL_WIDTH, width_at},
};

/// The longest entry that a bundle can hold, in bytes.
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;

/// A bundle of entries. Entry `i` of it hashes to hash `i` of the level-0 tile with its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bundle {
    /// Its place, from the left.
    pub index: u64,
    /// How many entries it holds: 1 to 256, and less than 256 only for the last one.
    pub width: u16,
}

/// Why bytes are not a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    #[error("entry {entry} is cut off: {left} bytes are left")]
    CutOff { entry: usize, left: usize },
    #[error("it holds {found} entries, expected {expected}")]
    TooFew { found: usize, expected: u16 },
    #[error("{left} bytes follow the last of its {expected} entries")]
    Trailing { left: usize, expected: u16 },
}

/// An entry is longer than [`MAX_ENTRY_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entry of {0} bytes is too long for the log: at most 65535 fit")]
pub struct EntryTooLong(pub usize);

impl Bundle {
    /// The bundle at this place in a log of `size` entries. None when the log has none there.
    pub fn at(index: u64, size: u64) -> Option<Bundle> {
        Some(Bundle {
            index,
            width: width_at(size, index)?,
        })
    }

    pub fn is_full(&self) -> bool {
        self.width == FULL_WIDTH
    }

    /// The same bundle once it has grown to its end.
    pub fn full(self) -> Bundle {
        Bundle {
            width: FULL_WIDTH,
            ..self
        }
    }

    /// The number of its first entry in the log.
    pub fn first_entry(&self) -> u64 {
        self.index * u64::from(FULL_WIDTH)
    }

    /// Where it is found below the log's prefix, such as `tile/entries/x001/234.p/17`.
    pub fn path(&self) -> String {
        format!("tile/entries/{}", path::print_place(self.index, self.width))
    }

    /// The entries in `bytes`, which MUST be as many as the bundle is wide.
    pub fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, BundleError> {
        let mut entries = Vec::with_capacity(self.width.into());
        let mut rest = bytes;
        while !rest.is_empty() {
            let left = rest.len();
            if entries.len() == usize::from(self.width) {
                let expected = self.width;
                return Err(BundleError::Trailing { left, expected });
            }
            let entry = entries.len();
            let (first, after) = split_entry(rest).ok_or(BundleError::CutOff { entry, left })?;
            entries.push(first);
            rest = after;
        }
        if entries.len() < usize::from(self.width) {
            return Err(BundleError::TooFew {
                found: entries.len(),
                expected: self.width,
            });
        }
        Ok(entries)
    }
}

/// Every bundle of a log of `size` entries, from the left.
pub fn bundles_at(size: u64) -> impl Iterator<Item = Bundle> {
    (0..size.div_ceil(FULL_WIDTH.into())).filter_map(move |index| Bundle::at(index, size))
}

/// Puts an entry behind the others in a bundle's bytes.
///
/// Refuse an entry that is too long before it gets its place in the log: afterwards it is too late.
pub fn push_entry(bytes: &mut Vec<u8>, entry: &[u8]) -> Result<(), EntryTooLong> {
    let length = u16::try_from(entry.len()).map_err(|_| EntryTooLong(entry.len()))?;
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(entry);
    Ok(())
}

fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}
