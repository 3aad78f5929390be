//! The bank files of a scan in memory, and how what a file is and shows meets them.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use watchhouse_match::vpdq::compare;
use watchhouse_match::{
    BankId, EntryId, Frame, Hash, HashKind, Hit, Index, PdqHash, Refused, Share, Shares, Transform,
    Variant, VideoHash,
};

use crate::cli::files::Looked;
use crate::sandbox::Media;

/// The names that a file has which is a known video's vPDQ and not a list.
const OF_A_VIDEO: [&str; 2] = [".vpdq.txt", ".vpdq.json"];

/// The lists, and what each entry of the index stands for.
pub(super) struct Lists {
    pub(super) index: Index,
    pub(super) banks: Vec<PathBuf>,
    pub(super) entries: Vec<Entry>,
    /// Those of the index that are videos: how much of one a file has is told in full.
    pub(super) videos: HashMap<EntryId, VideoHash>,
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
    /// None for a digest of the whole file, and for a video as a whole.
    pub(super) frame: Option<&'a Frame>,
    /// When the frame of a video is shown.
    pub(super) timestamp_ms: Option<u64>,
    /// Of a video.
    pub(super) shares: Option<Shares>,
}

impl Lists {
    /// Whether a bank file is a video's, by its name.
    pub(super) fn is_video(file: &Path) -> bool {
        let name = file.to_string_lossy();
        OF_A_VIDEO.iter().any(|ending| name.ends_with(ending))
    }

    /// Reads a known video's vPDQ.
    pub(super) fn add_video(&mut self, bank: BankId, file: &Path) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("opening the bank file \"{}\"", file.display()))?;
        let reading = || format!("reading \"{}\"", file.display());
        let hash = Hash::parse(HashKind::Vpdq, &text).with_context(reading)?;
        self.entries.push(Entry {
            line: 1,
            source: None,
            external_id: None,
            category: None,
        });
        self.insert(bank, &hash).with_context(reading)?;
        self.digest.update(Sha256::digest(text));
        Ok(())
    }

    /// Lists a hash of the last entry.
    pub(super) fn insert(&mut self, bank: BankId, hash: &Hash) -> Result<(), Refused> {
        // Several hashes of one record share its line; the index wants a name for each.
        let id = EntryId(((self.entries.len() as u64 - 1) << 3) | hash.kind() as u64);
        self.index.insert(id, bank, hash)?;
        if let Hash::Vpdq(video) = hash {
            self.videos.insert(id, video.clone());
        }
        Ok(())
    }

    /// Every listed hash that the file meets, closest first; of several hits of one entry the closest.
    pub(super) fn meet<'a>(&'a self, looked: &'a Looked, turned: bool) -> Vec<Match<'a>> {
        let mut matches = Vec::new();
        let mut hits = Vec::new();
        for digest in looked.digests.iter().flat_map(|digests| digests.hashes()) {
            self.index.lookup(&digest, &mut hits);
        }
        matches.extend(
            hits.drain(..)
                .map(|hit| self.explain(hit, Transform::Original, None)),
        );

        if let Ok(Media::Video(video)) = &looked.inspection {
            let upload = Hash::Vpdq(VideoHash::from(&video.vpdq));
            self.index.lookup(&upload, &mut hits);
            for hit in hits.drain(..) {
                let known = self.videos[&hit.entry].vpdq();
                let settings = self.index.bank(hit.bank).unwrap_or_default();
                let shares = compare(&known, &video.vpdq, settings.threshold);
                matches.push(Match {
                    shares: Some(shares),
                    ..self.explain(hit, Transform::Original, None)
                });
            }
        }

        let frames = looked.inspection.iter().flat_map(Media::frames);
        let ways = if turned { Transform::ALL.len() } else { 1 };
        for frame in frames {
            let pictures: &[PdqHash] = &frame.dihedrals[..ways];
            let mut hits = Vec::new();
            self.index.lookup_many(pictures, &mut hits);
            matches.extend(
                hits.into_iter()
                    .map(|(way, hit)| self.explain(hit, Transform::ALL[way], Some(frame))),
            );
        }
        matches.sort_by_key(|matching| (matching.hit.entry, matching.hit.distance));
        matches.dedup_by_key(|matching| matching.hit.entry);
        matches.sort_by_key(|matching| (matching.hit.distance, matching.hit.entry));
        if let Ok(media) = &looked.inspection {
            for matching in &mut matches {
                let frame = matching.frame;
                matching.timestamp_ms = frame.and_then(|frame| media.timestamp_ms(frame.index));
            }
        }
        matches
    }

    fn explain<'a>(
        &'a self,
        hit: Hit,
        transform: Transform,
        frame: Option<&'a Frame>,
    ) -> Match<'a> {
        Match {
            hit,
            bank: &self.banks[hit.bank.0 as usize],
            entry: &self.entries[(hit.entry.0 >> 3) as usize],
            transform,
            frame,
            timestamp_ms: None,
            shares: None,
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
        shares,
    } = matching;
    let mut text = match (shares, frame) {
        (Some(shares), _) => shares_text(shares),
        (None, None) => format!("{} equal", hit.kind.as_str()),
        (None, Some(_)) => format!(
            "{} distance {} of at most {}",
            hit.kind.as_str(),
            hit.distance,
            hit.threshold
        ),
    };
    if *transform != Transform::Original {
        text.push_str(&format!(", turned ({})", transform.as_str()));
    }
    if let Some(frame) = frame {
        if frame.variant != Variant::AsStored {
            text.push_str(&format!(", {}", frame.variant));
        }
        if frame.index > 0 || timestamp_ms.is_some() {
            text.push_str(&format!(", frame {}", frame.index));
        }
        if let Some(timestamp_ms) = timestamp_ms {
            text.push_str(&format!(" at {:.3} s", *timestamp_ms as f64 / 1_000.0));
        }
        text.push_str(&format!(", quality {}", frame.pdq.quality));
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
        shares,
    } = matching;
    let mut line = json!({
        "kind": hit.kind.as_str(),
        "distance": hit.distance,
        "threshold": hit.threshold,
        "transform": transform.as_str(),
        "frame": frame.map(|frame| frame.index),
        "variant": frame.map(|frame| frame.variant.as_str()),
        "quality": frame.map(|frame| frame.pdq.quality),
        "bank": bank.to_string_lossy(),
        "line": entry.line,
        "source": entry.source,
        "id": entry.external_id,
        "category": entry.category,
    });
    if let Some(timestamp_ms) = timestamp_ms {
        line["timestamp_ms"] = json!(timestamp_ms);
    }
    if let Some(shares) = shares {
        line["of_known"] = share_json(&shares.of_known);
        line["of_upload"] = share_json(&shares.of_upload);
    }
    line
}

fn shares_text(shares: &Shares) -> String {
    format!(
        "vpdq {} of the known video and {} of this one",
        share_text(&shares.of_known),
        share_text(&shares.of_upload)
    )
}

fn share_text(share: &Share) -> String {
    let Share { n_met, n_frames } = share;
    format!("{:.0} % ({n_met} of {n_frames} frames)", share.percent())
}

fn share_json(share: &Share) -> Value {
    json!({ "percent": share.percent(), "met": share.n_met, "frames": share.n_frames })
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
