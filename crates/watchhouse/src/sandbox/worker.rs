//! The life of one place in the pool: a thread that keeps one decoding child and feeds it.
//!
//! A thread, because the kernel kills a child when the *thread* that started it ends
//! (`PR_SET_PDEATHSIG`): this one lives exactly as long as its child may.

use std::io::PipeReader;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};

use super::decoder::Decoder;
use super::queue::{Job, Next, Queue};
use super::{Refusal, SandboxSettings};

/// How often an idle worker looks whether its child still lives.
const IDLE: Duration = Duration::from_secs(5);

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

pub(super) struct Worker {
    pub(super) settings: Arc<SandboxSettings>,
    pub(super) queue: Arc<Queue>,
    /// Hangs up when the sandbox is dropped.
    pub(super) stop: PipeReader,
}

impl Worker {
    pub(super) fn run(self) {
        let mut decoder = None;
        let mut pause = FIRST_PAUSE;

        let mut is_open = self.queue.wait_for_work();
        while is_open {
            let Some(mut ready) = self.with_child(decoder.take(), &mut pause) else {
                is_open = !self.queue.is_closed();
                continue;
            };
            match self.queue.next(IDLE) {
                Next::Decode(job) if ready.is_ready() => decoder = self.decode(ready, job),
                // It died while there was nothing to do, and the job is not to pay for that.
                Next::Decode(job) => {
                    self.queue.put_back(job);
                    decoder = Some(ready);
                }
                Next::Idle => decoder = Some(ready),
                Next::End => {
                    self.retire(ready);
                    is_open = false;
                }
            }
        }
    }

    /// The child, or a new one where it is gone; None, after a pause, if none can be started.
    fn with_child(&self, decoder: Option<Decoder>, pause: &mut Duration) -> Option<Decoder> {
        if let Some(mut decoder) = decoder {
            if decoder.is_ready() {
                return Some(decoder);
            }
            let id = decoder.process_id();
            let end = self.retire(decoder);
            warn!(
                child.id = id,
                "decoding child {id} failed while it had nothing to do: {end}"
            );
        }

        match self.start() {
            Ok(decoder) => {
                let (id, hello) = (decoder.process_id(), decoder.hello());
                debug!(child.id = id, "decoding child {id} is caged: {hello:?}");
                *pause = FIRST_PAUSE;
                self.queue.arrived(id);
                Some(decoder)
            }
            Err(problem) => {
                warn!("cannot start a decoding child: {problem}");
                self.queue.failed_to_start(Refusal::unavailable(problem));
                self.queue.pause(*pause);
                *pause = (*pause * 2).min(LONGEST_PAUSE);
                None
            }
        }
    }

    /// Answers one job. The child comes back if it may take another.
    fn decode(&self, mut decoder: Decoder, job: Job) -> Option<Decoder> {
        let id = decoder.process_id();
        self.queue.begin();
        let (kept, answer) = match decoder.inspect(job.kind, &job.bytes) {
            Ok(answer) if decoder.inputs() < self.settings.replace_after => (Some(decoder), answer),
            Ok(answer) => {
                self.retire(decoder);
                debug!(child.id = id, "decoding child {id} served its time");
                (None, answer)
            }
            Err(fault) => {
                let end = self.retire(decoder);
                let refusal = Refusal::from_fault(fault, &end, self.settings.time_limit);
                warn!(
                    child.id = id,
                    "decoding child {id} failed: {}: {end}", refusal.message
                );
                (None, Err(refusal))
            }
        };
        self.queue.done();
        job.answer(answer);
        kept
    }

    fn start(&self) -> Result<Decoder, String> {
        let stop = self
            .stop
            .try_clone()
            .map_err(|error| format!("a file descriptor is needed: {error}"))?;
        Decoder::start(Arc::clone(&self.settings), OwnedFd::from(stop))
    }

    /// Ends a child and says how it ended.
    fn retire(&self, decoder: Decoder) -> String {
        let id = decoder.process_id();
        let end = decoder.end();
        self.queue.left(id);
        end
    }
}
