//! An index saved on disk and altered, with a checksum that fits: what is loaded answers and changes as
//! its own copy does.

#![no_main]

use libfuzzer_sys::fuzz_target;
use watchhouse_match::{EntryId, Hash, HashKind, Hit, Index};

fuzz_target!(|bytes: &[u8]| {
    let checksum = crc32fast::hash(bytes).to_le_bytes();
    let Ok(mut index) = load(&[bytes, &checksum].concat()) else {
        return;
    };
    let saved = save(&index);
    let mut twin = load(&saved).expect("what was saved is loaded");
    assert!(save(&twin) == saved);

    let queries = queries(bytes);
    let hits = look_up(&index, &queries);
    assert_eq!(look_up(&twin, &queries), hits);
    for hit in &hits {
        assert!(hit.distance <= hit.threshold && hit.threshold <= Index::WIDEST_THRESHOLD);
    }
    let changed = change(&mut index, &queries, &hits);
    assert_eq!(change(&mut twin, &queries, &hits), changed);
});

/// Does everything that changes an index. Gives what it answers then.
fn change(index: &mut Index, queries: &[Hash], hits: &[Hit]) -> Vec<Hit> {
    for hit in hits.iter().step_by(2) {
        index.remove(hit.entry);
    }
    index.compact();
    for (hit, query) in hits.iter().zip(queries) {
        let _ = index.insert(EntryId(hit.entry.0 ^ 1), hit.bank, query);
    }
    index.compact();
    let answers = look_up(index, queries);
    if let Some(hit) = hits.first() {
        index.remove_bank(hit.bank);
    }
    [answers, look_up(index, queries)].concat()
}

fn look_up(index: &Index, queries: &[Hash]) -> Vec<Hit> {
    let mut hits = Vec::new();
    for query in queries {
        index.lookup(query, &mut hits);
    }
    let terms = queries
        .iter()
        .filter(|query| query.kind() == HashKind::Text);
    hits.extend(
        terms
            .flat_map(|term| index.find_terms(&term.to_string()))
            .map(|found| found.hit),
    );
    hits
}

/// What the file lists, wherever it lies there, and what is near to it.
fn queries(bytes: &[u8]) -> Vec<Hash> {
    let sizes = [16, 20, 32];
    let runs = sizes
        .into_iter()
        .flat_map(|size| bytes.windows(size).step_by(7).take(40));
    let texts = bytes.split(|byte| *byte < b' ').take(40);
    let hashes = runs.chain(texts).flat_map(|run| {
        let kinds = HashKind::all().into_iter();
        kinds.filter_map(move |kind| Hash::from_bytes(kind, run).ok())
    });
    hashes.collect()
}

fn save(index: &Index) -> Vec<u8> {
    let mut bytes = Vec::new();
    index.snapshot().save(&mut bytes).expect("memory takes all");
    bytes
}

fn load(bytes: &[u8]) -> Result<Index, watchhouse_match::LoadError> {
    Index::load(&mut &bytes[..], bytes.len() as u64)
}
