//! Lookups of ready hashes over the API, none of which is listed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use tokio::task::JoinSet;

use crate::ROUNDS;
use crate::connection::Connection;
use crate::figure::{Figure, percentile};
use crate::server::Server;

/// How long one round lasts.
const ROUND: Duration = Duration::from_secs(3);

/// Different calls that each client makes in turns.
const CALLS: usize = 64;

/// One way to ask.
struct Way {
    n_clients: usize,
    hashes_a_call: usize,
    rate: &'static str,
    p99: &'static str,
}

const WAYS: [Way; 2] = [
    Way {
        n_clients: 32,
        hashes_a_call: 1,
        rate: "http-lookup-1m, single",
        p99: "http-lookup-1m, single, p99",
    },
    Way {
        n_clients: 4,
        hashes_a_call: 1_000,
        rate: "http-lookup-1m, batched",
        p99: "http-lookup-1m, batched, p99 of a call",
    },
];

pub(crate) async fn measure(server: &Server) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for way in &WAYS {
        let of_a_call = way.hashes_a_call;
        eprintln!("looking hashes up, {of_a_call} a call");
        figures.extend(way.measure(server).await?);
    }
    Ok(figures)
}

impl Way {
    async fn measure(&self, server: &Server) -> anyhow::Result<[Figure; 2]> {
        let mut rng = StdRng::seed_from_u64(2);
        let clients = (0..self.n_clients).map(|_| {
            let calls = (0..CALLS).map(|_| call(&mut rng, self.hashes_a_call));
            Arc::new(calls.collect::<Vec<_>>())
        });
        let clients: Vec<_> = clients.collect();
        let (mut rates, mut p99s) = (Vec::new(), Vec::new());
        // The first round warms up and does not count.
        for round in 0..=ROUNDS {
            let began = Instant::now();
            let mut asking = JoinSet::new();
            for calls in &clients {
                let connection = Connection::open(&server.base, &server.key).await?;
                asking.spawn(ask(connection, Arc::clone(calls), self.hashes_a_call));
            }
            let mut millis = Vec::new();
            while let Some(asked) = asking.join_next().await {
                millis.extend(asked??);
            }
            if round > 0 {
                let n_hashes = (millis.len() * self.hashes_a_call) as f64;
                rates.push(n_hashes / began.elapsed().as_secs_f64());
                p99s.push(percentile(&mut millis, 0.99));
            }
        }
        Ok([
            Figure {
                work: self.rate,
                unit: "hashes/s",
                rounds: rates,
            },
            Figure {
                work: self.p99,
                unit: "ms",
                rounds: p99s,
            },
        ])
    }
}

fn call(rng: &mut StdRng, n_hashes: usize) -> String {
    let hashes = (0..n_hashes).map(|_| {
        let hash: [u8; 32] = rng.random();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "kind": "pdq", "value": hex })
    });
    json!({ "hashes": hashes.collect::<Vec<_>>() }).to_string()
}

/// One call after the other for a round. Returns the milliseconds that each took.
async fn ask(
    mut connection: Connection,
    calls: Arc<Vec<String>>,
    n_hashes: usize,
) -> anyhow::Result<Vec<f64>> {
    let nothing = r#"{"matches":[],"more_matches":0}"#;
    let expected = format!(r#"{{"answers":[{}]}}"#, vec![nothing; n_hashes].join(","));
    let began = Instant::now();
    let mut millis = Vec::new();
    for call in calls.iter().cycle() {
        if began.elapsed() >= ROUND {
            break;
        }
        let asked = Instant::now();
        let answer = connection.post("/api/v1/lookup", call).await?;
        millis.push(asked.elapsed().as_secs_f64() * 1_000.0);
        anyhow::ensure!(
            answer == expected.as_bytes(),
            "something else than \"not listed\" was answered: {:.300}",
            String::from_utf8_lossy(answer)
        );
    }
    Ok(millis)
}
