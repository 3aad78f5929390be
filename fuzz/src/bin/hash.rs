//! Hashes as text. What is read is written as text that reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchhouse_match::{Hash, HashKind};

fuzz_target!(|text: &str| {
    for kind in HashKind::all() {
        if let Ok(hash) = Hash::parse(kind, text) {
            assert_eq!(hash.kind(), kind);
            assert_eq!(Hash::parse(kind, &hash.to_string()), Ok(hash));
        }
    }
    let _ = text.parse::<HashKind>();
});
