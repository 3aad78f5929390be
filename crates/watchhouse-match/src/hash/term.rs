//! Terms: words and phrases that are looked for in what people write.

use std::fmt;

use super::degenerate::Degenerate;
use super::signal::Signal;
use crate::index::{Indexed, TermTable};
use crate::text::fold;

/// Words and phrases. Named `text`, because a text is where they are found.
pub struct Text;

/// A word or phrase as it is compared as written; see [`crate::text`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(Box<str>);

/// What is longer is no phrase that anybody writes twice.
const LONGEST: usize = 500;

/// Folding makes of one letter up to eighteen, so there is no need to look at more.
const LONGEST_UNFOLDED: usize = 4 * LONGEST;

impl Term {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Indexed for Text {
    type Table = TermTable;
}

impl Signal for Text {
    type Value = Term;

    const NAME: &'static str = "text";
    const LABEL: &'static str = "text";
    const NOUN: &'static str = "a term";
    const EXAMPLE: &'static str = "forbidden phrase";
    const SIZE_BYTES: Option<usize> = None;
    const HAS_SPACES: bool = true;
    const QUOTED_CHARS: usize = 40;

    fn parse(text: &str) -> Result<Term, String> {
        let is_long = text.len() > LONGEST_UNFOLDED;
        let folded = if is_long { String::new() } else { fold(text) };
        if is_long || folded.len() > LONGEST {
            return Err(format!("longer than {LONGEST} bytes"));
        }
        if folded.contains(char::is_control) {
            return Err("a control character".to_owned());
        }
        Ok(Term(folded.into()))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Term, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let term = Text::parse(text)?;
        if &*term.0 != text {
            return Err("not in the form in which terms are kept".to_owned());
        }
        Ok(term)
    }

    fn as_bytes(value: &Term) -> &[u8] {
        value.0.as_bytes()
    }

    fn check_indexable(value: &Term) -> Result<(), Degenerate> {
        let mut letters = value.0.chars().filter(|letter| letter.is_alphanumeric());
        match letters.nth(1) {
            Some(_) => Ok(()),
            None => Err(Degenerate::TooFewLetters),
        }
    }

    fn write(value: &Term, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&value.0)
    }
}
