//! The Merkle tree: how leaves and nodes are hashed, and whether a proof holds.
//!
//! Everything here is arithmetic on hashes in memory. It MUST NOT read, write or trust anything:
//! every length and index that a proof brings is checked before it is used.
//!
//! Hashing follows RFC 6962, section 2.1, with SHA-256; verification follows the iterative algorithms
//! of RFC 9162, sections 2.1.3.2 and 2.1.4.2.

use sha2::{Digest, Sha256};

/// The SHA-256 of a leaf or of a node. In this product "hash" alone means a fingerprint of media.
pub type NodeHash = [u8; 32];

/// The root of the tree that has no leaves: SHA-256 of nothing.
pub const EMPTY_ROOT: NodeHash = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// The longest proof that is looked at: a tree of 2^64 leaves needs no more.
pub const MAX_PROOF_HASHES: usize = 64;

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("leaf {index} is not in a tree of {size} leaves")]
    NoSuchLeaf { index: u64, size: u64 },
    #[error("a tree of {old} leaves cannot have grown into one of {new}")]
    Shrunk { old: u64, new: u64 },
    #[error("a proof that starts from an empty tree says nothing; compare with the empty root")]
    FromEmpty,
    #[error("the proof has {found} hashes, which does not fit the tree")]
    WrongLength { found: usize },
    #[error("the proof leads to another root")]
    WrongRoot,
}

/// What an entry becomes in the tree: SHA-256(0x00 || entry).
pub fn leaf_hash(entry: &[u8]) -> NodeHash {
    Sha256::new()
        .chain_update([0x00])
        .chain_update(entry)
        .finalize()
        .into()
}

/// What two neighbours become: SHA-256(0x01 || left || right).
pub fn node_hash(left: &NodeHash, right: &NodeHash) -> NodeHash {
    Sha256::new()
        .chain_update([0x01])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The root of the tree over `nodes`, from left to right.
///
/// All nodes but the last MUST stand for complete subtrees of one height. The last may stand for a
/// lower, incomplete one: RFC 6962 leaves such a remainder at the right edge, so it is combined just
/// as a single leaf would be.
pub fn root_of(nodes: &[NodeHash]) -> NodeHash {
    match nodes {
        [] => EMPTY_ROOT,
        [only] => *only,
        _ => {
            let (left, right) = nodes.split_at(largest_power_below(nodes.len() as u64) as usize);
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// Where RFC 6962 splits a tree of `size` leaves: the largest power of two strictly below `size`.
///
/// `size` MUST be at least 2.
pub(super) fn largest_power_below(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Checks that `leaf` is leaf number `index` of the tree that has `size` leaves and the root `root`.
///
/// `proof` goes from the leaf's sibling to the root's child.
pub fn verify_inclusion(
    leaf: &NodeHash,
    index: u64,
    size: u64,
    proof: &[NodeHash],
    root: &NodeHash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::NoSuchLeaf { index, size });
    }
    let wrong_length = ProofError::WrongLength { found: proof.len() };
    if proof.len() > MAX_PROOF_HASHES {
        return Err(wrong_length);
    }

    let mut walk = Walk::new(index, size - 1);
    let mut found = *leaf;
    for sibling in proof {
        found = match walk.step().ok_or(wrong_length)? {
            Side::Left => node_hash(sibling, &found),
            Side::Right => node_hash(&found, sibling),
        };
    }
    if !walk.is_at_root() {
        return Err(wrong_length);
    }
    if found != *root {
        return Err(ProofError::WrongRoot);
    }
    Ok(())
}

/// A tree's size and root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    pub size: u64,
    pub root: NodeHash,
}

/// Checks that the tree `old` is the beginning of the tree `new`.
///
/// RFC 6962 defines no proof from an empty tree, so an `old` of size 0 is refused here. A caller for
/// whom the empty tree is a valid start checks that its root is [`EMPTY_ROOT`] and the proof is empty.
pub fn verify_consistency(
    old: TreeHead,
    new: TreeHead,
    proof: &[NodeHash],
) -> Result<(), ProofError> {
    let wrong_length = ProofError::WrongLength { found: proof.len() };
    if old.size > new.size {
        return Err(ProofError::Shrunk {
            old: old.size,
            new: new.size,
        });
    }
    if old.size == 0 {
        return Err(ProofError::FromEmpty);
    }
    if proof.len() > MAX_PROOF_HASHES {
        return Err(wrong_length);
    }
    if old.size == new.size {
        return match (proof.is_empty(), old.root == new.root) {
            (false, _) => Err(wrong_length),
            (true, false) => Err(ProofError::WrongRoot),
            (true, true) => Ok(()),
        };
    }

    // An old tree that is a complete subtree of the new one is its own starting point, and the proof
    // leaves it out.
    let (start, rest) = match proof {
        [] => return Err(wrong_length),
        all if old.size.is_power_of_two() => (&old.root, all),
        [first, rest @ ..] => (first, rest),
    };
    let mut walk = Walk::new(old.size - 1, new.size - 1);
    walk.skip_complete();
    let (mut found_old, mut found_new) = (*start, *start);
    for sibling in rest {
        match walk.step().ok_or(wrong_length)? {
            Side::Left => {
                found_old = node_hash(sibling, &found_old);
                found_new = node_hash(sibling, &found_new);
            }
            Side::Right => found_new = node_hash(&found_new, sibling),
        }
    }
    if !walk.is_at_root() {
        return Err(wrong_length);
    }
    if found_old != old.root || found_new != new.root {
        return Err(ProofError::WrongRoot);
    }
    Ok(())
}

/// The side on which the next proof hash stands.
enum Side {
    Left,
    Right,
}

/// The way from a node up to the root: RFC 9162's `fn` and `sn`.
struct Walk {
    node: u64,
    last: u64,
}

impl Walk {
    fn new(node: u64, last: u64) -> Walk {
        Walk { node, last }
    }

    /// Goes up for as long as the node is the right child of a complete subtree.
    fn skip_complete(&mut self) {
        while self.node & 1 == 1 {
            self.up();
        }
    }

    /// Takes one proof hash and goes up. None when there is nothing above.
    fn step(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let side = if self.node & 1 == 1 || self.node == self.last {
            // A last node without a sibling rises until it is somebody's right child.
            while self.node & 1 == 0 && self.node != 0 {
                self.up();
            }
            Side::Left
        } else {
            Side::Right
        };
        self.up();
        Some(side)
    }

    fn is_at_root(&self) -> bool {
        self.last == 0
    }

    fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }
}
