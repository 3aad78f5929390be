//! The program as a process: servers that are started, signalled and killed, and commands that end.
//!
//! Nothing here outlives its test: dropping a server or a command kills it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::app::{PROGRAM, database};
use crate::client::Client;

/// Nothing that is waited for here takes longer on a machine that has other work too.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A directory and a database that servers run on, one after the other, and their settings.
pub struct Place {
    pub data: PathBuf,
    settings: Vec<(String, String)>,
    key: OnceLock<String>,
    n_starts: AtomicUsize,
    directory: TempDir,
}

impl Place {
    /// A place with the database under test and settings that suit tests.
    pub async fn new() -> Place {
        let mut place = Place::bare();
        let database = database(place.path()).await;
        place.set("database", &database);
        place
    }

    /// A place whose server makes its own database, SQLite in the data directory.
    pub fn bare() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let mut place = Place {
            data: directory.path().join("data"),
            settings: Vec::new(),
            key: OnceLock::new(),
            n_starts: AtomicUsize::new(0),
            directory,
        };
        place.set_data(&place.data.clone());
        for (name, value) in [
            ("server.listen", "127.0.0.1:0"),
            ("sandbox.children", "1"),
            ("ledger.interval_milliseconds", "20"),
            ("outbound.allow_networks", "[\"127.0.0.0/8\"]"),
            ("keys.rate_per_second", "100000"),
            ("keys.burst", "100000"),
            ("decisions.undo_seconds", "0"),
        ] {
            place.set(name, value);
        }
        place
    }

    /// Where a test may put files beside the data directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Sets a setting, as the environment does.
    pub fn set(&mut self, name: &str, value: &str) {
        let name = format!("WATCHHOUSE_{}", name.to_uppercase().replace('.', "__"));
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_owned()));
    }

    pub fn set_data(&mut self, data: &Path) {
        self.data = data.to_owned();
        self.set("data_dir", data.to_str().unwrap());
    }

    /// A setting as it was set.
    pub fn setting(&self, name: &str) -> &str {
        let name = format!("WATCHHOUSE_{}", name.to_uppercase().replace('.', "__"));
        let found = self.settings.iter().find(|(known, _)| *known == name);
        &found.expect("it was set").1
    }

    /// A command line that runs here with these settings and nothing else of the environment.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = clean(program, arguments);
        command
            .current_dir(self.path())
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program to its end.
    pub async fn run(&self, arguments: &[&str]) -> Finished {
        finish(self.command(PROGRAM, arguments)).await
    }

    /// Starts a server.
    pub async fn start(&self) -> Server {
        self.start_as(self.command(PROGRAM, &["serve"])).await
    }

    /// Starts a server by a command line that ends in one, such as under a tracer.
    pub async fn start_as(&self, command: Command) -> Server {
        let mut starting = self.launch(command);
        match starting.listen().await {
            Some(address) => Server {
                address,
                printed_key: starting.printed_key,
                known_key: self.key.get().cloned(),
                log: starting.log,
                child: starting.child,
                _stdout: starting.stdout,
            },
            None => panic!(
                "the server did not start:\n{}",
                fs::read_to_string(&starting.log).unwrap()
            ),
        }
    }

    /// Begins to start a server.
    pub fn launch(&self, mut command: Command) -> Starting<'_> {
        let number = self.n_starts.fetch_add(1, Ordering::Relaxed);
        let log = self.path().join(format!("log-{number}.txt"));
        command.stdout(Stdio::piped());
        command.stderr(fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Starting {
            child,
            log,
            printed_key: None,
            stdout,
            place: self,
        }
    }
}

/// A server of which it is not known yet whether it starts.
pub struct Starting<'a> {
    pub child: Child,
    pub log: PathBuf,
    printed_key: Option<String>,
    stdout: Lines<BufReader<ChildStdout>>,
    place: &'a Place,
}

impl Starting<'_> {
    /// Reads what it prints until it listens. None when it ends before.
    async fn listen(&mut self) -> Option<SocketAddr> {
        let reading = async {
            while let Some(line) = self.stdout.next_line().await.unwrap() {
                if let Some(key) = line.strip_prefix("administrator key: ") {
                    self.printed_key = Some(key.to_owned());
                    let _ = self.place.key.set(key.to_owned());
                }
                if let Some(address) = line.strip_prefix("listening on http://") {
                    return Some(address.parse().unwrap());
                }
            }
            None
        };
        let listening = tokio::time::timeout(PATIENCE, reading).await;
        listening.expect("a server starts or ends in time")
    }
}

/// A server that listens.
pub struct Server {
    pub address: SocketAddr,
    /// The administrator's key, if this start printed one.
    pub printed_key: Option<String>,
    /// What it says to the log, which is its standard error.
    pub log: PathBuf,
    known_key: Option<String>,
    child: Child,
    // Kept open: a server whose output nobody takes is another test.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Server {
    pub fn admin(&self) -> Client {
        let key = self.known_key.clone();
        Client::new(self.address, Some(key.expect("a first start printed it")))
    }

    /// Waits until it is ready for scans.
    pub async fn ready(&self) -> Client {
        let admin = self.admin();
        until("the server is ready", async || {
            admin.get("/readyz").await.status == 200
        })
        .await;
        admin
    }

    pub fn process_id(&self) -> u32 {
        self.child.id().expect("it was not waited for")
    }

    pub fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process_id().cast_signed()), signal).unwrap();
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> ExitStatus {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.expect("it ends in time").unwrap()
    }

    /// Ends it as a crash does, with what it was doing.
    pub async fn kill(self) {
        self.signal(Signal::SIGKILL);
        self.ended().await;
    }

    /// Ends it in order.
    pub async fn stop(self) {
        self.signal(Signal::SIGTERM);
        assert_eq!(self.ended().await.code(), Some(0));
    }

    /// The process ids of its decoding children.
    pub fn children(&self) -> Vec<u32> {
        children_of(self.process_id())
    }

    /// What `watchhouse ledger verify` says of its log.
    pub async fn verify_ledger(&self, place: &Place, since: Option<&Path>) -> Finished {
        let ledger = self.admin().get("/api/v1/ledger").await.expect(200);
        let key = ledger["verifier_key"].as_str().unwrap();
        let url = format!("http://{}/api/v1/ledger", self.address);
        let mut arguments = vec!["ledger", "verify", &url, "--key", key];
        if let Some(since) = since {
            arguments.extend(["--since", since.to_str().unwrap()]);
        }
        place.run(&arguments).await
    }
}

impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "it tells why the test failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the server said:\n{}", self.log_text());
        }
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Finished {
    #[track_caller]
    pub fn expect(self, code: i32) -> Finished {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }
}

/// A command with nothing in its environment that could change what it does.
pub fn clean(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs the program to its end, in no place at all.
pub async fn run(arguments: &[&str]) -> Finished {
    finish(clean(PROGRAM, arguments)).await
}

pub async fn finish(mut command: Command) -> Finished {
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.expect("the command ends in time").unwrap();
    Finished {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Polls until it is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = std::time::Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The process ids of a process's own children.
pub fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id: &u32| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        status
            .lines()
            .any(|line| line == format!("PPid:\t{parent}"))
    })
    .collect()
}

/// Whether a process with this id runs; one that is dead and not yet waited for does not.
pub fn runs(id: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let state = status.lines().find(|line| line.starts_with("State:"));
    state.is_some_and(|state| !state.contains('Z') && !state.contains('X'))
}

/// Fails the test when a program that it needs is not there.
pub fn need(program: &str, package: &str) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    assert!(
        is_there,
        "{program} is not installed (Debian's package {package}): `make test` installs it"
    );
}
