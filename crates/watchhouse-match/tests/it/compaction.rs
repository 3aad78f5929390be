//! The index with lists so long that it walks instead of comparing with every hash.

use watchhouse_match::{BankId, BankSettings, EntryId, Hash, Hit, Index, PdqHash};

/// A hash that looks random, the same for the same seed.
fn random(seed: u64) -> PdqHash {
    let mut hash = PdqHash::default();
    for (nth, word) in (0u64..).zip(hash.0.as_chunks_mut::<8>().0) {
        let mut z = (seed * 4 + nth + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        *word = (z ^ z >> 31).to_le_bytes();
    }
    hash
}

/// The hash with so many bits turned.
fn turned(mut hash: PdqHash, n_bits: u32, seed: u64) -> PdqHash {
    let before = hash;
    for nth in 0.. {
        if before.distance(&hash) == n_bits {
            break;
        }
        let bit = usize::from(random(seed + nth).0[0]);
        hash.0[bit / 8] ^= 1 << (bit % 8);
    }
    hash
}

fn settings(threshold: u32, is_enabled: bool) -> BankSettings {
    BankSettings {
        threshold,
        is_enabled,
        ..BankSettings::default()
    }
}

fn compact(index: &mut Index) {
    while let Some(compaction) = index.compaction() {
        drop(index.install(compaction.run()));
    }
}

fn lookup(index: &Index, query: PdqHash) -> Vec<(EntryId, u32)> {
    let mut hits = Vec::new();
    index.lookup(&Hash::Pdq(query), &mut hits);
    hits.iter().map(|hit| (hit.entry, hit.distance)).collect()
}

/// What comparing one by one finds within a distance, in the order of hits.
fn expected(listed: &[(EntryId, PdqHash)], query: PdqHash, within: u32) -> Vec<(EntryId, u32)> {
    let near = listed.iter().filter_map(|(entry, hash)| {
        let distance = hash.distance(&query);
        (distance <= within).then_some((*entry, distance))
    });
    let mut near: Vec<(EntryId, u32)> = near.collect();
    near.sort_by_key(|(entry, distance)| (*distance, *entry));
    near
}

const BANK: BankId = BankId(1);

fn index_of(listed: &[(EntryId, PdqHash)]) -> Index {
    let mut index = Index::new();
    index
        .set_bank(BANK, settings(31, true))
        .expect("narrow enough");
    for (entry, hash) in listed {
        index
            .insert(*entry, BANK, &Hash::Pdq(*hash))
            .expect("not degenerate");
    }
    compact(&mut index);
    index
}

#[test]
fn every_neighbour_at_every_distance_is_found_in_a_long_list() {
    const N_STRANGERS: u64 = 200_000;
    let mut listed: Vec<(EntryId, PdqHash)> = (0..N_STRANGERS)
        .map(|nth| (EntryId(nth), random(nth)))
        .collect();
    // Ten neighbours at each distance, each of another hash.
    let mut queries = Vec::new();
    for distance in 0..=63 {
        for nth in 0..10 {
            let seed = 1_000_000 + u64::from(distance) * 1_000 + nth * 100;
            let query = random(seed);
            let entry = EntryId(listed.len() as u64);
            listed.push((entry, turned(query, distance, seed)));
            queries.push((query, entry, distance));
        }
    }
    let mut index = index_of(&listed);
    for threshold in [31, 0, 1, 14, 15, 16, 30, 32, 40, 47, 48, 63] {
        index
            .set_bank(BANK, settings(threshold, true))
            .expect("narrow enough");
        for &(query, entry, distance) in &queries {
            let found = lookup(&index, query);
            let near = if distance <= threshold {
                vec![(entry, distance)]
            } else {
                vec![]
            };
            assert_eq!(found, near, "distance {distance}, threshold {threshold}");
        }
    }
    index
        .set_bank(BANK, settings(63, false))
        .expect("narrow enough");
    for &(query, ..) in &queries {
        assert_eq!(lookup(&index, query), []);
    }
}

#[test]
fn lists_of_near_duplicates_are_searched_like_any_other() {
    // Crowds of every size; then hashes that share one part with all others, and their likes.
    let mut listed = Vec::new();
    let mut queries = Vec::new();
    for crowd in 0..40u64 {
        let middle = random(7_000_000 + crowd);
        queries.push(middle);
        for nth in 0..crowd * crowd * 4 {
            let seed = crowd * 100_000 + nth;
            listed.push((EntryId(seed), turned(middle, seed as u32 % 64, seed)));
        }
    }
    for nth in 0..50_000 {
        let mut hash = random(8_000_000 + nth);
        hash.0[..3].copy_from_slice(&[0x3c, 0xa5, 0x0f]);
        listed.push((EntryId(10_000_000 + nth), hash));
    }
    for nth in 0..20 {
        queries.push(turned(
            listed[listed.len() - 1 - nth].1,
            nth as u32 * 3,
            nth as u64,
        ));
        queries.push(turned(queries[nth * 2], 9, nth as u64));
    }
    let mut index = index_of(&listed);
    for threshold in [31, 10, 55] {
        index
            .set_bank(BANK, settings(threshold, true))
            .expect("narrow enough");
        let mut many: Vec<(usize, Hit)> = Vec::new();
        index.lookup_many(&queries, &mut many);
        for (query_idx, &query) in queries.iter().enumerate() {
            let near = expected(&listed, query, threshold);
            assert_eq!(
                lookup(&index, query),
                near,
                "query {query_idx} within {threshold}"
            );
            let of_many = many.iter().filter(|(of, _)| *of == query_idx);
            let of_many: Vec<_> = of_many.map(|(_, hit)| (hit.entry, hit.distance)).collect();
            assert_eq!(
                of_many, near,
                "query {query_idx} of many within {threshold}"
            );
        }
    }
}

#[test]
fn what_changes_after_and_during_a_compaction_is_so_at_once() {
    let listed: Vec<(EntryId, PdqHash)> = (0..100_000)
        .map(|nth| (EntryId(nth), random(nth)))
        .collect();
    let mut index = index_of(&listed);
    let changes = |index: &mut Index, from: u64| {
        for nth in from..from + 1_000 {
            assert!(index.remove(EntryId(nth)));
            let replaced = Hash::Pdq(random(2_000_000 + nth));
            index
                .insert(EntryId(nth + 1_000), BANK, &replaced)
                .expect("not degenerate");
        }
    };
    let check = |index: &Index, from: u64| {
        for nth in from..from + 1_000 {
            assert_eq!(lookup(index, random(nth)), []);
            assert_eq!(lookup(index, random(nth + 1_000)), []);
            let replaced = random(2_000_000 + nth);
            assert_eq!(lookup(index, replaced), [(EntryId(nth + 1_000), 0)]);
        }
    };
    changes(&mut index, 0);
    check(&index, 0);
    // A third is gone, so that it is worth while.
    for nth in 60_000..95_000 {
        assert!(index.remove(EntryId(nth)));
    }
    let compaction = index.compaction().expect("a third is removed");
    changes(&mut index, 10_000);
    let compacted = compaction.run();
    changes(&mut index, 20_000);
    check(&index, 10_000);
    drop(index.install(compacted));
    assert_eq!(index.len(), 62_000);
    for from in [0, 10_000, 20_000] {
        check(&index, from);
    }
    assert_eq!(lookup(&index, random(70_000)), []);
    assert_eq!(lookup(&index, random(50_000)), [(EntryId(50_000), 0)]);
}

#[test]
fn a_million_hashes_take_less_than_128_bytes_each() {
    let listed: Vec<(EntryId, PdqHash)> = (0..1_000_000)
        .map(|nth| (EntryId(nth), random(nth)))
        .collect();
    let index = index_of(&listed);
    let n_bytes = index.memory_bytes() as f64 / index.len() as f64;
    assert!(n_bytes < 128.0, "{n_bytes} bytes a hash");
    // The tables alone are 80.
    assert!(n_bytes > 120.0, "{n_bytes} bytes a hash");
}
