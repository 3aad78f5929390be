//! The tiles at hand: what was fetched before a computation that itself never waits.
//!
//! Edges and proofs name the tiles they need; the caller reads those from wherever they are kept, puts
//! them here, and computes.

use std::collections::HashMap;

use super::{merkle::NodeHash, tile::Tile};

/// Tiles by level and index.
#[derive(Debug, Clone, Default)]
pub struct TileSet {
    held: HashMap<(u8, u64), Vec<u8>>,
}

/// A tile that the computation needs is not in the set, or is shorter than the tree's size says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{path}\" is missing or cut off: expected {expected} bytes, found {found}")]
pub struct MissingTile {
    pub path: String,
    pub expected: usize,
    pub found: usize,
}

impl TileSet {
    pub fn new() -> TileSet {
        TileSet::default()
    }

    /// Adds a tile's bytes. It may have grown beyond the width that is needed: a partial tile is the
    /// beginning of every wider one.
    pub fn insert(&mut self, level: u8, index: u64, bytes: Vec<u8>) {
        self.held.insert((level, index), bytes);
    }

    /// The first `tile.width` hashes of a tile.
    pub fn hashes(&self, tile: Tile) -> Result<&[NodeHash], MissingTile> {
        let bytes = self
            .held
            .get(&(tile.level, tile.index))
            .map_or(&[][..], Vec::as_slice);
        let (hashes, _) = bytes.as_chunks();
        hashes.get(..tile.width.into()).ok_or_else(|| MissingTile {
            path: tile.path(),
            expected: tile.size_bytes(),
            found: bytes.len(),
        })
    }
}
