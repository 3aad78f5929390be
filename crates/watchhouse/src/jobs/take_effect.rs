//! Has a decision take effect when it can no longer be undone.

use serde::{Deserialize, Serialize};

use super::{Job, Outcome, enqueue};
use crate::app::App;
use crate::clock::Timestamp;
use crate::decisions;
use crate::id::DecisionId;
use crate::store::{Result, Tx};

#[derive(Serialize, Deserialize)]
pub struct TakeEffect {
    decision: DecisionId,
}

impl TakeEffect {
    pub async fn enqueue(tx: &mut Tx, decision: &DecisionId, at: Timestamp) -> Result<()> {
        let decision = decision.clone();
        enqueue(tx, &TakeEffect { decision }, at).await?;
        Ok(())
    }
}

impl Job for TakeEffect {
    const NAME: &'static str = "take_effect";
    const TRIES: u32 = 50;

    async fn run(&self, app: &App) -> anyhow::Result<Outcome> {
        let mut tx = app.store.begin().await?;
        decisions::take_effect(&mut tx, app, &self.decision).await?;
        Ok(Outcome::Done(tx))
    }
}
