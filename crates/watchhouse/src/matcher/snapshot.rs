//! The index on disk, so that a start need not read every hash.
//!
//! A file in the data directory that says which of the database's snapshots it is, and up to which number
//! of a change it goes; then the index itself. The database keeps the same word: one that was restored from
//! before does not have it, and the file is then not used. It MUST NOT be more than a short cut: whatever
//! is wrong with it, the hashes are read from the database.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use watchhouse_match::{Index, Snapshot};

use crate::hex;
use crate::store::{Store, Tx};

/// Which snapshot it is, and the last number that it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) token: [u8; 16],
    pub(super) number: u64,
}

/// Bytes of a mark, with which a file begins.
const MARK_BYTES: usize = 24;

/// Ends the name of a file that is being written.
const UNFINISHED: &str = ".new";

/// Where the file lies.
pub(super) struct Snapshots {
    directory: PathBuf,
}

/// A file that nobody reads yet. It goes when this is dropped, unless it was put in its place.
pub(super) struct Written {
    path: PathBuf,
    locked: File,
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Snapshots {
    /// In the data directory. Nothing is made before it is needed.
    pub(super) fn new(data_dir: &Path) -> Snapshots {
        Snapshots {
            directory: data_dir.join("index"),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.join("snapshot")
    }

    /// Opens the file and reads which snapshot it is; None if there is no file.
    pub(super) fn open(&self) -> anyhow::Result<Option<(Mark, File)>> {
        let mut file = match File::open(self.path()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened.context("opening it")?,
        };
        let mut bytes = [0; MARK_BYTES];
        file.read_exact(&mut bytes)
            .context("reading its beginning")?;
        Ok(Some((Mark::from_bytes(&bytes), file)))
    }

    /// Reads the index from a file that was opened.
    pub(super) fn read(file: File) -> anyhow::Result<Index> {
        let n_bytes = file.metadata()?.len().saturating_sub(MARK_BYTES as u64);
        Ok(Index::load(&mut BufReader::new(file), n_bytes)?)
    }

    /// Writes a file beside the one that there is. Nobody reads it until it is [put](Snapshots::put)
    /// there.
    pub(super) fn write(&self, mark: Mark, snapshot: &Snapshot) -> anyhow::Result<Written> {
        fs::create_dir_all(&self.directory).context("making its directory")?;
        self.clear()?;
        let name = format!("{}{UNFINISHED}", hex::encode(&mark.token));
        let path = self.directory.join(name);
        let locked = File::create(&path).context("creating it")?;
        let written = Written { path, locked };
        written.locked.try_lock().context("locking it")?;
        let mut writer = BufWriter::new(&written.locked);
        writer.write_all(&mark.to_bytes())?;
        snapshot.save(&mut writer).context("writing it")?;
        writer.flush().context("writing it")?;
        drop(writer);
        written.locked.sync_all().context("syncing it")?;
        Ok(written)
    }

    /// Puts a written file in the place of the one that there is.
    pub(super) fn put(&self, written: &Written) -> anyhow::Result<()> {
        fs::rename(&written.path, self.path()).context("putting it in its place")
    }

    /// Removes what writers that were killed left behind. Those that live hold a lock.
    fn clear(&self) -> anyhow::Result<()> {
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let is_unfinished = path.to_string_lossy().ends_with(UNFINISHED);
            if is_unfinished && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

impl Mark {
    fn name(&self) -> String {
        format!("index_snapshot.{}", hex::encode(&self.token))
    }

    fn to_bytes(self) -> [u8; MARK_BYTES] {
        let mut bytes = [0; MARK_BYTES];
        bytes[..16].copy_from_slice(&self.token);
        bytes[16..].copy_from_slice(&self.number.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; MARK_BYTES]) -> Mark {
        let (token, number) = bytes.split_at(16);
        Mark {
            token: token.try_into().expect("split there"),
            number: u64::from_le_bytes(number.try_into().expect("the rest")),
        }
    }

    /// Whether the database has this snapshot's word.
    pub(super) async fn is_known(&self, tx: &mut Tx) -> anyhow::Result<bool> {
        let known = tx.meta(&self.name()).await?;
        Ok(known.is_some_and(|number| number == self.number.to_le_bytes()))
    }

    /// Gives the database its word.
    pub(super) async fn announce(&self, store: &Store) -> anyhow::Result<()> {
        let mut tx = store.begin().await?;
        tx.put_meta(&self.name(), &self.number.to_le_bytes())
            .await?;
        Ok(tx.commit().await?)
    }

    /// Takes the word back: the file is gone.
    pub(super) async fn withdraw(&self, store: &Store) -> anyhow::Result<()> {
        let mut tx = store.begin().await?;
        tx.delete_meta(&self.name()).await?;
        Ok(tx.commit().await?)
    }
}
