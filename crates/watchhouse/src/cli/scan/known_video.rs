//! A known video, in a file of its own, and how much of a scanned one it shares.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};
use watchhouse_match::vpdq::compare;
use watchhouse_match::{Share, Shares, Vpdq};

/// How the files are named.
const ENDINGS: [&str; 2] = [".vpdq.txt", ".vpdq.json"];

pub(super) struct KnownVideo {
    file: PathBuf,
    vpdq: Vpdq,
}

/// A known video, and what a scanned one has in common with it.
pub(super) struct VideoMatch<'k> {
    known: &'k KnownVideo,
    pub(super) shares: Shares,
}

impl KnownVideo {
    /// Whether a bank file is a video's, by its name.
    pub(super) fn is_named(file: &Path) -> bool {
        let name = file.to_string_lossy();
        ENDINGS.iter().any(|ending| name.ends_with(ending))
    }

    /// `text` is what the file holds.
    pub(super) fn parse(file: &Path, text: &str) -> anyhow::Result<KnownVideo> {
        let vpdq = Vpdq::parse(text).with_context(|| format!("reading \"{}\"", file.display()))?;
        Ok(KnownVideo {
            file: file.to_owned(),
            vpdq,
        })
    }

    pub(super) fn compare(&self, scanned: &Vpdq, distance: u32) -> VideoMatch<'_> {
        VideoMatch {
            known: self,
            shares: compare(&self.vpdq, scanned, distance),
        }
    }
}

impl VideoMatch<'_> {
    pub(super) fn text(&self) -> String {
        let Shares {
            of_known,
            of_upload,
        } = &self.shares;
        format!(
            "vpdq {} of the known video and {} of this one, bank {}",
            share_text(of_known),
            share_text(of_upload),
            self.known.file.display()
        )
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "kind": "vpdq",
            "of_known": share_json(&self.shares.of_known),
            "of_upload": share_json(&self.shares.of_upload),
            "bank": self.known.file.to_string_lossy(),
        })
    }
}

fn share_text(share: &Share) -> String {
    let Share { n_met, n_frames } = share;
    format!("{:.0} % ({n_met} of {n_frames} frames)", share.percent())
}

fn share_json(share: &Share) -> Value {
    json!({ "percent": share.percent(), "met": share.n_met, "frames": share.n_frames })
}
