//! Checkpoints: reading, refusing, and signing the bytes that Tessera signed.

use std::fs;

use watchhouse::ledger::{
    checkpoint::{Checkpoint, CheckpointError},
    edge::Edge,
    merkle::{EMPTY_ROOT, TreeHead, leaf_hash},
    note::{NoteError, Signer},
};

use super::{ORIGIN, leaves, naive, reference, signer, verifiers};

pub(crate) const TESSERA_ORIGIN: &str = "example.com/log/testdata";
const TESSERA_SIGNER: &str =
    "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg";
pub(crate) const TESSERA_ENTRIES: [&str; 15] = [
    "one", "two", "three", "four", "five", "six", "seven", "eit", "nain", "ten", "ileven", "twelf",
    "threeten", "fourten", "fivten",
];
const TESSERA_CHECKPOINT_15: &str = "example.com/log/testdata\n\
    15\n\
    rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=\n\
    \n\
    — example.com/log/testdata M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=\n";

pub(crate) fn tessera_signer() -> Signer {
    Signer::parse(TESSERA_SIGNER).expect("the published key")
}

fn sign_tessera(size: usize) -> String {
    let mut edge = Edge::empty();
    let leaves: Vec<_> = TESSERA_ENTRIES
        .iter()
        .map(|entry| leaf_hash(entry.as_bytes()))
        .collect();
    edge.append(&leaves[..size]);
    let checkpoint = Checkpoint::new(TESSERA_ORIGIN, edge.head());
    let note = checkpoint
        .sign(&tessera_signer())
        .expect("the origin can be printed");
    note.to_string()
}

#[test]
fn signing_gives_the_bytes_of_the_specification() {
    assert_eq!(sign_tessera(15), TESSERA_CHECKPOINT_15);
}

#[test]
fn signing_gives_the_bytes_of_every_checkpoint_that_tessera_signed() {
    let Some(log) = reference("tessera-log") else {
        return;
    };
    for size in 0..=15 {
        let theirs = fs::read_to_string(log.join(format!("checkpoint.{size}")))
            .expect("the log has all its checkpoints");
        assert_eq!(sign_tessera(size), theirs);
    }
}

#[test]
fn a_checkpoint_opens_only_for_its_origin_and_key() {
    let head = TreeHead {
        size: 5,
        root: naive::root(&leaves(5)),
    };
    let checkpoint = Checkpoint::new(ORIGIN, head);
    let note = checkpoint
        .sign(&signer())
        .expect("the origin can be printed")
        .to_string();

    assert_eq!(
        Checkpoint::open(note.as_bytes(), ORIGIN, &verifiers()),
        Ok(checkpoint)
    );
    assert_eq!(
        Checkpoint::open(note.as_bytes(), "watchhouse.example/other", &verifiers())
            .map_err(|error| error.to_string()),
        Err(
            "line 1 says the log is \"watchhouse.example/ledger\", expected \"watchhouse.example/other\""
                .to_owned()
        )
    );
    let stranger = Signer::from_seed(ORIGIN, &[8; 32]).expect("the origin is a key name");
    assert!(matches!(
        Checkpoint::open(note.as_bytes(), ORIGIN, &[stranger.verifier().clone()]),
        Err(CheckpointError::Note(NoteError::NobodyKnown(_)))
    ));
}

#[test]
fn extension_lines_of_others_are_kept() {
    let text = "log.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nmore\nand more\n";
    let checkpoint = Checkpoint::parse(text).expect("the checkpoint is well formed");
    assert_eq!(
        checkpoint.head,
        TreeHead {
            size: 0,
            root: EMPTY_ROOT
        }
    );
    assert_eq!(checkpoint.extensions, ["more", "and more"]);
    assert_eq!(checkpoint.to_string(), text);
}

#[test]
fn a_malformed_checkpoint_is_refused_by_the_line() {
    let root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let cases = [
        (String::new(), CheckpointError::Note(NoteError::NoNewline)),
        (
            format!("a\n1\n{root}"),
            CheckpointError::Note(NoteError::NoNewline),
        ),
        (format!("\n1\n{root}\n"), CheckpointError::NoOrigin),
        ("a\n".to_owned(), CheckpointError::BadSize),
        (format!("a\n\n{root}\n"), CheckpointError::BadSize),
        (format!("a\n01\n{root}\n"), CheckpointError::BadSize),
        (format!("a\n+1\n{root}\n"), CheckpointError::BadSize),
        (format!("a\n1 \n{root}\n"), CheckpointError::BadSize),
        (
            format!("a\n18446744073709551616\n{root}\n"),
            CheckpointError::BadSize,
        ),
        ("a\n1\n".to_owned(), CheckpointError::BadRoot),
        ("a\n1\nAAAA\n".to_owned(), CheckpointError::BadRoot),
        (
            format!("a\n1\n{}\n", root.trim_end_matches('=')),
            CheckpointError::BadRoot,
        ),
        (
            format!("a\n1\n{root}\n\nb\n"),
            CheckpointError::BlankLine(4),
        ),
        (
            "a\n0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".to_owned(),
            CheckpointError::NotEmptyRoot,
        ),
    ];
    for (text, error) in cases {
        assert_eq!(Checkpoint::parse(&text), Err(error), "{text:?}");
    }
}

#[test]
fn what_would_not_read_back_is_not_signed() {
    let head = TreeHead {
        size: 0,
        root: EMPTY_ROOT,
    };
    let mut extended = Checkpoint::new(ORIGIN, head);
    extended.extensions.push(String::new());
    for checkpoint in [
        Checkpoint::new("", head),
        Checkpoint::new("a\n1", head),
        extended,
    ] {
        assert_eq!(
            checkpoint.sign(&signer()),
            Err(CheckpointError::Unprintable)
        );
    }
}
