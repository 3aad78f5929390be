use proptest::prelude::*;
use unicode_normalization::char::is_combining_mark;
use watchhouse_match::text::fold;
use watchhouse_match::{BankId, BankSettings, EntryId, Hash, HashKind, Index};

fn term(text: &str) -> Hash {
    Hash::parse(HashKind::Text, text).expect("a term")
}

fn index_of(terms: &[&str]) -> Index {
    let mut index = Index::new();
    let settings = BankSettings {
        threshold: 0,
        is_enabled: true,
        ..BankSettings::default()
    };
    index.set_bank(BankId(1), settings).expect("a bank");
    for (entry, listed) in (1..).map(EntryId).zip(terms) {
        index
            .insert(entry, BankId(1), &term(listed))
            .expect("fit for the index");
    }
    index
}

/// What is found, with its distance.
fn found<'t>(terms: &[&str], text: &'t str) -> Vec<(u64, &'t str, u32)> {
    let found = index_of(terms).find_terms(text);
    let found = found.into_iter();
    found
        .map(|found| (found.hit.entry.0, &text[found.place], found.hit.distance))
        .collect()
}

#[test]
fn a_term_is_found_as_it_is_written() {
    for (listed, text, place) in [
        ("bad word", "A Bad  Word!", "Bad  Word"),
        ("bad word", "ＢＡＤ\u{a0}ｗｏｒｄ", "ＢＡＤ\u{a0}ｗｏｒｄ"),
        ("bad", "b\u{200b}a\u{ad}d.", "b\u{200b}a\u{ad}d"),
        ("Straße", "die STRASSE hier", "STRASSE"),
        ("café", "(cafe\u{301})", "cafe\u{301}"),
        ("ﬁne", "so fine", "fine"),
        ("悪い", "これは悪い。", "悪い"),
        ("c++ code", "my C++ code", "C++ code"),
    ] {
        assert_eq!(
            found(&[listed], text),
            [(1, place, 0)],
            "{listed} in {text:?}"
        );
    }
}

#[test]
fn a_term_is_found_in_disguise() {
    for (listed, text, place) in [
        ("bad word", "b4d w0rd", "b4d w0rd"),
        ("bad", "so bаd", "bаd"), // with a Cyrillic а
        ("bad", "b̶a̶d̶", "b̶a̶d̶"),
        ("bad", "𝐛𝐚́𝐝 𝐠𝐮𝐲", "𝐛𝐚́𝐝"),
        ("kiss", "K1$$!", "K1$$"),
        ("cafe", "Café", "Café"),
        ("modern", "rnodern", "rnodern"),
        ("illicit", "|ll!c1t", "|ll!c1t"),
    ] {
        assert_eq!(
            found(&[listed], text),
            [(1, place, 1)],
            "{listed} in {text:?}"
        );
    }
}

#[test]
fn a_term_is_whole_words() {
    for (listed, text) in [
        ("ass", "the class passes"),
        ("bad", "badly"),
        ("bad word", "bad wordy"),
        ("bad word", "bad. word"),
        ("가나", "가낙"),
        ("ab", "a b"),
    ] {
        assert_eq!(found(&[listed], text), [], "{listed} in {text:?}");
    }
}

#[test]
fn each_term_is_found_once_and_the_plain_one_before_the_disguised() {
    let text = "b4d, bad and bad word";
    assert_eq!(
        found(&["bad", "bad word", "4d"], text),
        [(1, "bad", 0), (2, "bad word", 0)]
    );
}

#[test]
fn terms_come_and_go() {
    let mut index = index_of(&["one two", "three", "four", "seven"]);
    let entries = |index: &Index| -> Vec<u64> {
        let found = index.find_terms("one two three four five six").into_iter();
        found.map(|found| found.hit.entry.0).collect()
    };
    assert_eq!(entries(&index), [1, 2, 3]);
    assert!(index.remove(EntryId(2)));
    assert!(!index.remove(EntryId(2)));
    assert_eq!(entries(&index), [1, 3]);
    // Another term under a known number.
    index
        .insert(EntryId(1), BankId(1), &term("five"))
        .expect("fit for the index");
    assert_eq!(entries(&index), [1, 3]);
    let found = index.find_terms("one two");
    assert_eq!(found, []);
    assert_eq!(index.remove_bank(BankId(1)), 3);
    assert_eq!(index.len_of(HashKind::Text), 0);
}

#[test]
fn what_says_too_little_is_refused() {
    let why = |text: &str| term(text).check_indexable().map_err(|why| why.code());
    assert_eq!(why("ab"), Ok(()));
    assert_eq!(why("18"), Ok(()));
    for text in ["", "a", "!!", "\u{200b}", "a\u{301}"] {
        assert_eq!(why(text), Err("too_few_letters"), "{text:?}");
    }
    let error = |text: &str| {
        Hash::parse(HashKind::Text, text)
            .expect_err("no term")
            .to_string()
    };
    assert!(error(&"x".repeat(501)).ends_with("is not a term: longer than 500 bytes"));
    assert_eq!(
        error("a\0b"),
        "\"a\\0b\" is not a term: a control character"
    );
}

/// Texts that would take minutes if anything were quadratic.
#[test]
fn hostile_texts_take_no_time() {
    let long = "a".repeat(400);
    let index = index_of(&["aa", &long, "a a", "bad word", "lll"]);
    for part in [
        "a",
        "a ",
        "a\u{300}",
        "\u{200b}",
        "b\u{200b}",
        "ﷺ",
        "1",
        "가",
        "\u{1f1e6}",
        "a\u{fe0f}",
    ] {
        let text = part.repeat(100_000 / part.len());
        for found in index.find_terms(&text) {
            assert!(text.get(found.place).is_some());
        }
        let _ = Hash::parse(HashKind::Text, &text);
    }
}

fn any_words() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "bad",
        "word",
        " ",
        "\u{a0}",
        "B",
        "а",
        "é",
        "e\u{301}",
        "ß",
        "İ",
        "\u{345}",
        "ᾳ",
        "ﬃ",
        "\u{200b}",
        "\u{ad}",
        "1",
        "$",
        "rn",
        "m",
        "가",
        "각",
        "\u{11a8}",
        "悪",
        "𝐛",
        "\u{fdfa}",
        "\u{1f1e6}",
        ".",
        "\n",
        "ΐ",
        "\u{3164}",
    ]);
    let parts = prop::collection::vec(parts, 0..10).prop_map(|parts| parts.concat());
    prop_oneof![3 => parts, 1 => any::<String>()]
}

proptest! {
    #[test]
    fn what_is_folded_stays_as_it_is(text in any_words()) {
        let folded = fold(&text);
        prop_assert_eq!(fold(&folded), folded.clone());
        prop_assert_eq!(fold(&text.to_uppercase()).is_empty(), folded.is_empty());
    }

    /// A listed term is found in the text that it was made of, as it is written, wherever that stands.
    #[test]
    fn a_term_is_found_in_itself(text in any_words(), before in "[a-z]{0,3}", after in "[a-z]{0,3}") {
        let Ok(listed) = Hash::parse(HashKind::Text, &text) else {
            return Ok(());
        };
        // A mark before any letter belongs to no word.
        let first = text.chars().find(|letter| !fold(&letter.to_string()).is_empty());
        let begins_in_mark = first.is_some_and(is_combining_mark)
            || listed.to_string().starts_with(is_combining_mark);
        if listed.check_indexable().is_err() || begins_in_mark {
            return Ok(());
        }
        let index = index_of(&[&text]);
        let text = format!("{before}\n{text}\n{after}");
        let found = index.find_terms(&text);
        prop_assert_eq!(found.len(), 1, "{:?} in {:?}", listed, text);
        prop_assert_eq!(found[0].hit.distance, 0);
        prop_assert_eq!(fold(&text[found[0].place.clone()]), listed.to_string());
    }

    #[test]
    fn any_text_is_searched(terms in prop::collection::vec(any_words(), 1..5), text in any_words()) {
        let mut index = index_of(&[]);
        for (entry, listed) in (1..).map(EntryId).zip(&terms) {
            if let Ok(listed) = Hash::parse(HashKind::Text, listed) {
                let _ = index.insert(entry, BankId(1), &listed);
            }
        }
        for found in index.find_terms(&text) {
            prop_assert!(text.get(found.place).is_some());
        }
    }
}
