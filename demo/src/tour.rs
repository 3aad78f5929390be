//! The tour: a server, a platform, pictures, verdicts, a decision and its proof, in about a minute.
//!
//! Everything goes the way it would in earnest: through the platform's own posting path, the public
//! API with keys that may do no more than their bearer's work, signed webhooks, and the ledger.
#![allow(
    clippy::print_stdout,
    reason = "what the tour finds is this program's output"
)]

mod api;
mod decisions;
mod keep;
mod past;
mod plan;
mod posting;
mod report;
mod server;
mod setting;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::platform::{Platform, Watchhouse};
use api::{Api, text};
use decisions::Deed;
use past::Find;
use plan::Plan;
use report::Row;
use server::Server;

pub struct Options {
    /// The watchhouse program.
    pub server: PathBuf,
    /// Ends when the tour is over, and listens wherever there is room.
    pub is_once: bool,
    /// None: `demo-data`, or a scratch directory if the tour is run once.
    pub dir: Option<PathBuf>,
    /// Photographs to use instead of drawn pictures.
    pub photos: Option<PathBuf>,
    pub platform_listen: SocketAddr,
    pub server_listen: SocketAddr,
}

/// What runs beside the tour and has to be stopped after it.
struct Beside {
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Gives the tour, and stays until `stop` unless it is run once.
///
/// # Errors
/// Says what did not happen that should have.
pub async fn tour(options: Options, stop: CancellationToken) -> anyhow::Result<()> {
    let (dir, _scratch) = directory(&options)?;
    let plan = Plan::new(options.photos.as_deref())?;

    println!(
        "starting the server; its data and its log are in {}",
        dir.display()
    );
    let listen = setting::room(options.server_listen, options.is_once, "server").await;
    let (server, mut process) = tokio::select! {
        started = Server::start(&options.server, &dir, listen) => started?,
        () = stop.cancelled() => bail!("stopped before the server was ready"),
    };
    println!("the server is ready at {}", server.base);

    let beside = Beside {
        stop: CancellationToken::new(),
        tasks: TaskTracker::new(),
    };
    let toured = tokio::select! {
        toured = visit(&options, &dir, &plan, &server, &beside) => toured,
        ended = process.ended() => Err(ended),
        () = stop.cancelled() => Err(anyhow::anyhow!("stopped before the tour was over")),
    };
    let toured = match toured {
        Ok(platform_base) if !options.is_once => {
            print_addresses(&server.base, &platform_base, &dir);
            tokio::select! {
                ended = process.ended() => Err(ended),
                () = stop.cancelled() => Ok(()),
            }
        }
        other => other.map(drop),
    };
    println!("stopping");
    let stopped = process.stop().await;
    beside.stop.cancel();
    beside.tasks.close();
    // A browser may keep its connection open for longer than anybody wants to wait.
    let _ = tokio::time::timeout(Duration::from_secs(3), beside.tasks.wait()).await;
    toured.and(stopped)
}

fn directory(options: &Options) -> anyhow::Result<(PathBuf, Option<TempDir>)> {
    let (dir, scratch) = match (&options.dir, options.is_once) {
        (Some(dir), _) => (dir.clone(), None),
        (None, false) => (PathBuf::from("demo-data"), None),
        (None, true) => {
            let scratch =
                TempDir::with_prefix("watchhouse-demo-").context("making a scratch directory")?;
            (scratch.path().to_owned(), Some(scratch))
        }
    };
    fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
    Ok((dir, scratch))
}

/// The tour itself. Gives the platform's address.
async fn visit(
    options: &Options,
    dir: &Path,
    plan: &Plan,
    server: &Server,
    beside: &Beside,
) -> anyhow::Result<String> {
    let listen = setting::room(options.platform_listen, options.is_once, "platform").await;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("listening on {listen}"))?;
    let platform_base = format!("http://{}", listener.local_addr()?);
    let admin = Api::new(&server.base, &server.admin_key)?;
    let keep = setting::prepare(dir, &admin, &format!("{platform_base}/webhooks")).await?;
    let watchhouse = Watchhouse::new(&server.base, &keep.platform_key)?;
    let platform = Platform::open(&dir.join("platform"), watchhouse, &keep.webhook_secret)?;
    beside
        .tasks
        .spawn(platform.clone().serve(listener, beside.stop.clone()));
    println!("the platform is ready at {platform_base}");

    let n_before = platform.feed().posts().count();
    if n_before > 0 {
        println!("{n_before} posts are there from before");
        platform.recheck().await;
    }
    println!(
        "listing the hashes of {} pictures in the bank",
        plan.banked.len()
    );
    let n_hashes = posting::bank(
        &admin.with_key(&keep.keeper_key),
        &keep.bank,
        plan.banked.clone(),
    )
    .await?;
    println!("  {n_hashes} hashes: PDQ and SHA-256 of each");
    posting::post_all(plan, &platform, &platform_base).await?;

    // What the scans said, before anybody decides anything.
    let faults = report::faults(&rows(plan, &platform));
    let deeds = decisions::decide(&admin.with_key(&keep.reviewer_key), &platform).await?;
    let rows = rows(plan, &platform);
    println!("\n{}", report::table(&rows));
    println!("{}", report::summary(&rows));
    print_deeds(&deeds, &platform);
    let keeper = admin.with_key(&keep.keeper_key);
    let find = past::list_later(&keeper, &keep.bank, plan, &platform).await?;
    print_find(find);
    verify_ledger(server, &admin.with_key(&keep.auditor_key)).await?;
    if !faults.is_empty() {
        bail!("{}", faults.join("; "));
    }
    Ok(platform_base)
}

/// The plan's uploads with their posts; one that is not there has no row.
fn rows(plan: &Plan, platform: &Platform) -> Vec<Row> {
    let feed = platform.feed();
    let row = |upload: &plan::Upload| {
        let post = feed
            .posts()
            .find(|post| post.file_name == upload.file_name)?
            .clone();
        Some(Row {
            upload: upload.clone(),
            post,
        })
    };
    plan.uploads.iter().filter_map(row).collect()
}

fn print_deeds(deeds: &[Deed], platform: &Platform) {
    for deed in deeds {
        println!("case {}: {} ({})", deed.case, deed.post, deed.file_name);
        println!(
            "  decided; the webhook came, the platform did \"{}\" and reported it within {} ms",
            deed.action,
            deed.took.as_millis(),
        );
    }
    if deeds.is_empty() {
        println!("cases were decided at an earlier start");
    }
    println!(
        "webhooks received by the platform: {}\n",
        platform.feed().received().len()
    );
}

fn print_find(find: Option<Find>) {
    let Some(find) = find else {
        println!("the past was searched at an earlier start\n");
        return;
    };
    println!("{} ({}) was found in the past", find.post, find.file_name);
    println!(
        "  the webhook came, and {} ms after the listing the platform has it {}\n",
        find.took.as_millis(),
        find.state,
    );
}

/// Checks the whole ledger with a program that is handed nothing but its address and its public key.
async fn verify_ledger(server: &Server, auditor: &Api) -> anyhow::Result<()> {
    let info = auditor.get("/ledger").await?;
    let address = format!("{}/api/v1/ledger", server.base);
    println!("the ledger's checkpoint:");
    for line in text(&info, "checkpoint")?.lines() {
        println!("  {line}");
    }
    let key = text(&info, "verifier_key")?;
    let verified = server
        .run(&["ledger", "verify", &address, "--key", key])
        .await?;
    println!("`watchhouse ledger verify` says:");
    for line in verified.lines() {
        println!("  {line}");
    }
    println!();
    Ok(())
}

fn print_addresses(server_base: &str, platform_base: &str, dir: &Path) {
    let places = [
        (
            format!("{platform_base}/"),
            "the demo platform: post a picture yourself",
        ),
        (
            format!("{platform_base}/webhooks"),
            "what Watchhouse told it",
        ),
        (format!("{server_base}/docs/"), "the API"),
        (format!("{server_base}/metrics"), "what it measures"),
    ];
    println!("open in a browser:");
    for (address, what) in places {
        println!("  {address:<34} {what}");
    }
    println!(
        "the administrator's key is in {}",
        dir.join("admin.key").display()
    );
    println!(
        "the keys of platform, reviewer, bank keeper and auditor are in {}",
        dir.join("tour.json").display()
    );
    println!("stop with Ctrl-C");
}
