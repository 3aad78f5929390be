//! What is counted, for Prometheus. Names end in their unit; nothing here names a person, an item or
//! a hash.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct VerdictLabels {
    pub verdict: String,
    pub surface: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RequestLabels {
    /// The route's pattern, never the path itself.
    pub route: String,
    pub method: String,
    pub status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct CodeLabels {
    pub code: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OutcomeLabels {
    pub outcome: String,
}

/// The counters, kept by whoever counts.
pub struct Metrics {
    registry: Registry,
    pub scans: Family<VerdictLabels, Counter>,
    pub unchecked: Family<CodeLabels, Counter>,
    pub matches: Counter,
    pub scan_seconds: Histogram,
    pub requests: Family<RequestLabels, Counter>,
    pub request_seconds: Histogram,
    pub delivery_attempts: Family<OutcomeLabels, Counter>,
    pub jobs_failed: Counter,
    pub unindexed_hashes: Counter,
    pub index_hashes: Gauge<u64, AtomicU64>,
    pub index_bytes: Gauge<u64, AtomicU64>,
    pub index_compactions: Counter,
    pub index_snapshot_time: Gauge<u64, AtomicU64>,
    pub index_load_seconds: Gauge<f64, AtomicU64>,
    pub open_cases: Gauge<u64, AtomicU64>,
    pub overdue_cases: Gauge<u64, AtomicU64>,
    pub waiting_jobs: Gauge<u64, AtomicU64>,
    pub dead_jobs: Gauge<u64, AtomicU64>,
    pub pending_deliveries: Gauge<u64, AtomicU64>,
    pub dead_deliveries: Gauge<u64, AtomicU64>,
    pub ledger_size: Gauge<u64, AtomicU64>,
    pub ledger_waiting: Gauge<u64, AtomicU64>,
}

impl Metrics {
    pub fn new() -> Metrics {
        let seconds = || Histogram::new(exponential_buckets(0.001, 2.0, 15));
        let mut metrics = Metrics {
            registry: Registry::with_prefix("watchhouse"),
            scans: Family::default(),
            unchecked: Family::default(),
            matches: Counter::default(),
            scan_seconds: seconds(),
            requests: Family::default(),
            request_seconds: seconds(),
            delivery_attempts: Family::default(),
            jobs_failed: Counter::default(),
            unindexed_hashes: Counter::default(),
            index_hashes: Gauge::default(),
            index_bytes: Gauge::default(),
            index_compactions: Counter::default(),
            index_snapshot_time: Gauge::default(),
            index_load_seconds: Gauge::default(),
            open_cases: Gauge::default(),
            overdue_cases: Gauge::default(),
            waiting_jobs: Gauge::default(),
            dead_jobs: Gauge::default(),
            pending_deliveries: Gauge::default(),
            dead_deliveries: Gauge::default(),
            ledger_size: Gauge::default(),
            ledger_waiting: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("scans", "Scans by verdict and surface", self.scans.clone());
        r.register(
            "unchecked",
            "Media that could not be checked, by why",
            self.unchecked.clone(),
        );
        r.register("matches", "Matches found", self.matches.clone());
        r.register_with_unit(
            "scan",
            "Time of a scan",
            Unit::Seconds,
            self.scan_seconds.clone(),
        );
        r.register("requests", "HTTP requests", self.requests.clone());
        r.register_with_unit(
            "request",
            "Time of a request",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        r.register(
            "delivery_attempts",
            "Webhook attempts by outcome",
            self.delivery_attempts.clone(),
        );
        r.register(
            "jobs_failed",
            "Tries of jobs that failed",
            self.jobs_failed.clone(),
        );
        r.register(
            "unindexed_hashes",
            "Listed hashes that cannot be matched",
            self.unindexed_hashes.clone(),
        );
        r.register(
            "index_hashes",
            "Hashes that can be matched now",
            self.index_hashes.clone(),
        );
        r.register_with_unit(
            "index",
            "Memory of the index",
            Unit::Bytes,
            self.index_bytes.clone(),
        );
        r.register(
            "index_compactions",
            "Times that new hashes were sorted in among the others",
            self.index_compactions.clone(),
        );
        r.register_with_unit(
            "index_snapshot_time",
            "When the index was last saved, since 1970; 0 if there is no snapshot",
            Unit::Seconds,
            self.index_snapshot_time.clone(),
        );
        r.register_with_unit(
            "index_load",
            "How long the start took to load the saved index; 0 if it read the database instead",
            Unit::Seconds,
            self.index_load_seconds.clone(),
        );
        r.register(
            "open_cases",
            "Cases that wait for a decision",
            self.open_cases.clone(),
        );
        r.register(
            "overdue_cases",
            "Open cases that should have been decided",
            self.overdue_cases.clone(),
        );
        r.register(
            "waiting_jobs",
            "Jobs that are due or run",
            self.waiting_jobs.clone(),
        );
        r.register(
            "dead_jobs",
            "Jobs that were given up",
            self.dead_jobs.clone(),
        );
        r.register(
            "pending_deliveries",
            "Webhooks on their way",
            self.pending_deliveries.clone(),
        );
        r.register(
            "dead_deliveries",
            "Webhooks that were given up",
            self.dead_deliveries.clone(),
        );
        r.register(
            "ledger_entries",
            "Entries in the tree",
            self.ledger_size.clone(),
        );
        r.register(
            "ledger_waiting",
            "Entries that wait for the tree",
            self.ledger_waiting.clone(),
        );
    }

    /// The page that Prometheus reads.
    pub fn page(&self) -> String {
        let mut page = String::new();
        text::encode(&mut page, &self.registry).expect("writing to a String does not fail");
        page
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}
