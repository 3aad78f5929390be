//! Connections, transactions, parameters and rows.

use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use sqlx::any::{AnyArguments, AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::{Any, AnyPool, Arguments as _, AssertSqlSafe, ConnectOptions as _, Row as _};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::clock::{Clock, Timestamp, from_micros};
use crate::id::{Ids, Name};
use crate::store::{Error, Result, migrate};

/// Which database is under us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// The database: a pool of connections. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    dialect: Dialect,
    clock: Clock,
    ids: Ids,
    // SQLite has one writer. Waiting in line here is fair; waiting in SQLite is a lottery of
    // sleeps that starves somebody under load.
    writer: Arc<Mutex<()>>,
    // PostgreSQL's changes of banks wait for each other, as long as an import takes. Waiting in line
    // here they hold no connection, and all the others go on.
    bank_writer: Arc<Mutex<()>>,
}

impl Store {
    /// Opens the database, creates it where it is SQLite and not there, and brings its schema up to
    /// date. `url` is `sqlite:<path>` or `postgres://…`.
    pub async fn open(
        url: &str,
        connections: u32,
        clock: Clock,
        ids: Ids,
    ) -> anyhow::Result<Store> {
        sqlx::any::install_default_drivers();
        let dialect = match url.split_once(':') {
            Some(("sqlite", _)) => Dialect::Sqlite,
            Some(("postgres" | "postgresql", _)) => Dialect::Postgres,
            _ => anyhow::bail!(
                "\"{}\" is not a database's address; use postgres://user@host/name, or leave it \
                 empty for SQLite in the data directory",
                url.split('@').next_back().unwrap_or_default()
            ),
        };
        // Statements are no news, and what they hold is nobody's business.
        let options = AnyConnectOptions::from_str(url)
            .context("reading the database's address")?
            .disable_statement_logging();
        // The pool tries again until its time is over, and then says no more than that it is.
        let first = options.connect().await.context("connecting")?;
        let _ = sqlx::Connection::close(first).await;
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(10))
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if dialect == Dialect::Sqlite {
                        // FULL: what is acknowledged survives the loss of power.
                        for pragma in [
                            "PRAGMA journal_mode = WAL",
                            "PRAGMA synchronous = FULL",
                            "PRAGMA foreign_keys = ON",
                            "PRAGMA busy_timeout = 10000",
                            "PRAGMA journal_size_limit = 67108864",
                            // 32 MiB: the indexes of a list of a million hashes must fit, or each
                            // insertion reads them from disk anew.
                            "PRAGMA cache_size = -32768",
                        ] {
                            sqlx::query(pragma).execute(&mut *connection).await?;
                        }
                    }
                    Ok(())
                })
            })
            .after_release(move |connection, _| {
                Box::pin(async move {
                    if dialect == Dialect::Sqlite {
                        // A full disk makes SQLite end the transaction itself, and then the driver
                        // believes for ever that it goes on. Such a connection is thrown away. The
                        // ping is behind the driver's own undoing in the line.
                        sqlx::Connection::ping(&mut *connection).await?;
                        return Ok(!sqlx::Connection::is_in_transaction(connection));
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await
            .context("opening the database")?;
        let store = Store {
            pool,
            dialect,
            clock,
            ids,
            writer: Arc::default(),
            bank_writer: Arc::default(),
        };
        migrate::migrate(&store)
            .await
            .context("bringing the database's schema up to date")?;
        Ok(store)
    }

    /// The address of a SQLite database at `path`, created when it is opened.
    pub fn sqlite_url(path: &Path) -> String {
        format!("sqlite:{}?mode=rwc", path.display())
    }

    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Begins a transaction that may write.
    pub async fn begin(&self) -> Result<Tx> {
        let (turn, statement) = match self.dialect {
            Dialect::Sqlite => (
                Some(Arc::clone(&self.writer).lock_owned().await),
                "BEGIN IMMEDIATE",
            ),
            Dialect::Postgres => (None, "BEGIN"),
        };
        self.begin_with(statement, turn).await
    }

    /// Begins a transaction that may change banks and what is in them. It is the only one of this node;
    /// another node's may hold it up for a moment, and then it fails as `Unavailable`.
    pub async fn begin_for_banks(&self) -> Result<Tx> {
        if self.dialect == Dialect::Sqlite {
            return self.begin().await;
        }
        let turn = Arc::clone(&self.bank_writer).lock_owned().await;
        let mut tx = self.begin_with("BEGIN", Some(turn)).await?;
        // Dialect: SQLite has its own limit, for every writer.
        tx.execute("SET LOCAL lock_timeout = '5s'", args![]).await?;
        Ok(tx)
    }

    /// Begins a transaction that only reads. It sees one moment of the database and keeps nobody
    /// waiting.
    pub async fn read(&self) -> Result<Tx> {
        let statement = match self.dialect {
            Dialect::Sqlite => "BEGIN",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        self.begin_with(statement, None).await
    }

    async fn begin_with(
        &self,
        statement: &'static str,
        turn: Option<OwnedMutexGuard<()>>,
    ) -> Result<Tx> {
        let inner = self.pool.begin_with(statement).await?;
        Ok(Tx {
            inner,
            dialect: self.dialect,
            now: self.clock.now(),
            ids: self.ids.clone(),
            turn,
        })
    }

    /// Asks the database to accept a statement, without running it.
    pub async fn prepare(&self, sql: String) -> Result<()> {
        use sqlx::Executor as _;
        let mut connection = self.pool.acquire().await?;
        connection
            .prepare(sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(sql)))
            .await?;
        Ok(())
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A transaction: everything in it happens at one instant, together or not at all. Dropped, it is
/// undone.
pub struct Tx {
    // The order of fields is the order of dropping: the transaction ends before the turn is given up.
    inner: sqlx::Transaction<'static, Any>,
    pub(super) dialect: Dialect,
    /// When all this happens.
    pub now: Timestamp,
    pub(super) ids: Ids,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Tx {
    pub async fn commit(self) -> Result<()> {
        Ok(self.inner.commit().await?)
    }

    /// A new id, made at this transaction's instant.
    pub fn make<T: Name>(&self) -> T {
        self.ids.make(self.now)
    }

    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        self.ids.random_bytes()
    }

    /// True when no other transaction of this node can change banks, or on SQLite anything at all.
    pub(super) fn has_turn(&self) -> bool {
        self.turn.is_some()
    }

    /// Runs a statement and says how many rows it changed.
    pub(super) async fn execute(&mut self, sql: &'static str, args: Args) -> Result<u64> {
        Ok(sqlx::query_with(sql, args.0)
            .execute(&mut *self.inner)
            .await?
            .rows_affected())
    }

    /// Like `execute`, for SQL made at run time from constants.
    pub(super) async fn execute_built(&mut self, sql: String, args: Args) -> Result<u64> {
        let query = sqlx::query_with(AssertSqlSafe(sql), args.0);
        Ok(query.execute(&mut *self.inner).await?.rows_affected())
    }

    pub(super) async fn optional<T>(
        &mut self,
        sql: &'static str,
        args: Args,
        read: fn(&Row) -> Result<T>,
    ) -> Result<Option<T>> {
        let row = sqlx::query_with(sql, args.0)
            .fetch_optional(&mut *self.inner)
            .await?;
        row.map(|row| read(&Row(row))).transpose()
    }

    /// The one row that a statement always gives.
    pub(super) async fn one<T>(
        &mut self,
        sql: &'static str,
        args: Args,
        read: fn(&Row) -> Result<T>,
    ) -> Result<T> {
        let row = sqlx::query_with(sql, args.0)
            .fetch_one(&mut *self.inner)
            .await?;
        read(&Row(row))
    }

    pub(super) async fn all<T>(
        &mut self,
        sql: &'static str,
        args: Args,
        read: fn(&Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let rows = sqlx::query_with(sql, args.0)
            .fetch_all(&mut *self.inner)
            .await?;
        rows.into_iter().map(|row| read(&Row(row))).collect()
    }
}

/// A statement's parameters, in order. Made with `args![…]`.
#[derive(Default)]
pub(super) struct Args(AnyArguments);

impl Args {
    pub(super) fn push(&mut self, value: impl IntoArg) {
        value.push_onto(&mut self.0);
    }
}

macro_rules! args {
    ($($value:expr),* $(,)?) => {{
        #[allow(unused_mut, reason = "there may be no parameters")]
        let mut args = $crate::store::db::Args::default();
        $(args.push($value);)*
        args
    }};
}
pub(super) use args;

/// What may stand for a parameter.
pub(super) trait IntoArg {
    fn push_onto(self, args: &mut AnyArguments);
}

fn push<T>(args: &mut AnyArguments, value: T)
where
    T: for<'q> sqlx::Encode<'q, Any> + sqlx::Type<Any>,
{
    args.add(value)
        .expect("every type that IntoArg allows can be encoded");
}

impl IntoArg for i64 {
    fn push_onto(self, args: &mut AnyArguments) {
        push(args, self);
    }
}

impl IntoArg for u32 {
    fn push_onto(self, args: &mut AnyArguments) {
        push(args, i64::from(self));
    }
}

/// # Panics
/// Above 2^63, which no counter of ours reaches.
impl IntoArg for u64 {
    fn push_onto(self, args: &mut AnyArguments) {
        push(
            args,
            i64::try_from(self).expect("no counter of ours reaches 2^63"),
        );
    }
}

impl IntoArg for bool {
    fn push_onto(self, args: &mut AnyArguments) {
        push(args, i64::from(self));
    }
}

impl IntoArg for &str {
    fn push_onto(self, args: &mut AnyArguments) {
        push(args, self.to_owned());
    }
}

impl IntoArg for &String {
    fn push_onto(self, args: &mut AnyArguments) {
        push(args, self.clone());
    }
}

impl IntoArg for String {
    fn push_onto(self, args: &mut AnyArguments) {
        push(args, self);
    }
}

impl IntoArg for &[u8] {
    fn push_onto(self, args: &mut AnyArguments) {
        push(args, self.to_vec());
    }
}

impl IntoArg for Timestamp {
    fn push_onto(self, args: &mut AnyArguments) {
        push(args, self.as_microsecond());
    }
}

impl<T: Name> IntoArg for &T {
    fn push_onto(self, args: &mut AnyArguments) {
        push(args, self.as_str().to_owned());
    }
}

macro_rules! optional_arg {
    ($($type:ty => $null:ty;)*) => {$(
        impl IntoArg for Option<$type> {
            fn push_onto(self, args: &mut AnyArguments) {
                match self {
                    Some(value) => value.push_onto(args),
                    None => push(args, None::<$null>),
                }
            }
        }
    )*};
}

optional_arg! {
    i64 => i64;
    u32 => i64;
    u64 => i64;
    Timestamp => i64;
    &str => String;
    &String => String;
    String => String;
    &[u8] => Vec<u8>;
}

impl<T: Name> IntoArg for Option<&T> {
    fn push_onto(self, args: &mut AnyArguments) {
        self.map(Name::as_str).push_onto(args);
    }
}

/// A row, read by column name.
pub struct Row(AnyRow);

impl Row {
    fn take<'r, T>(&'r self, column: &str) -> Result<T>
    where
        T: sqlx::Decode<'r, Any> + sqlx::Type<Any>,
    {
        self.0
            .try_get(column)
            .map_err(|error| Error::Corrupt(error.to_string()))
    }

    pub fn int(&self, column: &str) -> Result<i64> {
        self.take(column)
    }

    pub fn optional_int(&self, column: &str) -> Result<Option<i64>> {
        self.take(column)
    }

    /// A count, a size or a number that we gave out: never negative.
    pub fn count(&self, column: &str) -> Result<u64> {
        u64::try_from(self.int(column)?)
            .map_err(|_| Error::Corrupt(format!("{column} is negative")))
    }

    pub fn small(&self, column: &str) -> Result<u32> {
        u32::try_from(self.int(column)?)
            .map_err(|_| Error::Corrupt(format!("{column} is out of range")))
    }

    pub fn optional_count(&self, column: &str) -> Result<Option<u64>> {
        let value = self.optional_int(column)?;
        value
            .map(u64::try_from)
            .transpose()
            .map_err(|_| Error::Corrupt(format!("{column} is negative")))
    }

    pub fn optional_small(&self, column: &str) -> Result<Option<u32>> {
        let value = self.optional_int(column)?;
        value
            .map(u32::try_from)
            .transpose()
            .map_err(|_| Error::Corrupt(format!("{column} is out of range")))
    }

    pub fn bool(&self, column: &str) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    pub fn text(&self, column: &str) -> Result<String> {
        self.take(column)
    }

    pub fn optional_text(&self, column: &str) -> Result<Option<String>> {
        self.take(column)
    }

    pub fn bytes(&self, column: &str) -> Result<Vec<u8>> {
        self.take(column)
    }

    pub fn optional_bytes(&self, column: &str) -> Result<Option<Vec<u8>>> {
        self.take(column)
    }

    /// Bytes of a length that the schema promises.
    pub fn array<const N: usize>(&self, column: &str) -> Result<[u8; N]> {
        self.bytes(column)?
            .try_into()
            .map_err(|_| Error::Corrupt(format!("{column} is not {N} bytes long")))
    }

    pub fn time(&self, column: &str) -> Result<Timestamp> {
        self.int(column).map(from_micros)
    }

    pub fn optional_time(&self, column: &str) -> Result<Option<Timestamp>> {
        Ok(self.optional_int(column)?.map(from_micros))
    }

    pub fn id<T: Name>(&self, column: &str) -> Result<T> {
        self.text(column).map(T::from_text)
    }

    pub fn optional_id<T: Name>(&self, column: &str) -> Result<Option<T>> {
        Ok(self.optional_text(column)?.map(T::from_text))
    }

    pub fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        serde_json::from_str(&self.text(column)?)
            .map_err(|error| Error::Corrupt(format!("{column}: {error}")))
    }

    pub fn optional_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>> {
        let text = self.optional_text(column)?;
        let value = text.map(|text| serde_json::from_str(&text)).transpose();
        value.map_err(|error| Error::Corrupt(format!("{column}: {error}")))
    }

    /// A value of a closed set, written as its name.
    pub fn parsed<T: std::str::FromStr>(&self, column: &str) -> Result<T> {
        let text = self.text(column)?;
        text.parse()
            .map_err(|_| Error::Corrupt(format!("{column} holds \"{text}\"")))
    }
}
