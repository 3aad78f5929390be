//! The command line: the tree of commands. One file a command.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]

pub mod admin_key;
pub mod config;
pub mod demo;
pub mod files;
pub mod hash;
pub mod ledger;
pub mod openapi;
pub mod person;
pub mod rules;
pub mod scan;
pub mod serve;
pub mod walk;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::sandbox::child;

/// A trust-and-safety server: finds listed media, has people decide, proves what was done.
#[derive(Parser)]
#[command(name = "watchhouse", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Serve),
    /// Scan files and folders against bank files, without a server
    Scan(scan::Scan),
    /// Print the hashes of files
    Hash(hash::Hash),
    /// Make a new administrator's key, if the first is lost
    AdminKey(admin_key::AdminKey),
    /// Take on staff, invite and disable them
    Person(person::Person),
    /// Check and show settings
    #[command(subcommand)]
    Config(config::Config),
    /// Check and try rules
    #[command(subcommand)]
    Rules(rules::Rules),
    /// Check a ledger from outside
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// Print the OpenAPI document
    Openapi(openapi::Openapi),
    /// Start the demo: a server, a small platform, and a tour of both
    Demo(demo::Demo),
}

/// The exit code of a command that could not do its work.
pub const FAILED: u8 = 2;

pub fn run() -> ExitCode {
    // Before anything else: a child reads nothing, not even its command line, before it is caged.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|command| command == child::COMMAND)
    {
        return child::run();
    }
    end_when_nobody_reads();
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Serve(command) => command.run(),
        Command::Scan(command) => command.run(),
        Command::Hash(command) => command.run(),
        Command::AdminKey(command) => command.run(),
        Command::Person(command) => command.run(),
        Command::Config(command) => command.run(),
        Command::Rules(command) => command.run(),
        Command::Ledger(command) => command.run(),
        Command::Openapi(command) => command.run(),
        Command::Demo(command) => command.run(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(FAILED)
    })
}

/// `println!` panics where its text cannot go, as in `watchhouse scan … | head`. That is no fault of the
/// program: it ends, quietly when nobody reads any more.
fn end_when_nobody_reads() {
    const BROKEN_PIPE: i32 = 128 + 13;
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        match text.strip_prefix("failed printing to stdout: ") {
            Some(why) if why.starts_with("Broken pipe") => std::process::exit(BROKEN_PIPE),
            Some(why) => {
                eprintln!("error: cannot print: {why}");
                std::process::exit(i32::from(FAILED));
            }
            None => usual(panic),
        }
    }));
}
