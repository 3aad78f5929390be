//! A child that hashes frames, as its parent sees it.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::pipes::{Fault, FromChild};
use super::super::{Refusal, SandboxSettings, child, decoder};
use super::VideoSettings;
use super::hasher::{HASH_FRAMES, Request};
use super::protocol::{self, Said};

/// Dropping it kills it and waits until it is gone.
pub(super) struct Hashing<'s> {
    child: Child,
    answers: FromChild,
    settings: &'s SandboxSettings,
    time_limit: Duration,
}

impl<'s> Hashing<'s> {
    /// Starts a child that reads `frames`, and waits for its hello.
    ///
    /// MUST be called on a thread that outlives the child: the kernel kills the child with it.
    pub(super) fn start(
        settings: &'s SandboxSettings,
        video: &VideoSettings,
        frames: OwnedFd,
        stop: OwnedFd,
    ) -> Result<Hashing<'s>, Refusal> {
        let request = Request {
            seconds_per_hash: video.seconds_per_hash,
            max_frames: video.max_frames,
        };
        let mut child_settings = decoder::child_settings(settings);
        child_settings.cpu_seconds = video.time_limit.as_secs().saturating_add(1);
        let program = &settings.program;
        let mut child = Command::new(program)
            .args([child::COMMAND, HASH_FRAMES])
            .args([child_settings.to_argument(), request.to_argument()])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(frames))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| {
                Refusal::unavailable(format!("program {program:?} does not start: {error}"))
            })?;
        let stdout = child.stdout.take().expect("stdout is piped");
        let answers = FromChild::new(stdout, stop);
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                decoder::end(&mut child);
                return Err(Refusal::unavailable(error.to_string()));
            }
        };
        let mut hashing = Hashing {
            child,
            answers,
            settings,
            time_limit: video.time_limit,
        };
        match decoder::hear_hello(&mut hashing.answers, settings) {
            Ok(_) => Ok(hashing),
            Err(Fault::Lied(what)) => Err(Refusal::unavailable(what)),
            Err(fault) => Err(hashing.refusal(fault)),
        }
    }

    /// What the child says next. After an error it MUST be dropped.
    pub(super) fn next(&mut self, deadline: Instant) -> Result<Said, Refusal> {
        let limits = self.settings.limits;
        let said = self
            .answers
            .receive(protocol::largest, deadline)
            .and_then(|(kind, body)| protocol::parse(kind, &body, &limits).map_err(Fault::Lied));
        match said {
            Ok(Said::Refused(refusal)) => Err(refusal),
            Ok(said) => Ok(said),
            Err(fault) => Err(self.refusal(fault)),
        }
    }

    /// Ends the child, which did not do what it should.
    pub(super) fn refusal(&mut self, fault: Fault) -> Refusal {
        let end = decoder::end(&mut self.child);
        Refusal::from_fault(fault, &end, self.time_limit)
    }
}

impl Drop for Hashing<'_> {
    fn drop(&mut self) {
        decoder::end(&mut self.child);
    }
}
