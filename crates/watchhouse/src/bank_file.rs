//! Bank files: lists of hashes as hotlines and platforms hand them around.
//!
//! Three forms, all UTF-8 with or without a byte order mark, with any line ends:
//!
//! * plain: a line is a kind and a hash, `pdq f8f8…`; blank lines and `#` comments are skipped;
//! * CSV: a header with some of the kinds' names and `category,source,id` in any order and case,
//!   then a medium a row, with one hash or several;
//! * JSON Lines: an object a line, with the same names.
//!
//! A bad line is an error with its number, and reading goes on behind it: what to do about it is
//! the caller's decision. Nothing is guessed and nothing is skipped in silence. Memory is bounded
//! by [`MAX_LINE_BYTES`], whatever the file. Pure but for the reader that it is given.

use std::fmt;
use std::io::{self, BufRead};
use std::str::FromStr;

use watchhouse_match::{Hash, HashKind};

mod csv;
mod json_lines;
mod lines;
mod plain;

pub use lines::MAX_LINE_BYTES;

/// How a bank file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Plain,
    Csv,
    JsonLines,
}

impl Format {
    pub const ALL: [Format; 3] = [Format::Plain, Format::Csv, Format::JsonLines];

    /// The name in the API and on the command line. MUST NOT change.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Plain => "plain",
            Format::Csv => "csv",
            Format::JsonLines => "jsonl",
        }
    }

    /// The format that a file of this name most likely has. None if its ending says nothing.
    pub fn guess(name: &str) -> Option<Format> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "txt" | "hashes" => Some(Format::Plain),
            "csv" => Some(Format::Csv),
            "jsonl" | "ndjson" => Some(Format::JsonLines),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = ParseFormatError;

    fn from_str(text: &str) -> Result<Format, ParseFormatError> {
        Format::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| ParseFormatError(text.to_owned()))
    }
}

/// A name that is no [`Format`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a format of bank files: expected plain, csv or jsonl")]
pub struct ParseFormatError(String);

/// What a medium may have in a file that names it: hashes by their kind, and what is said of it.
const NAMES: [&str; HashKind::NAMES.len() + 3] = {
    let mut names = ["category"; HashKind::NAMES.len() + 3];
    let mut kind_idx = 0;
    while kind_idx < HashKind::NAMES.len() {
        names[kind_idx] = HashKind::NAMES[kind_idx];
        kind_idx += 1;
    }
    names[kind_idx + 1] = "source";
    names[kind_idx + 2] = "id";
    names
};

/// One medium of a bank file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// All of the same medium. At least one; at most one of each kind; each fit for an index.
    pub hashes: Vec<Hash>,
    pub category: Option<String>,
    pub source: Option<String>,
    /// The source's own id for it.
    pub external_id: Option<String>,
    /// The line of the file that it starts on, from 1.
    pub line: u64,
}

/// What is wrong with one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct LineError {
    /// From 1.
    pub line: u64,
    /// A fragment: lower case, no full stop.
    pub message: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The line cannot be used; the next one may be fine.
    #[error(transparent)]
    Line(LineError),
    /// The CSV header cannot be used, and without it no row. Nothing comes after this.
    #[error(transparent)]
    Header(LineError),
    /// The file cannot be read on. Nothing comes after this.
    #[error("cannot read on behind line {line}: {error}")]
    Io { line: u64, error: io::Error },
}

impl ReadError {
    /// True if nothing comes after this.
    pub fn is_fatal(&self) -> bool {
        !matches!(self, ReadError::Line(_))
    }
}

/// Reads a bank file, record by record.
pub struct Reader<R> {
    lines: lines::Lines<R>,
    /// The line, or the lines of a quoted CSV field, being read.
    buffer: Vec<u8>,
    form: Form,
    is_done: bool,
}

enum Form {
    Plain,
    Csv(csv::Table),
    JsonLines,
}

impl<R: BufRead> Reader<R> {
    pub fn new(format: Format, input: R) -> Reader<R> {
        Reader {
            lines: lines::Lines::new(input),
            buffer: Vec::new(),
            form: match format {
                Format::Plain => Form::Plain,
                Format::Csv => Form::Csv(csv::Table::default()),
                Format::JsonLines => Form::JsonLines,
            },
            is_done: false,
        }
    }

    /// None at the end of the file.
    fn step(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            if !self.lines.next(&mut self.buffer)? {
                return match &self.form {
                    Form::Csv(table) => table.end().map(|()| None),
                    Form::Plain | Form::JsonLines => Ok(None),
                };
            }
            let line = self.lines.number();
            let record = match &mut self.form {
                Form::Csv(table) => table.row(&mut self.lines, &mut self.buffer)?,
                Form::Plain => plain::record(text(&self.buffer, line)?, line)?,
                Form::JsonLines => json_lines::record(text(&self.buffer, line)?, line)?,
            };
            if let Some(record) = record {
                return without_null(record).map(Some);
            }
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let result = self.step().transpose();
        self.is_done = match &result {
            None => true,
            Some(result) => result.as_ref().is_err_and(ReadError::is_fatal),
        };
        result
    }
}

fn text(bytes: &[u8], line: u64) -> Result<&str, ReadError> {
    std::str::from_utf8(bytes).map_err(|_| at(line, "not UTF-8; save the file as UTF-8"))
}

/// PostgreSQL's text cannot hold U+0000, and nobody means it.
fn without_null(record: Record) -> Result<Record, ReadError> {
    let texts = [&record.category, &record.source, &record.external_id];
    let has_null = texts.into_iter().flatten().any(|text| text.contains('\0'));
    match has_null {
        true => Err(at(record.line, "a text with the character U+0000")),
        false => Ok(record),
    }
}

fn at(line: u64, message: impl Into<String>) -> ReadError {
    let message = message.into();
    ReadError::Line(LineError { line, message })
}

/// A hash that is fit for an index.
fn hash(kind: HashKind, digits: &str, line: u64) -> Result<Hash, ReadError> {
    let hash = Hash::parse(kind, digits).map_err(|error| at(line, error.to_string()))?;
    match hash.check_indexable() {
        Ok(()) => Ok(hash),
        Err(error) => Err(at(line, format!("{}: {error}", kind.label()))),
    }
}
