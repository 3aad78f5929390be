//! `watchhouse scan` on archives: what is in them is scanned, and what cannot be is said.

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use watchhouse_demo::alterations::Alteration;

use super::{Desk, listing, paths};
use crate::make;
use crate::pack::{self, Files};

/// With the mark of encryption on the first member, in both of its headers.
fn with_first_locked(mut zip: Vec<u8>) -> Vec<u8> {
    let central = zip.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    zip[6] |= 1;
    zip[central + 8] |= 1;
    zip
}

/// The path and code of everything that could not be checked.
fn unchecked(lines: &[Value]) -> Vec<(&str, &str)> {
    let lines = lines.iter().filter(|line| line["type"] == "unchecked");
    lines
        .map(|line| {
            (
                line["path"].as_str().unwrap(),
                line["code"].as_str().unwrap(),
            )
        })
        .collect()
}

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("bank.txt", listing(1));
    desk
}

const SCAN: [&str; 3] = ["--bank", "bank.txt", "files"];

#[tokio::test]
async fn what_is_in_archives_is_scanned_like_files() {
    let desk = desk();
    let (known, other) = (make::picture(1), make::picture(2));
    let files: &Files<'_> = &[("a/known.jpg", &known), ("other.jpg", &other)];
    let tar = pack::tar(files);
    desk.put("a.zip", pack::zip(files));
    desk.put("b.zip", pack::zip_stored(files));
    desk.put("c.tar", &tar);
    desk.put("d.tar.gz", pack::gzip(&tar));
    desk.put(
        "e.tar.zst",
        [pack::zstd(&tar[..1000]), pack::zstd(&tar[1000..])].concat(),
    );
    desk.put("f.tar.xz", pack::xz(&tar));
    desk.put("g.jpg.gz", pack::gzip(&known));
    desk.put("h-by-content-and-not-by.name", pack::zip(files));

    let (lines, summary) = desk.scan_json(&SCAN, 1).await;

    let found = [
        "a.zip!/a/known.jpg",
        "b.zip!/a/known.jpg",
        "c.tar!/a/known.jpg",
        "d.tar.gz!/a/known.jpg",
        "e.tar.zst!/a/known.jpg",
        "f.tar.xz!/a/known.jpg",
        "g.jpg.gz!/g.jpg",
        "h-by-content-and-not-by.name!/a/known.jpg",
    ];
    assert_eq!(
        paths(&lines, "match"),
        found.map(|path| format!("files/{path}"))
    );
    assert_eq!(unchecked(&lines), []);
    assert_eq!(summary["files"], 8);
    assert_eq!(summary["members"], 15);
    assert_eq!(summary["matched"], 8);
}

#[tokio::test]
async fn members_are_met_in_every_format_and_variant() {
    let desk = Desk::new();
    let scene = make::pdq(&make::stored("plain.tiff"));
    desk.write("bank.txt", format!("{}pdq {scene}\n", listing(1)));
    let framed = make::altered(1, Alteration::Framed);
    let scenes = make::STORED.map(make::stored);
    let scenes = make::STORED
        .into_iter()
        .zip(scenes.iter().map(Vec::as_slice));
    let files: Vec<(&str, &[u8])> = scenes.chain([("z-framed.jpg", &framed[..])]).collect();
    desk.put("a.zip", pack::zip(&files));

    let (lines, _) = desk.scan_json(&SCAN, 1).await;

    let mut expected: Vec<_> = files
        .iter()
        .map(|(name, _)| format!("files/a.zip!/{name}"))
        .collect();
    expected.sort();
    assert_eq!(paths(&lines, "match"), expected);
    let of_framed = lines.last().unwrap();
    assert_eq!(
        of_framed["matches"][0]["variant"], "without_border",
        "{of_framed}"
    );
}

#[tokio::test]
async fn archives_in_archives_are_looked_into_as_deep_as_is_said() {
    let desk = desk();
    let known = make::picture(1);
    let first = pack::zip(&[("known.jpg", &known)]);
    let second = pack::gzip(&pack::tar(&[("1.zip", &first), ("known.jpg", &known)]));
    let third = pack::zip(&[("2.tgz", &second)]);
    desk.put("3.zip", &third);
    desk.put("4.tar", pack::tar(&[("3.zip", &third)]));

    let (lines, summary) = desk.scan_json(&SCAN, 2).await;

    let found = [
        "files/3.zip!/2.tgz!/1.zip!/known.jpg",
        "files/3.zip!/2.tgz!/known.jpg",
        "files/4.tar!/3.zip!/2.tgz!/known.jpg",
    ];
    assert_eq!(paths(&lines, "match"), found);
    let too_deep = ("files/4.tar!/3.zip!/2.tgz!/1.zip", "archive_too_deep");
    assert_eq!(unchecked(&lines), [too_deep]);
    assert_eq!(summary["unchecked"], 1);
}

#[tokio::test]
async fn the_archive_itself_and_its_members_are_known_by_their_digests() {
    let desk = desk();
    let words = pack::zip(&[("words.txt", b"words"), ("known.jpg", &make::picture(2))]);
    let digest = |bytes: &[u8]| watchhouse::hex::encode(&Sha256::digest(bytes));
    desk.write(
        "bank.txt",
        format!("sha256 {}\nsha256 {}\n", digest(&words), digest(b"words")),
    );
    desk.put("a.zip", &words);

    let (lines, summary) = desk.scan_json(&SCAN, 2).await;

    assert_eq!(
        paths(&lines, "match"),
        ["files/a.zip", "files/a.zip!/words.txt"]
    );
    let no_picture = ("files/a.zip!/words.txt", "unsupported_format");
    assert_eq!(unchecked(&lines), [no_picture]);
    assert_eq!(summary["matched"], 2);
}

#[tokio::test]
async fn archives_are_left_alone_when_that_is_asked_for() {
    let desk = desk();
    desk.put("a.zip", pack::zip(&[("known.jpg", &make::picture(1))]));

    let arguments = [&["--no-archives"], &SCAN[..]].concat();
    let (lines, _) = desk.scan_json(&arguments, 2).await;

    assert_eq!(paths(&lines, "match"), [""; 0]);
    assert_eq!(unchecked(&lines), [("files/a.zip", "unsupported_format")]);
}

#[tokio::test]
async fn what_is_encrypted_broken_or_cut_off_is_said() {
    let desk = desk();
    let (known, other) = (make::picture(1), make::picture(2));
    let zip = pack::zip(&[("locked.jpg", &known), ("open.jpg", &known)]);
    desk.put("encrypted.zip", with_first_locked(zip));
    let whole = pack::zip(&[("first.jpg", &other), ("known.jpg", &known)]);
    let mut spoilt = whole.clone();
    spoilt[200] ^= 0xff;
    desk.put("spoilt.zip", &spoilt);
    desk.put("cut.zip", &whole[..whole.len() - 30]);
    let tar = pack::tar(&[("known.jpg", &known), ("other.jpg", &other)]);
    desk.put("cut.tar", &tar[..tar.len() - 4096]);
    let gzip = pack::gzip(&tar);
    desk.put("cut.tar.gz", &gzip[..gzip.len() - 2000]);
    desk.put("nonsense.gz", [&gzip[..20], &[0xaa; 600]].concat());
    desk.put(
        "nonsense.zst",
        [&pack::zstd(&tar)[..20], &[0xaa; 600]].concat(),
    );
    desk.put(
        "nonsense.xz",
        [&pack::xz(&tar)[..20], &[0xaa; 600]].concat(),
    );
    desk.put("empty.zip", pack::zip(&[]));

    let (lines, _) = desk.scan_json(&SCAN, 2).await;

    let found = [
        "files/cut.tar!/known.jpg",
        "files/cut.tar.gz!/known.jpg",
        "files/encrypted.zip!/open.jpg",
        "files/spoilt.zip!/known.jpg",
    ];
    assert_eq!(paths(&lines, "match"), found);
    let expected = [
        ("files/cut.tar!/other.jpg", "archive_malformed"),
        ("files/cut.tar", "archive_malformed"),
        ("files/cut.tar.gz!/other.jpg", "archive_malformed"),
        ("files/cut.tar.gz", "archive_malformed"),
        ("files/cut.zip", "archive_malformed"),
        ("files/encrypted.zip!/locked.jpg", "archive_encrypted"),
        ("files/nonsense.gz", "archive_malformed"),
        ("files/nonsense.xz", "archive_malformed"),
        ("files/nonsense.zst", "archive_malformed"),
        ("files/spoilt.zip!/first.jpg", "archive_malformed"),
    ];
    assert_eq!(unchecked(&lines), expected);
}

#[tokio::test]
async fn two_members_of_one_name_are_both_scanned() {
    let desk = desk();
    let (known, other) = (make::picture(1), make::picture(2));
    let files: &Files<'_> = &[("a.jpg", &known), ("b.jpg", &other)];
    let mut zip = pack::zip(files);
    let renamed = b"b.jpg";
    for at in 0..zip.len() - renamed.len() {
        if &zip[at..at + renamed.len()] == renamed {
            zip[at] = b'a';
        }
    }
    desk.put("a.zip", zip);
    desk.put("b.tar", pack::tar(&[("a.jpg", &known), ("a.jpg", &other)]));

    let (lines, summary) = desk.scan_json(&SCAN, 1).await;

    assert_eq!(
        paths(&lines, "match"),
        ["files/a.zip!/a.jpg", "files/b.tar!/a.jpg"]
    );
    assert_eq!(summary["members"], 4);
}

#[tokio::test]
async fn more_members_or_bytes_than_allowed_are_not_read() {
    let desk = desk();
    let known = make::picture(1);
    let files: Vec<(String, &[u8])> = (0..5).map(|n| (format!("{n}.jpg"), &known[..])).collect();
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (&name[..], *bytes))
        .collect();
    let zip = pack::zip(&files);
    desk.put("a.zip", &zip);
    desk.put("b.tar", pack::tar(&[("1.zip", &zip), ("2.zip", &zip)]));

    let few = [&["--archive-members", "3"], &SCAN[..]].concat();
    let (lines, summary) = desk.scan_json(&few, 2).await;
    let bytes = (known.len() * 2 + 100).to_string();
    let small = [&["--archive-bytes", &bytes], &SCAN[..]].concat();
    let (small_lines, _) = desk.scan_json(&small, 2).await;

    let found = paths(&lines, "match");
    let first = ["0", "1", "2"].map(|name| format!("files/a.zip!/{name}.jpg"));
    assert_eq!(found[..3], first);
    // What is in the tar's first zip counts beside the zips themselves.
    assert!((4..=5).contains(&found.len()), "{found:?}");
    assert_eq!(found[3], "files/b.tar!/1.zip!/0.jpg");
    assert_eq!(summary["members"], 6);
    let codes = unchecked(&lines).into_iter().map(|(_, code)| code);
    let codes: Vec<_> = codes.collect();
    assert!(codes.len() >= 2, "{codes:?}");
    assert!(
        codes.iter().all(|code| *code == "archive_too_many_members"),
        "{codes:?}"
    );
    assert_eq!(
        paths(&small_lines, "match")[..2],
        ["files/a.zip!/0.jpg", "files/a.zip!/1.jpg"]
    );
    assert!(unchecked(&small_lines).contains(&("files/a.zip", "archive_too_many_bytes")));
}

#[tokio::test]
async fn a_bomb_is_put_down() {
    let desk = desk();
    let blank = vec![0; 100 << 20];
    desk.put("bomb.gz", pack::gzip(&blank));
    desk.put(
        "bomb.zip",
        pack::zip(&[("known.jpg", &make::picture(1)), ("blank", &blank)]),
    );

    let (lines, _) = desk.scan_json(&SCAN, 2).await;

    assert_eq!(paths(&lines, "match"), ["files/bomb.zip!/known.jpg"]);
    let dense = [
        ("files/bomb.gz", "archive_too_dense"),
        ("files/bomb.zip", "archive_too_dense"),
    ];
    assert_eq!(unchecked(&lines), dense);
}

#[tokio::test]
async fn a_members_name_cannot_forge_a_line() {
    let desk = desk();
    desk.put(
        "a.zip",
        pack::zip(&[("x\nMATCH      files/b.jpg\u{1b}[2J", b"words")]),
    );

    let scanned = desk.scan(&SCAN).await.expect(2);

    assert_eq!(scanned.out.lines().count(), 2, "{}", scanned.out);
    assert!(
        scanned
            .out
            .starts_with("UNCHECKED  files/a.zip!/x\\nMATCH      files/b.jpg\\u{1b}[2J: "),
        "{}",
        scanned.out
    );
    assert!(
        scanned.out.contains("1 file and 1 in archives against"),
        "{}",
        scanned.out
    );
}
