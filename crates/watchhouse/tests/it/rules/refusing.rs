//! What a pack refuses, and the place in the file that it names.

use expect_test::expect;
use watchhouse::rules::{On, Pack};

use super::{one_rule, parse, rule, shown};

#[test]
fn everything_wrong_with_a_pack_is_said_at_once_with_its_place() {
    let text = r#"title = "mine"

[[rule]]
name = "Known Media"
version = 0
on = "matches"
surface = ["public"]
when = 'true'
verdict = "deny"
reason = ""

[[rule]]
name = "twice"
version = 1
on = "match"
surfaces = ["public", "secret"]
when = 'match.distnce <= 5 && item.surface == "pubilc"'
verdict = "hold"
priority = 101
reason = "x"

[[rule]]
name = "twice"
version = 2
on = "item"
when = 'match.kind == "pdq"'
verdict = "hold"
reason = "x"

[[rule]]
version = 1
on = "match"
verdict = "hold"
preserve = "yes"
reason = "x"
"#;
    let problems = Pack::parse("rules.toml", text).expect_err("it is full of mistakes");
    expect![[r#"
        error: a pack has no field `title`; it has rule
         --> rules.toml:1:1
          |
        1 | title = "mine"
          | ^^^^^

        error: "Known Media" cannot be a name; use lower-case letters, digits and single dashes, at most 64
         --> rules.toml:4:8
          |
        4 | name = "Known Media"
          |        ^^^^^^^^^^^^^
          = in rule "Known Media"

        error: `version` is from 1 to 4294967295
         --> rules.toml:5:11
          |
        5 | version = 0
          |           ^
          = in rule "Known Media"

        error: `on` cannot be "matches"; it is match, item
         --> rules.toml:6:6
          |
        6 | on = "matches"
          |      ^^^^^^^^^
          = in rule "Known Media"

        error: a rule has no field `surface`; it has name, version, on, surfaces, verdict, queue, priority, preserve, reason, when
         --> rules.toml:7:1
          |
        7 | surface = ["public"]
          | ^^^^^^^
          = in rule "Known Media"

        error: `verdict` cannot be "deny"; it is allow, hold, block
         --> rules.toml:9:11
          |
        9 | verdict = "deny"
          |           ^^^^^^
          = in rule "Known Media"

        error: `reason` is empty
          --> rules.toml:10:10
           |
        10 | reason = ""
           |          ^^
           = in rule "Known Media"

        error: `surfaces` cannot be "secret"; it is public, private, direct
          --> rules.toml:16:23
           |
        16 | surfaces = ["public", "secret"]
           |                       ^^^^^^^^
           = in rule "twice"

        error: `match` has no field `distnce`; it has kind, distance, threshold, transform, quality, frame, bank and hash
          --> rules.toml:17:15
           |
        17 | when = 'match.distnce <= 5 && item.surface == "pubilc"'
           |               ^^^^^^^
           = in rule "twice"

        error: `item.surface` is never "pubilc"; it is one of public, private, direct
          --> rules.toml:17:47
           |
        17 | when = 'match.distnce <= 5 && item.surface == "pubilc"'
           |                                               ^^^^^^^^
           = in rule "twice"

        error: `priority` is from 0 to 100
          --> rules.toml:19:12
           |
        19 | priority = 101
           |            ^^^
           = in rule "twice"

        error: the rule "twice" is already there on line 13; raise its version instead of repeating it
          --> rules.toml:23:8
           |
        23 | name = "twice"
           |        ^^^^^^^
           = in rule "twice"

        error: there is no variable `match`; it is there for rules with on = "match"
          --> rules.toml:26:9
           |
        26 | when = 'match.kind == "pdq"'
           |         ^^^^^
           = in rule "twice"

        error: `name` is missing
          --> rules.toml:30:1
           |
        30 | [[rule]]
           | ^^^^^^^^
           = in rule number 4

        error: `when` is missing
          --> rules.toml:30:1
           |
        30 | [[rule]]
           | ^^^^^^^^
           = in rule number 4

        error: `preserve` is true or false, not text
          --> rules.toml:34:12
           |
        34 | preserve = "yes"
           |            ^^^^^
           = in rule number 4
    "#]]
    .assert_eq(&shown(&problems));
}

#[test]
fn broken_toml_is_said_with_its_place() {
    let problems = Pack::parse("rules.toml", "[[rule]]\nname = \"a\nversion = 1 2\n")
        .expect_err("it is not TOML");
    expect![[r#"
        error: not TOML: invalid basic string, expected `"`
         --> rules.toml:2:10
          |
        2 | name = "a
          |          ^

        error: not TOML: string values must be quoted, expected literal string
         --> rules.toml:3:11
          |
        3 | version = 1 2
          |           ^^^
    "#]]
    .assert_eq(&shown(&problems));
}

#[test]
fn a_broken_condition_is_said_in_the_file_and_not_in_the_condition() {
    let text = r#"
[[rule]]
name = "escaped"
version = 1
on = "match"
when = "match.bank.name == \"caf\u00E9 \u2014 \" && matc.distance < 5"
verdict = "hold"
reason = "x"

[[rule]]
name = "folded"
version = 1
on = "match"
when = """
match.kind == "pdq" \
  && match.quality < 50
"""
verdict = "hold"
reason = "x"

[[rule]]
name = "lines"
version = 1
on = "match"
when = '''
match.kind == "pdq"
	&& "größer" == match.bank.nam
'''
verdict = "hold"
reason = "x"

[[rule]]
name = "syntax"
version = 1
on = "match"
when = '''match.kind ==
   )'''
verdict = "hold"
reason = "x"
"#;
    let problems = Pack::parse("rules.toml", text).expect_err("each has a mistake");
    expect![[r#"
        error: there is no variable `matc`; there are match, item, account and media
         --> rules.toml:6:53
          |
        6 | when = "match.bank.name == \"caf\u00E9 \u2014 \" && matc.distance < 5"
          |                                                     ^^^^
          = in rule "escaped"

        error: `match.quality` may be null; guard it with `match.quality != null && …`
          --> rules.toml:16:6
           |
        16 |   && match.quality < 50
           |      ^^^^^^^^^^^^^
           = in rule "folded"

        error: `match.bank` has no field `nam`; it has id, name, category and owner
          --> rules.toml:27:28
           |
        27 | 	&& "größer" == match.bank.nam
           | 	                          ^^^
           = in rule "lines"

        error: ')' was not expected here
          --> rules.toml:37:4
           |
        37 |    )'''
           |    ^
           = in rule "syntax"
    "#]]
    .assert_eq(&shown(&problems));

    let with_other_line_ends = text.replace('\n', "\r\n");
    let others = Pack::parse("rules.toml", &with_other_line_ends).expect_err("the same mistakes");
    assert_eq!(shown(&others), shown(&problems));
}

/// What is said about a condition of a rule on matches, and at which of its characters.
fn refusal(when: &str) -> String {
    let text = rule("only", On::Match, when, "verdict = \"hold\"");
    match Pack::parse("rules.toml", &text) {
        Ok(_) => "fine".to_owned(),
        Err(problems) => {
            let first_column = "when = '''".len();
            let said: Vec<_> = problems
                .iter()
                .map(|problem| format!("{}: {}", problem.column - first_column, problem.message))
                .collect();
            said.join("; ")
        }
    }
}

#[test]
fn a_condition_that_could_not_work_is_refused() {
    let said: Vec<_> = [
        // Names.
        "nothing == 1",
        "match.nothing == 1",
        "match.hash.sources == null",
        "match.kind.name == 1",
        "lowerAscii(item.kind) == 'post'",
        "item.kind.lowerAscii() == 'post'",
        "timestamp('2026-01-01T00:00:00Z') == null",
        // Never true, or always.
        "match.kind == 'sha-256'",
        "match.kind in ['pdq', 'phash']",
        "match.distance == '5'",
        "match.distance in ['5']",
        "match.distance == null",
        "null == null",
        "item == media",
        // Types.
        "match.distance",
        "match.bank",
        "match.quality",
        "match.distance && true",
        "!match.distance",
        "match.distance < 'a'",
        "match.distance + 'a' == 'a'",
        "match.distance * 0.5 < 3.0",
        "match.distance % 2 == 0 ? 1 : 'a'",
        "match.distance == 5u",
        "item.kind == b'post'",
        "item.kind in 'posts'",
        "match.distance.contains('a')",
        "item.kind.contains('a', 'b')",
        "size(match.distance) == 1",
        "[1, 'a'].size() == 2",
        "[item].size() == 1",
        "{'a': 1}.size() == 1",
        "Thing{a: 1} == null",
        "item['kind'] == 'post'",
        "item.?kind == null",
        "has(item.kind)",
        "match.distance.exists(x, x == 1)",
        // Null.
        "match.quality < 50",
        "match.quality + 1 == 2",
        "item.text.contains('a')",
        "account.external_id == 'a'",
        "match.quality == null && match.quality < 50",
        "match.quality != null || match.quality < 50",
        "!(match.quality != null && match.quality < 50) && match.quality > 1",
        // Patterns.
        "item.kind.matches('(')",
        "item.kind.matches(item.kind)",
        // Too long to run.
        "[1].exists(x, [2].exists(y, x == y))",
        // Syntax.
        "// nothing",
        "match.kind ==",
        "match.kind = 'pdq'",
        "match.kind == 'pdq",
        "match.kind == 'pdq' and true",
        "if == 1",
        "99999999999999999999 == 1",
    ]
    .into_iter()
    .map(|when| format!("{when}\n    {}\n", refusal(when)))
    .collect();
    expect![[r#"
        nothing == 1
            1: there is no variable `nothing`; there are match, item, account and media
        match.nothing == 1
            7: `match` has no field `nothing`; it has kind, distance, threshold, transform, quality, frame, bank and hash
        match.hash.sources == null
            12: `match.hash` has no field `sources`; it has source, external_id, category and age_days
        match.kind.name == 1
            12: `name` cannot be a field of text
        lowerAscii(item.kind) == 'post'
            1: there is no function `lowerAscii`; there are size, contains, startsWith, endsWith, matches, double, all, exists, exists_one, filter and map
        item.kind.lowerAscii() == 'post'
            11: there is no function `lowerAscii`; there are size, contains, startsWith, endsWith, matches, double, all, exists, exists_one, filter and map
        timestamp('2026-01-01T00:00:00Z') == null
            1: there is no function `timestamp`; there are size, contains, startsWith, endsWith, matches, double, all, exists, exists_one, filter and map
        match.kind == 'sha-256'
            15: `match.kind` is never "sha-256"; it is one of md5, sha1, sha256, pdq, vpdq, url, text
        match.kind in ['pdq', 'phash']
            23: `match.kind` is never "phash"; it is one of md5, sha1, sha256, pdq, vpdq, url, text
        match.distance == '5'
            16: a whole number is never equal to text
        match.distance in ['5']
            16: a whole number is never in a list of text
        match.distance == null
            1: `match.distance` is never null
        null == null
            6: null is always equal to null
        item == media
            6: an object can only be compared with null
        match.distance
            1: a condition gives true or false, but this gives a whole number
        match.bank
            1: a condition gives true or false, but this gives an object
        match.quality
            1: a condition gives true or false, but this gives a whole number or null
        match.distance && true
            1: expected true or false, found a whole number
        !match.distance
            2: expected true or false, found a whole number
        match.distance < 'a'
            16: a whole number and text have no order
        match.distance + 'a' == 'a'
            16: a whole number and text cannot be added
        match.distance * 0.5 < 3.0
            16: a whole number and a number with a point do not mix; make both `double(…)`
        match.distance % 2 == 0 ? 1 : 'a'
            25: one side gives a whole number, the other text
        match.distance == 5u
            19: there are no unsigned numbers here; leave out the `u`
        item.kind == b'post'
            14: there are no bytes here; leave out the `b`
        item.kind in 'posts'
            11: `in` looks into a list, and this is text
        match.distance.contains('a')
            1: expected text, found a whole number
        item.kind.contains('a', 'b')
            11: `contains` is called as `text.contains("…")`
        size(match.distance) == 1
            6: a whole number has no size
        [1, 'a'].size() == 2
            5: text in a list that starts with a whole number
        [item].size() == 1
            2: a list cannot have an object as an element
        {'a': 1}.size() == 1
            1: maps and messages cannot be written in a condition
        Thing{a: 1} == null
            6: maps and messages cannot be written in a condition
        item['kind'] == 'post'
            5: `[…]` cannot take an element; write `object.field`
        item.?kind == null
            5: unsupported syntax '.?'
        has(item.kind)
            1: `has` is not needed: every field is there; compare it with null
        match.distance.exists(x, x == 1)
            1: only a list has elements to go through, and this is a whole number
        match.quality < 50
            1: `match.quality` may be null; guard it with `match.quality != null && …`
        match.quality + 1 == 2
            1: `match.quality` may be null; guard it with `match.quality != null && …`
        item.text.contains('a')
            1: `item.text` may be null; guard it with `item.text != null && …`
        account.external_id == 'a'
            1: `account` may be null; guard it with `account != null && …`
        match.quality == null && match.quality < 50
            26: `match.quality` may be null; guard it with `match.quality != null && …`
        match.quality != null || match.quality < 50
            26: `match.quality` may be null; guard it with `match.quality != null && …`
        !(match.quality != null && match.quality < 50) && match.quality > 1
            51: `match.quality` may be null; guard it with `match.quality != null && …`
        item.kind.matches('(')
            19: not a regular expression: unclosed group
        item.kind.matches(item.kind)
            19: the pattern of `matches` must be written out, in quotes
        [1].exists(x, [2].exists(y, x == y))
            19: one `all`, `exists`, `exists_one`, `filter` or `map` inside another takes too long
        // nothing
            11: the end of the expression was not expected here
        match.kind ==
            14: the end of the expression was not expected here
        match.kind = 'pdq'
            12: '= ' is not part of any expression
        match.kind == 'pdq
            15: ''pdq' is not part of any expression
        match.kind == 'pdq' and true
            21: 'and' was not expected here
        if == 1
            1: reserved identifier: if
        99999999999999999999 == 1
            1: invalid int literal
    "#]].assert_eq(&said.concat());
}

#[test]
fn a_condition_that_guards_what_may_be_null_is_fine() {
    for when in [
        "match.quality != null && match.quality < 50",
        "null != match.quality && match.quality < 50",
        "match.quality == null || match.quality < 50",
        "!(match.quality == null) && match.quality < 50",
        "!(match.quality == null || match.quality > 50)",
        "match.quality != null && true && (match.kind == 'pdq' || match.quality < 50)",
        "match.quality == null ? false : match.quality < 50",
        "match.quality != null ? match.quality < 50 : true",
        "match.bank.category == 'memes' && match.bank.category.startsWith('m')",
        "match.bank.category in ['memes', 'cats']",
        "match.bank.category == match.hash.category",
        "match.quality == 50",
        "account != null && account.external_id == 'a'",
        "item.text != null && item.text.matches('(?i)cats?')",
        "item.text != null && ['cat', 'dog'].exists(word, item.text.contains(word))",
        "media.width != null && media.height != null && double(media.width) / double(media.height) > 3.0",
        "['a', 'b'].filter(x, x == item.kind).size() + size([1].map(x, x * 2)) == 1",
        "[1, 2].exists_one(x, x == match.distance) || [1, 2].all(x, x < match.distance)",
        "(match.kind == 'pdq' ? match.threshold : 0) / 2 >= match.distance",
        "-match.distance < 0 && match.distance - 1 < 5 && match.distance < 2.5",
        "matches(item.kind, '^p') && item.has_account && item.kind + '!' == 'post!'",
    ] {
        one_rule(when);
    }
}

#[test]
fn an_unknown_field_of_a_rule_is_refused_wherever_the_rest_is_right() {
    let text = rule("only", On::Item, "true", "verdict = \"hold\"\nsurface = []");
    let problems = Pack::parse("rules.toml", &text).expect_err("`surface` is misspelt");
    assert_eq!((problems.len(), problems[0].line), (1, 8));
}

#[test]
fn a_pack_without_rules_is_a_pack() {
    assert!(parse("").rules().is_empty());
}
