//! The walls that a decoding child puts around itself before it reads a hostile byte.
//!
//! Each wall stands alone, so that one hole is not a way out: no open files but three pipes, limits
//! on memory, processor, files and processes, no new privileges, no memory image for others to read,
//! no file system and no network (Landlock, as far as the kernel has it), and at last a list of the
//! few system calls that decoding needs (seccomp). Nothing here may be undone by the process.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::RawFd;
use std::os::unix::process::parent_id;

use anyhow::{Context, bail};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus,
    Scope,
};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, rlim_t, setrlimit};
use nix::sys::signal::Signal;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as ArgLen, SeccompCmpOp as CmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

use super::protocol::Landlock;

/// What the kernel granted.
#[derive(Clone, Debug)]
pub(super) struct Cage {
    pub(super) seccomp: bool,
    pub(super) landlock: Landlock,
    /// The numbers of the files that stayed open.
    pub(super) open_files: Vec<RawFd>,
}

/// How much the process may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Address space on top of what the process has when it enters.
    pub(super) memory_bytes: u64,
    pub(super) cpu_seconds: u64,
}

/// Which walls to put up. Only the self-test leaves one out, to see the others stand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Walls {
    All,
    AllButSeccomp,
}

/// Puts up the walls. What an old kernel lacks is left out and said in the answer; an error is
/// anything else, and then the process MUST NOT read input.
///
/// MUST be called before the process has opened anything or started a thread.
pub(super) fn enter(parent: u32, bounds: Bounds, walls: Walls) -> anyhow::Result<Cage> {
    // All that needs /proc comes first: later walls take it away.
    close_inherited_files()?;
    let open_files = open_files()?;
    prefer_for_oom_kill();
    let in_use_bytes = address_space_in_use()?;

    prctl::set_pdeathsig(Signal::SIGKILL).context("asking to die with the parent")?;
    if parent_id() != parent {
        bail!("the parent, process {parent}, is gone");
    }
    prctl::set_no_new_privs().context("giving up new privileges")?;
    prctl::set_dumpable(false).context("hiding the process's memory")?;

    let memory_bytes = in_use_bytes.saturating_add(bounds.memory_bytes);
    for (resource, limit) in [
        (Resource::RLIMIT_AS, memory_bytes),
        (Resource::RLIMIT_CPU, bounds.cpu_seconds),
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_MEMLOCK, 0),
        (Resource::RLIMIT_MSGQUEUE, 0),
        // The kernel does not hold root to this one; seccomp does.
        (Resource::RLIMIT_NPROC, 0),
    ] {
        limit_resource(resource, limit)?;
    }
    let landlock = enter_landlock().context("entering Landlock")?;
    // After Landlock, whose rules are a file for a moment.
    limit_resource(Resource::RLIMIT_NOFILE, 0)?;

    let seccomp = walls == Walls::All && enter_seccomp()?;
    Ok(Cage {
        seccomp,
        landlock,
        open_files,
    })
}

pub(super) fn limit_resource(resource: Resource, limit: u64) -> anyhow::Result<()> {
    setrlimit(resource, limit as rlim_t, limit as rlim_t)
        .with_context(|| format!("setting {resource:?} to {limit}"))
}

fn open_files() -> anyhow::Result<Vec<RawFd>> {
    let mut files = Vec::new();
    let listing = fs::read_dir("/proc/self/fd").context("reading /proc/self/fd; mount /proc")?;
    for file in listing {
        let name = file?.file_name();
        files.extend(name.to_str().and_then(|name| name.parse::<RawFd>().ok()));
    }
    // The listing itself was open while it was read.
    files.retain(|file| fs::read_link(format!("/proc/self/fd/{file}")).is_ok());
    files.sort_unstable();
    Ok(files)
}

/// Rust marks what it opens to be closed here; what the server itself inherited may not be.
pub(super) fn close_inherited_files() -> anyhow::Result<()> {
    for file in open_files()?.into_iter().filter(|file| *file > 2) {
        match nix::unistd::close(file) {
            Ok(()) | Err(Errno::EBADF) => {}
            Err(error) => bail!("cannot close inherited file {file}: {error}"),
        }
    }
    Ok(())
}

/// When memory runs out, let the kernel take a child before the server. Not every container may ask.
pub(super) fn prefer_for_oom_kill() {
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
}

fn address_space_in_use() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("reading /proc/self/status")?;
    let size_kib: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:")?.strip_suffix("kB"))
        .and_then(|size| size.trim().parse().ok())
        .context("there is no VmSize in /proc/self/status")?;
    Ok(size_kib * 1024)
}

/// Denies every file, TCP port, abstract socket and signal to outsiders that this kernel can deny.
fn enter_landlock() -> anyhow::Result<Landlock> {
    // The kernel of 2024 (Linux 6.12); what came later guards what seccomp already takes away.
    let abi = ABI::V6;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Landlock::Full,
        RulesetStatus::PartiallyEnforced => Landlock::Partial,
        RulesetStatus::NotEnforced => Landlock::None,
    })
}

/// Kills the process at the first system call that decoding does not need. False if this kernel has
/// no seccomp.
///
/// Killed rather than refused: no sound decoder makes such a call, and a subverted one that only saw
/// an error could go on and answer with a lie.
fn enter_seccomp() -> anyhow::Result<bool> {
    let arch = std::env::consts::ARCH
        .try_into()
        .context("seccomp on this processor")?;
    let filter = SeccompFilter::new(
        allowed_calls()?,
        SeccompAction::KillProcess,
        SeccompAction::Allow,
        arch,
    )?;
    let program: BpfProgram = filter.try_into()?;
    match seccompiler::apply_filter_all_threads(&program) {
        Ok(()) => Ok(true),
        Err(seccompiler::Error::Prctl(_) | seccompiler::Error::Seccomp(_)) => Ok(false),
        Err(error) => Err(error).context("entering seccomp"),
    }
}

fn allowed_calls() -> anyhow::Result<BTreeMap<i64, Vec<SeccompRule>>> {
    let own_id = u64::from(std::process::id());
    let not_executable = || argument(2, CmpOp::MaskedEq(libc::PROT_EXEC as u64), 0);

    let mut calls = BTreeMap::from([
        (libc::SYS_read, vec![argument(0, CmpOp::Eq, 0)?]),
        // Where stdin is an archive.
        (libc::SYS_pread64, vec![argument(0, CmpOp::Eq, 0)?]),
        (libc::SYS_write, vec![argument(0, CmpOp::Le, 2)?]),
        (libc::SYS_mmap, vec![not_executable()?]),
        (libc::SYS_mprotect, vec![not_executable()?]),
        // How a process aborts: it may signal itself and nobody else.
        (libc::SYS_tgkill, vec![argument(0, CmpOp::Eq, own_id)?]),
    ]);
    for call in [
        // memory
        libc::SYS_brk,
        libc::SYS_madvise,
        libc::SYS_mremap,
        libc::SYS_munmap,
        // time, chance and locks
        libc::SYS_clock_gettime,
        libc::SYS_futex,
        libc::SYS_getrandom,
        libc::SYS_sched_yield,
        // the end, and ways to it
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_restart_syscall,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
    ] {
        calls.insert(call, Vec::new());
    }
    Ok(calls)
}

/// A rule over a call's argument `index`, of which the kernel reads 32 bits.
pub(super) fn argument(index: u8, op: CmpOp, value: u64) -> anyhow::Result<SeccompRule> {
    let condition = SeccompCondition::new(index, ArgLen::Dword, op, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}
