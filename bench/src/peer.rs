//! The peers: processes that work when they are told to, so that rounds can take turns.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context as _;
use serde_json::{Value, json};

/// What `bench/peers/install` made.
const PYTHON: &str = "bench/peers/.venv/bin/python";
const YUME: &str = "bench/yume/target/release/watchhouse-bench-yume";

/// What a search of a peer's took, and what it found.
pub(crate) struct Searched {
    pub(crate) seconds: f64,
    pub(crate) n_hits: u64,
    pub(crate) seconds_to_build: f64,
}

pub(crate) struct Peers {
    python: Process,
    yume: Process,
}

struct Process {
    process: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peers {
    pub(crate) fn start() -> anyhow::Result<Peers> {
        let mut python = Command::new(PYTHON);
        python.arg("bench/peers/peer.py");
        // One core against one core.
        python.env("OMP_NUM_THREADS", "1");
        Ok(Peers {
            python: Process::start(python)?,
            yume: Process::start(Command::new(YUME))?,
        })
    }

    /// Seconds that a work took over all the files.
    pub(crate) fn time(&mut self, work: &str, files: &[&Path]) -> anyhow::Result<f64> {
        let answer = self.python.ask(&json!({ "work": work, "files": files }))?;
        answer["seconds"]
            .as_f64()
            .context("the peers' answer has no seconds")
    }

    /// Looks up the first `n` of the queries within 31 bits.
    pub(crate) fn search(
        &mut self,
        index: &str,
        hashes: &Path,
        queries: &Path,
        n: usize,
    ) -> anyhow::Result<Searched> {
        let asked = json!({ "search": index, "hashes": hashes, "queries": queries, "first": n });
        let peer = match index {
            "yume" => &mut self.yume,
            _ => &mut self.python,
        };
        let answer = peer.ask(&asked)?;
        let number = |name: &str| {
            answer[name]
                .as_f64()
                .with_context(|| format!("the peers' answer has no {name}"))
        };
        Ok(Searched {
            seconds: number("seconds")?,
            n_hits: answer["hits"].as_u64().context("no number of hits")?,
            seconds_to_build: number("built")?,
        })
    }

    /// Saves a picture in the format that the ending of `to` names.
    pub(crate) fn save(&mut self, from: &Path, to: &Path, options: Value) -> anyhow::Result<()> {
        self.python
            .ask(&json!({ "save": from, "as": to, "options": options }))?;
        Ok(())
    }
}

impl Process {
    fn start(mut command: Command) -> anyhow::Result<Process> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| {
                let program = command.get_program().display();
                format!("starting the peer \"{program}\"; `make bench` installs it")
            })?;
        let asks = process.stdin.take().context("the peer takes no input")?;
        let answers = process.stdout.take().context("the peer gives no output")?;
        Ok(Process {
            process,
            asks,
            answers: BufReader::new(answers),
        })
    }

    fn ask(&mut self, asked: &Value) -> anyhow::Result<Value> {
        writeln!(self.asks, "{asked}").context("asking the peer")?;
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .context("hearing the peer")?;
        serde_json::from_str(&line).with_context(|| format!("the peer answered \"{line}\""))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that is gone already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
