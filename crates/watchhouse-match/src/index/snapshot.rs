//! Snapshots: an index as bytes, so that a start need not build it.
//!
//! What is loaded answers as what was saved. Bytes that were cut short or altered are an error. The checksum
//! is against accidents and not against forgers: whoever can write the file can change the lists as well.

use std::io::{self, Read, Write};

use super::bank::Banks;
use super::stream::{LoadError, Sink, Source};
use super::table::Tables;
use super::{Bounds, Index};

/// The layout's name. MUST change whenever the layout does.
const LAYOUT: [u8; 16] = *b"watchhouse/idx 2";

/// What an index held at a moment, to be saved beside lookups and changes.
#[must_use = "save it"]
pub struct Snapshot {
    banks: Banks,
    tables: Tables,
}

impl Index {
    /// What is listed now. Takes about 10 ns for each digest and each new PDQ hash, and a few microseconds
    /// for all others.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            banks: self.banks.clone(),
            tables: self.tables.copied(),
        }
    }

    /// Reads what [`Snapshot::save`] wrote, of which there are `n_bytes`.
    ///
    /// # Errors
    /// [`LoadError`] if these are other bytes.
    pub fn load(from: &mut dyn Read, n_bytes: u64) -> Result<Index, LoadError> {
        let mut from = Source::new(from, n_bytes);
        if from.take::<[u8; 16], 16>()? != LAYOUT {
            return Err(LoadError::Unknown);
        }
        let banks = Banks::load(&mut from)?;
        let tables = Tables::load(&mut from, &banks)?;
        from.finish()?;
        Ok(Index {
            banks,
            tables,
            bounds: Bounds::default(),
        })
    }
}

impl Snapshot {
    /// Writes some 122 bytes for each PDQ hash.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn save(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut to = Sink::new(to);
        to.put(LAYOUT)?;
        self.banks.save(&mut to)?;
        self.tables.save(&mut to)?;
        to.finish()
    }
}
