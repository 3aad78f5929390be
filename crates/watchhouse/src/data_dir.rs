//! The data directory: closed to everyone but its owner, and one server's at a time on SQLite.
//!
//! In it lie the database, the key that opens what is sealed, and evidence. The directory's mode is
//! the wall around them all, so a server MUST NOT start where others can look in.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::Context as _;

/// Makes the directory, or refuses one that others than its owner can enter.
pub fn prepare(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("making the data directory \"{shown}\""))?;
    let mode = std::fs::metadata(path)
        .with_context(|| format!("looking at the data directory \"{shown}\""))?
        .permissions()
        .mode()
        & 0o777;
    anyhow::ensure!(
        mode & 0o077 == 0,
        "the data directory \"{shown}\" is open to others (mode {mode:04o}), and the database, its \
         key and the evidence lie in it; close it with `chmod 700 \"{shown}\"`"
    );
    Ok(())
}

/// Says that a server has the data directory, until it is dropped or the process ends in any way.
pub struct Lock {
    _file: File,
}

impl Lock {
    pub fn take(directory: &Path) -> anyhow::Result<Lock> {
        let path = directory.join("watchhouse.lock");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("opening \"{}\"", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                anyhow::bail!(
                    "another server, process {}, has the data directory \"{}\"; stop it first, or use \
                     PostgreSQL for several",
                    holder.trim(),
                    directory.display()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking \"{}\"", path.display()));
            }
        }
        // For people: that it cannot be written, on a full disk, is no reason not to start.
        let _ = file
            .set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Lock { _file: file })
    }
}
