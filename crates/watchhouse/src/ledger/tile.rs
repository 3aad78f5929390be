//! Tiles: the tree's hashes, 256 at a time, under the names that others fetch them by.
//!
//! Pure naming and counting (c2sp.org/tlog-tiles); what is in a tile comes from `edge`, and where it is
//! kept is not this module's business. A tile that would be empty is never named.

use super::{
    merkle::NodeHash,
    path::{self, Resource},
};

/// The hashes in a full tile, and the entries in a full bundle.
pub const FULL_WIDTH: u16 = 256;

/// The bytes of a full tile.
pub const FULL_TILE_BYTES: usize = FULL_WIDTH as usize * size_of::<NodeHash>();

/// A tile of hashes.
///
/// At level 0 it holds leaf hashes. At level `l` each hash is the root of one full tile of level
/// `l - 1`; a partial tile is never hashed upward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// 0 to 63. A tree whose size fits 64 bits has levels 0 to 7.
    pub level: u8,
    /// Its place in its level, from the left.
    pub index: u64,
    /// How many hashes it holds: 1 to 256, and less than 256 only for the last one in its level.
    pub width: u16,
}

impl Tile {
    /// The tile at this place in a tree of `size` leaves. None when the tree has none there.
    pub fn at(level: u8, index: u64, size: u64) -> Option<Tile> {
        let width = width_at(nodes_at(level, size), index)?;
        Some(Tile {
            level,
            index,
            width,
        })
    }

    pub fn is_full(&self) -> bool {
        self.width == FULL_WIDTH
    }

    /// The same tile once it has grown to its end.
    pub fn full(self) -> Tile {
        Tile {
            width: FULL_WIDTH,
            ..self
        }
    }

    /// How many bytes its hashes take.
    pub fn size_bytes(&self) -> usize {
        usize::from(self.width) * size_of::<NodeHash>()
    }

    /// Where it is found below the log's prefix, such as `tile/0/x001/234.p/17`.
    pub fn path(&self) -> String {
        format!(
            "tile/{}/{}",
            self.level,
            path::print_place(self.index, self.width)
        )
    }

    /// Reads what [`Tile::path`] writes, and nothing else.
    pub fn parse(path: &str) -> Option<Tile> {
        match Resource::parse(path) {
            Some(Resource::Tile(tile)) => Some(tile),
            _ => None,
        }
    }
}

/// Every tile of a tree of `size` leaves: each level from the left, the lowest level first.
pub fn tiles_at(size: u64) -> impl Iterator<Item = Tile> {
    (0..8u8).flat_map(move |level| {
        let n_tiles = nodes_at(level, size).div_ceil(FULL_WIDTH.into());
        (0..n_tiles).filter_map(move |index| Tile::at(level, index, size))
    })
}

/// How many hashes a level has in a tree of `size` leaves.
pub(super) fn nodes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(8 * u32::from(level)).unwrap_or(0)
}

/// How many of `n_nodes` things fall into the group of 256 at `index`. None when none do.
pub(super) fn width_at(n_nodes: u64, index: u64) -> Option<u16> {
    let before = index.checked_mul(FULL_WIDTH.into())?;
    let width = n_nodes.saturating_sub(before).min(FULL_WIDTH.into()) as u16;
    (width > 0).then_some(width)
}
