//! What lies below the paths of a command, one after the other.
//!
//! It MUST NOT collect what it finds: there may be ten million files. What is held are the names in
//! the folders that the walk is in.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::stream::{self, BoxStream, Stream, StreamExt as _};
use indicatif::ProgressBar;
use tokio::sync::mpsc;
use walkdir::{DirEntry, WalkDir};

use super::files::{self, Looked, Problem};
use crate::outbound::buckets::{Bucket, Object};
use crate::sandbox::Sandbox;

/// So many finds wait at most for those who look at them.
const AHEAD: usize = 1024;

/// One thing below a path of the command.
pub struct Found {
    /// Which of the paths it is below.
    pub argument_idx: usize,
    /// Of an object of a bucket, its address.
    pub path: PathBuf,
    /// None for a file.
    pub object: Option<Object>,
    /// Changes whenever the content does; or why there is nothing to look at.
    pub version: Result<String, Problem>,
}

impl Found {
    /// Reads it, digests it, and has it decoded. How far a video has come becomes the bar's message.
    pub async fn look(&self, sandbox: &Sandbox, limit: u64, bar: &ProgressBar) -> Looked {
        match &self.object {
            Some(object) => files::look_at_object(sandbox, object, limit, bar).await,
            None => files::look(sandbox, self.path.clone(), limit, bar).await,
        }
    }
}

/// Everything below these paths and addresses of buckets, in their order and then in that of the names.
pub fn walk(paths: Vec<PathBuf>) -> impl Stream<Item = Found> {
    stream::iter(paths.into_iter().enumerate()).flat_map(
        |(argument_idx, path)| match bucket_address(&path) {
            Some(address) => list_bucket(argument_idx, address),
            None => walk_path(argument_idx, path).boxed(),
        },
    )
}

fn bucket_address(path: &Path) -> Option<String> {
    let address = path.to_str().filter(|text| Bucket::is_address(text))?;
    Some(address.to_owned())
}

/// Counts the files below these paths, in a memory of a few folders. Tells the number now and then,
/// for as long as it hears true, and at last, with true, that of all. What buckets hold is not counted:
/// then there is no last.
pub fn count(paths: &[PathBuf], mut tell: impl FnMut(u64, bool) -> bool) {
    let mut n_files = 0;
    let (in_buckets, folders): (Vec<_>, Vec<_>) = paths
        .iter()
        .partition(|path| bucket_address(path).is_some());
    for path in folders {
        for entry in WalkDir::new(path).follow_links(true) {
            if entry.is_ok_and(|entry| !entry.file_type().is_dir()) {
                n_files += 1;
                if n_files % 1000 == 0 && !tell(n_files, false) {
                    return;
                }
            }
        }
    }
    tell(n_files, in_buckets.is_empty());
}

fn walk_path(argument_idx: usize, path: PathBuf) -> impl Stream<Item = Found> {
    let (sender, mut receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let walk = WalkDir::new(&path).follow_links(true).sort_by_file_name();
        for entry in walk {
            let Some((path, version)) = look_at(entry, &path) else {
                continue;
            };
            let found = Found {
                argument_idx,
                path,
                object: None,
                version,
            };
            // Nobody waits for more when the command ends early.
            if sender.blocking_send(found).is_err() {
                return;
            }
        }
    });
    stream::poll_fn(move |context| receiver.poll_recv(context))
}

fn list_bucket(argument_idx: usize, address: String) -> BoxStream<'static, Found> {
    let listed = match Bucket::open(&address) {
        Ok(bucket) => Arc::new(bucket).list(),
        Err(error) => stream::iter([Err(error)]).boxed(),
    };
    listed
        .map(move |object| match object {
            Ok(object) => Found {
                argument_idx,
                path: object.address(),
                version: Ok(object.version()),
                object: Some(object),
            },
            Err(error) => Found {
                argument_idx,
                path: PathBuf::from(&address),
                object: None,
                version: Err(Problem {
                    code: "unreadable",
                    message: format!("the bucket cannot be listed: {error:#}"),
                }),
            },
        })
        .boxed()
}

/// None for a folder.
fn look_at(
    entry: walkdir::Result<DirEntry>,
    below: &Path,
) -> Option<(PathBuf, Result<String, Problem>)> {
    match entry {
        Ok(entry) if entry.file_type().is_dir() => None,
        Ok(entry) if entry.file_type().is_file() => {
            let version = version(&entry).map_err(|error| Problem {
                code: "unreadable",
                message: error.to_string(),
            });
            Some((entry.into_path(), version))
        }
        Ok(entry) => {
            let problem = Problem {
                code: "not_a_file",
                message: "it is neither a file nor a folder".to_owned(),
            };
            Some((entry.into_path(), Err(problem)))
        }
        Err(error) => {
            let path = error.path().unwrap_or(below).to_owned();
            let message = match error.io_error() {
                Some(inner) => inner.to_string(),
                None => error.to_string(),
            };
            let code = "unreadable";
            Some((path, Err(Problem { code, message })))
        }
    }
}

/// The size and when the content and the entry changed last: who writes a file can set back the first
/// of the two times and not the second.
fn version(entry: &DirEntry) -> walkdir::Result<String> {
    let metadata = entry.metadata()?;
    Ok(format!(
        "{}:{}.{:09}:{}.{:09}",
        metadata.size(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec()
    ))
}
