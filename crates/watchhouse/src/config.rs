//! Settings: the compiled-in defaults, a file over them, the environment over both.
//!
//! `watchhouse.default.toml` documents every setting; a name that is not in it is refused.

mod decisions;
mod reports;
mod sign_in;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::error::Kind;
use figment::providers::{Env, Format, Toml};
use figment::{Figment, Source};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

pub use decisions::{Appeals, Decisions, Step, Strikes};
pub use reports::{Lane, ReportForm, Reports};
pub use sign_in::SignIn;

use crate::jobs::search_sightings::AFTERTHOUGHT;
use crate::store::Store;

/// The defaults, as text with their reasons.
pub const DEFAULTS: &str = include_str!("../../../watchhouse.default.toml");

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub data_dir: PathBuf,
    pub database: String,
    pub database_connections: u32,
    pub server: Server,
    pub log: Log,
    pub keys: Keys,
    pub sign_in: SignIn,
    pub scan: Scan,
    pub sandbox: Sandbox,
    pub video: Video,
    pub fetch: Fetch,
    pub outbound: Outbound,
    pub banks: Banks,
    pub rules: Rules,
    pub cases: Cases,
    pub decisions: Decisions,
    pub appeals: Appeals,
    pub strikes: Strikes,
    pub reports: Reports,
    pub report_form: ReportForm,
    pub webhooks: Webhooks,
    pub jobs: Jobs,
    pub ledger: Ledger,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub listen: SocketAddr,
    pub public_url: String,
    pub max_body_bytes: usize,
    pub request_timeout_seconds: u64,
    pub stop_grace_seconds: u64,
    pub client_address_header: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    pub rate_per_second: u32,
    pub burst: u32,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    pub max_bytes: usize,
    pub max_pixels: u64,
    pub max_frames: u32,
    pub max_animation_pixels: u64,
    pub max_decoded_bytes: u64,
    pub time_limit_seconds: u64,
    pub turned: bool,
    pub max_waiting: usize,
    pub max_waiting_bytes: usize,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    pub children: usize,
    pub replace_after: u32,
    pub max_memory_bytes: u64,
    pub require_cage: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Video {
    pub enabled: bool,
    pub programs: PathBuf,
    pub at_once: usize,
    pub seconds_per_hash: f64,
    pub max_frames: u32,
    pub time_limit_seconds: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fetch {
    pub allow_hosts: Vec<String>,
    pub max_bytes: usize,
    pub timeout_seconds: u64,
    pub max_redirects: usize,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    pub allow_networks: Vec<IpNet>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Banks {
    pub threshold: u32,
    pub max_import_bytes: u64,
    pub poll_milliseconds: u64,
    pub max_lag_seconds: u64,
    pub snapshot_minutes: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    pub file: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    pub lease_seconds: u64,
    pub max_lease_seconds: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    pub timeout_seconds: u64,
    pub retry_seconds: Vec<u64>,
    pub endpoint_concurrency: usize,
    pub old_secret_seconds: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    pub concurrency: usize,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    pub interval_milliseconds: u64,
    pub batch: u32,
}

impl Config {
    /// Reads the settings. The error names the setting and where its value came from.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Config> {
        let mut figment = Figment::from(Toml::string(DEFAULTS));
        if let Some(file) = file {
            anyhow::ensure!(
                file.is_file(),
                "there is no settings file \"{}\"",
                file.display()
            );
            figment = figment.merge(Toml::file_exact(file));
        }
        // WATCHHOUSE_CONFIG names the file and is no setting in it.
        let environment = Env::prefixed("WATCHHOUSE_").ignore(&["config"]);
        let figment = figment.merge(environment.split("__"));
        let config: Config = figment.extract().map_err(|error| {
            let lines: Vec<String> = error.into_iter().map(explain).collect();
            anyhow::anyhow!("the settings are wrong: {}", lines.join("; "))
        })?;
        config.check()?;
        Ok(config)
    }

    /// The defaults alone, in `data_dir`.
    pub fn defaults(data_dir: &Path) -> Config {
        let mut config: Config = Figment::from(Toml::string(DEFAULTS))
            .extract()
            .expect("a test reads the defaults");
        config.data_dir = data_dir.to_owned();
        config
    }

    /// What types alone cannot say.
    fn check(&self) -> anyhow::Result<()> {
        let at_least_one = [
            ("database_connections", u64::from(self.database_connections)),
            ("keys.rate_per_second", u64::from(self.keys.rate_per_second)),
            ("keys.burst", u64::from(self.keys.burst)),
            ("scan.max_waiting", self.scan.max_waiting as u64),
            (
                "sandbox.replace_after",
                u64::from(self.sandbox.replace_after),
            ),
            ("cases.lease_seconds", self.cases.lease_seconds),
            (
                "server.request_timeout_seconds",
                self.server.request_timeout_seconds,
            ),
            ("scan.time_limit_seconds", self.scan.time_limit_seconds),
            ("video.time_limit_seconds", self.video.time_limit_seconds),
            ("video.max_frames", u64::from(self.video.max_frames)),
            ("fetch.timeout_seconds", self.fetch.timeout_seconds),
            ("webhooks.timeout_seconds", self.webhooks.timeout_seconds),
            (
                "webhooks.endpoint_concurrency",
                self.webhooks.endpoint_concurrency as u64,
            ),
            ("jobs.concurrency", self.jobs.concurrency as u64),
            ("report_form.per_hour", u64::from(self.report_form.per_hour)),
            ("ledger.batch", u64::from(self.ledger.batch)),
            (
                "ledger.interval_milliseconds",
                self.ledger.interval_milliseconds,
            ),
            ("banks.poll_milliseconds", self.banks.poll_milliseconds),
        ];
        for (name, value) in at_least_one {
            anyhow::ensure!(
                value > 0,
                "the settings are wrong: {name} must be at least 1"
            );
        }
        let at_most = [
            (
                "banks.threshold",
                u64::from(self.banks.threshold),
                63,
                "beyond 63 of 256 bits a PDQ distance means nothing",
            ),
            (
                "webhooks.timeout_seconds",
                self.webhooks.timeout_seconds,
                45,
                "an attempt and its record must be done within 50 s",
            ),
            (
                "server.stop_grace_seconds",
                self.server.stop_grace_seconds,
                3_600,
                "a stop should end",
            ),
            (
                "scan.max_waiting",
                self.scan.max_waiting as u64,
                1_000_000,
                "whoever waits for longer than a call may take waits in vain",
            ),
            (
                "jobs.concurrency",
                self.jobs.concurrency as u64,
                10_000,
                "jobs wait for connections to the database",
            ),
            (
                "webhooks.endpoint_concurrency",
                self.webhooks.endpoint_concurrency as u64,
                10_000,
                "there are no more jobs at once",
            ),
        ];
        for (name, value, most, why) in at_most {
            anyhow::ensure!(
                value <= most,
                "the settings are wrong: {name} is {value}, and at most {most} is allowed: {why}"
            );
        }
        for checked in [
            self.decisions.check(),
            self.appeals.check(),
            self.strikes.check(),
            self.reports.check(),
            self.sign_in.check(),
        ] {
            checked.map_err(|what| anyhow::anyhow!("the settings are wrong: {what}"))?;
        }
        let video_limit = if self.video.enabled {
            self.video.time_limit_seconds
        } else {
            0
        };
        for (name, limit) in [
            ("scan.time_limit_seconds", self.scan.time_limit_seconds),
            ("video.time_limit_seconds", video_limit),
        ] {
            let whole_scan = self.fetch.timeout_seconds.saturating_add(limit);
            anyhow::ensure!(
                whole_scan <= self.server.request_timeout_seconds,
                "the settings are wrong: fetch.timeout_seconds and {name} are {whole_scan} together, \
                 more than server.request_timeout_seconds, so that scans would be broken off and not \
                 held"
            );
        }
        anyhow::ensure!(
            (0.0..=86_400.0).contains(&self.video.seconds_per_hash),
            "the settings are wrong: video.seconds_per_hash is {}, expected 0 to 86400",
            self.video.seconds_per_hash
        );
        let unaware = self
            .banks
            .max_lag_seconds
            .saturating_add(self.server.request_timeout_seconds);
        let searched_again = AFTERTHOUGHT.as_secs();
        anyhow::ensure!(
            unaware < searched_again,
            "the settings are wrong: banks.max_lag_seconds and server.request_timeout_seconds are {unaware} \
             together, and {searched_again} s after a hash was added no scan may be at work that did not know it"
        );
        anyhow::ensure!(
            self.banks.poll_milliseconds < self.banks.max_lag_seconds * 1_000,
            "the settings are wrong: banks.poll_milliseconds is not less than banks.max_lag_seconds"
        );
        let largest = self.scan.max_bytes.max(self.fetch.max_bytes);
        anyhow::ensure!(
            largest <= self.scan.max_waiting_bytes,
            "the settings are wrong: scan.max_waiting_bytes is {}, less than one media of {largest} \
             bytes that scan.max_bytes or fetch.max_bytes allows",
            self.scan.max_waiting_bytes
        );
        anyhow::ensure!(
            self.cases.lease_seconds <= self.cases.max_lease_seconds,
            "the settings are wrong: cases.lease_seconds is more than cases.max_lease_seconds"
        );
        if !self.server.public_url.is_empty() {
            let url = Url::parse(&self.server.public_url);
            let is_web = url
                .as_ref()
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
            anyhow::ensure!(
                is_web,
                "the settings are wrong: server.public_url is \"{}\", expected something like \
                 \"https://trust.example.org\"",
                self.server.public_url
            );
        }
        Ok(())
    }

    pub fn database_url(&self) -> String {
        if self.database.is_empty() {
            Store::sqlite_url(&self.data_dir.join("watchhouse.db"))
        } else {
            self.database.clone()
        }
    }

    /// Whether others reach this server over TLS, by a proxy in front of it.
    pub fn has_tls(&self) -> bool {
        self.server.public_url.starts_with("https:")
    }

    /// The database's address as it may be shown: without a password.
    pub fn shown_database(&self) -> String {
        without_password(&self.database_url())
    }

    pub fn webhook_timeout(&self) -> Duration {
        Duration::from_secs(self.webhooks.timeout_seconds)
    }
}

/// What is wrong with one setting, and where it was set.
fn explain(problem: figment::Error) -> String {
    let name = problem.path.join(".").to_lowercase();
    let source = problem.metadata.and_then(|metadata| metadata.source);
    let place = match source {
        Some(Source::File(file)) => format!("in \"{}\"", file.display()),
        _ => {
            let variable = name.to_uppercase().replace('.', "__");
            format!("in the environment, WATCHHOUSE_{variable}")
        }
    };
    match problem.kind {
        Kind::UnknownField(_, known) => format!(
            "there is no setting \"{name}\" ({place}); beside it there are {}",
            known.join(", ")
        ),
        // The file is no TOML at all.
        kind if name.is_empty() => format!("{kind} ({place})"),
        kind => format!("{name}: {kind} ({place})"),
    }
}

/// A database's address as it may be shown.
pub fn without_password(address: &str) -> String {
    const HIDDEN: &str = "…";
    let Ok(mut url) = Url::parse(address) else {
        return address.to_owned();
    };
    let is_secret = |name: &str| matches!(name, "password" | "sslpassword");
    if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
        return HIDDEN.to_owned();
    }
    if url.query_pairs().any(|(name, _)| is_secret(&name)) {
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        let shown = pairs
            .iter()
            .map(|(name, value)| (name, if is_secret(name) { HIDDEN } else { value }));
        url.query_pairs_mut().clear().extend_pairs(shown);
    }
    url.to_string().replace("%E2%80%A6", HIDDEN)
}
