//! Cryptographic digests of media bytes: what hotlines exchange, and what evidence is known by.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::hash::Hash;

/// The three digests of one run of bytes.
///
/// Only SHA-256 identifies media: MD5 and SHA-1 collisions can be made at will, so a match on one
/// of them alone is a lead and never proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digests {
    pub md5: [u8; 16],
    pub sha1: [u8; 20],
    pub sha256: [u8; 32],
}

impl Digests {
    pub fn of(bytes: &[u8]) -> Digests {
        let mut digester = Digester::default();
        digester.update(bytes);
        digester.finish()
    }

    /// The same three as hashes to look up.
    pub fn hashes(&self) -> [Hash; 3] {
        [
            Hash::Md5(self.md5),
            Hash::Sha1(self.sha1),
            Hash::Sha256(self.sha256),
        ]
    }
}

/// Computes [`Digests`] of bytes that arrive in pieces.
#[derive(Clone, Default)]
pub struct Digester {
    md5: Md5,
    sha1: Sha1,
    sha256: Sha256,
}

/// So that one pass over a large file stays in the first-level cache for all three digests.
const PIECE_BYTES: usize = 16 * 1024;

impl Digester {
    pub fn update(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE_BYTES) {
            self.md5.update(piece);
            self.sha1.update(piece);
            self.sha256.update(piece);
        }
    }

    pub fn finish(self) -> Digests {
        Digests {
            md5: self.md5.finalize().into(),
            sha1: self.sha1.finalize().into(),
            sha256: self.sha256.finalize().into(),
        }
    }
}
