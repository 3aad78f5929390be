//! `watchhouse config`: are the settings right, and what are they?

#![allow(clippy::print_stdout, reason = "a command line prints")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::config;

#[derive(Subcommand)]
pub enum Config {
    /// Say whether the settings and the rules that they name are right
    Check(From),
    /// Print every setting as it holds
    Show(From),
    /// Print the defaults, with the reason for each
    Defaults,
}

#[derive(Args)]
pub struct From {
    /// A file with what differs from the defaults
    #[arg(long, value_name = "FILE", env = "WATCHHOUSE_CONFIG")]
    config: Option<PathBuf>,
}

impl Config {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Config::Check(from) => {
                let config = config::Config::load(from.config.as_deref())?;
                let rules = crate::app::read_rules(&config)?;
                println!("the settings are right");
                println!("rules: {}, in {}", rules.rules().len(), rules_name(&config));
                println!("database: {}", config.shown_database());
                println!("listens on: {}", config.server.listen);
            }
            Config::Show(from) => {
                let mut config = config::Config::load(from.config.as_deref())?;
                config.database = config::without_password(&config.database);
                print!(
                    "{}",
                    toml::to_string(&config).context("printing the settings")?
                );
            }
            Config::Defaults => print!("{}", config::DEFAULTS),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn rules_name(config: &config::Config) -> &str {
    if config.rules.file.is_empty() {
        "the default pack"
    } else {
        &config.rules.file
    }
}
