//! What the tour must remember for its next start: the keys that are shown only once.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// Kept as `DIR/tour.json`, for nobody else to read.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Keep {
    /// May scan and report outcomes, and nothing else.
    pub(super) platform_key: String,
    pub(super) reviewer_key: String,
    pub(super) keeper_key: String,
    pub(super) auditor_key: String,
    pub(super) bank: String,
    pub(super) endpoint: String,
    pub(super) endpoint_url: String,
    pub(super) webhook_secret: String,
}

impl Keep {
    pub(super) fn read(dir: &Path) -> anyhow::Result<Option<Keep>> {
        let path = dir.join("tour.json");
        if !path.exists() {
            return Ok(None);
        }
        let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&bytes)
            .with_context(|| format!("understanding {}", path.display()))
            .map(Some)
    }

    pub(super) fn write(&self, dir: &Path) -> anyhow::Result<()> {
        write_secret(&dir.join("tour.json"), &serde_json::to_vec_pretty(self)?)
    }
}

/// The administrator's key: the one just told, else the one kept at the first start.
pub(super) fn admin_key(dir: &Path, told: Option<&str>) -> anyhow::Result<String> {
    let path = dir.join("admin.key");
    if let Some(key) = told {
        write_secret(&path, format!("{key}\n").as_bytes())?;
        return Ok(key.to_owned());
    }
    let key = fs::read_to_string(&path).with_context(|| {
        format!(
            "reading {}, which the first start wrote; without it, remove {} to start anew",
            path.display(),
            dir.display()
        )
    })?;
    Ok(key.trim().to_owned())
}

fn write_secret(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let write = || {
        let mut file = File::options()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}
