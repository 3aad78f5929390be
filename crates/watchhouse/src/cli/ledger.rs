//! `watchhouse ledger verify`: checks a log from outside, with nothing but its public files.

#![allow(clippy::print_stdout, reason = "a command line prints")]

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::{Args, Subcommand};
use url::Url;

use crate::ledger::note::Verifier;
use crate::ledger::source::{DirectorySource, MAX_RESOURCE_BYTES, Source};
use crate::ledger::verify::verify_log;

#[derive(Subcommand)]
pub enum Ledger {
    /// Recompute a whole log: every entry, every tile, the root, the signature
    Verify(Verify),
}

#[derive(Args)]
pub struct Verify {
    /// A directory with the log's files, or the address that they lie below
    #[arg(
        help = "A directory with the log's files, or the address that they lie below, such as \
                  https://trust.example.org/api/v1/ledger"
    )]
    log: String,
    /// The log's verifier key, as `GET /api/v1/ledger` shows it
    #[arg(long, value_name = "KEY")]
    key: String,
    /// A checkpoint that was kept from before: the log must have grown from it
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Ledger {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Ledger::Verify(verify) = self;
        verify.run()
    }
}

impl Verify {
    fn run(self) -> anyhow::Result<ExitCode> {
        let verifier = Verifier::parse(&self.key)
            .with_context(|| format!("reading the key \"{}\"", self.key))?;
        let earlier = match &self.since {
            Some(file) => Some(
                std::fs::read(file)
                    .with_context(|| format!("reading the checkpoint \"{}\"", file.display()))?,
            ),
            None => None,
        };
        let source: Box<dyn Source> = match Url::parse(&self.log) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Box::new(WebSource::new(url)?),
            _ => {
                let root = PathBuf::from(&self.log);
                anyhow::ensure!(
                    root.is_dir(),
                    "\"{}\" is neither a directory nor an address",
                    self.log
                );
                Box::new(DirectorySource { root })
            }
        };
        let origin = verifier.name().to_owned();
        match verify_log(source.as_ref(), &origin, &[verifier], earlier.as_deref()) {
            Ok(report) if self.json => {
                let line = serde_json::json!({
                    "verified": true,
                    "origin": report.origin,
                    "size": report.size,
                    "root": BASE64_STANDARD.encode(report.root),
                    "entries_checked": report.entries_checked,
                    "tiles_checked": report.tiles_checked,
                });
                println!("{line}");
                Ok(ExitCode::SUCCESS)
            }
            Ok(report) => {
                println!("verified: {}", report.origin);
                println!("  entries {:>10}", report.entries_checked);
                println!("  tiles   {:>10}", report.tiles_checked);
                println!("  root    {}", BASE64_STANDARD.encode(report.root));
                if self.since.is_some() {
                    println!("  it has grown from the earlier checkpoint");
                }
                Ok(ExitCode::SUCCESS)
            }
            Err(error) if self.json => {
                println!(
                    "{}",
                    serde_json::json!({ "verified": false, "problem": error.to_string() })
                );
                Ok(ExitCode::from(1))
            }
            Err(error) => {
                println!("NOT verified: {error}");
                Ok(ExitCode::from(1))
            }
        }
    }
}

/// A log below an address. The person who runs the command named it, so any address will do.
struct WebSource {
    prefix: Url,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl WebSource {
    fn new(mut prefix: Url) -> anyhow::Result<WebSource> {
        if !prefix.path().ends_with('/') {
            prefix.set_path(&format!("{}/", prefix.path()));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let client = crate::outbound::outsider_client(Duration::from_secs(30))?;
        Ok(WebSource {
            prefix,
            client,
            runtime,
        })
    }

    async fn get(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let url = self.prefix.join(path)?;
        let mut response = self.client.get(url).send().await?;
        if response.status().as_u16() == 404 {
            return Ok(None);
        }
        let status = response.status();
        anyhow::ensure!(
            !status.is_redirection(),
            "the host answered {status}, and redirects are not followed: name the address where the \
             log is"
        );
        anyhow::ensure!(status.is_success(), "the host answered {status}");
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            bytes.extend_from_slice(&chunk);
            anyhow::ensure!(
                bytes.len() <= MAX_RESOURCE_BYTES,
                "it is longer than any file of a log"
            );
        }
        Ok(Some(bytes))
    }
}

impl Source for WebSource {
    fn fetch(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.runtime
            .block_on(self.get(path))
            .map_err(|error| io::Error::other(format!("{error:#}")))
    }
}
