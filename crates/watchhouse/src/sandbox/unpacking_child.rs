//! The archive's child: cages itself, takes the archive on its stdin apart, tells what is in it, ends.
//!
//! It MUST read nothing before it is caged. What it is told to keep to, its parent counts as well.

use std::io::{self, Read, Seek, SeekFrom};

use anyhow::Context as _;
use nix::sys::uio::pread;
use serde::{Deserialize, Serialize};

use super::cage::{self, Bounds, Walls};
use super::child::{greet, send};
use super::protocol::{self, Hello, Kind};
use crate::archive::{self, ArchiveError, ArchiveErrorKind, ArchiveLimits, Part};

/// The hidden argument that makes a child an archive's.
pub(super) const UNPACK: &str = "--unpack";

/// What a child is started with, as its one argument.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnpackingSettings {
    pub(super) parent: u32,
    pub(super) memory_bytes: u64,
    pub(super) cpu_seconds: u64,
    pub(super) archive_bytes: u64,
    pub(super) members: u64,
    pub(super) member_bytes: u64,
    pub(super) total_bytes: u64,
    pub(super) ratio: u64,
}

/// Why there is no more of a member or an archive; the position is the number on the wire.
pub(super) const KINDS: [ArchiveErrorKind; 7] = [
    ArchiveErrorKind::Malformed,
    ArchiveErrorKind::Encrypted,
    ArchiveErrorKind::Unsupported,
    ArchiveErrorKind::TooManyMembers,
    ArchiveErrorKind::MemberTooLarge,
    ArchiveErrorKind::TooManyBytes,
    ArchiveErrorKind::TooDense,
];

pub(super) fn serve(settings: &str) -> anyhow::Result<()> {
    let settings: UnpackingSettings =
        serde_json::from_str(settings).context("reading the child's settings")?;
    let bounds = Bounds {
        memory_bytes: settings.memory_bytes,
        cpu_seconds: settings.cpu_seconds,
    };
    greet(cage::enter(settings.parent, bounds, Walls::All).map(Hello::new))?;

    let limits = ArchiveLimits {
        members: settings.members,
        member_bytes: settings.member_bytes,
        total_bytes: settings.total_bytes,
        ratio: settings.ratio,
    };
    let stdin = Stdin {
        size_bytes: settings.archive_bytes,
        at: 0,
    };
    match archive::read(stdin, &limits, &mut tell) {
        Ok(()) => send(Kind::ArchiveEnd, &[])?,
        Err(error) if error.kind == ArchiveErrorKind::Stopped => {}
        Err(error) => send(Kind::ArchiveBroken, &broken_body(&error))?,
    }
    Ok(())
}

fn tell(part: Part<'_>) -> io::Result<()> {
    match part {
        Part::Member(name) => send(Kind::Member, name.as_bytes()),
        Part::Bytes(piece) => send(Kind::Bytes, piece),
        Part::End => send(Kind::MemberEnd, &[]),
        Part::Broken(error) => send(Kind::MemberBroken, &broken_body(error)),
    }
}

fn broken_body(error: &ArchiveError) -> Vec<u8> {
    let mut body = vec![protocol::number(&KINDS, error.kind)];
    body.extend(protocol::printable(error.message.as_bytes()).bytes());
    body
}

/// The archive. Each copy has its own place in it: the file's own is nobody's.
#[derive(Clone)]
struct Stdin {
    size_bytes: u64,
    at: u64,
}

impl Read for Stdin {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let at = i64::try_from(self.at).map_err(io::Error::other)?;
        let n_bytes = pread(io::stdin(), into, at)?;
        self.at += n_bytes as u64;
        Ok(n_bytes)
    }
}

impl Seek for Stdin {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size_bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
