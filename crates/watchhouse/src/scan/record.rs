//! Writing down: sighting, item, matches, case, evidence, ledger entry and jobs, in the caller's
//! transaction.

use serde_json::json;

use super::check::INDEX_NOT_READY;
use super::{Checked, Recorded};
use crate::hex;
use crate::id::Name as _;
use crate::jobs::look_again::LookAgain;
use crate::outbox::{self, Event};
use crate::store::cases::{CaseReason, Joined, Subject};
use crate::store::evidence::Evidence;
use crate::store::items::Item;
use crate::store::ledger::Actor;
use crate::store::matches::Match;
use crate::store::{Error, Result, Tx};

/// Writes what `check` found. The sighting's row MUST be there already when `is_past`, and is written
/// otherwise.
pub async fn record(
    tx: &mut Tx,
    actor: &Actor,
    checked: &Checked,
    is_past: bool,
) -> Result<Recorded> {
    if !is_past {
        tx.insert_sighting(&checked.sighting).await?;
        let is_unready = |reason: &CaseReason| reason.code == INDEX_NOT_READY;
        if checked.reasons.iter().any(is_unready) {
            LookAgain::enqueue(tx, &checked.sighting.id).await?;
        }
    }
    if checked.matches.is_empty() && checked.reasons.is_empty() {
        return Ok(Recorded::default());
    }

    let item = if is_past {
        // The platform may have said something newer of it since.
        tx.ensure_past_item(&checked.item).await?
    } else {
        tx.ensure_item(&checked.item).await?
    };
    let case = match &checked.queue {
        Some(queue) => Some(open_case(tx, checked, &item, queue).await?),
        None => None,
    };
    for matching in &checked.matches {
        let found = Match {
            id: matching.id.clone(),
            sighting_id: checked.sighting.id.clone(),
            item_id: item.id.clone(),
            case_id: case.as_ref().map(|case| case.id.clone()),
            hash_number: matching.hash.number,
            distance: matching.distance,
            threshold: matching.threshold,
            transform: matching.transform.as_str().to_owned(),
            frame: matching.frame,
            variant: matching.variant.clone(),
            quality: matching.quality,
            timestamp_ms: matching.timestamp_ms,
            shares: matching.shares,
            place: matching.place,
            rule: matching.rule.clone(),
            found_at: tx.now,
        };
        tx.insert_match(&found).await?;
    }
    record_scan(tx, actor, checked, &item, case.as_ref()).await?;
    if let Some(case) = &case {
        tx.add_case_reasons(&case.id, &checked.reasons).await?;
        announce_case(tx, checked, &item, case).await?;
        if let Some(copy) = &checked.evidence {
            if !tx.withdraw_job(&copy.forget).await? {
                // Much time has passed, or a clock was set: the bytes may be gone.
                let what = "the sealed copy was given up before the scan was done";
                return Err(Error::Unavailable(what.to_owned()));
            }
            let evidence = Evidence {
                id: copy.id.clone(),
                item_id: item.id.clone(),
                sighting_id: checked.sighting.id.clone(),
                case_id: case.id.clone(),
                sha256: checked.sighting.sha256,
                size_bytes: checked.sighting.size_bytes,
                blob: copy.blob.clone(),
                sealed_at: tx.now,
            };
            tx.insert_evidence(&evidence).await?;
            let details = json!({
                "evidence": evidence.id.as_str(),
                "case": case.id.as_str(),
                "sha256": hex::encode(&evidence.sha256),
                "size_bytes": evidence.size_bytes,
            });
            tx.record(&Actor::System, "evidence.sealed", details)
                .await?;
        }
    }
    Ok(Recorded {
        item: Some(item),
        case: case.map(|case| case.id),
    })
}

async fn open_case(tx: &mut Tx, checked: &Checked, item: &Item, queue: &str) -> Result<Joined> {
    let subject = Subject::Item(item.id.clone());
    let case = tx.ensure_case(&subject, queue, checked.priority).await?;
    if case.is_new {
        let details = json!({
            "case": case.id.as_str(),
            "item": item.id.as_str(),
            "queue": case.queue,
            "priority": case.priority,
        });
        tx.record(&Actor::System, "case.opened", details).await?;
    }
    for matching in &checked.matches {
        let categories = [
            Some(&matching.bank.category),
            matching.hash.category.as_ref(),
        ];
        for category in categories.into_iter().flatten() {
            if !category.is_empty() {
                tx.label_case(&case.id, category).await?;
            }
        }
    }
    Ok(case)
}

async fn record_scan(
    tx: &mut Tx,
    actor: &Actor,
    checked: &Checked,
    item: &Item,
    case: Option<&Joined>,
) -> Result<()> {
    let kind = if checked.matches.is_empty() {
        "scan.unmatched"
    } else {
        "scan.matched"
    };
    let matches: Vec<_> = checked
        .matches
        .iter()
        .map(|matching| {
            json!({
                "match": matching.id.as_str(),
                "bank": matching.bank.id.as_str(),
                "hash": matching.hash.number,
                "distance": matching.distance,
                "threshold": matching.threshold,
            })
        })
        .collect();
    let reasons: Vec<_> = checked
        .reasons
        .iter()
        .map(|reason| match &reason.rule {
            Some((rule, version)) => {
                json!({ "code": reason.code, "rule": rule, "version": version })
            }
            None => json!({ "code": reason.code }),
        })
        .collect();
    let details = json!({
        "scan": checked.sighting.id.as_str(),
        "item": item.id.as_str(),
        "item_external_id": item.external_id,
        "surface": item.surface.as_str(),
        "sha256": checked.sighting.has_media.then(|| hex::encode(&checked.sighting.sha256)),
        "verdict": checked.verdict.as_str(),
        "reasons": reasons,
        "matches": matches,
        "more_matches": checked.more_matches,
        "case": case.map(|case| case.id.as_str()),
        "case_version": case.map(|case| case.version),
    });
    tx.record(actor, kind, details).await?;
    Ok(())
}

async fn announce_case(tx: &mut Tx, checked: &Checked, item: &Item, case: &Joined) -> Result<()> {
    let account = match &item.account_id {
        Some(account) => tx.account(account).await?,
        None => None,
    };
    let data = json!({
        "case": case.id.as_str(),
        "version": case.version,
        "queue": case.queue,
        "priority": case.priority,
        "verdict": checked.verdict.as_str(),
        "item": outbox::item_json(item),
        "account": account.as_ref().map(outbox::account_json),
    });
    let event = if case.is_new {
        Event::CaseOpened
    } else {
        Event::CaseChanged
    };
    outbox::announce(tx, event, data).await
}
