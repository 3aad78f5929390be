//! What machines watch, and the page that people browse.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use tower::ServiceExt as _;
use watchhouse::app::{App, Outside};
use watchhouse::clock::Clock;
use watchhouse::config::Config;
use watchhouse::http;
use watchhouse::id::Ids;

use crate::app::{PROGRAM, TestApp, database, start_of_time};
use crate::client::Client;
use crate::deliveries::open_case;
use crate::make;

/// Asks a server that does not listen.
async fn ask(app: &App, path: &str) -> (u16, serde_json::Value) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = http::router(app.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 100_000)
        .await
        .unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn it_is_alive_at_once_ready_with_the_index_and_not_while_it_stops() {
    let directory = crate::app::private_directory();
    let mut config = Config::defaults(directory.path());
    config.database = database(directory.path()).await;
    let outside = Outside {
        clock: Clock::frozen_at(start_of_time()),
        ids: Ids::seeded(1),
        program: PROGRAM.into(),
    };
    let app = App::open(config, outside).await.unwrap();

    let (status, body) = ask(&app, "/readyz").await;

    assert_eq!((status, &body["code"]), (503, &json!("index_not_ready")));
    assert_eq!(
        ask(&app, "/healthz").await,
        (200, json!({ "status": "ok" }))
    );
    app.matcher
        .catch_up(&app.store, &app.metrics)
        .await
        .unwrap();
    assert_eq!(
        ask(&app, "/readyz").await,
        (200, json!({ "status": "ready" }))
    );
    app.stop.cancel();
    let (status, body) = ask(&app, "/readyz").await;
    assert_eq!((status, &body["code"]), (503, &json!("unavailable")));
    assert_eq!(ask(&app, "/healthz").await.0, 200);
    app.close().await;
}

#[tokio::test]
async fn it_is_not_ready_without_its_database() {
    let app = TestApp::new().await;
    let stranger = app.stranger();
    stranger.get("/readyz").await.expect(200);

    app.app.store.close().await;

    stranger
        .get("/readyz")
        .await
        .expect_problem(503, "unavailable");
    stranger.get("/healthz").await.expect(200);
}

/// A sample of the metrics page: name, labels, value.
type Sample = (String, Vec<(String, String)>, f64);

/// Reads a page of OpenMetrics, and checks its form line by line.
fn read_metrics(page: &str) -> Vec<Sample> {
    let mut families: Vec<(String, String)> = Vec::new();
    let mut samples = Vec::new();
    let mut lines = page.lines();
    assert_eq!(lines.next_back(), Some("# EOF"));
    assert!(page.ends_with('\n'));
    for line in lines {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (word, name) = (words.next().unwrap(), words.next().unwrap());
            let rest = words.next().unwrap_or_default();
            match word {
                "HELP" => assert!(!rest.is_empty(), "{line}"),
                "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                "TYPE" => {
                    let known = families.iter().any(|(family, _)| family == name);
                    assert!(!known, "{name} comes twice");
                    families.push((name.to_owned(), rest.to_owned()));
                }
                _ => panic!("\"{line}\" is no line of OpenMetrics"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let value = match value {
            "+Inf" => f64::INFINITY,
            value => value
                .parse()
                .unwrap_or_else(|_| panic!("\"{line}\" has no value")),
        };
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').unwrap()),
            None => (series, ""),
        };
        let (family, kind) = families.last().unwrap();
        let suffix = name.strip_prefix(family.as_str()).unwrap_or_else(|| {
            panic!("\"{line}\" stands below {family}");
        });
        let suffixes: &[&str] = match kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_sum", "_count", "_bucket"],
            kind => panic!("{family} is a {kind}"),
        };
        assert!(
            suffixes.contains(&suffix),
            "\"{line}\" is no sample of a {kind}"
        );
        let labels = labels
            .split("\",")
            .filter(|label| !label.is_empty())
            .map(|label| {
                let (name, value) = label.split_once("=\"").unwrap();
                (name.to_owned(), value.trim_end_matches('"').to_owned())
            })
            .collect();
        samples.push((name.to_owned(), labels, value));
    }
    samples
}

fn value(samples: &[Sample], name: &str, label: Option<(&str, &str)>) -> f64 {
    samples
        .iter()
        .filter(|(found, labels, _)| {
            found == name
                && label
                    .is_none_or(|(key, value)| labels.contains(&(key.to_owned(), value.to_owned())))
        })
        .map(|(_, _, value)| value)
        .sum()
}

#[tokio::test]
async fn the_metrics_are_openmetrics_and_count_what_happened() {
    let app = TestApp::new().await;
    let admin = app.admin();
    open_case(&app, "post-1").await;
    admin.scan("post-2", make::picture(2)).await.expect(200);
    admin
        .scan("post-3", b"no picture".to_vec())
        .await
        .expect(200);
    admin
        .get("/api/v1/cases/cas_secret")
        .await
        .expect_problem(404, "not_found");
    app.settle().await;

    let page = app.stranger().get("/metrics").await;

    assert_eq!(
        page.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let samples = read_metrics(&page.text());
    let names: BTreeSet<&str> = samples.iter().map(|(name, ..)| name.as_str()).collect();
    for name in [
        "watchhouse_scans_total",
        "watchhouse_matches_total",
        "watchhouse_scan_seconds_bucket",
        "watchhouse_requests_total",
        "watchhouse_request_seconds_bucket",
        "watchhouse_jobs_failed_total",
        "watchhouse_index_hashes",
        "watchhouse_index_bytes",
        "watchhouse_open_cases",
        "watchhouse_waiting_jobs",
        "watchhouse_dead_jobs",
        "watchhouse_pending_deliveries",
        "watchhouse_dead_deliveries",
        "watchhouse_ledger_entries",
        "watchhouse_ledger_waiting",
    ] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    assert_eq!(value(&samples, "watchhouse_scans_total", None), 3.0);
    assert_eq!(
        value(
            &samples,
            "watchhouse_scans_total",
            Some(("verdict", "allow"))
        ),
        1.0
    );
    assert_eq!(value(&samples, "watchhouse_scan_seconds_count", None), 3.0);
    assert!(value(&samples, "watchhouse_matches_total", None) >= 1.0);
    assert_eq!(value(&samples, "watchhouse_index_hashes", None), 1.0);
    assert!(value(&samples, "watchhouse_open_cases", None) >= 1.0);
    assert_eq!(value(&samples, "watchhouse_ledger_waiting", None), 0.0);
    let size = admin.get("/api/v1/ledger").await.expect(200)["size"]
        .as_f64()
        .unwrap();
    assert_eq!(value(&samples, "watchhouse_ledger_entries", None), size);
    assert_eq!(
        value(
            &samples,
            "watchhouse_requests_total",
            Some(("status", "404"))
        ),
        1.0
    );
    let known = [
        "verdict", "surface", "route", "method", "status", "code", "outcome", "le",
    ];
    for (name, labels, _) in &samples {
        for (label, value) in labels {
            assert!(
                known.contains(&label.as_str()),
                "{name} has the label {label}"
            );
            for personal in ["post-", "ann", "cas_", "key_", "administrator", "127.0.0.1"] {
                assert!(
                    !value.contains(personal),
                    "{name} tells {label}=\"{value}\""
                );
            }
        }
    }
}

#[tokio::test]
async fn strangers_cannot_make_up_series() {
    let app = TestApp::new().await;
    let stranger = app.stranger();
    for number in 0..20 {
        let method = format!("METHOD{number}");
        crate::client::send(stranger.request(&method, "/healthz")).await;
        stranger
            .get(&format!("/made-up/{number}"))
            .await
            .expect_problem(404, "no_such_route");
        stranger.get(&format!("/docs/made-up-{number}")).await;
    }

    let page = stranger.get("/metrics").await.text();

    assert!(!page.contains("METHOD"), "{page}");
    assert!(!page.contains("made-up"), "{page}");
    let n_series = page
        .lines()
        .filter(|line| line.starts_with("watchhouse_requests_total"))
        .count();
    assert!(n_series <= 4, "{page}");
}

/// The values of `src` and `href` in a page.
fn links(page: &str) -> Vec<String> {
    ["src=\"", "href=\""]
        .iter()
        .flat_map(|attribute| page.split(attribute).skip(1))
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_api_can_be_browsed_without_another_host() {
    let app = TestApp::new().await;
    let stranger = app.stranger();

    let index = stranger.get("/docs/").await;

    assert_eq!(index.status, 200);
    assert!(
        index
            .header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    let page = index.text();
    let links = links(&page);
    assert!(links.len() >= 4, "{page}");
    for link in links {
        assert!(
            !link.contains("//") && !link.starts_with("data:"),
            "the page loads {link}"
        );
        let asset = stranger
            .get(&format!("/docs/{}", link.trim_start_matches("./")))
            .await;
        assert_eq!(asset.status, 200, "{link}");
        assert!(!asset.body.is_empty(), "{link}");
    }
    let start = stranger.get("/docs/swagger-initializer.js").await;
    assert_eq!(start.status, 200);
    let start = start.text();
    assert!(start.contains("/api/v1/openapi.json"), "{start}");
    assert!(
        !start.contains("http://") && !start.contains("https://"),
        "{start}"
    );
    stranger.get("/api/v1/openapi.json").await.expect(200);
}

#[tokio::test]
async fn the_root_leads_to_the_browsable_page() {
    let app = TestApp::new().await;
    let stranger = Client::new(app.address, None);

    let root = stranger.get("/").await;

    assert_eq!(root.status, 200, "{}", root.text());
    assert!(root.text().contains("swagger-ui"));
    assert_eq!(stranger.get("/docs").await.status, 200);
}
