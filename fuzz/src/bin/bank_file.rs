//! Bank files in each of their forms: every record holds hashes, lines only grow, and it does not matter
//! in what pieces a file comes.

#![no_main]

use std::io::{BufReader, Cursor};

use libfuzzer_sys::fuzz_target;
use watchhouse_fuzz::bank_file::{Format, ReadError, Reader};

fuzz_target!(|bytes: &[u8]| {
    for format in Format::ALL {
        let whole = Reader::new(format, bytes).map(|record| format!("{record:?}"));
        let pieces = BufReader::with_capacity(3, Cursor::new(bytes));
        let pieces = Reader::new(format, pieces).map(|record| format!("{record:?}"));
        assert!(whole.eq(pieces));
        let mut last_line = 0;
        let mut has_ended = false;
        for record in Reader::new(format, bytes) {
            assert!(!has_ended, "something came after the end");
            let line = match record {
                Ok(record) => {
                    assert!(!record.hashes.is_empty());
                    record.line
                }
                Err(ReadError::Line(fault)) => fault.line,
                Err(ReadError::Header(fault)) => {
                    has_ended = true;
                    fault.line
                }
                Err(ReadError::Io { .. }) => {
                    has_ended = true;
                    last_line
                }
            };
            assert!(line >= last_line, "line {line} after {last_line}");
            last_line = line;
        }
    }
});
