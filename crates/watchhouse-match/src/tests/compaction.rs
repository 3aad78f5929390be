//! Compactions that start, run and end at any moment, against a plain list.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::near_hash;
use crate::hash::{Hash, PdqHash};
use crate::index::{BankId, BankSettings, Bounds, Compacted, Compaction, EntryId, Hit, Index};

#[derive(Clone, Debug)]
enum Step {
    SetBank(BankId, BankSettings),
    RemoveBank(BankId),
    Insert(EntryId, BankId, PdqHash),
    Remove(EntryId),
    Lookup(PdqHash),
    Start,
    Run,
    Install,
}

fn step() -> impl Strategy<Value = Step> {
    let bank = (0u32..3).prop_map(BankId);
    let entry = (0u64..60).prop_map(EntryId);
    let settings = (0u32..=63, any::<bool>()).prop_map(|(threshold, is_enabled)| BankSettings {
        threshold,
        is_enabled,
        ..BankSettings::default()
    });
    prop_oneof![
        1 => (bank.clone(), settings).prop_map(|(bank, settings)| Step::SetBank(bank, settings)),
        1 => bank.clone().prop_map(Step::RemoveBank),
        30 => (entry.clone(), bank, near_hash())
            .prop_map(|(entry, bank, hash)| Step::Insert(entry, bank, hash)),
        8 => entry.prop_map(Step::Remove),
        4 => near_hash().prop_map(Step::Lookup),
        4 => Just(Step::Start),
        4 => Just(Step::Run),
        4 => Just(Step::Install),
    ]
}

fn lookup(index: &Index, query: PdqHash) -> Vec<Hit> {
    let mut hits = Vec::new();
    index.lookup(&Hash::Pdq(query), &mut hits);
    hits
}

#[derive(Default)]
struct Model {
    banks: BTreeMap<BankId, BankSettings>,
    entries: BTreeMap<EntryId, (BankId, PdqHash)>,
}

impl Model {
    fn lookup(&self, query: PdqHash) -> Vec<Hit> {
        let hits = self.entries.iter().filter_map(|(&entry, (bank, hash))| {
            let BankSettings {
                threshold,
                is_enabled,
                ..
            } = self.banks[bank];
            let distance = hash.distance(&query);
            (is_enabled && distance <= threshold).then_some(Hit {
                entry,
                bank: *bank,
                kind: crate::hash::HashKind::Pdq,
                distance,
                threshold,
            })
        });
        let mut hits: Vec<Hit> = hits.collect();
        hits.sort_by_key(|hit| (hit.distance, hit.bank, hit.entry));
        hits
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn compactions_at_any_moment_change_no_answer(
        steps in proptest::collection::vec(step(), 1..400),
        (fresh, ring, part) in (1usize..20, 20usize..60, 10usize..80),
    ) {
        let mut index = Index::with_bounds(Bounds { fresh, ring, part });
        let mut model = Model::default();
        // Several at once, so that some find that others were faster.
        let mut started: Vec<Compaction> = Vec::new();
        let mut done: Vec<Compacted> = Vec::new();
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
                    if index.insert(entry, bank, &Hash::Pdq(hash)).is_ok() {
                        model.entries.insert(entry, (bank, hash));
                    }
                }
                Step::Remove(entry) => {
                    prop_assert_eq!(index.remove(entry), model.entries.remove(&entry).is_some());
                }
                Step::Lookup(query) => {
                    prop_assert_eq!(lookup(&index, query), model.lookup(query));
                }
                Step::Start => started.extend(index.compaction()),
                Step::Run => done.extend(started.pop().map(Compaction::run)),
                Step::Install => {
                    if let Some(compacted) = done.pop() {
                        drop(index.install(compacted));
                    }
                }
            }
            prop_assert_eq!(index.len(), model.entries.len());
        }
        for (_, hash) in model.entries.values() {
            prop_assert_eq!(lookup(&index, *hash), model.lookup(*hash));
        }
    }
}

#[test]
fn compactions_come_to_an_end_with_few_parts() {
    let mut index = Index::with_bounds(Bounds {
        fresh: 8,
        ring: 4_000,
        part: 1_000,
    });
    let settings = BankSettings {
        threshold: 31,
        is_enabled: true,
        ..BankSettings::default()
    };
    index.set_bank(BankId(1), settings).expect("narrow enough");
    let mut n_compactions = 0;
    for nth in 0..4_000u64 {
        let mut hash = PdqHash([0x5a; 32]);
        hash.0[..8].copy_from_slice(&nth.to_le_bytes());
        index
            .insert(EntryId(nth), BankId(1), &hash.into())
            .expect("not degenerate");
        while let Some(compaction) = index.compaction() {
            n_compactions += 1;
            drop(index.install(compaction.run()));
        }
    }
    // One for each time that the new ones became a part, at most.
    assert!(
        (100..=500).contains(&n_compactions),
        "{n_compactions} compactions"
    );
    assert!(index.n_parts() <= 12, "{} parts", index.n_parts());
    for entry in 0..4_000 {
        assert!(index.remove(EntryId(entry)));
        while let Some(compaction) = index.compaction() {
            drop(index.install(compaction.run()));
        }
    }
    assert_eq!(index.n_parts(), 0);
}

#[test]
fn a_wide_bank_lets_only_its_own_hashes_be_searched_further() {
    let mut index = Index::with_bounds(Bounds {
        fresh: 8,
        ring: 100,
        part: 10_000,
    });
    let settings = |threshold, is_enabled| BankSettings {
        threshold,
        is_enabled,
        ..BankSettings::default()
    };
    let set = |index: &mut Index, bank, threshold, is_enabled| {
        let settings = settings(threshold, is_enabled);
        index
            .set_bank(BankId(bank), settings)
            .expect("narrow enough");
        index.compact();
        index.reaches()
    };
    set(&mut index, 1, 31, true);
    set(&mut index, 2, 63, true);
    for nth in 0..400u64 {
        let mut hash = PdqHash([0x5a; 32]);
        hash.0[..8].copy_from_slice(&nth.to_le_bytes());
        let bank = BankId(1 + u32::from(nth % 4 == 0));
        index
            .insert(EntryId(nth), bank, &hash.into())
            .expect("not degenerate");
    }
    let sum = |index: &mut Index, reach| {
        index.compact();
        let reaches = index.reaches().into_iter();
        let same = reaches.filter(|(of, _)| *of == reach);
        same.map(|(_, n_rows)| n_rows).sum::<usize>()
    };
    assert_eq!(sum(&mut index, Some(31)), 300);
    assert_eq!(sum(&mut index, Some(63)), 100);

    // A bank that is not enabled is not searched for.
    set(&mut index, 2, 63, false);
    assert_eq!(sum(&mut index, None), 100);

    // A bank that becomes narrow lies with the others from then on.
    set(&mut index, 2, 20, true);
    index
        .insert(EntryId(1_000), BankId(1), &PdqHash([0x3c; 32]).into())
        .expect("not degenerate");
    for nth in 0..150 {
        index.remove(EntryId(nth));
    }
    let parts_after = {
        index.compact();
        index.reaches()
    };
    assert!(
        parts_after
            .iter()
            .all(|(reach, _)| reach.is_some_and(|reach| reach <= 31))
    );

    // The last hash of a wide bank takes its width along.
    set(&mut index, 3, 63, true);
    index
        .insert(EntryId(2_000), BankId(3), &PdqHash([0x77; 32]).into())
        .expect("not degenerate");
    for nth in 3_000..3_020u64 {
        let mut hash = PdqHash([0xa5; 32]);
        hash.0[..8].copy_from_slice(&nth.to_le_bytes());
        index
            .insert(EntryId(nth), BankId(1), &hash.into())
            .expect("not degenerate");
    }
    assert_eq!(sum(&mut index, Some(63)), 1);
    index.remove(EntryId(2_000));
    assert_eq!(sum(&mut index, Some(63)), 0);
}
