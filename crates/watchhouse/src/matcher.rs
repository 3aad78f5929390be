//! The index in memory, and how it keeps up with the banks.
//!
//! Every change of a bank or a hash carries a number from one counter whose row is locked until its
//! transaction commits, so numbers become visible in order. `catch_up` reads everything after the last
//! number that it has seen: after a commit of our own at once, and on a timetable for other nodes'.
//!
//! What is new is found at once, by comparing with all of it; `compact` sorts it in among the rest beside
//! the lookups and the changes.
//!
//! What it knows is saved on disk now and then, see `snapshot`, so that a start need not read every hash.
//!
//! It MUST NOT pass for ready when it has not kept up: what was listed meanwhile would be waved through.

mod snapshot;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::TryStreamExt as _;
use tokio::sync::{Notify, OwnedMutexGuard};
use watchhouse_match::{
    BankId as BankNumber, BankSettings, EntryId, Hash, Hit, Index, PdqHash, Refused,
};

use crate::clock::Timestamp;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::store::banks::Bank;
use crate::store::hashes::IndexedHash;
use snapshot::{Mark, Snapshots};

/// Hashes put into the index while lookups wait: a fraction of a millisecond.
const STRIDE: usize = 1_024;

/// Pictures looked up while a change waits: one pass over the index.
const PICTURES_A_PASS: usize = 8;

/// The index and how far it has come.
pub struct Matcher {
    index: Arc<RwLock<Index>>,
    /// The last number that the index knows. Whoever catches up holds it.
    seen: Arc<tokio::sync::Mutex<u64>>,
    /// When the index knew everything that was committed. Of this process, so that it survives no start
    /// and no step of the clock.
    fresh_at: Mutex<Option<Instant>>,
    max_lag: Duration,
    /// Wakes whoever compacts.
    changed: Notify,
    snapshots: Arc<Snapshots>,
    /// No more often than this is the index saved while it runs; never if this is zero.
    save_pause: Duration,
    /// Whoever saves holds it.
    saved: tokio::sync::Mutex<Saved>,
    /// Whether it took every hash. One that is refused is to be read again by the next start, whose
    /// version may know it.
    is_complete: AtomicBool,
}

/// What is on disk.
#[derive(Default)]
struct Saved {
    mark: Option<Mark>,
    /// When it was saved, or loaded, by this process.
    at: Option<Instant>,
}

/// Why lookups may miss what is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    #[error("the lists are still being loaded")]
    Loading,
    #[error("the lists are stale: for {seconds} s their changes could not be read")]
    Stale { seconds: u64 },
    #[error("the index is broken, see the log; start the server anew")]
    Broken,
}

/// A hit of one of a media's hashes.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which of the hashes that were asked for.
    pub query: usize,
    pub hit: Hit,
}

impl Matcher {
    /// An empty index, which is not ready. Once it was, it is for `banks.max_lag_seconds` after it last
    /// caught up.
    pub fn new(config: &Config) -> Matcher {
        Matcher {
            index: Arc::default(),
            seen: Arc::default(),
            fresh_at: Mutex::default(),
            max_lag: Duration::from_secs(config.banks.max_lag_seconds),
            changed: Notify::new(),
            snapshots: Arc::new(Snapshots::new(&config.data_dir)),
            save_pause: Duration::from_secs(config.banks.snapshot_minutes * 60),
            saved: tokio::sync::Mutex::default(),
            is_complete: AtomicBool::new(true),
        }
    }

    /// Whether lookups know every list, but for what was changed within the lag that is allowed.
    pub fn check_ready(&self) -> Result<(), NotReady> {
        if self.index.is_poisoned() {
            return Err(NotReady::Broken);
        }
        let fresh_at = *self.fresh_at.lock().expect("no holder of this lock panics");
        let lag = fresh_at.ok_or(NotReady::Loading)?.elapsed();
        if lag > self.max_lag {
            let seconds = lag.as_secs();
            return Err(NotReady::Stale { seconds });
        }
        Ok(())
    }

    /// Follows every change of banks that was committed before this call.
    pub async fn catch_up(&self, store: &Store, metrics: &Metrics) -> anyhow::Result<()> {
        let mut seen = Arc::clone(&self.seen).lock_owned().await;
        let began = Instant::now();
        let mut tx = store.read().await?;
        let (since, until) = (*seen, tx.last_number().await?);
        if until > since {
            let banks = tx.banks_changed(since, until).await?;
            let set;
            (seen, set) = self.change(seen, |index| set_banks(index, banks)).await?;
            set.context("changing a bank in the index")?;
            let removed = tx.hashes_removed(since, until).await?;
            for numbers in removed.chunks(STRIDE).map(<[u64]>::to_vec) {
                (seen, _) = self.change(seen, |index| remove(index, numbers)).await?;
            }
            let mut added = tx.hashes_added(since, until).try_chunks(STRIDE);
            while let Some(hashes) = added.try_next().await.context("reading new hashes")? {
                let n_refused;
                (seen, n_refused) = self.change(seen, |index| insert(index, hashes)).await?;
                metrics.unindexed_hashes.inc_by(n_refused);
                self.is_complete
                    .fetch_and(n_refused == 0, Ordering::Relaxed);
            }
            drop(added);
            let size;
            (seen, size) = self.change(seen, |index| size_of(index)).await?;
            size.show(metrics);
            *seen = until;
            self.changed.notify_one();
        }
        *self.fresh_at.lock().expect("no holder of this lock panics") = Some(began);
        Ok(())
    }

    /// Waits for changes of the index, and then does what makes lookups faster and memory less: seconds
    /// of work for millions of hashes, during which lookups and changes go on. Answers whether there was
    /// anything to do. One task calls this.
    pub async fn compact(&self, metrics: &Metrics) -> anyhow::Result<bool> {
        self.changed.notified().await;
        let mut has_compacted = false;
        loop {
            let index = Arc::clone(&self.index);
            let compacted = tokio::task::spawn_blocking(move || {
                let lock = || index.write().expect("no holder of this lock panics");
                let compaction = lock().compaction()?;
                let compacted = compaction.run();
                let superseded = lock().install(compacted);
                drop(superseded);
                Some(lock().memory_bytes())
            });
            let Some(memory_bytes) = compacted.await.context("compacting the index")? else {
                return Ok(has_compacted);
            };
            has_compacted = true;
            metrics.index_compactions.inc();
            metrics.index_bytes.set(memory_bytes as u64);
        }
    }

    /// Takes the index from disk, if it was saved for this database and nothing is known yet. Follows with
    /// `catch_up`.
    pub async fn load(&self, store: &Store, metrics: &Metrics) -> anyhow::Result<()> {
        let mut saved = self.saved.lock().await;
        let mut seen = Arc::clone(&self.seen).lock_owned().await;
        if self.save_pause.is_zero() || *seen > 0 {
            return Ok(());
        }
        let began = Instant::now();
        let Some((mark, file)) = self.snapshots.open()? else {
            return Ok(());
        };
        let mut tx = store.read().await?;
        anyhow::ensure!(
            mark.is_known(&mut tx).await?,
            "it was saved for another database, or for this one at another time"
        );
        drop(tx);
        let saved_at = file.metadata()?.modified()?;
        let loaded = tokio::task::spawn_blocking(|| Snapshots::read(file));
        let loaded = loaded.await.context("loading it")??;
        let size;
        (seen, size) = self
            .change(seen, |index| {
                *index = loaded;
                size_of(index)
            })
            .await?;
        *seen = mark.number;
        *saved = Saved {
            mark: Some(mark),
            at: Some(began),
        };
        size.show(metrics);
        let seconds = began.elapsed().as_secs_f64();
        metrics.index_load_seconds.set(seconds);
        let since_1970 = saved_at.duration_since(std::time::UNIX_EPOCH);
        let since_1970 = since_1970.map_or(0, |time| time.as_secs());
        metrics.index_snapshot_time.set(since_1970);
        let n_hashes = size.n_hashes;
        tracing::info!("loaded the saved index of {n_hashes} hashes in {seconds:.3} s");
        self.changed.notify_one();
        Ok(())
    }

    /// Whether saving is worth while: not if it was done a moment ago.
    pub async fn is_save_due(&self) -> bool {
        let at = self.saved.lock().await.at;
        !self.save_pause.is_zero() && at.is_none_or(|at| at.elapsed() >= self.save_pause)
    }

    /// Saves the index on disk, if it knows anything that the last snapshot does not. Lookups and changes
    /// go on. The token names the snapshot, and no other ever.
    pub async fn save(
        &self,
        store: &Store,
        metrics: &Metrics,
        token: [u8; 16],
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let mut saved = self.saved.lock().await;
        let seen = Arc::clone(&self.seen).lock_owned().await;
        let number = *seen;
        let is_new = saved.mark.is_none_or(|mark| mark.number != number);
        let is_complete = self.is_complete.load(Ordering::Relaxed);
        if self.save_pause.is_zero() || number == 0 || !is_new || !is_complete {
            return Ok(());
        }
        let mark = Mark { token, number };
        let (index, snapshots) = (Arc::clone(&self.index), Arc::clone(&self.snapshots));
        let written = tokio::task::spawn_blocking(move || {
            let index = index.read().expect("no holder of this lock panics");
            let snapshot = index.snapshot();
            drop(index);
            drop(seen);
            snapshots.write(mark, &snapshot)
        });
        let written = written.await.context("saving the index")??;
        mark.announce(store).await?;
        self.snapshots.put(&written)?;
        let before = saved.mark.replace(mark);
        saved.at = Some(Instant::now());
        metrics
            .index_snapshot_time
            .set(now.as_second().max(0).cast_unsigned());
        if let Some(before) = before {
            before.withdraw(store).await?;
        }
        Ok(())
    }

    /// Changes the index, on a thread that lookups may keep waiting. The turn goes along: when a caller
    /// goes away in the middle, nobody else begins before its change is made.
    async fn change<T: Send + 'static>(
        &self,
        turn: OwnedMutexGuard<u64>,
        change: impl FnOnce(&mut Index) -> T + Send + 'static,
    ) -> anyhow::Result<(OwnedMutexGuard<u64>, T)> {
        let index = Arc::clone(&self.index);
        let changed = tokio::task::spawn_blocking(move || {
            let mut index = index.write().expect("no holder of this lock panics");
            (turn, change(&mut index))
        });
        changed.await.context("changing the index")
    }

    /// Asks the index, while changes wait. Runs on the caller's thread.
    pub fn read<T>(&self, ask: impl FnOnce(&Index) -> T) -> T {
        ask(&self.index.read().expect("no holder of this lock panics"))
    }

    /// Every hit of these digests and pictures. Of several hits on one bank's entry by one media, the
    /// closest. Runs on the caller's thread: call it from one that may be kept busy.
    pub fn lookup(&self, digests: &[Hash], pictures: &[PdqHash]) -> Vec<Found> {
        let mut closest = Closest::default();
        let mut hits = Vec::new();
        let index = self.index.read().expect("no holder of this lock panics");
        for (query, digest) in digests.iter().enumerate() {
            index.lookup(digest, &mut hits);
            for hit in hits.drain(..) {
                closest.add(Found { query, hit });
            }
        }
        drop(index);
        // A long animation must not keep a change waiting, and behind it every other lookup.
        for (pass, pictures) in pictures.chunks(PICTURES_A_PASS).enumerate() {
            let first = digests.len() + pass * PICTURES_A_PASS;
            let index = self.index.read().expect("no holder of this lock panics");
            closest.look_up(&index, pictures, first);
        }
        closest.found()
    }

    /// Calls `met` with the index of each hash and every hit of it, each hash's closest first. Runs on
    /// the caller's thread.
    pub fn lookup_each(&self, hashes: &[Hash], mut met: impl FnMut(usize, Hit)) {
        let mut hits = Vec::new();
        let mut picture_hits = Vec::new();
        for (pass, hashes) in hashes.chunks(PICTURES_A_PASS).enumerate() {
            let first = pass * PICTURES_A_PASS;
            let (mut pictures, mut queries) = (Vec::new(), Vec::new());
            let mut videos = Vec::new();
            let index = self.index.read().expect("no holder of this lock panics");
            for (query, hash) in (first..).zip(hashes) {
                match hash {
                    Hash::Pdq(picture) => {
                        pictures.push(*picture);
                        queries.push(query);
                    }
                    Hash::Vpdq(video) => videos.push((query, video, index.videos())),
                    _ => {
                        index.lookup(hash, &mut hits);
                        hits.drain(..).for_each(|hit| met(query, hit));
                    }
                }
            }
            index.lookup_many(&pictures, &mut picture_hits);
            drop(index);
            for (picture, hit) in picture_hits.drain(..) {
                met(queries[picture], hit);
            }
            // Comparing with all of them must not keep a change waiting.
            for (query, video, known) in videos {
                known
                    .meet(video)
                    .into_iter()
                    .for_each(|hit| met(query, hit));
            }
        }
    }
}

/// How large the index is.
#[derive(Clone, Copy)]
struct Size {
    n_hashes: usize,
    n_bytes: usize,
}

fn size_of(index: &Index) -> Size {
    Size {
        n_hashes: index.len(),
        n_bytes: index.memory_bytes(),
    }
}

impl Size {
    fn show(self, metrics: &Metrics) {
        metrics.index_hashes.set(self.n_hashes as u64);
        metrics.index_bytes.set(self.n_bytes as u64);
    }
}

/// Of several hits on one entry the closest.
#[derive(Default)]
pub struct Closest(HashMap<EntryId, Found>);

impl Closest {
    pub fn add(&mut self, new: Found) {
        let known = self.0.entry(new.hit.entry).or_insert_with(|| new.clone());
        if (new.hit.distance, new.query) < (known.hit.distance, known.query) {
            *known = new;
        }
    }

    /// Adds what pictures meet; the first of them is the query `first`. Some at a time, so that what many
    /// of them meet is held once.
    pub fn look_up(&mut self, index: &Index, pictures: &[PdqHash], first: usize) {
        let mut hits = Vec::new();
        for (pass, pictures) in pictures.chunks(PICTURES_A_PASS).enumerate() {
            index.lookup_many(pictures, &mut hits);
            for (query, hit) in hits.drain(..) {
                let query = first + pass * PICTURES_A_PASS + query;
                self.add(Found { query, hit });
            }
        }
    }

    /// The closest first.
    pub fn found(self) -> Vec<Found> {
        let mut found: Vec<Found> = self.0.into_values().collect();
        found.sort_by_key(|found| (found.hit.distance, found.hit.entry));
        found
    }
}

pub fn set_banks(index: &mut Index, banks: Vec<Bank>) -> Result<(), Refused> {
    for bank in banks {
        let settings = BankSettings {
            threshold: bank.threshold,
            of_known: bank.of_known,
            of_upload: bank.of_upload,
            is_enabled: bank.is_enabled,
        };
        index.set_bank(BankNumber(bank.number), settings)?;
    }
    Ok(())
}

fn remove(index: &mut Index, numbers: Vec<u64>) {
    for number in numbers {
        index.remove(EntryId(number));
    }
}

/// Puts hashes into the index, but for those that it cannot hold: how many those are.
///
/// They are of a newer version's kind, or somebody wrote them past the API. They are skipped, logged and
/// counted: one row that stopped the index for ever would have every upload held until somebody mends
/// the database, and the other hashes match as well without it.
fn insert(index: &mut Index, hashes: Vec<IndexedHash>) -> u64 {
    let mut refused = Vec::new();
    for new in hashes {
        let (entry, bank) = (EntryId(new.number), BankNumber(new.bank_number));
        let inserted = new.hash.map_err(anyhow::Error::from);
        let inserted = inserted.and_then(|hash| Ok(index.insert(entry, bank, &hash)?));
        if let Err(error) = inserted {
            refused.push((new.number, error));
        }
    }
    if let Some((number, error)) = refused.first() {
        let n = refused.len();
        tracing::error!("{n} listed hashes are not matched, hsh_{number} for one: {error:#}");
    }
    refused.len() as u64
}
