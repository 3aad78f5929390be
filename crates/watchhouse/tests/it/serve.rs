//! `watchhouse serve`: how it starts, what it refuses, how it ends, and what it never writes down.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use watchhouse::clock::Clock;
use watchhouse::id::{BankId, Ids, Name as _};
use watchhouse::store::Store;

use crate::app::{PROGRAM, is_postgres};
use crate::client::Client;
use crate::make;
use crate::process::{Place, Server, finish, runs, until};
use crate::receiver::Receiver;

#[tokio::test]
async fn the_first_start_alone_prints_the_key() {
    let place = Place::new().await;

    let first = place.start().await;
    let key = first.printed_key.clone().unwrap();
    first.ready().await.bank("kept").await;
    first.stop().await;
    let second = place.start().await;

    assert!(key.starts_with("whk_"), "{key}");
    assert_eq!(second.printed_key, None);
    let banks = second.admin().get("/api/v1/banks").await.expect(200);
    assert_eq!(banks["data"][0]["name"], "kept");
}

#[tokio::test]
async fn a_terminated_server_answers_what_is_under_way() {
    stops_in_order(Signal::SIGTERM).await;
}

#[tokio::test]
async fn an_interrupted_server_answers_what_is_under_way() {
    stops_in_order(Signal::SIGINT).await;
}

async fn stops_in_order(signal: Signal) {
    let place = Place::new().await;
    let server = place.start().await;
    let admin = server.ready().await;
    let bank = admin.bank("list").await;
    admin.scan("item", make::picture(1)).await.expect(200);
    let children = server.children();
    assert!(!children.is_empty());
    let (file, answer) = slow_import(&server, &bank).await;
    let begun = format!("pdq {}\n", make::pdq(&make::picture(1)));
    file.send(Ok(begun)).await.unwrap();

    server.signal(signal);
    until("it takes no new calls", async || {
        let socket = tokio::net::TcpStream::connect(server.address).await;
        socket.is_err()
    })
    .await;
    let rest = format!("pdq {}\n", make::pdq(&make::picture(2)));
    file.send(Ok(rest)).await.unwrap();
    drop(file);

    let answer = answer.await.unwrap().expect(200);
    assert_eq!(answer["added"], 2);
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(!children.iter().any(|child| runs(*child)));
    let again = place.start().await;
    let bank = format!("/api/v1/banks/{bank}");
    let bank = again.admin().get(&bank).await.expect(200);
    assert_eq!(bank["hash_count"], 2);
}

#[tokio::test]
async fn a_call_that_does_not_end_does_not_keep_a_server_from_stopping() {
    let mut place = Place::new().await;
    place.set("server.stop_grace_seconds", "1");
    let server = place.start().await;
    let bank = server.ready().await.bank("list").await;
    let (file, answer) = slow_import(&server, &bank).await;
    let begun = format!("pdq {}\n", make::pdq(&make::picture(1)));
    file.send(Ok(begun)).await.unwrap();

    let began = Instant::now();
    server.stop().await;

    assert!(began.elapsed() < Duration::from_secs(10));
    drop(file);
    assert!(answer.await.is_err(), "there was nobody to answer");
    let again = place.start().await;
    let bank = format!("/api/v1/banks/{bank}");
    let bank = again.admin().get(&bank).await.expect(200);
    assert_eq!(bank["hash_count"], 0);
}

#[tokio::test]
async fn an_import_that_waits_for_the_database_does_not_keep_a_server_from_stopping() {
    let mut place = Place::new().await;
    place.set("server.stop_grace_seconds", "1");
    let server = place.start().await;
    let bank = server.ready().await.bank("list").await;
    let url = place.setting("database");
    let other_node = Store::open(url, 1, Clock::System, Ids::random())
        .await
        .unwrap();
    let mut importing = other_node.begin_for_banks().await.unwrap();
    let bank = BankId::from_text(bank);
    importing.bank_to_change(&bank).await.unwrap();
    let (file, answer) = slow_import(&server, bank.as_str()).await;
    let line = format!("pdq {}\n", make::pdq(&make::picture(1)));
    file.send(Ok(line)).await.unwrap();
    drop(file);

    let began = Instant::now();
    server.stop().await;

    // SQLite alone waits ten seconds for a writer, and PostgreSQL for ever.
    assert!(began.elapsed() < Duration::from_secs(9));
    assert!(answer.await.is_err(), "there was nobody to answer");
    drop(importing);
}

/// An import whose file the test sends line by line. The server is reading it when this returns.
async fn slow_import(
    server: &Server,
    bank: &str,
) -> (
    mpsc::Sender<std::io::Result<String>>,
    tokio::task::JoinHandle<crate::client::Answer>,
) {
    let (file, lines) = mpsc::channel::<std::io::Result<String>>(4);
    let body = reqwest::Body::wrap_stream(tokio_stream::wrappers::ReceiverStream::new(lines));
    let request = server
        .admin()
        .request("POST", &format!("/api/v1/banks/{bank}/import?format=plain"))
        .body(body);
    #[expect(clippy::disallowed_methods, reason = "the test waits for it")]
    let answer = tokio::spawn(crate::client::send(request));
    let files = format!("/proc/{}/fd", server.process_id());
    until("the file is being read", async || {
        // The spool has no name.
        let mut open = fs::read_dir(&files).unwrap().flatten();
        open.any(|file| {
            let target = fs::read_link(file.path()).unwrap_or_default();
            let target = target.to_string_lossy();
            target.contains("/data/") && target.ends_with("(deleted)")
        })
    })
    .await;
    (file, answer)
}

#[tokio::test]
async fn two_servers_cannot_listen_on_one_port() {
    let mut place = Place::bare();
    let first = place.start().await;
    place.set("server.listen", &first.address.to_string());
    place.set_data(&place.path().join("other"));

    let second = place.run(&["serve"]).await.expect(2);

    assert_eq!(
        second.err,
        format!(
            "error: cannot listen on {}: Address already in use (os error 98)\n",
            first.address
        )
    );
    assert_eq!(second.out, "");
    assert!(!place.path().join("other").exists(), "it did not get far");
}

#[tokio::test]
async fn wrong_settings_are_named_with_their_place() {
    for (name, value, expected) in [
        (
            "server.listen",
            "nowhere",
            "server.listen: invalid socket address syntax (in the environment, \
             WATCHHOUSE_SERVER__LISTEN)",
        ),
        (
            "server.listne",
            "127.0.0.1:0",
            "there is no setting \"server.listne\" (in the environment, \
             WATCHHOUSE_SERVER__LISTNE); beside it there are listen, public_url, max_body_bytes, \
             request_timeout_seconds, stop_grace_seconds",
        ),
        (
            "banks.threshold",
            "64",
            "banks.threshold is 64, and at most 63 is allowed: beyond",
        ),
        (
            "webhooks.timeout_seconds",
            "50",
            "webhooks.timeout_seconds is 50, and at most 45 is allowed: an attempt",
        ),
        (
            "jobs.concurrency",
            "0",
            "jobs.concurrency must be at least 1",
        ),
        ("scan.max_bytes", "-1", "scan.max_bytes: invalid"),
        (
            "server.public_url",
            "trust",
            "server.public_url is \"trust\"",
        ),
        ("log.level", "a=b=c", "the setting log.level is \"a=b=c\""),
        ("log.format", "xml", "log.format: "),
        (
            "rules.file",
            "no-rules.toml",
            "reading the rules in \"no-rules.toml\"",
        ),
        (
            "database",
            "mysql://ann:secret@host/db",
            "\"host/db\" is not a database's address",
        ),
    ] {
        let mut place = Place::bare();
        place.set(name, value);

        let ended = place.run(&["serve"]).await.expect(2);

        assert!(ended.err.starts_with("error: "), "{}", ended.err);
        assert!(ended.err.contains(expected), "{name}: {}", ended.err);
        assert!(!ended.err.contains("secret"), "{}", ended.err);
        assert_eq!(ended.out, "");
    }
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_is_refused() {
    let mut place = Place::bare();
    let file = place.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    place.set_data(&file.join("data"));

    let ended = place.run(&["serve"]).await.expect(2);

    let expected = format!(
        "error: making the data directory \"{}\": Not a directory (os error 20)\n",
        place.data.display()
    );
    assert_eq!(ended.err, expected);
}

#[tokio::test]
async fn the_data_directory_is_made_for_its_owner_alone() {
    let place = Place::new().await;
    let command = ["-c", "umask 0 && exec \"$0\" serve", PROGRAM];
    let server = place.start_as(place.command("sh", &command)).await;
    server.ready().await;

    assert_eq!(mode(&place.data), 0o700);
    assert_eq!(mode(&place.data.join("secrets.key")), 0o600);
}

#[tokio::test]
async fn a_data_directory_that_others_can_enter_is_refused() {
    let place = Place::new().await;
    fs::create_dir(&place.data).unwrap();
    let shown = place.data.display();
    for open in [0o755, 0o750, 0o701, 0o1777] {
        fs::set_permissions(&place.data, fs::Permissions::from_mode(open)).unwrap();

        let ended = place.run(&["serve"]).await.expect(2);

        let expected = format!(
            "error: the data directory \"{shown}\" is open to others (mode {:04o}), and the database, \
             its key and the evidence lie in it; close it with `chmod 700 \"{shown}\"`\n",
            open & 0o777
        );
        assert_eq!(ended.err, expected);
        assert_eq!(ended.out, "");
        assert_eq!(fs::read_dir(&place.data).unwrap().count(), 0);
    }
    fs::set_permissions(&place.data, fs::Permissions::from_mode(0o700)).unwrap();
    place.start().await.stop().await;
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn two_servers_cannot_have_one_sqlite_database() {
    let place = Place::bare();
    let first = place.start().await;
    first.ready().await.bank("kept").await;

    let second = place.run(&["serve"]).await.expect(2);

    let expected = format!(
        "error: another server, process {}, has the data directory \"{}\"; stop it first, or use \
         PostgreSQL for several\n",
        first.process_id(),
        place.data.display()
    );
    assert_eq!(second.err, expected);
    assert_eq!(second.out, "");
    // Commands are no servers.
    place.run(&["admin-key"]).await.expect(0);
    first.verify_ledger(&place, None).await.expect(0);
    first.kill().await;
    let third = place.start().await;
    let banks = third.ready().await.get("/api/v1/banks").await.expect(200);
    assert_eq!(banks["data"][0]["name"], "kept");
}

#[tokio::test]
async fn several_servers_share_a_postgres_and_its_directory() {
    if !is_postgres() {
        return;
    }
    let place = Place::new().await;
    let first = place.start().await;
    let second = place.start().await;

    let bank = first.ready().await.bank("list").await;
    let admin = second.ready().await;
    admin.add_pdq(&bank, &make::pdq(&make::picture(1))).await;
    until("the first knows what the second was told", async || {
        let scan = first.admin().scan("post-1", make::picture(1)).await;
        scan.expect(200)["verdict"] == "block"
    })
    .await;
}

#[tokio::test]
async fn a_server_without_its_key_file_refuses_to_start() {
    let place = Place::new().await;
    place.start().await.stop().await;
    let file = place.data.join("secrets.key");
    fs::remove_file(&file).unwrap();

    let ended = place.run(&["serve"]).await.expect(2);

    let expected = format!("the key file \"{}\" is missing", file.display());
    assert!(ended.err.contains(&expected), "{}", ended.err);
    assert!(ended.err.contains("put it back"), "{}", ended.err);
    assert!(!file.exists(), "a new one would hide the loss");
    assert_eq!(ended.out, "");
}

#[tokio::test]
async fn a_server_with_anothers_key_file_refuses_to_start() {
    let place = Place::new().await;
    place.start().await.stop().await;
    let other = Place::bare();
    other.start().await.stop().await;
    let file = place.data.join("secrets.key");
    fs::copy(other.data.join("secrets.key"), &file).unwrap();

    let ended = place.run(&["serve"]).await.expect(2);

    assert!(
        ended.err.contains("opening the ledger's key")
            && ended.err.contains("is this the key file"),
        "{}",
        ended.err
    );
    for (text, expected) in [
        ("", "holds no age identity"),
        ("nonsense\n", "holds no age identity"),
    ] {
        fs::write(&file, text).unwrap();
        let ended = place.run(&["serve"]).await.expect(2);
        assert!(ended.err.contains(expected), "{}", ended.err);
        assert!(!ended.err.contains("nonsense"), "{}", ended.err);
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_said_at_once() {
    let mut place = Place::bare();
    place.set("database", "postgres://ann:hunter2@127.0.0.1:1/x");

    let began = Instant::now();
    let ended = place.run(&["serve"]).await.expect(2);

    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(
        ended
            .err
            .starts_with("error: cannot use the database \"postgres://ann:…@127.0.0.1:1/x\""),
        "{}",
        ended.err
    );
    assert!(ended.err.contains("Connection refused"), "{}", ended.err);
    assert!(!ended.err.contains("hunter2"), "{}", ended.err);
}

#[tokio::test]
async fn a_server_listens_on_loopback_and_nowhere_else() {
    let place = Place::new().await;
    let server = place.start().await;
    server.ready().await;

    let defaults = finish(crate::process::clean(PROGRAM, &["config", "show"]))
        .await
        .expect(0);
    assert!(defaults.out.contains("listen = \"127.0.0.1:8420\""));
    let expected = format!("0100007F:{:04X}", server.address.port());
    assert_eq!(listening_sockets(server.process_id()), [expected]);
}

/// The addresses that a process listens on, as the kernel writes them.
fn listening_sockets(process: u32) -> Vec<String> {
    let open = fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .flatten();
    let open: Vec<String> = open
        .filter_map(|file| {
            let target = fs::read_link(file.path()).ok()?;
            let target = target.to_str()?.strip_prefix("socket:[")?;
            Some(target.trim_end_matches(']').to_owned())
        })
        .collect();
    let mut addresses = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"] {
        let table = format!("/proc/{process}/net/{table}");
        for line in fs::read_to_string(table)
            .unwrap_or_default()
            .lines()
            .skip(1)
        {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (address, state, inode) = (fields[1], fields[3], fields[9]);
            // 0A listens; a datagram socket in state 07 takes from anyone.
            if matches!(state, "0A" | "07") && open.iter().any(|known| known == inode) {
                addresses.push(address.to_owned());
            }
        }
    }
    addresses
}

#[tokio::test]
async fn logs_are_json_when_asked_for_and_hold_nothing_secret() {
    let mut place = Place::new().await;
    place.set("log.level", "debug");
    place.set("log.format", "json");
    let server = place.start().await;
    let admin = server.ready().await;
    let receiver = Receiver::start().await;
    let endpoint = json!({ "url": receiver.url() });
    let endpoint = admin
        .post("/api/v1/webhook-endpoints", endpoint)
        .await
        .expect(201);
    admin.policy("known-media", json!({})).await;
    let bank = admin.bank("secret-list-name").await;
    let media = make::picture(1);
    let listed = make::pdq_near(&make::pdq(&media), 4);
    admin.add_pdq(&bank, &listed).await;
    let key = json!({ "name": "secret-key-name", "scopes": ["scan"] });
    let key = admin.post("/api/v1/keys", key).await.expect(201);
    let form = reqwest::multipart::Form::new()
        .text(
            "item",
            json!({
                "id": "secret-item-name",
                "account": "secret-account-name",
                "surface": "public",
                "text": "secret words of the post",
                "address": "https://example.org/secret-address",
            })
            .to_string(),
        )
        .part("media", reqwest::multipart::Part::bytes(media.clone()));
    let scan = admin.request("POST", "/api/v1/scan").multipart(form);
    let scan = crate::client::send(scan).await.expect(200);
    let case = scan["case"].as_str().unwrap();
    admin
        .post(&format!("/api/v1/cases/{case}/claim"), json!({}))
        .await
        .expect(200);
    let decision = json!({
        "case_version": 1,
        "policy": "known-media",
        "outcome": "violation",
        "facts": "it was seen",
        "reasons": "secret reasons of the reviewer",
        "actions": [{ "kind": "remove" }],
    });
    admin
        .post(&format!("/api/v1/cases/{case}/decisions"), decision)
        .await
        .expect(201);
    receiver.wait_for(3).await;
    // Mistakes too: what is refused must not be told to the log either.
    admin
        .scan("secret-broken-item", b"secret bytes".as_slice())
        .await
        .expect(200);
    let stranger = server
        .admin()
        .get("/api/v1/items?external_id=secret-item-name")
        .await;
    stranger.expect(200);
    let bad = format!("pdq {listed}\npdq secret-bad-line\n");
    let import = format!("/api/v1/banks/{bank}/import?format=plain");
    admin
        .post_bytes(&import, "text/plain", bad)
        .await
        .expect_problem(422, "bad_lines");
    let address = json!({
        "address": "https://secret-host.example/secret-path",
        "item": { "id": "secret-fetch-item", "surface": "public" },
    });
    assert_eq!(admin.post("/api/v1/scan", address).await.status, 422);

    let media_hashes = &scan["media"];
    let mut secrets: Vec<String> = ["pdq", "sha256", "sha1", "md5"]
        .iter()
        .filter_map(|kind| media_hashes[kind].as_str().map(str::to_owned))
        .collect();
    assert_eq!(secrets.len(), 3);
    secrets.extend([
        "secret".to_owned(),
        listed,
        make::pdq(&media),
        server.printed_key.clone().unwrap(),
        key["secret"].as_str().unwrap().to_owned(),
        endpoint["secret"].as_str().unwrap().to_owned(),
        endpoint["secret"]
            .as_str()
            .unwrap()
            .trim_start_matches("whsec_")
            .to_owned(),
    ]);
    let place_of_log = server.log.clone();
    server.stop().await;
    let log = fs::read_to_string(place_of_log).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let is_ours = |line: &&Value| line["target"].as_str().unwrap().starts_with("watchhouse");
    assert!(lines.iter().filter(is_ours).count() > 10, "{log}");
    // The key file and the data directory may be named.
    let log = log
        .replace("secrets.key", "")
        .replace("webhook_secret", "")
        .replace("rotate-secret", "");
    for secret in secrets {
        let found = log.lines().find(|line| line.contains(&secret));
        assert_eq!(found, None, "the log holds \"{secret}\"");
    }
}

#[tokio::test]
async fn a_killed_server_that_never_listened_starts_all_the_same() {
    let place = Place::new().await;
    for milliseconds in [5, 20, 40, 60, 80, 100, 140, 180] {
        let mut starting = place.launch(place.command(PROGRAM, &["serve"]));
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        starting.child.kill().await.unwrap();
    }

    // A key that was made may have been printed to nobody; the rest has to be whole.
    let server = place.start().await;

    let ready = crate::client::Client::new(server.address, None);
    until("it is ready", async || {
        ready.get("/readyz").await.status == 200
    })
    .await;
    let ledger = ready.get("/api/v1/ledger").await.expect(200);
    assert!(ledger["size"].is_u64());
    if !is_postgres() {
        assert!(place.data.join("secrets.key").is_file());
    }
}

#[tokio::test]
async fn a_lost_key_is_replaced_by_whoever_has_the_data() {
    let place = Place::new().await;
    let server = place.start().await;

    let made = place.run(&["admin-key"]).await.expect(0);

    let secret = made.out.lines().next().unwrap();
    let secret = secret.strip_prefix("administrator key: ").unwrap();
    let client = Client::new(server.address, Some(secret.to_owned()));
    let key = client.get("/api/v1/keys/current").await.expect(200);
    assert_eq!(key["scopes"], serde_json::json!(["admin", "child-safety"]));
    server.stop().await;
}
