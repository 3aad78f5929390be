//! `watchhouse rules`: check, try and show rule packs, without a server.
#![allow(
    clippy::print_stdout,
    reason = "what is wrong with the file is this command's output"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::rules::{self, On, Pack, Problem};

#[derive(Debug, clap::Subcommand)]
pub enum Rules {
    /// Say everything that is wrong with a pack
    Check {
        /// A TOML file of rules
        file: PathBuf,
    },
    /// Run examples against a pack
    Test {
        /// A TOML file of rules
        file: PathBuf,
        /// A TOML file of examples
        #[arg(long)]
        examples: PathBuf,
    },
    /// Print the default pack, to start one's own from
    Show {
        /// Print its examples instead
        #[arg(long)]
        examples: bool,
    },
    /// List the fields that conditions can use
    Fields,
}

impl Rules {
    /// Exits with 1 if the pack or an example has failed.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Rules::Check { file } => check(&file),
            Rules::Test { file, examples } => test(&file, &examples),
            Rules::Show { examples: false } => {
                print!("{}", rules::DEFAULT_PACK);
                Ok(ExitCode::SUCCESS)
            }
            Rules::Show { examples: true } => {
                print!("{}", rules::DEFAULT_EXAMPLES);
                Ok(ExitCode::SUCCESS)
            }
            Rules::Fields => {
                list_fields();
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

fn check(file: &Path) -> anyhow::Result<ExitCode> {
    let text = read(file)?;
    Ok(match Pack::parse(&file.to_string_lossy(), &text) {
        Ok(pack) => {
            println!(
                "{}: {}, no problems",
                pack.name(),
                count(pack.rules().len(), "rule")
            );
            println!("digest {}", pack.digest());
            ExitCode::SUCCESS
        }
        Err(problems) => refuse(&problems),
    })
}

fn test(file: &Path, examples: &Path) -> anyhow::Result<ExitCode> {
    let pack_text = read(file)?;
    let examples_text = read(examples)?;
    let pack = Pack::parse(&file.to_string_lossy(), &pack_text);
    let examples = rules::parse_examples(&examples.to_string_lossy(), &examples_text);
    let (pack, examples) = match (pack, examples) {
        (Ok(pack), Ok(examples)) => (pack, examples),
        (pack, examples) => {
            let mut problems = pack.err().unwrap_or_default();
            problems.extend(examples.err().unwrap_or_default());
            return Ok(refuse(&problems));
        }
    };

    let outcomes = rules::run_examples(&pack, &examples);
    for outcome in &outcomes {
        let word = if outcome.has_passed() {
            "passed"
        } else {
            "FAILED"
        };
        println!("{word}  {}", outcome.name);
        for difference in &outcome.differences {
            println!("        {difference}");
        }
    }
    let n_failed = outcomes
        .iter()
        .filter(|outcome| !outcome.has_passed())
        .count();
    println!("{}, {n_failed} failed", count(outcomes.len(), "example"));
    Ok(if n_failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn list_fields() {
    for on in On::ALL {
        println!("for rules with on = \"{on}\":");
        for (path, kind) in rules::variables(on) {
            println!("  {path:<24} {kind}");
        }
    }
}

fn refuse(problems: &[Problem]) -> ExitCode {
    for problem in problems {
        println!("{problem}\n");
    }
    println!("{}", count(problems.len(), "problem"));
    ExitCode::FAILURE
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn count(n: usize, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}
