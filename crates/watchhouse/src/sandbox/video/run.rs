//! One video's way through its two children, from the side of the parent.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use nix::fcntl::{FcntlArg, fcntl};
use watchhouse_match::{DecodeErrorKind, Sampling, VideoFrame};

use super::super::pipes::{Fault, FromChild, PIPE_BYTES};
use super::super::program::{BECOME, NOT_STARTED, ProgramSettings};
use super::super::protocol::printable;
use super::super::{Refusal, SandboxSettings, child, decoder};
use super::hashing::Hashing;
use super::protocol::{Announced, Said};
use super::{Gathered, Task, Video, VideoSettings, ffmpeg, unavailable};

/// What one video is looked at with.
pub(super) struct Run<'r> {
    pub(super) settings: &'r SandboxSettings,
    pub(super) video: &'r VideoSettings,
    /// Hangs up when the sandbox is dropped.
    pub(super) stop: &'r PipeReader,
    pub(super) deadline: Instant,
    pub(super) is_waited_for: &'r dyn Fn() -> bool,
}

impl Run<'_> {
    /// MUST be called on a thread that lives until it returns: the kernel kills the children with it.
    pub(super) fn inspect(&self, task: Task) -> Result<Video, Refusal> {
        let Task {
            container,
            footage,
            progress,
        } = task;
        let input = footage.into_file().map_err(unavailable)?;
        let (frames_out, frames_in) = io::pipe().map_err(unavailable)?;
        // A small pipe works as well, only slower.
        let _ = fcntl(&frames_in, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
        let stop = self.stop()?;
        let mut hashing = Hashing::start(self.settings, self.video, frames_out.into(), stop)?;

        let most_pixels = self.settings.limits.pixels;
        let probe = ffmpeg::probe(container);
        let lines_in = frames_in.try_clone().map_err(unavailable)?;
        self.start("ffprobe", &probe, &input, lines_in)?
            .finish(self)?;
        let announced = match hashing.next(self.deadline)? {
            Said::Announced(announced) => announced,
            said => return Err(hashing.refusal(Fault::Lied(format!("{said:?} unannounced")))),
        };

        let sampling = Sampling::new(announced.frames_per_second(), self.video.seconds_per_hash);
        let decode = ffmpeg::decode(container, most_pixels, &announced, &sampling);
        let decoder = self.start("ffmpeg", &decode, &input, frames_in)?;
        let mut gathered = Gathered::default();
        let n_rest = loop {
            match hashing.next(self.deadline)? {
                Said::Frame(frame) => {
                    let nth = u32::try_from(gathered.vpdq.frames.len()).unwrap_or(u32::MAX);
                    if nth >= self.video.max_frames || sampling.number(nth) != Some(frame.index) {
                        let what = format!("frame {} out of turn", frame.index);
                        return Err(hashing.refusal(Fault::Lied(what)));
                    }
                    let seen = VideoFrame {
                        number: frame.index,
                        pdq: frame.pdq,
                        timestamp_ms: sampling.timestamp_ms(frame.index),
                    };
                    gathered.add(*frame, seen);
                    if let Some(progress) = &progress {
                        progress(seen);
                    }
                    if !(self.is_waited_for)() {
                        return Err(Refusal::closed());
                    }
                }
                Said::Ended { n_frames, n_rest }
                    if n_frames as usize == gathered.vpdq.frames.len() =>
                {
                    break n_rest;
                }
                said => return Err(hashing.refusal(Fault::Lied(format!("{said:?} out of turn")))),
            }
        };
        // How the decoder ended says whether that was all of it.
        decoder.finish(self)?;
        if n_rest > 0 || gathered.frames.is_empty() {
            return Err(malformed("it has no whole picture at its end"));
        }
        let Announced { width, height, .. } = announced;
        Ok(Video {
            container,
            width,
            height,
            sampling,
            vpdq: gathered.vpdq,
            frames: gathered.frames,
        })
    }

    fn stop(&self) -> Result<OwnedFd, Refusal> {
        self.stop
            .try_clone()
            .map(OwnedFd::from)
            .map_err(unavailable)
    }

    /// Starts one of the two programs, with the video as its stdin.
    fn start(
        &self,
        name: &'static str,
        arguments: &[String],
        input: &File,
        output: PipeWriter,
    ) -> Result<Running, Refusal> {
        let program = self.video.programs.join(name);
        if !program.is_file() {
            return Err(Refusal::unavailable(format!(
                "there is no {program:?}; install Debian's package ffmpeg, or set video.enabled = false"
            )));
        }
        let settings = ProgramSettings {
            parent: std::process::id(),
            memory_bytes: self.settings.memory_bytes,
            cpu_seconds: self.video.time_limit.as_secs().saturating_add(1),
            require_cage: self.settings.require_cage,
        };
        let mut child = Command::new(&self.settings.program)
            .args([child::COMMAND, BECOME])
            .arg(settings.to_argument())
            .arg(program)
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(input.try_clone().map_err(unavailable)?)
            .stdout(output)
            .stderr(Stdio::piped())
            // Ctrl-C goes to the whole group: the server is to end its children in order.
            .process_group(0)
            .spawn()
            .map_err(unavailable)?;
        let stderr = child.stderr.take().expect("stderr is piped");
        let mut running = Running {
            name,
            child,
            stderr: None,
        };
        let stderr = FromChild::new(stderr, self.stop()?).map_err(unavailable)?;
        running.stderr = Some(stderr);
        Ok(running)
    }
}

/// A program at work. Dropping it kills it and waits until it is gone.
struct Running {
    name: &'static str,
    child: Child,
    /// What it says there is thrown away. When it hangs up, it has ended.
    stderr: Option<FromChild>,
}

impl Running {
    /// Waits until it has ended, and well.
    fn finish(mut self, run: &Run<'_>) -> Result<(), Refusal> {
        let mut stderr = self.stderr.take().expect("it is taken here alone");
        let said = stderr.until_hung_up(run.deadline).map_err(|fault| {
            let end = decoder::end(&mut self.child);
            Refusal::from_fault(fault, &end, run.video.time_limit)
        })?;
        // One that only closed its stderr is killed; one that ends does not notice.
        let _ = self.child.kill();
        let status = self.child.wait().map_err(unavailable)?;
        match status.code() {
            Some(0) => Ok(()),
            Some(code) if code == i32::from(NOT_STARTED) => {
                Err(Refusal::unavailable(printable(said.trim_ascii())))
            }
            Some(_) => Err(malformed(&format!("{} gave up on it", self.name))),
            None => Err(self.died(status)),
        }
    }

    fn died(&self, status: ExitStatus) -> Refusal {
        let end = decoder::describe(status);
        let message = format!("{} ended on this video: {end}", self.name);
        Refusal::new(Refusal::DIED, message)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        decoder::end(&mut self.child);
    }
}

fn malformed(why: &str) -> Refusal {
    let message = format!("cannot decode the video: {why}");
    Refusal::new(DecodeErrorKind::Malformed.code(), message)
}
