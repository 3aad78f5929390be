//! That `ffmpeg` in its cage can read its input and its libraries, and nothing else.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::{Output, Stdio};

use serde_json::json;
use watchhouse::sandbox::self_test::{Outcome, Report};

use super::*;

/// Runs `ffmpeg`, in the cage or free.
fn ffmpeg(is_caged: bool, arguments: &[&str]) -> Output {
    let mut command = if is_caged {
        let settings = json!({
            "parent": std::process::id(),
            "memory_bytes": 1_u64 << 30,
            "cpu_seconds": 60,
            "require_cage": true,
        });
        let mut command = Command::new(PROGRAM);
        command.args([
            "decode-child",
            "--become",
            &settings.to_string(),
            "/usr/bin/ffmpeg",
        ]);
        command
    } else {
        Command::new("/usr/bin/ffmpeg")
    };
    command
        .args(["-nostdin", "-v", "error"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn caged_it_reads_no_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [7; 4_000]).unwrap();
    let path = file.path().to_str().unwrap();
    let read = ["-f", "s16le", "-i", path, "-f", "null", "-"];

    assert!(ffmpeg(false, &read).status.success());
    let caged = ffmpeg(true, &read);

    assert!(!caged.status.success());
    let said = String::from_utf8_lossy(&caged.stderr);
    assert!(said.contains("Permission denied"), "{said}");
}

#[test]
fn caged_it_writes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("written.raw");
    let write = [
        "-f",
        "lavfi",
        "-i",
        "color=duration=1:size=16x16",
        "-f",
        "rawvideo",
        "-y",
    ];
    let write = [&write[..], &[path.to_str().unwrap()]].concat();

    assert!(!ffmpeg(true, &write).status.success());
    assert!(!path.exists());
    assert!(ffmpeg(false, &write).status.success());
    assert!(path.exists());
}

#[test]
fn caged_it_calls_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let call = ["-f", "s16le", "-i", &address, "-f", "null", "-"];

    assert!(!ffmpeg(true, &call).status.success());
    let called = listener.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(called, Err(ErrorKind::WouldBlock));
}

#[test]
fn nothing_that_an_attacker_would_try_succeeds() {
    let output = Command::new(PROGRAM)
        .args(["decode-child", "--self-test"])
        .output()
        .unwrap();
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    for tried in &report.attempts {
        let is_refused = matches!(tried.of_a_program, Outcome::Refused(_));
        assert!(is_refused, "{tried:?}");
    }
}
