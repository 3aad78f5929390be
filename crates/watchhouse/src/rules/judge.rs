//! Judging: the facts of a scan against a pack.

use cel::{Context, ExecutionError, Value};

use super::compile::environment;
use super::facts::{Facts, Verdict};
use super::pack::{DEFAULT_PRIORITY, On, Pack, Rule};
use super::values;

/// The name of the built-in rule that holds a match which no rule answered.
pub const UNJUDGED_MATCH: &str = "unjudged-match";

/// Where a case goes whose rules name no queue.
pub const DEFAULT_QUEUE: &str = "review";

/// What the rules say about a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The strictest of all that fired; `allow` if none did.
    pub verdict: Verdict,
    /// Strictest first, then by priority, then in the order of the matches and of the file.
    pub fired: Vec<Fired>,
    /// The queue of the fired rule with the highest priority that names one. Always there if the
    /// verdict is hold or block; with `allow`, only if a rule asks for someone to look all the same.
    pub queue: Option<String>,
    /// The highest priority of the fired rules, 0 to 100; 0 if none did.
    pub priority: u8,
    /// True if any fired rule wants the media kept as evidence.
    pub preserve: bool,
}

/// One rule had something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    pub cause: Cause,
    pub rule: String,
    pub version: u32,
    pub verdict: Verdict,
    /// For people. Never has anything of the item's content.
    pub reason: String,
    pub queue: Option<String>,
    pub priority: u8,
    pub preserve: bool,
    /// Which of the scan's matches it is about; None for a rule on the item.
    pub match_idx: Option<usize>,
}

/// Why a rule is among those that fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its condition was true.
    Rule,
    /// No rule answered a match.
    UnjudgedMatch,
    /// Its condition could not be evaluated.
    RuleFailed,
}

impl Cause {
    /// The code in the API. MUST NOT change.
    pub const fn code(self) -> &'static str {
        match self {
            Cause::Rule => "rule",
            Cause::UnjudgedMatch => "unjudged_match",
            Cause::RuleFailed => "rule_failed",
        }
    }
}

impl Pack {
    /// Judges a scan. Pure: the same facts and pack give the same judgement.
    pub fn judge(&self, facts: &Facts) -> Judgement {
        let applying = |on: On| {
            self.rules()
                .iter()
                .filter(move |rule| rule.on == on && rule.applies_on(facts.item.surface))
        };
        let mut fired = Vec::new();
        // Most scans match nothing, and most packs have no rule for those.
        if facts.matches.is_empty() && applying(On::Item).next().is_none() {
            return Judgement::of(fired);
        }

        let mut context = Context::with_env(environment());
        context.add_variable_from_value("item", values::item(facts));
        context.add_variable_from_value("account", values::account(facts));
        context.add_variable_from_value("media", values::media(facts));
        for rule in applying(On::Item) {
            fired.extend(ask(rule, &context, None));
        }
        for (match_idx, matching) in facts.matches.iter().enumerate() {
            let mut context = context.new_inner_scope();
            context.add_variable_from_value("match", values::matching(matching));
            let n_fired = fired.len();
            for rule in applying(On::Match) {
                fired.extend(ask(rule, &context, Some(match_idx)));
            }
            if fired.len() == n_fired {
                fired.push(unjudged(match_idx));
            }
        }
        Judgement::of(fired)
    }
}

impl Judgement {
    fn of(mut fired: Vec<Fired>) -> Judgement {
        fired.sort_by_key(|fired| std::cmp::Reverse((fired.verdict, fired.priority)));
        let verdict = fired.first().map_or(Verdict::Allow, |first| first.verdict);
        let mut queue = None;
        let mut most_urgent = None;
        for fired in &fired {
            if fired.queue.is_some() && most_urgent < Some(fired.priority) {
                most_urgent = Some(fired.priority);
                queue.clone_from(&fired.queue);
            }
        }
        if verdict > Verdict::Allow && queue.is_none() {
            queue = Some(DEFAULT_QUEUE.to_owned());
        }
        Judgement {
            verdict,
            queue,
            priority: fired.iter().map(|fired| fired.priority).max().unwrap_or(0),
            preserve: fired.iter().any(|fired| fired.preserve),
            fired,
        }
    }
}

/// None if the rule has nothing to say. Whatever is not a clear true or false is a failure.
fn ask(rule: &Rule, context: &Context<'_, '_>, match_idx: Option<usize>) -> Option<Fired> {
    let error = match rule.program.execute(context) {
        Ok(Value::Bool(false)) => return None,
        Ok(Value::Bool(true)) => {
            return Some(Fired {
                cause: Cause::Rule,
                rule: rule.name.clone(),
                version: rule.version,
                verdict: rule.verdict,
                reason: rule.reason.clone(),
                queue: rule.queue.clone(),
                priority: rule.priority,
                preserve: rule.preserve,
                match_idx,
            });
        }
        Ok(_) => "it gave neither true nor false",
        Err(error) => in_words(&error),
    };
    // As if it had fired, but for the verdict: a copy can be thrown away later, not made later.
    Some(Fired {
        cause: Cause::RuleFailed,
        rule: rule.name.clone(),
        version: rule.version,
        verdict: Verdict::Hold,
        reason: format!("the rule {:?} failed: {error}", rule.name),
        queue: rule.queue.clone(),
        priority: rule.priority,
        preserve: rule.preserve,
        match_idx,
    })
}

fn unjudged(match_idx: usize) -> Fired {
    Fired {
        cause: Cause::UnjudgedMatch,
        rule: UNJUDGED_MATCH.to_owned(),
        version: 1,
        verdict: Verdict::Hold,
        reason: "a match that no rule answers".to_owned(),
        queue: None,
        priority: DEFAULT_PRIORITY,
        preserve: false,
        match_idx: Some(match_idx),
    }
}

/// The evaluator's own messages quote values, and a value may be the item's text.
fn in_words(error: &ExecutionError) -> &'static str {
    match error {
        ExecutionError::DivisionByZero(_) => "division by zero",
        ExecutionError::RemainderByZero(_) => "remainder of a division by zero",
        ExecutionError::Overflow(..) => "a number grew too large",
        ExecutionError::NoSuchKey(_) | ExecutionError::UndeclaredReference(_) => {
            "a variable or field is missing"
        }
        ExecutionError::FunctionError { .. } => "a function refused its arguments",
        _ => "a value has the wrong type",
    }
}
