//! Rules: what to do about a match or an item, as the operator wrote it.
//!
//! A pack is a TOML file of rules, each with a condition in CEL. [`Pack::parse`] refuses everything
//! that could go wrong later (unknown fields, wrong types, a value that may be null used unguarded)
//! and says where in the file; [`Pack::judge`] turns the facts of a scan into a verdict.
//!
//! It fails closed: a match that no rule answers and a rule that fails both hold the upload.
//! Everything here is pure: no files, no clock, and nothing of an item's text in any message.
//!
//! # What a condition can say
//!
//! `when` is one CEL expression that gives true or false, over the variables of [`variables`].
//! There are `==`, `!=`, `<`, `in`, `&&`, `||`, `!`, `? :` and arithmetic on whole numbers, the
//! functions `size`, `contains`, `startsWith`, `endsWith`, `matches` and `double`, and `all`,
//! `exists`, `exists_one`, `filter` and `map` over a list that is written in the expression.
//!
//! # Null
//!
//! Every field is always there; what is not known is `null`. Comparing null with `==`, `!=` or `in`
//! is always fine. Anything else needs a guard, and a rule without one is refused:
//! `match.quality != null && match.quality < 50`.
//!
//! # What bounds a condition
//!
//! The `cel` crate has no loops, no recursion and no way to define anything; it does not count
//! steps. So that evaluation stays short, a pack is refused if an expression is longer than
//! [`MAX_EXPRESSION_BYTES`], nests deeper than [`MAX_DEPTH`] (which also bounds the stack), puts one
//! comprehension inside another, or builds a regular expression while running (they run in time
//! linear in the text). The lists to go through are literals, so an expression costs at most about
//! its own length times that of the item's text.

mod check;
mod compile;
mod examples;
mod facts;
mod judge;
mod pack;
mod problem;
mod schema;
mod source;
mod values;

pub use compile::{MAX_DEPTH, MAX_EXPRESSION_BYTES};
pub use examples::{DEFAULT_EXAMPLES, Example, Expected, Outcome, parse_examples, run_examples};
pub use facts::{
    AccountFacts, BankFacts, Facts, HashFacts, ItemFacts, MatchFacts, MediaFacts, Surface, Verdict,
};
pub use judge::{Cause, DEFAULT_QUEUE, Fired, Judgement, UNJUDGED_MATCH};
pub use pack::{DEFAULT_PACK, DEFAULT_PRIORITY, MAX_PACK_BYTES, MAX_RULES, On, Pack, Rule};
pub use problem::Problem;
pub use schema::variables;
