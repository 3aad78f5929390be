//! What no pack can do, however it was written.

use proptest::prelude::*;
use watchhouse::rules::{
    DEFAULT_PACK, MAX_DEPTH, MAX_EXPRESSION_BYTES, MAX_PACK_BYTES, MAX_RULES, On, Pack, Verdict,
};

use super::{one_rule, pdq, post, rule};

fn first_message(when: &str) -> Option<String> {
    let text = rule("only", On::Match, when, "verdict = 'hold'");
    let problems = Pack::parse("rules.toml", &text).err()?;
    Some(problems[0].message.clone())
}

/// As many units as there is room for.
fn filled(before: &str, unit: &str, after: &str) -> String {
    let room = MAX_EXPRESSION_BYTES - before.len() - after.len();
    format!("{before}{}{after}", unit.repeat(room / unit.len()))
}

#[test]
fn an_expression_has_a_longest_length() {
    let longest = format!("true{}", " ".repeat(MAX_EXPRESSION_BYTES - 4));
    assert_eq!(first_message(&longest), None);
    let message = first_message(&(longest + " ")).expect("one byte too many");
    assert!(message.contains("4097 bytes, more than 4096"), "{message}");
}

#[test]
fn the_deepest_expression_runs_and_one_deeper_is_refused() {
    let nested = |n: usize| format!("{}match.distance == 3{}", "!(".repeat(n), ")".repeat(n));
    // The comparison has three levels: `==`, `.distance` and `match`.
    let deepest = MAX_DEPTH - 3;
    let judgement = one_rule(&nested(deepest)).judge(&post(vec![pdq(3)]));
    assert_eq!(judgement.verdict, Verdict::Hold);
    let message = first_message(&nested(deepest + 1)).expect("one level too many");
    assert!(message.contains("nests deeper"), "{message}");
}

#[test]
fn long_chains_of_and_and_or_are_not_deep() {
    let chain = filled("true", " && match.distance < 9", "");
    let judgement = one_rule(&chain).judge(&post(vec![pdq(3)]));
    assert_eq!(judgement.fired[0].rule, "only");
}

#[test]
fn an_expression_that_would_exhaust_the_stack_is_refused() {
    for when in [
        filled("1", "+1", "==1"),
        filled("1", "<1", ""),
        filled("match", ".a", ""),
        filled("match", ".b()", ""),
        filled("[1]", "[0]", ""),
        filled("", "true?true:", "true"),
        filled("", "(", ""),
        filled("", "[", ""),
        filled("", "{1:", ""),
        filled("", "!(", "true"),
        filled("", "1+(", "1"),
        filled("", "[1].exists(x,", "true"),
        filled("", "size(", "1"),
        format!("{}1{}==1", "1+(".repeat(1000), ")".repeat(1000)),
        format!("{}true{}", "!(".repeat(1300), ")".repeat(1300)),
    ] {
        assert!(first_message(&when).is_some(), "{}", &when[..20]);
    }
}

#[test]
fn a_pack_has_a_largest_size() {
    let comment = "#".repeat(MAX_PACK_BYTES + 1);
    assert!(Pack::parse("rules.toml", &comment).is_err());

    let mut rules: String = (0..=MAX_RULES)
        .map(|idx| format!("[[rule]]\nname = \"r{idx}\"\n"))
        .collect();
    rules += "name = 5\n";
    let problems = Pack::parse("rules.toml", &rules).expect_err("one rule too many");
    assert!(!problems.is_empty());
}

#[test]
fn the_largest_condition_over_a_long_text_ends() {
    let when = filled(
        "item.text != null && [",
        "'zz',",
        "'zz'].exists(word, item.text.contains(word))",
    );
    let mut facts = post(vec![pdq(3)]);
    facts.item.text = Some("z y ".repeat(5_000));
    let judgement = one_rule(&when).judge(&facts);
    // No word is in the text, so no rule answers.
    assert_eq!(judgement.fired[0].rule, watchhouse::rules::UNJUDGED_MATCH);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_a_pack_or_has_problems(text in "[ -~\n\"'é\\[\\]=.]{0,200}") {
        let _ = Pack::parse("rules.toml", &text).map_err(|problems| problems[0].to_string());
    }

    #[test]
    fn any_condition_is_one_or_has_problems(
        words in prop::collection::vec(prop::sample::select(vec![
            "match", "item", ".", "kind", "distance", "quality", "bank", "==", "<", "&&", "||", "!",
            "(", ")", "[", "]", "{", "}", ",", "1", "0.5", "'pdq'", "\"é\"", "null", "true", "in",
            "exists", "map", "x", "size", "?", ":", "+", "/", " ", "\n", "has", "account", "u", "'",
        ]), 0..24)
    ) {
        let text = rule("only", On::Match, &words.concat(), "verdict = 'hold'");
        match Pack::parse("rules.toml", &text) {
            Ok(pack) => prop_assert!(pack.judge(&post(vec![pdq(3)])).verdict >= Verdict::Hold),
            Err(problems) => {
                for problem in &problems {
                    prop_assert!(problem.line >= 5, "{problem}");
                }
            }
        }
    }

    #[test]
    fn a_damaged_pack_is_a_pack_or_has_problems(
        at in 0..DEFAULT_PACK.len(), n_cut in 0usize..40, added in "[ -~]{0,3}"
    ) {
        let mut text = DEFAULT_PACK.to_owned();
        text.replace_range(at..(at + n_cut).min(DEFAULT_PACK.len()), &added);
        let _ = Pack::parse("rules.toml", &text).map_err(|problems| problems[0].to_string());
    }
}
