//! What a kind of hash has to say of itself.

use std::fmt;

use super::Degenerate;
use super::text::write_hex;

/// A kind of hash. The types that implement this are names and hold nothing.
///
/// Parsing MUST take time linear in its input and MUST NOT panic: lists come from strangers.
pub trait Signal {
    /// One hash of this kind. What has no fixed size keeps its bytes in a box, so that a [`super::Hash`]
    /// stays as small as its largest fixed kind: millions are in flight when a list is imported.
    type Value: Clone + fmt::Debug + Ord + std::hash::Hash;

    /// The name in the API, the database and import files. MUST NOT change.
    const NAME: &'static str;

    /// The name that people write.
    const LABEL: &'static str;

    /// What one is called in a sentence, with its article.
    const NOUN: &'static str;

    /// A harmless valid hash for documents and forms: for digests that of the word "watchhouse".
    const EXAMPLE: &'static str;

    /// How many bytes it has; None if that differs from one to the next.
    const SIZE_BYTES: Option<usize>;

    /// True if nearby hashes mean similar media.
    const IS_PERCEPTUAL: bool = false;

    /// True if one may have spaces in it.
    const HAS_SPACES: bool = false;

    /// How much of a text that is none of this kind an error may quote, in characters.
    const QUOTED_CHARS: usize = 4;

    /// Reads what people and lists write.
    ///
    /// # Errors
    /// Why it is none, as a fragment that follows "… is not a PDQ hash: ".
    fn parse(text: &str) -> Result<Self::Value, String>;

    /// The inverse of [`Signal::as_bytes`].
    ///
    /// # Errors
    /// As [`Signal::parse`].
    fn from_bytes(bytes: &[u8]) -> Result<Self::Value, String>;

    /// What it is equal by, and how it is kept in the database.
    fn as_bytes(value: &Self::Value) -> &[u8];

    /// Whether it says enough to be put in an index.
    ///
    /// # Errors
    /// Why it does not.
    fn check_indexable(value: &Self::Value) -> Result<(), Degenerate>;

    /// Writes it as it is listed. Parses back to the same value.
    fn write(value: &Self::Value, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, Self::as_bytes(value))
    }
}
