//! The inputs that wait for a decoding child, first come, first served.
//!
//! It does not bound how many wait: whoever calls the sandbox does. It MUST answer every job that it
//! was given, also when no child can be started: a scan that hears nothing cannot fail closed.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::protocol::{Answer, Kind};
use super::{Refusal, Status};

/// One input and the caller that waits for what is in it.
pub(super) struct Job {
    /// `Input`, or `Beginning` of one that is elsewhere.
    pub(super) kind: Kind,
    pub(super) bytes: Bytes,
    pub(super) reply: oneshot::Sender<Result<Answer, Refusal>>,
}

impl Job {
    pub(super) fn answer(self, answer: Result<Answer, Refusal>) {
        // The caller may have gone; then nobody waits for it.
        let _ = self.reply.send(answer);
    }
}

/// What a worker is to do next.
pub(super) enum Next {
    Decode(Job),
    /// Nothing came for a while: time to look after the child.
    Idle,
    End,
}

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Process ids of the children that are ready or decoding.
    children: Vec<u32>,
    decoding: usize,
    is_closed: bool,
    /// Why no child could be started, while there is none.
    trouble: Option<Refusal>,
}

impl Queue {
    pub(super) fn add(&self, job: Job) {
        let mut state = self.lock();
        let refusal = match &state.trouble {
            _ if state.is_closed => Refusal::closed(),
            Some(trouble) => trouble.clone(),
            None => {
                state.waiting.push_back(job);
                drop(state);
                // All of them: one that pauses waits here, too, and would swallow a single call.
                self.changed.notify_all();
                return;
            }
        };
        drop(state);
        job.answer(Err(refusal));
    }

    /// Waits until there is work at all. False when the queue closed first.
    pub(super) fn wait_for_work(&self) -> bool {
        let state = self
            .changed
            .wait_while(self.lock(), |state| {
                state.waiting.is_empty() && !state.is_closed
            })
            .expect("no holder of the queue panics");
        !state.is_closed
    }

    /// Takes the job that has waited longest, or waits for one. The worker then says `begin` and
    /// `done`, or puts it back.
    pub(super) fn next(&self, patience: Duration) -> Next {
        let (mut state, _) = self
            .changed
            .wait_timeout_while(self.lock(), patience, |state| {
                state.waiting.is_empty() && !state.is_closed
            })
            .expect("no holder of the queue panics");
        if state.is_closed {
            return Next::End;
        }
        // Those whose caller has gone are dropped here: nobody waits for them.
        while let Some(job) = state.waiting.pop_front() {
            if !job.reply.is_closed() {
                return Next::Decode(job);
            }
        }
        Next::Idle
    }

    /// The first in line again: nothing was tried with it.
    pub(super) fn put_back(&self, job: Job) {
        let mut state = self.lock();
        if !state.is_closed {
            state.waiting.push_front(job);
            return;
        }
        drop(state);
        job.answer(Err(Refusal::closed()));
    }

    pub(super) fn begin(&self) {
        self.lock().decoding += 1;
    }

    pub(super) fn done(&self) {
        self.lock().decoding -= 1;
    }

    /// A child is ready.
    pub(super) fn arrived(&self, process_id: u32) {
        let mut state = self.lock();
        state.children.push(process_id);
        state.trouble = None;
    }

    /// A child is no more.
    pub(super) fn left(&self, process_id: u32) {
        self.lock().children.retain(|id| *id != process_id);
    }

    /// A child could not be started. While others can decode, their queue just moves slower; when
    /// none can, everyone who waits is told why, and so is who comes until one has started.
    pub(super) fn failed_to_start(&self, refusal: Refusal) {
        let mut state = self.lock();
        if !state.children.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut state.waiting);
        state.trouble = Some(refusal.clone());
        drop(state);
        for job in waiting {
            job.answer(Err(refusal.clone()));
        }
    }

    /// Waits before the next try to start a child; returns early when the queue closes.
    pub(super) fn pause(&self, pause: Duration) {
        let _ = self
            .changed
            .wait_timeout_while(self.lock(), pause, |state| !state.is_closed)
            .expect("no holder of the queue panics");
    }

    /// Takes nothing more and refuses all that wait. What is being decoded goes on.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.changed.notify_all();
        for job in waiting {
            job.answer(Err(Refusal::closed()));
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    pub(super) fn status(&self) -> Status {
        let state = self.lock();
        Status {
            children: state.children.clone(),
            decoding: state.decoding,
            waiting: state.waiting.len(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the queue panics")
    }
}
