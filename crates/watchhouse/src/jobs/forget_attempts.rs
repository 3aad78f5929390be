//! Forgets idempotency keys after their time.

use serde::{Deserialize, Serialize};

use super::{Job, Outcome};
use crate::app::App;

#[derive(Serialize, Deserialize)]
pub struct ForgetAttempts {}

impl Job for ForgetAttempts {
    const NAME: &'static str = "forget_attempts";
    const TRIES: u32 = 3;

    async fn run(&self, app: &App) -> anyhow::Result<Outcome> {
        let mut tx = app.store.begin().await?;
        tx.forget_attempts().await?;
        Ok(Outcome::Done(tx))
    }
}
