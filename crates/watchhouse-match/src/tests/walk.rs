//! Walks round a ring against comparing one by one.

use proptest::prelude::*;

use super::{naive, near_hash};
use crate::arch::Kernel;
use crate::hash::PdqHash;
use crate::index::{PdqColumns, Ring, Walk};

/// Lists that are random, near each other, and all in the same places of some tables.
fn list() -> impl Strategy<Value = Vec<PdqHash>> {
    let alike = (any::<[u8; 32]>(), 1usize..=32, any::<bool>());
    let adversarial = alike.prop_flat_map(|(base, n_alike, from_end)| {
        proptest::collection::vec(any::<[u8; 32]>(), 0..300).prop_map(move |mut hashes| {
            for bytes in &mut hashes {
                let alike = if from_end {
                    32 - n_alike..32
                } else {
                    0..n_alike
                };
                bytes[alike.clone()].copy_from_slice(&base[alike]);
            }
            hashes.into_iter().map(PdqHash).collect()
        })
    });
    prop_oneof![proptest::collection::vec(near_hash(), 0..300), adversarial,]
}

/// A query, or a listed hash with some bits turned, perhaps many of them in one place.
fn query(listed: &[PdqHash], (nth, bytes, flips): &(usize, [u8; 32], Vec<usize>)) -> PdqHash {
    let mut query = match nth.checked_rem(listed.len()) {
        Some(near) => listed[near],
        None => PdqHash(*bytes),
    };
    for bit in flips {
        query.0[bit / 8] ^= 1 << (bit % 8);
    }
    query
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_kernel_walks_to_what_comparing_one_by_one_finds(
        listed in list(),
        query_of in (any::<usize>(), any::<[u8; 32]>(), prop_oneof![
            proptest::collection::vec(0usize..256, 0..64),
            proptest::collection::vec(40usize..90, 0..64),
        ]),
        within in 0u32..=63,
        budget in 0usize..60_000,
    ) {
        let mut columns = PdqColumns::default();
        for hash in &listed {
            columns.push(hash);
        }
        let ring = Ring::of(&columns);
        let query = query(&listed, &query_of);
        let mut expected = Vec::new();
        for (row, hash) in listed.iter().enumerate() {
            let distance = naive::distance(hash, &query);
            if distance <= within {
                expected.push((row, distance));
            }
        }
        let walk = Walk::new(&ring, &columns, query, within);
        for (nth, kernel) in Kernel::all().iter().enumerate() {
            let mut found = kernel.walk(&walk, usize::MAX).expect("there is no bound");
            found.sort_unstable();
            prop_assert_eq!(&found, &expected, "kernel {}, the fastest being 0", nth);
            // With too little it gives up, and never answers less.
            if let Some(mut found) = kernel.walk(&walk, budget) {
                found.sort_unstable();
                prop_assert_eq!(&found, &expected, "kernel {}, the fastest being 0", nth);
            }
        }
    }
}

#[test]
fn a_walk_among_many_that_are_alike_is_given_up() {
    let mut columns = PdqColumns::default();
    for nth in 0..5_000u16 {
        let mut hash = PdqHash([0x5a; 32]);
        hash.0[..2].copy_from_slice(&nth.to_le_bytes());
        columns.push(&hash);
    }
    let ring = Ring::of(&columns);
    let walk = Walk::new(&ring, &columns, PdqHash([0x5a; 32]), 31);
    let kernel = Kernel::fastest();
    assert_eq!(kernel.walk(&walk, 5_000), None);
    assert_eq!(
        kernel.walk(&walk, usize::MAX).map(|found| found.len()),
        Some(5_000)
    );
}
