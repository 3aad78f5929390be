//! The index against a list that is searched one by one.

use std::collections::BTreeMap;

use proptest::prelude::*;
use watchhouse_match::{
    BankId, BankSettings, Degenerate, EntryId, Hash, HashKind, Hit, Index, PdqHash, Refused,
};

/// What the index must answer, kept in the plainest way.
#[derive(Default)]
struct Model {
    banks: BTreeMap<BankId, BankSettings>,
    entries: BTreeMap<EntryId, (BankId, Hash)>,
}

impl Model {
    fn lookup(&self, query: &Hash) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (&entry, (bank, listed)) in &self.entries {
            let settings = self.banks[bank];
            let (distance, threshold) = match (query, listed) {
                (Hash::Pdq(query), Hash::Pdq(listed)) => {
                    (query.distance(listed), settings.threshold)
                }
                _ if query == listed => (0, 0),
                _ => continue,
            };
            if settings.is_enabled && distance <= threshold {
                hits.push(Hit {
                    entry,
                    bank: *bank,
                    kind: listed.kind(),
                    distance,
                    threshold,
                });
            }
        }
        hits.sort_by_key(|hit| (hit.distance, hit.bank, hit.entry));
        hits
    }
}

#[derive(Clone, Debug)]
enum Step {
    SetBank(BankId, BankSettings),
    RemoveBank(BankId),
    Insert(EntryId, BankId, Hash),
    Remove(EntryId),
    Lookup(Hash),
}

/// Few banks, few entries and hashes near each other, so that steps meet.
fn step() -> impl Strategy<Value = Step> {
    let bank = (0u32..4).prop_map(BankId);
    let entry = (0u64..40).prop_map(EntryId);
    let settings = (0u32..=63, any::<bool>()).prop_map(|(threshold, is_enabled)| BankSettings {
        threshold,
        is_enabled,
        ..BankSettings::default()
    });
    prop_oneof![
        2 => (bank.clone(), settings).prop_map(|(bank, settings)| Step::SetBank(bank, settings)),
        1 => bank.clone().prop_map(Step::RemoveBank),
        12 => (entry.clone(), bank, any_hash())
            .prop_map(|(entry, bank, hash)| Step::Insert(entry, bank, hash)),
        4 => entry.prop_map(Step::Remove),
        6 => any_hash().prop_map(Step::Lookup),
    ]
}

fn any_hash() -> impl Strategy<Value = Hash> {
    prop_oneof![
        4 => (0u8..3, proptest::collection::vec(0usize..256, 0..70)).prop_map(|(base, flips)| {
            let mut hash = PdqHash([0x5a ^ base.wrapping_mul(0x33); 32]);
            for bit in flips {
                hash.0[bit / 8] ^= 1 << (bit % 8);
            }
            Hash::Pdq(hash)
        }),
        1 => (1u8..4).prop_map(|byte| Hash::Md5([byte; 16])),
        1 => (1u8..4).prop_map(|byte| Hash::Sha1([byte; 20])),
        1 => (1u8..4).prop_map(|byte| Hash::Sha256([byte; 32])),
    ]
}

fn lookup(index: &Index, query: &Hash) -> Vec<Hit> {
    let mut hits = Vec::new();
    index.lookup(query, &mut hits);
    hits
}

fn enabled(threshold: u32) -> BankSettings {
    BankSettings {
        threshold,
        is_enabled: true,
        ..BankSettings::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn index_answers_as_a_plain_list_does(
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let (mut index, mut model) = (Index::new(), Model::default());
        for step in steps {
            match step {
                Step::SetBank(bank, settings) => {
                    prop_assert_eq!(index.set_bank(bank, settings), Ok(()));
                    model.banks.insert(bank, settings);
                }
                Step::RemoveBank(bank) => {
                    let n_before = model.entries.len();
                    model.entries.retain(|_, (of, _)| *of != bank);
                    model.banks.remove(&bank);
                    prop_assert_eq!(index.remove_bank(bank), n_before - model.entries.len());
                }
                Step::Insert(entry, bank, hash) => {
                    let inserted = index.insert(entry, bank, &hash);
                    if model.banks.contains_key(&bank) {
                        prop_assert_eq!(inserted, Ok(()));
                        model.entries.insert(entry, (bank, hash));
                    } else {
                        prop_assert_eq!(inserted, Err(Refused::UnknownBank(bank)));
                    }
                }
                Step::Remove(entry) => {
                    prop_assert_eq!(index.remove(entry), model.entries.remove(&entry).is_some());
                }
                Step::Lookup(query) => {
                    prop_assert_eq!(lookup(&index, &query), model.lookup(&query));
                }
            }
            prop_assert_eq!(index.len(), model.entries.len());
        }
        for (_, hash) in model.entries.values() {
            prop_assert_eq!(lookup(&index, hash), model.lookup(hash));
        }
    }

    #[test]
    fn many_lookups_at_once_equal_one_at_a_time(
        listed in proptest::collection::vec(any_hash(), 0..60),
        queries in proptest::collection::vec(any::<[u8; 32]>(), 0..20),
        threshold in 0u32..=63,
    ) {
        let mut index = Index::new();
        index.set_bank(BankId(1), enabled(threshold)).expect("narrow enough");
        for (entry, hash) in (0..).zip(&listed) {
            index.insert(EntryId(entry), BankId(1), hash).expect("not degenerate");
        }
        // Half the queries are near something listed.
        let queries: Vec<PdqHash> = queries.into_iter().enumerate().map(|(query_idx, bytes)| {
            match listed.get(query_idx) {
                Some(Hash::Pdq(near)) => *near,
                _ => PdqHash(bytes),
            }
        }).collect();

        let mut hits = Vec::new();
        index.lookup_many(&queries, &mut hits);

        let mut expected = Vec::new();
        for (query_idx, query) in queries.iter().enumerate() {
            let alone = lookup(&index, &Hash::Pdq(*query));
            expected.extend(alone.into_iter().map(|hit| (query_idx, hit)));
        }
        prop_assert_eq!(hits, expected);
    }
}

#[test]
fn every_threshold_meets_exactly_the_distances_up_to_it() {
    let base = PdqHash([0x0f; 32]);
    let at_distance = |distance: u32| {
        let mut hash = base;
        // Spread over both halves of the hash, starting at either.
        for nth in 0..distance as usize {
            let bit = (nth * 151 + distance as usize) % 256;
            hash.0[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(base.distance(&hash), distance);
        hash
    };
    let mut index = Index::new();
    index
        .set_bank(BankId(7), enabled(0))
        .expect("narrow enough");
    for distance in 0..=70 {
        index
            .insert(
                EntryId(distance.into()),
                BankId(7),
                &at_distance(distance).into(),
            )
            .expect("not degenerate");
    }
    for threshold in 0..=63 {
        index
            .set_bank(BankId(7), enabled(threshold))
            .expect("narrow enough");
        let hits = lookup(&index, &base.into());
        let distances: Vec<u32> = hits.iter().map(|hit| hit.distance).collect();
        assert_eq!(distances, (0..=threshold).collect::<Vec<_>>());
        assert!(hits.iter().all(|hit| hit.threshold == threshold));
    }
}

#[test]
fn what_says_nothing_is_never_listed() {
    let mut index = Index::new();
    index
        .set_bank(BankId(1), enabled(63))
        .expect("narrow enough");
    assert_eq!(
        index.insert(EntryId(1), BankId(1), &Hash::Pdq(PdqHash::default())),
        Err(Refused::Degenerate(Degenerate::AllZero))
    );
    assert!(index.is_empty());
}

#[test]
fn a_refused_insert_leaves_the_old_hash_in_place() {
    let mut index = Index::new();
    index
        .set_bank(BankId(1), enabled(0))
        .expect("narrow enough");
    let hash = Hash::Md5([9; 16]);
    index
        .insert(EntryId(1), BankId(1), &hash)
        .expect("not degenerate");
    assert!(
        index
            .insert(EntryId(1), BankId(2), &Hash::Md5([8; 16]))
            .is_err()
    );
    assert!(
        index
            .insert(EntryId(1), BankId(1), &Hash::Md5([0; 16]))
            .is_err()
    );
    assert_eq!(lookup(&index, &hash).len(), 1);
}

#[test]
fn thresholds_that_would_match_strangers_are_refused() {
    let mut index = Index::new();
    let refused = index.set_bank(BankId(1), enabled(64));
    assert_eq!(
        refused.map_err(|error| error.to_string()),
        Err("a threshold of 64 is too wide: the widest is 63".to_owned())
    );
    assert_eq!(index.bank(BankId(1)), None);
}

#[test]
fn a_bank_too_many_is_refused_until_another_goes() {
    let mut index = Index::new();
    for bank in 0..65_536 {
        assert_eq!(index.set_bank(BankId(bank), enabled(31)), Ok(()));
    }
    let refused = index.set_bank(BankId(65_536), enabled(31));
    assert_eq!(
        refused.map_err(|error| error.to_string()),
        Err("cannot have more than 65536 banks: remove one first".to_owned())
    );
    assert_eq!(index.set_bank(BankId(7), enabled(12)), Ok(()));
    index.remove_bank(BankId(9));
    assert_eq!(index.set_bank(BankId(65_536), enabled(31)), Ok(()));
    assert_eq!(index.bank(BankId(65_536)), Some(enabled(31)));
}

#[test]
fn a_new_bank_in_an_old_ones_place_does_not_inherit_its_hashes() {
    let mut index = Index::new();
    let hash = Hash::Sha256([3; 32]);
    index
        .set_bank(BankId(1), enabled(31))
        .expect("narrow enough");
    index
        .insert(EntryId(1), BankId(1), &hash)
        .expect("not degenerate");
    assert_eq!(index.remove_bank(BankId(1)), 1);
    index
        .set_bank(BankId(2), enabled(31))
        .expect("narrow enough");
    assert_eq!(lookup(&index, &hash), []);
    assert_eq!(index.remove_bank(BankId(1)), 0);
}

#[test]
fn a_hash_takes_less_than_a_hundred_bytes() {
    let mut index = Index::new();
    index
        .set_bank(BankId(1), enabled(31))
        .expect("narrow enough");
    for kind in [HashKind::Pdq, HashKind::Sha256, HashKind::Md5] {
        let mut most = 0.0f64;
        let (n_before, bytes_before) = (index.len(), index.memory_bytes());
        for entry in 0..100_000u64 {
            let bytes: [u8; 32] = std::array::from_fn(|at| {
                (entry.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (at % 8 * 8)) as u8 ^ at as u8 ^ 0x5a
            });
            let hash = Hash::from_bytes(kind, &bytes[..kind.size_bytes().expect("of a size")])
                .expect("right size");
            let entry = EntryId(n_before as u64 + entry);
            // Some of these numbers are degenerate as pictures.
            if index.insert(entry, BankId(1), &hash).is_ok() && index.len() - n_before > 10_000 {
                let n_bytes = index.memory_bytes() - bytes_before;
                most = most.max(n_bytes as f64 / (index.len() - n_before) as f64);
            }
        }
        assert!(most < 100.0, "{kind}: {most} bytes a hash");
    }
}
