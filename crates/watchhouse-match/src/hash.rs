//! Hashes: one fingerprint of media, of one kind, as bytes.
//!
//! A `Hash` is always complete: what is malformed never becomes one.
//!
//! A kind is a file here that implements [`Signal`] and says how the index finds it, and a line in `for_each_kind`. Everything else
//! (names, parsing, the index's tables, bank files, the API's document, the rules' variables) follows
//! from those two.

use std::fmt;
use std::str::FromStr;

mod degenerate;
mod md5;
mod pdq_hash;
mod sha1;
mod sha256;
mod signal;
mod term;
mod text;
mod url;
mod vpdq;

pub use degenerate::Degenerate;
pub use md5::Md5;
pub use pdq_hash::{Pdq, PdqHash};
pub use sha1::Sha1;
pub use sha256::Sha256;
pub use signal::Signal;
pub use term::{Term, Text};
pub use text::{ParseHashError, ParseKindError};
pub use url::{Url, UrlHash};
pub use vpdq::{VideoHash, Vpdq};

/// Every kind there is, in the order in which people are told of them: the type that implements
/// [`Signal`], which also names the kind, and the name of its table in the index.
macro_rules! for_each_kind {
    ($then:ident) => {
        $then! {
            /// Kept because hotlines exchange it. Collisions can be made at will: a match is a lead, not proof.
            Md5 md5,
            /// Kept because hotlines exchange it, in hex or base32. Collisions can be made at will.
            Sha1 sha1,
            /// The same file, for certain.
            Sha256 sha256,
            /// Perceptual hash of one picture; compared by Hamming distance.
            Pdq pdq,
            /// A video, as the PDQ hashes of its frames; compared by the share of them that are found.
            Vpdq vpdq,
            /// A page, a host or a folder on the web; found in what people write and link to.
            Url url,
            /// A word or phrase; found in what people write.
            Text text,
        }
    };
}
pub(crate) use for_each_kind;

macro_rules! define {
    ($($(#[$doc:meta])* $kind:ident $table:ident,)*) => {
        /// Which fingerprint a hash is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum HashKind {
            $($(#[$doc])* $kind,)*
        }

        /// One fingerprint of media.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Hash {
            $($kind(<$kind as Signal>::Value),)*
        }

        impl HashKind {
            const ALL: [HashKind; HashKind::NAMES.len()] = [$(HashKind::$kind,)*];

            /// The name of each kind, in their order.
            pub const NAMES: &[&str] = &[$(<$kind as Signal>::NAME,)*];

            pub const fn all() -> [HashKind; HashKind::NAMES.len()] {
                HashKind::ALL
            }

            /// The name in the API, the database and import files. MUST NOT change.
            pub const fn as_str(self) -> &'static str {
                match self { $(HashKind::$kind => <$kind as Signal>::NAME,)* }
            }

            /// The name that people write.
            pub const fn label(self) -> &'static str {
                match self { $(HashKind::$kind => <$kind as Signal>::LABEL,)* }
            }

            /// What one is called in a sentence, such as "an MD5 hash".
            pub const fn noun(self) -> &'static str {
                match self { $(HashKind::$kind => <$kind as Signal>::NOUN,)* }
            }

            /// How many bytes a hash of this kind has; None if that differs from one to the next.
            pub const fn size_bytes(self) -> Option<usize> {
                match self { $(HashKind::$kind => <$kind as Signal>::SIZE_BYTES,)* }
            }

            /// True if nearby hashes mean similar media, so that a bank's threshold applies.
            pub const fn is_perceptual(self) -> bool {
                match self { $(HashKind::$kind => <$kind as Signal>::IS_PERCEPTUAL,)* }
            }

            /// True if one may have spaces in it.
            pub const fn has_spaces(self) -> bool {
                match self { $(HashKind::$kind => <$kind as Signal>::HAS_SPACES,)* }
            }

            const fn quoted_chars(self) -> usize {
                match self { $(HashKind::$kind => <$kind as Signal>::QUOTED_CHARS,)* }
            }

            /// A harmless valid hash for documents and forms.
            pub const fn example(self) -> &'static str {
                match self { $(HashKind::$kind => <$kind as Signal>::EXAMPLE,)* }
            }
        }

        impl Hash {
            /// Reads what people and lists write: for most kinds hex of either case.
            ///
            /// # Errors
            /// Says what was wrong with the text, with only its first characters quoted.
            pub fn parse(kind: HashKind, text: &str) -> Result<Hash, ParseHashError> {
                let hash = match kind {
                    $(HashKind::$kind => <$kind as Signal>::parse(text).map(Hash::$kind),)*
                };
                hash.map_err(|why| ParseHashError::of_text(kind, text, why))
            }

            /// Takes the bytes of [`Hash::as_bytes`], for PDQ in the order of its hex form (bit 255 first).
            ///
            /// # Errors
            /// If they are not what [`Hash::as_bytes`] gives, as when there are too many or too few.
            pub fn from_bytes(kind: HashKind, bytes: &[u8]) -> Result<Hash, ParseHashError> {
                let hash = match kind {
                    $(HashKind::$kind => <$kind as Signal>::from_bytes(bytes).map(Hash::$kind),)*
                };
                hash.map_err(|why| ParseHashError::of_bytes(kind, bytes.len(), why))
            }

            pub const fn kind(&self) -> HashKind {
                match self { $(Hash::$kind(_) => HashKind::$kind,)* }
            }

            /// How the hash is kept: the bytes by which it is equal to another.
            pub fn as_bytes(&self) -> &[u8] {
                match self { $(Hash::$kind(value) => <$kind as Signal>::as_bytes(value),)* }
            }

            /// Whether the hash says enough to be put in an index.
            ///
            /// # Errors
            /// Why it does not: such a hash would match half of all blank or empty uploads.
            pub fn check_indexable(&self) -> Result<(), Degenerate> {
                match self { $(Hash::$kind(value) => <$kind as Signal>::check_indexable(value),)* }
            }
        }

        /// As it is listed: for most kinds lower-case hex.
        impl fmt::Display for Hash {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Hash::$kind(value) => <$kind as Signal>::write(value, f),)* }
            }
        }
    };
}
for_each_kind!(define);

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

impl HashKind {
    /// The names of all kinds in a sentence, such as "md5, sha1 or pdq" with the word "or".
    pub fn listed(word: &str) -> String {
        match HashKind::NAMES {
            [names @ .., last] => format!("{} {word} {last}", names.join(", ")),
            [] => String::new(),
        }
    }
}

impl From<PdqHash> for Hash {
    fn from(hash: PdqHash) -> Hash {
        Hash::Pdq(hash)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", self.kind())
    }
}
