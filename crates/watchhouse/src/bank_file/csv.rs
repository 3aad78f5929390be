//! CSV after RFC 4180: commas, and double quotes around what has commas, quotes or line ends.
//!
//! Not the `csv` crate: behind a quote that nobody closes, that reads the rest of the file as one
//! field, into memory. Here such a row costs its first line and no other.

use std::io::BufRead;
use std::ops::Range;

use watchhouse_match::HashKind;

use super::lines::{Found, Lines, MAX_LINE_BYTES, line_end};
use super::{LineError, NAMES, ReadError, Record, at, hash, text};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Hash(HashKind),
    Category,
    Source,
    Id,
}

impl Column {
    fn named(name: &str) -> Option<Column> {
        match name {
            "category" => Some(Column::Category),
            "source" => Some(Column::Source),
            "id" => Some(Column::Id),
            kind => kind.parse().ok().map(Column::Hash),
        }
    }
}

/// A file's columns, and the row being read.
#[derive(Default)]
pub(super) struct Table {
    /// Empty until the header has been read.
    columns: Vec<Column>,
    row: Row,
}

impl Table {
    /// Reads the row whose first line is in the buffer. None if that is the header or blank.
    pub(super) fn row<R: BufRead>(
        &mut self,
        lines: &mut Lines<R>,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Record>, ReadError> {
        let line = lines.number();
        if buffer.trim_ascii().is_empty() {
            return Ok(None);
        }
        let read = self.row.read(lines, buffer);
        if self.columns.is_empty() {
            let columns = read.and_then(|()| columns_of(&self.row.texts(line)?, line));
            self.columns = columns.map_err(|error| match error {
                ReadError::Line(error) => ReadError::Header(error),
                error => error,
            })?;
            return Ok(None);
        }
        read?;
        self.record(line).map(Some)
    }

    /// # Errors
    /// If there was no header.
    pub(super) fn end(&self) -> Result<(), ReadError> {
        if self.columns.is_empty() {
            let columns = NAMES.join(", ");
            let message = format!("the file is empty; expected a header with some of {columns}");
            return Err(ReadError::Header(LineError { line: 1, message }));
        }
        Ok(())
    }

    fn record(&self, line: u64) -> Result<Record, ReadError> {
        let fields = self.row.texts(line)?;
        let (n_fields, n_columns) = (fields.len(), self.columns.len());
        if n_fields != n_columns {
            let plural = if n_fields == 1 { "" } else { "s" };
            let message =
                format!("{n_fields} field{plural}, expected {n_columns} as in the header");
            return Err(at(line, message));
        }
        let mut record = Record {
            hashes: Vec::new(),
            category: None,
            source: None,
            external_id: None,
            line,
        };
        for (column, field) in self.columns.iter().zip(fields) {
            if field.is_empty() {
                continue;
            }
            match column {
                Column::Hash(kind) => record.hashes.push(hash(*kind, field, line)?),
                Column::Category => record.category = Some(field.to_owned()),
                Column::Source => record.source = Some(field.to_owned()),
                Column::Id => record.external_id = Some(field.to_owned()),
            }
        }
        if record.hashes.is_empty() {
            return Err(at(line, "no hash in any of the hash columns"));
        }
        Ok(record)
    }
}

fn columns_of(names: &[&str], line: u64) -> Result<Vec<Column>, ReadError> {
    let mut columns = Vec::new();
    for name in names {
        let name = name.trim_ascii();
        let Some(column) = Column::named(&name.to_ascii_lowercase()) else {
            let is_hash = name.len() >= 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
            let columns = NAMES.join(", ");
            let message = if is_hash {
                format!("a hash where the header should be; expected some of {columns}")
            } else {
                let shown: String = name.chars().take(20).collect();
                format!("{shown:?} is not a column; expected some of {columns}")
            };
            return Err(at(line, message));
        };
        if columns.contains(&column) {
            return Err(at(line, format!("the column {name:?} is there twice")));
        }
        columns.push(column);
    }
    if !columns
        .iter()
        .any(|column| matches!(column, Column::Hash(_)))
    {
        let kinds = HashKind::listed("and");
        let message = format!("no hash column; expected at least one of {kinds}");
        return Err(at(line, message));
    }
    Ok(columns)
}

/// The fields of a row, unquoted.
#[derive(Default)]
struct Row {
    bytes: Vec<u8>,
    fields: Vec<Range<usize>>,
}

/// Where in a field the reading is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    Bare,
    Quoted,
    /// Behind a quote in a quoted field: its end, or the first of two that stand for one.
    Quote,
}

impl Row {
    /// Reads a row from the line in the buffer and as many more as a quoted field runs over.
    fn read<R: BufRead>(
        &mut self,
        lines: &mut Lines<R>,
        buffer: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        let first_line = lines.number();
        self.bytes.clear();
        self.fields.clear();
        let mut at_in_field = self.split(buffer, At::Start, first_line)?;
        if at_in_field != At::Quoted {
            self.end_field(at_in_field);
            return Ok(());
        }

        let first_len = buffer.len();
        while at_in_field == At::Quoted {
            // The line end belongs to the field; which of the two it was does not.
            self.bytes.push(b'\n');
            let start = buffer.len();
            let result = match lines.append(buffer)? {
                Found::Line => {
                    let line = &buffer[start..];
                    let line = &line[..line.len() - line_end(line)];
                    self.split(line, at_in_field, first_line)
                }
                Found::End => Err(at(first_line, "a quote that is never closed")),
                Found::TooLong => {
                    let message =
                        format!("a quote that is not closed within {MAX_LINE_BYTES} bytes");
                    Err(at(first_line, message))
                }
            };
            at_in_field = result.inspect_err(|_| {
                // The first line is the bad one; the others get their own chance.
                let n_lines = lines.number() - first_line;
                lines.put_back(&buffer[first_len..], n_lines);
            })?;
        }
        self.end_field(at_in_field);
        Ok(())
    }

    /// Adds a line's bytes to the fields, or to the one that is open.
    fn split(&mut self, line: &[u8], mut at_in_field: At, number: u64) -> Result<At, ReadError> {
        if at_in_field == At::Start {
            self.start_field();
        }
        for &byte in line {
            at_in_field = match (at_in_field, byte) {
                (At::Quoted, b'"') => At::Quote,
                (At::Quoted, _) => {
                    self.bytes.push(byte);
                    At::Quoted
                }
                (At::Quote, b'"') => {
                    self.bytes.push(b'"');
                    At::Quoted
                }
                (_, b',') => {
                    self.end_field(at_in_field);
                    self.start_field();
                    At::Start
                }
                (At::Start, b'"') => At::Quoted,
                (At::Quote, _) => {
                    let message = "text behind a closing quote; write a quote in a field twice";
                    return Err(at(number, message));
                }
                (At::Start | At::Bare, _) => {
                    self.bytes.push(byte);
                    At::Bare
                }
            };
        }
        Ok(at_in_field)
    }

    fn start_field(&mut self) {
        let start = self.bytes.len();
        self.fields.push(start..start);
    }

    /// White space around a field is only part of it inside quotes.
    fn end_field(&mut self, at_in_field: At) {
        let end = self.bytes.len();
        let Some(field) = self.fields.last_mut() else {
            return;
        };
        let bytes = &self.bytes[field.start..end];
        *field = if at_in_field == At::Bare {
            let start = end - bytes.trim_ascii_start().len();
            start..start + self.bytes[start..end].trim_ascii_end().len()
        } else {
            field.start..end
        };
    }

    /// The text of each field by itself: a comma may stand in the middle of a letter's bytes.
    fn texts(&self, line: u64) -> Result<Vec<&str>, ReadError> {
        let fields = self.fields.iter();
        fields
            .map(|field| text(&self.bytes[field.clone()], line))
            .collect()
    }
}
