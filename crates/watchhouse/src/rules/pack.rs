//! A pack: the rules of one TOML file, compiled and known to be sound.
//!
//! ```toml
//! [[rule]]
//! name = "known-media"          # a slug, once in a pack
//! version = 1                   # raise it with every change: verdicts name it
//! on = "match"                  # once for every match; "item" once for every scan
//! surfaces = ["public"]         # left out: all of public, private and direct
//! when = 'match.distance <= match.threshold / 2'
//! verdict = "block"             # allow, hold or block
//! queue = "known-media"         # left out: the queue of another rule that fired, or "review"
//! priority = 90                 # 0 to 100, more is sooner; left out: 50
//! preserve = true               # keep the media as evidence; left out: false
//! reason = "known illegal media"
//! ```
//!
//! A rule on a match may say `allow`: that answers the match, so that it is not held as unjudged,
//! but it overrules no other rule. The strictest verdict always wins.

use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use cel::Program;
use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::{DeArray, DeTable};

use super::compile;
use super::facts::{Surface, Verdict};
use super::judge::UNJUDGED_MATCH;
use super::problem::Problem;
use super::source::{Source, offsets_of};

mod fields;

use fields::Fields;

/// The pack of a server whose operator wrote none.
pub const DEFAULT_PACK: &str = include_str!("default.toml");

/// The largest pack, in bytes.
pub const MAX_PACK_BYTES: usize = 1 << 20;

/// The most rules in a pack.
pub const MAX_RULES: usize = 1000;

/// The priority of a rule that names none.
pub const DEFAULT_PRIORITY: u8 = 50;

const MAX_SLUG_CHARS: usize = 64;
const MAX_REASON_CHARS: usize = 500;

/// Compiled rules. Cheap to share, as all of it can be read at once.
#[derive(Debug)]
pub struct Pack {
    name: String,
    digest: String,
    rules: Vec<Rule>,
}

/// One rule of a pack.
#[derive(Debug)]
pub struct Rule {
    pub name: String,
    pub version: u32,
    pub on: On,
    /// None: on all of them.
    pub surfaces: Option<Vec<Surface>>,
    pub verdict: Verdict,
    pub queue: Option<String>,
    pub priority: u8,
    pub preserve: bool,
    /// For people: the reviewer, and whoever reads the verdict's reasons.
    pub reason: String,
    pub(super) program: Program,
}

/// What a rule is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Every match of a scan, one after the other.
    Match,
    /// A scan as a whole, with or without matches.
    Item,
}

impl On {
    pub const ALL: [On; 2] = [On::Match, On::Item];

    /// The name in rule files. MUST NOT change.
    pub const fn as_str(self) -> &'static str {
        match self {
            On::Match => "match",
            On::Item => "item",
        }
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Pack {
    /// Reads and compiles a pack. `name` is what problems call the file.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the file. A pack with one bad rule is no
    /// pack: half a policy is not what its author meant.
    pub fn parse(name: &str, text: &str) -> Result<Pack, Vec<Problem>> {
        let source = Source { name, text };
        if text.len() > MAX_PACK_BYTES {
            let message = format!(
                "the file has {} bytes, more than {MAX_PACK_BYTES}",
                text.len()
            );
            return Err(vec![Problem::new(source, &(0..0), message)]);
        }
        let (document, errors) = DeTable::parse_recoverable(text);
        let mut problems: Vec<Problem> = errors
            .iter()
            .map(|error| {
                let span = error.span().unwrap_or(0..0);
                Problem::new(source, &span, format!("not TOML: {}", error.message()))
            })
            .collect();
        let mut rules = Vec::new();
        // What is left of broken TOML would only give problems that are not there.
        if problems.is_empty() {
            rules = rules_of(source, &document, &mut problems);
        }
        if !problems.is_empty() {
            problems.sort_by_key(|problem| (problem.line, problem.column));
            return Err(problems);
        }
        Ok(Pack {
            name: name.to_owned(),
            digest: hex(&Sha256::digest(text)),
            rules,
        })
    }

    /// The pack of a server whose operator wrote none.
    pub fn built_in() -> &'static Pack {
        static BUILT_IN: LazyLock<Pack> = LazyLock::new(|| {
            Pack::parse("default.toml", DEFAULT_PACK).expect("a test parses the default pack")
        });
        &BUILT_IN
    }

    /// What the pack was called when it was parsed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The SHA-256 of the pack's text in lower-case hex: says which rules gave a verdict.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// In the order of the file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

impl Rule {
    pub(super) fn applies_on(&self, surface: Surface) -> bool {
        self.surfaces
            .as_ref()
            .is_none_or(|surfaces| surfaces.contains(&surface))
    }
}

fn rules_of(
    source: Source<'_>,
    document: &Spanned<DeTable<'_>>,
    problems: &mut Vec<Problem>,
) -> Vec<Rule> {
    let mut file = Fields::new(source, document.get_ref(), document.span());
    let list = file.tables("rule");
    file.finish("a pack");
    problems.append(&mut file.problems);
    if list.len() > MAX_RULES {
        let message = format!("the pack has {} rules, more than {MAX_RULES}", list.len());
        problems.push(Problem::new(source, &list[MAX_RULES].0, message));
        return Vec::new();
    }

    let mut rules: Vec<Rule> = Vec::new();
    let mut names: Vec<(String, usize)> = Vec::new();
    for (idx, (span, table)) in list.into_iter().enumerate() {
        let mut fields = Fields::new(source, table, span);
        let rule = rule_of(&mut fields);
        let name = fields.text_if_any("name");
        if let Some(name) = &name {
            let span = fields.span_of("name");
            let line = source.place(&span).line;
            if let Some((_, first)) = names.iter().find(|(other, _)| other == name) {
                fields.problem(&span, format!(
                    "the rule {name:?} is already there on line {first}; raise its version instead of repeating it"
                ));
            } else {
                names.push((name.clone(), line));
            }
        }
        let within = match name {
            Some(name) => format!("rule {name:?}"),
            None => format!("rule number {}", idx + 1),
        };
        problems.extend(
            fields
                .problems
                .into_iter()
                .map(|problem| problem.within(within.clone())),
        );
        rules.extend(rule);
    }
    rules
}

/// None if a part of it is missing or wrong; then `fields` has the problems.
fn rule_of(fields: &mut Fields<'_>) -> Option<Rule> {
    let name = fields.slug("name");
    if name.as_deref() == Some(UNJUDGED_MATCH) {
        let span = fields.span_of("name");
        fields.problem(
            &span,
            format!("{UNJUDGED_MATCH:?} is the name of a built-in rule"),
        );
    }
    let name = fields.required("name", name);
    let version = fields.integer("version", 1..=i64::from(u32::MAX));
    let version = fields.required("version", version);
    let on = fields.one_of("on", &On::ALL, On::as_str);
    let on = fields.required("on", on);
    let surfaces = fields.some_of("surfaces", &Surface::ALL, Surface::as_str);
    let verdict = fields.one_of("verdict", &Verdict::ALL, Verdict::as_str);
    let verdict = fields.required("verdict", verdict);
    let queue = fields.slug("queue");
    let priority = fields.integer("priority", 0..=100);
    let preserve = fields.boolean("preserve");
    let reason = fields.text("reason", MAX_REASON_CHARS);
    let reason = fields.required("reason", reason);
    let when = fields.text("when", usize::MAX);
    let when = fields.required("when", when);
    // Without `on` it is not known which variables there are.
    let program = match (when, on) {
        (Some(when), Some(on)) => program_of(fields, &when, on),
        _ => None,
    };
    fields.finish("a rule");

    Some(Rule {
        name: name?,
        version: u32::try_from(version?).ok()?,
        on: on?,
        surfaces,
        verdict: verdict?,
        queue,
        priority: priority.map_or(Some(DEFAULT_PRIORITY), |priority| {
            u8::try_from(priority).ok()
        })?,
        preserve: preserve.unwrap_or(false),
        reason: reason?,
        program: program?,
    })
}

fn program_of(fields: &mut Fields<'_>, when: &str, on: On) -> Option<Program> {
    let faults = match compile::compile(when, on) {
        Ok(program) => return Some(program),
        Err(faults) => faults,
    };
    let span = fields.span_of("when");
    let offsets = offsets_of(&fields.source.text[span.clone()], span.start, when);
    let in_file = |at: usize| offsets.get(at).copied().unwrap_or(span.end);
    for fault in faults {
        let range: Range<usize> = in_file(fault.range.start)..in_file(fault.range.end);
        fields.problem(&range, fault.message);
    }
    None
}

fn is_slug(text: &str) -> bool {
    text.len() <= MAX_SLUG_CHARS
        && text.split('-').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
