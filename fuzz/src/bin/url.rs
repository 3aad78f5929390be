//! Web addresses: their form is its own form, and what is listed is met where it stands in a text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchhouse_match::address::{Address, Expression};
use watchhouse_match::{Hash, HashKind, find_urls};

fuzz_target!(|text: &str| {
    let (found, is_all) = find_urls(text, 50);
    assert!(is_all || found.len() == 50);
    for found in &found {
        assert!((1..=127).contains(&found.keys.len()));
        assert!(
            !text
                .get(found.place.clone())
                .expect("whole letters")
                .is_empty()
        );
    }
    if let Ok(address) = Address::parse(text) {
        assert_eq!(Address::parse(&address.page()), Ok(address));
    }
    if let Ok(expression) = Expression::parse(text) {
        assert_eq!(Expression::parse(&expression.text()), Ok(expression));
    }
    if let Ok(Hash::Url(listed)) = Hash::parse(HashKind::Url, text) {
        let page = match Expression::parse(listed.as_str()) {
            Ok(Expression::Folder(_)) => format!("https://{}", listed.as_str()),
            _ => listed.as_str().to_owned(),
        };
        let host = page.split('/').nth(2).expect("it is behind the scheme");
        // A text may quote it, and a sentence may end with it.
        let is_plain = host
            .chars()
            .all(|sign| sign.is_alphanumeric() || "-.:[]".contains(sign))
            && !page.ends_with(|sign| ".,;:!?')]*_~".contains(sign));
        if is_plain {
            let (found, _) = find_urls(&format!("see <{page}>"), 1);
            let met = found.iter().any(|found| found.keys.contains(&listed.key()));
            assert!(met, "{listed:?}");
        }
    }
});
