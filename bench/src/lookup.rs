//! Looking hashes up in long lists, side by side with the field's tools: one query after the other, on one
//! core, and all must find the same.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use watchhouse_match::{BankId, BankSettings, EntryId, Hash, Index, PdqHash};

use crate::figure::{Figure, Versus, percentile};
use crate::peer::Peers;

/// Of them half are near a listed hash, at each distance up to the threshold alike.
const QUERIES: usize = 2_048;

const THRESHOLD: u32 = 31;

/// A list, and how many queries a peer gets in a round: it is slow where ours is quick.
struct List {
    n_hashes: usize,
    first: usize,
    lookup: &'static str,
    build: &'static str,
    figures: [&'static str; 3],
}

const LISTS: [List; 2] = [
    List {
        n_hashes: 1_000_000,
        first: 512,
        lookup: "lookup-1m",
        build: "build-1m",
        figures: [
            "lookup-1m, p50",
            "lookup-1m, p99",
            "index of 1 M, memory a hash",
        ],
    },
    List {
        n_hashes: 10_000_000,
        first: 64,
        lookup: "lookup-10m",
        build: "build-10m",
        figures: [
            "lookup-10m, p50",
            "lookup-10m, p99",
            "index of 10 M, memory a hash",
        ],
    },
];

pub(crate) fn measure(peers: &mut Peers) -> anyhow::Result<(Vec<Versus>, Vec<Figure>)> {
    let directory = tempfile::tempdir()?;
    let (mut versus, mut figures) = (Vec::new(), Vec::new());
    for list in &LISTS {
        eprintln!("looking up among {} hashes", list.n_hashes);
        list.measure(peers, directory.path(), &mut versus, &mut figures)?;
    }
    Ok((versus, figures))
}

impl List {
    fn measure(
        &self,
        peers: &mut Peers,
        directory: &Path,
        versus: &mut Vec<Versus>,
        figures: &mut Vec<Figure>,
    ) -> anyhow::Result<()> {
        let mut rng = StdRng::seed_from_u64(1);
        let listed: Vec<[u8; 32]> = (0..self.n_hashes).map(|_| rng.random()).collect();
        let queries = queries(&listed, &mut rng);
        let (hash_file, query_file) = (directory.join("hashes"), directory.join("queries"));
        std::fs::write(&hash_file, listed.as_flattened())?;
        std::fs::write(&query_file, queries.as_flattened())?;

        let began = Instant::now();
        let index = indexed(&listed)?;
        let seconds_to_build = began.elapsed().as_secs_f64();
        let expected = found_by(&index, &queries[..self.first]);

        let (mut p50s, mut p99s) = (Vec::new(), Vec::new());
        for (name, peer) in [("flat", "faiss-flat"), ("multihash16", "faiss-multihash16")] {
            let ours = || {
                let mut micros = Vec::with_capacity(QUERIES);
                let mut hits = Vec::new();
                for query in &queries {
                    hits.clear();
                    let began = Instant::now();
                    index.lookup(&Hash::Pdq(PdqHash(*query)), &mut hits);
                    micros.push(began.elapsed().as_secs_f64() * 1e6);
                }
                p50s.push(percentile(&mut micros, 0.5));
                p99s.push(percentile(&mut micros, 0.99));
                Ok(micros.iter().sum::<f64>() / 1e6 / QUERIES as f64)
            };
            let mut built = 0.0;
            let theirs = || {
                let searched = peers.search(name, &hash_file, &query_file, self.first)?;
                anyhow::ensure!(
                    searched.n_hits == expected,
                    "{peer} found {} hashes, and ours {expected}",
                    searched.n_hits
                );
                built = searched.seconds_to_build;
                Ok(searched.seconds / self.first as f64)
            };
            versus.push(Versus::in_turns(self.lookup, peer, ours, theirs)?);
            // A flat list is only copied.
            if name != "flat" {
                versus.push(Versus::once(self.build, peer, seconds_to_build, built));
            }
        }
        let [p50, p99, memory] = self.figures;
        for (work, rounds) in [(p50, p50s), (p99, p99s)] {
            figures.push(Figure {
                work,
                unit: "us",
                rounds,
            });
        }
        figures.push(Figure {
            work: memory,
            unit: "bytes",
            rounds: vec![index.memory_bytes() as f64 / index.len() as f64],
        });
        Ok(())
    }
}

fn queries(listed: &[[u8; 32]], rng: &mut StdRng) -> Vec<[u8; 32]> {
    let near = |i: usize, rng: &mut StdRng| {
        let mut hash = listed[i * (listed.len() / QUERIES)];
        let mut left = (i as u32 / 2) % (THRESHOLD + 1);
        while left > 0 {
            let bit = rng.random_range(0..256);
            let flipped = 1 << (bit % 8);
            // A bit that was flipped already would be flipped back.
            if (hash[bit / 8] ^ listed[i * (listed.len() / QUERIES)][bit / 8]) & flipped == 0 {
                hash[bit / 8] ^= flipped;
                left -= 1;
            }
        }
        hash
    };
    (0..QUERIES)
        .map(|i| {
            if i % 2 == 0 {
                near(i, rng)
            } else {
                rng.random()
            }
        })
        .collect()
}

fn indexed(listed: &[[u8; 32]]) -> anyhow::Result<Index> {
    let settings = BankSettings {
        threshold: THRESHOLD,
        is_enabled: true,
    };
    let mut index = Index::new();
    index.set_bank(BankId(1), settings)?;
    for (entry, hash) in (0..).zip(listed) {
        index
            .insert(EntryId(entry), BankId(1), &Hash::Pdq(PdqHash(*hash)))
            .context("filling the index")?;
    }
    index.compact();
    Ok(index)
}

fn found_by(index: &Index, queries: &[[u8; 32]]) -> u64 {
    let mut hits = Vec::new();
    for query in queries {
        index.lookup(&Hash::Pdq(PdqHash(*query)), &mut hits);
    }
    hits.len() as u64
}
