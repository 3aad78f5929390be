//! Watchhouse: knows what is listed, answers everyone who reports, proves what was done.
//!
//! Modules in reading order; ARCHITECTURE.md has the map.

pub mod app;
pub mod appeals;
pub mod archive;
pub mod auth;
pub mod bank_file;
pub mod cli;
pub mod clock;
pub mod config;
pub mod data_dir;
pub mod decisions;
pub mod dsa;
pub mod form_limits;
pub mod hex;
pub mod http;
pub mod id;
pub mod jobs;
pub mod language;
pub mod ledger;
pub mod lookup;
pub mod matcher;
pub mod metrics;
pub mod outbound;
pub mod outbox;
pub mod people;
pub mod receipts;
pub mod reports;
pub mod rules;
pub mod sandbox;
pub mod scan;
pub mod secrets;
pub mod sign_in;
pub mod statements;
pub mod store;
pub mod surface;
pub mod vault;
