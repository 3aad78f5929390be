//! The server, over its API.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::figure::{Figure, percentile};
use crate::server::{Server, client};
use crate::{ROUNDS, http_lookup};

/// Hashes in the lists.
const HASHES: usize = 1_000_000;

/// Clients at once under full load.
const CLIENTS: usize = 16;

/// How long one round of scans lasts.
const ROUND: Duration = Duration::from_secs(5);

/// Names for items, each used once.
static ITEM: AtomicU64 = AtomicU64::new(0);

pub(crate) async fn measure(program: &Path, pictures: &[Vec<u8>]) -> anyhow::Result<Vec<Figure>> {
    let server = Server::start(program).await?;
    let caller = Arc::new(Caller {
        http: client(),
        base: server.base.clone(),
        key: server.key.clone(),
    });
    let mut figures = Vec::new();

    let empty = server.resident_mib()?;
    eprintln!("importing {HASHES} hashes");
    let bank = caller
        .post("/api/v1/banks", json!({ "name": "list" }))
        .await?;
    let bank = bank["id"]
        .as_str()
        .context("the bank has no id")?
        .to_owned();
    let file = random_list(HASHES);
    let began = Instant::now();
    caller.import(&bank, file).await?;
    let rate = HASHES as f64 / began.elapsed().as_secs_f64();
    figures.push(Figure {
        work: "import of 1 M hashes, durable",
        unit: "hashes/s",
        rounds: vec![rate],
    });
    figures.push(Figure {
        work: "resident memory, no hashes",
        unit: "MiB",
        rounds: vec![empty],
    });
    let full = server.resident_mib()?;
    figures.push(Figure {
        work: "resident memory, 1 M hashes",
        unit: "MiB",
        rounds: vec![full],
    });

    figures.extend(http_lookup::measure(&server).await?);

    eprintln!("measuring a new hash's first match, {} times", ROUNDS * 4);
    figures.push(first_match(&caller, &bank, pictures).await?);

    eprintln!(
        "scanning under full load, {ROUNDS} times {} s",
        ROUND.as_secs()
    );
    let pictures = Arc::new(pictures.to_vec());
    let full = load(&caller, &pictures, CLIENTS, Duration::ZERO).await?;
    figures.extend(full.figures([
        "scan API, full load",
        "scan API, full load, p50",
        "scan API, full load, p99",
    ]));
    eprintln!(
        "scanning under half load, {ROUNDS} times {} s",
        ROUND.as_secs()
    );
    let busy = 1.0 / full.median_rate();
    let pause = Duration::from_secs_f64(busy * 2.0 * CLIENTS as f64);
    let half = load(&caller, &pictures, CLIENTS, pause).await?;
    figures.extend(half.figures([
        "scan API, half load",
        "scan API, half load, p50",
        "scan API, half load, p99",
    ]));
    Ok(figures)
}

struct Caller {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Caller {
    async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let request = self
            .http
            .post(format!("{}{path}", self.base))
            .bearer_auth(&self.key);
        answer(request.json(&body)).await
    }

    async fn import(&self, bank: &str, file: String) -> anyhow::Result<Value> {
        let url = format!("{}/api/v1/banks/{bank}/import?format=plain", self.base);
        answer(self.http.post(url).bearer_auth(&self.key).body(file)).await
    }

    async fn scan(&self, picture: &[u8]) -> anyhow::Result<Value> {
        let item = ITEM.fetch_add(1, Ordering::Relaxed);
        let url = format!("{}/api/v1/scan?item=bench-{item}&surface=public", self.base);
        let request = self.http.post(url).bearer_auth(&self.key);
        answer(
            request
                .header("content-type", "image/jpeg")
                .body(picture.to_vec()),
        )
        .await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let response = request.send().await?;
    let status = response.status();
    let text = response.text().await?;
    anyhow::ensure!(status.is_success(), "the server answered {status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

/// A plain bank file of random PDQ hashes.
fn random_list(n_hashes: usize) -> String {
    let mut rng = StdRng::seed_from_u64(1);
    let mut file = String::with_capacity(n_hashes * 69);
    for _ in 0..n_hashes {
        let mut hash = [0; 32];
        rng.fill_bytes(&mut hash);
        file.push_str("pdq ");
        for byte in hash {
            write!(file, "{byte:02x}").expect("writing to a String does not fail");
        }
        file.push('\n');
    }
    file
}

async fn first_match(caller: &Caller, bank: &str, pictures: &[Vec<u8>]) -> anyhow::Result<Figure> {
    let mut rounds = Vec::new();
    for picture in pictures.iter().cycle().take(ROUNDS * 4) {
        let before = caller.scan(picture).await?;
        anyhow::ensure!(
            before["verdict"] == "allow",
            "a picture matched too early: {before}"
        );
        let pdq = before["media"]["frames"][0]["pdq"].clone();
        let hashes = json!({ "hashes": [{ "kind": "pdq", "value": pdq }] });
        let began = Instant::now();
        let added = caller
            .post(&format!("/api/v1/banks/{bank}/hashes"), hashes)
            .await?;
        while caller.scan(picture).await?["verdict"] == "allow" {}
        rounds.push(began.elapsed().as_secs_f64() * 1_000.0);
        let hash = added["added"][0]["id"]
            .as_str()
            .context("the hash has no id")?;
        let url = format!("{}/api/v1/banks/{bank}/hashes/{hash}", caller.base);
        let gone = caller
            .http
            .delete(url)
            .bearer_auth(&caller.key)
            .send()
            .await?;
        anyhow::ensure!(
            gone.status().is_success(),
            "the hash was not removed: {}",
            gone.status()
        );
    }
    Ok(Figure {
        work: "POST of a new hash to its first match",
        unit: "ms",
        rounds,
    })
}

/// What several rounds of load gave.
#[derive(Default)]
struct Load {
    rates: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Load {
    fn median_rate(&self) -> f64 {
        let mut rates = self.rates.clone();
        percentile(&mut rates, 0.5)
    }

    fn figures(&self, [rate, p50, p99]: [&'static str; 3]) -> [Figure; 3] {
        [
            Figure {
                work: rate,
                unit: "requests/s",
                rounds: self.rates.clone(),
            },
            Figure {
                work: p50,
                unit: "ms",
                rounds: self.p50.clone(),
            },
            Figure {
                work: p99,
                unit: "ms",
                rounds: self.p99.clone(),
            },
        ]
    }
}

async fn load(
    caller: &Arc<Caller>,
    pictures: &Arc<Vec<Vec<u8>>>,
    n_clients: usize,
    pause: Duration,
) -> anyhow::Result<Load> {
    let mut load = Load::default();
    // The first round warms up and does not count.
    for round in 0..=ROUNDS {
        let began = Instant::now();
        let mut clients = tokio::task::JoinSet::new();
        for number in 0..n_clients {
            let caller = Arc::clone(caller);
            let pictures = Arc::clone(pictures);
            clients.spawn(async move {
                let mut times = Vec::new();
                for picture in pictures.iter().cycle().skip(number * 7) {
                    if began.elapsed() >= ROUND {
                        break;
                    }
                    let asked = Instant::now();
                    caller.scan(picture).await?;
                    let took = asked.elapsed();
                    times.push(took.as_secs_f64() * 1_000.0);
                    tokio::time::sleep(pause.saturating_sub(took)).await;
                }
                anyhow::Ok(times)
            });
        }
        let mut times = Vec::new();
        while let Some(result) = clients.join_next().await {
            times.extend(result??);
        }
        if round > 0 {
            load.rates
                .push(times.len() as f64 / began.elapsed().as_secs_f64());
            load.p50.push(percentile(&mut times, 0.5));
            load.p99.push(percentile(&mut times, 0.99));
        }
    }
    Ok(load)
}
