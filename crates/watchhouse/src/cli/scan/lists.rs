//! The bank files of a scan in memory, and how what a file is and shows meets them.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use watchhouse_match::{Frame, Hit, Index, PdqHash, Transform};

use super::Scan;
use super::known_video::{KnownVideo, VideoMatch};
use crate::cli::files::Looked;
use crate::sandbox::Media;

/// The lists, and what each entry of the index stands for.
pub(super) struct Lists {
    pub(super) index: Index,
    pub(super) banks: Vec<PathBuf>,
    pub(super) entries: Vec<Entry>,
    pub(super) videos: Vec<KnownVideo>,
    /// Of the bank files' digests.
    pub(super) digest: Sha256,
}

pub(super) struct Entry {
    pub(super) line: u64,
    pub(super) source: Option<Box<str>>,
    pub(super) external_id: Option<Box<str>>,
    pub(super) category: Option<Box<str>>,
}

/// A listed hash that a file meets.
pub(super) struct Match<'a> {
    pub(super) hit: Hit,
    pub(super) bank: &'a Path,
    pub(super) entry: &'a Entry,
    pub(super) transform: Transform,
    pub(super) frame: Option<u32>,
    /// When the frame of a video is shown.
    pub(super) timestamp_ms: Option<u64>,
    pub(super) quality: Option<u8>,
}

impl Lists {
    /// Reads a known video's vPDQ.
    pub(super) fn add_video(&mut self, file: &Path) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("opening the bank file \"{}\"", file.display()))?;
        self.videos.push(KnownVideo::parse(file, &text)?);
        self.digest.update(Sha256::digest(text));
        Ok(())
    }

    /// Every listed hash that the file meets, closest first; of several hits of one entry the closest.
    pub(super) fn meet(&self, looked: &Looked, turned: bool) -> Vec<Match<'_>> {
        let mut matches = Vec::new();
        let mut hits = Vec::new();
        for digest in looked.digests.iter().flat_map(|digests| digests.hashes()) {
            self.index.lookup(&digest, &mut hits);
        }
        matches.extend(
            hits.into_iter()
                .map(|hit| self.explain(hit, Transform::Original, None)),
        );

        let frames = looked.inspection.iter().flat_map(Media::frames);
        let ways = if turned { Transform::ALL.len() } else { 1 };
        for frame in frames {
            let pictures: &[PdqHash] = &frame.dihedrals[..ways];
            let mut hits = Vec::new();
            self.index.lookup_many(pictures, &mut hits);
            let seen = Some(frame);
            matches.extend(
                hits.into_iter()
                    .map(|(way, hit)| self.explain(hit, Transform::ALL[way], seen)),
            );
        }
        matches.sort_by_key(|matching| (matching.hit.entry, matching.hit.distance));
        matches.dedup_by_key(|matching| matching.hit.entry);
        matches.sort_by_key(|matching| (matching.hit.distance, matching.hit.entry));
        if let Ok(media) = &looked.inspection {
            for matching in &mut matches {
                let frame = matching.frame;
                matching.timestamp_ms = frame.and_then(|frame| media.timestamp_ms(frame));
            }
        }
        matches
    }

    /// The known videos that the file has enough in common with.
    pub(super) fn meet_videos(&self, looked: &Looked, scan: &Scan) -> Vec<VideoMatch<'_>> {
        let Ok(Media::Video(video)) = &looked.inspection else {
            return Vec::new();
        };
        let known = self.videos.iter();
        let compared = known.map(|known| known.compare(&video.vpdq, scan.threshold));
        compared
            .filter(|matching| matching.shares.reach(scan.of_known, scan.of_upload))
            .collect()
    }

    fn explain(&self, hit: Hit, transform: Transform, seen: Option<&Frame>) -> Match<'_> {
        Match {
            hit,
            bank: &self.banks[hit.bank.0 as usize],
            entry: &self.entries[(hit.entry.0 >> 3) as usize],
            transform,
            frame: seen.map(|frame| frame.index),
            timestamp_ms: None,
            quality: seen.map(|frame| frame.pdq.quality),
        }
    }
}

pub(super) fn match_text(matching: &Match<'_>) -> String {
    let Match {
        hit,
        bank,
        entry,
        transform,
        frame,
        timestamp_ms,
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
    if let Some(frame) = frame.filter(|frame| *frame > 0 || timestamp_ms.is_some()) {
        text.push_str(&format!(", frame {frame}"));
    }
    if let Some(timestamp_ms) = timestamp_ms {
        text.push_str(&format!(" at {:.3} s", *timestamp_ms as f64 / 1_000.0));
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

pub(super) fn match_json(matching: &Match<'_>) -> Value {
    let Match {
        hit,
        bank,
        entry,
        transform,
        frame,
        timestamp_ms,
        quality,
    } = matching;
    let mut line = json!({
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
    });
    if let Some(timestamp_ms) = timestamp_ms {
        line["timestamp_ms"] = json!(timestamp_ms);
    }
    line
}

/// A reader that digests what goes through it.
pub(super) struct Digesting<R> {
    pub(super) input: R,
    pub(super) digest: Sha256,
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.input.read(into)?;
        self.digest.update(&into[..n_bytes]);
        Ok(n_bytes)
    }
}

/// What a hash of the same record is told apart by fits into three bits.
const _: () = assert!(watchhouse_match::HashKind::NAMES.len() <= 8);
