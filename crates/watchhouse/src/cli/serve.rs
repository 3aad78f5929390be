//! `watchhouse serve`: the server, until it is told to stop.

#![allow(clippy::print_stdout, reason = "a command line prints")]

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::admin_key::insert_admin_key;
use crate::app::{App, Outside};
use crate::config::{Config, Log, LogFormat};
use crate::http;

#[derive(Args)]
pub struct Serve {
    /// A file with what differs from the defaults (`watchhouse config defaults` prints those)
    #[arg(long, value_name = "FILE", env = "WATCHHOUSE_CONFIG")]
    config: Option<PathBuf>,
}

impl Serve {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = Config::load(self.config.as_deref())?;
        start_log(&config.log)?;
        let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
        let ended = runtime.block_on(serve(config));
        // Without waiting for threads that still read a file or decode.
        runtime.shutdown_background();
        ended.map(|()| ExitCode::SUCCESS)
    }
}

fn start_log(log: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.level)
        .with_context(|| format!("the setting log.level is \"{}\"", log.level))?;
    // Colours are for people who look on; in a file they are rubbish.
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal() && !no_color)
        .with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}

async fn serve(config: Config) -> anyhow::Result<()> {
    // Taken before anything else, so that a second server does not get far.
    let listener = TcpListener::bind(config.server.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.server.listen))?;
    let grace = Duration::from_secs(config.server.stop_grace_seconds);
    let app = App::open(config, Outside::real()).await?;
    // Before the first word: whoever reads that it listens may tell it to stop.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    if let Some(secret) = first_key(&app).await? {
        say(&format!("administrator key: {secret}"));
        say("it is shown this once and kept nowhere: put it somewhere safe now");
    }
    let address = listener.local_addr()?;
    say(&format!("listening on http://{address}"));
    say(&format!("to browse the API: http://{address}/docs/"));

    app.start().await?;
    let stop = app.stop.clone();
    let told = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: calls under way are answered, new ones are not taken");
        stop.cancel();
    };
    let router = http::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, router).with_graceful_shutdown(told);
    let ended = async {
        server.await.context("serving")?;
        app.close().await;
        anyhow::Ok(())
    };
    let out_of_patience = async {
        app.stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        result = ended => {
            result?;
            tracing::info!("stopped");
        }
        () = out_of_patience => tracing::warn!("stopped before all that was under way had ended"),
    }
    Ok(())
}

/// Prints a line. Whether anybody reads it is no reason to stop: a server whose output was closed
/// serves on.
fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    if let Err(error) = writeln!(output, "{line}").and_then(|()| output.flush()) {
        tracing::warn!("a line could not be printed: {error}");
    }
}

/// Makes the administrator's key if there is no key at all. Returns its secret.
async fn first_key(app: &App) -> anyhow::Result<Option<String>> {
    let mut tx = app.store.begin().await?;
    // Of several nodes that start together for the first time, one makes it.
    if tx.has_keys().await? || !tx.put_meta("first_key", b"made").await? {
        return Ok(None);
    }
    let secret = insert_admin_key(&mut tx, &app.ids).await?;
    tx.commit().await?;
    Ok(Some(secret))
}
