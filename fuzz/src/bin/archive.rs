//! Archives taken apart: what is told keeps its order and the limits, whatever was read.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use watchhouse_fuzz::archive::{ArchiveLimits, Form, MAX_NAME_BYTES, Part, read};

const LIMITS: ArchiveLimits = ArchiveLimits {
    members: 32,
    member_bytes: 64 << 10,
    total_bytes: 256 << 10,
    ratio: 200,
};

fuzz_target!(|bytes: &[u8]| {
    let mut n_members = 0;
    let mut total_bytes = 0;
    let mut member_bytes = None;
    let done = read(Cursor::new(bytes), &LIMITS, &mut |part| {
        match part {
            Part::Member(name) => {
                assert!(member_bytes.replace(0).is_none());
                assert!(name.len() <= MAX_NAME_BYTES);
                n_members += 1;
            }
            Part::Bytes(piece) => {
                *member_bytes.as_mut().expect("bytes are of a member") += piece.len() as u64;
                total_bytes += piece.len() as u64;
            }
            Part::End | Part::Broken(_) => {
                let size_bytes = member_bytes.take().expect("it had begun");
                assert!(size_bytes <= LIMITS.member_bytes);
            }
        }
        Ok(())
    });
    assert!(n_members <= LIMITS.members);
    assert!(total_bytes <= LIMITS.total_bytes);
    if done.is_ok() {
        assert!(member_bytes.is_none());
        assert!(Form::sniff(bytes).is_some());
    }
});
