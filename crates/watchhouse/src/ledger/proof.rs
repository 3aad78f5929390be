//! Proofs to hand out: that an entry is in the log, checkable years later without the log
//! (c2sp.org/tlog-proof).

use std::{
    fmt::{self, Display},
    str::FromStr,
};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    checkpoint::{Checkpoint, CheckpointError, parse_node_hash, print_node_hash},
    merkle::{MAX_PROOF_HASHES, NodeHash, ProofError, TreeHead, leaf_hash, verify_inclusion},
    note::Verifier,
    path::parse_decimal,
};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// Where an entry is, and the way from it to a signed root. Prints as a `.tlog-proof` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// What the reader may need to rebuild the entry, such as its salt. Nobody has signed it.
    pub extra: Option<Vec<u8>>,
    /// The entry's number in the log, from 0.
    pub index: u64,
    /// From the leaf's sibling to the root's child.
    pub hashes: Vec<NodeHash>,
    /// The signed checkpoint, byte for byte, with the cosignatures that it has.
    pub checkpoint: String,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    #[error("line 1 is not \"{FIRST_LINE}\"")]
    NotAProof,
    #[error("line 2 has no base64 after \"extra\"")]
    BadExtra,
    #[error("line {0} is not \"index\" and a decimal number without leading zeros")]
    BadIndex(usize),
    #[error("line {0} is not a hash: expected 32 bytes in base64")]
    BadHash(usize),
    #[error("it has more than {MAX_PROOF_HASHES} hashes")]
    TooManyHashes,
    #[error("it ends before the checkpoint")]
    CutOff,
    #[error("the checkpoint in it: {0}")]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Inclusion(#[from] ProofError),
}

impl Proof {
    /// Checks that `entry` is in the log `origin`, by a checkpoint that one of `known` signed. Answers
    /// that checkpoint.
    pub fn verify(
        &self,
        entry: &[u8],
        origin: &str,
        known: &[Verifier],
    ) -> Result<Checkpoint, ProofFileError> {
        let checkpoint = Checkpoint::open(self.checkpoint.as_bytes(), origin, known)?;
        let TreeHead { size, root } = checkpoint.head;
        verify_inclusion(&leaf_hash(entry), self.index, size, &self.hashes, &root)?;
        Ok(checkpoint)
    }
}

impl FromStr for Proof {
    type Err = ProofFileError;

    fn from_str(text: &str) -> Result<Proof, ProofFileError> {
        let mut lines = Lines::new(text);
        if lines.next()? != FIRST_LINE {
            return Err(ProofFileError::NotAProof);
        }

        let mut line = lines.next()?;
        let mut extra = None;
        if let Some(encoded) = line.strip_prefix("extra ") {
            let decoded = BASE64_STANDARD.decode(encoded);
            extra = Some(decoded.map_err(|_| ProofFileError::BadExtra)?);
            line = lines.next()?;
        }

        let index = line.strip_prefix("index ").and_then(parse_decimal);
        let index = index.ok_or(ProofFileError::BadIndex(lines.number))?;

        let mut hashes = Vec::new();
        loop {
            let line = lines.next()?;
            if line.is_empty() {
                break;
            }
            if hashes.len() == MAX_PROOF_HASHES {
                return Err(ProofFileError::TooManyHashes);
            }
            hashes.push(parse_node_hash(line).ok_or(ProofFileError::BadHash(lines.number))?);
        }

        Ok(Proof {
            extra,
            index,
            hashes,
            checkpoint: lines.rest.to_owned(),
        })
    }
}

impl Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", BASE64_STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", print_node_hash(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// The lines of a proof, and what has not been read of it.
struct Lines<'a> {
    rest: &'a str,
    /// The number of the line last read, from 1.
    number: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Lines<'a> {
        Lines {
            rest: text,
            number: 0,
        }
    }

    fn next(&mut self) -> Result<&'a str, ProofFileError> {
        let (line, rest) = self.rest.split_once('\n').ok_or(ProofFileError::CutOff)?;
        self.rest = rest;
        self.number += 1;
        Ok(line)
    }
}
