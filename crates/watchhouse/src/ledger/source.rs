//! Where a log is read from when it is checked from outside: only reading, by path.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

/// The longest thing a tiled log serves: a full bundle of the longest entries, in bytes.
///
/// It is also more than a note may have.
pub const MAX_RESOURCE_BYTES: usize = 256 * (2 + super::bundle::MAX_ENTRY_BYTES);

/// A log as others see it.
pub trait Source {
    /// What the log serves at a path below its prefix, such as `tile/0/000`. None when it is not there.
    ///
    /// Implementations MUST refuse, not cut off, what is longer than [`MAX_RESOURCE_BYTES`]: the log
    /// is not trusted.
    fn fetch(&self, path: &str) -> io::Result<Option<Vec<u8>>>;
}

/// A log in a directory, laid out as its paths.
#[derive(Debug, Clone)]
pub struct DirectorySource {
    pub root: PathBuf,
}

impl Source for DirectorySource {
    fn fetch(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.root.join(path)) {
            Ok(file) => file,
            // Not a directory: a file stands where the path goes on, so there is nothing below it.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(MAX_RESOURCE_BYTES as u64 + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() > MAX_RESOURCE_BYTES {
            return Err(io::Error::other(format!(
                "it has more than {MAX_RESOURCE_BYTES} bytes"
            )));
        }
        Ok(Some(bytes))
    }
}
