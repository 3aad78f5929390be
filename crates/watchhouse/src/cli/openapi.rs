//! `watchhouse openapi`: the document that `openapi.json` holds.

#![allow(clippy::print_stdout, reason = "a command line prints")]

use std::process::ExitCode;

use clap::Args;

#[derive(Args)]
pub struct Openapi {}

impl Openapi {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        print!("{}", crate::http::openapi::text());
        Ok(ExitCode::SUCCESS)
    }
}
