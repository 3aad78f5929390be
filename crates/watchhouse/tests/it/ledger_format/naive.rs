//! RFC 6962, section 2.1, and tlog-tiles' definition of a tile, word for word and slow.

use sha2::{Digest, Sha256};
use watchhouse::ledger::{merkle::NodeHash, tile::Tile};

pub(crate) fn root(leaves: &[NodeHash]) -> NodeHash {
    match leaves.len() {
        0 => Sha256::digest(b"").into(),
        1 => leaves[0],
        n => {
            let k = split(n);
            let (left, right) = (root(&leaves[..k]), root(&leaves[k..]));
            Sha256::digest([&[1][..], &left, &right].concat()).into()
        }
    }
}

/// PATH(m, D[n]).
pub(crate) fn path(m: usize, leaves: &[NodeHash]) -> Vec<NodeHash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if m < left.len() {
        [path(m, left), vec![root(right)]].concat()
    } else {
        [path(m - left.len(), right), vec![root(left)]].concat()
    }
}

/// SUBPROOF(m, D[n], b).
pub(crate) fn subproof(m: usize, leaves: &[NodeHash], b: bool) -> Vec<NodeHash> {
    if m == leaves.len() {
        return if b { Vec::new() } else { vec![root(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if m <= left.len() {
        [subproof(m, left, b), vec![root(right)]].concat()
    } else {
        [subproof(m - left.len(), right, false), vec![root(left)]].concat()
    }
}

/// The hashes of a tile: for each i below its width, MTH(D[(n*256+i)*256^l : (n*256+i+1)*256^l]).
pub(crate) fn tile(tile: Tile, leaves: &[NodeHash]) -> Vec<u8> {
    let below = 256usize.pow(tile.level.into());
    let hash = |i| {
        let node = tile.index as usize * 256 + i;
        root(&leaves[node * below..(node + 1) * below])
    };
    (0..tile.width.into()).flat_map(hash).collect()
}

/// The tiles of a tree: per level floor(s/256^(l+1)) full ones, and a partial one of
/// floor(s/256^l) mod 256 if that is not 0.
pub(crate) fn tiles(size: usize) -> Vec<Tile> {
    let mut tiles = Vec::new();
    for level in 0..4u8 {
        let n_nodes = size / 256usize.pow(level.into());
        let n_full = (n_nodes / 256) as u64;
        let width = (n_nodes % 256) as u16;
        tiles.extend((0..n_full).map(|index| Tile {
            level,
            index,
            width: 256,
        }));
        if width > 0 {
            tiles.push(Tile {
                level,
                index: n_full,
                width,
            });
        }
    }
    tiles
}

fn split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}
