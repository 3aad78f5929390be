//! Files and objects as commands look at them: read, digested, and decoded in the sandbox.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use futures::TryStreamExt as _;
use watchhouse_match::{DecodeErrorKind, Digester, Digests, Inspection};

use crate::outbound::buckets::Object;
use crate::sandbox::{Refusal, Sandbox, SandboxSettings};

/// What is known of one file.
pub struct Looked {
    pub path: PathBuf,
    pub size_bytes: u64,
    /// None when it could not be read.
    pub digests: Option<Digests>,
    /// Its bytes, where they are few enough to be decoded.
    pub media: Option<Bytes>,
    /// What it shows, or why that is not known.
    pub inspection: Result<Inspection, Problem>,
}

/// Why a file could not be checked.
#[derive(Clone, Debug)]
pub struct Problem {
    pub code: &'static str,
    pub message: String,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        Problem {
            code: refusal.code,
            message: refusal.message,
        }
    }
}

impl Problem {
    pub fn too_many_bytes(size_bytes: u64, limit: u64) -> Problem {
        Problem {
            code: DecodeErrorKind::TooManyBytes.code(),
            message: format!("it has {size_bytes} bytes, more than {limit}"),
        }
    }
}

/// How a command has files decoded.
pub fn sandbox_settings(children: Option<usize>) -> SandboxSettings {
    let mut settings = SandboxSettings::new("/proc/self/exe");
    if let Some(children) = children {
        settings.children = children.max(1);
    }
    settings
}

/// A pool of decoding processes for a command.
pub fn sandbox(settings: SandboxSettings) -> anyhow::Result<Sandbox> {
    Sandbox::new(settings).context("setting up the decoding processes")
}

/// Text from outside as a line may hold it: what would end the line or move the cursor is spelled out,
/// so that no file's name can pass for what this program says.
pub fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// A path as a line may hold it.
pub fn shown(path: &Path) -> String {
    on_one_line(&path.to_string_lossy())
}

/// Looks at one file. Its digests are there even where it cannot be decoded.
pub async fn look(sandbox: &Sandbox, path: PathBuf, limit: u64) -> Looked {
    let at = path.clone();
    let read = tokio::task::spawn_blocking(move || read(&at, limit)).await;
    let read = read.unwrap_or_else(|error| Err(io::Error::other(error)));
    examine(sandbox, path, read.map_err(anyhow::Error::from), limit).await
}

/// Looks at one object of a bucket, in the same way.
pub async fn look_at_object(sandbox: &Sandbox, object: &Object, limit: u64) -> Looked {
    let read = async {
        let mut pieces = object.read().await?;
        let mut reading = Reading::default();
        while let Some(piece) = pieces.try_next().await? {
            reading.add(&piece, limit);
        }
        Ok(reading.finish())
    };
    examine(sandbox, object.address(), read.await, limit).await
}

/// Looks at what was read of a file, an object or a member of an archive.
pub async fn examine(
    sandbox: &Sandbox,
    path: PathBuf,
    read: anyhow::Result<Read>,
    limit: u64,
) -> Looked {
    let read = match read {
        Ok(read) => read,
        Err(error) => {
            let problem = Problem {
                code: "unreadable",
                message: format!("{error:#}"),
            };
            return Looked {
                path,
                size_bytes: 0,
                digests: None,
                media: None,
                inspection: Err(problem),
            };
        }
    };
    let inspection = match &read.media {
        Some(media) => sandbox.inspect(media.clone()).await.map_err(Problem::from),
        None => Err(Problem::too_many_bytes(read.size_bytes, limit)),
    };
    Looked {
        path,
        size_bytes: read.size_bytes,
        digests: Some(read.digests),
        media: read.media,
        inspection,
    }
}

/// What was read.
pub struct Read {
    pub size_bytes: u64,
    pub digests: Digests,
    /// None where there is more than can be decoded.
    pub media: Option<Bytes>,
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    size_bytes: u64,
    digester: Digester,
    media: Vec<u8>,
    is_too_long: bool,
}

impl Reading {
    fn add(&mut self, piece: &[u8], limit: u64) {
        self.size_bytes += piece.len() as u64;
        self.digester.update(piece);
        self.is_too_long = self.size_bytes > limit;
        if self.is_too_long {
            self.media = Vec::new();
        } else {
            self.media.extend_from_slice(piece);
        }
    }

    fn finish(self) -> Read {
        Read {
            size_bytes: self.size_bytes,
            digests: self.digester.finish(),
            media: (!self.is_too_long).then(|| Bytes::from(self.media)),
        }
    }
}

/// Reads a file once. The bytes are there only if they are at most `limit`.
fn read(path: &Path, limit: u64) -> io::Result<Read> {
    let mut file = File::open(path)?;
    let mut reading = Reading::default();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let n_bytes = file.read(&mut buffer)?;
        if n_bytes == 0 {
            return Ok(reading.finish());
        }
        reading.add(&buffer[..n_bytes], limit);
    }
}
