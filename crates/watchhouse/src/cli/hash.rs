//! `watchhouse hash`: the hashes of files.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use futures::StreamExt as _;
use serde_json::{Value, json};
use watchhouse_match::{Inspection, Limits, Variant};

use super::FAILED;
use super::files::{self, Looked};
use super::walk;
use crate::hex;
use crate::sandbox::Media;
use crate::sandbox::video::Video;

#[derive(Args)]
pub struct Hash {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Of a video, hash a frame every so many seconds; every frame if 0
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = files::seconds)]
    seconds_per_hash: f64,
}

impl Hash {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        tokio::runtime::Runtime::new()?.block_on(self.print())
    }

    async fn print(self) -> anyhow::Result<ExitCode> {
        let sandbox = files::sandbox(files::sandbox_settings(None, self.seconds_per_hash))?;
        let limit = Limits::default().bytes;
        let mut has_failed = false;
        let spinner = files::spinner();
        let ahead = std::thread::available_parallelism().map_or(1, usize::from) * 2;
        let mut looked = walk::walk(self.paths)
            .map(async |found| match found.version {
                Ok(_) => Ok(found.look(&sandbox, limit, &spinner).await),
                Err(problem) => Err((found.path, problem)),
            })
            .buffered(ahead);
        while let Some(looked) = looked.next().await {
            let looked = match looked {
                Ok(looked) => looked,
                Err((path, problem)) => {
                    has_failed = true;
                    spinner.suspend(|| {
                        eprintln!(
                            "error: cannot read \"{}\": {}",
                            files::shown(&path),
                            files::on_one_line(&problem.message)
                        );
                    });
                    continue;
                }
            };
            has_failed |= looked.inspection.is_err();
            spinner.suspend(|| {
                if self.json {
                    print_json(&looked)
                } else {
                    print_text(&looked)
                }
            });
        }
        spinner.finish_and_clear();
        Ok(if has_failed {
            ExitCode::from(FAILED)
        } else {
            ExitCode::SUCCESS
        })
    }
}

fn print_text(looked: &Looked) {
    println!("{}", files::shown(&looked.path));
    if let Some(digests) = &looked.digests {
        println!("  md5     {}", hex::encode(&digests.md5));
        println!("  sha1    {}", hex::encode(&digests.sha1));
        println!("  sha256  {}", hex::encode(&digests.sha256));
    }
    match &looked.inspection {
        Ok(media) => {
            match media {
                Media::Picture(picture) => print_frames(picture),
                Media::Video(video) => print_video(video),
            }
            let (width, height) = media.size();
            println!("  {} {width}x{height}", media.format());
        }
        Err(problem) => println!("  no pdq: {} ({})", problem.message, problem.code),
    }
}

fn print_frames(picture: &Inspection) {
    let is_animated = picture.frames.iter().any(|frame| frame.index > 0);
    for frame in &picture.frames {
        let mut of = String::new();
        if is_animated {
            of.push_str(&format!("  frame {}", frame.index));
        }
        if frame.variant != Variant::AsStored {
            of.push_str(&format!("  {}", frame.variant));
        }
        let hash = hex::encode(&frame.pdq.hash.0);
        println!("  pdq     {hash}  quality {}{of}", frame.pdq.quality);
    }
}

/// Each frame as in a vPDQ file: its number, quality, hash and seconds.
fn print_video(video: &Video) {
    for line in video.vpdq.to_lines().lines() {
        println!("  vpdq    {line}");
    }
}

fn print_json(looked: &Looked) {
    let mut line = json!({
        "path": looked.path.to_string_lossy(),
        "size_bytes": looked.size_bytes,
    });
    if let Some(digests) = &looked.digests {
        line["md5"] = json!(hex::encode(&digests.md5));
        line["sha1"] = json!(hex::encode(&digests.sha1));
        line["sha256"] = json!(hex::encode(&digests.sha256));
    }
    match &looked.inspection {
        Ok(media) => {
            let (width, height) = media.size();
            line["format"] = json!(media.format());
            line["width"] = json!(width);
            line["height"] = json!(height);
            match media {
                Media::Picture(picture) => line["frames"] = frames_json(picture),
                Media::Video(video) => line["vpdq"] = video_json(video),
            }
        }
        Err(problem) => {
            line["problem"] = json!({ "code": problem.code, "message": problem.message })
        }
    }
    println!("{line}");
}

fn frames_json(picture: &Inspection) -> Value {
    let frames = picture.frames.iter().map(|frame| {
        json!({
            "index": frame.index,
            "variant": frame.variant.as_str(),
            "pdq": hex::encode(&frame.pdq.hash.0),
            "quality": frame.pdq.quality,
        })
    });
    frames.collect()
}

/// The array of strings that the published Python library reads.
fn video_json(video: &Video) -> Value {
    serde_json::from_str(&video.vpdq.to_json()).expect("it is a JSON array")
}
