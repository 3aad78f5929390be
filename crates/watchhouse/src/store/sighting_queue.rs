//! Sightings of scans that found nothing, written several in one transaction: a commit waits for the disk,
//! and most scans find nothing.
//!
//! It MUST NOT say that a sighting is written before it is durable.

use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use crate::store::sightings::Sighting;
use crate::store::{Error, Result, Store};

/// Sightings a transaction.
const MOST: usize = 64;

/// Writes what comes while the last transaction commits in the next one.
pub struct SightingQueue {
    store: Store,
    tasks: TaskTracker,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// A task writes, and looks for more before it ends.
    is_written: bool,
}

struct Waiting {
    sighting: Sighting,
    reply: oneshot::Sender<Result<()>>,
}

impl SightingQueue {
    /// A stop waits for `tasks`.
    pub fn new(store: Store, tasks: TaskTracker) -> SightingQueue {
        SightingQueue {
            store,
            tasks,
            queue: Arc::default(),
        }
    }

    /// Writes a sighting. It is written also when the caller goes away meanwhile.
    ///
    /// # Errors
    /// Those of the transaction, which may have been that of others' sightings too.
    pub async fn write(&self, sighting: Sighting) -> Result<()> {
        let (reply, written) = oneshot::channel();
        self.add(Waiting { sighting, reply });
        let broken = |_| Error::Unavailable("writing sightings was broken off".to_owned());
        written.await.map_err(broken)?
    }

    fn add(&self, waiting: Waiting) {
        let mut queue = lock(&self.queue);
        queue.waiting.push(waiting);
        if !std::mem::replace(&mut queue.is_written, true) {
            let writer = Writer {
                queue: Arc::clone(&self.queue),
                has_ended: false,
            };
            self.tasks.spawn(writer.write_all(self.store.clone()));
        }
    }
}

fn lock(queue: &Mutex<Queue>) -> std::sync::MutexGuard<'_, Queue> {
    queue.lock().expect("no holder of this lock panics")
}

/// Whoever empties the queue. However it ends, another can begin.
struct Writer {
    queue: Arc<Mutex<Queue>>,
    has_ended: bool,
}

impl Writer {
    async fn write_all(mut self, store: Store) {
        while let Some(turn) = self.next_turn() {
            let written = write(&store, &turn).await;
            for Waiting { reply, .. } in turn {
                // Whoever asked may have gone.
                let _ = reply.send(written.as_ref().copied().map_err(for_each));
            }
        }
    }

    /// The sightings of the next transaction. None when none are left, and then whoever comes next starts
    /// another writer.
    fn next_turn(&mut self) -> Option<Vec<Waiting>> {
        let mut queue = lock(&self.queue);
        let n = queue.waiting.len().min(MOST);
        if n == 0 {
            queue.is_written = false;
            self.has_ended = true;
            return None;
        }
        Some(queue.waiting.drain(..n).collect())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.has_ended {
            // It panicked, or the process stops: those who wait are told that it was broken off.
            let mut queue = lock(&self.queue);
            queue.waiting.clear();
            queue.is_written = false;
        }
    }
}

async fn write(store: &Store, turn: &[Waiting]) -> Result<()> {
    let mut tx = store.begin().await?;
    for Waiting { sighting, .. } in turn {
        tx.insert_sighting(sighting).await?;
    }
    tx.commit().await
}

/// What each of those is told whose transaction failed.
fn for_each(error: &Error) -> Error {
    match error {
        Error::Full => Error::Full,
        Error::Unavailable(why) => Error::Unavailable(why.clone()),
        other => Error::Driver(sqlx::Error::Protocol(other.to_string())),
    }
}
