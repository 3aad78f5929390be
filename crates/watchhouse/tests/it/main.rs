//! The integration tests: through the front door, on the database under test.
//!
//! SQLite in a scratch file by default; PostgreSQL when `WATCHHOUSE_TEST_POSTGRES` holds the address of
//! a server on which databases may be made. `make test` runs both.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]
#![allow(
    unreachable_pub,
    reason = "nothing is reachable from outside a test binary"
)]

mod app;
mod appeals;
mod bad_media;
mod bank_file;
mod banks;
mod cases;
mod cli_config;
mod cli_hash;
mod cli_help;
mod cli_rules;
mod cli_scan;
mod client;
mod contacts;
mod decisions;
mod deliveries;
mod errors;
mod fetch;
mod full_disk;
mod fuzz_seeds;
mod health;
mod idempotency;
mod import;
mod jobs;
mod keys;
mod kill;
mod ledger;
mod ledger_format;
mod lookup;
mod make;
mod matcher;
mod no_silent_end;
mod openapi;
mod operations;
mod pack;
mod past;
mod people;
mod policies;
mod process;
mod receiver;
mod report_form;
mod reports;
mod roles;
mod rules;
mod sandbox;
mod scan;
mod second_factor;
mod second_look;
mod serve;
mod sessions;
mod snapshot;
mod spine;
mod statements;
mod story;
mod tidy;
mod video;
mod webhooks;
mod writing;
