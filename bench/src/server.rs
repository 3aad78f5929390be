//! A server of our own, for the time of a measurement.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tempfile::TempDir;

pub(crate) struct Server {
    pub(crate) base: String,
    pub(crate) key: String,
    child: Child,
    _directory: TempDir,
}

impl Server {
    /// Starts the program on a free port, in a directory of its own.
    pub(crate) async fn start(program: &Path) -> anyhow::Result<Server> {
        let directory = tempfile::tempdir()?;
        let mut child = Command::new(program)
            .arg("serve")
            .env("WATCHHOUSE_DATA_DIR", directory.path().join("data"))
            .env("WATCHHOUSE_SERVER__LISTEN", "127.0.0.1:0")
            .env("WATCHHOUSE_KEYS__RATE_PER_SECOND", "1000000")
            .env("WATCHHOUSE_KEYS__BURST", "1000000")
            .env("WATCHHOUSE_LOG__LEVEL", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the server")?;
        let lines =
            BufReader::new(child.stdout.take().context("the server has no output")?).lines();
        let mut key = None;
        let mut base = None;
        for line in lines {
            let line = line?;
            if let Some(text) = line.strip_prefix("administrator key: ") {
                key = Some(text.to_owned());
            }
            if let Some(text) = line.strip_prefix("listening on ") {
                base = Some(text.to_owned());
                break;
            }
        }
        let server = Server {
            base: base.context("the server did not say where it listens")?,
            key: key.context("the server showed no key")?,
            child,
            _directory: directory,
        };
        server.wait_until_ready().await?;
        Ok(server)
    }

    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let client = client();
        while began.elapsed() < Duration::from_secs(60) {
            let answer = client.get(format!("{}/readyz", self.base)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("the server is not ready after a minute")
    }

    /// What the process has in memory, in MiB.
    pub(crate) fn resident_mib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .context("no VmRSS")?;
        let kib: f64 = line
            .split_whitespace()
            .nth(1)
            .context("no number")?
            .parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a measurement calls on its own")]
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::new()
}
