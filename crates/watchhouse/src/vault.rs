//! The vault: sealed copies of media, written before anyone is told a verdict.
//!
//! First form: evidence is captured and sealed to this installation's identity. Bytes are written and
//! synced before the row that names them, so a row never points at nothing; bytes without a row are
//! what a crash between the two leaves, and the job `forget_blob` takes them away.

use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path as BlobPath;
use object_store::{ObjectStoreExt as _, PutPayload};

use crate::id::{EvidenceId, Name as _};
use crate::secrets::Secrets;

pub struct Vault {
    blobs: LocalFileSystem,
    secrets: Secrets,
}

impl Vault {
    pub fn open(directory: &Path, secrets: Secrets) -> anyhow::Result<Vault> {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("making the directory \"{}\"", directory.display()))?;
        let blobs = LocalFileSystem::new_with_prefix(directory)
            .with_context(|| format!("opening the directory \"{}\"", directory.display()))?
            .with_fsync(true);
        Ok(Vault { blobs, secrets })
    }

    /// Seals `media` and keeps it durably. Returns where.
    pub async fn keep(&self, id: &EvidenceId, media: Bytes) -> anyhow::Result<String> {
        let secrets = self.secrets.clone();
        let sealed = tokio::task::spawn_blocking(move || secrets.seal(&media))
            .await
            .context("sealing evidence")??;
        let name = Vault::blob_of(id);
        self.blobs
            .put(&BlobPath::from(name.as_str()), PutPayload::from(sealed))
            .await
            .context("writing sealed evidence")?;
        Ok(name)
    }

    /// Where a sealed copy lies.
    pub fn blob_of(id: &EvidenceId) -> String {
        format!("evidence/{}.age", id.as_str())
    }

    /// Forgets bytes whose row was never written. False if they are not there.
    pub async fn forget(&self, name: &str) -> anyhow::Result<bool> {
        match self.blobs.delete(&BlobPath::from(name)).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error).context("deleting sealed evidence"),
        }
    }
}
