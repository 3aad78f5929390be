//! A term on the first line, and below it a text that is searched for it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use unicode_normalization::char::is_combining_mark;
use watchhouse_match::text::fold;
use watchhouse_match::{BankId, BankSettings, EntryId, Hash, HashKind, Index};

fuzz_target!(|input: &str| {
    let (listed, text) = input.split_once('\n').unwrap_or((input, ""));
    for text in [listed, text] {
        let folded = fold(text);
        assert_eq!(fold(&folded), folded);
    }
    let Ok(term) = Hash::parse(HashKind::Text, listed) else {
        return;
    };
    let mut index = Index::new();
    index
        .set_bank(BankId(1), BankSettings::default())
        .expect("a first bank");
    if index.insert(EntryId(1), BankId(1), &term).is_err() {
        return;
    }
    let found = index.find_terms(text);
    assert!(found.len() <= 1);
    for found in found {
        let place = text.get(found.place).expect("whole letters");
        assert!(!place.is_empty());
        assert_eq!(found.hit.distance == 0, fold(place) == term.to_string());
    }
    // A mark before any letter is no word's.
    let term = term.to_string();
    if !term
        .split(' ')
        .any(|word| word.starts_with(is_combining_mark))
    {
        let found = index.find_terms(&format!("so\n{term}\nit is"));
        assert_eq!(found.len(), 1, "{term:?}");
        assert_eq!(found[0].hit.distance, 0, "{term:?}");
    }
});
