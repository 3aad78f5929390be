//! Finding out: digests, decoding, looking up, judging.

use bytes::Bytes;
use watchhouse_match::{Digests, Hash, PdqHash, Transform, Variant, VideoHash};

use super::explain::{DIGESTS, Query, explain};
use super::{Checked, NewMatch, Problem, SealedCopy, Upload, videos, writing};
use crate::app::App;
use crate::clock::Timestamp;
use crate::id::{EvidenceId, SightingId};
use crate::jobs::forget_blob::ForgetBlob;
use crate::matcher::Found;
use crate::rules::{
    AccountFacts, BankFacts, DEFAULT_QUEUE, Facts, HashFacts, ItemFacts, Judgement, MatchFacts,
    MediaFacts, Verdict,
};
use crate::sandbox::Media;
use crate::store::cases::CaseReason;
use crate::store::items::NewItem;
use crate::store::sightings::{SeenFrame, Sighting};

/// Where a person looks at what could not be checked.
pub const UNCHECKED_QUEUE: &str = "unchecked";
pub const UNCHECKED_PRIORITY: u32 = 40;

/// The problem of media that was looked up while the index may have missed what is listed. It is looked up
/// again later.
pub(super) const INDEX_NOT_READY: &str = "index_not_ready";

/// Finds out everything about an upload. What the rules want preserved is sealed when this returns.
pub async fn check(app: &App, upload: Upload) -> anyhow::Result<Checked> {
    let Upload { item, media, links } = upload;
    let mut problems = Vec::new();
    let (digests, seen) = match &media {
        Some(media) => {
            let inspecting = app.sandbox.inspect(media.clone());
            let (digests, inspected) = tokio::join!(digest(media.clone()), inspecting);
            let seen = inspected.map_err(|refusal| {
                problems.push(Problem {
                    code: refusal.code.to_owned(),
                    text: refusal.message,
                });
            });
            (digests?, seen.ok())
        }
        None => (digest(Bytes::new()).await?, None),
    };

    let now = app.clock.now();
    let mut sighting = sighting_of(app, now, &item, &digests, &seen);
    sighting.has_media = media.is_some();
    sighting.size_bytes = media.as_ref().map_or(0, |media| media.len() as u64);

    // Asked first: an index that is ready after a look-up may not have been before. What it knows is found
    // all the same, and preserved while there is something to preserve.
    if let Err(reason) = app.matcher.check_ready() {
        problems.push(Problem {
            code: INDEX_NOT_READY.to_owned(),
            text: reason.to_string(),
        });
    }
    let (pictures, mut queries) = pictures(&seen, app.config.scan.turned);
    let video = videos::video_of(&sighting.frames);
    let mut found = look_up(app, digests.hashes(), pictures, video.clone()).await?;
    let written = writing::look_up(app, &item, links).await?;
    problems.extend(written.problem);
    sighting.url_keys = written.kept;
    for (hit, query) in written.found {
        let index = DIGESTS + queries.len();
        queries.push(query);
        found.push(Found { query: index, hit });
    }
    found.sort_by_key(|found| (found.hit.distance, found.hit.entry));
    let (matches, more_matches) = if found.is_empty() {
        (Vec::new(), 0)
    } else {
        explain(
            &mut app.store.read().await?,
            &found,
            &[],
            &queries,
            video.as_ref(),
        )
        .await?
    };

    let facts = match_facts(&item, media_facts(&sighting), &matches, now);
    let judgement = app.rules.judge(&facts);
    let evidence = match media.filter(|_| judgement.preserve) {
        Some(media) => Some(seal(app, media).await?),
        None => None,
    };
    let mut checked = judge(sighting, item, matches, judgement, problems);
    checked.more_matches = more_matches;
    checked.evidence = evidence;
    Ok(checked)
}

/// Puts matches, judgement and problems together: the verdict, its reasons, and where a person looks.
pub(super) fn judge(
    mut sighting: Sighting,
    item: NewItem,
    mut matches: Vec<NewMatch>,
    judgement: Judgement,
    problems: Vec<Problem>,
) -> Checked {
    let mut verdict = judgement.verdict;
    let mut queue = judgement.queue;
    let mut priority = u32::from(judgement.priority);
    let mut reasons = Vec::new();
    for fired in judgement.fired {
        let rule = (fired.rule, fired.version);
        let match_id = fired.match_idx.map(|index| {
            let matching = &mut matches[index];
            matching.rule.get_or_insert_with(|| rule.clone());
            matching.id.clone()
        });
        reasons.push(CaseReason {
            sighting_id: sighting.id.clone(),
            code: fired.cause.code().to_owned(),
            text: fired.reason,
            rule: Some(rule),
            match_id,
        });
    }
    if !problems.is_empty() {
        verdict = verdict.max(Verdict::Hold);
        priority = priority.max(UNCHECKED_PRIORITY);
        queue.get_or_insert_with(|| UNCHECKED_QUEUE.to_owned());
        sighting.problem = Some(problems[0].code.clone());
    }
    for problem in problems {
        reasons.push(CaseReason {
            sighting_id: sighting.id.clone(),
            code: problem.code,
            text: problem.text,
            rule: None,
            match_id: None,
        });
    }
    // Evidence belongs to a case, and a person looks at what is kept.
    if judgement.preserve {
        queue.get_or_insert_with(|| DEFAULT_QUEUE.to_owned());
    }
    sighting.verdict = verdict.as_str().to_owned();
    Checked {
        sighting,
        item,
        verdict,
        matches,
        more_matches: 0,
        reasons,
        queue,
        priority,
        evidence: None,
    }
}

/// Keeps a sealed copy. Should this scan be broken off before a row names it, it is forgotten.
async fn seal(app: &App, media: Bytes) -> anyhow::Result<SealedCopy> {
    let mut tx = app.store.begin().await?;
    let id: EvidenceId = tx.make();
    let forget = ForgetBlob::enqueue(&mut tx, id.clone()).await?;
    tx.commit().await?;
    let blob = app.vault.keep(&id, media).await?;
    Ok(SealedCopy { id, blob, forget })
}

async fn digest(media: Bytes) -> anyhow::Result<Digests> {
    Ok(tokio::task::spawn_blocking(move || Digests::of(&media)).await?)
}

fn sighting_of(
    app: &App,
    now: Timestamp,
    item: &NewItem,
    digests: &Digests,
    seen: &Option<Media>,
) -> Sighting {
    let frames = seen.iter().flat_map(Media::frames);
    let id: SightingId = app.ids.make(now);
    Sighting {
        id,
        scanned_at: now,
        item_external_id: item.external_id.clone(),
        item_kind: item.kind.clone(),
        account_external_id: item.account_external_id.clone(),
        surface: item.surface,
        verdict: String::new(),
        problem: None,
        has_media: true,
        sha256: digests.sha256,
        sha1: digests.sha1,
        md5: digests.md5,
        size_bytes: 0,
        format: seen.as_ref().map(|seen| seen.format().to_owned()),
        width: seen.as_ref().map(|seen| seen.size().0),
        height: seen.as_ref().map(|seen| seen.size().1),
        frames: frames
            .map(|frame| SeenFrame {
                frame: frame.index,
                variant: frame.variant.as_str().to_owned(),
                pdq: frame.pdq.hash.0,
                quality: u32::from(frame.pdq.quality),
                timestamp_ms: timestamp_ms(seen, frame.index),
            })
            .collect(),
        url_keys: Vec::new(),
    }
}

/// The pictures to look up: each frame in all its variants, and turned and mirrored if that is asked for.
fn pictures(seen: &Option<Media>, turned: bool) -> (Vec<PdqHash>, Vec<Query>) {
    let frames = seen.iter().flat_map(Media::frames);
    let ways = if turned { Transform::ALL.len() } else { 1 };
    frames
        .flat_map(|frame| {
            frame
                .dihedrals
                .iter()
                .zip(Transform::ALL)
                .take(ways)
                .map(|(hash, transform)| {
                    let quality = u32::from(frame.pdq.quality);
                    (
                        *hash,
                        Query {
                            frame: Some(frame.index),
                            variant: Some(frame.variant.as_str().to_owned()),
                            quality: Some(quality),
                            timestamp_ms: timestamp_ms(seen, frame.index),
                            transform,
                            place: None,
                        },
                    )
                })
        })
        .unzip()
}

fn timestamp_ms(seen: &Option<Media>, frame: u32) -> Option<u64> {
    seen.as_ref().and_then(|seen| seen.timestamp_ms(frame))
}

/// Looks hashes up in every bank, on a thread that may be kept busy.
pub(super) async fn look_up(
    app: &App,
    digests: [Hash; 3],
    pictures: Vec<PdqHash>,
    video: Option<VideoHash>,
) -> anyhow::Result<Vec<Found>> {
    let app = app.clone();
    let looking_up = tokio::task::spawn_blocking(move || {
        let mut found = app.matcher.lookup(&digests, &pictures);
        if let Some(video) = video {
            let known = app.matcher.read(|index| index.videos());
            found.extend(videos::meet(&known, &video));
        }
        found
    });
    Ok(looking_up.await?)
}

/// What the rules are told of the media.
pub(super) fn media_facts(sighting: &Sighting) -> MediaFacts {
    let is_as_stored = |frame: &&SeenFrame| frame.variant == Variant::AsStored.as_str();
    let n_frames = sighting.frames.iter().filter(is_as_stored).count();
    let best = sighting.frames.iter().map(|frame| frame.quality).max();
    MediaFacts {
        format: sighting.format.clone(),
        width: sighting.width,
        height: sighting.height,
        size_bytes: sighting.size_bytes,
        sha256: crate::hex::encode(&sighting.sha256),
        frames: u32::try_from(n_frames).unwrap_or(u32::MAX),
        quality: best.map(percent),
    }
}

/// PDQ's quality, which is 0 to 100.
pub(super) fn percent(quality: u32) -> u8 {
    u8::try_from(quality.min(100)).expect("100 fits")
}

/// What the rules are told.
pub(super) fn match_facts(
    item: &NewItem,
    media: MediaFacts,
    matches: &[NewMatch],
    now: Timestamp,
) -> Facts {
    let account = item
        .account_external_id
        .clone()
        .map(|external_id| AccountFacts { external_id });
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Facts {
        item: ItemFacts {
            external_id: item.external_id.clone(),
            kind: item.kind.clone(),
            surface: item.surface,
            text: item.text.clone(),
        },
        account,
        media,
        matches: matches
            .iter()
            .map(|matching| MatchFacts {
                kind: matching.hash.hash.kind(),
                distance: matching.distance,
                threshold: matching.threshold,
                transform: matching.transform,
                quality: matching.quality.map(percent),
                frame: matching.frame,
                bank: BankFacts {
                    id: matching.bank.id.to_string(),
                    name: matching.bank.name.clone(),
                    category: filled(&matching.bank.category),
                    owner: filled(&matching.bank.owner),
                },
                hash: HashFacts {
                    source: filled(&matching.hash.source),
                    external_id: matching.hash.external_id.clone(),
                    category: matching.hash.category.clone(),
                    age_days: age_in_days(matching.hash.added_at, now),
                },
            })
            .collect(),
    }
}

fn age_in_days(added_at: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(added_at).as_secs() / 86_400).unwrap_or(0)
}
