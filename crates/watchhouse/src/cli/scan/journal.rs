//! The journal of a scan: what is finished, so that a scan that was interrupted goes on.
//!
//! A file of JSON Lines that only grows. Each run of the scan begins with the same heading, and a
//! line follows for every file that it finished, in the order of the walk. So a later run reads all
//! runs side by side with its own walk and holds none of them.
//!
//! It MUST NOT say that something was scanned which was not: a file that has changed since, a line
//! that was cut off or cannot be read, and a scan with other lists or options are all not finished.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::iter::Peekable;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};

use super::outcome::Outcome;
use crate::cli::walk::Found;

/// A loss of power costs at most what was finished in this time.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// What a scan is of. Only the same scan may go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Heading {
    /// The program's version: another may decode otherwise.
    pub(super) watchhouse_scan: String,
    /// Of what was asked for, and where.
    pub options_sha256: String,
    /// Of the bank files, one after the other.
    pub banks_sha256: String,
}

/// The first bytes of a heading's line.
const HEADING: &[u8] = b"{\"watchhouse_scan\":";

/// A finished file.
#[derive(Serialize, Deserialize)]
struct Line {
    argument: usize,
    path: Name,
    version: String,
    outcome: Outcome,
}

/// A path, which need not be text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Bytes(Vec<u8>),
}

pub(super) struct Journal {
    path: PathBuf,
    file: File,
    synced_at: Instant,
}

impl Journal {
    /// Makes the file, or goes on with it. No other process may have it.
    pub(super) fn open(path: &Path, heading: &Heading) -> anyhow::Result<(Journal, Earlier)> {
        let mut file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .with_context(|| format!("opening \"{}\"", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "cannot go on with \"{}\": another scan is writing it",
                path.display()
            ),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let starts = survey(&file, heading)
            .with_context(|| format!("cannot go on with \"{}\"", path.display()))?;
        let runs = starts.into_iter().map(|start| Run::open(path, start));
        let earlier = Earlier {
            journal: path.canonicalize()?,
            runs: runs.collect::<io::Result<_>>()?,
        };
        write_line(&mut file, heading)?;
        file.sync_all()?;
        let journal = Journal {
            path: path.to_owned(),
            file,
            synced_at: Instant::now(),
        };
        Ok((journal, earlier))
    }

    /// Writes down that a file is finished.
    pub(super) fn record(&mut self, found: &Found, outcome: &Outcome) -> anyhow::Result<()> {
        let Ok(version) = &found.version else {
            return Ok(());
        };
        if outcome.is_passing {
            return Ok(());
        }
        let line = Line {
            argument: found.argument_idx,
            path: Name::of(&found.path),
            version: version.clone(),
            outcome: outcome.clone(),
        };
        let written = write_line(&mut self.file, &line);
        written.with_context(|| format!("writing \"{}\"", self.path.display()))?;
        if self.synced_at.elapsed() >= SYNC_EVERY {
            self.sync()?;
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) -> anyhow::Result<()> {
        let synced = self.file.sync_data();
        synced.with_context(|| format!("syncing \"{}\"", self.path.display()))?;
        self.synced_at = Instant::now();
        Ok(())
    }

    /// The scan is whole: there is nothing to go on with.
    pub(super) fn remove(self) -> anyhow::Result<()> {
        let removed = std::fs::remove_file(&self.path);
        removed.with_context(|| format!("removing \"{}\"", self.path.display()))
    }
}

/// The offsets behind the headings, which MUST all be this one. A last line that is cut off is cut
/// away.
fn survey(file: &File, heading: &Heading) -> anyhow::Result<Vec<u64>> {
    let mut starts = Vec::new();
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let mut whole = 0;
    loop {
        line.clear();
        let n_bytes = reader.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            break;
        }
        let is_heading = line.starts_with(HEADING);
        ensure!(
            is_heading || !starts.is_empty(),
            "it is no journal of a scan; name another file"
        );
        whole += n_bytes as u64;
        if is_heading {
            let begun: Heading = serde_json::from_slice(&line).context("its heading is damaged")?;
            begun.require(heading)?;
            starts.push(whole);
        }
    }
    // Somebody's own text, or the beginning of our heading.
    let is_ours = !starts.is_empty() || HEADING.starts_with(&line) || line.starts_with(HEADING);
    ensure!(is_ours, "it is no journal of a scan; name another file");
    file.set_len(whole)?;
    Ok(starts)
}

impl Heading {
    fn require(&self, now: &Heading) -> anyhow::Result<()> {
        let what = if self.banks_sha256 != now.banks_sha256 {
            "other bank files"
        } else if self.options_sha256 != now.options_sha256 {
            "other options or paths"
        } else if self.watchhouse_scan != now.watchhouse_scan {
            "another version of the program"
        } else {
            return Ok(());
        };
        bail!("it is of a scan with {what}; remove it to begin anew")
    }
}

/// What the runs before this one finished.
pub(super) struct Earlier {
    journal: PathBuf,
    runs: Vec<Run>,
}

impl Earlier {
    /// What a file came to in an earlier run, if it has not changed since. MUST be asked in the order
    /// of the walk.
    pub(super) fn outcome_of(&mut self, found: &Found) -> Option<Outcome> {
        let version = found.version.as_ref().ok()?;
        // Every run that has it is asked, so that all go on to the next.
        let lines: Vec<Line> = self
            .runs
            .iter_mut()
            .filter_map(|run| run.line_of(found))
            .collect();
        let line = lines.into_iter().find(|line| line.version == *version)?;
        Some(line.outcome)
    }

    /// Whether this is the journal, which is not to be scanned itself.
    pub(super) fn is_journal(&self, path: &Path) -> bool {
        path.file_name() == self.journal.file_name()
            && path.canonicalize().is_ok_and(|path| path == self.journal)
    }
}

/// One run's lines, read as the walk comes to them.
struct Run(Peekable<Box<dyn Iterator<Item = Line> + Send>>);

impl Run {
    /// Its lines end at the next run's heading.
    fn open(path: &Path, start: u64) -> io::Result<Run> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        let lines = BufReader::new(file).split(b'\n');
        let lines = lines
            .map_while(Result::ok)
            .take_while(|line| !line.starts_with(HEADING))
            .filter_map(|line| serde_json::from_slice(&line).ok());
        let lines: Box<dyn Iterator<Item = Line> + Send> = Box::new(lines);
        Ok(Run(lines.peekable()))
    }

    fn line_of(&mut self, found: &Found) -> Option<Line> {
        while self.0.next_if(|line| order(line, found).is_lt()).is_some() {}
        self.0.next_if(|line| order(line, found).is_eq())
    }
}

/// The order of the walk: of names in folders, and of whole keys in buckets.
fn order(line: &Line, found: &Found) -> Ordering {
    let by_argument = line.argument.cmp(&found.argument_idx);
    let path = line.path.as_path();
    by_argument.then_with(|| match found.object {
        Some(_) => path.as_os_str().cmp(found.path.as_os_str()),
        None => path.cmp(&found.path),
    })
}

impl Name {
    fn of(path: &Path) -> Name {
        match path.to_str() {
            Some(text) => Name::Text(text.to_owned()),
            None => Name::Bytes(path.as_os_str().as_bytes().to_vec()),
        }
    }

    fn as_path(&self) -> &Path {
        match self {
            Name::Text(text) => Path::new(text),
            Name::Bytes(bytes) => Path::new(OsStr::from_bytes(bytes)),
        }
    }
}

/// In one write, so that a process that is killed leaves no half line behind.
fn write_line(file: &mut File, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    file.write_all(&line)
}
