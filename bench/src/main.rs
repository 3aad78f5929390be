//! Measures Watchhouse from outside: the program as a process, the API over loopback.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement prints"
)]

mod api;
mod connection;
mod figure;
mod folder;
mod hashing;
mod http_lookup;
mod lookup;
mod peer;
mod server;
mod video;

use std::path::PathBuf;

use anyhow::Context as _;

use figure::{Figure, Versus};
use peer::Peers;

/// Rounds of each measurement.
const ROUNDS: usize = 5;

/// Pictures that are drawn: enough to be varied, few enough to be drawn quickly.
const PICTURES: u64 = 48;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut peers = Peers::start()?;
    let (mut versus, mut figures) = lookup::measure(&mut peers)?;
    if std::env::args().nth(1).as_deref() == Some("lookup") {
        println!("{}\n{}", Versus::table(&versus), Figure::table(&figures));
        return Ok(());
    }
    let program = std::env::current_exe()?.with_file_name("watchhouse");
    anyhow::ensure!(
        program.is_file(),
        "\"{}\" is not there; `make bench` builds it",
        program.display()
    );
    versus.extend(hashing::measure(&mut peers)?);
    versus.extend(video::measure(&program, &mut peers)?);
    drop(peers);
    eprint!("{}", Versus::table(&versus));

    eprintln!("drawing {PICTURES} pictures of 0.3 megapixels");
    let pictures = folder::draw(PICTURES);
    figures.push(folder::pictures_a_second(&program, &pictures)?);
    figures.extend(api::measure(&program, &pictures).await?);

    println!("{}\n{}", Versus::table(&versus), Figure::table(&figures));
    let out = PathBuf::from("bench/out");
    std::fs::create_dir_all(&out).context("making bench/out")?;
    let json: serde_json::Value = versus
        .iter()
        .map(Versus::json)
        .chain(figures.iter().map(Figure::json))
        .collect();
    std::fs::write(out.join("results.json"), format!("{json:#}\n"))
        .context("writing the results")?;
    Ok(())
}
