//! Hashes as text and as bytes. What is read is written as what reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchhouse_match::{Hash, HashKind};

fuzz_target!(|bytes: &[u8]| {
    for kind in HashKind::all() {
        if let Ok(hash) = Hash::from_bytes(kind, bytes) {
            assert_eq!(hash.as_bytes(), bytes);
            assert_eq!(Hash::parse(kind, &hash.to_string()), Ok(hash));
        }
    }
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    for kind in HashKind::all() {
        if let Ok(hash) = Hash::parse(kind, text) {
            assert_eq!(hash.kind(), kind);
            assert_eq!(Hash::from_bytes(kind, hash.as_bytes()).as_ref(), Ok(&hash));
            assert_eq!(Hash::parse(kind, &hash.to_string()), Ok(hash));
        }
    }
    let _ = text.parse::<HashKind>();
});
