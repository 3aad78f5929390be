//! Forgets sessions a month after they could hold at the latest: they say where people were.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Job, Outcome};
use crate::app::App;
use crate::clock::earlier;

const KEPT_FOR: Duration = Duration::from_hours(30 * 24);

#[derive(Serialize, Deserialize)]
pub struct ForgetSessions {}

impl Job for ForgetSessions {
    const NAME: &'static str = "forget_sessions";
    const TRIES: u32 = 3;

    async fn run(&self, app: &App) -> anyhow::Result<Outcome> {
        let mut tx = app.store.begin().await?;
        let before = earlier(tx.now, KEPT_FOR);
        tx.forget_sessions(before).await?;
        Ok(Outcome::Done(tx))
    }
}
