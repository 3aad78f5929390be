//! One decoding child as its parent sees it: started, asked, ended.

use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::child::{self, ChildSettings};
use super::pipes::{Fault, FromChild, Pipes};
use super::protocol::{self, Answer, Hello, Kind};
use super::{Refusal, SandboxSettings};

/// Until the child must have caged itself. It takes milliseconds; a loaded machine takes longer.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Processor time a child may use over its life beyond what its inputs may take: the kernel ends
/// one that runs on where no parent watches.
const SPARE_CPU: Duration = Duration::from_secs(10);

/// A child that has shown its cage. Dropping it kills it and waits until it is gone.
pub(super) struct Decoder {
    child: Child,
    pipes: Pipes,
    hello: Hello,
    settings: Arc<SandboxSettings>,
    inputs: u32,
}

impl Decoder {
    /// Starts a child and waits for its hello. The error says why there is none.
    ///
    /// MUST be called on a thread that outlives the child: the kernel kills the child with it.
    pub(super) fn start(settings: Arc<SandboxSettings>, stop: OwnedFd) -> Result<Decoder, String> {
        let program = &settings.program;
        let mut child = Command::new(program)
            .arg(child::COMMAND)
            .arg(child_settings(&settings).to_argument())
            .env_clear()
            .current_dir("/")
            // What a subverted child says there would be content in the log.
            .stderr(Stdio::null())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C goes to the whole group: the server is to end its children in order.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("program {program:?} does not start: {error}"))?;

        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        let greeted = Pipes::new(stdin, stdout, stop)
            .map_err(|error| Some(format!("its pipes cannot be set up: {error}")))
            .and_then(|mut pipes| match hear_hello(pipes.answers(), &settings) {
                Ok(hello) => Ok((pipes, hello)),
                Err(Fault::Died) => Err(None),
                Err(Fault::TimedOut) => Err(Some(format!("no hello within {START_LIMIT:?}"))),
                Err(Fault::Lied(what)) => Err(Some(what)),
                Err(Fault::Stopped) => Err(Some("the sandbox ends".to_owned())),
            });
        match greeted {
            Ok((pipes, hello)) => Ok(Decoder {
                child,
                pipes,
                hello,
                settings,
                inputs: 0,
            }),
            Err(problem) => {
                let end = end(&mut child);
                Err(problem.unwrap_or(format!("it ended before its hello: {end}")))
            }
        }
    }

    /// Has the child decode one input, or say what it is by its beginning. After a fault it MUST be
    /// ended: what it says next may be the answer to anything.
    pub(super) fn inspect(
        &mut self,
        kind: Kind,
        bytes: &[u8],
    ) -> Result<Result<Answer, Refusal>, Fault> {
        let deadline = Instant::now() + self.settings.time_limit;
        self.inputs += 1;
        self.pipes.send(kind, bytes, deadline)?;

        let limits = self.settings.limits;
        let (kind, body) = self
            .pipes
            .answers()
            .receive(|kind| protocol::largest_answer(kind, &limits), deadline)?;
        protocol::parse_answer(kind, &body, &limits).map_err(Fault::Lied)
    }

    /// Whether it lives and has said nothing that was not asked.
    pub(super) fn is_ready(&mut self) -> bool {
        // Its pipe alone does not tell that it is dead: another child that is just being started
        // holds a copy of the other end for a moment.
        matches!(self.child.try_wait(), Ok(None)) && self.pipes.are_quiet()
    }

    pub(super) fn process_id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn hello(&self) -> &Hello {
        &self.hello
    }

    /// How many inputs it was given.
    pub(super) fn inputs(&self) -> u32 {
        self.inputs
    }

    /// Kills it, unless it is dead already, and says how it ended.
    pub(super) fn end(mut self) -> String {
        end(&mut self.child)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

pub(super) fn hear_hello(
    child: &mut FromChild,
    settings: &SandboxSettings,
) -> Result<Hello, Fault> {
    let deadline = Instant::now() + START_LIMIT;
    let (kind, body) = child.receive(|_| protocol::LARGEST_TEXT_BYTES, deadline)?;
    let hello = Hello::parse(kind, &body).map_err(Fault::Lied)?;
    if settings.require_cage {
        hello.require_cage().map_err(Fault::Lied)?;
    }
    Ok(hello)
}

pub(super) fn child_settings(settings: &SandboxSettings) -> ChildSettings {
    let inputs = settings.time_limit.saturating_mul(settings.replace_after);
    ChildSettings {
        parent: std::process::id(),
        memory_bytes: settings.memory_bytes,
        cpu_seconds: inputs.saturating_add(SPARE_CPU).as_secs(),
        limits: settings.limits.into(),
    }
}

pub(super) fn end(child: &mut Child) -> String {
    // Both fail only for a child that was waited for before, and then `wait` still knows the end.
    let _ = child.kill();
    match child.wait() {
        Ok(status) => describe(status),
        Err(error) => format!("its end is unknown: {error}"),
    }
}

pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal().map(Signal::try_from)) {
        (Some(child::PANICKED), _) => "the decoder panicked".to_owned(),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(Ok(signal))) => format!("signal {signal}"),
        (None, _) => status.to_string(),
    }
}
