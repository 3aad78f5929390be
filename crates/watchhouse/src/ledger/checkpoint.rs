//! Checkpoints: a log's signed word that at this size it had this root (c2sp.org/tlog-checkpoint).
//!
//! This module MUST NOT decide what may be signed. A log never signs a checkpoint that contradicts an
//! earlier one, also after a restore from a backup: whoever calls [`Checkpoint::sign`] sees to that.

use std::fmt::{self, Display};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    merkle::{EMPTY_ROOT, NodeHash, TreeHead},
    note::{Note, NoteError, Signer, Verifier},
    path::parse_decimal,
};

/// What a checkpoint says. Prints as the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: its address without scheme and trailing slash, and the name of its key.
    pub origin: String,
    pub head: TreeHead,
    /// Lines that others' logs may add. No monitor can audit them, and Watchhouse writes none.
    pub extensions: Vec<String>,
}

/// Why a checkpoint cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error(transparent)]
    Note(#[from] NoteError),
    #[error("line 1 has no origin")]
    NoOrigin,
    #[error("line 1 says the log is \"{found}\", expected \"{expected}\"")]
    WrongOrigin { found: String, expected: String },
    #[error("line 2 is not a size: expected a decimal number without leading zeros")]
    BadSize,
    #[error("line 3 is not a root: expected 32 bytes in base64")]
    BadRoot,
    #[error("line 3 is not the root of an empty tree, but line 2 says that it is empty")]
    NotEmptyRoot,
    #[error("line {0} is blank")]
    BlankLine(usize),
    #[error("an origin or an extension is empty or has a line break")]
    Unprintable,
}

impl Checkpoint {
    pub fn new(origin: &str, head: TreeHead) -> Checkpoint {
        Checkpoint {
            origin: origin.to_owned(),
            head,
            extensions: Vec::new(),
        }
    }

    /// Reads the text of a checkpoint, without checking who signed it.
    pub fn parse(text: &str) -> Result<Checkpoint, CheckpointError> {
        let text = text.strip_suffix('\n').ok_or(NoteError::NoNewline)?;
        let mut lines = text.split('\n');

        let origin = lines.next().filter(|line| !line.is_empty());
        let origin = origin.ok_or(CheckpointError::NoOrigin)?;
        let size = lines.next().and_then(parse_decimal);
        let size = size.ok_or(CheckpointError::BadSize)?;
        let root = lines.next().and_then(parse_node_hash);
        let root = root.ok_or(CheckpointError::BadRoot)?;
        if size == 0 && root != EMPTY_ROOT {
            return Err(CheckpointError::NotEmptyRoot);
        }
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if let Some(at) = extensions.iter().position(String::is_empty) {
            return Err(CheckpointError::BlankLine(at + 4));
        }

        Ok(Checkpoint {
            origin: origin.to_owned(),
            head: TreeHead { size, root },
            extensions,
        })
    }

    /// Reads a signed checkpoint of the log `origin`, which at least one of `known` must have signed.
    pub fn open(
        note: &[u8],
        origin: &str,
        known: &[Verifier],
    ) -> Result<Checkpoint, CheckpointError> {
        let note = Note::parse(note)?;
        note.verify(known)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        if checkpoint.origin != origin {
            return Err(CheckpointError::WrongOrigin {
                found: checkpoint.origin,
                expected: origin.to_owned(),
            });
        }
        Ok(checkpoint)
    }

    /// The signed checkpoint. The same checkpoint and key make the same bytes.
    pub fn sign(&self, signer: &Signer) -> Result<Note, CheckpointError> {
        let mut lines = self.extensions.iter().chain([&self.origin]);
        if lines.any(|line| line.is_empty() || line.contains('\n')) {
            return Err(CheckpointError::Unprintable);
        }
        Ok(Note::sign(&self.to_string(), signer)?)
    }
}

impl Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.origin)?;
        writeln!(f, "{}", self.head.size)?;
        writeln!(f, "{}", print_node_hash(&self.head.root))?;
        for line in &self.extensions {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

/// Reads one hash as checkpoints, proofs and witnesses write it. None unless it is exactly 32 bytes.
pub fn parse_node_hash(text: &str) -> Option<NodeHash> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok()
}

/// Standard base64 with padding.
pub fn print_node_hash(hash: &NodeHash) -> String {
    BASE64_STANDARD.encode(hash)
}
