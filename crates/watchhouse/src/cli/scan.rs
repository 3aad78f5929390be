//! `watchhouse scan`: files and folders against bank files, without a server.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use watchhouse_match::{BankId, BankSettings, Index};

use super::FAILED;
use super::files::{self, Looked, Problem};
use super::walk::{self, Found};
use crate::bank_file::{Format, ReadError, Reader};
use crate::hex;
use crate::sandbox::unpacking::ArchiveSettings;
use crate::sandbox::{Refusal, Sandbox, SandboxSettings};
use journal::{Earlier, Heading, Journal};
use lists::{Digesting, Entry, Lists, Match, match_json, match_text};
use outcome::Outcome;

mod archives;
mod journal;
mod lists;
mod outcome;

/// So many bad lines of a bank file are printed; all are counted.
const PRINTED_FAULTS: usize = 20;

/// The exit code when something matched.
const MATCHED: u8 = 1;

#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Exit code: 0 nothing matched, 1 something matched, 2 something could not be \
                  checked (also when something else matched), 130 interrupted"
)]
pub struct Scan {
    /// Files, folders, and buckets of S3 (`s3://BUCKET/PREFIX`)
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// A file of hashes: plain (`pdq f8f8…` a line), CSV or JSON Lines, by its name's ending; or a
    /// known video's vPDQ, named `….vpdq.txt` or `….vpdq.json`
    #[arg(long = "bank", required = true, value_name = "FILE")]
    banks: Vec<PathBuf>,
    /// The form of the bank files, where their names do not tell: plain, csv or jsonl
    #[arg(long, value_name = "FORM")]
    format: Option<Format>,
    /// The greatest PDQ distance that is a match, 0 to 63
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u32).range(0..=63))]
    threshold: u32,
    /// Do not look the pictures up turned and mirrored
    #[arg(long)]
    no_turned: bool,
    /// The share of a known video's frames that must be in a scanned one to match, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 80, value_parser = clap::value_parser!(u32).range(0..=100))]
    of_known: u32,
    /// The share of a scanned video's frames that must be in a known one to match, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    of_upload: u32,
    /// Of a video, look up a frame every so many seconds; every frame if 0
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = files::seconds)]
    seconds_per_hash: f64,
    /// Use the good lines of a bank file that has bad ones
    #[arg(long)]
    skip_bad: bool,
    /// Print one JSON object a line, and a summary as the last
    #[arg(long)]
    json: bool,
    /// Decoding processes at work at once; one for each core if not given
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Write down in FILE what is finished, and go on from there if it exists; it is removed at the end
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Do not look into zip and tar archives
    #[arg(long)]
    no_archives: bool,
    /// Members of one archive, those of archives in it included
    #[arg(long, value_name = "N", default_value_t = ArchiveSettings::default().limits.members)]
    archive_members: u64,
    /// Bytes that one archive may unpack to, those of archives in it included
    #[arg(long, value_name = "N", default_value_t = ArchiveSettings::default().limits.total_bytes)]
    archive_bytes: u64,
}

/// What a scan works with.
struct Desk<'l> {
    lists: &'l Lists,
    settings: Arc<SandboxSettings>,
    sandbox: Sandbox,
    progress: ProgressBar,
    /// So many files are looked at together, and so many members of an archive.
    ahead: usize,
    /// Turns at archives.
    archives: Semaphore,
}

/// So many archives are taken apart together.
const ARCHIVES_AT_ONCE: usize = 2;

impl Scan {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Some(lists) = self.read_lists()? else {
            return Ok(ExitCode::from(FAILED));
        };
        tokio::runtime::Runtime::new()?.block_on(self.scan(&lists))
    }

    /// None when a bank file has bad lines, which are printed then.
    fn read_lists(&self) -> anyhow::Result<Option<Lists>> {
        let mut lists = Lists {
            index: Index::new(),
            banks: self.banks.clone(),
            entries: Vec::new(),
            videos: HashMap::new(),
            digest: Sha256::new(),
        };
        let mut is_sound = true;
        for (number, file) in (0..).zip(&self.banks) {
            let settings = BankSettings {
                threshold: self.threshold,
                of_known: self.of_known,
                of_upload: self.of_upload,
                is_enabled: true,
            };
            lists.index.set_bank(BankId(number), settings)?;
            if Lists::is_video(file) {
                lists.add_video(BankId(number), file)?;
                continue;
            }
            is_sound &= self.read_list(&mut lists, BankId(number), file)?;
        }
        lists.index.compact();
        Ok((is_sound || self.skip_bad).then_some(lists))
    }

    fn read_list(&self, lists: &mut Lists, bank: BankId, file: &Path) -> anyhow::Result<bool> {
        let name = file.display();
        let format = self
            .format
            .or_else(|| Format::guess(&file.to_string_lossy()));
        let format = format.with_context(|| {
            format!(
                "cannot tell the form of \"{name}\" by its name; say --format plain, csv or jsonl"
            )
        })?;
        let input =
            File::open(file).with_context(|| format!("opening the bank file \"{name}\""))?;
        let mut input = Digesting {
            input,
            digest: Sha256::new(),
        };
        let mut n_faults = 0;
        let mut n_good = 0;
        for record in Reader::new(format, BufReader::with_capacity(1 << 20, &mut input)) {
            let record = match record {
                Ok(record) => record,
                Err(ReadError::Line(fault) | ReadError::Header(fault)) => {
                    n_faults += 1;
                    if n_faults <= PRINTED_FAULTS {
                        eprintln!("error: {name} line {}: {}", fault.line, fault.message);
                    }
                    continue;
                }
                Err(error) => return Err(error).with_context(|| format!("reading \"{name}\"")),
            };
            let boxed = |text: Option<String>| text.map(String::into_boxed_str);
            lists.entries.push(Entry {
                line: record.line,
                source: boxed(record.source),
                external_id: boxed(record.external_id),
                category: boxed(record.category),
            });
            for hash in &record.hashes {
                lists.insert(bank, hash)?;
                n_good += 1;
            }
        }
        lists.digest.update(input.digest.finalize());
        if n_faults > PRINTED_FAULTS {
            eprintln!(
                "error: {name}: {} more bad lines",
                n_faults - PRINTED_FAULTS
            );
        }
        if n_faults > 0 && !self.skip_bad {
            eprintln!("hint: nothing was scanned; --skip-bad uses the other {n_good} hashes");
        }
        Ok(n_faults == 0)
    }

    async fn scan(&self, lists: &Lists) -> anyhow::Result<ExitCode> {
        let (mut journal, mut earlier) = self.open_journal(lists)?.unzip();
        let desk = self.desk(lists)?;
        let began = Instant::now();

        let mut outcomes = walk::walk(self.paths.clone())
            .filter_map(|found| {
                let earlier = earlier.as_mut();
                std::future::ready(match earlier {
                    Some(earlier) if earlier.is_journal(&found.path) => None,
                    Some(earlier) => Some((earlier.outcome_of(&found), found)),
                    None => Some((None, found)),
                })
            })
            .map(async |(known, found)| match known {
                Some(outcome) => (found, outcome, true),
                None => {
                    let outcome = self.look(&desk, &found).await;
                    (found, outcome, false)
                }
            })
            .buffered(desk.ahead);

        let mut interruption = pin!(interruption()?);
        let mut sum = Outcome::default();
        let mut n_known = 0;
        loop {
            let next = tokio::select! {
                biased;
                code = &mut interruption => {
                    desk.progress.finish_and_clear();
                    self.tell_interrupted(&sum);
                    if let Some(journal) = &mut journal {
                        journal.sync()?;
                    }
                    return Ok(ExitCode::from(code));
                }
                next = outcomes.next() => next,
            };
            let Some((found, outcome, is_known)) = next else {
                break;
            };
            n_known += u64::from(is_known);
            if let Some(journal) = journal.as_mut().filter(|_| !is_known) {
                journal.record(&found, &outcome)?;
            }
            let Outcome { ref lines, .. } = outcome;
            if !lines.is_empty() {
                desk.progress
                    .suspend(|| lines.iter().for_each(|line| println!("{line}")));
            }
            sum += Outcome {
                lines: Vec::new(),
                ..outcome
            };
            desk.progress.inc(1);
        }
        drop(outcomes);
        desk.progress.finish_and_clear();
        self.print_summary(lists, &sum, n_known, began.elapsed());
        desk.sandbox.shutdown().await;
        journal.map_or(Ok(()), Journal::remove)?;
        Ok(match sum {
            Outcome { unchecked: 1.., .. } => ExitCode::from(FAILED),
            Outcome { matched: 1.., .. } => ExitCode::from(MATCHED),
            _ => ExitCode::SUCCESS,
        })
    }

    fn open_journal(&self, lists: &Lists) -> anyhow::Result<Option<(Journal, Earlier)>> {
        let Some(path) = &self.resume else {
            return Ok(None);
        };
        // Whatever else is asked for may change what is found or what is printed.
        let options = Scan {
            jobs: None,
            resume: None,
            ..self.clone()
        };
        let options = format!("{:?} {options:?}", std::env::current_dir()?);
        let heading = Heading {
            watchhouse_scan: env!("CARGO_PKG_VERSION").to_owned(),
            options_sha256: hex::encode(&Sha256::digest(options)),
            banks_sha256: hex::encode(&lists.digest.clone().finalize()),
        };
        Journal::open(path, &heading).map(Some)
    }

    fn desk<'l>(&self, lists: &'l Lists) -> anyhow::Result<Desk<'l>> {
        let settings = files::sandbox_settings(self.jobs, self.seconds_per_hash);
        let ahead = settings.children * 2;
        Ok(Desk {
            lists,
            sandbox: files::sandbox(settings.clone())?,
            settings: Arc::new(settings),
            progress: progress(&self.paths),
            ahead,
            archives: Semaphore::new(ARCHIVES_AT_ONCE),
        })
    }

    fn archive_settings(&self) -> ArchiveSettings {
        let mut settings = ArchiveSettings::default();
        settings.limits.members = self.archive_members;
        settings.limits.total_bytes = self.archive_bytes;
        settings
    }

    /// Looks at what the walk found.
    async fn look(&self, desk: &Desk<'_>, found: &Found) -> Outcome {
        let mut outcome = Outcome::default();
        if let Err(problem) = &found.version {
            self.tell_unchecked(&found.path, problem, &mut outcome);
            return outcome;
        }
        let limit = desk.settings.limits.bytes;
        let looked = found.look(&desk.sandbox, limit, &desk.progress).await;
        outcome.files = 1;
        outcome.bytes = looked.size_bytes;
        self.judge(desk.lists, &looked, &mut outcome);
        let Err(problem) = &looked.inspection else {
            return outcome;
        };
        match self.archive(&looked, found) {
            Some(archive) => outcome += self.look_into(desk, archive, &looked.path).await,
            None => self.tell_unchecked(&looked.path, problem, &mut outcome),
        }
        outcome
    }

    /// Looks up what it is and what it shows.
    fn judge(&self, lists: &Lists, looked: &Looked, outcome: &mut Outcome) {
        let matches = lists.meet(looked, !self.no_turned);
        if !matches.is_empty() {
            outcome.matched += 1;
            self.tell_matches(&looked.path, &matches, outcome);
        }
    }

    fn tell_unchecked(&self, path: &Path, problem: &Problem, outcome: &mut Outcome) {
        outcome.unchecked += 1;
        outcome.is_passing |= ["unreadable", Refusal::UNAVAILABLE].contains(&problem.code);
        outcome.lines.push(if self.json {
            let path = path.to_string_lossy();
            let line = json!({
                "type": "unchecked",
                "path": path,
                "code": problem.code,
                "message": problem.message,
            });
            line.to_string()
        } else {
            format!(
                "UNCHECKED  {}: {} ({})",
                files::shown(path),
                files::on_one_line(&problem.message),
                problem.code
            )
        });
    }

    fn tell_matches(&self, path: &Path, matches: &[Match<'_>], outcome: &mut Outcome) {
        let lines = &mut outcome.lines;
        if self.json {
            let matches: Vec<Value> = matches.iter().map(match_json).collect();
            let path = path.to_string_lossy();
            let line = json!({ "type": "match", "path": path, "matches": matches });
            lines.push(line.to_string());
            return;
        }
        lines.push(format!("MATCH      {}", files::shown(path)));
        for matching in matches {
            let text = files::on_one_line(&match_text(matching));
            lines.push(format!("           {text}"));
        }
    }

    fn tell_interrupted(&self, sum: &Outcome) {
        let how = match self.resume {
            Some(_) => "the same command goes on from here",
            None => "with --resume FILE a scan can go on",
        };
        eprintln!("interrupted after {} files; {how}", sum.files);
    }

    fn print_summary(&self, lists: &Lists, sum: &Outcome, n_known: u64, took: Duration) {
        let Outcome {
            files,
            members,
            bytes,
            matched,
            unchecked,
            ..
        } = sum;
        let seconds = took.as_secs_f64();
        let rate = (files - n_known.min(*files)) as f64 / seconds.max(0.001);
        if self.json {
            let line = json!({
                "type": "summary",
                "hashes": lists.index.len(),
                "files": files,
                "members": members,
                "resumed": n_known,
                "bytes": bytes,
                "matched": matched,
                "unchecked": unchecked,
                "seconds": seconds,
            });
            println!("{line}");
            return;
        }
        let n_hashes = lists.index.len();
        println!(
            "{files} {}{} against {n_hashes} {} in {seconds:.1} s ({rate:.0} a second{}): \
             {matched} matched, {unchecked} could not be checked",
            if *files == 1 { "file" } else { "files" },
            if *members > 0 {
                format!(" and {members} in archives")
            } else {
                String::new()
            },
            if n_hashes == 1 { "hash" } else { "hashes" },
            if n_known > 0 {
                format!(", {n_known} were done before")
            } else {
                String::new()
            },
        );
    }
}

/// A bar with rate and time left on a terminal, once the files are counted, and nothing elsewhere.
fn progress(paths: &[PathBuf]) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = |template| ProgressStyle::with_template(template).expect("the template is right");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(style(
        "{human_pos} of {human_len} or more files  {per_sec}  {msg}",
    ));
    bar.enable_steady_tick(Duration::from_millis(200));

    let counted = style("{wide_bar} {human_pos}/{human_len} files  {per_sec}  {eta} left  {msg}");
    let (paths, counting) = (paths.to_vec(), bar.downgrade());
    tokio::task::spawn_blocking(move || {
        walk::count(&paths, |n_files, is_all| {
            let Some(bar) = counting.upgrade() else {
                return false;
            };
            bar.set_length(n_files);
            if is_all {
                bar.set_style(counted.clone());
            }
            true
        });
    });
    bar
}

/// Ends when the command is to end, and says with which exit code.
fn interruption() -> io::Result<impl Future<Output = u8>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        let kind = tokio::select! {
            _ = interrupt.recv() => SignalKind::interrupt(),
            _ = terminate.recv() => SignalKind::terminate(),
        };
        128 + kind.as_raw_value() as u8
    })
}
