//! Rules: what a pack refuses and where it says so, and what it makes of a scan.

use watchhouse::rules::{
    AccountFacts, BankFacts, Facts, HashFacts, ItemFacts, MatchFacts, MediaFacts, On, Pack, Surface,
};
use watchhouse_match::{HashKind, Transform};

mod examples;
mod judging;
mod limits;
mod refusing;

/// A public post by some account with one picture.
fn post(matches: Vec<MatchFacts>) -> Facts {
    Facts {
        item: ItemFacts {
            external_id: "post-1".to_owned(),
            kind: "post".to_owned(),
            surface: Surface::Public,
            text: Some("a secret of the poster".to_owned()),
        },
        account: Some(AccountFacts {
            external_id: "account-1".to_owned(),
        }),
        media: MediaFacts {
            format: Some("png".to_owned()),
            width: Some(640),
            height: Some(480),
            size_bytes: 70_000,
            sha256: "4f187313847b62e4f7c191abe0ccf4e797c026adcc4332da5a9c5932eae0e306".to_owned(),
            frames: 1,
            quality: Some(90),
        },
        matches,
    }
}

/// The same with everything unknown that can be.
fn bare_post(matches: Vec<MatchFacts>) -> Facts {
    let mut facts = post(matches);
    facts.item.text = None;
    facts.account = None;
    facts.media.format = None;
    facts.media.width = None;
    facts.media.height = None;
    facts.media.quality = None;
    facts
}

/// A picture at this distance.
fn pdq(distance: u32) -> MatchFacts {
    MatchFacts {
        kind: HashKind::Pdq,
        distance,
        threshold: 31,
        transform: Transform::Original,
        quality: Some(80),
        frame: Some(0),
        bank: BankFacts {
            id: "bnk_1".to_owned(),
            name: "memes".to_owned(),
            category: Some("memes".to_owned()),
            owner: Some("forum".to_owned()),
        },
        hash: HashFacts {
            source: Some("import".to_owned()),
            external_id: Some("7".to_owned()),
            category: Some("cats".to_owned()),
            age_days: 3,
        },
    }
}

/// The same bytes, in a bank that says nothing about itself.
fn digest(kind: HashKind) -> MatchFacts {
    let mut matching = pdq(0);
    matching.kind = kind;
    matching.threshold = 0;
    matching.quality = None;
    matching.frame = None;
    matching.bank.category = None;
    matching.bank.owner = None;
    matching.hash.source = None;
    matching.hash.external_id = None;
    matching.hash.category = None;
    matching
}

/// A rule that holds, with these lines added.
fn rule(name: &str, on: On, when: &str, more: &str) -> String {
    format!(
        "[[rule]]\nname = \"{name}\"\nversion = 1\non = \"{on}\"\nwhen = '''{when}'''\n\
         reason = \"because of {name}\"\n{more}\n"
    )
}

fn parse(text: &str) -> Pack {
    Pack::parse("rules.toml", text).unwrap_or_else(|problems| {
        panic!("{}", shown(&problems));
    })
}

/// A pack of one rule on matches that holds.
fn one_rule(when: &str) -> Pack {
    parse(&rule("only", On::Match, when, "verdict = \"hold\""))
}

fn shown(problems: &[watchhouse::rules::Problem]) -> String {
    let shown: Vec<_> = problems.iter().map(ToString::to_string).collect();
    shown.join("\n\n") + "\n"
}
