//! Searches with the crate yume-pdq when told to, and says how long it took.
//!
//! Reads a JSON object a line, {"search": "yume", "hashes": PATH, "queries": PATH, "first": N}, and looks up
//! the first queries within 31 bits, 32 of them at a time. Answers with the seconds, the number of hits
//! and the seconds that building took, which is none. Both files hold 32 bytes a hash.

use std::io::BufRead as _;
use std::time::Instant;

use anyhow::Context as _;
use serde_json::{Value, json};
use yume_pdq::GenericArray;
use yume_pdq::alignment::Align8;
use yume_pdq::generic_array::typenum::{U4, U32, U2048};
use yume_pdq::matching::{CpuMatcher, PDQMatcher as _};

type Hash = GenericArray<u8, U32>;
/// What it compares with at a time.
type Chunk = Align8<GenericArray<Hash, U2048>>;
/// Queries that are compared at a time: eight for each 1.
type Matcher = CpuMatcher<U2048, U4>;

const CHUNK: usize = 2_048;
const BATCH: usize = 32;

fn main() -> anyhow::Result<()> {
    let mut listed = (String::new(), 0, Vec::new());
    for line in std::io::stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let path = |name: &str| asked[name].as_str().context("no path");
        let hashes = path("hashes")?;
        if listed.0 != hashes {
            let (n_hashes, chunks) = chunks_of(&std::fs::read(hashes)?);
            listed = (hashes.to_owned(), n_hashes, chunks);
        }
        let queries = std::fs::read(path("queries")?)?;
        let first = asked["first"].as_u64().context("no number of queries")? as usize;
        let (queries, _) = queries.as_chunks::<32>();
        anyhow::ensure!(first.is_multiple_of(BATCH), "queries come in batches of {BATCH}");

        let began = Instant::now();
        let mut n_hits = 0;
        for batch in queries[..first].chunks(BATCH) {
            let mut needles: GenericArray<Hash, U32> = GenericArray::default();
            for (needle, query) in needles.iter_mut().zip(batch) {
                needle.copy_from_slice(query);
            }
            let mut matcher = Matcher::new(&needles, 31);
            for (nth, chunk) in listed.2.iter().enumerate() {
                matcher.find(chunk, |row, _| {
                    // The last chunk is filled up.
                    n_hits += u64::from(nth * CHUNK + row < listed.1);
                    None::<()>
                });
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        println!("{}", json!({ "seconds": seconds, "hits": n_hits, "built": 0.0 }));
    }
    Ok(())
}

fn chunks_of(bytes: &[u8]) -> (usize, Vec<Chunk>) {
    let (hashes, _) = bytes.as_chunks::<32>();
    let chunk = |hashes: &[[u8; 32]]| {
        let mut chunk = Chunk::default();
        for (to, hash) in chunk.iter_mut().zip(hashes) {
            to.copy_from_slice(hash);
        }
        chunk
    };
    (hashes.len(), hashes.chunks(CHUNK).map(chunk).collect())
}
