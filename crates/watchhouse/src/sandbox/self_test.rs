//! Shows what a decoding child may do on this machine, by trying.
//!
//! Each forbidden thing is tried by a process of its own inside the same cage that decoding children
//! enter; and once more with the system call filter left out, to see whether the other walls stand
//! without it. Where a try succeeds, it does no harm.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use anyhow::{Context, bail};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::SandboxSettings;
use super::cage::{self, Walls};
use super::child;
use super::decoder::{Decoder, child_settings};
use super::program::{self, ProgramSettings};
use super::protocol::{Hello, Kind};

/// The hidden argument that makes a child try one thing and end.
pub(super) const ATTEMPT: &str = "--attempt";

const ALL_WALLS: &str = "all-walls";
const WITHOUT_SECCOMP: &str = "without-seccomp";
const OF_A_PROGRAM: &str = "of-a-program";

/// What is tried is given the parent's process id: to ask for it is forbidden, too.
type Attempt = (&'static str, fn(u32) -> io::Result<()>);

/// What decoding never needs, each as an attacker would begin.
const ATTEMPTS: [Attempt; 12] = [
    ("read_file", read_file),
    ("write_file", write_file),
    ("list_directory", list_directory),
    ("make_directory", make_directory),
    ("connect", connect),
    ("listen", listen),
    ("send_datagram", send_datagram),
    ("start_program", start_program),
    ("become_program", become_program),
    ("start_thread", start_thread),
    ("signal_parent", signal_parent),
    ("lift_limits", lift_limits),
];

/// What the self-test saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub hello: Hello,
    /// Whether a caged child decodes a picture.
    pub decodes: bool,
    pub attempts: Vec<Tried>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    pub attempt: String,
    pub all_walls: Outcome,
    pub without_seccomp: Outcome,
    /// In the cage of another program, where what is not allowed is refused.
    pub of_a_program: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The kernel killed the process at the forbidden call.
    Killed,
    /// The call failed, with this error.
    Refused(String),
    Succeeded,
}

impl Report {
    /// Whether a child decodes and can do nothing else.
    pub fn is_sound(&self) -> bool {
        self.hello.seccomp
            && self.decodes
            && self.attempts.iter().all(|tried| {
                tried.all_walls == Outcome::Killed
                    && matches!(tried.of_a_program, Outcome::Refused(_))
            })
    }
}

/// Starts children as `settings` say and reports what they can do. Takes about a tenth of a second.
pub fn run(settings: SandboxSettings) -> anyhow::Result<Report> {
    let settings = Arc::new(settings);
    let (stopped, _stop) = io::pipe()?;
    let mut decoder = Decoder::start(Arc::clone(&settings), OwnedFd::from(stopped))
        .map_err(anyhow::Error::msg)
        .context("starting a decoding child")?;
    let decodes = matches!(
        decoder.inspect(Kind::Input, &child::first_picture()),
        Ok(Ok(_))
    );

    let mut attempts = Vec::new();
    for (attempt, _) in ATTEMPTS {
        attempts.push(Tried {
            attempt: attempt.to_owned(),
            all_walls: try_in_child(&settings, attempt, ALL_WALLS)?,
            without_seccomp: try_in_child(&settings, attempt, WITHOUT_SECCOMP)?,
            of_a_program: try_in_child(&settings, attempt, OF_A_PROGRAM)?,
        });
    }
    Ok(Report {
        hello: decoder.hello().clone(),
        decodes,
        attempts,
    })
}

/// `decode-child --self-test`: the report of this program as JSON on stdout.
pub(super) fn print() -> anyhow::Result<()> {
    let report = run(SandboxSettings::new("/proc/self/exe"))?;
    let mut stdout = io::stdout().lock();
    serde_json::to_writer_pretty(&mut stdout, &report)?;
    writeln!(stdout)?;
    if !report.is_sound() {
        bail!("a decoding child can do more than decode on this machine: see the report");
    }
    Ok(())
}

fn try_in_child(settings: &SandboxSettings, attempt: &str, walls: &str) -> anyhow::Result<Outcome> {
    let Output { status, stdout, .. } = Command::new(&settings.program)
        .args([child::COMMAND, ATTEMPT, attempt, walls])
        .arg(child_settings(settings).to_argument())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("starting a process for the self-test")?;
    if status.signal() == Some(Signal::SIGSYS as i32) {
        return Ok(Outcome::Killed);
    }
    if !status.success() {
        bail!("trying {attempt:?} {walls:?} ended unexpectedly: {status}");
    }
    serde_json::from_slice(&stdout).with_context(|| format!("reading what {attempt:?} came to"))
}

/// `decode-child --attempt …`: enters the cage, tries one thing, and says what came of it.
pub(super) fn attempt(name: &str, walls: &str, settings: &str) -> anyhow::Result<()> {
    let settings = child::parse_settings(settings)?;
    let (_, attempt) = ATTEMPTS
        .into_iter()
        .find(|(known, _)| *known == name)
        .with_context(|| format!("there is no attempt {name:?}"))?;

    match walls {
        ALL_WALLS => drop(cage::enter(settings.parent, settings.bounds(), Walls::All)?),
        WITHOUT_SECCOMP => {
            drop(cage::enter(
                settings.parent,
                settings.bounds(),
                Walls::AllButSeccomp,
            )?);
        }
        OF_A_PROGRAM => {
            let settings = ProgramSettings {
                parent: settings.parent,
                memory_bytes: settings.memory_bytes,
                cpu_seconds: settings.cpu_seconds,
                require_cage: true,
            };
            program::enter(&settings, &std::env::current_exe()?)?;
        }
        _ => bail!("{walls:?} is not a choice of walls"),
    }
    let outcome = match attempt(settings.parent) {
        Ok(()) => Outcome::Succeeded,
        Err(error) => Outcome::Refused(error.to_string()),
    };
    serde_json::to_writer(io::stdout(), &outcome)?;
    Ok(())
}

fn read_file(_parent: u32) -> io::Result<()> {
    fs::read("/etc/passwd").map(drop)
}

fn write_file(_parent: u32) -> io::Result<()> {
    let path = scratch_path();
    File::create_new(&path)?;
    fs::remove_file(path)
}

fn list_directory(_parent: u32) -> io::Result<()> {
    fs::read_dir("/").map(drop)
}

fn make_directory(_parent: u32) -> io::Result<()> {
    let path = scratch_path();
    fs::create_dir(&path)?;
    fs::remove_dir(path)
}

fn connect(_parent: u32) -> io::Result<()> {
    // Refused by the port, too, where nobody listens; that error says so.
    TcpStream::connect((Ipv4Addr::LOCALHOST, 9)).map(drop)
}

fn listen(_parent: u32) -> io::Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(drop)
}

fn send_datagram(_parent: u32) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.send_to(&[], socket.local_addr()?).map(drop)
}

fn start_program(_parent: u32) -> io::Result<()> {
    Command::new("/bin/true").status().map(drop)
}

fn become_program(_parent: u32) -> io::Result<()> {
    // Says nothing in JSON, so a success is an error of the self-test and not overlooked.
    Err(Command::new("/bin/true").exec())
}

fn start_thread(_parent: u32) -> io::Result<()> {
    let thread = std::thread::Builder::new().spawn(|| {})?;
    thread.join().map_err(|_| io::Error::other("it panicked"))
}

fn signal_parent(parent: u32) -> io::Result<()> {
    // No signal at all: only asks whether one might be sent.
    kill(Pid::from_raw(parent as i32), None).map_err(io::Error::from)
}

fn lift_limits(_parent: u32) -> io::Result<()> {
    setrlimit(Resource::RLIMIT_NOFILE, 64, 64).map_err(io::Error::from)
}

fn scratch_path() -> PathBuf {
    PathBuf::from(format!("/tmp/watchhouse-self-test-{}", std::process::id()))
}
