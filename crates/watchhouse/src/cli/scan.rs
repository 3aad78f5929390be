//! `watchhouse scan`: files and folders against bank files, without a server.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]

use std::fs::File;
use std::io::{BufReader, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use watchhouse_match::{BankId, BankSettings, EntryId, Hit, Index, Limits, PdqHash, Transform};

use super::FAILED;
use super::files::{self, Looked, Problem};
use crate::bank_file::{Format, ReadError, Reader};

/// So many bad lines of a bank file are printed; all are counted.
const PRINTED_FAULTS: usize = 20;

/// The exit code when something matched.
const MATCHED: u8 = 1;

#[derive(Args)]
#[command(
    after_help = "Exit code: 0 nothing matched, 1 something matched, 2 something could not be \
                  checked (also when something else matched)"
)]
pub struct Scan {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// A file of hashes: plain (`pdq f8f8…` a line), CSV or JSON Lines, by its name's ending
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
    /// Use the good lines of a bank file that has bad ones
    #[arg(long)]
    skip_bad: bool,
    /// Print one JSON object a line, and a summary as the last
    #[arg(long)]
    json: bool,
    /// Decoding processes at work at once; one for each core if not given
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
}

/// The lists, and what each entry of the index stands for.
struct Lists {
    index: Index,
    banks: Vec<PathBuf>,
    entries: Vec<Entry>,
}

struct Entry {
    line: u64,
    source: Option<Box<str>>,
    external_id: Option<Box<str>>,
    category: Option<Box<str>>,
}

/// A listed hash that a file meets.
struct Match<'a> {
    hit: Hit,
    bank: &'a Path,
    entry: &'a Entry,
    transform: Transform,
    frame: Option<u32>,
    quality: Option<u8>,
}

#[derive(Default)]
struct Summary {
    n_files: u64,
    n_bytes: u64,
    n_matched: u64,
    n_unchecked: u64,
}

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
        };
        let mut is_sound = true;
        for (number, file) in (0..).zip(&self.banks) {
            let settings = BankSettings {
                threshold: self.threshold,
                is_enabled: true,
            };
            lists.index.set_bank(BankId(number), settings)?;
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
        let mut n_faults = 0;
        let mut n_good = 0;
        for record in Reader::new(format, BufReader::with_capacity(1 << 20, input)) {
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
                // Several hashes of one record share its line; the index wants a name for each.
                let id = EntryId(((lists.entries.len() as u64 - 1) << 3) | hash.kind() as u64);
                lists.index.insert(id, bank, hash)?;
                n_good += 1;
            }
        }
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
        let sandbox = files::sandbox(self.jobs)?;
        let limit = Limits::default().bytes;
        let (files, problems) = files::find(&self.paths);
        let progress = progress(files.len() as u64);
        let began = Instant::now();
        let mut summary = Summary::default();
        for (path, problem) in &problems {
            summary.n_unchecked += 1;
            self.print_unchecked(&progress, path, problem);
        }

        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let ahead = self.jobs.unwrap_or(cores).max(1) * 2;
        let mut looked = futures::stream::iter(files)
            .map(|path| files::look(&sandbox, path, limit))
            .buffered(ahead);
        while let Some(looked) = looked.next().await {
            let matches = lists.meet(&looked, !self.no_turned);
            summary.n_files += 1;
            summary.n_bytes += looked.size_bytes;
            if !matches.is_empty() {
                summary.n_matched += 1;
                self.print_matches(&progress, &looked, &matches);
            }
            if let Err(problem) = &looked.inspection {
                summary.n_unchecked += 1;
                self.print_unchecked(&progress, &looked.path, problem);
            }
            progress.inc(1);
        }
        progress.finish_and_clear();
        self.print_summary(lists, &summary, began.elapsed());
        sandbox.shutdown().await;
        Ok(match summary {
            Summary {
                n_unchecked: 1.., ..
            } => ExitCode::from(FAILED),
            Summary { n_matched: 1.., .. } => ExitCode::from(MATCHED),
            _ => ExitCode::SUCCESS,
        })
    }

    fn print_matches(&self, progress: &ProgressBar, looked: &Looked, matches: &[Match<'_>]) {
        progress.suspend(|| {
            if self.json {
                let matches: Vec<Value> = matches.iter().map(match_json).collect();
                let path = looked.path.to_string_lossy();
                println!(
                    "{}",
                    json!({ "type": "match", "path": path, "matches": matches })
                );
                return;
            }
            println!("MATCH      {}", files::shown(&looked.path));
            for matching in matches {
                println!("           {}", files::on_one_line(&match_text(matching)));
            }
        });
    }

    fn print_unchecked(&self, progress: &ProgressBar, path: &Path, problem: &Problem) {
        progress.suspend(|| {
            if self.json {
                let path = path.to_string_lossy();
                println!(
                    "{}",
                    json!({
                        "type": "unchecked",
                        "path": path,
                        "code": problem.code,
                        "message": problem.message,
                    })
                );
            } else {
                println!(
                    "UNCHECKED  {}: {} ({})",
                    files::shown(path),
                    files::on_one_line(&problem.message),
                    problem.code
                );
            }
        });
    }

    fn print_summary(&self, lists: &Lists, summary: &Summary, took: Duration) {
        let Summary {
            n_files,
            n_bytes,
            n_matched,
            n_unchecked,
        } = summary;
        let seconds = took.as_secs_f64();
        let rate = *n_files as f64 / seconds.max(0.001);
        if self.json {
            let line = json!({
                "type": "summary",
                "hashes": lists.index.len(),
                "files": n_files,
                "bytes": n_bytes,
                "matched": n_matched,
                "unchecked": n_unchecked,
                "seconds": seconds,
            });
            println!("{line}");
            return;
        }
        let n_hashes = lists.index.len();
        println!(
            "{n_files} {} against {n_hashes} {} in {seconds:.1} s ({rate:.0} a second): \
             {n_matched} matched, {n_unchecked} could not be checked",
            if *n_files == 1 { "file" } else { "files" },
            if n_hashes == 1 { "hash" } else { "hashes" },
        );
    }
}

impl Lists {
    /// Every listed hash that the file meets, closest first; of several hits of one entry the closest.
    fn meet(&self, looked: &Looked, turned: bool) -> Vec<Match<'_>> {
        let mut matches = Vec::new();
        let mut hits = Vec::new();
        for digest in looked.digests.iter().flat_map(|digests| digests.hashes()) {
            self.index.lookup(&digest, &mut hits);
        }
        matches.extend(
            hits.into_iter()
                .map(|hit| self.explain(hit, Transform::Original, None)),
        );

        let frames = looked
            .inspection
            .iter()
            .flat_map(|inspection| &inspection.frames);
        let ways = if turned { Transform::ALL.len() } else { 1 };
        for frame in frames {
            let pictures: &[PdqHash] = &frame.dihedrals[..ways];
            let mut hits = Vec::new();
            self.index.lookup_many(pictures, &mut hits);
            let seen = Some((frame.index, frame.pdq.quality));
            matches.extend(
                hits.into_iter()
                    .map(|(way, hit)| self.explain(hit, Transform::ALL[way], seen)),
            );
        }
        matches.sort_by_key(|matching| (matching.hit.entry, matching.hit.distance));
        matches.dedup_by_key(|matching| matching.hit.entry);
        matches.sort_by_key(|matching| (matching.hit.distance, matching.hit.entry));
        matches
    }

    fn explain(&self, hit: Hit, transform: Transform, seen: Option<(u32, u8)>) -> Match<'_> {
        Match {
            hit,
            bank: &self.banks[hit.bank.0 as usize],
            entry: &self.entries[(hit.entry.0 >> 3) as usize],
            transform,
            frame: seen.map(|(frame, _)| frame),
            quality: seen.map(|(_, quality)| quality),
        }
    }
}

fn match_text(matching: &Match<'_>) -> String {
    let Match {
        hit,
        bank,
        entry,
        transform,
        frame,
        quality,
    } = matching;
    let mut text = match frame {
        None => format!("{} equal", hit.kind.as_str()),
        Some(_) => format!(
            "{} distance {} of at most {}",
            hit.kind.as_str(),
            hit.distance,
            hit.threshold
        ),
    };
    if *transform != Transform::Original {
        text.push_str(&format!(", turned ({})", transform.as_str()));
    }
    if let Some(frame) = frame.filter(|frame| *frame > 0) {
        text.push_str(&format!(", frame {frame}"));
    }
    if let Some(quality) = quality {
        text.push_str(&format!(", quality {quality}"));
    }
    text.push_str(&format!(", bank {} line {}", bank.display(), entry.line));
    for (name, value) in [
        ("source", &entry.source),
        ("id", &entry.external_id),
        ("category", &entry.category),
    ] {
        if let Some(value) = value {
            text.push_str(&format!(", {name} {value}"));
        }
    }
    text
}

fn match_json(matching: &Match<'_>) -> Value {
    let Match {
        hit,
        bank,
        entry,
        transform,
        frame,
        quality,
    } = matching;
    json!({
        "kind": hit.kind.as_str(),
        "distance": hit.distance,
        "threshold": hit.threshold,
        "transform": transform.as_str(),
        "frame": frame,
        "quality": quality,
        "bank": bank.to_string_lossy(),
        "line": entry.line,
        "source": entry.source,
        "id": entry.external_id,
        "category": entry.category,
    })
}

/// A bar with rate and time left on a terminal, and nothing elsewhere.
fn progress(n_files: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{wide_bar} {human_pos}/{human_len} files  {per_sec}  {eta} left",
    )
    .expect("the template is right");
    let bar = ProgressBar::with_draw_target(Some(n_files), ProgressDrawTarget::stderr());
    bar.set_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// What a hash of the same record is told apart by fits into three bits.
const _: () = assert!((watchhouse_match::HashKind::Pdq as u64) < 8);
