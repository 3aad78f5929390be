//! Asking which lists ready hashes are on: a question that changes nothing and leaves nothing behind.
//!
//! It MUST NOT stand for a scan: nothing is judged, and because nothing is remembered, what is listed
//! tomorrow does not find what was asked about today.

use std::collections::HashMap;

use watchhouse_match::{BankId as BankNumber, Hash, Hit};

use crate::app::App;
use crate::matcher::NotReady;
use crate::scan::{Banks, MATCHES_A_BANK};
use crate::store;
use crate::store::banks::Bank;
use crate::store::hashes::BankedHash;

/// So many are looked up where they arrive: a thread for them would take longer than they do.
const LOOKED_UP_HERE: usize = 4;

/// A listed hash that was met.
#[derive(Debug)]
pub struct Met {
    pub bank: Bank,
    pub hash: BankedHash,
    /// In bits; 0 for a digest.
    pub distance: u32,
    pub threshold: u32,
}

/// What one hash met.
#[derive(Debug, Default)]
pub struct Answer {
    /// Closest first; of each bank at most `MATCHES_A_BANK`.
    pub matches: Vec<Met>,
    /// How many more there are.
    pub more_matches: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    NotReady(#[from] NotReady),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("cannot look the hashes up: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// What each of these hashes meets, in their order. The database is asked about matches alone.
pub async fn look_up(app: &App, hashes: Vec<Hash>) -> Result<Vec<Answer>, Error> {
    // Asked first: an index that is ready after a look-up may not have been before.
    app.matcher.check_ready()?;
    let found = if hashes.len() <= LOOKED_UP_HERE {
        find(app, &hashes)
    } else {
        // Few at once, or long lists would keep scans from the threads that they need.
        let turn = app.lookup_turns.clone().acquire_owned().await;
        let turn = turn.expect("nobody closes these turns");
        let app = app.clone();
        let finding = tokio::task::spawn_blocking(move || {
            let found = find(&app, &hashes);
            drop(turn);
            found
        });
        finding.await?
    };
    Ok(explain(app, found).await?)
}

/// The hits of one hash that are told, and how many more there are.
#[derive(Default)]
struct Hits {
    told: Vec<Hit>,
    more: usize,
}

fn find(app: &App, hashes: &[Hash]) -> Vec<Hits> {
    let mut found: Vec<Hits> = hashes.iter().map(|_| Hits::default()).collect();
    let mut told: HashMap<(usize, BankNumber), usize> = HashMap::new();
    app.matcher.lookup_each(hashes, |query, hit| {
        let told = told.entry((query, hit.bank)).or_default();
        if *told < MATCHES_A_BANK {
            *told += 1;
            found[query].told.push(hit);
        } else {
            found[query].more += 1;
        }
    });
    found
}

/// What was removed or switched off since the look-up is no match any more.
async fn explain(app: &App, found: Vec<Hits>) -> store::Result<Vec<Answer>> {
    if found.iter().all(|hits| hits.told.is_empty()) {
        return Ok(found.iter().map(|_| Answer::default()).collect());
    }
    let mut tx = app.store.read().await?;
    let mut banks = Banks::default();
    let mut answers = Vec::with_capacity(found.len());
    for Hits { told, more } in found {
        let mut matches = Vec::with_capacity(told.len());
        for hit in told {
            if let Some((hash, bank)) = banks.listed(&mut tx, hit.entry.0).await? {
                matches.push(Met {
                    bank,
                    hash,
                    distance: hit.distance,
                    threshold: hit.threshold,
                });
            }
        }
        answers.push(Answer {
            matches,
            more_matches: more,
        });
    }
    Ok(answers)
}
