//! Forgets checkpoints that were signed long ago: one is signed several times a second, and each says all
//! that those before it say.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Job, Outcome};
use crate::app::App;
use crate::clock::earlier;

/// Long enough to look into what happened yesterday.
const KEPT_FOR: Duration = Duration::from_hours(48);

#[derive(Serialize, Deserialize)]
pub struct ForgetCheckpoints {}

impl Job for ForgetCheckpoints {
    const NAME: &'static str = "forget_checkpoints";
    const TRIES: u32 = 3;

    async fn run(&self, app: &App) -> anyhow::Result<Outcome> {
        let mut tx = app.store.begin().await?;
        let before = earlier(tx.now, KEPT_FOR);
        tx.forget_checkpoints(before).await?;
        Ok(Outcome::Done(tx))
    }
}
