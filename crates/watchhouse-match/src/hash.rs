//! Hashes: one fingerprint of media, of one kind, as bytes.
//!
//! A `Hash` is always complete: what has the wrong length never becomes one.

use std::fmt;
use std::str::FromStr;

mod degenerate;
mod pdq_hash;
mod text;

pub use degenerate::Degenerate;
pub use pdq_hash::PdqHash;
pub use text::{ParseHashError, ParseKindError};

/// Which fingerprint a hash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashKind {
    /// Kept because hotlines exchange it. Collisions can be made at will: a match is a lead, not proof.
    Md5,
    /// Kept because hotlines exchange it, in hex or base32. Collisions can be made at will.
    Sha1,
    Sha256,
    /// Perceptual hash of one picture; compared by Hamming distance.
    Pdq,
}

impl HashKind {
    pub const fn all() -> [HashKind; 4] {
        [
            HashKind::Md5,
            HashKind::Sha1,
            HashKind::Sha256,
            HashKind::Pdq,
        ]
    }

    /// The name in the API, the database and import files. MUST NOT change.
    pub const fn as_str(self) -> &'static str {
        match self {
            HashKind::Md5 => "md5",
            HashKind::Sha1 => "sha1",
            HashKind::Sha256 => "sha256",
            HashKind::Pdq => "pdq",
        }
    }

    /// The name that people write.
    pub const fn label(self) -> &'static str {
        match self {
            HashKind::Md5 => "MD5",
            HashKind::Sha1 => "SHA-1",
            HashKind::Sha256 => "SHA-256",
            HashKind::Pdq => "PDQ",
        }
    }

    /// How many bytes a hash of this kind has.
    pub const fn size_bytes(self) -> usize {
        match self {
            HashKind::Md5 => 16,
            HashKind::Sha1 => 20,
            HashKind::Sha256 | HashKind::Pdq => 32,
        }
    }

    /// True if nearby hashes mean similar media, so that a bank's threshold applies.
    pub const fn is_perceptual(self) -> bool {
        matches!(self, HashKind::Pdq)
    }

    /// A harmless valid hash for documents and forms: the digest of the word "watchhouse", and for
    /// PDQ the hash of a drawn colour gradient.
    pub const fn example(self) -> &'static str {
        match self {
            HashKind::Md5 => "6a1847cb3cd37a7c8b1206f6ce72a66a",
            HashKind::Sha1 => "7ef791f2299577a080de5c6719e99efe82510b69",
            HashKind::Sha256 => "4f187313847b62e4f7c191abe0ccf4e797c026adcc4332da5a9c5932eae0e306",
            HashKind::Pdq => "26a0599f3660798ad000a7bf5551658aff2a625f5555555af7706227aeaa6267",
        }
    }
}

impl fmt::Display for HashKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for HashKind {
    type Err = ParseKindError;

    fn from_str(text: &str) -> Result<HashKind, ParseKindError> {
        HashKind::all()
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| ParseKindError::new(text))
    }
}

/// One fingerprint of media.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hash {
    Md5([u8; 16]),
    Sha1([u8; 20]),
    Sha256([u8; 32]),
    Pdq(PdqHash),
}

impl Hash {
    /// Reads hex of either case; SHA-1 also as base32, as some hotlines send it.
    ///
    /// # Errors
    /// Says what was wrong with the text, with only its first characters quoted.
    pub fn parse(kind: HashKind, text: &str) -> Result<Hash, ParseHashError> {
        let mut bytes = [0; 32];
        let bytes = &mut bytes[..kind.size_bytes()];
        text::decode(kind, text, bytes)?;
        Hash::from_bytes(kind, bytes)
    }

    /// Takes the raw bytes, for PDQ in the order of its hex form (bit 255 first).
    ///
    /// # Errors
    /// If there are not exactly [`HashKind::size_bytes`] of them.
    pub fn from_bytes(kind: HashKind, bytes: &[u8]) -> Result<Hash, ParseHashError> {
        let hash = match kind {
            HashKind::Md5 => bytes.try_into().map(Hash::Md5),
            HashKind::Sha1 => bytes.try_into().map(Hash::Sha1),
            HashKind::Sha256 => bytes.try_into().map(Hash::Sha256),
            HashKind::Pdq => bytes.try_into().map(|bytes| Hash::Pdq(PdqHash(bytes))),
        };
        hash.map_err(|_| ParseHashError::wrong_size(kind, bytes.len()))
    }

    pub const fn kind(&self) -> HashKind {
        match self {
            Hash::Md5(_) => HashKind::Md5,
            Hash::Sha1(_) => HashKind::Sha1,
            Hash::Sha256(_) => HashKind::Sha256,
            Hash::Pdq(_) => HashKind::Pdq,
        }
    }

    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Hash::Md5(bytes) => bytes,
            Hash::Sha1(bytes) => bytes,
            Hash::Sha256(bytes) => bytes,
            Hash::Pdq(hash) => &hash.0,
        }
    }

    /// Whether the hash says enough about a picture to be put in an index.
    ///
    /// # Errors
    /// Why it does not: such a hash would match half of all blank or empty uploads.
    pub fn check_indexable(&self) -> Result<(), Degenerate> {
        degenerate::check(self)
    }
}

impl From<PdqHash> for Hash {
    fn from(hash: PdqHash) -> Hash {
        Hash::Pdq(hash)
    }
}

/// Lower-case hex.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write_hex(f, self.as_bytes())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", self.kind())
    }
}
