//! An archive and the child that takes it apart, as the parent sees them.
//!
//! One child for one archive, in the same cage as those that decode. The archive is its stdin, a file
//! open for reading, so that nothing is copied and nothing goes to disk; what it tells is counted,
//! digested and handed on, member by member. The parent MUST NOT read an archive itself.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;
use watchhouse_match::{Digester, Digests};

use super::decoder::{end, hear_hello};
use super::pipes::{Fault, FromChild};
use super::protocol::{self, Kind};
use super::unpacking_child::{KINDS, UNPACK, UnpackingSettings};
use super::{Refusal, SandboxSettings, child};
use crate::archive::{ArchiveErrorKind, ArchiveLimits, MAX_NAME_BYTES};

/// A child says something within this time, however long the archive is.
const SILENCE: Duration = Duration::from_secs(30);

/// The longest piece of a member.
const PIECE_BYTES: usize = 64 << 10;

/// What an archive and the archives in it may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveSettings {
    pub limits: ArchiveLimits,
    /// How deep archives may lie in archives; 1 is none in another.
    pub depth: u32,
    /// Of unpacking, without the time that looking at the members takes.
    pub time: Duration,
}

impl Default for ArchiveSettings {
    fn default() -> ArchiveSettings {
        ArchiveSettings {
            limits: ArchiveLimits::default(),
            depth: 3,
            time: Duration::from_secs(300),
        }
    }
}

/// What is left of what an archive, with all archives in it, may come to.
pub struct Allowance {
    settings: ArchiveSettings,
    members: AtomicU64,
    bytes: AtomicU64,
    time_ms: AtomicU64,
}

impl Allowance {
    pub fn new(settings: ArchiveSettings) -> Allowance {
        Allowance {
            settings,
            members: settings.limits.members.into(),
            bytes: settings.limits.total_bytes.into(),
            time_ms: (settings.time.as_millis() as u64).into(),
        }
    }

    fn take_member(&self) -> Result<(), Refusal> {
        take(&self.members, 1).map_err(|()| {
            let limit = self.settings.limits.members;
            let message = format!("it has more than {limit} members");
            Refusal::new(ArchiveErrorKind::TooManyMembers.code(), message)
        })
    }

    fn take_bytes(&self, n_bytes: usize) -> Result<(), Refusal> {
        take(&self.bytes, n_bytes as u64).map_err(|()| {
            let limit = self.settings.limits.total_bytes;
            let message = format!("it unpacks to more than {limit} bytes in all");
            Refusal::new(ArchiveErrorKind::TooManyBytes.code(), message)
        })
    }

    fn take_time(&self, time: Duration) {
        let _ = take(&self.time_ms, time.as_millis() as u64);
    }

    fn time(&self) -> Duration {
        Duration::from_millis(self.time_ms.load(Ordering::Relaxed))
    }
}

/// Takes from what is left, and all of it where that is too little.
fn take(left: &AtomicU64, n: u64) -> Result<(), ()> {
    let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        Some(left.saturating_sub(n))
    });
    match before {
        Ok(before) if before < n => Err(()),
        _ => Ok(()),
    }
}

/// What an archive holds under one name.
pub struct Member {
    /// As the archive has it; empty where it gives none.
    pub name: String,
    pub content: Result<Content, Refusal>,
}

pub struct Content {
    pub size_bytes: u64,
    pub digests: Digests,
    /// None for more than a picture may have.
    pub bytes: Option<Bytes>,
}

/// An archive being taken apart. Dropping it ends the child.
pub struct Unpacking {
    members: mpsc::Receiver<Told>,
    is_done: bool,
    /// Hangs up when nobody wants more.
    _stop: PipeWriter,
}

enum Told {
    Member(Member),
    End(Result<(), Refusal>),
}

impl Unpacking {
    pub fn start(
        settings: Arc<SandboxSettings>,
        allowance: Arc<Allowance>,
        archive: File,
    ) -> io::Result<Unpacking> {
        let (stopped, stop) = io::pipe()?;
        let (teller, members) = mpsc::channel(1);
        // A thread of its own: the kernel ends a child with the thread that started it.
        std::thread::Builder::new()
            .name("unpacking".to_owned())
            .spawn(move || {
                let told = unpack(&settings, &allowance, archive, stopped, &teller);
                let _ = teller.blocking_send(Told::End(told));
            })?;
        Ok(Unpacking {
            members,
            is_done: false,
            _stop: stop,
        })
    }

    /// The next member, or why there are no more; None at the end.
    pub async fn next(&mut self) -> Option<Result<Member, Refusal>> {
        if self.is_done {
            return None;
        }
        match self.members.recv().await {
            Some(Told::Member(member)) => Some(Ok(member)),
            Some(Told::End(told)) => {
                self.is_done = true;
                told.err().map(Err)
            }
            None => {
                self.is_done = true;
                let message = "the thread that read the archive ended".to_owned();
                Some(Err(Refusal::new(Refusal::DIED, message)))
            }
        }
    }
}

fn unpack(
    settings: &SandboxSettings,
    allowance: &Allowance,
    archive: File,
    stopped: PipeReader,
    teller: &mpsc::Sender<Told>,
) -> Result<(), Refusal> {
    let unavailable = |error: io::Error| Refusal::unavailable(error.to_string());
    let archive_bytes = archive.metadata().map_err(unavailable)?.len();
    let mut process = Process(
        Command::new(&settings.program)
            .args([child::COMMAND, UNPACK])
            .arg(child_settings(settings, allowance, archive_bytes))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(archive))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(unavailable)?,
    );
    let stdout = process.0.stdout.take().expect("stdout is piped");
    let mut child = FromChild::new(stdout, OwnedFd::from(stopped)).map_err(unavailable)?;
    hear_hello(&mut child, settings).map_err(|fault| match fault {
        Fault::Lied(what) => Refusal::unavailable(what),
        _ => Refusal::unavailable(end(&mut process.0)),
    })?;
    hear(&mut child, settings, allowance, teller).map_err(|end_of_it| match end_of_it {
        Ended::Refused(refusal) => refusal,
        Ended::Fault(fault) => {
            Refusal::from_fault(fault, &end(&mut process.0), allowance.settings.time)
        }
    })
}

/// Why no more is heard of an archive.
enum Ended {
    Refused(Refusal),
    Fault(Fault),
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Ended {
        Ended::Fault(fault)
    }
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Ended {
        Ended::Refused(refusal)
    }
}

fn hear(
    child: &mut FromChild,
    settings: &SandboxSettings,
    allowance: &Allowance,
    teller: &mpsc::Sender<Told>,
) -> Result<(), Ended> {
    let mut member: Option<Gathering> = None;
    loop {
        let began = Instant::now();
        let heard = child.receive(largest, began + SILENCE.min(allowance.time()));
        allowance.take_time(began.elapsed());
        let (kind, body) = heard?;
        let content = match (kind, member.take()) {
            (Kind::Member, None) => {
                allowance.take_member()?;
                let name = String::from_utf8(body);
                let name = name.map_err(|_| Fault::Lied("a name that is no text".to_owned()))?;
                member = Some(Gathering::new(name));
                continue;
            }
            (Kind::Bytes, Some(mut gathering)) => {
                allowance.take_bytes(body.len())?;
                gathering.add(&body, settings.limits.bytes);
                member = Some(gathering);
                continue;
            }
            (Kind::MemberEnd, Some(gathering)) => gathering.finish(),
            (Kind::MemberBroken, Some(gathering)) => Member {
                name: gathering.name,
                content: Err(parse_broken(&body)?),
            },
            (Kind::ArchiveEnd, None) => return Ok(()),
            (Kind::ArchiveBroken, _) => return Err(parse_broken(&body)?.into()),
            (kind, _) => return Err(Fault::Lied(format!("{kind:?} out of order")).into()),
        };
        if teller.blocking_send(Told::Member(content)).is_err() {
            return Err(Fault::Stopped.into());
        }
    }
}

fn largest(kind: Kind) -> usize {
    match kind {
        Kind::Member => MAX_NAME_BYTES,
        Kind::Bytes => PIECE_BYTES,
        Kind::MemberBroken | Kind::ArchiveBroken => protocol::LARGEST_TEXT_BYTES,
        _ => 0,
    }
}

fn parse_broken(body: &[u8]) -> Result<Refusal, Fault> {
    let (kind, message) = body
        .split_first()
        .ok_or_else(|| Fault::Lied("a refusal without a reason".to_owned()))?;
    let kind = KINDS
        .get(usize::from(*kind))
        .ok_or_else(|| Fault::Lied("a refusal for an unknown reason".to_owned()))?;
    Ok(Refusal::new(kind.code(), protocol::printable(message)))
}

fn child_settings(settings: &SandboxSettings, allowance: &Allowance, archive_bytes: u64) -> String {
    let limits = allowance.settings.limits;
    let settings = UnpackingSettings {
        parent: std::process::id(),
        memory_bytes: settings.memory_bytes,
        // The kernel ends one that runs on where no parent watches.
        cpu_seconds: (allowance.time() + SILENCE).as_secs(),
        archive_bytes,
        members: allowance.members.load(Ordering::Relaxed),
        member_bytes: limits.member_bytes,
        total_bytes: allowance.bytes.load(Ordering::Relaxed),
        ratio: limits.ratio,
    };
    serde_json::to_string(&settings).expect("numbers can be written as JSON")
}

/// A child that is gone when this is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// A member of which not all has come.
struct Gathering {
    name: String,
    size_bytes: u64,
    digester: Digester,
    bytes: Vec<u8>,
    is_held: bool,
}

impl Gathering {
    fn new(name: String) -> Gathering {
        Gathering {
            name,
            size_bytes: 0,
            digester: Digester::default(),
            bytes: Vec::new(),
            is_held: true,
        }
    }

    fn add(&mut self, piece: &[u8], limit: u64) {
        self.size_bytes += piece.len() as u64;
        self.digester.update(piece);
        self.is_held = self.size_bytes <= limit;
        if self.is_held {
            self.bytes.extend_from_slice(piece);
        } else {
            self.bytes = Vec::new();
        }
    }

    fn finish(self) -> Member {
        Member {
            name: self.name,
            content: Ok(Content {
                size_bytes: self.size_bytes,
                digests: self.digester.finish(),
                bytes: self.is_held.then(|| Bytes::from(self.bytes)),
            }),
        }
    }
}
