//! The whole tour, with the real server: what `watchhouse demo --once` does.

use std::env;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The server's program, which this crate cannot ask cargo to build.
fn server() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_watchhouse-demo")).with_file_name("watchhouse");
    assert!(
        path.is_file(),
        "there is no {}: build it first with `cargo build -p watchhouse` (or run `make test`, which does)",
        path.display()
    );
    path
}

fn take_tour(dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_watchhouse-demo"))
        .arg("tour")
        .arg("--once")
        .arg("--server")
        .arg(server())
        .arg("--dir")
        .arg(dir)
        .output()
        .expect("the demo can be started")
}

fn printed(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// The rest of the first line that begins so.
fn told<'a>(text: &'a str, beginning: &str) -> &'a str {
    text.lines()
        .find_map(|line| line.strip_prefix(beginning))
        .unwrap_or_else(|| panic!("no line begins with \"{beginning}\":\n{text}"))
}

#[test]
fn the_tour_recognises_copies_acts_on_decisions_and_proves_its_ledger() {
    let dir = TempDir::new().expect("a scratch directory");

    let first = printed(&take_tour(dir.path()));

    assert!(told(&first, "40 copies of banked pictures uploaded: ").ends_with(" recognised"));
    assert_eq!(told(&first, "26 other pictures uploaded: "), "0 recognised");
    assert!(first.contains("the platform did \"remove\""), "{first}");
    assert!(first.contains("the platform did \"restore\""), "{first}");
    assert!(first.contains("was found in the past"), "{first}");
    assert!(
        first.contains("after the listing the platform has it blocked"),
        "{first}"
    );
    assert!(
        first.contains("`watchhouse ledger verify` says:"),
        "{first}"
    );
    let too_wide = first
        .lines()
        .filter(|line| line.contains("not in the bank"))
        .find(|line| line.chars().count() > 100);
    assert_eq!(too_wide, None);
    for server in [
        told(&first, "the server is ready at "),
        told(&first, "the platform is ready at "),
    ] {
        let address = server.strip_prefix("http://").expect("an address");
        assert!(
            TcpStream::connect(address).is_err(),
            "something still listens on {address}"
        );
    }

    let second = printed(&take_tour(dir.path()));

    assert!(
        second.contains("66 posts are there from before"),
        "{second}"
    );
    assert!(!second.contains("posting "), "{second}");
    assert!(
        second.contains("the past was searched at an earlier start"),
        "{second}"
    );
    assert_eq!(
        told(&second, "40 copies of banked pictures uploaded: "),
        told(&first, "40 copies of banked pictures uploaded: ")
    );
}

#[test]
fn a_program_that_is_no_server_is_reported() {
    let dir = TempDir::new().expect("a scratch directory");

    let output = Command::new(env!("CARGO_BIN_EXE_watchhouse-demo"))
        .args(["tour", "--once", "--server", "/bin/false", "--dir"])
        .arg(dir.path())
        .output()
        .expect("the demo can be started");

    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        complaint.contains("watchhouse ended before it listened"),
        "{complaint}"
    );
}
