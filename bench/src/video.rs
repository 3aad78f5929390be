//! Videos: hashed by the program as its users run it, beside the field's tool and beside decoding alone.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context as _;

use crate::figure::Versus;
use crate::peer::Peers;

/// Seconds of 720p at 30 frames a second: long enough that starting processes hardly counts.
const SECONDS: u32 = 20;

/// Both ways to hash a video, each with what it is compared with.
pub(crate) fn measure(program: &Path, peers: &mut Peers) -> anyhow::Result<Vec<Versus>> {
    eprintln!("hashing {SECONDS} seconds of 720p");
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("video.mp4");
    make(&file)?;
    let mut measured = Vec::new();
    for (work, seconds_per_hash) in [("video-every-frame", "0"), ("video-1fps", "1")] {
        let ours = || hash(program, &file, seconds_per_hash);
        let theirs = || peers.time(work, &[&file]);
        measured.push(Versus::in_turns(work, "vpdq", ours, theirs)?);
        let ours = || hash(program, &file, seconds_per_hash);
        let decoding = || decode(&file);
        measured.push(Versus::in_turns(work, "ffmpeg-decode", ours, decoding)?);
    }
    Ok(measured)
}

/// Moving patterns with noise over them, at about the rate of an ordinary upload.
fn make(file: &Path) -> anyhow::Result<()> {
    let source = format!("testsrc2=size=1280x720:rate=30:duration={SECONDS},noise=alls=12:allf=t");
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", &source])
        .args(["-c:v", "libx264", "-pix_fmt", "yuv420p", "-b:v", "5700k"])
        .arg(file);
    time(&mut command).context("making a video; `make bench` installs ffmpeg")?;
    Ok(())
}

fn hash(program: &Path, file: &Path, seconds_per_hash: &str) -> anyhow::Result<f64> {
    let mut command = on_one_core(program);
    command
        .args(["hash", "--seconds-per-hash", seconds_per_hash])
        .arg(file);
    time(&mut command)
}

fn decode(file: &Path) -> anyhow::Result<f64> {
    let mut command = on_one_core(Path::new("ffmpeg"));
    command
        .args(["-nostdin", "-v", "error", "-threads", "1", "-i"])
        .arg(file)
        .args(["-map", "0:v:0", "-f", "null", "-"]);
    time(&mut command)
}

/// A program with all its processes on one core, against what has one thread.
fn on_one_core(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "0"]).arg(program);
    command
}

/// The seconds that a command takes from start to end.
fn time(command: &mut Command) -> anyhow::Result<f64> {
    let began = Instant::now();
    let status = command.stdout(Stdio::null()).status();
    let status = status.with_context(|| format!("starting {command:?}"))?;
    anyhow::ensure!(status.success(), "{command:?} ended with {status}");
    Ok(began.elapsed().as_secs_f64())
}
