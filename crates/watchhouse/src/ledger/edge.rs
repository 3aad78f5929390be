//! The tree's right edge: all that is needed to append to it and to say its root.
//!
//! A tree of any size is carried on by at most one partial tile per level. The edge holds those
//! hashes, takes new leaves, and tells which tiles they changed. It keeps nothing anywhere itself.

use super::{
    merkle::{EMPTY_ROOT, NodeHash, TreeHead, root_of},
    tile::{FULL_WIDTH, Tile, nodes_at},
    tile_set::{MissingTile, TileSet},
};

/// A tile with its hashes, `32 * tile.width` bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenTile {
    pub tile: Tile,
    pub bytes: Vec<u8>,
}

/// The right edge of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    /// Per level, the hashes of its partial tile: `(size >> 8 * level) % 256` of them.
    levels: Vec<Vec<NodeHash>>,
}

impl Edge {
    /// The edge of the empty tree.
    pub fn empty() -> Edge {
        Edge::default()
    }

    /// The tiles that [`Edge::load`] needs for a tree of `size` leaves: the partial one of each level.
    pub fn tiles(size: u64) -> impl Iterator<Item = Tile> {
        (0..8u8).filter_map(move |level| {
            Tile::at(level, nodes_at(level, size) / u64::from(FULL_WIDTH), size)
        })
    }

    /// The edge of the tree that has `size` leaves, from the tiles that [`Edge::tiles`] names.
    pub fn load(size: u64, tiles: &TileSet) -> Result<Edge, MissingTile> {
        let mut levels = Vec::new();
        for tile in Edge::tiles(size) {
            levels.resize(usize::from(tile.level) + 1, Vec::new());
            levels[usize::from(tile.level)] = tiles.hashes(tile)?.to_vec();
        }
        Ok(Edge { size, levels })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn root(&self) -> NodeHash {
        // A lower level's remainder is the last, incomplete node of the level above.
        let mut remainder = None;
        for held in &self.levels {
            let nodes: Vec<NodeHash> = held.iter().copied().chain(remainder).collect();
            remainder = (!nodes.is_empty()).then(|| root_of(&nodes));
        }
        remainder.unwrap_or(EMPTY_ROOT)
    }

    pub fn head(&self) -> TreeHead {
        TreeHead {
            size: self.size,
            root: self.root(),
        }
    }

    /// Appends leaves. Answers every tile that is new or has grown, in the order in which to publish
    /// them: the lowest level first.
    pub fn append(&mut self, leaves: &[NodeHash]) -> Vec<WrittenTile> {
        let mut written = Vec::new();
        let mut rising = leaves.to_vec();
        for level in 0u8.. {
            if rising.is_empty() {
                break;
            }
            if self.levels.len() == usize::from(level) {
                self.levels.push(Vec::new());
            }
            let held = &mut self.levels[usize::from(level)];
            held.append(&mut rising);

            let first = nodes_at(level, self.size) / u64::from(FULL_WIDTH);
            for (index, hashes) in (first..).zip(held.chunks(FULL_WIDTH.into())) {
                let tile = Tile {
                    level,
                    index,
                    width: hashes.len() as u16,
                };
                written.push(WrittenTile {
                    tile,
                    bytes: hashes.concat(),
                });
                if tile.is_full() {
                    rising.push(root_of(hashes));
                }
            }
            held.drain(..rising.len() * usize::from(FULL_WIDTH));
        }
        self.size = self
            .size
            .checked_add(leaves.len() as u64)
            .expect("a log does not reach 2^64 leaves");
        written
    }
}
