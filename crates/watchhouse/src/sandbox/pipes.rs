//! A child's two pipes, read and written by the parent without ever waiting longer than a deadline.
//!
//! The child on the other side may be subverted: it may say nothing, too much, or stop reading. None
//! of that MUST hold the parent up past the deadline or make it take memory that was not agreed.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{ChildStdin, ChildStdout};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::protocol::{self, Header, Kind};

/// Room asked for in the pipe to the child: what an unprivileged process may have. Pictures of
/// ordinary size then go over in one write.
pub(super) const PIPE_BYTES: i32 = 1 << 20;

/// What a child did instead of answering.
#[derive(Debug)]
pub(super) enum Fault {
    /// It closed its pipe, so it is dead or dying.
    Died,
    TimedOut,
    /// It answered what no sound child answers.
    Lied(String),
    /// The sandbox ends.
    Stopped,
}

pub(super) struct Pipes {
    to_child: File,
    from_child: FromChild,
}

/// The pipe that a child answers through.
pub(super) struct FromChild {
    pipe: File,
    /// Hangs up when nobody wants the answers any more.
    stop: OwnedFd,
}

impl Pipes {
    pub(super) fn new(stdin: ChildStdin, stdout: ChildStdout, stop: OwnedFd) -> io::Result<Pipes> {
        let pipes = Pipes {
            to_child: File::from(OwnedFd::from(stdin)),
            from_child: FromChild::new(stdout, stop)?,
        };
        // Each end has its own flags: the child's ends still block.
        fcntl(&pipes.to_child, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        // A small pipe works as well, only slower.
        let _ = fcntl(&pipes.to_child, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
        Ok(pipes)
    }

    /// Whether the child is there and has said nothing that was not asked.
    pub(super) fn are_quiet(&self) -> bool {
        let mut fds = [PollFd::new(self.from_child.pipe.as_fd(), PollFlags::POLLIN)];
        matches!(poll(&mut fds, PollTimeout::ZERO), Ok(0))
    }

    pub(super) fn send(&mut self, kind: Kind, body: &[u8], deadline: Instant) -> Result<(), Fault> {
        let header = protocol::header(kind, body.len());
        self.write(&header, deadline)?;
        self.write(body, deadline)
    }

    pub(super) fn answers(&mut self) -> &mut FromChild {
        &mut self.from_child
    }

    fn write(&mut self, mut bytes: &[u8], deadline: Instant) -> Result<(), Fault> {
        while !bytes.is_empty() {
            match self.to_child.write(bytes) {
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.from_child
                        .wait(self.to_child.as_fd(), PollFlags::POLLOUT, deadline)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Fault::Died),
            }
        }
        Ok(())
    }
}

impl FromChild {
    pub(super) fn new(child: impl Into<OwnedFd>, stop: OwnedFd) -> io::Result<FromChild> {
        let pipe = File::from(child.into());
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(FromChild { pipe, stop })
    }

    /// Reads one frame whose body is at most `limit(kind)` bytes long.
    pub(super) fn receive(
        &mut self,
        limit: impl Fn(Kind) -> usize,
        deadline: Instant,
    ) -> Result<(Kind, Vec<u8>), Fault> {
        let mut header = [0; protocol::HEADER_BYTES];
        self.read(&mut header, deadline)?;
        let Header { kind, size_bytes } = Header::parse(header).map_err(Fault::Lied)?;
        let limit = limit(kind);
        if size_bytes > limit {
            return Err(Fault::Lied(format!(
                "an answer of {size_bytes} bytes, expected at most {limit}"
            )));
        }
        let mut body = vec![0; size_bytes];
        self.read(&mut body, deadline)?;
        Ok((kind, body))
    }

    /// Reads until the other side hangs up, which a program does when it ends. Keeps the first bytes.
    pub(super) fn until_hung_up(&mut self, deadline: Instant) -> Result<Vec<u8>, Fault> {
        let mut kept = Vec::new();
        let mut buffer = [0; 512];
        loop {
            match self.pipe.read(&mut buffer) {
                Ok(0) => return Ok(kept),
                Ok(n) => {
                    let room = buffer.len() - kept.len();
                    kept.extend_from_slice(&buffer[..n.min(room)]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(self.pipe.as_fd(), PollFlags::POLLIN, deadline)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Fault::Died),
            }
        }
    }

    fn read(&mut self, mut into: &mut [u8], deadline: Instant) -> Result<(), Fault> {
        while !into.is_empty() {
            match self.pipe.read(into) {
                Ok(0) => return Err(Fault::Died),
                Ok(n) => into = &mut into[n..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(self.pipe.as_fd(), PollFlags::POLLIN, deadline)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Fault::Died),
            }
        }
        Ok(())
    }

    fn wait(&self, fd: BorrowedFd<'_>, events: PollFlags, deadline: Instant) -> Result<(), Fault> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Fault::TimedOut);
            }
            // Rounded up: a wait of less than a millisecond would spin.
            let left = left + Duration::from_millis(1);
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut fds = [
                PollFd::new(fd, events),
                PollFd::new(self.stop.as_fd(), PollFlags::empty()),
            ];
            match poll(&mut fds, timeout) {
                Ok(_) if fds[1].any() != Some(false) => return Err(Fault::Stopped),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(()),
                Err(_) => return Err(Fault::Died),
            }
        }
    }
}
