//! `watchhouse scan`: files and folders against bank files.

mod archives;
mod buckets;
mod resume;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::process::Command;
use watchhouse_demo::alterations::Alteration;

use crate::app::PROGRAM;
use crate::make;
use crate::process::{Finished, clean, finish, need};

/// A folder to scan and a place for bank files.
struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        fs::create_dir(desk.0.path().join("files")).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file to scan. `name` is below `files/`.
    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        self.write(&format!("files/{name}"), bytes);
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Runs the command here, so that paths are printed as they were given.
    async fn scan(&self, arguments: &[&str]) -> Finished {
        finish(self.command(arguments)).await
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = clean(PROGRAM, &["scan"]);
        command.args(arguments).current_dir(self.0.path());
        command
    }

    /// The lines of a scan with `--json`, without the summary, and the summary.
    async fn scan_json(&self, arguments: &[&str], code: i32) -> (Vec<Value>, Value) {
        let arguments = [&["--json"], arguments].concat();
        let finished = self.scan(&arguments).await.expect(code);
        assert_eq!(finished.err, "");
        let mut lines: Vec<Value> = finished
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let summary = lines.pop().unwrap();
        assert_eq!(summary["type"], "summary");
        (lines, summary)
    }
}

/// A bank file in the plain form with one picture in it.
fn listing(seed: u64) -> String {
    format!("pdq {}\n", make::pdq(&make::picture(seed)))
}

fn paths(lines: &[Value], kind: &str) -> Vec<String> {
    let lines = lines.iter().filter(|line| line["type"] == kind);
    let mut paths: Vec<_> = lines
        .map(|line| line["path"].as_str().unwrap().to_owned())
        .collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn altered_copies_are_found_wherever_they_lie() {
    let desk = Desk::new();
    desk.write("bank.txt", listing(1));
    desk.put("a.jpg", make::picture(1));
    desk.put("deep/er/still/b.png", make::as_png(1));
    desk.put("ünï/写真 1.webp", make::altered(1, Alteration::AsWebp));
    desk.put("half.jpg", make::altered(1, Alteration::Half));
    desk.put("mirrored.jpg", make::altered(1, Alteration::Mirrored));
    desk.put("turned.jpg", make::altered(1, Alteration::Turned));
    desk.put("framed.jpg", make::altered(1, Alteration::Framed));
    desk.put("other.jpg", make::picture(2));
    desk.put("another.gif", make::altered(3, Alteration::AsGif));
    fs::create_dir(desk.path("files/empty")).unwrap();

    let (lines, summary) = desk.scan_json(&["--bank", "bank.txt", "files"], 1).await;

    let expected = [
        ("files/a.jpg", "original"),
        ("files/deep/er/still/b.png", "original"),
        ("files/framed.jpg", "original"),
        ("files/half.jpg", "original"),
        ("files/mirrored.jpg", "flip_y"),
        ("files/turned.jpg", "rotate_90"),
        ("files/ünï/写真 1.webp", "original"),
    ];
    assert_eq!(paths(&lines, "match"), expected.map(|(path, _)| path));
    assert_eq!(lines.len(), expected.len());
    for line in &lines {
        let found = expected
            .iter()
            .find(|(path, _)| line["path"] == *path)
            .unwrap();
        let matches = line["matches"].as_array().unwrap();
        assert_eq!(matches.len(), 1, "{line}");
        assert_eq!(matches[0]["transform"], found.1, "{line}");
        assert!(matches[0]["distance"].as_u64().unwrap() <= 31);
        let is_framed = line["path"] == "files/framed.jpg";
        let variant = if is_framed {
            "without_border"
        } else {
            "as_stored"
        };
        assert_eq!(matches[0]["variant"], variant, "{line}");
    }
    let quality = lines[0]["matches"][0]["quality"].clone();
    assert_eq!(
        lines[0],
        json!({
            "type": "match",
            "path": "files/a.jpg",
            "matches": [{
                "kind": "pdq", "distance": 0, "threshold": 31, "transform": "original", "frame": 0,
                "variant": "as_stored", "quality": quality, "bank": "bank.txt", "line": 1, "source": null, "id": null,
                "category": null,
            }],
        })
    );
    assert_eq!(summary["files"], 9);
    assert_eq!(summary["matched"], 7);
    assert_eq!(summary["unchecked"], 0);
    assert_eq!(summary["hashes"], 1);
    let sizes = walkdir::WalkDir::new(desk.path("files"))
        .into_iter()
        .map(Result::unwrap);
    let sizes = sizes.filter(|entry| entry.file_type().is_file());
    let n_bytes: u64 = sizes.map(|entry| entry.metadata().unwrap().len()).sum();
    assert_eq!(summary["bytes"], n_bytes);
}

#[tokio::test]
async fn the_text_says_what_matched_and_why() {
    let desk = Desk::new();
    let media = make::picture(1);
    let sha256 = watchhouse::hex::encode(&Sha256::digest(&media));
    let pdq = make::pdq_near(&make::pdq(&media), 12);
    desk.write(
        "bank.csv",
        format!(
            "sha256,pdq,source,id,category\n{sha256},,exchange,x-1,\n,{pdq},exchange,x-2,spam\n"
        ),
    );
    desk.put("a.jpg", &media);
    desk.put("b.jpg", make::picture(2));
    desk.put("c.txt", "words");
    desk.put("d.jpg", make::altered(1, Alteration::Framed));

    let scanned = desk.scan(&["--bank", "bank.csv", "files"]).await.expect(2);

    let lines: Vec<&str> = scanned.out.lines().collect();
    assert_eq!(lines[0], "MATCH      files/a.jpg");
    assert_eq!(
        lines[1],
        "           sha256 equal, bank bank.csv line 2, source exchange, id x-1"
    );
    let (before, after) = lines[2].split_once(", quality ").unwrap();
    assert_eq!(before, "           pdq distance 12 of at most 31");
    assert!(after.ends_with(", bank bank.csv line 3, source exchange, id x-2, category spam"));
    assert!(
        lines[3].starts_with("UNCHECKED  files/c.txt: "),
        "{}",
        lines[3]
    );
    assert_eq!(lines[4], "MATCH      files/d.jpg");
    assert!(lines[5].contains(" of at most 31, without its border, quality "));
    assert!(
        lines[6].starts_with("4 files against 2 hashes in "),
        "{}",
        lines[6]
    );
    assert!(
        lines[6].ends_with(": 2 matched, 1 could not be checked"),
        "{}",
        lines[6]
    );
    assert_eq!(lines.len(), 7);
    assert_eq!(scanned.err, "", "no bar where nobody looks on");
}

#[tokio::test]
async fn the_exit_code_tells_what_was_found() {
    let desk = Desk::new();
    desk.write("bank.txt", listing(1));
    desk.put("known.jpg", make::picture(1));
    desk.put("other.jpg", make::picture(2));
    desk.put("words.txt", "words");
    let scan = async |paths: &[&str]| {
        let arguments = [&["--bank", "bank.txt"], paths].concat();
        desk.scan(&arguments).await.code.unwrap()
    };

    assert_eq!(scan(&["files/other.jpg"]).await, 0);
    assert_eq!(scan(&["files/known.jpg", "files/other.jpg"]).await, 1);
    assert_eq!(scan(&["files/words.txt"]).await, 2);
    assert_eq!(scan(&["files"]).await, 2);
    assert_eq!(scan(&["files/other.jpg", "files/gone.jpg"]).await, 2);
    assert_eq!(scan(&[]).await, 2);
}

#[tokio::test]
async fn what_cannot_be_checked_is_said_and_the_rest_is_checked() {
    let desk = Desk::new();
    desk.write("bank.txt", listing(1));
    desk.put("known.jpg", make::picture(1));
    desk.put("words.txt", "words");
    desk.put("nothing", "");
    let png = make::as_png(1);
    desk.put("half.png", &png[..png.len() / 2]);
    symlink("gone", desk.path("files/broken")).unwrap();
    fs::create_dir(desk.path("files/loop")).unwrap();
    symlink("..", desk.path("files/loop/up")).unwrap();
    nix::unistd::mkfifo(
        &desk.path("files/pipe"),
        nix::sys::stat::Mode::from_bits_truncate(0o600),
    )
    .unwrap();
    symlink("known.jpg", desk.path("files/link.jpg")).unwrap();

    let (lines, summary) = desk
        .scan_json(&["--bank", "bank.txt", "files", "gone"], 2)
        .await;

    assert_eq!(
        paths(&lines, "match"),
        ["files/known.jpg", "files/link.jpg"]
    );
    let unchecked = [
        "files/broken",
        "files/half.png",
        "files/loop/up",
        "files/nothing",
        "files/pipe",
        "files/words.txt",
        "gone",
    ];
    assert_eq!(paths(&lines, "unchecked"), unchecked);
    for line in lines.iter().filter(|line| line["type"] == "unchecked") {
        assert!(!line["code"].as_str().unwrap().is_empty(), "{line}");
        assert!(!line["message"].as_str().unwrap().is_empty(), "{line}");
    }
    assert_eq!(summary["matched"], 2);
    assert_eq!(summary["unchecked"], unchecked.len());
}

#[tokio::test]
async fn a_broken_copy_is_still_known_by_its_digest() {
    let desk = Desk::new();
    let png = make::as_png(1);
    let half = &png[..png.len() / 2];
    let sha256 = watchhouse::hex::encode(&Sha256::digest(half));
    desk.write("bank.txt", format!("sha256 {sha256}\n"));
    desk.put("half.png", half);

    let (lines, summary) = desk.scan_json(&["--bank", "bank.txt", "files"], 2).await;

    assert_eq!(paths(&lines, "match"), ["files/half.png"]);
    assert_eq!(paths(&lines, "unchecked"), ["files/half.png"]);
    assert_eq!(summary["matched"], 1);
}

#[tokio::test]
async fn every_form_of_a_bank_gives_the_same_matches() {
    let desk = Desk::new();
    let pdq = make::pdq(&make::picture(1));
    desk.put("known.jpg", make::picture(1));
    desk.put("other.jpg", make::picture(2));
    desk.write("bank.txt", format!("# ours\n\npdq {pdq}\n"));
    desk.write("bank.csv", format!("pdq\n{pdq}\n"));
    desk.write("bank.jsonl", format!("{{\"pdq\":\"{pdq}\"}}\n"));
    desk.write("bank.list", format!("pdq {pdq}\n"));

    for (bank, line) in [("bank.txt", 3), ("bank.csv", 2), ("bank.jsonl", 1)] {
        let (lines, _) = desk.scan_json(&["--bank", bank, "files"], 1).await;
        assert_eq!(paths(&lines, "match"), ["files/known.jpg"]);
        assert_eq!(lines[0]["matches"][0]["line"], line, "{bank}");
    }
    let unknown = desk.scan(&["--bank", "bank.list", "files"]).await.expect(2);
    assert_eq!(
        unknown.err,
        "error: cannot tell the form of \"bank.list\" by its name; say --format plain, csv or jsonl\n"
    );
    let named = ["--bank", "bank.list", "--format", "plain", "files"];
    desk.scan_json(&named, 1).await;
}

#[tokio::test]
async fn a_bank_with_bad_lines_is_refused_unless_they_are_skipped() {
    let desk = Desk::new();
    let good = make::pdq(&make::picture(1));
    desk.put("known.jpg", make::picture(1));
    desk.write(
        "bank.txt",
        format!("pdq {good}\npdq 12\nblurhash {good}\n\nmd5 {good}\n"),
    );

    let refused = desk.scan(&["--bank", "bank.txt", "files"]).await.expect(2);
    let skipped = desk
        .scan(&["--bank", "bank.txt", "--skip-bad", "files"])
        .await
        .expect(1);

    assert_eq!(refused.out, "", "nothing was scanned");
    let lines: Vec<&str> = refused.err.lines().collect();
    for (line, number) in lines.iter().zip([2, 3, 5]) {
        assert!(
            line.starts_with(&format!("error: bank.txt line {number}: ")),
            "{line}"
        );
    }
    assert_eq!(
        lines[3],
        "hint: nothing was scanned; --skip-bad uses the other 1 hashes"
    );
    assert_eq!(lines.len(), 4);
    assert!(
        skipped.out.starts_with("MATCH      files/known.jpg\n"),
        "{}",
        skipped.out
    );
    assert_eq!(skipped.err.lines().count(), 3);
}

#[tokio::test]
async fn of_many_bad_lines_the_first_are_printed() {
    let desk = Desk::new();
    desk.write("bank.txt", "pdq 12\n".repeat(100));

    let refused = desk.scan(&["--bank", "bank.txt", "files"]).await.expect(2);

    let lines: Vec<&str> = refused.err.lines().collect();
    assert_eq!(lines.len(), 22);
    assert_eq!(lines[20], "error: bank.txt: 80 more bad lines");
}

#[tokio::test]
async fn a_bank_that_cannot_be_read_is_an_error() {
    let desk = Desk::new();
    desk.write("empty.csv", "");
    for (bank, expected) in [
        (
            "gone.txt",
            "error: opening the bank file \"gone.txt\": No such file or directory",
        ),
        ("empty.csv", "error: empty.csv line 1: the file is empty"),
    ] {
        let refused = desk.scan(&["--bank", bank, "files"]).await.expect(2);
        assert!(refused.err.starts_with(expected), "{}", refused.err);
    }
}

#[tokio::test]
async fn the_threshold_decides_how_far_a_match_reaches() {
    let desk = Desk::new();
    let pdq = make::pdq_near(&make::pdq(&make::picture(1)), 20);
    desk.write("bank.txt", format!("pdq {pdq}\n"));
    desk.put("near.jpg", make::picture(1));

    for (threshold, code) in [
        ("0", 0),
        ("19", 0),
        ("20", 1),
        ("63", 1),
        ("64", 2),
        ("-1", 2),
    ] {
        let threshold = format!("--threshold={threshold}");
        let scanned = desk
            .scan(&["--bank", "bank.txt", &threshold, "files"])
            .await;
        assert_eq!(scanned.code, Some(code), "{threshold}: {}", scanned.err);
    }
}

#[tokio::test]
async fn turned_copies_are_not_found_when_they_are_not_looked_for() {
    let desk = Desk::new();
    desk.write("bank.txt", listing(1));
    desk.put("mirrored.jpg", make::altered(1, Alteration::Mirrored));
    desk.put("plain.jpg", make::picture(1));

    let (lines, _) = desk
        .scan_json(&["--bank", "bank.txt", "--no-turned", "files"], 1)
        .await;

    assert_eq!(paths(&lines, "match"), ["files/plain.jpg"]);
}

#[tokio::test]
async fn several_banks_are_told_apart_and_repeated_lines_match_each() {
    let desk = Desk::new();
    desk.write("one.txt", listing(1).repeat(2));
    desk.write(
        "two.csv",
        format!("pdq,id\n{},b\n", make::pdq(&make::picture(1))),
    );
    desk.write("none.txt", listing(5));
    desk.put("known.jpg", make::picture(1));

    let banks = [
        "--bank", "one.txt", "--bank", "two.csv", "--bank", "none.txt", "files",
    ];
    let (lines, summary) = desk.scan_json(&banks, 1).await;

    let matches = lines[0]["matches"].as_array().unwrap();
    let met: Vec<_> = matches
        .iter()
        .map(|matching| {
            (
                matching["bank"].as_str().unwrap(),
                matching["line"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(met, [("one.txt", 1), ("one.txt", 2), ("two.csv", 2)]);
    assert_eq!(summary["hashes"], 4);
}

#[tokio::test]
async fn an_empty_folder_and_an_empty_bank_are_fine() {
    let desk = Desk::new();
    desk.write("bank.txt", "# nothing yet\n");

    let (lines, summary) = desk.scan_json(&["--bank", "bank.txt", "files"], 0).await;
    desk.put("a.jpg", make::picture(1));
    let (more_lines, _) = desk.scan_json(&["--bank", "bank.txt", "files"], 0).await;

    assert!(lines.is_empty() && more_lines.is_empty());
    assert_eq!(summary["files"], 0);
    assert_eq!(summary["hashes"], 0);
}

#[tokio::test]
async fn the_order_is_that_of_the_names_whatever_takes_longer() {
    let desk = Desk::new();
    desk.write("bank.txt", listing(1));
    for number in 0..12 {
        let media = if number % 2 == 0 {
            make::picture(1)
        } else {
            make::as_png(1)
        };
        desk.put(&format!("{number:02}.jpg"), media);
    }

    let first = desk
        .scan_json(&["--bank", "bank.txt", "--jobs", "3", "files"], 1)
        .await;

    let order: Vec<_> = first
        .0
        .iter()
        .map(|line| line["path"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<_> = (0..12)
        .map(|number| format!("files/{number:02}.jpg"))
        .collect();
    assert_eq!(order, expected);
    let again = desk
        .scan_json(&["--bank", "bank.txt", "--jobs", "1", "files"], 1)
        .await;
    assert_eq!(first.0, again.0);
}

#[tokio::test]
async fn a_bar_is_drawn_on_a_terminal_and_lines_stay_whole() {
    need("script", "bsdutils");
    let desk = Desk::new();
    desk.write("bank.txt", listing(1));
    for number in 0..40 {
        let media = if number % 4 == 0 {
            make::picture(1)
        } else {
            make::picture(2)
        };
        desk.put(&format!("{number:02}.jpg"), media);
    }
    let scan = format!("'{PROGRAM}' scan --bank bank.txt files");
    let mut command = clean("script", &["-qec", &scan, "/dev/null"]);
    command.current_dir(desk.0.path()).env("TERM", "xterm");

    let seen = finish(command).await.expect(1).out;

    assert!(seen.contains("/40 files"), "there is a bar: {seen:?}");
    let plain = without_control_sequences(&seen);
    let lines: Vec<&str> = plain.split(['\r', '\n']).map(str::trim_end).collect();
    for number in (0..40).step_by(4) {
        let line = format!("MATCH      files/{number:02}.jpg");
        assert_eq!(
            lines.iter().filter(|known| **known == line).count(),
            1,
            "{line}: {plain}"
        );
    }
    assert!(plain.contains("40 files against 1 hash in "));
}

/// What a terminal was sent, without colours and movements.
fn without_control_sequences(seen: &str) -> String {
    let mut plain = String::new();
    let mut characters = seen.chars();
    while let Some(character) = characters.next() {
        if character != '\u{1b}' {
            plain.push(character);
            continue;
        }
        // ESC [ parameters letter.
        characters.next();
        let _ = characters.by_ref().find(char::is_ascii_alphabetic);
    }
    plain
}

#[tokio::test]
async fn it_ends_quietly_when_nobody_reads_on() {
    let desk = Desk::new();
    desk.write("bank.txt", listing(1));
    for number in 0..30 {
        desk.put(&format!("{number:02}.jpg"), make::picture(1));
    }
    let script = "\"$0\" scan --bank bank.txt files | head -n 1";
    let mut command = clean("sh", &["-c", script, PROGRAM]);
    command.current_dir(desk.0.path());

    let finished = finish(command).await.expect(0);

    assert_eq!(finished.out, "MATCH      files/00.jpg\n");
    assert_eq!(finished.err, "");
}

#[tokio::test]
async fn output_that_cannot_be_written_is_an_error() {
    let desk = Desk::new();
    desk.write("bank.txt", listing(1));
    let mut command = clean(PROGRAM, &["scan", "--bank", "bank.txt", "files"]);
    command.current_dir(desk.0.path()).stderr(Stdio::piped());
    command.stdout(fs::File::options().write(true).open("/dev/full").unwrap());

    let output = command.spawn().unwrap().wait_with_output().await.unwrap();

    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: cannot print: No space left on device (os error 28)\n"
    );
}

#[tokio::test]
async fn a_name_cannot_forge_a_line() {
    let desk = Desk::new();
    desk.write("bank.txt", listing(1));
    desk.put("a\nMATCH      files\u{1b}[2Jb.jpg", make::picture(2));
    desk.put("c\nMATCH      d.jpg", make::picture(1));
    desk.put("e\nUNCHECKED  f.jpg", "words");

    let scanned = desk.scan(&["--bank", "bank.txt", "files"]).await.expect(2);

    let lines: Vec<&str> = scanned.out.lines().collect();
    assert_eq!(lines.len(), 4, "{}", scanned.out);
    assert_eq!(lines[0], "MATCH      files/c\\nMATCH      d.jpg");
    assert!(
        lines[2].starts_with("UNCHECKED  files/e\\nUNCHECKED  f.jpg: "),
        "{}",
        lines[2]
    );
    assert!(!scanned.out.contains('\u{1b}'));
}

#[tokio::test]
async fn a_path_that_is_no_text_is_scanned_and_printed() {
    use std::os::unix::ffi::OsStrExt as _;
    let desk = Desk::new();
    desk.write("bank.txt", listing(1));
    let name = Path::new(std::ffi::OsStr::from_bytes(b"\xff\xfe.jpg"));
    fs::write(desk.path("files").join(name), make::picture(1)).unwrap();

    let (lines, _) = desk.scan_json(&["--bank", "bank.txt", "files"], 1).await;

    assert_eq!(paths(&lines, "match"), ["files/\u{fffd}\u{fffd}.jpg"]);
}
