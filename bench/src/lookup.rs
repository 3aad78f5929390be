//! Looking hashes up in long lists, side by side with the field's tools: on one core, and all must find the
//! same.

mod list;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use watchhouse_match::{BankId, BankSettings, EntryId, Hash, Index, PdqHash};

use crate::figure::{Figure, Versus, percentile};
use crate::peer::{Peers, Searched};
use list::{List, QUERIES, THRESHOLD};

/// What is done with one list.
struct Trial {
    list: fn() -> anyhow::Result<List>,
    /// How many queries a peer gets in a round: it is slow where ours is quick.
    first: usize,
    lookup: &'static str,
    /// Its name for us, and the peer's.
    peers: &'static [(&'static str, &'static str)],
    build: &'static str,
    figures: [&'static str; 4],
}

const TRIALS: [Trial; 3] = [
    Trial {
        list: || Ok(List::random(1_000_000)),
        first: 512,
        lookup: "lookup-1m",
        peers: &[
            ("flat", "faiss-flat"),
            ("multihash16", "faiss-multihash16"),
            ("threatexchange", "threatexchange"),
        ],
        build: "build-1m",
        figures: [
            "lookup-1m, p50",
            "lookup-1m, p99",
            "lookup-1m, longest",
            "index of 1 M, memory a hash",
        ],
    },
    Trial {
        list: || Ok(List::random(10_000_000)),
        first: 64,
        lookup: "lookup-10m",
        peers: &[
            ("flat", "faiss-flat"),
            ("multihash16", "faiss-multihash16"),
            ("yume", "yume-pdq"),
        ],
        build: "build-10m",
        figures: [
            "lookup-10m, p50",
            "lookup-10m, p99",
            "lookup-10m, longest",
            "index of 10 M, memory a hash",
        ],
    },
    Trial {
        list: || List::clustered(10_000_000),
        first: 64,
        lookup: "lookup-10m-clustered",
        peers: &[("flat", "faiss-flat")],
        build: "build-10m-clustered",
        figures: [
            "lookup-10m-clustered, p50",
            "lookup-10m-clustered, p99",
            "lookup-10m-clustered, longest",
            "clustered index of 10 M, memory a hash",
        ],
    },
];

pub(crate) fn measure(peers: &mut Peers) -> anyhow::Result<(Vec<Versus>, Vec<Figure>)> {
    let directory = tempfile::tempdir()?;
    let (mut versus, mut figures) = (Vec::new(), Vec::new());
    for trial in &TRIALS {
        eprintln!("measuring {}", trial.lookup);
        let task = Task::new(directory.path(), trial, (trial.list)()?)?;
        task.look_up(peers, &mut versus, &mut figures)?;
        if trial.lookup == "lookup-10m" {
            eprintln!("measuring scan-10m");
            task.scan(peers, &mut versus)?;
        }
    }
    Ok((versus, figures))
}

struct Task<'a> {
    trial: &'a Trial,
    list: List,
    hash_file: PathBuf,
    query_file: PathBuf,
}

impl Task<'_> {
    fn new<'a>(directory: &Path, trial: &'a Trial, list: List) -> anyhow::Result<Task<'a>> {
        let hash_file = directory.join(format!("{}-hashes", trial.lookup));
        let query_file = directory.join(format!("{}-queries", trial.lookup));
        std::fs::write(&hash_file, list.listed.as_flattened())?;
        std::fs::write(&query_file, list.queries.as_flattened())?;
        Ok(Task {
            trial,
            list,
            hash_file,
            query_file,
        })
    }

    fn look_up(
        &self,
        peers: &mut Peers,
        versus: &mut Vec<Versus>,
        figures: &mut Vec<Figure>,
    ) -> anyhow::Result<()> {
        let Trial { lookup, build, .. } = *self.trial;
        let began = Instant::now();
        let mut index = filled(&self.list.listed)?;
        index.compact();
        let seconds_to_build = began.elapsed().as_secs_f64();
        let mut hits = Vec::new();
        for query in &self.list.queries[..self.trial.first] {
            index.lookup(&Hash::Pdq(PdqHash(*query)), &mut hits);
        }
        let expected = hits.len() as u64;

        let mut micros_of_rounds: [Vec<f64>; 3] = Default::default();
        for &(name, peer) in self.trial.peers {
            let ours = || {
                let mut micros = Vec::with_capacity(QUERIES);
                for query in &self.list.queries {
                    hits.clear();
                    let began = Instant::now();
                    index.lookup(&Hash::Pdq(PdqHash(*query)), &mut hits);
                    micros.push(began.elapsed().as_secs_f64() * 1e6);
                }
                for (rounds, share) in micros_of_rounds.iter_mut().zip([0.5, 0.99, 1.0]) {
                    rounds.push(percentile(&mut micros, share));
                }
                Ok(micros.iter().sum::<f64>() / 1e6 / QUERIES as f64)
            };
            let mut built = 0.0;
            let theirs = || {
                let searched = self.search(peers, name, expected)?;
                built = searched.seconds_to_build;
                Ok(searched.seconds / self.trial.first as f64)
            };
            versus.push(Versus::in_turns(lookup, peer, ours, theirs)?);
            // The others only copy the list.
            if ["multihash16", "threatexchange"].contains(&name) {
                versus.push(Versus::once(build, peer, seconds_to_build, built));
            }
        }
        let [p50, p99, longest, memory] = self.trial.figures;
        for (work, rounds) in [p50, p99, longest].into_iter().zip(micros_of_rounds) {
            let unit = "us";
            figures.push(Figure { work, unit, rounds });
        }
        figures.push(Figure {
            work: memory,
            unit: "bytes",
            rounds: vec![index.memory_bytes() as f64 / index.len() as f64],
        });
        Ok(())
    }

    /// Comparing with every hash, which is what ours does with a list that was not compacted.
    fn scan(&self, peers: &mut Peers, versus: &mut Vec<Versus>) -> anyhow::Result<()> {
        let index = filled(&self.list.listed)?;
        let queries = &self.list.queries[..self.trial.first];
        let queries: Vec<PdqHash> = queries.iter().map(|bytes| PdqHash(*bytes)).collect();
        let mut hits = Vec::new();
        index.lookup_many(&queries, &mut hits);
        let expected = hits.len() as u64;
        for (name, peer) in [("flat-batched", "faiss-flat"), ("yume", "yume-pdq")] {
            let ours = || {
                hits.clear();
                let began = Instant::now();
                index.lookup_many(&queries, &mut hits);
                Ok(began.elapsed().as_secs_f64() / queries.len() as f64)
            };
            let theirs = || {
                let searched = self.search(peers, name, expected)?;
                Ok(searched.seconds / queries.len() as f64)
            };
            versus.push(Versus::in_turns("scan-10m", peer, ours, theirs)?);
        }
        Ok(())
    }

    fn search(&self, peers: &mut Peers, name: &str, expected: u64) -> anyhow::Result<Searched> {
        let first = self.trial.first;
        let searched = peers.search(name, &self.hash_file, &self.query_file, first)?;
        anyhow::ensure!(
            searched.n_hits == expected,
            "{name} found {} hashes, and ours {expected}",
            searched.n_hits
        );
        Ok(searched)
    }
}

fn filled(listed: &[[u8; 32]]) -> anyhow::Result<Index> {
    let settings = BankSettings {
        threshold: THRESHOLD,
        is_enabled: true,
        ..BankSettings::default()
    };
    let mut index = Index::new();
    index.set_bank(BankId(1), settings)?;
    for (entry, hash) in (0..).zip(listed) {
        index
            .insert(EntryId(entry), BankId(1), &Hash::Pdq(PdqHash(*hash)))
            .context("filling the index")?;
    }
    Ok(index)
}
