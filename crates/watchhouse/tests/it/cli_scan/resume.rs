//! `watchhouse scan --resume`: what was interrupted goes on and comes to the same.

use std::fs;
use std::io::Write as _;
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::process::Child;

use super::{Desk, listing, paths};
use crate::make;
use crate::process::until;

const N_FILES: usize = 24;

const SCAN: [&str; 5] = ["--bank", "bank.txt", "--resume", "journal", "files"];

/// Files that each match so many lines that nobody's reading holds the scan up after some of them.
fn many_matches() -> Desk {
    let desk = Desk::new();
    desk.write("bank.txt", listing(1).repeat(300));
    for number in 0..N_FILES {
        desk.put(&format!("{number:02}.jpg"), make::picture(1));
    }
    desk.put("12.txt", "words");
    desk
}

/// A scan that stands still: it has finished some files, and what it says next finds no room.
async fn held_up(desk: &Desk, arguments: &[&str]) -> Child {
    let arguments = [&["--json", "--jobs", "1"], arguments].concat();
    let mut command = desk.command(&arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let scan = command.spawn().unwrap();
    until("some files are finished", async || n_finished(desk) >= 2).await;
    scan
}

/// The journal's lines without the headings of the runs.
pub(super) fn n_finished(desk: &Desk) -> usize {
    let journal = fs::read_to_string(desk.path("journal")).unwrap_or_default();
    let is_file = |line: &&str| line.starts_with("{\"argument\"");
    journal.lines().filter(is_file).count()
}

async fn killed(desk: &Desk) {
    let mut scan = held_up(desk, &SCAN).await;
    scan.kill().await.unwrap();
    assert!(n_finished(desk) < N_FILES, "it stood still");
}

/// What the whole scan says, without a journal.
async fn whole(desk: &Desk) -> (Vec<Value>, Value) {
    desk.scan_json(&["--bank", "bank.txt", "files"], 2).await
}

/// The summary without what may differ between a scan in one go and one in several.
fn comparable(mut summary: Value) -> Value {
    summary["seconds"] = Value::Null;
    summary["resumed"] = Value::Null;
    summary
}

#[tokio::test]
async fn a_scan_that_was_killed_goes_on_and_comes_to_the_same() {
    let desk = many_matches();
    let (lines, summary) = whole(&desk).await;
    killed(&desk).await;
    let n_before = n_finished(&desk);
    killed(&desk).await;

    let resumed = desk.scan_json(&SCAN, 2).await;

    assert_eq!(resumed.0, lines);
    let n_resumed = resumed.1["resumed"].as_u64().unwrap() as usize;
    assert!((n_before..N_FILES).contains(&n_resumed), "{n_resumed}");
    assert_eq!(comparable(resumed.1), comparable(summary));
    assert!(
        !desk.path("journal").exists(),
        "nothing is left to go on with"
    );
    let (_, again) = desk.scan_json(&SCAN, 2).await;
    assert_eq!(again["resumed"], 0);
}

#[tokio::test]
async fn an_interrupted_scan_ends_in_order_and_goes_on() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let desk = many_matches();
        let mut scan = held_up(&desk, &SCAN).await;
        send(&scan, signal);

        let (status, out, err) = ended(&mut scan).await;

        assert_eq!(status.code(), Some(code), "{err}");
        assert!(err.starts_with("interrupted after "), "{err}");
        assert!(
            err.ends_with(" files; the same command goes on from here\n"),
            "{err}"
        );
        assert!(!out.contains("summary"), "it is not whole");
        let n_before = n_finished(&desk);
        let (_, resumed) = desk.scan_json(&SCAN, 2).await;
        assert_eq!(resumed["resumed"], n_before);
    }
}

#[tokio::test]
async fn an_interrupted_scan_without_a_journal_says_that_there_could_be_one() {
    let desk = many_matches();
    let mut command = desk.command(&["--bank", "bank.txt", "files"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut scan = command.spawn().unwrap();
    // It says something, so it is at work.
    let stdout = scan.stdout.as_mut().unwrap();
    stdout.read_exact(&mut [0]).await.unwrap();
    send(&scan, Signal::SIGINT);

    let (status, _, err) = ended(&mut scan).await;

    assert_eq!(status.code(), Some(130), "{err}");
    assert!(
        err.ends_with(" files; with --resume FILE a scan can go on\n"),
        "{err}"
    );
}

fn send(scan: &Child, signal: Signal) {
    let id = Pid::from_raw(scan.id().unwrap().cast_signed());
    kill(id, signal).unwrap();
}

async fn ended(scan: &mut Child) -> (ExitStatus, String, String) {
    let (mut out, mut err) = (String::new(), String::new());
    scan.stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .await
        .unwrap();
    scan.stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .await
        .unwrap();
    (scan.wait().await.unwrap(), out, err)
}

#[tokio::test]
async fn what_changed_meanwhile_is_scanned_again() {
    let desk = many_matches();
    killed(&desk).await;
    desk.put("00.jpg", make::picture(2));
    fs::remove_file(desk.path("files/01.jpg")).unwrap();
    desk.put("00-new.jpg", make::picture(1));

    let (lines, summary) = desk.scan_json(&SCAN, 2).await;

    let expected = whole(&desk).await;
    assert_eq!(lines, expected.0);
    assert_eq!(comparable(summary), comparable(expected.1));
    assert!(!paths(&lines, "match").contains(&"files/00.jpg".to_owned()));
    assert!(paths(&lines, "match").contains(&"files/00-new.jpg".to_owned()));
}

#[tokio::test]
async fn a_line_that_was_cut_off_or_spoilt_is_not_believed() {
    let desk = many_matches();
    killed(&desk).await;
    let mut journal = fs::read_to_string(desk.path("journal")).unwrap();
    journal = journal.replacen("\"path\"", "\"math\"", 1);
    journal.push_str("{\"argument\":0,\"path\":\"files/20.jpg\",\"ver");
    desk.write("journal", journal);
    let n_before = n_finished(&desk) - 2;

    let (lines, summary) = desk.scan_json(&SCAN, 2).await;

    assert_eq!(lines, whole(&desk).await.0);
    assert_eq!(summary["resumed"], n_before);
}

#[tokio::test]
async fn another_scan_does_not_go_on_with_it() {
    let desk = many_matches();
    killed(&desk).await;
    desk.write("other.txt", listing(2));
    let refused = async |arguments: &[&str]| {
        let arguments = [&["--resume", "journal", "--json"], arguments].concat();
        let refused = desk.scan(&arguments).await.expect(2);
        assert_eq!(refused.out, "");
        refused.err
    };

    let video = format!("0,100,{},0.000\n", "f8".repeat(32));
    desk.write("clip.vpdq.txt", video);

    let other_bank = refused(&["--bank", "other.txt", "files"]).await;
    let one_more = ["--bank", "bank.txt", "--bank", "clip.vpdq.txt", "files"];
    let known_video = refused(&one_more).await;
    let other_option = refused(&["--bank", "bank.txt", "--threshold=5", "files"]).await;
    let other_path = refused(&["--bank", "bank.txt", "files/00.jpg"]).await;
    let n_before = n_finished(&desk);
    let mut file = fs::File::options();
    let mut file = file.append(true).open(desk.path("bank.txt")).unwrap();
    file.write_all(b"# a word\n").unwrap();
    let changed_bank = refused(&["--bank", "bank.txt", "files"]).await;

    let sentence = |what| {
        format!(
            "error: cannot go on with \"journal\": it is of a scan with {what}; remove it to begin anew\n"
        )
    };
    assert_eq!(other_bank, sentence("other bank files"));
    assert_eq!(known_video, sentence("other bank files"));
    assert_eq!(changed_bank, sentence("other bank files"));
    assert_eq!(other_option, sentence("other options or paths"));
    assert_eq!(other_path, sentence("other options or paths"));
    assert_eq!(n_finished(&desk), n_before, "a refusal changes nothing");
}

#[tokio::test]
async fn a_file_that_is_no_journal_stays_as_it_is() {
    let desk = many_matches();
    for text in ["dear diary", "dear diary\n", "\n", "{\"argument\":0}\n"] {
        desk.write("journal", text);

        let refused = desk.scan(&SCAN).await.expect(2);

        assert_eq!(
            refused.err,
            "error: cannot go on with \"journal\": it is no journal of a scan; name another file\n"
        );
        assert_eq!(fs::read_to_string(desk.path("journal")).unwrap(), text);
    }
}

#[tokio::test]
async fn two_scans_do_not_write_one_journal() {
    let desk = many_matches();
    let mut first = held_up(&desk, &SCAN).await;

    let refused = desk.scan(&SCAN).await.expect(2);

    assert_eq!(
        refused.err,
        "error: cannot go on with \"journal\": another scan is writing it\n"
    );
    first.kill().await.unwrap();
}

#[tokio::test]
async fn the_journal_is_not_scanned_itself() {
    let desk = Desk::new();
    desk.write("bank.txt", listing(1));
    desk.put("a.jpg", make::picture(2));

    let arguments = ["--bank", "bank.txt", "--resume", "files/journal", "files"];
    let (lines, summary) = desk.scan_json(&arguments, 0).await;

    assert!(lines.is_empty(), "{lines:?}");
    assert_eq!(summary["files"], 1);
}

#[tokio::test]
async fn what_could_not_be_read_is_tried_again() {
    let desk = many_matches();
    std::os::unix::fs::symlink("gone", desk.path("files/00-link.jpg")).unwrap();
    killed(&desk).await;
    desk.write("files/gone", make::picture(2));

    let (lines, _) = desk.scan_json(&SCAN, 2).await;

    assert_eq!(paths(&lines, "unchecked"), ["files/12.txt"]);
}
