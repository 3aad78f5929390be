//! Forgets sealed bytes that no row names: those of a scan that was broken off before its commit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Job, Outcome, enqueue};
use crate::app::App;
use crate::clock::later;
use crate::id::{EvidenceId, JobId};
use crate::store::{Result, Tx};
use crate::vault::Vault;

/// Longer than any scan takes, by far: after it, a row that is not there will not come.
const DOUBT: Duration = Duration::from_hours(1);

/// Enqueued before the bytes are written, so that no stop between the two leaves bytes for ever; and
/// from this database alone, so that a server that was started on a wrong one forgets nothing.
#[derive(Serialize, Deserialize)]
pub struct ForgetBlob {
    evidence: EvidenceId,
}

impl ForgetBlob {
    pub async fn enqueue(tx: &mut Tx, evidence: EvidenceId) -> Result<JobId> {
        let at = later(tx.now, DOUBT);
        enqueue(tx, &ForgetBlob { evidence }, at).await
    }
}

impl Job for ForgetBlob {
    const NAME: &'static str = "forget_blob";
    const TRIES: u32 = 20;

    async fn run(&self, app: &App) -> anyhow::Result<Outcome> {
        let mut tx = app.store.read().await?;
        let is_named = tx.has_evidence(&self.evidence).await?;
        drop(tx);
        if !is_named && app.vault.forget(&Vault::blob_of(&self.evidence)).await? {
            tracing::warn!(
                "the sealed copy {} of a scan that was broken off was deleted",
                self.evidence
            );
        }
        Ok(Outcome::Done(app.store.begin().await?))
    }
}
