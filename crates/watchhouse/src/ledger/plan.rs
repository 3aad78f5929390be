//! Plans: how to read a root or a proof off the tiles of a tree.
//!
//! A proof is a list of subtree roots, and which ones is known from the sizes alone. So a plan first
//! names the tiles to fetch, and then computes without waiting for anything.

use std::collections::BTreeSet;

use super::{
    merkle::{EMPTY_ROOT, NodeHash, largest_power_below, node_hash, root_of},
    tile::{FULL_WIDTH, Tile},
    tile_set::{MissingTile, TileSet},
};

/// Which subtrees' roots to compute, in order, in a tree of a given size.
///
/// The tiles may belong to a larger, later tree: those of the earlier one are their beginnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    size: u64,
    ranges: Vec<Range>,
}

/// The leaves `start..end`: a subtree as RFC 6962 splits them, complete unless it is the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    start: u64,
    end: u64,
}

impl Plan {
    /// The root of the tree of `size` leaves: one hash.
    pub fn root(size: u64) -> Plan {
        let ranges = vec![Range::all(size)];
        Plan { size, ranges }
    }

    /// The inclusion proof of leaf `index`: RFC 6962's `PATH(m, D[n])`, the leaf's sibling first.
    ///
    /// None when the tree has no such leaf.
    pub fn inclusion(index: u64, size: u64) -> Option<Plan> {
        if index >= size {
            return None;
        }
        let mut ranges = Vec::new();
        let mut range = Range::all(size);
        while range.len() > 1 {
            let (left, right) = range.split();
            if index < right.start {
                ranges.push(right);
                range = left;
            } else {
                ranges.push(left);
                range = right;
            }
        }
        ranges.reverse();
        Some(Plan { size, ranges })
    }

    /// The consistency proof between two sizes of one tree: RFC 6962's `PROOF(m, D[n])`.
    ///
    /// Empty from the empty tree, as the witness protocol wants it, and between equal sizes. None when
    /// `old` is the larger one.
    pub fn consistency(old: u64, new: u64) -> Option<Plan> {
        if old > new {
            return None;
        }
        let mut ranges = Vec::new();
        let mut range = Range::all(new);
        // Whoever checks the proof knows the old root, so it is left out for as long as the subtree at
        // hand would be the whole old tree.
        let mut is_old_tree = true;
        while old > 0 && old != range.end {
            let (left, right) = range.split();
            if old <= right.start {
                ranges.push(right);
                range = left;
            } else {
                ranges.push(left);
                range = right;
                is_old_tree = false;
            }
        }
        if !is_old_tree {
            ranges.push(range);
        }
        ranges.reverse();
        Some(Plan { size: new, ranges })
    }

    /// The tiles to put in the set for [`Plan::hashes`].
    pub fn tiles(&self) -> BTreeSet<Tile> {
        let subtrees = self.ranges.iter().flat_map(|range| range.complete());
        subtrees.map(|subtree| subtree.tile(self.size)).collect()
    }

    /// The roots, in the plan's order.
    pub fn hashes(&self, tiles: &TileSet) -> Result<Vec<NodeHash>, MissingTile> {
        let root = |range: &Range| {
            let mut roots = Vec::new();
            for subtree in range.complete() {
                roots.push(subtree.root(self.size, tiles)?);
            }
            // Each of them is the left child beside everything to its right.
            let joined = roots
                .into_iter()
                .rev()
                .reduce(|right, left| node_hash(&left, &right));
            Ok(joined.unwrap_or(EMPTY_ROOT))
        };
        self.ranges.iter().map(root).collect()
    }
}

impl Range {
    fn all(size: u64) -> Range {
        Range {
            start: 0,
            end: size,
        }
    }

    fn len(&self) -> u64 {
        self.end - self.start
    }

    fn split(self) -> (Range, Range) {
        let middle = self.start + largest_power_below(self.len());
        let left = Range {
            end: middle,
            ..self
        };
        let right = Range {
            start: middle,
            ..self
        };
        (left, right)
    }

    /// The complete subtrees that it consists of, from the left: ever smaller ones.
    fn complete(self) -> impl Iterator<Item = Subtree> {
        let mut start = self.start;
        std::iter::from_fn(move || {
            let height = (self.end - start).checked_ilog2()?;
            let subtree = Subtree { start, height };
            start += 1 << height;
            Some(subtree)
        })
    }
}

/// A complete subtree of 2^height leaves.
struct Subtree {
    start: u64,
    height: u32,
}

impl Subtree {
    /// The highest level that has the subtree's root or what is below it.
    fn level(&self) -> u8 {
        (self.height / 8) as u8
    }

    /// Where its hashes begin, counted from the left of its level.
    fn first_node(&self) -> u64 {
        self.start >> (8 * u32::from(self.level()))
    }

    fn tile(&self, size: u64) -> Tile {
        let index = self.first_node() / u64::from(FULL_WIDTH);
        Tile::at(self.level(), index, size).expect("a complete subtree of the tree is in its tiles")
    }

    fn root(&self, size: u64, tiles: &TileSet) -> Result<NodeHash, MissingTile> {
        let hashes = tiles.hashes(self.tile(size))?;
        let first = (self.first_node() % u64::from(FULL_WIDTH)) as usize;
        let n_nodes = 1 << (self.height % 8);
        Ok(root_of(&hashes[first..first + n_nodes]))
    }
}
