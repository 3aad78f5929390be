//! Scanning what lies at an address: fetched from hosts that a setting names, from public networks
//! only, and within limits.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use watchhouse::config::Config;

use crate::app::{PROGRAM, TestApp};
use crate::client::{Answer, Client};
use crate::make;

#[tokio::test]
async fn media_at_an_address_is_fetched_and_scanned() {
    let app = fetching(|_| {}).await;
    let admin = app.admin();
    let media = make::picture(1);
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&media)).await;
    let host = Host::start("127.0.0.1", [("/a.jpg", Reply::ok(&media))]).await;

    let scan = scan_at(&app, &host.url("/a.jpg")).await.expect(200);

    assert_eq!(scan["verdict"], "block");
    assert_eq!(scan["media"]["size_bytes"], media.len());
    let item = scan["item"]["id"].as_str().unwrap();
    let item = admin
        .get(&format!("/api/v1/items/{item}"))
        .await
        .expect(200);
    assert_eq!(item["address"], host.url("/a.jpg"));
    assert_eq!(host.asked(), ["/a.jpg"]);
}

#[tokio::test]
async fn nothing_is_fetched_unless_a_setting_names_the_host() {
    let host = Host::start("127.0.0.1", [("/", Reply::ok(&make::picture(1)))]).await;
    let off = TestApp::new().await;
    let problem = scan_at(&off, &host.url("/"))
        .await
        .expect_problem(422, "host_not_allowed");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("fetch.allow_hosts"), "{detail}");

    for (allowed, is_let) in [
        ("cdn.example.org", false),
        ("*.example.org", false),
        ("*.0.0.1", true),
        ("127.0.0.1", true),
        ("*.127.0.0.1", false),
        ("27.0.0.1", false),
    ] {
        let app = fetching(|config| config.fetch.allow_hosts = vec![allowed.to_owned()]).await;
        let answer = scan_at(&app, &host.url("/")).await;
        if is_let {
            answer.expect(200);
        } else {
            answer.expect_problem(422, "host_not_allowed");
        }
    }
    assert_eq!(host.asked().len(), 2);
}

#[tokio::test]
async fn a_pattern_of_hosts_is_of_whole_labels_and_of_any_case() {
    let app = fetching(|config| {
        config.fetch.allow_hosts = vec!["*.Example.INVALID".to_owned(), "Named.INVALID".to_owned()];
    })
    .await;
    for (host, code) in [
        ("cdn.example.invalid", "not_reached"),
        ("CDN.EXAMPLE.invalid", "not_reached"),
        ("a.b.example.invalid", "not_reached"),
        ("named.invalid", "not_reached"),
        ("example.invalid", "host_not_allowed"),
        ("badexample.invalid", "host_not_allowed"),
        ("a.named.invalid", "host_not_allowed"),
        ("example.invalid.attacker.invalid", "host_not_allowed"),
    ] {
        let answer = scan_at(&app, &format!("http://{host}/a.jpg")).await;
        assert_eq!(answer.json()["code"], code, "{host}");
    }
}

#[tokio::test]
async fn redirects_are_followed_and_no_further_than_a_setting_says() {
    let app = fetching(|config| config.fetch.max_redirects = 2).await;
    let media = make::picture(1);
    let host = Host::start(
        "127.0.0.1",
        [
            ("/0", Reply::ok(&media)),
            ("/1", Reply::redirect("/0")),
            ("/2", Reply::redirect("1")),
            ("/3", Reply::redirect("/2")),
            ("/loop", Reply::redirect("/loop")),
            ("/nowhere", Reply::head("302 Found", "")),
            ("/nonsense", Reply::redirect("http://[")),
        ],
    )
    .await;

    scan_at(&app, &host.url("/2")).await.expect(200);
    assert_eq!(host.asked(), ["/2", "/1", "/0"]);
    let over = scan_at(&app, &host.url("/3")).await;
    over.expect_problem(502, "too_many_redirects");
    assert_eq!(host.asked()[3..], ["/3", "/2", "/1"]);
    let looped = scan_at(&app, &host.url("/loop")).await;
    looped.expect_problem(502, "too_many_redirects");
    assert_eq!(host.asked().len(), 9);
    for path in ["/nowhere", "/nonsense"] {
        let answer = scan_at(&app, &host.url(path)).await;
        answer.expect_problem(502, "fetch_failed");
    }
}

#[tokio::test]
async fn each_hop_is_checked_like_the_first_address() {
    let inside = Host::start("127.0.0.1", [("/", Reply::ok(&make::picture(1)))]).await;
    let port = inside.address.port();
    let targets = [
        (format!("http://127.0.0.1:{port}/"), "address_not_public"),
        (format!("http://localhost:{port}/"), "address_not_public"),
        (format!("//127.0.0.1:{port}/"), "address_not_public"),
        (
            format!("http://[::ffff:127.0.0.1]:{port}/"),
            "address_not_public",
        ),
        (format!("http://2130706433:{port}/"), "address_not_public"),
        (
            format!("http://u:p@127.0.0.2:{port}/"),
            "address_has_password",
        ),
        ("file:///etc/passwd".to_owned(), "address_not_web"),
        ("gopher://127.0.0.2/".to_owned(), "address_not_web"),
        (
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            "address_not_public",
        ),
    ];
    let replies = targets.clone().map(|(target, _)| Reply::redirect(&target));
    let paths: Vec<String> = (0..targets.len()).map(|n| format!("/{n}")).collect();
    let outside = Host::start("127.0.0.2", paths.iter().map(String::as_str).zip(replies)).await;
    let app = fetching(|config| {
        config.outbound.allow_networks = vec!["127.0.0.2/32".parse().unwrap()];
    })
    .await;

    for ((target, code), path) in targets.iter().zip(&paths) {
        let answer = scan_at(&app, &outside.url(path)).await;
        assert_eq!(answer.json()["code"], *code, "{target}: {}", answer.text());
        assert_eq!(answer.status, 422);
    }
    assert_eq!(outside.asked().len(), targets.len());
    assert!(inside.asked().is_empty(), "{:?}", inside.asked());

    let named = fetching(|config| config.fetch.allow_hosts = vec!["127.0.0.2".to_owned()]).await;
    let answer = scan_at(&named, &outside.url("/0")).await;
    answer.expect_problem(422, "host_not_allowed");
    assert!(inside.asked().is_empty());
}

#[tokio::test]
async fn addresses_that_lead_inside_are_refused_in_every_spelling() {
    let inside = Host::start("127.0.0.1", [("/", Reply::ok(&make::picture(1)))]).await;
    let port = inside.address.port();
    let app = fetching(|config| config.outbound.allow_networks = Vec::new()).await;
    let before = app.left().await;

    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "localhost",
        "LOCALHOST",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[fe80::1]",
        "[fc00::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[2001:db8::1]",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "１２７.0.0.1",
        "127。0。0。1",
    ] {
        let answer = scan_at(&app, &format!("http://{host}:{port}/")).await;
        assert_eq!(
            answer.json()["code"],
            "address_not_public",
            "{host}: {}",
            answer.text()
        );
        assert_eq!(answer.status, 422, "{host}");
    }
    assert!(inside.asked().is_empty(), "{:?}", inside.asked());
    assert_eq!(app.left().await, before);
}

#[tokio::test]
async fn a_network_that_a_setting_allows_is_allowed_in_its_own_form_alone() {
    let inside = Host::start("127.0.0.1", [("/", Reply::ok(&make::picture(1)))]).await;
    let port = inside.address.port();
    let app = fetching(|_| {}).await;

    for host in ["127.0.0.1", "2130706433", "localhost"] {
        scan_at(&app, &format!("http://{host}:{port}/"))
            .await
            .expect(200);
    }
    let answer = scan_at(&app, &format!("http://[::ffff:127.0.0.1]:{port}/")).await;
    answer.expect_problem(422, "address_not_public");
}

#[tokio::test]
async fn only_addresses_of_the_web_are_taken() {
    let app = fetching(|_| {}).await;
    for (address, code) in [
        ("ftp://127.0.0.1/a", "address_not_web"),
        ("file:///etc/passwd", "address_not_web"),
        ("data:image/png;base64,AAAA", "address_not_web"),
        ("javascript:alert(1)", "address_not_web"),
        ("unix:/run/docker.sock", "address_not_web"),
        ("http://user@127.0.0.1/", "address_has_password"),
        ("http://:secret@127.0.0.1/", "address_has_password"),
        ("http://", "invalid"),
        ("/a.jpg", "invalid"),
        ("", "invalid"),
        ("http://a b/", "invalid"),
    ] {
        let answer = scan_at(&app, address).await;
        answer.expect_problem(422, code);
        assert!(!answer.text().contains("secret"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_fetch_has_limits_on_size_and_time() {
    let app = fetching(|config| {
        config.fetch.max_bytes = 10_000;
        config.fetch.timeout_seconds = 1;
    })
    .await;
    let most = make::noise(10_000);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let host = Host::start(
        "127.0.0.1",
        [
            ("/most", Reply::ok(&most)),
            ("/more", Reply::ok(&make::noise(10_001))),
            // It says too much and would send nothing: the header alone is enough to refuse.
            (
                "/says-more",
                Reply::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 10001\r\n\r\n".to_vec()),
            ),
            (
                "/endless",
                Reply::Endless(
                    chunked.into(),
                    b"400\r\n"
                        .iter()
                        .chain(&[b'x'; 1024])
                        .chain(b"\r\n")
                        .copied()
                        .collect(),
                ),
            ),
            (
                "/until-closed",
                Reply::Endless("HTTP/1.0 200 OK\r\n\r\n".into(), vec![b'x'; 1024]),
            ),
            (
                "/slow",
                Reply::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx".to_vec()),
            ),
            ("/silent", Reply::Hang(Vec::new())),
            (
                "/cut",
                Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx".to_vec()),
            ),
            ("/closed", Reply::Bytes(Vec::new())),
            (
                "/nonsense",
                Reply::Bytes(b"220 ready for mail\r\n".to_vec()),
            ),
        ],
    )
    .await;

    let scan = scan_at(&app, &host.url("/most")).await.expect(200);
    assert_eq!(scan["media"]["size_bytes"], 10_000);
    for (path, status, code) in [
        ("/more", 413, "too_many_bytes"),
        ("/says-more", 413, "too_many_bytes"),
        ("/endless", 413, "too_many_bytes"),
        ("/until-closed", 413, "too_many_bytes"),
        ("/slow", 504, "timed_out"),
        ("/silent", 504, "timed_out"),
        ("/cut", 502, "not_reached"),
        ("/closed", 502, "not_reached"),
        ("/nonsense", 502, "not_reached"),
    ] {
        let before = app.left().await;
        let answer = scan_at(&app, &host.url(path)).await;
        answer.expect_problem(status, code);
        assert_eq!(app.left().await, before, "{path}");
    }
}

#[tokio::test]
async fn nothing_is_fetched_for_an_item_that_makes_no_sense() {
    let app = fetching(|_| {}).await;
    let host = Host::start("127.0.0.1", [("/", Reply::ok(&make::picture(1)))]).await;
    let mut scan = scan_of(&host.url("/"));
    scan["item"]["kind"] = json!("");

    let answer = app.admin().post("/api/v1/scan", scan).await;

    answer.expect_problem(422, "invalid");
    assert!(host.asked().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_no_media_is_a_failure_and_not_a_picture() {
    let app = fetching(|_| {}).await;
    let statuses = [
        "204 No Content",
        "304 Not Modified",
        "401 Unauthorized",
        "404 Not Found",
        "500 Internal Server Error",
        "999 Odd",
    ];
    let paths: Vec<String> = (0..statuses.len()).map(|n| format!("/{n}")).collect();
    let replies = statuses.map(|status| Reply::head(status, ""));
    let host = Host::start("127.0.0.1", paths.iter().map(String::as_str).zip(replies)).await;

    for (path, status) in paths.iter().zip(statuses).skip(1) {
        let answer = scan_at(&app, &host.url(path)).await;
        let problem = answer.expect_problem(502, "fetch_failed");
        assert!(!problem["detail"].as_str().unwrap().is_empty(), "{status}");
    }
    // No content is media of no bytes: held.
    let scan = scan_at(&app, &host.url("/0")).await.expect(200);
    assert_eq!(scan["reasons"][0]["code"], "empty");
}

#[tokio::test]
async fn a_proxy_that_the_environment_names_is_not_used() {
    let proxy = Host::start("127.0.0.1", [("/", Reply::ok(&make::picture(1)))]).await;
    let host = Host::start("127.0.0.1", [("/", Reply::ok(&make::picture(2)))]).await;
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    command
        .arg("serve")
        .current_dir(directory.path())
        .stdout(Stdio::piped());
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "https_proxy",
    ] {
        command.env(name, proxy.url("/"));
    }
    command
        .env_remove("WATCHHOUSE_TEST_POSTGRES")
        .env("WATCHHOUSE_DATA_DIR", directory.path().join("data"))
        .env("WATCHHOUSE_SERVER__LISTEN", "127.0.0.1:0")
        .env("WATCHHOUSE_FETCH__ALLOW_HOSTS", r#"["*"]"#)
        .env("WATCHHOUSE_OUTBOUND__ALLOW_NETWORKS", r#"["127.0.0.0/8"]"#);
    let mut server = command.spawn().unwrap();
    let mut output = BufReader::new(server.stdout.take().unwrap()).lines();
    let lines: Vec<String> = output.by_ref().map_while(Result::ok).take(4).collect();
    let after = |start: &str| {
        let line = lines.iter().find_map(|line| line.strip_prefix(start));
        line.unwrap_or_else(|| panic!("no \"{start}\" in {lines:?}"))
            .to_owned()
    };
    let address = after("listening on http://").parse().unwrap();
    let client = Client::new(address, Some(after("administrator key: ")));

    let answer = client.post("/api/v1/scan", scan_of(&host.url("/"))).await;

    server.kill().unwrap();
    server.wait().unwrap();
    answer.expect(200);
    assert_eq!(host.asked(), ["/"]);
    assert!(proxy.asked().is_empty());
}

/// A server that may fetch from anywhere, loopback too.
async fn fetching(change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::with(|config| {
        config.fetch.allow_hosts = vec!["*".to_owned()];
        change(config);
    })
    .await
}

async fn scan_at(app: &TestApp, address: &str) -> Answer {
    app.admin().post("/api/v1/scan", scan_of(address)).await
}

fn scan_of(address: &str) -> serde_json::Value {
    json!({ "address": address, "item": { "id": "post-1", "account": "ann", "surface": "public" } })
}

/// What a host does when it is asked.
#[derive(Clone)]
pub enum Reply {
    /// Says this and hangs up.
    Bytes(Vec<u8>),
    /// Says this and then no more.
    Hang(Vec<u8>),
    /// Says this, and then the second over and over.
    Endless(String, Vec<u8>),
}

impl Reply {
    fn ok(body: &[u8]) -> Reply {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        Reply::Bytes([head.as_bytes(), body].concat())
    }

    fn head(status: &str, headers: &str) -> Reply {
        let head =
            format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n");
        Reply::Bytes(head.into_bytes())
    }

    pub fn redirect(to: &str) -> Reply {
        Reply::head("302 Found", &format!("Location: {to}\r\n"))
    }
}

/// A web server that says exactly what it is told, well formed or not.
pub struct Host {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Host {
    pub async fn start<'a>(ip: &str, replies: impl IntoIterator<Item = (&'a str, Reply)>) -> Host {
        let replies: HashMap<String, Reply> = replies
            .into_iter()
            .map(|(path, reply)| (path.to_owned(), reply))
            .collect();
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (replies, log) = (replies.clone(), Arc::clone(&log));
                tokio::spawn(async move { serve(stream, &replies, &log).await });
            }
        });
        Host { address, asked }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The paths that it was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, replies: &HashMap<String, Reply>, log: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap().to_owned();
    let reply = replies.get(&path).cloned();
    log.lock().unwrap().push(path);
    match reply {
        None => stream
            .write_all(b"HTTP/1.1 404 Not Found\r\n\r\n")
            .await
            .unwrap(),
        Some(Reply::Bytes(bytes)) => stream.write_all(&bytes).await.unwrap(),
        Some(Reply::Hang(bytes)) => {
            stream.write_all(&bytes).await.unwrap();
            // Until the other side has gone.
            let _ = tokio::time::timeout(Duration::from_secs(60), stream.read_u8()).await;
        }
        Some(Reply::Endless(head, more)) => {
            stream.write_all(head.as_bytes()).await.unwrap();
            while stream.write_all(&more).await.is_ok() {}
        }
    }
}
