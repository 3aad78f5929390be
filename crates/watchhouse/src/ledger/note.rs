//! Signed notes: a few lines of text and who vouches for them (c2sp.org/signed-note).
//!
//! Only Ed25519 (type 0x01) is signed and checked here; signatures of other types are kept as they
//! came and count as unknown. What the text says is not this module's business.

use std::fmt::{self, Display};

use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// The longest note that is read, in bytes. Go's reader draws the same line.
pub const MAX_NOTE_BYTES: usize = 1_000_000;

/// The most signatures that a note may carry. Go's reader draws the same line.
pub const MAX_SIGNATURES: usize = 100;

const ED25519: u8 = 0x01;
const SIGNER_PREFIX: &str = "PRIVATE+KEY+";
/// U+2014, an em dash, and a space: a hyphen or an en dash makes a note that nobody else can read.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// Why a note or a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("the note has {0} bytes, more than the {MAX_NOTE_BYTES} that are read")]
    TooLong(usize),
    #[error("the note is not UTF-8 at byte {0}")]
    NotUtf8(usize),
    #[error("line {0} has a control character")]
    ControlCharacter(usize),
    #[error("the note has no blank line with signatures after it")]
    NoSignatures,
    #[error("the note's last line does not end")]
    CutOff,
    #[error("the text of a note ends with a newline")]
    NoNewline,
    #[error("line {0} is not a signature: expected \"\u{2014} name base64\"")]
    BadSignatureLine(usize),
    #[error("the note has more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    #[error("the signature of \"{0}\" does not verify")]
    WrongSignature(String),
    #[error("none of the signatures is by a known key; the note has those of {0}")]
    NobodyKnown(String),
    #[error("\"{0}\" is not a key name: it is empty, or has white space or a \"+\"")]
    BadName(String),
    #[error("this is not a verifier key: expected \"name+8 hex digits+base64\" of an Ed25519 key")]
    BadVerifierKey,
    #[error(
        "this is not a signer key: expected \"PRIVATE+KEY+name+8 hex digits+base64\" of an Ed25519 key"
    )]
    BadSignerKey,
    #[error("the key of \"{name}\" has the id {computed:08x}, but its text says {stated:08x}")]
    WrongKeyId {
        name: String,
        stated: u32,
        computed: u32,
    },
}

/// A text with the signatures under it. None of them has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What is signed, including its final newline. It may contain blank lines.
    pub text: String,
    pub signatures: Vec<Signature>,
}

/// One line under a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub name: String,
    pub key_id: u32,
    /// What follows the key id: 64 bytes for Ed25519, other lengths for other types.
    pub bytes: Vec<u8>,
}

impl Note {
    pub fn parse(bytes: &[u8]) -> Result<Note, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLong(bytes.len()));
        }
        let note =
            str::from_utf8(bytes).map_err(|error| NoteError::NotUtf8(error.valid_up_to()))?;
        if let Some(at) = note.find(|c| c < ' ' && c != '\n') {
            return Err(NoteError::ControlCharacter(line_number(note, at)));
        }

        let blank = note.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, lines) = (&note[..=blank], &note[blank + 2..]);
        if lines.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        let lines = lines.strip_suffix('\n').ok_or(NoteError::CutOff)?;
        let mut signatures = Vec::new();
        for (line, number) in lines.split('\n').zip(line_number(note, blank + 2)..) {
            if signatures.len() == MAX_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            let signature = Signature::parse(line).ok_or(NoteError::BadSignatureLine(number))?;
            signatures.push(signature);
        }
        Ok(Note {
            text: text.to_owned(),
            signatures,
        })
    }

    /// Puts a signature under `text`, which MUST end with a newline and have no control characters.
    pub fn sign(text: &str, signer: &Signer) -> Result<Note, NoteError> {
        if !text.ends_with('\n') {
            return Err(NoteError::NoNewline);
        }
        if let Some(at) = text.find(|c| c < ' ' && c != '\n') {
            return Err(NoteError::ControlCharacter(line_number(text, at)));
        }
        Ok(Note {
            text: text.to_owned(),
            signatures: vec![signer.sign(text)],
        })
    }

    /// Checks the note against the keys that the reader trusts, and answers who of them signed it.
    ///
    /// At least one of them must have. Signatures by unknown keys are passed over; one by a known key
    /// that does not verify spoils the whole note.
    pub fn verify<'a>(&self, known: &'a [Verifier]) -> Result<Vec<&'a Verifier>, NoteError> {
        let mut signed_by = Vec::new();
        for signature in &self.signatures {
            let is_theirs = |verifier: &&Verifier| {
                verifier.name == signature.name && verifier.key_id == signature.key_id
            };
            let Some(verifier) = known.iter().find(is_theirs) else {
                continue;
            };
            if !verifier.verifies(&self.text, &signature.bytes) {
                return Err(NoteError::WrongSignature(signature.name.clone()));
            }
            // Repeating a signature must not make two signers of one.
            if !signed_by.contains(&verifier) {
                signed_by.push(verifier);
            }
        }
        if signed_by.is_empty() {
            let names: Vec<_> = self
                .signatures
                .iter()
                .map(|s| format!("\"{}\"", s.name))
                .collect();
            return Err(NoteError::NobodyKnown(names.join(", ")));
        }
        Ok(signed_by)
    }
}

impl Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            writeln!(f, "{signature}")?;
        }
        Ok(())
    }
}

impl Signature {
    /// Reads one signature line without its newline, as witnesses answer them.
    pub fn parse(line: &str) -> Option<Signature> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        let decoded = BASE64_STANDARD.decode(encoded).ok()?;
        let (key_id, bytes) = decoded.split_first_chunk()?;
        if !is_name(name) || bytes.is_empty() {
            return None;
        }
        Some(Signature {
            name: name.to_owned(),
            key_id: u32::from_be_bytes(*key_id),
            bytes: bytes.to_vec(),
        })
    }
}

impl Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded =
            BASE64_STANDARD.encode([&self.key_id.to_be_bytes(), &self.bytes[..]].concat());
        write!(f, "{SIGNATURE_PREFIX}{} {encoded}", self.name)
    }
}

/// A name and the public key that speaks for it. Prints as the verifier key others are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key_id: u32,
    key: VerifyingKey,
}

impl Verifier {
    /// Reads `name+8 hex digits+base64(0x01 || public key)`.
    pub fn parse(text: &str) -> Result<Verifier, NoteError> {
        let (name, stated, bytes) = parse_key(text).ok_or(NoteError::BadVerifierKey)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| NoteError::BadVerifierKey)?;
        let verifier = Verifier::new(name, key)?;
        verifier.check_key_id(stated)?;
        Ok(verifier)
    }

    fn new(name: &str, key: VerifyingKey) -> Result<Verifier, NoteError> {
        if !is_name(name) {
            return Err(NoteError::BadName(name.to_owned()));
        }
        let digest = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', ED25519])
            .chain_update(key.as_bytes())
            .finalize();
        let [a, b, c, d, ..]: [u8; 32] = digest.into();
        Ok(Verifier {
            name: name.to_owned(),
            key_id: u32::from_be_bytes([a, b, c, d]),
            key,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number by which signature lines refer to the key.
    pub fn key_id(&self) -> u32 {
        self.key_id
    }

    fn check_key_id(&self, stated: u32) -> Result<(), NoteError> {
        if self.key_id == stated {
            return Ok(());
        }
        Err(NoteError::WrongKeyId {
            name: self.name.clone(),
            stated,
            computed: self.key_id,
        })
    }

    fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        // Verifiers differ on odd keys and signatures unless all are strict.
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

impl Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = encode_key(self.key.as_bytes());
        write!(f, "{}+{:08x}+{key}", self.name, self.key_id)
    }
}

/// A name and the secret key that signs in it. Its `Debug` form does not show the key.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    verifier: Verifier,
}

impl Signer {
    /// A signer from a seed of 32 random bytes.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Signer, NoteError> {
        let key = SigningKey::from_bytes(seed);
        let verifier = Verifier::new(name, key.verifying_key())?;
        Ok(Signer { key, verifier })
    }

    /// Reads `PRIVATE+KEY+name+8 hex digits+base64(0x01 || seed)`, the form that Go's tools write.
    pub fn parse(text: &str) -> Result<Signer, NoteError> {
        let key = text.strip_prefix(SIGNER_PREFIX).and_then(parse_key);
        let (name, stated, seed) = key.ok_or(NoteError::BadSignerKey)?;
        let signer = Signer::from_seed(name, &seed)?;
        signer.verifier.check_key_id(stated)?;
        Ok(signer)
    }

    /// What [`Signer::parse`] reads. This is the secret.
    pub fn secret_text(&self) -> String {
        let Verifier { name, key_id, .. } = &self.verifier;
        let key = encode_key(self.key.as_bytes());
        format!("{SIGNER_PREFIX}{name}+{key_id:08x}+{key}")
    }

    /// The key to give to others.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    fn sign(&self, text: &str) -> Signature {
        Signature {
            name: self.verifier.name.clone(),
            key_id: self.verifier.key_id,
            bytes: self.key.sign(text.as_bytes()).to_bytes().to_vec(),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(&self.verifier).finish()
    }
}

/// Name, key id and key of both key texts. Base64 may contain `+`, a name may not.
fn parse_key(text: &str) -> Option<(&str, u32, [u8; 32])> {
    let mut fields = text.splitn(3, '+');
    let (name, key_id, encoded) = (fields.next()?, fields.next()?, fields.next()?);
    if key_id.len() != 8 || !key_id.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let key_id = u32::from_str_radix(key_id, 16).ok()?;
    let decoded = BASE64_STANDARD.decode(encoded).ok()?;
    let key = decoded.strip_prefix(&[ED25519])?.try_into().ok()?;
    Some((name, key_id, key))
}

fn encode_key(key: &[u8; 32]) -> String {
    BASE64_STANDARD.encode([&[ED25519], &key[..]].concat())
}

fn is_name(name: &str) -> bool {
    let is_allowed = |c: char| !c.is_whitespace() && c != '+' && c >= ' ';
    !name.is_empty() && name.chars().all(is_allowed)
}

/// The number of the line, from 1, in which byte `at` lies.
fn line_number(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}
