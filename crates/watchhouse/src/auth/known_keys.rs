//! Keys that were read from the database a moment ago, so that a busy caller's key is not read for each
//! of its calls.
//!
//! It MUST NOT let a revoked key pass for longer than is promised: whoever revokes one calls `forget`,
//! and what another node revoked is noticed when a key has grown old.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use crate::id::KeyId;
use crate::store::keys::ApiKey;

/// A key is read anew when it was read longer ago. The guide names this time.
const LONGEST: Duration = Duration::from_secs(1);

/// One entry for each key that has called: as many as there are rows at most.
#[derive(Default)]
pub struct KnownKeys(RwLock<Kept>);

#[derive(Default)]
struct Kept {
    keys: HashMap<KeyId, (Instant, Arc<ApiKey>)>,
    n_forgotten: u64,
}

/// That a key is about to be read, and what was forgotten by then.
#[derive(Debug)]
pub struct Reading {
    began: Instant,
    n_forgotten: u64,
}

impl KnownKeys {
    /// The key, unless it has to be read from the database; `keep` takes it then.
    pub fn find(&self, id: &KeyId) -> Result<Arc<ApiKey>, Reading> {
        let kept = self.0.read().expect("no holder of this lock panics");
        match kept.keys.get(id) {
            Some((read_at, key)) if read_at.elapsed() < LONGEST => Ok(Arc::clone(key)),
            _ => Err(Reading {
                began: Instant::now(),
                n_forgotten: kept.n_forgotten,
            }),
        }
    }

    /// Keeps what was read, unless something was forgotten meanwhile: it may have been read before that.
    pub fn keep(&self, reading: Reading, key: Arc<ApiKey>) {
        let mut kept = self.0.write().expect("no holder of this lock panics");
        if kept.n_forgotten == reading.n_forgotten {
            kept.keys.insert(key.id.clone(), (reading.began, key));
        }
    }

    /// Has every key read anew. Whoever revokes a key MUST call this after the commit.
    pub fn forget(&self) {
        let mut kept = self.0.write().expect("no holder of this lock panics");
        kept.keys.clear();
        kept.n_forgotten += 1;
    }
}
