//! The sieve for JPEG pictures and the reader of coefficients behind it, beside the decoder.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchhouse_fuzz::LIMITS;
use watchhouse_match::{DecodeErrorKind, Limits, inspect, screen};

/// Large pictures are sifted in other ways than small ones.
const LARGE: Limits = Limits {
    pixels: 1 << 22,
    ..LIMITS
};

fuzz_target!(|bytes: &[u8]| {
    let screened = screen(bytes, &LARGE);
    if let Ok(Some(screened)) = &screened {
        assert!(u64::from(screened.width) * u64::from(screened.height) <= LARGE.pixels);
        assert!((50..=100).contains(&screened.near_quality));
    }
    let exact = inspect(bytes, &LIMITS);
    match (&screened, &exact) {
        (Err(error), Ok(_)) => panic!("a sound picture is refused: {error}"),
        (Ok(Some(screened)), Ok(exact)) => {
            // Metadata may ask for a turn.
            let sides = (screened.width, screened.height);
            let turned = (screened.height, screened.width);
            assert!([sides, turned].contains(&(exact.width, exact.height)));
        }
        // Of a progressive file the first scan is read, so that is no more than a word on that.
        (Ok(Some(_)), Err(error)) if !bytes.windows(2).any(|marker| marker == [0xff, 0xc2]) => {
            let kinds = [DecodeErrorKind::Truncated, DecodeErrorKind::Malformed];
            assert!(!kinds.contains(&error.kind), "damage is not seen: {error}");
        }
        _ => {}
    }
});
