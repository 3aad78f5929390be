//! Where things are in a file: byte offsets to lines and columns, and from inside a quoted
//! expression back to the file it was quoted in.

use std::ops::Range;

/// A file's text under the name that people know it by.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

/// A place as people count: lines and columns from 1, columns in characters.
pub(super) struct Place<'a> {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) line_text: &'a str,
    /// How many characters of the span are on this line; at least 1.
    pub(super) width: usize,
}

impl<'a> Source<'a> {
    pub(super) fn place(&self, span: &Range<usize>) -> Place<'a> {
        let start = floor_boundary(self.text, span.start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_text = self.text[line_start..].lines().next().unwrap_or("");
        // A span may start at the line's end; then there is nothing to underline but its end.
        let line_end = start.max(line_start + line_text.len());
        let end = floor_boundary(self.text, span.end).clamp(start, line_end);
        Place {
            line: self.text[..line_start].matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
            line_text,
            width: self.text[start..end].chars().count().max(1),
        }
    }
}

/// The offset in the file of every byte of a TOML string's value, and of its end.
///
/// `quoted` is the string as written with its quotes, at `start` in the file; `value` is what it
/// stands for. If the two disagree, the rest of the value is said to be where they parted.
pub(super) fn offsets_of(quoted: &str, start: usize, value: &str) -> Vec<usize> {
    let is_escaped = quoted.starts_with('"');
    let is_multi_line = quoted.starts_with("\"\"\"") || quoted.starts_with("'''");
    let mut at = if is_multi_line { 3 } else { 1 };
    if is_multi_line {
        // TOML drops a line end right behind the opening quotes.
        at += match quoted.as_bytes().get(at..) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([b'\n', ..]) => 1,
            _ => 0,
        };
    }

    let mut offsets = Vec::with_capacity(value.len() + 1);
    for char in value.chars() {
        if is_escaped {
            at += folded_lines(&quoted[at..]);
        }
        let rest = &quoted[at..];
        offsets.extend(std::iter::repeat_n(start + at, char.len_utf8()));
        at += if is_escaped && rest.starts_with('\\') {
            escape_len(rest)
        } else if char == '\n' && rest.starts_with("\r\n") {
            2
        } else if rest.starts_with(char) {
            char.len_utf8()
        } else {
            0
        };
    }
    offsets.push(start + at);
    offsets
}

/// How long the escape at the start of `text` is, cut to what there is.
fn escape_len(text: &str) -> usize {
    let len = match text.as_bytes().get(1) {
        Some(b'x') => 4,
        Some(b'u') => 6,
        Some(b'U') => 10,
        _ => 2,
    };
    floor_boundary(text, len)
}

/// How many bytes of "backslash, line end, white space" there are at the start of `text`.
fn folded_lines(text: &str) -> usize {
    let mut folded = 0;
    while let Some(rest) = text[folded..].strip_prefix('\\') {
        let white = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        if !rest[..white].contains('\n') {
            break;
        }
        folded += 1 + white;
    }
    folded
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
