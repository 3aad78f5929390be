//! Tar archives.

use std::io::{self, Read};

use super::meter::Meter;
use super::{ArchiveError, Tell, member, unreadable};

pub(super) fn read(archive: impl Read, meter: &Meter, tell: Tell<'_>) -> Result<(), ArchiveError> {
    let failed = |error: io::Error| meter.reason().unwrap_or_else(|| unreadable(error));
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // Folders, links and devices have no bytes; something that has is none of them, whatever
        // its header says.
        if !entry.header().entry_type().is_file() && entry.size() == 0 {
            continue;
        }
        let name = entry.path_bytes().into_owned();
        let whole = Whole {
            left_bytes: entry.size(),
            input: entry,
        };
        member(&name, Ok(whole), meter, tell)?;
        if let Some(reason) = meter.reason() {
            return Err(reason);
        }
    }
    Ok(())
}

/// A reader that fails where its input ends early.
struct Whole<R> {
    input: R,
    left_bytes: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.input.read(into)?;
        if n_bytes == 0 && !into.is_empty() && self.left_bytes > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left_bytes = self.left_bytes.saturating_sub(n_bytes as u64);
        Ok(n_bytes)
    }
}
