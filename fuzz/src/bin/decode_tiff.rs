//! The TIFF decoder and the hashing behind it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchhouse_match::Format;

fuzz_target!(|bytes: &[u8]| watchhouse_fuzz::inspect_as(Format::Tiff, bytes));
