//! That a child can only decode, and sees nothing of its parent.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use watchhouse::sandbox::protocol::{self, Header, Kind, Landlock};
use watchhouse::sandbox::self_test::{Outcome, Report};
use watchhouse::sandbox::{Refusal, Sandbox};

use super::input::picture;
use super::program::Program;
use super::{PROGRAM, is_dead, until};

#[test]
fn a_child_can_decode_and_nothing_else() {
    let output = Command::new(PROGRAM)
        .args(["decode-child", "--self-test"])
        .env("WATCHHOUSE_SECRET", "not for children")
        .output()
        .expect("the program starts");
    let report: Report = serde_json::from_slice(&output.stdout).expect("a report");

    assert!(output.status.success() && report.is_sound(), "{report:#?}");
    assert_eq!(report.hello.open_files, [0, 1, 2]);
    assert_eq!(report.hello.variables, 0);
    assert_eq!(report.attempts.len(), 12);
}

#[test]
#[expect(clippy::print_stdout, reason = "says what was not tested")]
fn the_other_walls_hold_without_seccomp() {
    let output = Command::new(PROGRAM)
        .args(["decode-child", "--self-test"])
        .output()
        .expect("the program starts");
    let report: Report = serde_json::from_slice(&output.stdout).expect("a report");

    let mut held_by_limits = vec![
        "read_file",
        "write_file",
        "connect",
        "listen",
        "send_datagram",
    ];
    match report.hello.landlock {
        Landlock::Full => held_by_limits.extend(["make_directory", "signal_parent"]),
        Landlock::Partial => held_by_limits.push("make_directory"),
        Landlock::None => println!("skipped: this kernel has no Landlock"),
    }
    for name in held_by_limits {
        let tried = report.attempts.iter().find(|tried| tried.attempt == name);
        let outcome = &tried.expect("it was tried").without_seccomp;
        assert!(
            matches!(outcome, Outcome::Refused(_)),
            "{name}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_child_sees_neither_environment_nor_files_of_its_parent() {
    // A parent that hands on what it should not.
    let careless = Program::script(&format!(
        "exec 7</etc/passwd\nexport WATCHHOUSE_SECRET=s\nexec env -i {PROGRAM} \"$@\""
    ));
    let sandbox = Sandbox::new(careless.settings()).expect("a sandbox");
    sandbox.inspect(picture(1)).await.expect("a picture");
    let proc = PathBuf::from(format!("/proc/{}", sandbox.status().children[0]));

    let environment = hidden_or(fs::read(proc.join("environ")));
    let files = hidden_or(fs::read_dir(proc.join("fd")).map(|files| files.count()));

    assert_ne!(fs::read("/proc/self/environ").expect("ours"), b"");
    assert_eq!(environment.unwrap_or_default(), b"");
    assert_eq!(files.unwrap_or(3), 3);
}

#[tokio::test]
async fn a_child_with_an_environment_is_not_used() {
    let careless = Program::script(&format!(
        "export WATCHHOUSE_SECRET=s\nexec {PROGRAM} \"$@\""
    ));
    let sandbox = Sandbox::new(careless.settings()).expect("a sandbox");

    let refusal = sandbox.inspect(picture(1)).await.expect_err("no child");

    assert_eq!(refusal.code, Refusal::UNAVAILABLE);
    assert!(refusal.message.contains("environment"), "{refusal}");
}

#[tokio::test]
async fn a_child_dies_with_the_thread_that_started_it() {
    let settings = format!(
        r#"{{"parent":{},"memory_bytes":100000000,"cpu_seconds":10,"limits":
            {{"bytes":100000,"pixels":100000,"animation_pixels":100000,"frames":1,"decoded_bytes":10000000}}}}"#,
        std::process::id()
    );
    let start = move || {
        let mut child = Command::new(PROGRAM)
            .args(["decode-child", &settings])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut header = [0; protocol::HEADER_BYTES];
        let stdout = child.stdout.as_mut().expect("a pipe");
        stdout.read_exact(&mut header).expect("a hello");
        let header = Header::parse(header).expect("a header");
        assert_eq!(header.kind, Kind::Hello);
        child
    };
    // Its pipe stays open, so it is not the end of its input that ends it.
    let mut child = std::thread::spawn(start).join().expect("a child");
    let stdin = child.stdin.take();

    until(|| is_dead(child.id())).await;

    drop(stdin);
    let status = child.wait().expect("its end");
    assert_eq!(status.to_string(), "signal: 9 (SIGKILL)");
}

/// None where this user may not even look, which hides it as well.
fn hidden_or<T>(looked: std::io::Result<T>) -> Option<T> {
    match looked {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => None,
        looked => Some(looked.expect("the process lives")),
    }
}
