//! Which container a video is in, and whether the file is whole.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchhouse_match::Container;

fuzz_target!(|bytes: &[u8]| {
    for kind in Container::ALL {
        let _ = kind.is_cut_off(bytes);
    }
    let container = Container::sniff(bytes);
    if let Some(container) = container.filter(|container| container.is_cut_off(bytes)) {
        // Filling it up does not make it another.
        let longer = [bytes, &[0; 16]].concat();
        assert_eq!(Container::sniff(&longer), Some(container));
    }
});
