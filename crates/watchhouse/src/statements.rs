//! Statements of reasons: what somebody is told who is acted against, with every element that Article 17 of
//! the Digital Services Act asks for; pure.
//!
//! MUST NOT name who reported: Article 17(3)(b) allows that only where it cannot be helped.

mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::language::Language;
use crate::store::actions::Action;
use crate::store::decisions::{Decision, Outcome};
use crate::store::policies::{Ground, Policy, PolicyText};
use words::Words;

/// A statement in every language that people are answered in, by the language's code.
pub type Texts = BTreeMap<String, Vec<Section>>;

/// One thing that a statement tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = SectionOfStatement)]
pub struct Section {
    pub element: Element,
    pub heading: String,
    pub text: String,
}

/// What Article 17(3) asks for, by its letters, and what we add.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ElementOfStatement)]
pub enum Element {
    /// (a) What is restricted, where and for how long; or what no longer is.
    Restriction,
    /// (b) The facts, and whether somebody gave notice of them.
    Facts,
    /// (c) Whether automated means were used, to find and to decide.
    Automation,
    /// (d), (e) The law or the terms, and why this is against them.
    Ground,
    /// (f) How to object.
    Redress,
    /// Where to find help.
    Help,
}

/// What a statement is made of.
pub struct About<'a> {
    pub decision: &'a Decision,
    /// The version that the decision cites.
    pub policy: Option<&'a Policy>,
    /// What is done to this account and what it posted, or is no longer.
    pub actions: &'a [Action],
    /// How the platform or a reporter names what it is about.
    pub subject: &'a str,
    /// Whether somebody reported it.
    pub is_reported: bool,
    /// Whether a list or a rule found it.
    pub is_found_by_machine: bool,
    /// Until when objections are taken.
    pub appeal_until: Timestamp,
    /// Where the statement is shown, and objections are taken.
    pub address: &'a str,
}

/// Puts a statement together in all languages.
pub fn compose(about: &About<'_>) -> Texts {
    let languages = Language::ALL.into_iter();
    languages
        .map(|language| (language.code().to_owned(), compose_in(about, language)))
        .collect()
}

fn compose_in(about: &About<'_>, language: Language) -> Vec<Section> {
    let words = Words::of(language);
    let mut sections = Vec::new();
    let mut tell = |element, heading: &str, text: String| {
        sections.push(Section {
            element,
            heading: heading.to_owned(),
            text,
        });
    };
    let measures: Vec<String> = about
        .actions
        .iter()
        .map(|action| words.measure(action))
        .collect();
    let measures = measures.join("\n");
    let subject = about.subject;
    if about.decision.outcome == Outcome::NoViolation {
        let text = format!("{} {subject}\n{measures}", words.taken_back);
        tell(Element::Restriction, words.what_changes, text);
        tell(Element::Facts, words.why, facts(about.decision));
        return sections;
    }

    let text = format!("{} {subject}\n{measures}", words.about);
    tell(Element::Restriction, words.what, text);
    let source = if about.is_reported {
        words.reported
    } else {
        words.own_initiative
    };
    let text = format!("{}\n{source}", facts(about.decision));
    tell(Element::Facts, words.facts, text);
    let found = if about.is_found_by_machine {
        words.found_by_machine
    } else {
        words.found_by_people
    };
    let decided = if about.decision.is_automated {
        words.decided_by_machine
    } else {
        words.decided_by_people
    };
    tell(
        Element::Automation,
        words.automation,
        format!("{found} {decided}"),
    );
    tell(
        Element::Ground,
        words.ground,
        ground(about, language, words),
    );
    let until = about.appeal_until.strftime("%Y-%m-%d");
    let text = format!(
        "{} {until}: {}\n{}\n{}",
        words.object, about.address, words.out_of_court, words.court
    );
    tell(Element::Redress, words.redress, text);
    let text = about.policy.and_then(|policy| text_of(policy, language));
    if let Some(help) = text.and_then(|text| text.help.clone()) {
        tell(Element::Help, words.help, help);
    }
    sections
}

/// Decisions of before there were facts have their reasons.
fn facts(decision: &Decision) -> String {
    if decision.facts.is_empty() {
        decision.reasons.clone()
    } else {
        decision.facts.clone()
    }
}

fn ground(about: &About<'_>, language: Language, words: &Words) -> String {
    let decision = about.decision;
    let Some(policy) = about.policy else {
        return format!(
            "{} {}\n{}",
            words.against_terms, decision.policy, decision.reasons
        );
    };
    let against = match policy.terms.ground {
        Ground::Law => words.against_law,
        Ground::Terms => words.against_terms,
    };
    let (title, rule) = text_of(policy, language)
        .map_or((policy.name.as_str(), ""), |text| (&text.title, &text.text));
    format!(
        "{against} {title} ({}).\n{rule}\n{} {}",
        policy.terms.reference, words.because, decision.reasons
    )
}

/// In this language, or in one that there is.
fn text_of(policy: &Policy, language: Language) -> Option<&PolicyText> {
    let texts = &policy.terms.texts;
    texts.get(language.code()).or_else(|| texts.values().next())
}

/// The statement as plain text.
pub fn plain(sections: &[Section]) -> String {
    let sections = sections
        .iter()
        .map(|section| format!("{}\n{}\n", section.heading, section.text));
    sections.collect::<Vec<_>>().join("\n")
}
