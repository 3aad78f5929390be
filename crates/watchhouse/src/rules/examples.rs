//! Examples: facts with the judgement that a pack should give, in a file beside it.
//!
//! ```toml
//! [[example]]
//! name = "a hazy picture is held"
//! item = { surface = "private" }
//! match = [{ kind = "pdq", distance = 4, quality = 49 }]
//! expect = { verdict = "hold", rule = "hazy-picture", queue = "similar-media" }
//! ```
//!
//! What an example does not say is as in `examples/base.toml`: a public post by some account with
//! one picture of good quality, and matches that are certain. `false` says that there is none:
//! `account = false`, `quality = false`.

use std::ops::Range;

use serde::Deserialize;
use toml::{Spanned, Table, Value};

use super::facts::{Facts, Verdict};
use super::judge::Judgement;
use super::pack::Pack;
use super::problem::Problem;
use super::source::Source;

/// Examples that the default pack passes.
pub const DEFAULT_EXAMPLES: &str = include_str!("default_examples.toml");

const BASE: &str = include_str!("examples/base.toml");

/// Facts, and what the pack under test should say about them.
#[derive(Clone, Debug)]
pub struct Example {
    pub name: String,
    pub facts: Facts,
    pub expected: Expected,
}

/// What a judgement should be; what is None may be anything.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub verdict: Verdict,
    /// A rule that fires, whatever others do.
    pub rule: Option<String>,
    pub queue: Option<String>,
    pub priority: Option<u8>,
    pub preserve: Option<bool>,
}

/// How an example went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub name: String,
    /// What was not as expected, one fragment each. Empty if it passed.
    pub differences: Vec<String>,
}

impl Outcome {
    pub fn has_passed(&self) -> bool {
        self.differences.is_empty()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    example: Vec<Spanned<Table>>,
}

#[derive(Deserialize)]
struct Base {
    facts: Table,
    perceptual: Table,
    digest: Table,
}

/// Reads a file of examples. `name` is what problems call the file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_examples(name: &str, text: &str) -> Result<Vec<Example>, Vec<Problem>> {
    let source = Source { name, text };
    let file: File = toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        vec![Problem::new(source, &span, error.message().to_owned())]
    })?;
    let base: Base = toml::from_str(BASE).expect("a test parses the base of examples");

    let mut examples: Vec<Example> = Vec::new();
    let mut problems = Vec::new();
    for (idx, table) in file.example.into_iter().enumerate() {
        let span = header(&table.span());
        let table = table.into_inner();
        let within = match table.get("name").and_then(Value::as_str) {
            Some(name) => format!("example {name:?}"),
            None => format!("example number {}", idx + 1),
        };
        match example_of(table, &base) {
            Ok(example) if examples.iter().any(|other| other.name == example.name) => {
                let message = "another example has the same name".to_owned();
                problems.push(Problem::new(source, &span, message).within(within));
            }
            Ok(example) => examples.push(example),
            Err(message) => problems.push(Problem::new(source, &span, message).within(within)),
        }
    }
    if problems.is_empty() {
        Ok(examples)
    } else {
        Err(problems)
    }
}

/// Runs examples against a pack, one outcome each, in their order.
pub fn run_examples(pack: &Pack, examples: &[Example]) -> Vec<Outcome> {
    examples
        .iter()
        .map(|example| Outcome {
            name: example.name.clone(),
            differences: differences(&example.expected, &pack.judge(&example.facts)),
        })
        .collect()
}

fn differences(expected: &Expected, found: &Judgement) -> Vec<String> {
    let mut differences = Vec::new();
    if expected.verdict != found.verdict {
        differences.push(format!(
            "expected verdict {}, got {}",
            expected.verdict, found.verdict
        ));
    }
    if let Some(rule) = &expected.rule
        && !found.fired.iter().any(|fired| fired.rule == *rule)
    {
        let fired: Vec<_> = found
            .fired
            .iter()
            .map(|fired| fired.rule.as_str())
            .collect();
        let fired = match fired.as_slice() {
            [] => "no rule".to_owned(),
            names => names.join(", "),
        };
        differences.push(format!("expected rule {rule} to fire, but {fired} fired"));
    }
    if expected.queue.is_some() && expected.queue != found.queue {
        differences.push(format!(
            "expected queue {}, got {}",
            expected.queue.as_deref().unwrap_or("none"),
            found.queue.as_deref().unwrap_or("none")
        ));
    }
    if let Some(priority) = expected.priority
        && priority != found.priority
    {
        differences.push(format!(
            "expected priority {priority}, got {}",
            found.priority
        ));
    }
    if let Some(preserve) = expected.preserve
        && preserve != found.preserve
    {
        differences.push(format!(
            "expected preserve {preserve}, got {}",
            found.preserve
        ));
    }
    differences
}

fn example_of(mut table: Table, base: &Base) -> Result<Example, String> {
    let name = match table.remove("name") {
        Some(Value::String(name)) if !name.trim().is_empty() => name,
        Some(_) => return Err("`name` is not a text that says something".to_owned()),
        None => return Err("`name` is missing".to_owned()),
    };
    let expected = table.remove("expect").ok_or("`expect` is missing")?;
    let expected: Expected = expected
        .try_into()
        .map_err(|error| format!("in `expect`: {}", first_line(&error)))?;

    if let Some(matches) = table.get_mut("match") {
        let Value::Array(matches) = matches else {
            return Err("`match` is a list of tables".to_owned());
        };
        for matching in matches {
            let Value::Table(changes) = matching else {
                return Err("`match` is a list of tables".to_owned());
            };
            let is_digest = changes
                .get("kind")
                .is_some_and(|kind| kind.as_str() != Some("pdq"));
            let base = if is_digest {
                &base.digest
            } else {
                &base.perceptual
            };
            *matching = Value::Table(changed(base, std::mem::take(changes)));
        }
    }
    let facts = Value::Table(changed(&base.facts, table))
        .try_into()
        .map_err(|error| first_line(&error))?;
    Ok(Example {
        name,
        facts,
        expected,
    })
}

/// The base with the changes laid over it, table by table; `false` takes away.
fn changed(base: &Table, changes: Table) -> Table {
    let mut result = base.clone();
    for (name, value) in changes {
        match (value, result.get_mut(&name)) {
            (Value::Boolean(false), _) => {
                result.remove(&name);
            }
            (Value::Table(inner), Some(Value::Table(existing))) => {
                *existing = changed(existing, inner);
            }
            (value, _) => {
                result.insert(name, value);
            }
        }
    }
    result
}

/// The start of a table's span: the rest may be pages.
fn header(span: &Range<usize>) -> Range<usize> {
    span.start..span.start
}

fn first_line(error: &toml::de::Error) -> String {
    error.message().lines().next().unwrap_or("").to_owned()
}
