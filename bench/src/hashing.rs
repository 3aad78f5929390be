//! Hashing pictures, side by side with the field's tools: on one core, the same files, in turns.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use serde_json::{Value, json};
use watchhouse_demo::pictures::{self, Size};
use watchhouse_match::{Family, Limits, Picture, inspect, pdq, screen};

use crate::figure::Versus;
use crate::peer::Peers;

/// Pictures of one kind, and how each is made.
struct Set {
    work: &'static str,
    /// The name under which it is also screened.
    screening: Option<&'static str>,
    size: Size,
    n_pictures: u64,
    extension: &'static str,
    options: fn() -> Value,
}

const SETS: [Set; 5] = [
    Set {
        work: "jpeg-0.3mp",
        screening: None,
        size: Size {
            width: 640,
            height: 480,
        },
        n_pictures: 12,
        extension: "jpg",
        options: || json!({ "quality": 85 }),
    },
    Set {
        work: "jpeg-2mp",
        screening: Some("screen-2mp"),
        size: LARGE,
        n_pictures: 6,
        extension: "jpg",
        options: || json!({ "quality": 85 }),
    },
    Set {
        work: "jpeg-12mp",
        screening: Some("screen-12mp"),
        size: HUGE,
        n_pictures: 2,
        extension: "jpg",
        options: || json!({ "quality": 85 }),
    },
    Set {
        work: "jpeg-12mp-progressive",
        screening: Some("screen-12mp-progressive"),
        size: HUGE,
        n_pictures: 2,
        extension: "jpg",
        options: || json!({ "quality": 85, "progressive": true }),
    },
    Set {
        work: "png-2mp",
        screening: None,
        size: LARGE,
        n_pictures: 4,
        extension: "png",
        options: || json!({}),
    },
];

const LARGE: Size = Size {
    width: 1_920,
    height: 1_080,
};
const HUGE: Size = Size {
    width: 4_000,
    height: 3_000,
};

/// Sets are drawn, saved by the peers' encoder, and hashed by both in turns.
pub(crate) fn measure(peers: &mut Peers) -> anyhow::Result<Vec<Versus>> {
    let directory = tempfile::tempdir()?;
    let mut measured = vec![kernel(peers, directory.path())?];
    for set in &SETS {
        eprintln!("hashing {} pictures of {}", set.n_pictures, set.work);
        let files = set.make(peers, directory.path())?;
        measured.push(whole_files(peers, set.work, &files, |bytes, limits| {
            inspect(bytes, limits).context("a picture could not be decoded")?;
            Ok(())
        })?);
        let Some(work) = set.screening else {
            continue;
        };
        measured.push(whole_files(peers, work, &files, |bytes, limits| {
            let screened = screen(bytes, limits).context("a picture could not be read")?;
            screened.context("a picture could not be screened")?;
            Ok(())
        })?);
    }
    Ok(measured)
}

/// The hash alone, of the same pixels.
fn kernel(peers: &mut Peers, directory: &Path) -> anyhow::Result<Versus> {
    eprintln!("hashing pixels of 2 megapixels");
    let picture = pictures::draw(1, LARGE);
    let file = directory.join("kernel.png");
    picture.save(&file)?;
    let ours = || {
        let picture = Picture::rgb(
            picture.width() as usize,
            picture.height() as usize,
            picture.as_raw(),
        );
        let began = Instant::now();
        std::hint::black_box(pdq(&picture, Family::Full));
        Ok(began.elapsed().as_secs_f64())
    };
    let theirs = || peers.time("kernel", &[&file]);
    Versus::in_turns("pdq-kernel", "pdqhash", ours, theirs)
}

impl Set {
    fn make(&self, peers: &mut Peers, directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for seed in 0..self.n_pictures {
            let drawn = directory.join("drawn.png");
            pictures::draw(seed, self.size).save(&drawn)?;
            let file = directory.join(format!("{}-{seed}.{}", self.work, self.extension));
            peers.save(&drawn, &file, (self.options)())?;
            files.push(file);
        }
        Ok(files)
    }
}

/// From a file's bytes to what `hash` makes of them.
fn whole_files(
    peers: &mut Peers,
    work: &'static str,
    files: &[PathBuf],
    hash: impl Fn(&[u8], &Limits) -> anyhow::Result<()>,
) -> anyhow::Result<Versus> {
    let read: Result<Vec<Vec<u8>>, _> = files.iter().map(std::fs::read).collect();
    let read = read?;
    let limits = Limits::default();
    let n_files = files.len() as f64;
    let ours = || {
        let began = Instant::now();
        for bytes in &read {
            hash(bytes, &limits)?;
        }
        Ok(began.elapsed().as_secs_f64() / n_files)
    };
    let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let theirs = || Ok(peers.time("file", &paths)? / n_files);
    Versus::in_turns(work, "threatexchange", ours, theirs)
}
