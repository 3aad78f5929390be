//! The ledger: an append-only log of everything that was known and done, which outsiders can check.
//!
//! An entry is written in the transaction of what it tells of (`store::ledger::record`). The sequencer
//! here gives entries their places, grows the tree's tiles and signs a checkpoint, all in one
//! transaction: killed at any instant, there is the tree before or the tree after, and never two trees
//! of one size. The formats are C2SP's (tlog-tiles, tlog-checkpoint, signed-note), in the submodules,
//! which do no I/O.

pub mod bundle;
pub mod checkpoint;
pub mod edge;
pub mod entry;
pub mod merkle;
pub mod note;
pub mod path;
pub mod plan;
pub mod proof;
pub mod source;
pub mod tile;
pub mod tile_set;
pub mod verify;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::Notify;

use crate::app::App;
use crate::secrets::Secrets;
use crate::store::ledger::SignedCheckpoint;
use crate::store::{Store, Tx};
use bundle::push_entry;
use checkpoint::Checkpoint;
use edge::Edge;
use merkle::{NodeHash, leaf_hash};
use note::Signer;
use plan::Plan;
use tile::Tile;
use tile_set::TileSet;

/// The log's name and key.
pub struct Ledger {
    signer: Signer,
    /// Tells the sequencer that there are new entries.
    pub wake: Notify,
}

impl Ledger {
    /// Opens the log's key, or makes log and key at the first start. The empty tree is signed then, so
    /// that there is always a checkpoint.
    pub async fn open(tx: &mut Tx, secrets: &Secrets, public_url: &str) -> anyhow::Result<Ledger> {
        if let Some(ledger) = Ledger::reopen(tx, secrets).await? {
            return Ok(ledger);
        }
        let origin = match public_url.split_once("://") {
            Some((_, rest)) => format!("{}/api/v1/ledger", rest.trim_end_matches('/')),
            None => {
                let id: crate::id::EntryId = tx.make();
                format!(
                    "watchhouse.local/{}",
                    id.to_string().trim_start_matches("ent_").to_lowercase()
                )
            }
        };
        let signer = Signer::from_seed(&origin, &tx.random_bytes())
            .with_context(|| format!("naming the ledger \"{origin}\""))?;
        let sealed = secrets.seal(signer.secret_text().as_bytes())?;
        if !tx.put_meta("ledger_key", &sealed).await? {
            // Another node that starts for the first time was quicker.
            return Ledger::reopen(tx, secrets)
                .await?
                .context("the ledger's key was there and is gone");
        }
        let ledger = Ledger {
            signer,
            wake: Notify::new(),
        };
        ledger.sign(tx, &Edge::empty()).await?;
        Ok(ledger)
    }

    async fn reopen(tx: &mut Tx, secrets: &Secrets) -> anyhow::Result<Option<Ledger>> {
        let Some(sealed) = tx.meta("ledger_key").await? else {
            return Ok(None);
        };
        let key = secrets
            .unseal(&sealed)
            .context("opening the ledger's key")?;
        let text = String::from_utf8(key).context("reading the ledger's key")?;
        let signer = Signer::parse(&text).context("reading the ledger's key")?;
        Ok(Some(Ledger {
            signer,
            wake: Notify::new(),
        }))
    }

    /// The log's name: what its checkpoints begin with.
    pub fn origin(&self) -> &str {
        self.signer.verifier().name()
    }

    /// What others check the checkpoints with, in signed-note's text form.
    pub fn verifier_key(&self) -> String {
        self.signer.verifier().to_string()
    }

    async fn sign(&self, tx: &mut Tx, edge: &Edge) -> anyhow::Result<()> {
        let head = edge.head();
        let note = Checkpoint::new(self.origin(), head)
            .sign(&self.signer)
            .context("signing")?;
        let checkpoint = SignedCheckpoint {
            size: head.size,
            root: head.root,
            note: note.to_string(),
            signed_at: tx.now,
        };
        // The size is the primary key: a second, different tree of a size cannot be signed.
        tx.insert_checkpoint(&checkpoint).await?;
        Ok(())
    }

    /// Gives at most `batch` waiting entries their places and signs the tree that they make. Returns
    /// how many there were and the tree's size after.
    pub async fn integrate(&self, store: &Store, batch: u32) -> anyhow::Result<(usize, u64)> {
        // Mostly there is nothing, and then nobody's writing is held up.
        let mut tx = store.read().await?;
        let last = tx
            .last_checkpoint()
            .await?
            .context("the ledger has no checkpoint at all")?;
        if tx.waiting_entries(1).await?.is_empty() {
            return Ok((0, last.size));
        }
        drop(tx);
        let mut tx = store.begin().await?;
        tx.lock_sequencer().await?;
        let last = tx
            .last_checkpoint()
            .await?
            .context("the ledger has no checkpoint at all")?;
        let waiting = tx.waiting_entries(batch).await?;
        if waiting.is_empty() {
            return Ok((0, last.size));
        }
        let tiles = read_tiles(&mut tx, Edge::tiles(last.size)).await?;
        let mut edge = Edge::load(last.size, &tiles).context("reading the tree's edge")?;
        anyhow::ensure!(
            edge.root() == last.root,
            "the tree's tiles in the database do not give the root that was signed at size {}; \
             nothing is signed until this is looked into",
            last.size
        );
        let leaves: Vec<NodeHash> = waiting
            .iter()
            .map(|entry| leaf_hash(&entry.commitment))
            .collect();
        for (position, entry) in (last.size..).zip(&waiting) {
            tx.place_entry(&entry.id, position).await?;
        }
        for written in edge.append(&leaves) {
            tx.put_tile(written.tile.level, written.tile.index, &written.bytes)
                .await?;
        }
        self.sign(&mut tx, &edge).await?;
        tx.commit().await?;
        Ok((waiting.len(), edge.size()))
    }
}

/// Places entries as they come, until the stop. Every node runs this; the lock lets one work.
pub async fn sequence(app: App) {
    let pause = Duration::from_millis(app.config.ledger.interval_milliseconds);
    loop {
        let more = match app
            .ledger
            .integrate(&app.store, app.config.ledger.batch)
            .await
        {
            Ok((placed, size)) => {
                app.metrics.ledger_size.set(size);
                placed == app.config.ledger.batch as usize
            }
            Err(error) => {
                tracing::error!("the ledger cannot take entries: {error:#}");
                false
            }
        };
        if app.stop.is_cancelled() && !more {
            return;
        }
        if more {
            continue;
        }
        tokio::select! {
            // One more round after the stop, so that what was acknowledged is in the tree.
            () = app.stop.cancelled() => {}
            () = app.ledger.wake.notified() => {
                // Entries come in crowds; a short wait makes one checkpoint of many.
                tokio::select! {
                    () = app.stop.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
            () = tokio::time::sleep(pause * 5) => {}
        }
    }
}

/// The hashes of a plan, such as an inclusion proof, read off the tree.
pub async fn read_plan(tx: &mut Tx, plan: &Plan) -> anyhow::Result<Vec<NodeHash>> {
    let tiles: BTreeSet<Tile> = plan.tiles();
    let tiles = read_tiles(tx, tiles.into_iter()).await?;
    plan.hashes(&tiles).context("reading a proof off the tree")
}

/// An entry bundle: the commitments from `first` on, `width` of them, as tlog-tiles writes them.
pub async fn read_bundle(tx: &mut Tx, first: u64, width: u16) -> anyhow::Result<Option<Vec<u8>>> {
    let commitments = tx.commitments(first, first + u64::from(width)).await?;
    if commitments.len() != usize::from(width) {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(commitments.len() * 34);
    for commitment in &commitments {
        push_entry(&mut bytes, commitment).expect("a commitment is 32 bytes");
    }
    Ok(Some(bytes))
}

async fn read_tiles(tx: &mut Tx, tiles: impl Iterator<Item = Tile>) -> anyhow::Result<TileSet> {
    let mut set = TileSet::new();
    for tile in tiles {
        if let Some(bytes) = tx.tile(tile.level, tile.index).await? {
            set.insert(tile.level, tile.index, bytes);
        }
    }
    Ok(set)
}
