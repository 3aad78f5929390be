//! What is loaded answers as what was saved, and other bytes are refused.

use proptest::prelude::*;

use super::near_hash;
use crate::hash::{Hash, HashKind, PdqHash};
use crate::index::{BankId, BankSettings, Bounds, EntryId, Hit, Index, LoadError};

/// An entry, its bank and its hash; without a bank the entry is removed.
type Change = (EntryId, Option<BankId>, Hash);

fn change() -> impl Strategy<Value = Change> {
    let hash = prop_oneof![
        8 => near_hash().prop_map(Hash::Pdq),
        1 => (1u8..5).prop_map(|byte| Hash::Md5([byte; 16])),
        1 => (1u8..5).prop_map(|byte| Hash::Sha1([byte; 20])),
        1 => (1u8..5).prop_map(|byte| Hash::Sha256([byte; 32])),
        1 => (1u8..5).prop_map(|n| listed(HashKind::Url, &format!("a{n}.example"))),
        1 => (1u8..5).prop_map(|n| listed(HashKind::Text, &format!("fine words {n}"))),
        1 => proptest::collection::vec(near_hash(), 1..5).prop_map(|hashes| video(&hashes)),
    ];
    let bank = prop_oneof![4 => (0u32..3).prop_map(|bank| Some(BankId(bank))), 1 => Just(None)];
    ((0u64..60).prop_map(EntryId), bank, hash)
}

fn listed(kind: HashKind, text: &str) -> Hash {
    Hash::parse(kind, text).expect("it is well formed")
}

fn video(hashes: &[PdqHash]) -> Hash {
    let frames = hashes.iter().map(|hash| format!("{hash},100,0.000"));
    let frames: Vec<String> = frames.collect();
    listed(HashKind::Vpdq, &serde_json::json!(frames).to_string())
}

fn make(index: &mut Index, changes: &[Change]) {
    for (entry, bank, hash) in changes {
        match bank {
            // What says nothing is refused alike.
            Some(bank) => drop(index.insert(*entry, *bank, hash)),
            None => drop(index.remove(*entry)),
        }
    }
}

fn with_banks(bounds: Bounds) -> Index {
    let mut index = Index::with_bounds(bounds);
    for (bank, threshold) in [(0, 31), (1, 0), (2, 63)] {
        let is_enabled = bank != 1;
        let settings = BankSettings {
            threshold,
            is_enabled,
            ..BankSettings::default()
        };
        index
            .set_bank(BankId(bank), settings)
            .expect("narrow enough");
    }
    // So that there is a slot without a bank.
    index.remove_bank(BankId(1));
    let settings = BankSettings {
        threshold: 5,
        is_enabled: true,
        ..BankSettings::default()
    };
    index.set_bank(BankId(9), settings).expect("narrow enough");
    index.set_bank(BankId(1), settings).expect("narrow enough");
    index.remove_bank(BankId(9));
    index
}

fn saved(index: &Index) -> Vec<u8> {
    let mut bytes = Vec::new();
    index.snapshot().save(&mut bytes).expect("memory takes all");
    bytes
}

fn loaded(bytes: &[u8]) -> Result<Index, LoadError> {
    Index::load(&mut &bytes[..], bytes.len() as u64)
}

fn hits(index: &Index, changes: &[Change]) -> Vec<Vec<Hit>> {
    let hits_of = |(_, _, hash): &Change| {
        let mut hits = Vec::new();
        index.lookup(hash, &mut hits);
        hits
    };
    changes.iter().map(hits_of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_is_loaded_answers_and_changes_as_what_was_saved(
        before in proptest::collection::vec(change(), 1..200),
        later in proptest::collection::vec(change(), 1..100),
        (fresh, ring, part) in (1usize..40, 20usize..200, 10usize..80),
        compacts in any::<bool>(),
    ) {
        let mut index = with_banks(Bounds { fresh, ring, part });
        make(&mut index, &before);
        if compacts {
            index.compact();
            // New rows and removed ones beside the parts.
            make(&mut index, &before[..before.len() / 4]);
        }
        let mut twin = loaded(&saved(&index)).expect("nobody altered it");
        prop_assert_eq!(twin.len(), index.len());
        prop_assert_eq!(hits(&twin, &before), hits(&index, &before));
        for index in [&mut index, &mut twin] {
            make(index, &later);
        }
        prop_assert_eq!(twin.len(), index.len());
        prop_assert_eq!(hits(&twin, &later), hits(&index, &later));
        prop_assert_eq!(hits(&twin, &before), hits(&index, &before));
        prop_assert_eq!(twin.remove_bank(BankId(2)), index.remove_bank(BankId(2)));
        prop_assert_eq!(hits(&twin, &before), hits(&index, &before));
    }

    #[test]
    fn bytes_that_were_altered_or_cut_short_are_refused(
        changes in proptest::collection::vec(change(), 1..60),
        ring in prop_oneof![3 => Just(1_000usize), 1 => Just(5)],
        places in proptest::collection::vec((any::<prop::sample::Index>(), 1u8..=255), 1..40),
    ) {
        let bounds = Bounds { fresh: 10, ring, part: 50 };
        let mut index = with_banks(bounds);
        make(&mut index, &changes);
        index.compact();
        let mut bytes = saved(&index);
        for (place, flipped) in places {
            let at = place.index(bytes.len());
            prop_assert!(loaded(&bytes[..at]).is_err(), "cut off at {at}");
            bytes[at] ^= flipped;
            prop_assert!(loaded(&bytes).is_err(), "{at} altered");
            bytes[at] ^= flipped;
        }
        bytes.push(0);
        prop_assert!(loaded(&bytes).is_err());
        bytes.pop();
        prop_assert!(loaded(&bytes).is_ok());
    }

    #[test]
    fn bytes_with_a_right_checksum_never_panic(
        changes in proptest::collection::vec(change(), 1..60),
        ring in prop_oneof![3 => Just(1_000usize), 1 => Just(5)],
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut index = with_banks(Bounds { fresh: 10, ring, part: 50 });
        make(&mut index, &changes);
        index.compact();
        let bytes = saved(&index);
        for (place, value) in places {
            // Most are near the beginning, where the lengths are.
            let mut bytes = bytes.clone();
            let end = bytes.len() - 4;
            let at = place.index(if value % 2 == 0 { end } else { end.min(500) });
            bytes[at] = value;
            let checksum = crc32fast::hash(&bytes[..end]).to_le_bytes();
            bytes[end..].copy_from_slice(&checksum);
            if let Ok(index) = loaded(&bytes) {
                drop(hits(&index, &changes));
            }
        }
    }
}

#[test]
fn a_saved_index_is_as_large_as_what_it_holds() {
    let mut index = with_banks(Bounds::default());
    let hash = PdqHash([0x5a; 32]);
    index
        .insert(EntryId(1), BankId(0), &Hash::Pdq(hash))
        .expect("not degenerate");
    assert!(saved(&index).len() < 300);
}
