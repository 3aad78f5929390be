//! `watchhouse demo`: hands over to the demo program, which lies beside this one.
//!
//! The demo is a program of its own: it knows Watchhouse only through the API, as a platform does.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use clap::Args;

#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Demo {
    /// What the demo takes; see `watchhouse demo --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Demo {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let server = std::env::current_exe().context("finding this program")?;
        let demo = server.with_file_name("watchhouse-demo");
        anyhow::ensure!(
            demo.is_file(),
            "the demo program is not beside this one: expected \"{}\"; `make run` builds both",
            demo.display()
        );
        // Replaces this process, so that signals and the exit code are the demo's own.
        let error = Command::new(&demo)
            .arg("tour")
            .arg("--server")
            .arg(&server)
            .args(self.arguments)
            .exec();
        Err(error).with_context(|| format!("starting \"{}\"", demo.display()))
    }
}
