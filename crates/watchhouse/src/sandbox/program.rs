//! Another program, in a cage: the child that becomes it puts the walls up around both.
//!
//! A program of others has to load its libraries and open its input, so it gets the few calls for that
//! beside those of a decoding child, and Landlock says which files they reach: the program, its
//! libraries, and what it was given as its stdin. Nothing can be written, nothing else be run, no
//! socket, process or thread be made. Where Landlock is missing the program MUST NOT be started, for
//! seccomp alone cannot tell one file from another.
//!
//! What is not allowed is refused and not answered with death, because libraries try this and that
//! when they are loaded. The program's output is hostile in any case: see who reads it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::{CommandExt, parent_id};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::Resource;
use nix::sys::signal::Signal;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as ArgLen, SeccompCmpOp as CmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};
use serde::{Deserialize, Serialize};

use super::cage;

/// The hidden argument that makes a child become a program.
pub(super) const BECOME: &str = "--become";

/// The exit code of a child that could not become the program; it says why on its stderr.
pub(super) const NOT_STARTED: u8 = 125;

/// Where programs' libraries lie.
const LIBRARIES: [&str; 5] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"];

/// What starts a program that uses libraries, by processor.
const LOADERS: [&str; 2] = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];

/// Files open at once: its three, its input once more, and the library that is being loaded.
const OPEN_FILES: u64 = 16;

/// What a child is started with that becomes a program. Others on the machine can read it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProgramSettings {
    pub(super) parent: u32,
    pub(super) memory_bytes: u64,
    pub(super) cpu_seconds: u64,
    pub(super) require_cage: bool,
}

impl ProgramSettings {
    pub(super) fn to_argument(self) -> String {
        serde_json::to_string(&self).expect("numbers can be written as JSON")
    }
}

/// `decode-child --become …`: ends only when it fails.
pub(super) fn become_program(settings: &str, program: &str, arguments: &[&str]) -> anyhow::Error {
    let result = serde_json::from_str(settings)
        .context("reading the program's settings")
        .and_then(|settings| enter(&settings, Path::new(program)));
    match result {
        Ok(()) => {
            let error = Command::new(program).args(arguments).env_clear().exec();
            anyhow::Error::from(error).context(format!("starting \"{program}\""))
        }
        Err(error) => error,
    }
}

/// Puts up the walls around this process and the program that it is to become.
pub(super) fn enter(settings: &ProgramSettings, program: &Path) -> anyhow::Result<()> {
    cage::close_inherited_files()?;
    cage::prefer_for_oom_kill();
    prctl::set_pdeathsig(Signal::SIGKILL).context("asking to die with the parent")?;
    if parent_id() != settings.parent {
        bail!("the parent, process {}, is gone", settings.parent);
    }
    prctl::set_no_new_privs().context("giving up new privileges")?;

    for (resource, limit) in [
        (Resource::RLIMIT_AS, settings.memory_bytes),
        (Resource::RLIMIT_CPU, settings.cpu_seconds),
        (Resource::RLIMIT_NOFILE, OPEN_FILES),
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_MEMLOCK, 0),
        (Resource::RLIMIT_MSGQUEUE, 0),
        (Resource::RLIMIT_NPROC, 0),
    ] {
        cage::limit_resource(resource, limit)?;
    }
    let has_landlock = enter_landlock(program).context("entering Landlock")?;
    if settings.require_cage && !has_landlock {
        bail!("the kernel has no Landlock to keep it from files, and `require_cage` is set");
    }
    let has_seccomp = enter_seccomp()?;
    if settings.require_cage && !has_seccomp {
        bail!("the kernel gave it no seccomp filter, and `require_cage` is set");
    }
    Ok(())
}

/// Denies everything but reading the libraries and the input, and running the program. False if this
/// kernel has no Landlock.
fn enter_landlock(program: &Path) -> anyhow::Result<bool> {
    let abi = ABI::V6;
    let read = AccessFs::ReadFile;
    let run = AccessFs::ReadFile | AccessFs::Execute;
    let existing = |paths: &[&'static str]| -> Vec<&'static str> {
        let paths = paths.iter().copied();
        paths.filter(|path| Path::new(path).exists()).collect()
    };
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .add_rules(path_beneath_rules(existing(&LIBRARIES), read))?
        .add_rules(path_beneath_rules(existing(&["/etc/ld.so.cache"]), read))?
        .add_rules(path_beneath_rules(existing(&LOADERS), run))?
        .add_rule(PathBeneath::new(PathFd::new(program)?, run))?;
    let status = allow_input(ruleset)?.restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// A file in memory lies in no directory, and Landlock lets whoever holds it open it once more.
fn allow_input(ruleset: RulesetCreated) -> anyhow::Result<RulesetCreated> {
    const STDIN: &str = "/proc/self/fd/0";
    let input = fs::read_link(STDIN).context("reading what stdin is; mount /proc")?;
    let is_on_disk = input.is_absolute() && !input.to_string_lossy().starts_with("/memfd:");
    if !is_on_disk {
        return Ok(ruleset);
    }
    Ok(ruleset.add_rule(PathBeneath::new(PathFd::new(STDIN)?, AccessFs::ReadFile))?)
}

fn enter_seccomp() -> anyhow::Result<bool> {
    let arch = std::env::consts::ARCH
        .try_into()
        .context("seccomp on this processor")?;
    let refused = SeccompAction::Errno(Errno::EPERM as u32);
    let filter = SeccompFilter::new(allowed_calls()?, refused, SeccompAction::Allow, arch)?;
    let program: BpfProgram = filter.try_into()?;
    match seccompiler::apply_filter_all_threads(&program) {
        Ok(()) => Ok(true),
        Err(seccompiler::Error::Prctl(_) | seccompiler::Error::Seccomp(_)) => Ok(false),
        Err(error) => Err(error).context("entering seccomp"),
    }
}

fn allowed_calls() -> anyhow::Result<BTreeMap<i64, Vec<SeccompRule>>> {
    const WRITING: i32 = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND;
    let own_id = u64::from(std::process::id());
    let without = |index: u8, flags: i32| cage::argument(index, CmpOp::MaskedEq(flags as u64), 0);
    // Memory may be written or run, and never both.
    let unwritable_or_not_run = || {
        anyhow::Ok(vec![
            without(2, libc::PROT_WRITE)?,
            without(2, libc::PROT_EXEC)?,
        ])
    };
    let asked_only = SeccompCondition::new(2, ArgLen::Qword, CmpOp::Eq, 0)?;

    let mut calls = BTreeMap::from([
        (libc::SYS_write, vec![cage::argument(0, CmpOp::Le, 2)?]),
        (libc::SYS_openat, vec![without(2, WRITING)?]),
        (libc::SYS_mmap, unwritable_or_not_run()?),
        (libc::SYS_mprotect, unwritable_or_not_run()?),
        (
            libc::SYS_prlimit64,
            vec![SeccompRule::new(vec![asked_only])?],
        ),
        (
            libc::SYS_tgkill,
            vec![cage::argument(0, CmpOp::Eq, own_id)?],
        ),
    ]);
    for call in [
        // becoming the program, and its libraries' setting up
        libc::SYS_execve,
        libc::SYS_rseq,
        libc::SYS_set_robust_list,
        libc::SYS_set_tid_address,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_arch_prctl,
        // files
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_lseek,
        libc::SYS_newfstatat,
        libc::SYS_pread64,
        libc::SYS_read,
        // memory
        libc::SYS_brk,
        libc::SYS_madvise,
        libc::SYS_mremap,
        libc::SYS_munmap,
        // time, chance, locks, and who it is
        libc::SYS_clock_gettime,
        libc::SYS_futex,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_getrusage,
        libc::SYS_gettid,
        libc::SYS_getuid,
        libc::SYS_geteuid,
        libc::SYS_getgid,
        libc::SYS_getegid,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_yield,
        // the end, and ways to it
        libc::SYS_exit,
        libc::SYS_exit_group,
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
