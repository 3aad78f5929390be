//! The Watchhouse server as a child of the tour.

use std::env;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::fs::File as LogFile;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::keep;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);

pub(super) struct Server {
    program: PathBuf,
    /// Without a slash at its end.
    pub(super) base: String,
    pub(super) admin_key: String,
}

/// The child itself. Dropping it kills it.
pub(super) struct Process {
    child: Child,
    log: JoinHandle<()>,
}

impl Server {
    /// Starts the program and waits until it is ready. What it says is kept in `watchhouse.log`.
    pub(super) async fn start(
        program: &Path,
        dir: &Path,
        listen: SocketAddr,
    ) -> anyhow::Result<(Server, Process)> {
        let log_path = dir.join("watchhouse.log");
        let log = File::options()
            .create(true)
            .append(true)
            .open(&log_path)
            .with_context(|| format!("opening {}", log_path.display()))?;
        let mut command = Command::new(program);
        // Settings of some other installation must not lead the demo to its data.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("WATCHHOUSE_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .arg("serve")
            .env("WATCHHOUSE_DATA_DIR", dir.join("watchhouse"))
            .env("WATCHHOUSE_SERVER__LISTEN", listen.to_string())
            .env("WATCHHOUSE_OUTBOUND__ALLOW_NETWORKS", r#"["127.0.0.0/8"]"#)
            // Nobody looks at the tour's decisions who might want to undo one.
            .env("WATCHHOUSE_DECISIONS__UNDO_SECONDS", "0")
            // What it says goes to a file, where colours are noise.
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.try_clone()?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let stdout = child.stdout.take().expect("the child's output is piped");
        let mut lines = BufReader::new(stdout);
        let told = tokio::time::timeout(START_LIMIT, first_words(&mut lines)).await;
        let (base, admin_key) = match told {
            Ok(Ok(told)) => told,
            Ok(Err(error)) => {
                return Err(error.context(last_words(&log_path)));
            }
            Err(_) => bail!(
                "watchhouse did not listen within {} s: {}",
                START_LIMIT.as_secs(),
                last_words(&log_path)
            ),
        };
        // At once: a new installation tells it this one time.
        let admin_key = keep::admin_key(dir, admin_key.as_deref())?;
        let log = tokio::spawn(keep_reading(lines, LogFile::from_std(log)));
        let server = Server {
            program: program.to_owned(),
            base,
            admin_key,
        };
        server.wait_until_ready().await?;
        Ok((server, Process { child, log }))
    }

    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .context("preparing the HTTP client")?;
        let began = Instant::now();
        let mut answer = String::from("nothing was answered");
        while began.elapsed() < START_LIMIT {
            match http.get(format!("{}/readyz", self.base)).send().await {
                Ok(response) if response.status().is_success() => return Ok(()),
                Ok(response) => answer = response.status().to_string(),
                Err(error) => answer = error.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!(
            "watchhouse was not ready within {} s: {answer}",
            START_LIMIT.as_secs()
        )
    }

    /// Runs a command of the same program and gives what it prints, or what it says has failed.
    pub(super) async fn run(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(&self.program)
            .args(args)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("starting {}", self.program.display()))?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!(
                "`watchhouse {}` failed: {}{}",
                args.join(" "),
                complaint.trim_end(),
                printed.trim_end()
            );
        }
        Ok(printed)
    }
}

impl Process {
    /// Comes back when the server has ended by itself, which it should not.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        match self.child.wait().await {
            Ok(status) => anyhow::anyhow!("watchhouse has ended by itself: {status}"),
            Err(error) => anyhow::Error::new(error).context("waiting for watchhouse"),
        }
    }

    /// Asks the server to finish and waits for it; after a while it is not asked any more.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id as i32)) {
            // It may have ended in this moment, or heard the terminal's Ctrl-C as we did.
            let _ = kill_process(pid, Signal::TERM);
        }
        let stopped = tokio::time::timeout(STOP_LIMIT, self.child.wait()).await;
        let result = match stopped {
            Ok(Ok(status)) if status.success() || status.code().is_none() => Ok(()),
            Ok(Ok(status)) => Err(anyhow::anyhow!("watchhouse stopped with {status}")),
            Ok(Err(error)) => Err(error).context("waiting for watchhouse to stop"),
            Err(_) => {
                self.child.kill().await.context("ending watchhouse")?;
                Err(anyhow::anyhow!(
                    "watchhouse did not stop within {} s and was killed",
                    STOP_LIMIT.as_secs()
                ))
            }
        };
        let _ = self.log.await;
        result
    }
}

/// Reads up to the line that says where it listens.
async fn first_words(
    lines: &mut BufReader<ChildStdout>,
) -> anyhow::Result<(String, Option<String>)> {
    let mut admin_key = None;
    let mut line = String::new();
    while lines
        .read_line(&mut line)
        .await
        .context("reading what watchhouse prints")?
        > 0
    {
        if let Some(key) = line.trim().strip_prefix("administrator key: ") {
            admin_key = Some(key.to_owned());
        }
        if let Some(base) = line.trim().strip_prefix("listening on ") {
            return Ok((base.trim_end_matches('/').to_owned(), admin_key));
        }
        line.clear();
    }
    bail!("watchhouse ended before it listened")
}

async fn keep_reading(mut lines: BufReader<ChildStdout>, mut log: LogFile) {
    // A full disk must not stop the reading, or the server would wait for us.
    let mut line = Vec::new();
    while lines
        .read_until(b'\n', &mut line)
        .await
        .is_ok_and(|n| n > 0)
    {
        let _ = log.write_all(&line).await;
        line.clear();
    }
}

fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(3).collect();
    let words: Vec<&str> = lines.into_iter().rev().collect();
    format!("{} ends with: {}", log.display(), words.join(" / "))
}
