//! What a ledger serves: notes, checkpoints, keys, paths, bundles and proofs. What is read prints the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchhouse_fuzz::ledger::bundle::Bundle;
use watchhouse_fuzz::ledger::checkpoint::{Checkpoint, parse_node_hash, print_node_hash};
use watchhouse_fuzz::ledger::note::{Note, Verifier};
use watchhouse_fuzz::ledger::path::Resource;
use watchhouse_fuzz::ledger::proof::Proof;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(note) = Note::parse(bytes) {
        assert!(!note.signatures.is_empty());
        let _ = note.verify(&[]);
        let _ = Checkpoint::parse(&note.text);
    }
    for size in [1, 2, 256] {
        if let Some(entries) = Bundle::at(0, size).and_then(|bundle| bundle.decode(bytes).ok()) {
            assert_eq!(entries.len() as u64, size);
        }
    }
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(Checkpoint::parse(&checkpoint.to_string()), Ok(checkpoint));
    }
    if let Some(hash) = parse_node_hash(text) {
        assert_eq!(print_node_hash(&hash), text);
    }
    if let Some(resource) = Resource::parse(text) {
        assert_eq!(resource.path(), text);
    }
    if let Ok(proof) = text.parse::<Proof>() {
        assert_eq!(proof.to_string(), text);
    }
    let _ = Verifier::parse(text);
});
