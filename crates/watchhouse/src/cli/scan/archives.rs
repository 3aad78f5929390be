//! What is in archives, as a scan looks at it: every member like a file, archives in archives too.
//!
//! A member is named `archive.zip!/folder/picture.jpg`.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{self, StreamExt as _};
use nix::sys::memfd::{MFdFlags, memfd_create};
use watchhouse_match::DecodeErrorKind;

use super::{Desk, Outcome, Scan};
use crate::archive::{ArchiveErrorKind, Form};
use crate::cli::files::{self, Looked, Problem, Read};
use crate::cli::walk::Found;
use crate::sandbox::Refusal;
use crate::sandbox::unpacking::{Allowance, Member, Unpacking};

/// Where an archive lies, and what it may still come to.
struct Place {
    path: PathBuf,
    allowance: Arc<Allowance>,
    /// In how many others it lies.
    depth: u32,
}

impl Scan {
    /// What was no picture, to be read again, if it is an archive.
    pub(super) fn archive(&self, looked: &Looked, found: &Found) -> Option<File> {
        let is_no_picture = looked.inspection.as_ref().is_err_and(may_be_archive);
        if self.no_archives || !is_no_picture {
            return None;
        }
        match (&looked.media, &found.object) {
            (Some(media), _) if Form::sniff(media).is_none() => None,
            (Some(media), Some(_)) => in_memory(media).ok(),
            // Too large to be fetched into memory.
            (None, Some(_)) => None,
            (_, None) => {
                let file = File::open(&looked.path).ok()?;
                let mut head = [0; Form::HEAD_BYTES];
                let n_bytes = file.read_at(&mut head, 0).ok()?;
                Form::sniff(&head[..n_bytes]).map(|_| file)
            }
        }
    }

    /// Looks at all that is in an archive.
    pub(super) async fn look_into(&self, desk: &Desk<'_>, archive: File, path: &Path) -> Outcome {
        // Each has as many members in memory as there are files of the scan.
        let _turn = desk.archives.acquire().await;
        let place = Place {
            path: path.to_owned(),
            allowance: Arc::new(Allowance::new(self.archive_settings())),
            depth: 1,
        };
        self.look_into_place(desk, archive, place).await
    }

    fn look_into_place<'a>(
        &'a self,
        desk: &'a Desk<'_>,
        archive: File,
        place: Place,
    ) -> BoxFuture<'a, Outcome> {
        async move {
            let mut outcome = Outcome::default();
            let settings = Arc::clone(&desk.settings);
            let unpacking = Unpacking::start(settings, Arc::clone(&place.allowance), archive);
            let unpacking = match unpacking {
                Ok(unpacking) => unpacking,
                Err(error) => {
                    let problem = Problem {
                        code: Refusal::UNAVAILABLE,
                        message: format!("cannot start a child to read it: {error}"),
                    };
                    self.tell_unchecked(&place.path, &problem, &mut outcome);
                    return outcome;
                }
            };
            let mut members = stream::unfold(unpacking, async |mut unpacking| {
                let member = unpacking.next().await?;
                Some((member, unpacking))
            })
            .map(|member| self.look_at_member(desk, &place, member))
            .buffered(desk.ahead)
            .boxed();
            while let Some((member, inner)) = members.next().await {
                outcome += member;
                // One after the other: side by side they would multiply, each with its members.
                if let Some(inner) = inner {
                    outcome += self.look_into_inner(desk, &place, inner).await;
                }
            }
            drop(members);
            outcome
        }
        .boxed()
    }

    /// What a member came to, and the member again if it is an archive.
    async fn look_at_member(
        &self,
        desk: &Desk<'_>,
        place: &Place,
        member: Result<Member, Refusal>,
    ) -> (Outcome, Option<Looked>) {
        let mut outcome = Outcome::default();
        let member = match member {
            Ok(member) => member,
            Err(refusal) => {
                self.tell_unchecked(&place.path, &refusal.into(), &mut outcome);
                return (outcome, None);
            }
        };
        outcome.members = 1;
        let path = inside(&place.path, &member.name);
        let content = match member.content {
            Ok(content) => content,
            Err(refusal) => {
                self.tell_unchecked(&path, &refusal.into(), &mut outcome);
                return (outcome, None);
            }
        };
        let size_bytes = content.size_bytes;
        let read = Read {
            size_bytes,
            digests: content.digests,
            media: content.bytes,
            large: None,
        };
        let limit = desk.settings.limits.bytes;
        let looked = files::examine(&desk.sandbox, path, Ok(read), limit, &desk.progress).await;
        self.judge(desk.lists, &looked, &mut outcome);
        let Err(problem) = &looked.inspection else {
            return (outcome, None);
        };
        let form = looked.media.as_deref().and_then(Form::sniff);
        if form.is_some() && may_be_archive(problem) {
            return (outcome, Some(looked));
        }
        self.tell_unchecked(&looked.path, problem, &mut outcome);
        (outcome, None)
    }

    async fn look_into_inner(&self, desk: &Desk<'_>, outer: &Place, inner: Looked) -> Outcome {
        let mut outcome = Outcome::default();
        let place = Place {
            path: inner.path,
            allowance: Arc::clone(&outer.allowance),
            depth: outer.depth + 1,
        };
        if place.depth > self.archive_settings().depth {
            let depth = outer.depth;
            let problem = Problem {
                code: ArchiveErrorKind::TOO_DEEP,
                message: format!("it is an archive inside {depth} others, and not looked into"),
            };
            self.tell_unchecked(&place.path, &problem, &mut outcome);
            return outcome;
        }
        match in_memory(&inner.media.unwrap_or_default()) {
            Ok(archive) => self.look_into_place(desk, archive, place).await,
            Err(error) => {
                let problem = Problem {
                    code: Refusal::UNAVAILABLE,
                    message: format!("cannot hold it for a child to read: {error}"),
                };
                self.tell_unchecked(&place.path, &problem, &mut outcome);
                outcome
            }
        }
    }
}

/// Whether it was not a picture that could be decoded; a large one may be none.
fn may_be_archive(problem: &Problem) -> bool {
    let codes = [
        DecodeErrorKind::UnsupportedFormat,
        DecodeErrorKind::TooManyBytes,
    ];
    codes.map(DecodeErrorKind::code).contains(&problem.code)
}

fn inside(archive: &Path, name: &str) -> PathBuf {
    let mut path = archive.as_os_str().to_owned();
    path.push("!/");
    match name {
        // What is only compressed has its name outside, with an ending for the compression.
        "" => path.push(archive.file_stem().unwrap_or_default()),
        name => path.push(name),
    }
    path.into()
}

/// A file that is nowhere but in memory.
fn in_memory(bytes: &Bytes) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"archive", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    Ok(file)
}
