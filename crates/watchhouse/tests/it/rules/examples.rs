//! Examples: a pack with what it should say.

use expect_test::expect;
use watchhouse::rules::{DEFAULT_EXAMPLES, Pack, Verdict, parse_examples, run_examples};

use super::shown;

#[test]
fn the_default_pack_passes_its_examples() {
    let examples = parse_examples("examples.toml", DEFAULT_EXAMPLES)
        .unwrap_or_else(|problems| panic!("{}", shown(&problems)));
    assert!(examples.len() >= 10);
    for outcome in run_examples(Pack::built_in(), &examples) {
        assert!(outcome.has_passed(), "{outcome:?}");
    }
}

#[test]
fn every_default_rule_but_the_catch_all_has_an_example() {
    let examples = parse_examples("examples.toml", DEFAULT_EXAMPLES).expect("tested above");
    for rule in Pack::built_in().rules() {
        // No kind of hash exists that it would catch.
        if rule.name != "any-other-match" {
            assert!(
                examples
                    .iter()
                    .any(|example| example.expected.rule.as_ref() == Some(&rule.name)),
                "{}",
                rule.name
            );
        }
    }
}

#[test]
fn an_example_that_fails_says_how() {
    let text = r#"
        [[example]]
        name = "wrong in all ways"
        match = [{ quality = 10 }]
        expect = { verdict = "allow", rule = "known-media", queue = "x", priority = 1, preserve = true }

        [[example]]
        name = "right"
        expect = { verdict = "allow" }
    "#;
    let examples = parse_examples("examples.toml", text).expect("the examples are fine");
    let outcomes = run_examples(Pack::built_in(), &examples);
    expect![[r#"
        [
            "expected verdict allow, got hold",
            "expected rule known-media to fire, but hazy-picture fired",
            "expected queue x, got similar-media",
            "expected priority 1, got 30",
            "expected preserve true, got false",
        ]
    "#]]
    .assert_debug_eq(&outcomes[0].differences);
    assert!(outcomes[1].has_passed());
}

#[test]
fn an_example_changes_what_it_names_and_nothing_else() {
    let text = r#"
        [[example]]
        name = "one"
        account = false
        item.text = "cats"
        media = { width = 5, format = false }
        match = [{ kind = "md5", bank = { owner = "forum" } }, { distance = 9 }]
        expect = { verdict = "block" }
    "#;
    let example = parse_examples("examples.toml", text)
        .expect("it is fine")
        .remove(0);
    let facts = example.facts;
    assert_eq!(example.expected.verdict, Verdict::Block);
    assert_eq!(facts.account, None);
    assert_eq!(facts.item.text.as_deref(), Some("cats"));
    assert_eq!(facts.item.kind, "post");
    assert_eq!(
        (facts.media.width, facts.media.height),
        (Some(5), Some(768))
    );
    assert_eq!(facts.media.format, None);
    assert_eq!(facts.matches[0].quality, None);
    assert_eq!(facts.matches[0].bank.owner.as_deref(), Some("forum"));
    assert_eq!(facts.matches[0].bank.name, "example");
    assert_eq!(
        (facts.matches[1].distance, facts.matches[1].quality),
        (9, Some(100))
    );
}

#[test]
fn a_wrong_example_is_said_with_its_place() {
    let text = r#"[[example]]
name = "a misspelt field"
item = { surfaces = "public" }
expect = { verdict = "hold" }

[[example]]
name = "no such kind"
match = [{ kind = "phash" }]
expect = { verdict = "hold" }

[[example]]
name = "nothing to expect"

[[example]]
name = "an impossible verdict"
expect = { verdict = "deny" }

[[example]]
expect = { verdict = "hold" }
"#;
    let problems = parse_examples("examples.toml", text).expect_err("all are wrong");
    expect![[r#"
        error: unknown field `surfaces`, expected one of `external_id`, `kind`, `surface`, `text`
         --> examples.toml:1:1
          |
        1 | [[example]]
          | ^
          = in example "a misspelt field"

        error: "phash" is not a hash kind: expected md5, sha1, sha256, pdq, vpdq, url or text
         --> examples.toml:6:1
          |
        6 | [[example]]
          | ^
          = in example "no such kind"

        error: `expect` is missing
          --> examples.toml:11:1
           |
        11 | [[example]]
           | ^
           = in example "nothing to expect"

        error: in `expect`: unknown variant `deny`, expected one of `allow`, `hold`, `block`
          --> examples.toml:14:1
           |
        14 | [[example]]
           | ^
           = in example "an impossible verdict"

        error: `name` is missing
          --> examples.toml:18:1
           |
        18 | [[example]]
           | ^
           = in example number 5
    "#]]
    .assert_eq(&shown(&problems));
}
