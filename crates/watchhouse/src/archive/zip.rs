//! Zip archives, by their central directory, entry by entry: of two with one name both are read.

use std::io::{Read, Seek};

use zip::ZipReadOptions;
use zip::read::Config;
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;

use super::meter::Meter;
use super::{ArchiveError, ArchiveErrorKind, Tell, member};

pub(super) fn read<R>(mut archive: R, meter: &Meter, tell: Tell<'_>) -> Result<(), ArchiveError>
where
    R: Read + Seek + Clone,
{
    let mut directory =
        ZipIterable::try_new(archive.clone(), Config::default()).map_err(refused)?;
    for entry in directory.files().map_err(refused)? {
        let entry = entry.map_err(refused)?;
        // A folder has no bytes; something that has is no folder, whatever its name says.
        if entry.is_dir() && entry.size() == 0 && entry.compressed_size() == 0 {
            continue;
        }
        let raw = entry.name_raw().to_vec();
        let name = entry
            .name()
            .map_or(raw, |name| name.into_owned().into_bytes());
        let content = if entry.encrypted() {
            Err(ArchiveErrorKind::Encrypted.because("it is encrypted"))
        } else {
            let content = entry.with_reader(&mut archive, ZipReadOptions::new());
            content.map_err(refused)
        };
        member(&name, content, meter, tell)?;
    }
    Ok(())
}

fn refused(error: ZipError) -> ArchiveError {
    let kind = match error {
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
            ArchiveErrorKind::Unsupported
        }
        _ => ArchiveErrorKind::Malformed,
    };
    kind.because(error.to_string())
}
