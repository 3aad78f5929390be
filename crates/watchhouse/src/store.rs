//! Everything that is remembered, and all the SQL there is.
//!
//! One file a noun: its struct, its SQL, its functions on [`Tx`]. How to write SQL here:
//!
//! * Statements are `const`s with `$1` parameters that both SQLite and PostgreSQL accept; where the
//!   two differ the place says `// Dialect:`. A tidy test prepares every one of them on both.
//! * Integers are `BIGINT`, booleans are 0 and 1, times are microseconds UTC, ids and JSON are text.
//! * Write for PostgreSQL's READ COMMITTED: SQLite has one writer at a time, PostgreSQL has not. A
//!   change that must happen once is one `UPDATE … WHERE` whose row count is looked at, or leans on
//!   a unique index.
//! * An absent row is `None`. Errors are for what should not happen.

pub mod accounts;
pub mod actions;
pub mod appeals;
pub mod banks;
mod callers;
pub mod cases;
pub mod db;
pub mod decisions;
pub mod deliveries;
mod error;
pub mod evidence;
pub mod hashes;
pub mod idempotency;
pub mod items;
pub mod jobs;
pub mod keys;
pub mod ledger;
pub mod matches;
pub mod meta;
mod migrate;
pub mod organisations;
pub mod page;
pub mod people;
pub mod policies;
pub mod reach;
pub mod reports;
pub mod roles;
pub mod sessions;
pub mod sighting_queue;
pub mod sightings;
pub mod statements;
pub mod strikes;
pub mod webhook_endpoints;

pub use db::{Dialect, Row, Store, Tx};
pub use error::{Error, Result};
pub use page::{Page, PageOf};
