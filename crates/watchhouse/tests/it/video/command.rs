//! Videos on the command line.

use std::io::Write as _;

use serde_json::{Value, json};
use watchhouse_match::Vpdq;

use super::*;
use crate::pack;
use crate::process::run;

#[tokio::test]
async fn hash_prints_a_list_that_tools_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    std::fs::write(&path, of_drawings(&[1, 2])).unwrap();
    let name = path.to_str().unwrap();

    let shown = run(&["hash", name]).await.expect(0);
    let line = run(&["hash", "--json", "--seconds-per-hash", "0", name])
        .await
        .expect(0);

    let listed: String = shown
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("  vpdq    "))
        .map(|line| format!("{line}\n"))
        .collect();
    let listed = Vpdq::parse(&listed).unwrap();
    assert_eq!(listed.frames.len(), 2);
    assert_eq!(listed.frames[1].pdq, frame_of(2).pdq);
    assert!(shown.out.ends_with("\n  mp4 160x120\n"), "{}", shown.out);
    let line: Value = serde_json::from_str(&line.out).unwrap();
    assert_eq!(line["format"], "mp4");
    let every = Vpdq::parse(&line["vpdq"].to_string()).unwrap();
    assert_eq!(every.frames.len(), 4);
    assert_eq!(every.frames[2].timestamp_ms, 1_000);
}

#[tokio::test]
async fn scan_finds_a_listed_frame_and_says_when_it_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("a.mp4"), of_drawings(&[1, 2, 3])).unwrap();
    std::fs::write(at("bank.txt"), format!("pdq {}\n", frame_of(3).pdq.hash)).unwrap();

    let shown = run(&["scan", &at("a.mp4"), "--bank", &at("bank.txt")])
        .await
        .expect(1);
    let json = run(&["scan", "--json", &at("a.mp4"), "--bank", &at("bank.txt")])
        .await
        .expect(1);

    assert!(
        shown
            .out
            .contains("pdq distance 0 of at most 31, frame 4 at 2.000 s"),
        "{}",
        shown.out
    );
    let line: Value = serde_json::from_str(json.out.lines().next().unwrap()).unwrap();
    let matching = &line["matches"][0];
    assert_eq!(
        (&matching["frame"], &matching["timestamp_ms"]),
        (&json!(4), &json!(2_000))
    );
}

#[tokio::test]
async fn scan_looks_at_videos_in_archives_and_at_those_too_large_for_memory() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let video = of_drawings(&[1, 2, 3]);
    std::fs::write(at("bank.txt"), format!("pdq {}\n", frame_of(3).pdq.hash)).unwrap();
    std::fs::create_dir(at("files")).unwrap();
    let zip = pack::zip(&[("b.mp4", &video)]);
    std::fs::write(at("files/a.zip"), zip).unwrap();
    let most = Limits::default().bytes;
    let n_free = u32::try_from(most).unwrap();
    let padding = [&n_free.to_be_bytes()[..], b"free"].concat();
    let large = std::fs::File::create(at("files/large.mp4")).unwrap();
    (&large).write_all(&[video, padding].concat()).unwrap();
    large
        .set_len(large.metadata().unwrap().len() + most - 8)
        .unwrap();
    let text = std::fs::File::create(at("files/large.txt")).unwrap();
    text.set_len(most + 1).unwrap();

    let scanned = run(&["scan", &at("files"), "--bank", &at("bank.txt")])
        .await
        .expect(2);

    let lines: Vec<&str> = scanned.out.lines().collect();
    let found = |line: usize, name: &str| {
        assert_eq!(lines[line], format!("MATCH      {}", at(name)));
        let text = lines[line + 1];
        assert!(text.contains(", frame 4 at 2.000 s"), "{text}");
    };
    found(0, "files/a.zip!/b.mp4");
    found(2, "files/large.mp4");
    assert!(lines[4].starts_with(&format!("UNCHECKED  {}: ", at("files/large.txt"))));
    assert!(lines[4].ends_with("(too_many_bytes)"), "{}", lines[4]);
}

#[tokio::test]
async fn scan_says_how_much_of_a_known_video_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("long.mp4"), of_drawings(&[1, 2, 3, 4])).unwrap();
    std::fs::write(at("clip.mp4"), of_drawings(&[2])).unwrap();
    let clip = look(&sandbox(VideoSettings::default()), of_drawings(&[2]))
        .await
        .unwrap();
    std::fs::write(at("clip.vpdq.txt"), clip.vpdq.to_lines()).unwrap();
    std::fs::write(at("bad.vpdq.txt"), "0,100\n").unwrap();
    let line = json!({ "vpdq": clip.vpdq.to_json(), "id": "clip-7" });
    std::fs::write(at("bank.jsonl"), format!("\n{line}\n")).unwrap();

    let inside = run(&["scan", &at("long.mp4"), "--bank", &at("clip.vpdq.txt")])
        .await
        .expect(1);
    let more = [
        "scan",
        &at("long.mp4"),
        "--bank",
        &at("clip.vpdq.txt"),
        "--of-upload",
        "50",
    ];
    let more = run(&more).await.expect(0);
    let listed = [
        "scan",
        "--json",
        &at("long.mp4"),
        "--bank",
        &at("bank.jsonl"),
    ];
    let listed = run(&listed).await.expect(1);
    let bad = run(&["scan", &at("long.mp4"), "--bank", &at("bad.vpdq.txt")])
        .await
        .expect(2);

    let expected =
        "vpdq 100 % (1 of 1 frames) of the known video and 25 % (1 of 4 frames) of this one";
    assert!(inside.out.contains(expected), "{}", inside.out);
    assert!(!more.out.contains("MATCH"), "{}", more.out);
    let listed: Value = serde_json::from_str(listed.out.lines().next().unwrap()).unwrap();
    let found = &listed["matches"][0];
    assert_eq!(
        (&found["kind"], &found["id"], &found["line"]),
        (&json!("vpdq"), &json!("clip-7"), &json!(2))
    );
    assert_eq!(
        (&found["of_known"], &found["of_upload"]),
        (
            &json!({ "percent": 100.0, "met": 1, "frames": 1 }),
            &json!({ "percent": 25.0, "met": 1, "frames": 4 })
        )
    );
    assert!(
        bad.err.contains("line 1: 2 fields, expected 4"),
        "{}",
        bad.err
    );
}
