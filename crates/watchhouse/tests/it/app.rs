//! A whole server for one test: its own database, its own directory, a clock that stands still.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use watchhouse::app::{App, Outside};
use watchhouse::auth::make_secret;
use watchhouse::clock::{Clock, Timestamp};
use watchhouse::config::Config;
use watchhouse::http;
use watchhouse::id::{Ids, KeyId};
use watchhouse::store::cases::CaseFilter;
use watchhouse::store::keys::ApiKey;
use watchhouse::store::policies::{Ground, Policy, PolicyText, Terms};
use watchhouse::store::reach::Reach;
use watchhouse::store::{Dialect, Page, Store};

use crate::client::Client;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_watchhouse");

/// When every frozen clock starts.
pub fn start_of_time() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// A running server. Its clock stands still until `advance`.
pub struct TestApp {
    pub app: App,
    pub address: SocketAddr,
    admin_secret: String,
    _directory: TempDir,
}

impl TestApp {
    pub async fn new() -> TestApp {
        TestApp::with(|_| {}).await
    }

    /// A server with other settings than the defaults.
    pub async fn with(change: impl FnOnce(&mut Config)) -> TestApp {
        let app = TestApp::open(PROGRAM, change).await;
        app.start().await;
        app
    }

    /// A server with rules of the test's own.
    pub async fn with_rules(rules: &str) -> TestApp {
        TestApp::with(|config| {
            let file = config.data_dir.join("rules.toml");
            std::fs::write(&file, rules).unwrap();
            config.rules.file = file.display().to_string();
        })
        .await
    }

    /// A server that answers before anything runs beside the calls: no index was built, no job runs,
    /// and no ledger entry gets its place until `start`. `program` is what decodes.
    pub async fn open(program: &str, change: impl FnOnce(&mut Config)) -> TestApp {
        let directory = private_directory();
        let mut config = Config::defaults(directory.path());
        config.database = database(directory.path()).await;
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.sandbox.children = 1;
        // A delivery that has to wait for its turn is put off, and a frozen clock never gets there.
        config.webhooks.endpoint_concurrency = 64;
        config.ledger.interval_milliseconds = 20;
        config.outbound.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
        config.keys.rate_per_second = 100_000;
        config.keys.burst = 100_000;
        config.decisions.undo_seconds = 0;
        change(&mut config);
        let outside = Outside {
            clock: Clock::frozen_at(start_of_time()),
            ids: Ids::seeded(1),
            program: PathBuf::from(program),
        };
        let app = App::open(config, outside).await.unwrap();
        let admin_secret = insert_key(&app, "administrator", &["admin", "child-safety"]).await;
        insert_policies(&app).await;

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = http::router(app.clone());
        let stop = app.stop.clone();
        app.spawn(async move {
            let stopped = async move { stop.cancelled().await };
            let router = router.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, router)
                .with_graceful_shutdown(stopped)
                .await
                .unwrap();
        });
        TestApp {
            app,
            address,
            admin_secret,
            _directory: directory,
        }
    }

    /// Begins the work beside the calls. What is listed is known when this returns.
    pub async fn start(&self) {
        self.app.start().await.unwrap();
        self.app
            .matcher
            .catch_up(&self.app.store, &self.app.metrics)
            .await
            .unwrap();
    }

    /// What scans have left in the database.
    pub async fn left(&self) -> Left {
        let all = Page {
            after: None,
            limit: 200,
        };
        let mut tx = self.app.store.read().await.unwrap();
        let entries = tx.entries(None, &all).await.unwrap().rows;
        Left {
            items: tx.items(None, None, &all).await.unwrap().rows.len(),
            accounts: tx.accounts(None, &all).await.unwrap().rows.len(),
            cases: tx
                .cases(&CaseFilter::default(), &Reach::everything(), &all)
                .await
                .unwrap()
                .rows
                .len(),
            entries: entries.into_iter().rev().map(|entry| entry.kind).collect(),
        }
    }

    /// The sealed copies of media, by the names of their files.
    pub fn blobs(&self) -> Vec<PathBuf> {
        let directory = self.app.config.data_dir.join("blobs/evidence");
        match std::fs::read_dir(directory) {
            Ok(files) => files.map(|file| file.unwrap().path()).collect(),
            Err(_) => Vec::new(),
        }
    }

    /// A client that may do everything.
    pub fn admin(&self) -> Client {
        self.client_with(&self.admin_secret)
    }

    /// A client with a key of its own.
    pub async fn client(&self, name: &str, scopes: &[&str]) -> Client {
        let secret = insert_key(&self.app, name, scopes).await;
        self.client_with(&secret)
    }

    pub fn client_with(&self, secret: &str) -> Client {
        Client::new(self.address, Some(secret.to_owned()))
    }

    /// A client without a key.
    pub fn stranger(&self) -> Client {
        Client::new(self.address, None)
    }

    /// How many rows a table has, read past the server. `rows` is a table and what may follow it.
    pub async fn count(&self, rows: &str) -> i64 {
        self.number(&format!("SELECT COUNT(*) FROM {rows}")).await
    }

    /// The one number that a query gives, read past the server.
    pub async fn number(&self, sql: &str) -> i64 {
        let url = self.app.config.database_url();
        let mut connection = <sqlx::AnyConnection as sqlx::Connection>::connect(&url)
            .await
            .unwrap();
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }

    /// The details of every ledger entry of a kind, oldest first.
    pub async fn recorded(&self, kind: &str) -> Vec<serde_json::Value> {
        let path = format!("/api/v1/ledger/entries?kind={kind}&limit=200");
        let entries = self.admin().get(&path).await.expect(200);
        let bodies = entries["data"].as_array().unwrap().iter().rev();
        bodies
            .map(|entry| {
                let body: serde_json::Value =
                    serde_json::from_str(entry["body"].as_str().unwrap()).unwrap();
                body["details"].clone()
            })
            .collect()
    }

    /// The database, as another node has it.
    pub async fn store_of_another_node(&self) -> Store {
        let (clock, ids) = (self.app.clock.clone(), self.app.ids.clone());
        Store::open(&self.app.config.database_url(), 1, clock, ids)
            .await
            .unwrap()
    }

    /// Lets time pass, and everything that it makes due begin.
    pub fn advance(&self, by: Duration) {
        self.app.clock.advance(by);
        self.app.wake();
    }

    /// Waits until nothing is due and every ledger entry has its place.
    pub async fn settle(&self) {
        for _ in 0..2_000 {
            let mut tx = self.app.store.read().await.unwrap();
            let is_due = tx
                .next_job_at()
                .await
                .unwrap()
                .is_some_and(|at| at <= self.app.clock.now());
            let waiting = tx.waiting_entry_count().await.unwrap();
            // A job at work has a lease in the future; it is not done for that. Asked in the same moment,
            // or it may end in between and leave another that is due.
            let at_work = tx.jobs_at_work().await.unwrap();
            drop(tx);
            if !is_due && waiting == 0 && at_work == 0 {
                return;
            }
            self.app.wake();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("there is still work to do after 20 s");
    }
}

/// What decisions in tests cite that are about something else.
const POLICIES: [&str; 4] = ["known-media", "house/scams", "house/rules-1.2", "p"];

async fn insert_policies(app: &App) {
    let mut tx = app.store.begin().await.unwrap();
    for name in POLICIES {
        let text = PolicyText {
            title: "Banned content".to_owned(),
            text: "Do not post what is banned.".to_owned(),
            help: None,
        };
        let policy = Policy {
            id: tx.make(),
            name: name.to_owned(),
            version: 1,
            terms: Terms {
                ground: Ground::Terms,
                reference: "Terms of use, section 3".to_owned(),
                category: "x_banned".to_owned(),
                keyword: None,
                severity: 0,
                strike_weight: 0,
                strike_days: None,
                needs_second: false,
                texts: [("en".to_owned(), text)].into(),
            },
            created_at: tx.now,
            changed_at: tx.now,
            retired_at: None,
        };
        tx.insert_policy(&policy).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// What there is beside sightings; at most 200 of each.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    pub items: usize,
    pub accounts: usize,
    pub cases: usize,
    /// The kinds of the ledger's entries, oldest first.
    pub entries: Vec<String>,
}

impl Left {
    /// How many ledger entries are of this kind.
    pub fn entries_of(&self, kind: &str) -> usize {
        self.entries.iter().filter(|entry| *entry == kind).count()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.app.stop.cancel();
    }
}

/// Runs SQL beside the server, as somebody with the database's password would.
pub async fn run_sql(app: &App, sql: &str) -> u64 {
    let mut connection = connect(app).await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await
        .unwrap()
        .rows_affected()
}

/// Reads one column of bytes beside the server.
pub async fn read_bytes(app: &App, sql: &str) -> Vec<Vec<u8>> {
    let mut connection = connect(app).await;
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned()))
        .fetch_all(&mut connection)
        .await
        .unwrap()
}

async fn connect(app: &App) -> sqlx::AnyConnection {
    <sqlx::AnyConnection as sqlx::Connection>::connect(&app.config.database_url())
        .await
        .unwrap()
}

/// True when the tests run on PostgreSQL.
pub fn is_postgres() -> bool {
    std::env::var_os("WATCHHOUSE_TEST_POSTGRES").is_some()
}

/// A data directory that a server accepts: its owner's alone.
pub fn private_directory() -> TempDir {
    tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .tempdir()
        .unwrap()
}

/// An empty database for one test, as the setting `database` names it.
pub async fn database(directory: &Path) -> String {
    let Ok(server) = std::env::var("WATCHHOUSE_TEST_POSTGRES") else {
        return Store::sqlite_url(&directory.join("watchhouse.db"));
    };
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("test_{}_{number}", std::process::id());
    sqlx::any::install_default_drivers();
    let mut connection = <sqlx::AnyConnection as sqlx::Connection>::connect(&server)
        .await
        .unwrap();
    let sql = format!("CREATE DATABASE {name}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .unwrap();
    let (server, _) = server.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

/// Makes a key without the API, as the first start does. Returns its secret.
pub async fn insert_key(app: &App, name: &str, scopes: &[&str]) -> String {
    let mut tx = app.store.begin().await.unwrap();
    let id: KeyId = tx.make();
    let (secret, secret_digest) = make_secret(&app.ids, &id);
    let key = ApiKey {
        id,
        name: name.to_owned(),
        secret_digest,
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        rate_per_second: None,
        burst: None,
        created_at: tx.now,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        organisation_id: None,
    };
    tx.insert_key(&key).await.unwrap();
    tx.commit().await.unwrap();
    secret
}

#[tokio::test]
async fn the_database_under_test_is_the_one_that_was_asked_for() {
    let app = TestApp::new().await;

    let expected = if is_postgres() {
        Dialect::Postgres
    } else {
        Dialect::Sqlite
    };
    assert_eq!(app.app.store.dialect(), expected);
}
