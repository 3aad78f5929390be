//! What a pack makes of a scan.

use expect_test::expect;
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use watchhouse::rules::{
    Cause, DEFAULT_PACK, Facts, Judgement, MatchFacts, On, Pack, Surface, Verdict, variables,
};
use watchhouse_match::{HashKind, Transform};

use super::{bare_post, digest, one_rule, parse, pdq, post, rule};

/// A judgement in a few lines.
fn told(judgement: &Judgement) -> String {
    let mut lines = format!(
        "{} queue={} priority={} preserve={}\n",
        judgement.verdict,
        judgement.queue.as_deref().unwrap_or("-"),
        judgement.priority,
        judgement.preserve
    );
    for fired in &judgement.fired {
        lines += &format!(
            "  {} {} v{} {} on {}: {}\n",
            fired.verdict,
            fired.rule,
            fired.version,
            fired.cause.code(),
            fired
                .match_idx
                .map_or("item".to_owned(), |idx| format!("match {idx}")),
            fired.reason
        );
    }
    lines
}

#[test]
fn the_strictest_verdict_wins_and_the_most_urgent_rule_names_the_queue() {
    let pack = parse(
        &[
            rule(
                "seen",
                On::Match,
                "true",
                "verdict = 'allow'\npriority = 95",
            ),
            rule(
                "near",
                On::Match,
                "match.distance < 10",
                "verdict = 'block'\nqueue = 'known'\npriority = 20",
            ),
            rule(
                "old",
                On::Match,
                "match.hash.age_days > 2",
                "verdict = 'hold'\nqueue = 'old-ones'\npriority = 70\npreserve = true",
            ),
            rule(
                "big",
                On::Item,
                "media.size_bytes > 50000",
                "verdict = 'hold'\npriority = 10",
            ),
        ]
        .concat(),
    );
    expect![[r#"
        block queue=old-ones priority=95 preserve=true
          block near v1 rule on match 1: because of near
          hold old v1 rule on match 0: because of old
          hold old v1 rule on match 1: because of old
          hold big v1 rule on item: because of big
          allow seen v1 rule on match 0: because of seen
          allow seen v1 rule on match 1: because of seen
    "#]]
    .assert_eq(&told(&pack.judge(&post(vec![pdq(30), pdq(2)]))));
    expect![[r#"
        hold queue=review priority=10 preserve=false
          hold big v1 rule on item: because of big
    "#]]
    .assert_eq(&told(&pack.judge(&post(Vec::new()))));
}

#[test]
fn a_match_that_no_rule_answers_is_held() {
    let pack = one_rule("match.distance > 10");
    expect![[r#"
        hold queue=review priority=50 preserve=false
          hold only v1 rule on match 0: because of only
          hold unjudged-match v1 unjudged_match on match 1: a match that no rule answers
    "#]]
    .assert_eq(&told(&pack.judge(&post(vec![pdq(20), pdq(3)]))));
    let nothing = parse("");
    assert_eq!(nothing.judge(&post(vec![pdq(3)])).verdict, Verdict::Hold);
    assert_eq!(nothing.judge(&post(Vec::new())).verdict, Verdict::Allow);
}

#[test]
fn an_allowing_rule_answers_a_match_but_overrules_nothing() {
    let allow = rule(
        "fine",
        On::Match,
        "match.distance > 10",
        "verdict = 'allow'",
    );
    let hold = rule(
        "close",
        On::Match,
        "match.distance > 20",
        "verdict = 'hold'",
    );
    let pack = parse(&(allow + &hold));
    let verdict = |distance| pack.judge(&post(vec![pdq(distance)])).verdict;
    assert_eq!(verdict(15), Verdict::Allow);
    assert_eq!(verdict(25), Verdict::Hold);
    assert_eq!(verdict(5), Verdict::Hold);
}

#[test]
fn an_allowing_rule_with_a_queue_asks_for_a_look() {
    let pack = parse(&rule(
        "look",
        On::Item,
        "item.kind == 'post'",
        "verdict = 'allow'\nqueue = 'samples'",
    ));
    let judgement = pack.judge(&post(Vec::new()));
    assert_eq!(judgement.verdict, Verdict::Allow);
    assert_eq!(judgement.queue.as_deref(), Some("samples"));
}

#[test]
fn a_rule_speaks_only_on_its_surfaces() {
    let pack = parse(&rule(
        "open",
        On::Match,
        "true",
        "verdict = 'block'\nsurfaces = ['public', 'private']",
    ));
    let verdict_on = |surface| {
        let mut facts = post(vec![pdq(0)]);
        facts.item.surface = surface;
        pack.judge(&facts).verdict
    };
    assert_eq!(verdict_on(Surface::Public), Verdict::Block);
    assert_eq!(verdict_on(Surface::Private), Verdict::Block);
    // Unjudged, so held.
    assert_eq!(verdict_on(Surface::Direct), Verdict::Hold);
}

#[test]
fn a_rule_that_fails_holds_and_says_nothing_of_the_content() {
    let pack = parse(
        &[
            rule(
                "divides",
                On::Match,
                "100 / match.distance > 3",
                "verdict = 'allow'\nqueue = 'known'\npriority = 80",
            ),
            rule(
                "grows",
                On::Item,
                "item.text != null && size(item.text) + 9223372036854775807 > 0",
                "verdict = 'block'\npreserve = true",
            ),
        ]
        .concat(),
    );
    let judgement = pack.judge(&post(vec![pdq(0)]));
    expect![[r#"
        hold queue=known priority=80 preserve=true
          hold divides v1 rule_failed on match 0: the rule "divides" failed: division by zero
          hold grows v1 rule_failed on item: the rule "grows" failed: a number grew too large
    "#]]
    .assert_eq(&told(&judgement));
    assert!(!told(&judgement).contains("secret"));
    assert!(
        judgement
            .fired
            .iter()
            .all(|fired| fired.cause == Cause::RuleFailed)
    );
}

#[test]
fn every_listed_field_can_be_read_with_and_without_a_value() {
    for on in On::ALL {
        let rules: Vec<_> = variables(on)
            .iter()
            .enumerate()
            .map(|(idx, (path, _))| {
                let when = match path.as_str() {
                    "account" => "account == null || account != null".to_owned(),
                    "account.external_id" => {
                        "account == null || account.external_id == 'account-1'".to_owned()
                    }
                    _ => format!("{path} == {path}"),
                };
                rule(&format!("r{idx}"), on, &when, "verdict = 'hold'")
            })
            .collect();
        let pack = parse(&rules.concat());
        let unknown = digest(HashKind::Md5);
        for mut facts in [post(vec![pdq(1)]), bare_post(vec![unknown])] {
            if on == On::Item {
                facts.matches.clear();
            }
            let judgement = pack.judge(&facts);
            assert_eq!(judgement.fired.len(), rules.len(), "{}", told(&judgement));
            assert!(
                judgement
                    .fired
                    .iter()
                    .all(|fired| fired.cause == Cause::Rule),
                "{}",
                told(&judgement)
            );
        }
    }
}

#[test]
fn conditions_know_every_kind_transform_and_surface() {
    let words = |wanted: &str| {
        let all = variables(On::Match);
        let (_, words) = all
            .iter()
            .find(|(path, _)| path == wanted)
            .expect("the field is listed");
        words.clone()
    };
    let kinds = HashKind::all().map(HashKind::as_str).join(", ");
    assert_eq!(words("match.kind"), kinds);
    let transforms = Transform::ALL.map(Transform::as_str).join(", ");
    assert_eq!(words("match.transform"), transforms);
    let surfaces = Surface::ALL.map(Surface::as_str).join(", ");
    assert_eq!(words("item.surface"), surfaces);
}

#[test]
fn a_condition_sees_the_facts() {
    for when in [
        "match.distance == 12 && match.threshold == 31 && match.frame == 0",
        "match.transform == 'original' && match.kind == 'pdq' && match.quality == 80",
        "match.bank.id == 'bnk_1' && match.bank.name == 'memes' && match.bank.owner == 'forum'",
        "match.hash.source == 'import' && match.hash.external_id == '7' && match.hash.age_days == 3",
        "match.bank.category == 'memes' && match.hash.category == 'cats'",
        "item.external_id == 'post-1' && item.surface == 'public' && item.has_account",
        "account != null && account.external_id == 'account-1'",
        "media.format == 'png' && media.width == 640 && media.height == 480",
        "media.size_bytes == 70000 && media.frames == 1 && media.sha256.startsWith('4f18')",
        "item.text != null && item.text.matches('^a .* of')",
    ] {
        let judgement = one_rule(when).judge(&post(vec![pdq(12)]));
        assert_eq!(judgement.fired[0].rule, "only", "{when}");
    }
}

#[test]
fn a_digest_names_the_text_of_the_pack() {
    let expected: String = Sha256::digest(DEFAULT_PACK)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(Pack::built_in().digest(), expected);
    assert_ne!(parse("").digest(), parse("\n").digest());
}

fn any_match() -> impl Strategy<Value = MatchFacts> {
    (
        prop::sample::select(HashKind::all().to_vec()),
        0u32..64,
        0u32..64,
        prop::option::of(0u8..=100),
    )
        .prop_map(|(kind, distance, threshold, quality)| {
            let mut matching = if kind == HashKind::Pdq {
                pdq(distance)
            } else {
                digest(kind)
            };
            matching.threshold = threshold;
            matching.quality = quality;
            matching
        })
}

fn any_post() -> impl Strategy<Value = Facts> {
    (
        prop::collection::vec(any_match(), 1..4),
        prop::sample::select(Surface::ALL.to_vec()),
        any::<bool>(),
    )
        .prop_map(|(matches, surface, is_bare)| {
            let mut facts = if is_bare {
                bare_post(matches)
            } else {
                post(matches)
            };
            facts.item.surface = surface;
            facts
        })
}

proptest! {
    /// The default rules answer every match themselves, none fails, and none lets it through.
    #[test]
    fn the_default_pack_never_allows_a_match(facts in any_post()) {
        let judgement = Pack::built_in().judge(&facts);
        prop_assert!(judgement.verdict >= Verdict::Hold);
        prop_assert!(judgement.queue.is_some());
        for idx in 0..facts.matches.len() {
            prop_assert!(judgement.fired.iter().any(|fired| fired.match_idx == Some(idx)));
        }
        prop_assert!(judgement.fired.iter().all(|fired| fired.cause == Cause::Rule));
        if facts.item.surface != Surface::Public {
            prop_assert_eq!(judgement.verdict, Verdict::Hold);
        }
    }
}
