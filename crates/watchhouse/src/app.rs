//! The running server's parts, made once and shared.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchhouse_match::Limits;

use crate::auth::{KnownKeys, LastUses, RateLimits};
use crate::clock::Clock;
use crate::config::Config;
use crate::data_dir;
use crate::form_limits::FormLimits;
use crate::id::Ids;
use crate::jobs::EndpointTurns;
use crate::ledger::Ledger;
use crate::matcher::Matcher;
use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::receipts::Receipts;
use crate::rules::Pack;
use crate::sandbox::video::VideoSettings;
use crate::sandbox::{Sandbox, SandboxSettings};
use crate::secrets::Secrets;
use crate::sign_in::{Passwords, SignInLimits};
use crate::store::Store;
use crate::store::ledger::Actor;
use crate::store::sighting_queue::SightingQueue;
use crate::vault::Vault;

/// Everything that a handler or a job may need. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub config: Config,
    pub clock: Clock,
    pub ids: Ids,
    pub store: Store,
    pub sightings: SightingQueue,
    pub secrets: Secrets,
    pub vault: Vault,
    pub matcher: Matcher,
    pub rules: Pack,
    pub sandbox: Sandbox,
    pub outbound: Outbound,
    pub ledger: Ledger,
    pub receipts: Receipts,
    pub metrics: Metrics,
    pub known_keys: KnownKeys,
    pub rate_limits: RateLimits,
    pub form_limits: FormLimits,
    pub last_uses: LastUses,
    pub passwords: Passwords,
    pub sign_in_limits: SignInLimits,
    /// Turns for scans: bounds what waits.
    pub scan_turns: Arc<Semaphore>,
    /// Turns for long lists of hashes that are looked up: one for each core.
    pub lookup_turns: Arc<Semaphore>,
    /// Memory for the media of scans, in KiB.
    pub scan_memory: Arc<Semaphore>,
    pub endpoint_turns: EndpointTurns,
    /// Wakes whoever waits for jobs.
    pub jobs_wake: Notify,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
    _lock: Option<data_dir::Lock>,
}

/// What tests freeze or replace.
pub struct Outside {
    pub clock: Clock,
    pub ids: Ids,
    /// The program whose `decode-child` command is the sandbox.
    pub program: PathBuf,
}

impl Outside {
    pub fn real() -> Outside {
        Outside {
            clock: Clock::System,
            ids: Ids::random(),
            // Stays this very program when an upgrade replaces the file.
            program: PathBuf::from("/proc/self/exe"),
        }
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Opens everything. Nothing runs yet: see `start`.
    pub async fn open(config: Config, outside: Outside) -> anyhow::Result<App> {
        let Outside {
            clock,
            ids,
            program,
        } = outside;
        data_dir::prepare(&config.data_dir)?;
        let rules = read_rules(&config)?;
        let url = config.database_url();
        // On SQLite what keeps two writers apart is in this process alone; on PostgreSQL it is in the
        // database, and nodes may share a directory.
        let lock = if url.starts_with("sqlite:") {
            Some(data_dir::Lock::take(&config.data_dir)?)
        } else {
            None
        };
        let store = Store::open(
            &url,
            config.database_connections,
            clock.clone(),
            ids.clone(),
        )
        .await
        .with_context(|| format!("cannot use the database \"{}\"", config.shown_database()))?;

        let mut tx = store.begin().await?;
        let is_new = tx.meta("ledger_key").await?.is_none();
        let secrets = Secrets::open(&config.data_dir.join("secrets.key"), is_new)?;
        let ledger = Ledger::open(&mut tx, &secrets, &config.server.public_url).await?;
        let receipts = Receipts::open(&mut tx, &secrets).await?;
        record_rules(&mut tx, &rules).await?;
        tx.commit().await?;

        let vault = Vault::open(&config.data_dir.join("blobs"), secrets.clone())?;
        let sandbox = Sandbox::new(sandbox_settings(&config, program))
            .context("setting up the decoding processes")?;
        let outbound = Outbound::new(&config)?;
        let tasks = TaskTracker::new();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let passwords = Passwords::new(ids.clone(), cores)?;
        let sign_in_limits = SignInLimits::new(config.sign_in.tries_per_hour, clock.clone());
        Ok(App(Arc::new(Parts {
            scan_turns: Arc::new(Semaphore::new(config.scan.max_waiting)),
            lookup_turns: Arc::new(Semaphore::new(cores)),
            scan_memory: Arc::new(Semaphore::new(config.scan.max_waiting_bytes / 1_024)),
            endpoint_turns: EndpointTurns::new(config.webhooks.endpoint_concurrency),
            clock,
            ids,
            sightings: SightingQueue::new(store.clone(), tasks.clone()),
            store,
            secrets,
            vault,
            matcher: Matcher::new(&config),
            rules,
            sandbox,
            outbound,
            ledger,
            receipts,
            metrics: Metrics::new(),
            known_keys: KnownKeys::default(),
            rate_limits: RateLimits::default(),
            form_limits: FormLimits::new(config.report_form.per_hour),
            last_uses: LastUses::default(),
            passwords,
            sign_in_limits,
            jobs_wake: Notify::new(),
            tasks,
            stop: CancellationToken::new(),
            config,
            _lock: lock,
        })))
    }

    /// Sets going what runs beside the calls: the index, the ledger's sequencer and the jobs.
    pub async fn start(&self) -> anyhow::Result<()> {
        if self.store.dialect() == crate::store::Dialect::Sqlite {
            let mut tx = self.store.begin().await?;
            tx.release_jobs().await?;
            tx.commit().await?;
        }
        self.spawn(follow_banks(self.clone()));
        self.spawn(compact_index(self.clone()));
        self.spawn(crate::ledger::sequence(self.clone()));
        self.spawn(crate::jobs::work(self.clone()));
        Ok(())
    }

    /// Runs a task that a stop waits for.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// What every committed change calls: others may have something to do now.
    pub fn wake(&self) {
        self.ledger.wake.notify_one();
        self.jobs_wake.notify_one();
    }

    async fn save_index(&self) -> anyhow::Result<()> {
        let token = self.ids.random_bytes();
        let now = self.clock.now();
        self.matcher
            .save(&self.store, &self.metrics, token, now)
            .await
    }

    /// Ends the tasks, waits for them, and closes the database. It takes as long as what is under way:
    /// whoever cannot wait drops it. Nothing is lost by that; what was under way is undone, or runs again
    /// at the next start.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Err(error) = self.save_index().await {
            tracing::warn!(
                "the index was not saved, so the next start reads all hashes: {error:#}"
            );
        }
        self.sandbox.shutdown().await;
        self.store.close().await;
    }
}

/// Keeps the index at the banks' heels until the stop.
async fn follow_banks(app: App) {
    let pause = Duration::from_millis(app.config.banks.poll_milliseconds);
    if let Err(error) = app.matcher.load(&app.store, &app.metrics).await {
        tracing::warn!("the saved index is not used, and all hashes are read instead: {error:#}");
    }
    loop {
        if let Err(error) = app.matcher.catch_up(&app.store, &app.metrics).await {
            tracing::error!("the index cannot follow the banks: {error:#}");
        }
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Keeps lookups fast and a snapshot at hand while lists grow, until the stop.
async fn compact_index(app: App) {
    loop {
        let compacted = tokio::select! {
            () = app.stop.cancelled() => return,
            compacted = app.matcher.compact(&app.metrics) => compacted,
        };
        let has_compacted = compacted.unwrap_or_else(|error| {
            tracing::error!("the index stays slower than it could be: {error:#}");
            false
        });
        if has_compacted
            && app.matcher.is_save_due().await
            && let Err(error) = app.save_index().await
        {
            tracing::warn!("the index was not saved: {error:#}");
        }
    }
}

pub fn read_rules(config: &Config) -> anyhow::Result<Pack> {
    let (name, text) = if config.rules.file.is_empty() {
        ("the default rules", crate::rules::DEFAULT_PACK.to_owned())
    } else {
        let text = std::fs::read_to_string(&config.rules.file)
            .with_context(|| format!("reading the rules in \"{}\"", config.rules.file))?;
        (config.rules.file.as_str(), text)
    };
    Pack::parse(name, &text).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the rules are wrong:\n{}", lines.join("\n"))
    })
}

/// Which rules hold from now on belongs in the ledger, once for each change.
async fn record_rules(tx: &mut crate::store::Tx, rules: &Pack) -> anyhow::Result<()> {
    let digest = rules.digest();
    if tx.meta("rules_digest").await?.as_deref() == Some(digest.as_bytes()) {
        return Ok(());
    }
    tx.replace_meta("rules_digest", digest.as_bytes()).await?;
    tx.record(
        &Actor::System,
        "rules.loaded",
        serde_json::json!({ "sha256": digest }),
    )
    .await?;
    Ok(())
}

fn sandbox_settings(config: &Config, program: PathBuf) -> SandboxSettings {
    let mut settings = SandboxSettings::new(program);
    if config.sandbox.children > 0 {
        settings.children = config.sandbox.children;
    }
    settings.replace_after = config.sandbox.replace_after;
    settings.time_limit = Duration::from_secs(config.scan.time_limit_seconds);
    settings.memory_bytes = config.sandbox.max_memory_bytes;
    settings.require_cage = config.sandbox.require_cage;
    settings.limits = limits(config);
    settings.video = config.video.enabled.then(|| video_settings(config));
    settings
}

fn video_settings(config: &Config) -> VideoSettings {
    let mut settings = VideoSettings {
        programs: config.video.programs.clone(),
        seconds_per_hash: config.video.seconds_per_hash,
        max_frames: config.video.max_frames,
        time_limit: Duration::from_secs(config.video.time_limit_seconds),
        ..VideoSettings::default()
    };
    if config.video.at_once > 0 {
        settings.at_once = config.video.at_once;
    }
    settings
}

/// What one media may cost to decode.
pub fn limits(config: &Config) -> Limits {
    Limits {
        bytes: config.scan.max_bytes as u64,
        pixels: config.scan.max_pixels,
        animation_pixels: config.scan.max_animation_pixels,
        frames: config.scan.max_frames,
        decoded_bytes: config.scan.max_decoded_bytes,
    }
}
