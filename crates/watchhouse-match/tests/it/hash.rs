use proptest::prelude::*;
use watchhouse_match::{Hash, HashKind, PdqHash};

/// The kinds whose hashes are so many bytes, and any bytes at that.
fn sized_kinds() -> Vec<(HashKind, usize)> {
    let kinds = HashKind::all().into_iter();
    kinds
        .filter_map(|kind| Some((kind, kind.size_bytes()?)))
        .collect()
}

fn any_sized_kind() -> impl Strategy<Value = (HashKind, usize)> {
    proptest::sample::select(sized_kinds())
}

fn any_kind() -> impl Strategy<Value = HashKind> {
    proptest::sample::select(HashKind::all().to_vec())
}

fn error(kind: HashKind, text: &str) -> String {
    Hash::parse(kind, text)
        .expect_err("this text is no hash")
        .to_string()
}

#[test]
fn kinds_are_named_as_they_are_parsed() {
    for kind in HashKind::all() {
        assert_eq!(kind.as_str().parse(), Ok(kind));
        let example = Hash::parse(kind, kind.example()).expect("examples are hashes");
        assert_eq!(example.check_indexable(), Ok(()));
    }
    assert_eq!(
        "phash"
            .parse::<HashKind>()
            .map_err(|error| error.to_string()),
        Err(
            "\"phash\" is not a hash kind: expected md5, sha1, sha256, pdq, vpdq, url or text"
                .to_owned()
        )
    );
}

#[test]
fn errors_say_what_is_wrong_and_quote_little() {
    assert_eq!(
        error(HashKind::Pdq, &"f0e1".repeat(16)[..61]),
        "\"f0e1…\" is not a PDQ hash: 61 hex digits, expected 64"
    );
    assert_eq!(
        error(HashKind::Md5, ""),
        "\"\" is not an MD5 hash: 0 hex digits, expected 32"
    );
    assert_eq!(
        error(HashKind::Sha256, "a b"),
        "\"a b\" is not a SHA-256 hash: ' ' at position 2 is not a hex digit"
    );
    assert_eq!(
        error(HashKind::Sha1, "é\nxyz"),
        "\"é\\nxy…\" is not a SHA-1 hash: 'é' at position 1 is not a hex digit"
    );
    assert_eq!(
        Hash::from_bytes(HashKind::Sha1, &[0; 16]).map_err(|error| error.to_string()),
        Err("a run of 16 bytes is not a SHA-1 hash: expected 20 bytes".to_owned())
    );
}

#[test]
fn sha1_is_read_from_base32_too() {
    let hash = Hash::parse(HashKind::Sha1, HashKind::Sha1.example()).expect("an example");
    // Computed with coreutils: printf watchhouse | openssl sha1 -binary | base32
    let base32 = "P33ZD4RJSV32BAG6LRTRT2M672BFCC3J";
    for text in [base32.to_owned(), base32.to_lowercase()] {
        assert_eq!(Hash::parse(HashKind::Sha1, &text), Ok(hash.clone()));
    }
    for kind in [HashKind::Md5, HashKind::Sha256, HashKind::Pdq] {
        assert!(Hash::parse(kind, base32).is_err(), "{kind} is never base32");
    }
    // Base32 has no 0, 1, 8 or 9.
    assert!(Hash::parse(HashKind::Sha1, &base32.replace('3', "8")).is_err());
}

#[test]
fn degenerate_hashes_are_refused_by_name() {
    let with_ones = |n_ones: usize| {
        let mut hash = PdqHash::default();
        (0..n_ones).for_each(|bit| hash.0[bit / 8] |= 1 << (bit % 8));
        Hash::Pdq(hash).check_indexable().map_err(|why| why.code())
    };
    assert_eq!(with_ones(0), Err("all_zero"));
    assert_eq!(with_ones(63), Err("too_few_ones"));
    assert_eq!(with_ones(64), Ok(()));
    assert_eq!(with_ones(128), Ok(()));
    assert_eq!(with_ones(192), Ok(()));
    assert_eq!(with_ones(193), Err("too_many_ones"));
    assert_eq!(with_ones(256), Err("too_many_ones"));
    for (kind, size_bytes) in sized_kinds() {
        let zero = Hash::from_bytes(kind, &vec![0; size_bytes]).expect("of the right size");
        assert_eq!(
            zero.check_indexable().map_err(|why| why.code()),
            Err("all_zero")
        );
    }
}

proptest! {
    #[test]
    fn what_is_printed_parses_back((kind, size_bytes) in any_sized_kind(), bytes in any::<[u8; 32]>()) {
        let bytes = &bytes[..size_bytes];
        let hash = Hash::from_bytes(kind, bytes).expect("of the right size");
        let text = hash.to_string();
        prop_assert_eq!(hash.as_bytes(), bytes);
        prop_assert_eq!(hash.kind(), kind);
        prop_assert_eq!(text.len(), 2 * size_bytes);
        prop_assert_eq!(Hash::parse(kind, &text), Ok(hash.clone()));
        prop_assert_eq!(Hash::parse(kind, &text.to_uppercase()), Ok(hash));
    }

    #[test]
    fn any_text_parses_or_is_refused(kind in any_kind(), text in any::<String>()) {
        if let Ok(hash) = Hash::parse(kind, &text) {
            prop_assert_eq!(Hash::parse(kind, &hash.to_string()), Ok(hash.clone()));
            prop_assert_eq!(Hash::from_bytes(kind, hash.as_bytes()), Ok(hash));
        }
    }
}
