//! Videos: taken apart by Debian's `ffmpeg` in a cage, hashed by a child of ours in another.
//!
//! A video's decoder is a large C program that attackers write input for, so it gets nothing but the
//! video, as a sealed file in memory, and a pipe for what it makes of it (`sandbox/program.rs`). Frames
//! leave it as raw RGB of a size that was agreed before, which is no media format: there is nothing in
//! them to parse. They could be hashed in this process without harm. They are not, because a child can
//! be killed at any time, is given its memory by the kernel, and runs on a core of its own; so the pipe
//! leads straight into a second child, of this program, in the cage of those that decode pictures
//! (`video/hasher.rs`). That one also reads the few lines in which `ffprobe` says what the video is.
//!
//! What reaches this process are hashes, in frames of the sandbox's own protocol, each of them checked.
//! Neither of the two children outlives the input that it was started for.
//!
//! The container is told by its first bytes and the demuxer named, so that nothing is guessed: playlists
//! and subtitles, which lead decoders to other files and to the network, have no name here.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, PipeReader, Write as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use tokio::sync::{Semaphore, oneshot, watch};
use watchhouse_match::{Container, DecodeErrorKind, Frame, PdqHash, Sampling, VideoFrame, Vpdq};

use super::{Refusal, SandboxSettings};

mod ffmpeg;
pub(super) mod hasher;
mod hashing;
pub mod protocol;
mod run;

/// How videos are looked at.
#[derive(Clone, Debug)]
pub struct VideoSettings {
    /// The folder in which `ffmpeg` and `ffprobe` lie.
    pub programs: PathBuf,
    /// How many videos at once; each takes two processes. At least 1.
    pub at_once: usize,
    /// A frame every so many seconds is hashed; every frame if 0.
    pub seconds_per_hash: f64,
    /// Frames that are hashed of one video. One that has more is refused.
    pub max_frames: u32,
    /// For one video, waiting for its turn included.
    pub time_limit: Duration,
}

impl Default for VideoSettings {
    fn default() -> VideoSettings {
        let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
        VideoSettings {
            programs: PathBuf::from("/usr/bin"),
            at_once: (n_cores / 2).max(1),
            seconds_per_hash: 1.0,
            max_frames: 7_200,
            time_limit: Duration::from_secs(40),
        }
    }
}

/// What a video shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Video {
    pub container: Container,
    /// In pixels, as stored: metadata may ask for it to be turned.
    pub width: u32,
    pub height: u32,
    pub sampling: Sampling,
    /// Every hashed frame.
    pub vpdq: Vpdq,
    /// The frames that have a hash of their own, as an animation's are kept.
    pub frames: Vec<Frame>,
}

/// The video itself.
pub(super) enum Footage {
    Bytes(Bytes),
    /// Open for reading. Nobody may change it meanwhile, or the answer is about neither version.
    File(File),
}

/// Told of each frame as it is hashed.
pub type Progress = Arc<dyn Fn(VideoFrame) + Send + Sync>;

/// What a decoder is started for.
pub(super) struct Task {
    pub(super) container: Container,
    pub(super) footage: Footage,
    pub(super) progress: Option<Progress>,
}

/// The turns of those who want a video looked at.
pub(super) struct Videos {
    settings: Arc<SandboxSettings>,
    turns: Arc<Semaphore>,
    stop: PipeReader,
    lives: watch::Sender<()>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Videos {
    pub(super) fn new(
        settings: Arc<SandboxSettings>,
        stop: PipeReader,
        lives: watch::Sender<()>,
    ) -> Videos {
        let at_once = settings.video.as_ref().map_or(1, |video| video.at_once);
        Videos {
            settings,
            turns: Arc::new(Semaphore::new(at_once.max(1))),
            stop,
            lives,
            threads: Mutex::default(),
        }
    }

    pub(super) async fn inspect(&self, task: Task) -> Result<Video, Refusal> {
        let Some(video) = self.settings.video.clone() else {
            let message = "cannot decode the video: `video.enabled` is false";
            let code = DecodeErrorKind::UnsupportedFormat.code();
            return Err(Refusal::new(code, message.to_owned()));
        };
        let deadline = Instant::now() + video.time_limit;
        let turn = self.turns.clone().acquire_owned();
        let turn = match tokio::time::timeout_at(deadline.into(), turn).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) => return Err(Refusal::closed()),
            Err(_) => {
                let message = format!("no video decoder was free within {:?}", video.time_limit);
                return Err(Refusal::new(Refusal::TIMED_OUT, message));
            }
        };

        let (reply, answer) = oneshot::channel();
        let settings = Arc::clone(&self.settings);
        let stop = self.stop.try_clone().map_err(unavailable)?;
        let life = self.lives.subscribe();
        // A thread of its own, because the kernel kills a child when the *thread* that started it ends.
        let thread = std::thread::Builder::new().name("video".to_owned());
        let thread = thread.spawn(move || {
            let is_waited_for = || !reply.is_closed();
            let run = run::Run {
                settings: &settings,
                video: &video,
                stop: &stop,
                deadline,
                is_waited_for: &is_waited_for,
            };
            let video = run.inspect(task);
            // The caller may have gone; then nobody waits for it.
            let _ = reply.send(video);
            drop((turn, life));
        });
        self.remember(thread.map_err(unavailable)?);
        answer.await.unwrap_or_else(|_| Err(Refusal::closed()))
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        self.turns.close();
    }

    /// Waits until nothing is at work; `stop` MUST have been hung up.
    pub(super) fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().expect("no holder panics"));
        for thread in threads {
            // One that panicked has dropped its children like any other.
            let _ = thread.join();
        }
    }

    fn remember(&self, thread: JoinHandle<()>) {
        let mut threads = self.threads.lock().expect("no holder panics");
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
    }
}

fn unavailable(error: io::Error) -> Refusal {
    Refusal::unavailable(error.to_string())
}

impl Footage {
    /// As a file that a program can be given and that nobody can change: in memory, if it was.
    fn into_file(self) -> io::Result<File> {
        let bytes = match self {
            Footage::File(file) => return Ok(file),
            Footage::Bytes(bytes) => bytes,
        };
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let mut file = File::from(memfd_create("video", flags)?);
        file.write_all(&bytes)?;
        let seals = SealFlag::F_SEAL_WRITE
            | SealFlag::F_SEAL_GROW
            | SealFlag::F_SEAL_SHRINK
            | SealFlag::F_SEAL_SEAL;
        fcntl(file.as_fd(), FcntlArg::F_ADD_SEALS(seals))?;
        Ok(file)
    }
}

/// Frames as they come, and each hash once.
#[derive(Default)]
struct Gathered {
    vpdq: Vpdq,
    frames: Vec<Frame>,
    places: HashMap<PdqHash, usize>,
}

impl Gathered {
    fn add(&mut self, frame: Frame, seen: VideoFrame) {
        self.vpdq.frames.push(seen);
        match self.places.get(&frame.pdq.hash) {
            Some(place) => {
                let quality = &mut self.frames[*place].pdq.quality;
                *quality = frame.pdq.quality.max(*quality);
            }
            None => {
                self.places.insert(frame.pdq.hash, self.frames.len());
                self.frames.push(frame);
            }
        }
    }
}
