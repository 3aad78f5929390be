//! Decodes what others upload, in processes that hold nothing and can reach nothing.
//!
//! Decoders are the code that attackers write input for. So they run only in children of this same
//! program, each in a cage (`sandbox/cage.rs`): no files, no network, no secrets, little memory, little
//! time. A child that dies, hangs or answers nonsense costs the one input that it had. Every child is
//! replaced after some inputs, which bounds what a subverted one could falsify.
//!
//! The server's own process MUST NOT hand such bytes to a decoder, not even to learn a picture's size.
//! Videos are decoded by a program of others in a cage of its own: see `sandbox/video.rs`.
//! Linux only: there is no weaker way to fall back to elsewhere.

use std::fs::File;
use std::io::{self, PipeWriter};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{oneshot, watch};
use watchhouse_match::{DecodeErrorKind, Frame, Inspection, Limits};

use pipes::Fault;
use protocol::{Answer, Kind};
use queue::{Job, Queue};
use video::{Footage, Progress, Task, Video, VideoSettings, Videos};
use worker::Worker;

mod cage;
pub mod child;
mod decoder;
mod pipes;
mod program;
pub mod protocol;
mod queue;
pub mod self_test;
pub mod unpacking;
mod unpacking_child;
pub mod video;
mod worker;

/// How the children are run.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// The program whose `decode-child` command is the child: `/proc/self/exe`, which stays this very
    /// program when an upgrade replaces the file.
    pub program: PathBuf,
    /// How many children, and so how many inputs are decoded at once. At least 1.
    pub children: usize,
    /// A child ends after that many inputs, and a new one takes its place. At least 1.
    pub replace_after: u32,
    /// For one input, from the first byte sent to the last byte answered.
    pub time_limit: Duration,
    /// What decoding one input may take, the input included.
    pub memory_bytes: u64,
    pub limits: Limits,
    /// Use no child that the kernel gave no system call filter.
    pub require_cage: bool,
    /// None where videos are not looked at.
    pub video: Option<VideoSettings>,
}

impl SandboxSettings {
    /// Settings for a machine of ordinary size, with as many children as it has processors.
    pub fn new(program: impl Into<PathBuf>) -> SandboxSettings {
        SandboxSettings {
            program: program.into(),
            children: std::thread::available_parallelism().map_or(1, usize::from),
            replace_after: 1000,
            time_limit: Duration::from_secs(10),
            memory_bytes: 1 << 30,
            limits: Limits::default(),
            require_cage: true,
            video: Some(VideoSettings::default()),
        }
    }
}

/// What a media shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Media {
    Picture(Inspection),
    Video(Video),
}

impl Media {
    /// The format's name in the API.
    pub fn format(&self) -> &'static str {
        match self {
            Media::Picture(picture) => picture.format.as_str(),
            Media::Video(video) => video.container.as_str(),
        }
    }

    /// Width and height in pixels, as stored.
    pub fn size(&self) -> (u32, u32) {
        match self {
            Media::Picture(picture) => (picture.width, picture.height),
            Media::Video(video) => (video.width, video.height),
        }
    }

    /// The frames that have a hash of their own.
    pub fn frames(&self) -> &[Frame] {
        match self {
            Media::Picture(picture) => &picture.frames,
            Media::Video(video) => &video.frames,
        }
    }

    /// When a video's frame is shown, in milliseconds. None for pictures.
    pub fn timestamp_ms(&self, frame: u32) -> Option<u64> {
        match self {
            Media::Picture(_) => None,
            Media::Video(video) => Some(video.sampling.timestamp_ms(frame)),
        }
    }
}

/// What is to be looked at.
#[derive(Default)]
pub struct Input {
    /// All of it, or some kilobytes of what `file` holds.
    pub bytes: Bytes,
    /// Where all of it is, if `bytes` is only its beginning: then only a video is looked at, and nobody
    /// may change the file meanwhile.
    pub file: Option<File>,
    /// Who wants to know how far a video has come.
    pub progress: Option<Progress>,
}

/// Why there is no inspection of an input.
///
/// `code` MUST NOT change: a code of `watchhouse_match::DecodeError`, when the decoder read the input
/// and refused it, or one of these, when it is not known what the input is:
///
/// | code | means |
/// |---|---|
/// | `decoder_died` | the child ended: a crash, a panic, too much memory, a forbidden system call |
/// | `decoder_timed_out` | it took longer than the time limit |
/// | `decoder_lied` | it answered what no sound child answers |
/// | `decoder_unavailable` | no child could be started, or the sandbox ends |
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Refusal {
    pub const DIED: &str = "decoder_died";
    pub const TIMED_OUT: &str = "decoder_timed_out";
    pub const LIED: &str = "decoder_lied";
    pub const UNAVAILABLE: &str = "decoder_unavailable";

    fn new(code: &'static str, message: String) -> Refusal {
        Refusal { code, message }
    }

    fn unavailable(problem: String) -> Refusal {
        let message = format!("cannot start a decoding child: {problem}");
        Refusal::new(Refusal::UNAVAILABLE, message)
    }

    fn closed() -> Refusal {
        let message = "the sandbox is shut down; send the input again after the restart";
        Refusal::new(Refusal::UNAVAILABLE, message.to_owned())
    }

    /// `end` is how the child ended.
    fn from_fault(fault: Fault, end: &str, time_limit: Duration) -> Refusal {
        match fault {
            Fault::Died => {
                let message = format!("the decoding process ended on this input: {end}");
                Refusal::new(Refusal::DIED, message)
            }
            Fault::TimedOut => {
                let message = format!("decoding took longer than {time_limit:?}");
                Refusal::new(Refusal::TIMED_OUT, message)
            }
            Fault::Lied(what) => {
                let message = format!("the decoding process gave {what}");
                Refusal::new(Refusal::LIED, message)
            }
            Fault::Stopped => Refusal::closed(),
        }
    }
}

/// What the sandbox is doing now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Process ids of the children that are ready or decoding.
    pub children: Vec<u32>,
    pub decoding: usize,
    pub waiting: usize,
}

/// The pool of decoding children.
///
/// They are started when the first input comes and then kept ready. Dropping it kills them and waits
/// until they are gone; `shutdown` lets them finish first.
pub struct Sandbox {
    limits: Limits,
    queue: Arc<Queue>,
    videos: Videos,
    workers: Vec<JoinHandle<()>>,
    /// Dropped to tell workers that wait for a child to give up.
    stop: Option<PipeWriter>,
    /// Held by each worker until its child is gone.
    lives: watch::Sender<()>,
}

impl Sandbox {
    /// Fails when settings are out of range or the machine has no thread or pipe left.
    pub fn new(settings: SandboxSettings) -> io::Result<Sandbox> {
        let at_once = settings.video.as_ref().map_or(1, |video| video.at_once);
        if settings.children == 0 || settings.replace_after == 0 || at_once == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "sandbox: `children`, `replace_after` and `video.at_once` must be at least 1",
            ));
        }

        let (stopped, stop) = io::pipe()?;
        let settings = Arc::new(settings);
        let lives = watch::Sender::new(());
        let videos = Videos::new(Arc::clone(&settings), stopped.try_clone()?, lives.clone());
        let mut sandbox = Sandbox {
            limits: settings.limits,
            queue: Arc::default(),
            videos,
            workers: Vec::new(),
            stop: Some(stop),
            lives,
        };
        for n in 0..settings.children {
            let worker = Worker {
                settings: Arc::clone(&settings),
                queue: Arc::clone(&sandbox.queue),
                stop: stopped.try_clone()?,
            };
            let life = sandbox.lives.subscribe();
            let thread = std::thread::Builder::new()
                .name(format!("decoder-{n}"))
                .spawn(move || {
                    worker.run();
                    drop(life);
                })?;
            sandbox.workers.push(thread);
        }
        Ok(sandbox)
    }

    /// Decodes and hashes one input in a child. Callers are served in the order in which they come;
    /// how many may wait is theirs to bound. One that goes away while it waits costs nothing.
    pub async fn inspect(&self, bytes: Bytes) -> Result<Media, Refusal> {
        let input = Input {
            bytes,
            ..Input::default()
        };
        self.look(input).await
    }

    /// [`Sandbox::inspect`], for who has a file or wants to know how far a video has come.
    pub async fn look(&self, input: Input) -> Result<Media, Refusal> {
        let Input {
            bytes,
            file,
            progress,
        } = input;
        let limit = protocol::largest_input(&self.limits);
        if bytes.len() > limit {
            let message = format!("it has {} bytes, more than {limit}", bytes.len());
            return Err(Refusal::new(DecodeErrorKind::TooManyBytes.code(), message));
        }
        let (reply, answer) = oneshot::channel();
        let kind = match file {
            Some(_) => Kind::Beginning,
            None => Kind::Input,
        };
        self.queue.add(Job {
            kind,
            bytes: bytes.clone(),
            reply,
        });
        match answer.await.unwrap_or_else(|_| Err(Refusal::closed()))? {
            Answer::Picture(picture) => Ok(Media::Picture(picture)),
            Answer::Video(container) => {
                let footage = file.map_or(Footage::Bytes(bytes), Footage::File);
                let task = Task {
                    container,
                    footage,
                    progress,
                };
                self.videos.inspect(task).await.map(Media::Video)
            }
        }
    }

    pub fn status(&self) -> Status {
        self.queue.status()
    }

    /// Refuses what waits and what comes, lets each child finish the input that it has, and returns
    /// when no child is left: at most the time limit later.
    pub async fn shutdown(&self) {
        self.queue.close();
        self.videos.close();
        self.lives.closed().await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.queue.close();
        self.videos.close();
        drop(self.stop.take());
        for worker in self.workers.drain(..) {
            // A worker that panicked has dropped its child like any other.
            let _ = worker.join();
        }
        self.videos.join();
    }
}
