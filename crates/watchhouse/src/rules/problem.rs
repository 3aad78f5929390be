//! Problems: what is wrong with a rule file, and where.

use std::fmt;
use std::ops::Range;

use super::source::Source;

/// Lines longer than this are named but not shown.
const MAX_SHOWN_CHARS: usize = 200;

/// One thing that is wrong with a rule file. Prints as the compilers do: the place, the line, a
/// caret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The rule or example that it is in, by name or, where it has none, by number.
    pub within: Option<String>,
    /// A fragment: lower case, no full stop.
    pub message: String,
    line_text: String,
    width: usize,
}

impl Problem {
    pub(super) fn new(source: Source<'_>, span: &Range<usize>, message: String) -> Problem {
        let place = source.place(span);
        Problem {
            file: source.name.to_owned(),
            line: place.line,
            column: place.column,
            within: None,
            message,
            line_text: place.line_text.to_owned(),
            width: place.width,
        }
    }

    pub(super) fn within(mut self, what: String) -> Problem {
        self.within = Some(what);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, "error: {}", self.message)?;
        write!(f, "{margin}--> {}:{}:{}", self.file, self.line, self.column)?;
        if self.line_text.chars().count() <= MAX_SHOWN_CHARS {
            // Tabs stay tabs, so that the caret stands below its character at any tab width.
            let indent: String = self
                .line_text
                .chars()
                .chain(std::iter::repeat(' '))
                .take(self.column - 1)
                .map(|char| if char == '\t' { '\t' } else { ' ' })
                .collect();
            write!(f, "\n{margin} |\n{number} | {}", self.line_text)?;
            write!(f, "\n{margin} | {indent}{}", "^".repeat(self.width))?;
        }
        if let Some(what) = &self.within {
            write!(f, "\n{margin} = in {what}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
