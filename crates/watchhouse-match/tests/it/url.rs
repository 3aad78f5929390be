use proptest::prelude::*;
use watchhouse_match::{BankId, BankSettings, EntryId, Hash, HashKind, Index, UrlHash, find_urls};

fn url(text: &str) -> UrlHash {
    match Hash::parse(HashKind::Url, text) {
        Ok(Hash::Url(url)) => url,
        other => panic!("{text:?} is no URL: {other:?}"),
    }
}

fn refusal(text: &str) -> String {
    Hash::parse(HashKind::Url, text)
        .expect_err("no URL")
        .to_string()
}

/// Whether an address in a text meets what is listed, by way of the index.
fn meets(listed: &str, text: &str) -> bool {
    let mut index = Index::new();
    let settings = BankSettings {
        threshold: 0,
        is_enabled: true,
        ..BankSettings::default()
    };
    index.set_bank(BankId(1), settings).expect("a bank");
    let listed = Hash::Url(url(listed));
    index
        .insert(EntryId(1), BankId(1), &listed)
        .expect("fit for the index");
    let (found, is_all) = find_urls(text, 100);
    assert!(is_all);
    let mut hits = Vec::new();
    for key in found.iter().flat_map(|found| &found.keys) {
        index.lookup_url(key, &mut hits);
    }
    !hits.is_empty()
}

#[test]
fn however_it_is_written_an_address_has_one_form() {
    let page = "https://example.org/a%20b/c?x=%C3%BC&y=1";
    for text in [
        "https://example.org/a%20b/c?x=ü&y=1",
        "http://EXAMPLE.org:80/a b/./c?x=%c3%bc&y=1#there",
        "  https://user:secret@example.org.:443//a%20b//d/../%63?x=%C3%BC&%79=1#",
        "HTTPS:\\\\example。org\\a b\\c?x=ü&y=1",
        "https://..example..org/a%20b/%2e/c?x=ü&y=1",
    ] {
        assert_eq!(url(text).as_str(), page, "{text}");
    }
    for (text, form) in [
        ("Example.ORG", "example.org"),
        ("example.org/", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("example.org:8080", "example.org:8080"),
        ("example.org/A/b/", "example.org/A/b/"),
        ("example.org/page", "https://example.org/page"),
        ("example.org/?q=1", "https://example.org/?q=1"),
        ("http://example.org", "https://example.org/"),
        ("https://example.org/?", "https://example.org/"),
        ("https://example.org:80/", "https://example.org/"),
        ("0x7f.1", "127.0.0.1"),
        ("[::1]/x/", "[::1]/x/"),
        ("https://example.org/100%", "https://example.org/100%25"),
        (
            "https://example.org/?utm_source=a",
            "https://example.org/?utm_source=a",
        ),
    ] {
        assert_eq!(url(text).as_str(), form, "{text}");
    }
}

#[test]
fn what_is_no_address_says_why() {
    assert_eq!(refusal(""), "\"\" is not a URL: empty host");
    assert_eq!(
        refusal("ftp://example.org/"),
        "\"ftp://example.org/\" is not a URL: \"ftp\" is not compared, only http and https are"
    );
    assert_eq!(
        refusal("mailto:someone@example.org"),
        "\"mailto:someone@example.org\" is not a URL: a host has no @; a page begins with https://"
    );
    // Written without its dots it would read as an address of the host 4.
    assert_eq!(
        refusal("https..:4"),
        "\"https..:4\" is not a URL: a host that is named like a scheme, with a port"
    );
    assert!(refusal("a.b.c.d.e.f.g.h.example").ends_with("a host of more than 8 labels"));
    assert!(refusal("example.org/1/2/3/4/5/6/7/8/9/").ends_with("a folder deeper than 8"));
    let long = format!("https://example.org/{}", "x".repeat(2_048));
    assert!(refusal(&long).ends_with("longer than 2048 bytes"));
    let org = Hash::parse(HashKind::Url, "org").expect("a host");
    let why = org.check_indexable().expect_err("too broad");
    assert_eq!(why.code(), "whole_domain");
}

#[test]
fn pages_hosts_and_folders_meet_what_they_should() {
    for (listed, text, expected) in [
        // A host: itself and its subdomains, all of it.
        ("example.org", "see http://example.org", true),
        (
            "example.org",
            "see (https://www.a.example.org:99/x?y#z).",
            true,
        ),
        ("example.org", "see example.org!", true),
        ("example.org", "notexample.org", false),
        ("example.org", "example.org.example.net", false),
        ("www.example.org", "https://example.org/", false),
        ("example.org:99", "https://www.example.org:99/", true),
        ("example.org:99", "https://example.org/", false),
        // A folder: what lies in it, and itself.
        ("example.org/a/", "https://sub.example.org/a/b/c?d", true),
        ("example.org/a/", "https://example.org/a", true),
        ("example.org/a/", "https://example.org/a/", true),
        ("example.org/a/", "https://example.org/ab/", false),
        ("example.org/a/", "https://example.org/b/a/", false),
        // A page: nothing else.
        (
            "https://example.org/p?x=1",
            "http://example.org/p?x=1#there",
            true,
        ),
        (
            "https://example.org/p?x=1",
            "(https://example.org/p?x=1),",
            true,
        ),
        (
            "https://example.org/p?x=1",
            "https://example.org/p?x=1&y=2",
            false,
        ),
        ("https://example.org/p", "https://www.example.org/p", false),
        ("https://example.org/p", "https://example.org/p/q", false),
        // An address in another's query, without a scheme, in an e-mail address.
        (
            "example.org",
            "https://example.net/?to=https://example.org/",
            true,
        ),
        ("example.org/x/", "example.org/x/y", true),
        ("example.org", "someone@example.org", false),
        ("127.0.0.1", "http://0x7f000001/", true),
        ("0.0.1", "http://127.0.0.1/", false),
    ] {
        assert_eq!(meets(listed, text), expected, "{listed} in {text:?}");
    }
}

#[test]
fn a_place_is_where_the_address_stands() {
    let text = "ö <https://example.org/ü>, or www.example.net.";
    let (found, _) = find_urls(text, 100);
    let places: Vec<&str> = found
        .iter()
        .map(|found| &text[found.place.clone()])
        .collect();
    assert_eq!(places, ["https://example.org/ü", "www.example.net"]);
    assert_eq!(find_urls("a.example b.example", 1).0.len(), 1);
    assert!(!find_urls("a.example b.example", 1).1);
    assert!(find_urls("a.example b.example", 2).1);
}

/// Texts that would take minutes if anything were quadratic.
#[test]
fn hostile_texts_take_no_time() {
    for part in [
        "http://",
        "https://a.b/",
        "a.",
        ".",
        "/",
        "@",
        "%",
        "[",
        "a://",
        "\u{202e}x.y/",
    ] {
        let text = part.repeat(100_000 / part.len());
        let (found, _) = find_urls(&text, 1_000);
        assert!(found.iter().all(|found| found.keys.len() <= 127));
        let _ = Hash::parse(HashKind::Url, &text);
    }
}

fn any_address() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "http://", "https://", "example", "org", ".", "..", "/", "//", "\\", "?", "#", "@", ":",
        "80", "443", "8080", "%", "%2e", "%2F", "%41", "%zz", "ü", "。", " ", "\t", "[::1]",
        "0x7f", "1", "xn--", "a-b", "|", "'", "\u{ad}", "ß", "É",
    ]);
    let parts = prop::collection::vec(parts, 0..12).prop_map(|parts| parts.concat());
    prop_oneof![3 => parts, 1 => any::<String>()]
}

proptest! {
    #[test]
    fn the_form_is_its_own_form(text in any_address()) {
        if let Ok(hash) = Hash::parse(HashKind::Url, &text) {
            prop_assert_eq!(Hash::parse(HashKind::Url, &hash.to_string()), Ok(hash.clone()));
            prop_assert_eq!(Hash::from_bytes(HashKind::Url, hash.as_bytes()), Ok(hash));
        }
    }

    /// A page that is listed is met by every way of writing it that has its form.
    #[test]
    fn a_listed_page_is_met_by_itself(text in any_address()) {
        let Ok(Hash::Url(listed)) = Hash::parse(HashKind::Url, &format!("https://example.org/{text}")) else {
            return Ok(());
        };
        let (found, _) = find_urls(listed.as_str(), 10);
        let met = found.iter().any(|found| found.keys.contains(&listed.key()));
        let ends_a_sentence = listed.as_str().ends_with(|letter| ".,;:!?')]*_~".contains(letter));
        prop_assert!(met || ends_a_sentence, "{:?}", listed);
    }

    #[test]
    fn any_text_is_read(text in any::<String>()) {
        for found in find_urls(&text, 100).0 {
            prop_assert!(text.get(found.place).is_some());
        }
    }
}
