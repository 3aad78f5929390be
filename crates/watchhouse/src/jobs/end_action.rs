//! Ends an action whose time is over, unless something has lifted it before.

use serde::{Deserialize, Serialize};

use super::{Job, Outcome, enqueue};
use crate::app::App;
use crate::clock::Timestamp;
use crate::decisions;
use crate::id::ActionId;
use crate::store::ledger::Actor;
use crate::store::{Result, Tx};

#[derive(Serialize, Deserialize)]
pub struct EndAction {
    action: ActionId,
}

impl EndAction {
    pub async fn enqueue(tx: &mut Tx, action: &ActionId, at: Timestamp) -> Result<()> {
        let action = action.clone();
        enqueue(tx, &EndAction { action }, at).await?;
        Ok(())
    }
}

impl Job for EndAction {
    const NAME: &'static str = "end_action";
    const TRIES: u32 = 50;

    async fn run(&self, app: &App) -> anyhow::Result<Outcome> {
        let mut tx = app.store.begin().await?;
        let Some(action) = tx.action(&self.action).await? else {
            return Ok(Outcome::Done(tx));
        };
        let (Some(lifting), Some(decision)) = (
            decisions::lifting(&action),
            tx.decision(&action.decision_id).await?,
        ) else {
            return Ok(Outcome::Done(tx));
        };
        if !tx.is_action_lifted(&action.id).await? {
            decisions::request(&mut tx, &Actor::System, &decision, lifting).await?;
        }
        Ok(Outcome::Done(tx))
    }
}
