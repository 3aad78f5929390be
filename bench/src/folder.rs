//! `watchhouse scan` over a folder.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use watchhouse_demo::alterations::jpeg;
use watchhouse_demo::pictures::{self, Size};

use crate::ROUNDS;
use crate::figure::Figure;

/// 0.3 megapixels.
const SIZE: Size = Size {
    width: 640,
    height: 480,
};

/// Copies of each picture in the folder, so that starting the program does not count.
const COPIES: usize = 20;

/// Pictures of 0.3 megapixels, as JPEG.
pub(crate) fn draw(n_pictures: u64) -> Vec<Vec<u8>> {
    (0..n_pictures)
        .map(|seed| jpeg(&pictures::draw(seed, SIZE), 85).bytes)
        .collect()
}

/// Pictures a second on one core, against a list that none of them is on.
pub(crate) fn pictures_a_second(program: &Path, pictures: &[Vec<u8>]) -> anyhow::Result<Figure> {
    let directory = tempfile::tempdir()?;
    let folder = directory.path().join("pictures");
    std::fs::create_dir(&folder)?;
    for (i, picture) in pictures.iter().enumerate() {
        for copy in 0..COPIES {
            std::fs::write(folder.join(format!("{i}-{copy}.jpg")), picture)?;
        }
    }
    let bank = directory.path().join("list.txt");
    std::fs::write(&bank, format!("sha256 {}\n", "1f".repeat(32)))?;
    eprintln!(
        "scanning a folder of {} pictures, {ROUNDS} times",
        pictures.len() * COPIES
    );
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let output = Command::new(program)
            .args(["scan", "--json", "--jobs", "1", "--bank"])
            .arg(&bank)
            .arg(&folder)
            .output()
            .context("running watchhouse scan")?;
        anyhow::ensure!(
            output.status.success(),
            "watchhouse scan ended with {}",
            output.status
        );
        let text = String::from_utf8(output.stdout)?;
        let summary: serde_json::Value =
            serde_json::from_str(text.lines().last().context("it printed nothing")?)?;
        let files = summary["files"].as_f64().context("no files")?;
        rounds.push(files / summary["seconds"].as_f64().context("no seconds")?);
    }
    Ok(Figure {
        work: "scan of a folder, --jobs 1",
        unit: "pictures/s",
        rounds,
    })
}
