//! Files as commands look at them: found, read, digested, and decoded in the sandbox.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use watchhouse_match::{Digester, Digests, Inspection};

use crate::sandbox::{Sandbox, SandboxSettings};

/// What is known of one file.
pub struct Looked {
    pub path: PathBuf,
    pub size_bytes: u64,
    /// None when it could not be read.
    pub digests: Option<Digests>,
    /// What it shows, or why that is not known.
    pub inspection: Result<Inspection, Problem>,
}

/// Why a file could not be checked.
#[derive(Clone, Debug)]
pub struct Problem {
    pub code: &'static str,
    pub message: String,
}

/// A pool of decoding processes for a command.
pub fn sandbox(children: Option<usize>) -> anyhow::Result<Sandbox> {
    let mut settings = SandboxSettings::new("/proc/self/exe");
    if let Some(children) = children {
        settings.children = children.max(1);
    }
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
    let (size_bytes, digests, media) = match read {
        Ok(read) => read,
        Err(error) => {
            let problem = Problem {
                code: "unreadable",
                message: error.to_string(),
            };
            return Looked {
                path,
                size_bytes: 0,
                digests: None,
                inspection: Err(problem),
            };
        }
    };
    let inspection = match media {
        Some(media) => sandbox.inspect(media).await.map_err(|refusal| Problem {
            code: refusal.code,
            message: refusal.message,
        }),
        None => Err(Problem {
            code: "too_many_bytes",
            message: format!("it has {size_bytes} bytes, more than {limit}"),
        }),
    };
    Looked {
        path,
        size_bytes,
        digests: Some(digests),
        inspection,
    }
}

/// Reads a file once. The bytes are there only if they are at most `limit`.
fn read(path: &Path, limit: u64) -> io::Result<(u64, Digests, Option<Bytes>)> {
    let mut file = File::open(path)?;
    let mut digester = Digester::default();
    let mut media = Vec::new();
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        let n_bytes = file.read(&mut buffer)?;
        if n_bytes == 0 {
            break;
        }
        size += n_bytes as u64;
        digester.update(&buffer[..n_bytes]);
        if size <= limit {
            media.extend_from_slice(&buffer[..n_bytes]);
        } else {
            media = Vec::new();
        }
    }
    let media = (size <= limit).then(|| Bytes::from(media));
    Ok((size, digester.finish(), media))
}
