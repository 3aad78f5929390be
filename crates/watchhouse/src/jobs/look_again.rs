//! Looks up once more what was scanned while the index was not ready: it was held, and now somebody can
//! be told what it is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Job, Outcome, enqueue};
use crate::app::App;
use crate::clock::later;
use crate::id::SightingId;
use crate::scan;
use crate::store::{Result, Tx};

/// There is one such job for each upload of the time in which the index was not ready, and they all wait:
/// long enough that their asking costs little.
const PAUSE: Duration = Duration::from_secs(30);

#[derive(Serialize, Deserialize)]
pub struct LookAgain {
    sighting: SightingId,
}

impl LookAgain {
    pub async fn enqueue(tx: &mut Tx, sighting: &SightingId) -> Result<()> {
        let sighting = sighting.clone();
        let now = tx.now;
        enqueue(tx, &LookAgain { sighting }, now).await?;
        Ok(())
    }
}

impl Job for LookAgain {
    const NAME: &'static str = "look_again";
    const TRIES: u32 = 20;

    async fn run(&self, app: &App) -> anyhow::Result<Outcome> {
        if app.matcher.check_ready().is_err() {
            return Ok(Outcome::NotYet(later(app.clock.now(), PAUSE)));
        }
        scan::look_again(app, &self.sighting).await?;
        Ok(Outcome::Done(app.store.begin().await?))
    }
}
