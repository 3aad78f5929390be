//! Packs of rules. One that is refused says where and why.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchhouse_fuzz::rules::Pack;

fuzz_target!(|text: &str| {
    match Pack::parse("pack.toml", text) {
        Ok(pack) => assert_eq!(pack.name(), "pack.toml"),
        Err(problems) => assert!(!problems.is_empty()),
    }
});
