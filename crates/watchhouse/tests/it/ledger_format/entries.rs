//! What stands in the tree: commitments to canonical JSON.

use serde_json::{Value, json};
use watchhouse::ledger::entry::{CanonicalError, canonical_json, commitment};

use super::hash;

fn canonical(text: &str) -> Result<String, CanonicalError> {
    canonical_json(&serde_json::from_str::<Value>(text).expect("the test's JSON"))
}

#[test]
fn canonical_json_sorts_keys_and_escapes_as_rfc_8785_does() {
    let body = r#"{
        "string": "€$\u000F\u000aA'\u0042\u0022\u005c\\\"\/\b\f\t\r\u007f",
        "literals": [null, true, false],
        "numbers": [0, -1, 9007199254740991, -9007199254740991],
        "": {}, "b": {"z": [], "a": 1}, "B": "\ud83d\ude00", "a\n": 1
    }"#;
    let expected = concat!(
        r#"{"":{},"B":"😀","a\n":1,"b":{"a":1,"z":[]},"literals":[null,true,false],"#,
        r#""numbers":[0,-1,9007199254740991,-9007199254740991],"#,
        r#""string":"€$\u000f\nA'B\"\\\\\"/\b\f\t\r"#,
        "\u{7f}\"}"
    );
    assert_eq!(canonical(body).as_deref(), Ok(expected));
    assert_eq!(canonical(expected).as_deref(), Ok(expected));
}

#[test]
fn what_readers_could_spell_in_two_ways_is_refused() {
    let cases = [
        ("1.5", "\"\" is 1.5"),
        (r#"{"a/b~":[0,1.0]}"#, "\"/a~1b~0/1\" is 1.0"),
        ("9007199254740992", "\"\" is 9007199254740992"),
        ("-9007199254740992", "\"\" is -9007199254740992"),
        ("18446744073709551615", "\"\" is 18446744073709551615"),
        (r#"{"x":{"é":1}}"#, "\"/x\" has the key \"é\""),
    ];
    for (text, message) in cases {
        let error = canonical(text).expect_err(text).to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn a_commitment_is_hmac_sha256_under_the_salt() {
    // RFC 4231, case 2: HMAC fills a short key with zeros, so this is the key "Jefe".
    let mut salt = [0; 32];
    salt[..4].copy_from_slice(b"Jefe");
    assert_eq!(
        commitment(&salt, "what do ya want for nothing?"),
        hash("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    );

    let body = canonical_json(&json!({"kind": "report"})).expect("the body has a canonical form");
    assert_ne!(commitment(&[1; 32], &body), commitment(&[2; 32], &body));
}
