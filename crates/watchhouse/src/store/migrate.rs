//! Brings the schema up to date, once, however many nodes start together.

use crate::store::db::args;
use crate::store::{Dialect, Error, Result, Store};

const MIGRATIONS: &[(&str, &str)] = &[
    (
        "0001_start",
        include_str!("../../migrations/0001_start.sql"),
    ),
    (
        "0002_reports",
        include_str!("../../migrations/0002_reports.sql"),
    ),
    (
        "0003_signals",
        include_str!("../../migrations/0003_signals.sql"),
    ),
    (
        "0004_decisions",
        include_str!("../../migrations/0004_decisions.sql"),
    ),
    (
        "0005_videos",
        include_str!("../../migrations/0005_videos.sql"),
    ),
    (
        "0006_variants",
        include_str!("../../migrations/0006_variants.sql"),
    ),
    (
        "0007_people",
        include_str!("../../migrations/0007_people.sql"),
    ),
];

const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS migrations (name TEXT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)";
const APPLIED: &str = "SELECT COUNT(*) AS n FROM migrations WHERE name = $1";
const APPLY: &str = "INSERT INTO migrations (name, applied_at) VALUES ($1, $2)";

pub(super) async fn migrate(store: &Store) -> Result<()> {
    let mut tx = store.begin().await?;
    if tx.dialect == Dialect::Postgres {
        // Dialect: SQLite's writer is alone; PostgreSQL needs a lock that exists before any table.
        tx.execute("SELECT CAST(pg_advisory_xact_lock(8420) AS TEXT)", args![])
            .await?;
    }
    tx.execute(CREATE, args![]).await?;
    for (name, text) in MIGRATIONS {
        if tx.one(APPLIED, args![*name], |row| row.int("n")).await? > 0 {
            continue;
        }
        for statement in statements(text) {
            let statement = match tx.dialect {
                // Only under this name is a number the row's own, and needs no index beside it.
                Dialect::Sqlite => {
                    statement.replace("BIGINT NOT NULL PRIMARY KEY", "INTEGER PRIMARY KEY")
                }
                Dialect::Postgres => statement.replace(" BLOB", " BYTEA"),
            };
            tx.execute_built(statement, args![]).await?;
        }
        let now = tx.now;
        tx.execute(APPLY, args![*name, now]).await?;
    }
    tx.commit().await
}

/// The statements of a migration: comments dropped, split at semicolons that end a line.
fn statements(text: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
    {
        let last = statements.last_mut().expect("there is always one");
        last.push_str(line.strip_suffix(';').unwrap_or(line));
        last.push('\n');
        if line.ends_with(';') {
            statements.push(String::new());
        }
    }
    statements.retain(|statement| !statement.trim().is_empty());
    statements
}

impl Store {
    /// True when the database answers.
    pub async fn answers(&self) -> Result<(), Error> {
        let mut tx = self.read().await?;
        tx.one("SELECT 1 AS n", args![], |row| row.optional_int("n"))
            .await?;
        Ok(())
    }
}
