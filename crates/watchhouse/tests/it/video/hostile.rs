//! Videos that are none, or less, or more than they say. Each costs one input.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;

use watchhouse::sandbox::Input;

use super::*;

#[tokio::test]
async fn what_cannot_be_taken_apart_is_refused_and_the_next_video_is_not() {
    let sandbox = sandbox(VideoSettings {
        max_frames: 100,
        ..VideoSettings::default()
    });
    let h264: &[&str] = &["-c:v", "libx264", "-pix_fmt", "yuv420p"];
    let whole = moving(2, "mp4", h264);
    let fast = moving(2, "mp4", &[h264, &["-movflags", "faststart"]].concat());
    let live = moving(2, "flv", h264);
    let folder = tempfile::tempdir().unwrap();
    let sound = ["-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac"];
    let sound = made(folder.path(), "mp4", &sound);
    let mut noise = whole.clone();
    let middle = noise.len() / 2;
    noise[200..middle].copy_from_slice(&crate::make::noise(middle - 200));

    for (what, bytes, code) in [
        (
            "cut off before its index",
            whole[..whole.len() / 2].to_vec(),
            "truncated",
        ),
        (
            "cut off after its index",
            fast[..fast.len() / 2].to_vec(),
            "truncated",
        ),
        (
            "cut off in a frame",
            live[..live.len() * 2 / 3].to_vec(),
            "malformed",
        ),
        (
            "no video",
            [
                b"\0\0\0\x14ftypisom".to_vec(),
                vec![0; 8],
                b"\0\0\0\x08moov".to_vec(),
            ]
            .concat(),
            "unsupported_format",
        ),
        ("frames of noise", noise, "malformed"),
        ("only sound", sound, "unsupported_format"),
        (
            "lasts a year",
            that_says(
                &moving(2, "webm", &["-c:v", "libvpx", "-deadline", "realtime"]),
                3.15e10,
            ),
            "too_many_frames",
        ),
    ] {
        let refusal = look(&sandbox, bytes).await.expect_err(what);
        assert_eq!(refusal.code, code, "{what}: {refusal}");
    }
    look(&sandbox, whole).await.unwrap();
}

/// A WebM file with another duration in its header, in milliseconds.
fn that_says(webm: &[u8], milliseconds: f64) -> Vec<u8> {
    // The element 0x4489 of eight bytes.
    let place = webm.windows(3).position(|part| part == [0x44, 0x89, 0x88]);
    let place = place.expect("a duration") + 3;
    let mut webm = webm.to_vec();
    webm[place..place + 8].copy_from_slice(&milliseconds.to_be_bytes());
    webm
}

#[tokio::test]
async fn more_frames_than_may_be_are_refused_where_the_header_is_silent() {
    let sandbox = sandbox(VideoSettings {
        seconds_per_hash: 0.0,
        max_frames: 15,
        ..VideoSettings::default()
    });
    // A stream that was recorded live says nothing of its length.
    let live = moving(
        2,
        "webm",
        &["-c:v", "libvpx", "-deadline", "realtime", "-live", "1"],
    );

    let refusal = look(&sandbox, live).await.expect_err("twenty frames");

    assert_eq!(refusal.code, "too_many_frames", "{refusal}");
}

#[tokio::test]
async fn a_video_of_few_bytes_and_many_pixels_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let source = [
        "-f",
        "lavfi",
        "-i",
        "color=size=4096x4096:duration=1:rate=2",
        "-c:v",
        "libx264",
    ];
    let bomb = made(folder.path(), "mp4", &source);
    assert!(bomb.len() < 40_000, "{} bytes", bomb.len());
    let mut settings = settings(VideoSettings::default());
    settings.limits.pixels = 4_000_000;

    let refusal = look(&Sandbox::new(settings).unwrap(), bomb.clone()).await;
    assert_eq!(refusal.expect_err("too large").code, "too_many_pixels");

    let mut settings = super::settings(VideoSettings::default());
    settings.memory_bytes = 150 << 20;
    let refusal = look(&Sandbox::new(settings).unwrap(), bomb).await;
    assert!(refusal.is_err());
}

#[tokio::test]
async fn a_decoder_that_hangs_is_given_up() {
    let mut settings = settings(VideoSettings::default());
    let limit = Duration::from_secs(2);
    settings.video.as_mut().unwrap().time_limit = limit;
    let sandbox = Sandbox::new(settings).unwrap();
    let bytes = moving(1, "flv", &["-c:v", "flv"]);
    // What waits for bytes that never come hangs like any other.
    let (out, mut never_closed) = std::io::pipe().unwrap();
    never_closed.write_all(&bytes[..500]).unwrap();
    let input = Input {
        bytes: Bytes::copy_from_slice(&bytes[..500]),
        file: Some(File::from(OwnedFd::from(out))),
        progress: None,
    };

    let refusal = sandbox.look(input).await.expect_err("it hangs");

    assert_eq!(refusal.code, Refusal::TIMED_OUT, "{refusal}");
    assert!(refusal.message.contains("2s"), "{refusal}");
}

#[tokio::test]
async fn programs_that_are_not_there_or_talk_nonsense_are_no_decoder() {
    let folder = tempfile::tempdir().unwrap();
    let programs = || VideoSettings {
        programs: folder.path().to_owned(),
        ..VideoSettings::default()
    };
    let bytes = moving(1, "mp4", &["-c:v", "libx264"]);

    let refusal = look(&sandbox(programs()), bytes.clone())
        .await
        .expect_err("none");

    assert_eq!(refusal.code, Refusal::UNAVAILABLE);
    let hint = "install Debian's package ffmpeg, or set video.enabled = false";
    assert!(refusal.message.ends_with(hint), "{refusal}");

    // One that floods with what nobody asked for.
    symlink("/usr/bin/yes", folder.path().join("ffprobe")).unwrap();
    let refusal = look(&sandbox(programs()), bytes)
        .await
        .expect_err("a flood");
    assert!(!refusal.code.is_empty());
}

#[tokio::test]
async fn a_video_is_refused_where_videos_are_switched_off() {
    let mut settings = settings(VideoSettings::default());
    settings.video = None;
    let bytes = moving(1, "mp4", &["-c:v", "libx264"]);

    let refusal = look(&Sandbox::new(settings).unwrap(), bytes).await;

    assert_eq!(refusal.expect_err("off").code, "unsupported_format");
}
