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
use serde_json::json;
use watchhouse_match::Limits;

use super::FAILED;
use super::files::{self, Looked};
use super::walk;
use crate::hex;

#[derive(Args)]
pub struct Hash {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

impl Hash {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        tokio::runtime::Runtime::new()?.block_on(self.print())
    }

    async fn print(self) -> anyhow::Result<ExitCode> {
        let sandbox = files::sandbox(files::sandbox_settings(None))?;
        let limit = Limits::default().bytes;
        let mut has_failed = false;
        let ahead = std::thread::available_parallelism().map_or(1, usize::from) * 2;
        let mut looked = walk::walk(self.paths)
            .map(async |found| match found.version {
                Ok(_) => Ok(found.look(&sandbox, limit).await),
                Err(problem) => Err((found.path, problem)),
            })
            .buffered(ahead);
        while let Some(looked) = looked.next().await {
            let looked = match looked {
                Ok(looked) => looked,
                Err((path, problem)) => {
                    has_failed = true;
                    eprintln!(
                        "error: cannot read \"{}\": {}",
                        files::shown(&path),
                        files::on_one_line(&problem.message)
                    );
                    continue;
                }
            };
            has_failed |= looked.inspection.is_err();
            if self.json {
                print_json(&looked)
            } else {
                print_text(&looked)
            }
        }
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
        Ok(inspection) => {
            for frame in &inspection.frames {
                let of = if inspection.frames.len() > 1 {
                    format!("  frame {}", frame.index)
                } else {
                    String::new()
                };
                let hash = hex::encode(&frame.pdq.hash.0);
                println!("  pdq     {hash}  quality {}{of}", frame.pdq.quality);
            }
            let (width, height) = (inspection.width, inspection.height);
            println!("  {} {width}x{height}", inspection.format.as_str());
        }
        Err(problem) => println!("  no pdq: {} ({})", problem.message, problem.code),
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
        Ok(inspection) => {
            line["format"] = json!(inspection.format.as_str());
            line["width"] = json!(inspection.width);
            line["height"] = json!(inspection.height);
            let frames = inspection.frames.iter().map(|frame| {
                json!({
                    "index": frame.index,
                    "pdq": hex::encode(&frame.pdq.hash.0),
                    "quality": frame.pdq.quality,
                })
            });
            line["frames"] = frames.collect();
        }
        Err(problem) => {
            line["problem"] = json!({ "code": problem.code, "message": problem.message })
        }
    }
    println!("{line}");
}
