//! Files and objects as commands look at them: read, digested, and decoded in the sandbox.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures::TryStreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use watchhouse_match::{DecodeErrorKind, Digester, Digests, VideoFrame};

use crate::outbound::buckets::Object;
use crate::sandbox::video::{Progress, VideoSettings};
use crate::sandbox::{Input, Media, Refusal, Sandbox, SandboxSettings};

/// What is known of one file.
pub struct Looked {
    pub path: PathBuf,
    pub size_bytes: u64,
    /// None when it could not be read.
    pub digests: Option<Digests>,
    /// Its bytes, where they are few enough to be decoded.
    pub media: Option<Bytes>,
    /// What it shows, or why that is not known.
    pub inspection: Result<Media, Problem>,
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

/// What is enough to tell a video by, of a file that is too large for memory.
const BEGINNING: usize = 64 << 10;

/// How long a video may take when nobody waits for an answer over a network.
const VIDEO_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Two weeks of seconds.
const VIDEO_FRAMES: u32 = 1_209_600;

/// How a command has files decoded.
pub fn sandbox_settings(children: Option<usize>, seconds_per_hash: f64) -> SandboxSettings {
    let mut settings = SandboxSettings::new("/proc/self/exe");
    if let Some(children) = children {
        settings.children = children.max(1);
    }
    settings.video = Some(VideoSettings {
        at_once: settings.children,
        seconds_per_hash,
        max_frames: VIDEO_FRAMES,
        time_limit: VIDEO_LIMIT,
        ..VideoSettings::default()
    });
    settings
}

/// A pool of decoding processes for a command.
pub fn sandbox(settings: SandboxSettings) -> anyhow::Result<Sandbox> {
    Sandbox::new(settings).context("setting up the decoding processes")
}

/// Reads the seconds from one hashed frame of a video to the next.
pub fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok();
    let seconds = seconds.filter(|seconds: &f64| (0.0..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "expected 0 to 86400".to_owned())
}

/// Shows on a terminal how far a video has come, and nothing elsewhere.
pub fn spinner() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg}").expect("the template is right");
    ProgressBar::new_spinner().with_style(style)
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

/// Looks at one file. Its digests are there even where it cannot be decoded. How far a video has come
/// becomes the bar's message.
pub async fn look(sandbox: &Sandbox, path: PathBuf, limit: u64, bar: &ProgressBar) -> Looked {
    let at = path.clone();
    let read = tokio::task::spawn_blocking(move || read(&at, limit)).await;
    let read = read.unwrap_or_else(|error| Err(io::Error::other(error)));
    let read = read.map_err(anyhow::Error::from);
    examine(sandbox, path, read, limit, bar).await
}

/// Looks at one object of a bucket, in the same way.
pub async fn look_at_object(
    sandbox: &Sandbox,
    object: &Object,
    limit: u64,
    bar: &ProgressBar,
) -> Looked {
    let read = async {
        let mut pieces = object.read().await?;
        let mut reading = Reading::default();
        while let Some(piece) = pieces.try_next().await? {
            reading.add(&piece, limit);
        }
        Ok(reading.finish(None))
    };
    examine(sandbox, object.address(), read.await, limit, bar).await
}

/// Looks at what was read of a file, an object or a member of an archive.
pub async fn examine(
    sandbox: &Sandbox,
    path: PathBuf,
    read: anyhow::Result<Read>,
    limit: u64,
    bar: &ProgressBar,
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
    let (bytes, file) = match (&read.media, read.large) {
        (Some(media), _) => (Some(media.clone()), None),
        (None, Some(Large { beginning, file })) => (Some(beginning), Some(file)),
        (None, None) => (None, None),
    };
    let inspection = match bytes {
        Some(bytes) => {
            let input = Input {
                bytes,
                file,
                progress: Some(progress(&path, bar)),
            };
            sandbox.look(input).await.map_err(Problem::from)
        }
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
    /// None where there is more than can be decoded in memory.
    pub media: Option<Bytes>,
    /// Where there is more, and it lies in a file.
    pub large: Option<Large>,
}

/// A file that is too large for memory. Only a video can be looked at where it lies.
pub struct Large {
    beginning: Bytes,
    file: File,
}

/// Says how far a video has come.
fn progress(path: &Path, bar: &ProgressBar) -> Progress {
    let (name, bar) = (shown(path), bar.clone());
    Arc::new(move |frame: VideoFrame| {
        let seconds = frame.timestamp_ms / 1_000;
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        bar.set_message(format!(
            "{name} frame {} at {minutes}:{seconds:02}",
            frame.number
        ));
    })
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    size_bytes: u64,
    digester: Digester,
    /// All of it, or its beginning.
    media: Vec<u8>,
    is_too_long: bool,
}

impl Reading {
    fn add(&mut self, piece: &[u8], limit: u64) {
        self.size_bytes += piece.len() as u64;
        self.digester.update(piece);
        self.is_too_long = self.size_bytes > limit;
        if self.is_too_long {
            self.media.truncate(BEGINNING);
            self.media.shrink_to_fit();
        } else {
            self.media.extend_from_slice(piece);
        }
    }

    /// `file` is where it was read from, if that is a file.
    fn finish(self, file: Option<File>) -> Read {
        let bytes = Bytes::from(self.media);
        let (media, large) = if self.is_too_long {
            let beginning = bytes;
            (None, file.map(|file| Large { beginning, file }))
        } else {
            (Some(bytes), None)
        };
        Read {
            size_bytes: self.size_bytes,
            digests: self.digester.finish(),
            media,
            large,
        }
    }
}

/// Reads a file once. What is larger than `limit` is represented by its beginning, and the file.
fn read(path: &Path, limit: u64) -> io::Result<Read> {
    let mut file = File::open(path)?;
    let mut reading = Reading::default();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let n_bytes = file.read(&mut buffer)?;
        if n_bytes == 0 {
            return Ok(reading.finish(Some(file)));
        }
        reading.add(&buffer[..n_bytes], limit);
    }
}
