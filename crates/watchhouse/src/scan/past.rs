//! What is found in the past: a sighting that meets a hash which was not known when it was scanned.
//!
//! It becomes matches and a case, like an upload, but for what needs the media itself: nothing can be
//! preserved, and a picture is compared as it was and not turned. Of what was written only the addresses
//! can be looked up once more: texts are not kept.

use watchhouse_match::{PdqHash, Transform};

use super::explain::{Query, explain};
use super::{check, record, videos, writing};
use crate::app::App;
use crate::id::SightingId;
use crate::matcher::Found;
use crate::store::ledger::Actor;

/// Looks a sighting up once more, in every bank, and records what is new.
pub async fn look_again(app: &App, id: &SightingId) -> anyhow::Result<()> {
    let Some(sighting) = app.store.read().await?.sighting(id).await? else {
        return Ok(());
    };
    let frames = sighting.frames.iter();
    let pictures = frames.map(|frame| PdqHash(frame.pdq)).collect();
    let digests = sighting.digests().hashes();
    let video = videos::video_of(&sighting.frames);
    let mut found = check::look_up(app, digests, pictures, video).await?;
    let urls = app
        .matcher
        .read(|index| writing::meet(index, &sighting.url_keys));
    found.splice(..0, urls);
    record_past(app, id, found).await
}

/// Records what a sighting meets, in a transaction of its own, so that two searches at once wait for
/// each other and never in a circle. What was recorded before is not again: it may run twice.
///
/// `found` has the closest hits first; their queries are the digests and then the sighting's frames.
pub async fn record_past(app: &App, id: &SightingId, found: Vec<Found>) -> anyhow::Result<()> {
    let mut tx = app.store.begin().await?;
    tx.lock_sighting(id).await?;
    let Some(sighting) = tx.sighting(id).await? else {
        return Ok(());
    };
    let known = tx.matches_of_sighting(id).await?;
    let frames = sighting.frames.iter().map(|frame| Query {
        frame: Some(frame.frame),
        variant: Some(frame.variant.clone()),
        quality: Some(frame.quality),
        timestamp_ms: frame.timestamp_ms,
        transform: Transform::Original,
        place: None,
    });
    let queries: Vec<Query> = frames.collect();
    let video = videos::video_of(&sighting.frames);
    let explained = explain(&mut tx, &found, &known, &queries, video.as_ref()).await?;
    let (matches, more_matches) = explained;
    if matches.is_empty() {
        return Ok(());
    }
    let item = sighting.item();
    let facts = check::match_facts(&item, check::media_facts(&sighting), &matches, tx.now);
    let judgement = app.rules.judge(&facts);
    let mut checked = check::judge(sighting, item, matches, judgement, Vec::new());
    checked.more_matches = more_matches;
    record(&mut tx, &Actor::System, &checked, true).await?;
    tx.commit().await?;
    app.metrics.matches.inc_by(checked.matches.len() as u64);
    Ok(())
}
