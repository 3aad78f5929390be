//! How fast the index is, against comparing with every hash in the same run.
//!
//! `cargo run --release -p watchhouse-match --example index_speed [-- HASHES...]`, by default one
//! million and ten million. One thread. Half of the queries are random, so that they meet nothing in
//! a list of random hashes; the others differ from a listed hash in 0 to 31 bits. Of each call the
//! fastest of several rounds counts, so that others on the machine are not measured.

#![expect(clippy::print_stdout, reason = "a measurement prints")]

use std::time::{Duration, Instant};

use watchhouse_match::{BankId, BankSettings, EntryId, Hash, Index, PdqHash};

const N_QUERIES: usize = 2_048;
const N_ROUNDS: usize = 5;

fn main() {
    let sizes: Vec<usize> = std::env::args()
        .skip(1)
        .map(|size| size.parse().expect("sizes are numbers of hashes"))
        .collect();
    let sizes = if sizes.is_empty() {
        vec![1_000_000, 10_000_000]
    } else {
        sizes
    };
    for n_hashes in sizes {
        measure(&format!("{n_hashes} random"), &random_list(n_hashes));
        measure(
            &format!("{n_hashes} in crowds of up to 8192"),
            &list_of_crowds(n_hashes),
        );
    }
}

/// An index that compares with everything, for it was never compacted.
fn filled(listed: &[PdqHash]) -> Index {
    let settings = BankSettings {
        threshold: 31,
        is_enabled: true,
        ..BankSettings::default()
    };
    let mut index = Index::new();
    index
        .set_bank(BankId(1), settings)
        .expect("31 is narrow enough");
    for (entry, hash) in (0..).zip(listed) {
        // One in many millions may say nothing.
        let _ = index.insert(EntryId(entry), BankId(1), &Hash::Pdq(*hash));
    }
    index
}

fn measure(name: &str, listed: &[PdqHash]) {
    let mut plain = filled(listed);
    let start = Instant::now();
    let mut index = filled(listed);
    let inserting = start.elapsed();
    let (start, cpu_start) = (Instant::now(), cpu_time());
    index.compact();
    let (compacting, compacting_cpu) = (start.elapsed(), cpu_time() - cpu_start);
    println!("{name}");
    println!(
        "  inserted in {:.2} s, compacted in {:.2} s ({:.2} s on the CPU), {:.1} bytes a hash",
        inserting.as_secs_f64(),
        compacting.as_secs_f64(),
        compacting_cpu.as_secs_f64(),
        index.memory_bytes() as f64 / index.len() as f64
    );

    let queries = queries(listed);
    // A sweep takes long, so it gets fewer queries.
    let few = &queries[..64];
    let mut hits = Vec::new();
    let mut single = vec![Duration::MAX; queries.len()];
    let mut swept = vec![Duration::MAX; few.len()];
    let mut batched = vec![Duration::MAX; queries.len() / 64];
    let mut swept_batched = vec![Duration::MAX; few.len() / 8];
    let mut many = Vec::new();
    let mut n_hits = 0;
    for round in 0..N_ROUNDS {
        for (query, least) in queries.iter().zip(&mut single) {
            hits.clear();
            time(least, || index.lookup(&Hash::Pdq(*query), &mut hits));
            n_hits += if round == 0 { hits.len() } else { 0 };
        }
        for (query, least) in few.iter().zip(&mut swept) {
            hits.clear();
            time(least, || plain.lookup(&Hash::Pdq(*query), &mut hits));
        }
        for (queries, least) in queries.chunks(64).zip(&mut batched) {
            many.clear();
            time(least, || index.lookup_many(queries, &mut many));
        }
        for (queries, least) in few.chunks(8).zip(&mut swept_batched) {
            many.clear();
            time(least, || plain.lookup_many(queries, &mut many));
        }
    }

    let per_query = |times: &[Duration], n_queries: usize| {
        times.iter().sum::<Duration>().as_secs_f64() / n_queries as f64
    };
    let mean = per_query(&single, queries.len());
    let mean_batched = per_query(&batched, queries.len());
    let mean_swept = per_query(&swept, few.len());
    let mean_swept_batched = per_query(&swept_batched, few.len());
    single.sort_unstable();
    println!(
        "  single:  {:>7.0}/s, p50 {:.1} us, p99 {:.1} us, max {:.1} us; a sweep {:.0}/s: {:.0} times",
        1.0 / mean,
        micros(single[single.len() / 2]),
        micros(single[single.len() * 99 / 100]),
        micros(single[single.len() - 1]),
        1.0 / mean_swept,
        mean_swept / mean
    );
    println!(
        "  batched: {:>7.0}/s; sweeps of eight {:.0}/s: {:.0} times",
        1.0 / mean_batched,
        1.0 / mean_swept_batched,
        mean_swept_batched / mean_batched
    );
    println!(
        "  {:.1} hits a query on average",
        n_hits as f64 / queries.len() as f64
    );
    for threshold in [0, 15, 39, 47, 55, 63] {
        let mut mean = |index: &mut Index| {
            let settings = BankSettings {
                threshold,
                is_enabled: true,
                ..BankSettings::default()
            };
            index
                .set_bank(BankId(1), settings)
                .expect("63 is narrow enough");
            let few = &queries[..16];
            let mut least = vec![Duration::MAX; few.len()];
            for _ in 0..N_ROUNDS {
                for (query, least) in few.iter().zip(&mut least) {
                    hits.clear();
                    time(least, || index.lookup(&Hash::Pdq(*query), &mut hits));
                }
            }
            micros(least.iter().sum()) / few.len() as f64
        };
        println!(
            "  within {threshold}: {:.1} us, a sweep {:.1} us",
            mean(&mut index),
            mean(&mut plain)
        );
    }
    drop(plain);
    grow(&mut index, listed.len(), &queries);
}

/// Lets the index grow by a tenth, a thousand hashes at a time.
fn grow(index: &mut Index, n_listed: usize, queries: &[PdqHash]) {
    let settings = BankSettings {
        threshold: 31,
        is_enabled: true,
        ..BankSettings::default()
    };
    index
        .set_bank(BankId(1), settings)
        .expect("31 is narrow enough");
    let mut random = Random(4);
    let mut running = Duration::ZERO;
    let mut longest_lock = Duration::ZERO;
    for nth in 0..n_listed / 10 {
        let entry = EntryId((n_listed + nth) as u64);
        let _ = index.insert(entry, BankId(1), &Hash::Pdq(random.hash()));
        if !nth.is_multiple_of(1_000) {
            continue;
        }
        loop {
            let start = Instant::now();
            let Some(compaction) = index.compaction() else {
                break;
            };
            let locked = start.elapsed();
            let start = Instant::now();
            let compacted = compaction.run();
            running += start.elapsed();
            let start = Instant::now();
            let superseded = index.install(compacted);
            longest_lock = longest_lock.max(locked).max(start.elapsed());
            drop(superseded);
        }
    }
    let mut least = vec![Duration::MAX; queries.len()];
    let mut hits = Vec::new();
    for _ in 0..N_ROUNDS {
        for (query, least) in queries.iter().zip(&mut least) {
            hits.clear();
            time(least, || index.lookup(&Hash::Pdq(*query), &mut hits));
        }
    }
    least.sort_unstable();
    println!(
        "  a tenth more: compacted in {:.2} s, under a lock {:.1} us at most; p50 {:.1} us, p99 {:.1} us",
        running.as_secs_f64(),
        micros(longest_lock),
        micros(least[least.len() / 2]),
        micros(least[least.len() * 99 / 100])
    );
}

fn time(least: &mut Duration, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    *least = start.elapsed().min(*least);
}

/// For how long this thread has run; zero where the system does not tell.
fn cpu_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn random_list(n_hashes: usize) -> Vec<PdqHash> {
    let mut random = Random(1);
    (0..n_hashes).map(|_| random.hash()).collect()
}

/// Crowds of 1 to 8192 hashes, as many of each doubling in size, up to 40 bits from their middle.
fn list_of_crowds(n_hashes: usize) -> Vec<PdqHash> {
    let mut random = Random(2);
    let mut listed = Vec::with_capacity(n_hashes);
    while listed.len() < n_hashes {
        let middle = random.hash();
        let n_alike = 1 << random.below(14);
        for _ in 0..n_alike.min(n_hashes - listed.len()) {
            let n_bits = random.below(41);
            listed.push(random.turned(middle, n_bits));
        }
    }
    listed
}

fn queries(listed: &[PdqHash]) -> Vec<PdqHash> {
    let mut random = Random(3);
    let query = |query_idx: usize| {
        if query_idx.is_multiple_of(2) {
            return random.hash();
        }
        let near = listed[random.below(listed.len())];
        random.turned(near, query_idx / 2 % 32)
    };
    (0..N_QUERIES).map(query).collect()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn hash(&mut self) -> PdqHash {
        let mut hash = PdqHash::default();
        for word in hash.0.as_chunks_mut::<8>().0 {
            *word = self.next().to_le_bytes();
        }
        hash
    }

    /// The hash with so many bits turned.
    fn turned(&mut self, hash: PdqHash, n_bits: usize) -> PdqHash {
        let mut turned = hash;
        while hash.distance(&turned) < n_bits as u32 {
            let bit = self.below(256);
            turned.0[bit / 8] |= !hash.0[bit / 8] & 1 << (bit % 8);
            turned.0[bit / 8] &= !(hash.0[bit / 8] & 1 << (bit % 8));
        }
        turned
    }
}
