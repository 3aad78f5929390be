//! Turns for calls to one endpoint, so that one that hangs does not take all the workers.
//!
//! A job that finds no turn free gets in line and goes back to the table, and is called when a turn is
//! given up. Nothing is lost with the line: its jobs become due by themselves a little later.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::clock::Timestamp;
use crate::id::{JobId, WebhookEndpointId};

pub struct EndpointTurns {
    each: usize,
    lines: Arc<Mutex<Lines>>,
}

#[derive(Default)]
struct Lines {
    by_endpoint: HashMap<WebhookEndpointId, Line>,
    called: VecDeque<Called>,
}

#[derive(Default)]
struct Line {
    taken: usize,
    /// Oldest first, and when each was put off until.
    waiting: BTreeMap<JobId, Timestamp>,
}

/// A job for which a turn is free.
pub struct Called {
    pub endpoint: WebhookEndpointId,
    pub job: JobId,
    /// Until when it was put off. If it is not any more, somebody else has had it since.
    pub run_at: Timestamp,
}

/// A turn; dropping it gives it up.
pub struct Turn {
    endpoint: WebhookEndpointId,
    lines: Arc<Mutex<Lines>>,
}

impl EndpointTurns {
    /// At most `each` turns for one endpoint.
    pub fn new(each: usize) -> EndpointTurns {
        EndpointTurns {
            each,
            lines: Arc::default(),
        }
    }

    /// None when the endpoint has all the calls that it may have.
    pub fn take(&self, endpoint: &WebhookEndpointId) -> Option<Turn> {
        let mut lines = lock(&self.lines);
        let line = lines.by_endpoint.entry(endpoint.clone()).or_default();
        if line.taken >= self.each {
            return None;
        }
        line.taken += 1;
        Some(Turn {
            endpoint: endpoint.clone(),
            lines: Arc::clone(&self.lines),
        })
    }

    /// Puts a job in line that was put off until `run_at`. It is called at once if a turn is free by now.
    pub fn line_up(&self, endpoint: &WebhookEndpointId, job: JobId, run_at: Timestamp) {
        let mut lines = lock(&self.lines);
        let line = lines.by_endpoint.entry(endpoint.clone()).or_default();
        line.waiting.insert(job, run_at);
        if line.taken < self.each {
            lines.call(endpoint);
        }
    }

    /// The next job that was called.
    pub fn next_called(&self) -> Option<Called> {
        lock(&self.lines).called.pop_front()
    }

    /// Calls the next in this line instead of one that did not come.
    pub fn call(&self, endpoint: &WebhookEndpointId) {
        lock(&self.lines).call(endpoint);
    }
}

impl Lines {
    fn call(&mut self, endpoint: &WebhookEndpointId) {
        let line = self.by_endpoint.get_mut(endpoint);
        if let Some((job, run_at)) = line.and_then(|line| line.waiting.pop_first()) {
            self.called.push_back(Called {
                endpoint: endpoint.clone(),
                job,
                run_at,
            });
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut lines = lock(&self.lines);
        if let Some(line) = lines.by_endpoint.get_mut(&self.endpoint) {
            line.taken -= 1;
        }
        lines.call(&self.endpoint);
    }
}

fn lock(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().expect("no holder of this lock panics")
}
