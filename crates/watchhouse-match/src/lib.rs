//! Perceptual and cryptographic hashes of media, and exact matching against large hash lists.
//!
//! Bytes in, hashes and matches out. This crate MUST NOT do I/O, start threads, read a clock or use
//! randomness: the same bytes give the same answer, on every machine, for ever. It is handed the
//! most hostile bytes a service meets, so it also MUST NOT panic on any input (one decoder, for AV1,
//! can end the process: see `decode/heif/av1.rs`), and what it cannot decode completely is an error
//! and never half an answer.
//!
//! * [`inspect()`] turns a file into the perceptual hashes of all its frames, in all their
//!   [variants](Variant).
//! * [`Digests`] are the cryptographic hashes of its bytes.
//! * [`find_urls`] finds the web addresses in a text, and [`Index::find_terms`] the listed terms.
//! * [`enum@Hash`] is one hash of either sort, parsed and printed.
//! * [`Vpdq`] is the hash of a video: those of its frames.
//! * [`Index`] finds the listed hashes that a hash meets.

pub mod address;
mod arch;
mod border;
pub mod decode;
pub mod digest;
pub mod hash;
pub mod index;
pub mod inspect;
mod jpeg;
pub mod pdq;
pub mod picture;
pub mod screen;
pub mod text;
pub mod variant;
pub mod video;
pub mod vpdq;

#[cfg(test)]
mod tests;

pub use address::{FoundUrl, UrlKey, find_urls};
pub use decode::{DecodeError, DecodeErrorKind, Format, Limits};
pub use digest::{Digester, Digests};
pub use hash::{
    Degenerate, Hash, HashKind, ParseHashError, ParseKindError, PdqHash, Term, UrlHash, VideoHash,
};
pub use index::{
    BankId, BankSettings, Compacted, Compaction, EntryId, FoundTerm, Hit, Index, ListedVideos,
    LoadError, Refused, Snapshot, Superseded,
};
pub use inspect::{Frame, Inspection, inspect};
pub use pdq::{Family, Pdq, PdqHasher, Spectrum, Transform, pdq};
pub use picture::{Channels, Picture, Row};
pub use screen::{Screened, screen};
pub use variant::{Area, Variant};
pub use video::Container;
pub use vpdq::{Sampling, Share, Shares, VideoFrame, Vpdq};
