//! The ledger's formats and its tree, held against published vectors and a naive oracle.

mod checkpoints;
mod entries;
mod naive;
mod notes;
mod proofs;
mod tiles;
mod tree;
mod whole_log;

use std::{collections::BTreeMap, path::PathBuf};

use watchhouse::ledger::{
    edge::Edge,
    merkle::{NodeHash, leaf_hash},
    note::{Signer, Verifier},
    tile::Tile,
    tile_set::TileSet,
};

const ORIGIN: &str = "watchhouse.example/ledger";

fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[7; 32]).expect("the origin is a key name")
}

fn verifiers() -> Vec<Verifier> {
    vec![signer().verifier().clone()]
}

fn leaves(n_leaves: usize) -> Vec<NodeHash> {
    (0..n_leaves).map(|i| leaf_hash(&entry(i))).collect()
}

fn entry(index: usize) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

fn hash(hex: &str) -> NodeHash {
    bytes(hex).try_into().expect("a hash has 64 hex digits")
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |c: &u8| (*c as char).to_digit(16).expect("a hex digit") as u8;
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| digit(&pair[0]) << 4 | digit(&pair[1]))
        .collect()
}

/// Where a published test vector lies. None, and a line that says so, when it is not at hand.
fn reference(path: &str) -> Option<PathBuf> {
    let at = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/reference/tlog")
        .join(path);
    if at.exists() {
        return Some(at);
    }
    #[allow(clippy::print_stderr, reason = "a test that checks nothing says so")]
    {
        eprintln!("skipped: no reference files at \"{}\"", at.display());
    }
    None
}

/// The tiles of a growing tree, kept as the sequencer does: a row by level and index, replaced as it
/// grows.
#[derive(Default)]
struct Rows(BTreeMap<(u8, u64), Vec<u8>>);

impl Rows {
    fn grown_by(batches: &[usize]) -> Rows {
        let mut rows = Rows::default();
        let mut size = 0;
        for batch in batches {
            rows.append(size as u64, &leaves(size + batch)[size..]);
            size += batch;
        }
        rows
    }

    /// Reloads the edge, as a sequencer that was started again would.
    fn append(&mut self, size: u64, leaves: &[NodeHash]) {
        let mut edge = Edge::load(size, &self.only(Edge::tiles(size))).expect("all tiles are kept");
        for written in edge.append(leaves) {
            let Tile { level, index, .. } = written.tile;
            self.0.insert((level, index), written.bytes);
        }
    }

    /// A set that has these tiles and no others.
    fn only(&self, tiles: impl IntoIterator<Item = Tile>) -> TileSet {
        let mut set = TileSet::new();
        for Tile { level, index, .. } in tiles {
            if let Some(bytes) = self.0.get(&(level, index)) {
                set.insert(level, index, bytes.clone());
            }
        }
        set
    }
}
