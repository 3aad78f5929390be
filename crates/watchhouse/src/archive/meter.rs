//! Counts what comes out of an archive.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};

use super::{ArchiveError, ArchiveErrorKind, ArchiveLimits, DENSE_BYTES};

pub(super) struct Meter {
    limits: ArchiveLimits,
    packed_bytes: u64,
    members: Cell<u64>,
    member_bytes: Cell<u64>,
    /// Given to whoever takes the members.
    given_bytes: Cell<u64>,
    /// Out of the compression around a tar: what is between members costs time, too.
    unpacked_bytes: Cell<u64>,
    /// Why a reader of ours failed, which others' errors do not tell.
    reason: RefCell<Option<ArchiveError>>,
}

impl Meter {
    pub(super) fn new(limits: ArchiveLimits, packed_bytes: u64) -> Meter {
        Meter {
            limits,
            packed_bytes,
            members: Cell::default(),
            member_bytes: Cell::default(),
            given_bytes: Cell::default(),
            unpacked_bytes: Cell::default(),
            reason: RefCell::default(),
        }
    }

    pub(super) fn begin_member(&self) -> Result<(), ArchiveError> {
        let limit = self.limits.members;
        if self.members.get() == limit {
            let message = format!("it has more than {limit} members");
            return Err(ArchiveErrorKind::TooManyMembers.because(message));
        }
        self.members.set(self.members.get() + 1);
        self.member_bytes.set(0);
        Ok(())
    }

    /// Counts bytes of the member that are about to be given away.
    pub(super) fn give(&self, n_bytes: usize) -> Result<(), ArchiveError> {
        self.count(&self.given_bytes, n_bytes)?;
        let limit = self.limits.member_bytes;
        self.member_bytes
            .set(self.member_bytes.get() + n_bytes as u64);
        if self.member_bytes.get() > limit {
            let message = format!("it unpacks to more than {limit} bytes");
            return Err(ArchiveErrorKind::MemberTooLarge.because(message));
        }
        Ok(())
    }

    /// Why a metered reader failed, if it was for a limit.
    pub(super) fn reason(&self) -> Option<ArchiveError> {
        self.reason.borrow().clone()
    }

    fn count(&self, counter: &Cell<u64>, n_bytes: usize) -> Result<(), ArchiveError> {
        let sum = counter.get() + n_bytes as u64;
        counter.set(sum);
        let limit = self.limits.total_bytes;
        if sum > limit {
            let message = format!("it unpacks to more than {limit} bytes in all");
            return Err(ArchiveErrorKind::TooManyBytes.because(message));
        }
        let ratio = self.limits.ratio;
        if sum > DENSE_BYTES && sum / ratio > self.packed_bytes {
            let message = format!("it unpacks to more than {ratio} times its own size");
            return Err(ArchiveErrorKind::TooDense.because(message));
        }
        Ok(())
    }
}

/// A reader of what a compression unpacks.
pub(super) struct Metered<'m, R> {
    pub(super) input: R,
    pub(super) meter: &'m Meter,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.input.read(into)?;
        let counted = self.meter.count(&self.meter.unpacked_bytes, n_bytes);
        counted.map_err(|error| {
            let text = error.to_string();
            self.meter.reason.replace(Some(error));
            io::Error::other(text)
        })?;
        Ok(n_bytes)
    }
}
