//! Lists of hashes and what is looked up in them: random ones, and crowds around photographs.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Context as _;
use image::imageops::FilterType;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use watchhouse_match::{Family, PdqHash, Picture, Spectrum};

/// Of them half are near a listed hash, at each distance up to the threshold alike.
pub(super) const QUERIES: usize = 2_048;

pub(super) const THRESHOLD: u32 = 31;

/// Debian's package plasma-workspace-wallpapers.
const PHOTOGRAPHS: &str = "/usr/share/wallpapers";

/// Below this a picture's hash means little.
const LEAST_QUALITY: u8 = 50;

pub(super) struct List {
    pub(super) listed: Vec<[u8; 32]>,
    pub(super) queries: Vec<[u8; 32]>,
}

impl List {
    pub(super) fn random(n_hashes: usize) -> List {
        let mut rng = StdRng::seed_from_u64(1);
        let listed: Vec<[u8; 32]> = (0..n_hashes).map(|_| rng.random()).collect();
        let strangers = |rng: &mut StdRng| rng.random();
        List {
            queries: queries(&listed, strangers, &mut rng),
            listed,
        }
    }

    /// Crowds of 1 to 8192 hashes, as many of each doubling in size, up to 40 bits from the hash of a piece
    /// of a photograph. The queries that are not near a listed hash are pieces that are not listed.
    pub(super) fn clustered(n_hashes: usize) -> anyhow::Result<List> {
        let mut rng = StdRng::seed_from_u64(2);
        let mut pieces = pieces_of_photographs()?;
        for nth in (1..pieces.len()).rev() {
            pieces.swap(nth, rng.random_range(0..=nth));
        }
        let (unlisted, middles) = pieces.split_at(pieces.len() / 4);
        let mut listed = Vec::with_capacity(n_hashes);
        for middle in middles.iter().cycle() {
            let n_alike = (1 << rng.random_range(0..14)).min(n_hashes - listed.len());
            for _ in 0..n_alike {
                let n_bits = rng.random_range(0..=40);
                listed.push(turned(middle, n_bits, &mut rng));
            }
            if listed.len() == n_hashes {
                break;
            }
        }
        let strangers = |rng: &mut StdRng| unlisted[rng.random_range(0..unlisted.len())];
        Ok(List {
            queries: queries(&listed, strangers, &mut rng),
            listed,
        })
    }
}

fn queries(
    listed: &[[u8; 32]],
    stranger: impl Fn(&mut StdRng) -> [u8; 32],
    rng: &mut StdRng,
) -> Vec<[u8; 32]> {
    let query = |nth: usize| {
        if nth.is_multiple_of(2) {
            let near = &listed[nth * (listed.len() / QUERIES)];
            turned(near, (nth as u32 / 2) % (THRESHOLD + 1), rng)
        } else {
            stranger(rng)
        }
    };
    (0..QUERIES).map(query).collect()
}

/// The hash with so many bits turned.
fn turned(hash: &[u8; 32], n_bits: u32, rng: &mut StdRng) -> [u8; 32] {
    let mut turned = *hash;
    let mut n_left = n_bits;
    while n_left > 0 {
        let bit = rng.random_range(0..256);
        let mask = 1 << (bit % 8);
        // A bit that was turned already would be turned back.
        if (turned[bit / 8] ^ hash[bit / 8]) & mask == 0 {
            turned[bit / 8] ^= mask;
            n_left -= 1;
        }
    }
    turned
}

/// The hashes of pieces of photographs, whole ones among them, turned in all eight ways.
fn pieces_of_photographs() -> anyhow::Result<Vec<[u8; 32]>> {
    let mut found = HashSet::new();
    let mut pieces = Vec::new();
    for file in photographs(Path::new(PHOTOGRAPHS))? {
        let photograph = image::open(&file)
            .with_context(|| format!("decoding \"{}\"", file.display()))?
            .resize(960, 960, FilterType::Triangle)
            .into_rgb8();
        // So many to a side, each so many tenths of the side.
        for (n_to_a_side, tenths) in [(1, 10), (3, 8), (5, 5), (8, 3)] {
            let (width, height) = photograph.dimensions();
            let (piece_width, piece_height) = (width * tenths / 10, height * tenths / 10);
            let place = |nth: u32, room: u32| room * nth / (n_to_a_side - 1).max(1);
            for nth in 0..n_to_a_side * n_to_a_side {
                let x = place(nth % n_to_a_side, width - piece_width);
                let y = place(nth / n_to_a_side, height - piece_height);
                let piece = image::imageops::crop_imm(&photograph, x, y, piece_width, piece_height);
                let piece = piece.to_image();
                let (width, height) = (piece_width as usize, piece_height as usize);
                let spectrum =
                    Spectrum::of(&Picture::rgb(width, height, piece.as_raw()), Family::Full);
                if spectrum.pdq().quality >= LEAST_QUALITY {
                    let dihedrals = spectrum.dihedrals().map(|PdqHash(bytes)| bytes);
                    pieces.extend(dihedrals.into_iter().filter(|hash| found.insert(*hash)));
                }
            }
        }
    }
    anyhow::ensure!(
        pieces.len() > 1_000,
        "\"{PHOTOGRAPHS}\" has too few photographs; `make bench` installs them"
    );
    Ok(pieces)
}

/// The picture files below a directory, each once, always in the same order.
fn photographs(directory: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(directory)
        .with_context(|| format!("reading \"{}\"", directory.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            files.extend(photographs(&path)?);
        } else if kind.is_file() && path.extension().is_some_and(|e| e == "jpg" || e == "png") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
