//! `watchhouse-demo`: the tour, the platform by itself, and the pictures by themselves.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a command-line program"
)]

use std::env;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use watchhouse_demo::alterations::{ORIGINAL_QUALITY, jpeg};
use watchhouse_demo::pictures::{Scene, draw, natural_size};
use watchhouse_demo::platform::{Platform, Watchhouse};
use watchhouse_demo::tour::{Options, tour};

/// Shows what Watchhouse does, with pictures that this program draws itself
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    tour: TourArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Start a server and a platform, post pictures and show what became of them (the default)
    Tour(TourArgs),
    /// Run the demo platform alone, beside a server of your own
    Platform(PlatformArgs),
    /// Draw pictures into a directory
    Pictures(PicturesArgs),
}

#[derive(Args)]
struct TourArgs {
    /// The watchhouse program; by default the one beside this program
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// End when the tour is over; listen on any free ports
    #[arg(long)]
    once: bool,
    /// Where everything is kept [default: demo-data, or a scratch directory with --once]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Use the photographs in this directory instead of drawn pictures
    #[arg(long, value_name = "DIR")]
    photos: Option<PathBuf>,
    /// Where the platform listens; a free port if this is taken
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8421")]
    listen: SocketAddr,
    /// Where the server listens; a free port if this is taken
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8420")]
    server_listen: SocketAddr,
}

#[derive(Args)]
struct PlatformArgs {
    /// Where Watchhouse is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8420")]
    watchhouse: String,
    /// An API key with the scopes scan and actions:write
    #[arg(long, env = "WATCHHOUSE_KEY", hide_env_values = true)]
    key: String,
    /// The secret that Watchhouse showed when /webhooks was registered
    #[arg(long, env = "WATCHHOUSE_WEBHOOK_SECRET", hide_env_values = true)]
    webhook_secret: String,
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8421")]
    listen: SocketAddr,
    /// Where posts and pictures are kept
    #[arg(long, default_value = "platform-data")]
    dir: PathBuf,
}

#[derive(Args)]
struct PicturesArgs {
    dir: PathBuf,
    /// How many
    #[arg(long, default_value_t = 36)]
    count: u64,
    /// The seed of the first; the others follow
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(cli: Cli) -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider is installed"))?;
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone())?;
    match cli.command {
        None => give_tour(cli.tour, stop).await,
        Some(Command::Tour(args)) => give_tour(args, stop).await,
        Some(Command::Platform(args)) => serve_platform(args, stop).await,
        Some(Command::Pictures(args)) => draw_pictures(&args),
    }
}

async fn give_tour(args: TourArgs, stop: CancellationToken) -> anyhow::Result<()> {
    let server = match args.server {
        Some(server) => server,
        None => beside_this("watchhouse")?,
    };
    let options = Options {
        server,
        is_once: args.once,
        dir: args.dir,
        photos: args.photos,
        platform_listen: args.listen,
        server_listen: args.server_listen,
    };
    tour(options, stop).await
}

fn beside_this(name: &str) -> anyhow::Result<PathBuf> {
    let this = env::current_exe().context("finding this program's own place")?;
    let path = this.with_file_name(name);
    anyhow::ensure!(
        path.is_file(),
        "there is no {}; name the program with --server",
        path.display()
    );
    Ok(path)
}

async fn serve_platform(args: PlatformArgs, stop: CancellationToken) -> anyhow::Result<()> {
    let watchhouse = Watchhouse::new(&args.watchhouse, &args.key)?;
    let platform = Platform::open(&args.dir, watchhouse, &args.webhook_secret)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("listening on {}", args.listen))?;
    println!("listening on http://{}", listener.local_addr()?);
    platform.serve(listener, stop).await
}

fn draw_pictures(args: &PicturesArgs) -> anyhow::Result<()> {
    fs::create_dir_all(&args.dir).with_context(|| format!("creating {}", args.dir.display()))?;
    for seed in args.seed..args.seed.saturating_add(args.count) {
        let file = jpeg(&draw(seed, natural_size(seed)), ORIGINAL_QUALITY);
        let path = args
            .dir
            .join(format!("{}-{seed:02}.{}", Scene::of(seed), file.extension));
        fs::write(&path, file.bytes).with_context(|| format!("writing {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}

fn stop_on_signals(stop: CancellationToken) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}
