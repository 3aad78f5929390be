//! Videos: taken apart by `ffmpeg` in a cage, hashed frame by frame, looked up like pictures.

mod api;
mod cage;
mod command;
mod hostile;
mod known;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use watchhouse::sandbox::video::{Video, VideoSettings};
use watchhouse::sandbox::{Media, Refusal, Sandbox, SandboxSettings};
use watchhouse_demo::alterations::png;
use watchhouse_demo::pictures::{self, Size};
use watchhouse_match::{Container, Frame, Limits, Sampling, inspect};

use crate::app::PROGRAM;

const SIZE: Size = Size {
    width: 160,
    height: 120,
};

/// What `ffmpeg` makes of these arguments, in a file of this ending.
fn made(folder: &Path, ending: &str, arguments: &[&str]) -> Vec<u8> {
    let file = folder.join(format!("made.{ending}"));
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(arguments)
        .arg(&file)
        .current_dir(folder)
        .status()
        .expect("ffmpeg is installed: `make test` does that");
    assert!(status.success(), "{arguments:?}");
    std::fs::read(file).unwrap()
}

/// A moving test picture, so many seconds of ten frames.
fn moving(seconds: u32, ending: &str, more: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let source = format!("testsrc2=size=160x120:rate=10:duration={seconds}");
    let arguments = [&["-f", "lavfi", "-i", &source], more].concat();
    made(folder.path(), ending, &arguments)
}

/// A video without loss of these drawn pictures, each of them shown for a second.
fn of_drawings(seeds: &[u64]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    for (nth, seed) in seeds.iter().enumerate() {
        let drawn = png(&pictures::draw(*seed, SIZE)).bytes;
        std::fs::write(folder.path().join(format!("{nth}.png")), drawn).unwrap();
    }
    let arguments = [
        "-framerate",
        "1",
        "-i",
        "%d.png",
        "-r",
        "2",
        "-c:v",
        "libx264rgb",
        "-qp",
        "0",
    ];
    made(folder.path(), "mp4", &arguments)
}

/// What the picture itself has for its only frame.
fn frame_of(seed: u64) -> Frame {
    let drawn = png(&pictures::draw(seed, SIZE)).bytes;
    inspect(&drawn, &Limits::default())
        .unwrap()
        .frames
        .remove(0)
}

fn settings(video: VideoSettings) -> SandboxSettings {
    SandboxSettings {
        children: 1,
        time_limit: Duration::from_secs(60),
        video: Some(VideoSettings {
            time_limit: Duration::from_secs(60),
            ..video
        }),
        ..SandboxSettings::new(PROGRAM)
    }
}

fn sandbox(video: VideoSettings) -> Sandbox {
    Sandbox::new(settings(video)).unwrap()
}

async fn look(sandbox: &Sandbox, bytes: Vec<u8>) -> Result<Video, Refusal> {
    match sandbox.inspect(Bytes::from(bytes)).await? {
        Media::Video(video) => Ok(video),
        Media::Picture(picture) => panic!("a picture: {picture:?}"),
    }
}

#[tokio::test]
async fn a_videos_frames_hash_as_the_pictures_that_they_are() {
    let sandbox = sandbox(VideoSettings::default());
    let bytes = of_drawings(&[1, 2, 1, 3]);

    let video = look(&sandbox, bytes).await.unwrap();

    assert_eq!(video.container, Container::Mp4);
    assert_eq!((video.width, video.height), (160, 120));
    assert_eq!(video.sampling, Sampling::new(2.0, 1.0));
    let seen = video.vpdq.frames.iter();
    let seen: Vec<_> = seen
        .map(|frame| (frame.number, frame.pdq, frame.timestamp_ms))
        .collect();
    let [one, two, three] = [1, 2, 3].map(frame_of);
    let expected = [
        (0, one.pdq, 0),
        (2, two.pdq, 1_000),
        (4, one.pdq, 2_000),
        (6, three.pdq, 3_000),
    ];
    assert_eq!(seen, expected);
    // Each hash once, turned and mirrored like a picture's.
    let distinct = [(one, 0), (two, 2), (three, 6)].map(|(frame, index)| Frame { index, ..frame });
    assert_eq!(video.frames, distinct);
}

#[tokio::test]
async fn every_container_is_told_by_its_content() {
    let sandbox = sandbox(VideoSettings::default());
    let h264: &[&str] = &["-c:v", "libx264", "-pix_fmt", "yuv420p"];
    let cases: [(&str, Container, &[&str]); 9] = [
        ("mp4", Container::Mp4, h264),
        ("mov", Container::Mp4, h264),
        (
            "webm",
            Container::WebM,
            &["-c:v", "libvpx-vp9", "-deadline", "realtime"],
        ),
        ("mkv", Container::Matroska, h264),
        ("avi", Container::Avi, &["-c:v", "mpeg4"]),
        ("ts", Container::MpegTs, h264),
        (
            "mpg",
            Container::MpegPs,
            &["-c:v", "mpeg2video", "-r", "25"],
        ),
        ("flv", Container::Flv, &["-c:v", "flv"]),
        ("wmv", Container::Asf, &["-c:v", "wmv2"]),
    ];
    for (ending, container, codec) in cases {
        let video = look(&sandbox, moving(2, ending, codec)).await;
        let video = video.unwrap_or_else(|refusal| panic!("{ending}: {refusal}"));
        assert_eq!(video.container, container, "{ending}");
        assert_eq!(video.vpdq.frames.len(), 2, "{ending}: {:?}", video.vpdq);
    }
}

#[tokio::test]
async fn every_frame_is_hashed_where_that_is_asked_for() {
    let sandbox = sandbox(VideoSettings {
        seconds_per_hash: 0.0,
        ..VideoSettings::default()
    });
    let bytes = moving(1, "mp4", &["-c:v", "libx264"]);

    let video = look(&sandbox, bytes).await.unwrap();

    let numbers: Vec<u32> = video.vpdq.frames.iter().map(|frame| frame.number).collect();
    assert_eq!(numbers, (0..10).collect::<Vec<u32>>());
    assert_eq!(video.vpdq.frames[9].timestamp_ms, 900);
}

/// The published list of a published video, made by the published tool: two decoders of H.264 agree on
/// every sample, and two conversions to RGB nearly.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "says what was not tested")]
async fn a_published_video_hashes_as_published() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/reference/vpdq"
    );
    let sandbox = sandbox(VideoSettings {
        seconds_per_hash: 0.0,
        ..VideoSettings::default()
    });
    for name in ["pattern-sd-grey-bar", "test-padded-dimensions"] {
        let path = |ending: &str| Path::new(folder).join(format!("{name}.{ending}"));
        let Ok(text) = std::fs::read_to_string(path("txt")) else {
            println!("skipped: no reference files");
            return;
        };
        let published = watchhouse_match::Vpdq::parse(&text).unwrap();
        let bytes = std::fs::read(path("mp4")).unwrap();

        let ours = look(&sandbox, bytes).await.unwrap().vpdq;

        assert_eq!(ours.frames.len(), published.frames.len());
        let pairs = || ours.frames.iter().zip(&published.frames);
        let distances = pairs().map(|(ours, theirs)| ours.pdq.hash.distance(&theirs.pdq.hash));
        assert!(distances.clone().max() <= Some(10), "{name}");
        assert!(
            f64::from(distances.sum::<u32>()) / (pairs().count() as f64) < 1.0,
            "{name}"
        );
        assert!(pairs().all(|(ours, theirs)| ours.timestamp_ms == theirs.timestamp_ms));
    }
}
