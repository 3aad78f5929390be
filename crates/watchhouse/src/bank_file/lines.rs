//! Lines of bounded length, with a way back.

use std::io::{self, BufRead, Read};

use super::{ReadError, at};

/// The longest line, and the longest CSV row over several lines, in bytes without its last line end.
pub const MAX_LINE_BYTES: usize = 64 << 10;

const MAX_WITH_END: usize = MAX_LINE_BYTES + b"\r\n".len();

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

pub(super) struct Lines<R> {
    input: R,
    /// What was put back, to be read again before the input.
    held: io::Cursor<Vec<u8>>,
    number: u64,
}

/// What `append` found.
#[derive(PartialEq, Eq)]
pub(super) enum Found {
    Line,
    /// The line would make the buffer longer than allowed. What fits has been appended.
    TooLong,
    End,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Lines<R> {
        Lines {
            input,
            held: io::Cursor::default(),
            number: 0,
        }
    }

    /// The number of the line that was read last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Reads the next line into the buffer, without its line end. False at the end of the file.
    ///
    /// Behind a line that is too long, the next call finds the line after it.
    pub(super) fn next(&mut self, buffer: &mut Vec<u8>) -> Result<bool, ReadError> {
        buffer.clear();
        match self.append(buffer)? {
            Found::End => return Ok(false),
            Found::Line => {}
            Found::TooLong => {
                self.skip_rest(buffer)?;
                let message = format!("longer than {MAX_LINE_BYTES} bytes");
                return Err(at(self.number, message));
            }
        }
        if self.number == 1 && buffer.starts_with(BYTE_ORDER_MARK) {
            buffer.drain(..BYTE_ORDER_MARK.len());
        }
        buffer.truncate(buffer.len() - line_end(buffer));
        Ok(true)
    }

    /// Reads the next line behind what the buffer already has, with its line end.
    pub(super) fn append(&mut self, buffer: &mut Vec<u8>) -> Result<Found, ReadError> {
        let len_before = buffer.len();
        self.read_line(buffer, MAX_WITH_END)?;
        if buffer.len() == len_before {
            let is_full = len_before >= MAX_WITH_END;
            return Ok(if is_full { Found::TooLong } else { Found::End });
        }
        self.number += 1;
        let is_whole = buffer.ends_with(b"\n");
        let len = if is_whole {
            buffer.len() - line_end(buffer)
        } else {
            buffer.len()
        };
        Ok(if len > MAX_LINE_BYTES {
            Found::TooLong
        } else {
            Found::Line
        })
    }

    /// Gives back whole lines and perhaps the start of one, which were read last.
    pub(super) fn put_back(&mut self, bytes: &[u8], n_lines: u64) {
        let position = usize::try_from(self.held.position()).expect("a position in memory");
        let mut held = bytes.to_vec();
        held.extend_from_slice(&self.held.get_ref()[position..]);
        self.held = io::Cursor::new(held);
        self.number -= n_lines;
    }

    /// Reads up to the end of the line, and no more than makes the buffer `max_bytes` long.
    fn read_line(&mut self, buffer: &mut Vec<u8>, max_bytes: usize) -> Result<(), ReadError> {
        let line = self.number;
        let fail = |error| ReadError::Io { line, error };
        let room = |buffer: &Vec<u8>| max_bytes.saturating_sub(buffer.len()) as u64;
        let n_held = (&mut self.held)
            .take(room(buffer))
            .read_until(b'\n', buffer)
            .map_err(fail)?;
        if n_held > 0 && buffer.ends_with(b"\n") {
            return Ok(());
        }
        (&mut self.input)
            .take(room(buffer))
            .read_until(b'\n', buffer)
            .map_err(fail)?;
        Ok(())
    }

    /// Skips the rest of a line that is too long; the buffer is only somewhere to put it.
    fn skip_rest(&mut self, buffer: &mut Vec<u8>) -> Result<(), ReadError> {
        while !buffer.ends_with(b"\n") {
            buffer.clear();
            self.read_line(buffer, MAX_WITH_END)?;
            if buffer.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// How many bytes of line end there are.
pub(super) fn line_end(line: &[u8]) -> usize {
    if line.ends_with(b"\r\n") {
        2
    } else {
        usize::from(line.ends_with(b"\n"))
    }
}
