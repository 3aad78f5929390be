//! Importing bank files: whole or not at all.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use watchhouse::id::{BankId, Name as _};

use crate::app::{TestApp, is_postgres};
use crate::client::{Answer, Client};
use crate::make;
use crate::process::until;

async fn import(client: &Client, bank: &str, query: &str, file: impl Into<Vec<u8>>) -> Answer {
    let path = format!("/api/v1/banks/{bank}/import?{query}");
    client.post_bytes(&path, "text/plain", file).await
}

fn md5(n: usize) -> String {
    format!("{:032x}", 0xabcd_0000_0000 + n)
}

/// A plain file of that many MD5s.
fn plain(n_lines: usize) -> String {
    let mut file = String::new();
    for n in 0..n_lines {
        writeln!(file, "md5 {}", md5(n)).unwrap();
    }
    file
}

async fn hash_count(client: &Client, bank: &str) -> Value {
    let bank = client.get(&format!("/api/v1/banks/{bank}")).await;
    bank.expect(200)["hash_count"].clone()
}

async fn expect_nothing_imported(app: &TestApp, bank: &str) {
    assert_eq!(app.count("hashes").await, 0);
    assert_eq!(hash_count(&app.admin(), bank).await, 0);
    assert_eq!(app.recorded("bank.imported").await, [] as [Value; 0]);
    assert_eq!(app.app.metrics.index_hashes.get(), 0);
}

#[tokio::test]
async fn the_three_forms_bring_the_same_hashes() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let pdq = make::pdq(&make::picture(1));
    let files = [
        (
            "plain",
            format!("# a comment\npdq {pdq}\n\nmd5 {}\n", md5(1)),
        ),
        (
            "csv",
            format!("PDQ,md5\r\n{pdq},{}\r\n", md5(1).to_uppercase()),
        ),
        (
            "jsonl",
            format!("{{\"pdq\":\"{pdq}\"}}\n{{\"md5\":\"{}\"}}", md5(1)),
        ),
    ];

    for (format, file) in files {
        let bank = admin.bank(format).await;
        let answer = import(&admin, &bank, &format!("format={format}"), file).await;

        let expected =
            json!({ "read": 2, "added": 2, "already_there": 0, "skipped": 0, "errors": [] });
        assert_eq!(answer.expect(200), expected, "{format}");
        let listed = admin.get(&format!("/api/v1/banks/{bank}/hashes")).await;
        let listed = listed.expect(200);
        let values: Vec<&Value> = listed["data"].as_array().unwrap().iter().collect();
        assert_eq!(values.len(), 2, "{format}");
        assert!(
            values
                .iter()
                .any(|hash| hash["value"] == pdq && hash["kind"] == "pdq")
        );
        assert!(values.iter().any(|hash| hash["value"] == md5(1)));
        assert!(values.iter().all(|hash| hash["source"] == "import"));
        assert_eq!(hash_count(&admin, &bank).await, 2);
    }
    let scan = admin.scan("post-1", make::picture(1)).await.expect(200);
    assert_eq!(scan["matches"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_a_row_says_about_its_hashes_is_kept() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let file = format!(
        "id,source,category,md5,sha1\n7,hotline,\"a, \"\"b\"\"\",{},{:040x}\n,,,{},\n",
        md5(1),
        0xabcdef,
        md5(2)
    );

    let answer = import(&admin, &bank, "format=csv&source=the+file", file).await;

    assert_eq!(answer.expect(200)["read"], 3);
    let listed = admin.get(&format!("/api/v1/banks/{bank}/hashes")).await;
    let listed = listed.expect(200);
    let told: Vec<Value> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hash| {
            json!([
                hash["kind"],
                hash["source"],
                hash["external_id"],
                hash["category"]
            ])
        })
        .collect();
    let expected = [
        json!(["md5", "the file", null, null]),
        json!(["sha1", "hotline", "7", "a, \"b\""]),
        json!(["md5", "hotline", "7", "a, \"b\""]),
    ];
    let mut told_sorted = told.clone();
    told_sorted.sort_by_key(ToString::to_string);
    let mut expected_sorted = expected.to_vec();
    expected_sorted.sort_by_key(ToString::to_string);
    assert_eq!(told_sorted, expected_sorted, "{told:?}");
}

#[tokio::test]
async fn one_bad_line_among_a_million_stops_all_of_them() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let file = plain(1_000_000).replace(&md5(712_344), "d41d8cd98f00b204e9800998ecf8427e");

    let answer = import(&admin, &bank, "format=plain", file).await;

    let problem = answer.expect_problem(422, "bad_lines");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 1);
    assert_eq!(problem["errors"][0]["line"], 712_345);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("1 bad line; line 712345: "), "{detail}");
    expect_nothing_imported(&app, &bank).await;
}

#[tokio::test]
async fn bad_lines_are_skipped_where_that_was_asked_for() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let file = plain(400).replace("md5 0000000000000000000", "md5 x00000000000000000");
    let good = format!("{file}md5 {}\n", "ab".repeat(16));

    let answer = import(&admin, &bank, "format=plain&on_error=skip", good).await;

    let imported = answer.expect(200);
    assert_eq!(imported["read"], 1, "{imported}");
    assert_eq!(imported["added"], 1);
    assert_eq!(imported["skipped"], 400);
    assert_eq!(imported["errors"].as_array().unwrap().len(), 100);
    assert_eq!(imported["errors"][0]["line"], 1);
    assert_eq!(hash_count(&admin, &bank).await, 1);
    let recorded = app.recorded("bank.imported").await;
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0]["bank"], bank);
    assert_eq!(recorded[0]["added"], 1);
    assert_eq!(recorded[0]["skipped"], 400);
}

#[tokio::test]
async fn a_body_that_breaks_off_imports_nothing() {
    let app = TestApp::new().await;
    let secret = crate::app::insert_key(&app.app, "raw", &["banks:write"]).await;
    let bank = app.admin().bank("list").await;
    let file = plain(2_000);
    let half = &file[..file.len() / 2 - file.len() / 2 % 37];
    let head = format!(
        "POST /api/v1/banks/{bank}/import?format=plain HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {secret}\r\n"
    );
    let requests = [
        format!("{head}content-length: {}\r\n\r\n{half}", file.len()),
        format!(
            "{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{half}\r\n",
            half.len()
        ),
        format!(
            "{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{half}",
            file.len()
        ),
        format!(
            "{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{half}\r\nxyz\r\n",
            half.len()
        ),
    ];

    for request in requests {
        let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // A connection that is reset says the same as one that is closed.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains(" 200 OK"), "{answer}");
    }

    expect_nothing_imported(&app, &bank).await;
}

#[tokio::test]
async fn a_query_that_is_wrong_is_refused_before_the_file_is_read() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;

    for query in [
        "",
        "format=",
        "format=xml",
        "format=PLAIN",
        "format=plain&on_error=ignore",
        "format=plain&x=1",
    ] {
        let answer = import(&admin, &bank, query, plain(1)).await;
        answer.expect_problem(422, "invalid");
    }
    let answer = import(&admin, &bank, "format=xml", plain(1)).await;
    assert_eq!(answer.json()["errors"][0]["field"], "format");
    let answer = import(&admin, "bnk_none", "format=plain", plain(1)).await;
    answer.expect_problem(404, "not_found");
    expect_nothing_imported(&app, &bank).await;
}

#[tokio::test]
async fn a_file_is_as_large_as_the_settings_say() {
    let app = TestApp::with(|config| config.banks.max_import_bytes = 370).await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    assert_eq!(plain(10).len(), 370);

    let larger = import(&admin, &bank, "format=plain", plain(10) + "\n").await;
    larger.expect_problem(413, "body_too_large");
    expect_nothing_imported(&app, &bank).await;
    let fits = import(&admin, &bank, "format=plain", plain(10)).await;

    assert_eq!(fits.expect(200)["added"], 10);
}

#[tokio::test]
async fn a_file_may_be_larger_than_a_body_of_json() {
    let app = TestApp::with(|config| config.server.max_body_bytes = 1_000).await;
    let bank = app.admin().bank("list").await;

    let answer = import(&app.admin(), &bank, "format=plain", plain(1_000)).await;

    assert_eq!(answer.expect(200)["added"], 1_000);
}

#[tokio::test]
async fn the_same_file_again_adds_nothing() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let file = plain(600) + &plain(3);
    let first = import(&admin, &bank, "format=plain", file.clone())
        .await
        .expect(200);

    let second = import(&admin, &bank, "format=plain", file)
        .await
        .expect(200);

    assert_eq!(
        (&first["read"], &first["added"]),
        (&json!(603), &json!(600))
    );
    assert_eq!(first["already_there"], 3);
    assert_eq!(
        (&second["added"], &second["already_there"]),
        (&json!(0), &json!(603))
    );
    assert_eq!(hash_count(&admin, &bank).await, 600);
    assert_eq!(app.count("hashes").await, 600);
    assert_eq!(app.app.metrics.index_hashes.get(), 600);
    assert_eq!(app.recorded("bank.imported").await.len(), 2);
}

#[tokio::test]
async fn files_of_nothing_and_files_of_rubbish_are_told_apart() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;

    for (format, file) in [
        ("plain", ""),
        ("plain", "# nothing yet\n"),
        ("jsonl", "\n\n"),
        ("csv", "md5\n"),
    ] {
        let answer = import(&admin, &bank, &format!("format={format}"), file).await;
        assert_eq!(answer.expect(200)["read"], 0, "{format} {file:?}");
    }
    let null = format!("{{\"md5\":\"{}\",\"source\":\"\\u0000\"}}", md5(1));
    let null_in_csv = format!("md5,id\n{},\0\n", md5(1));
    let long = "x".repeat(2_000_000);
    for (format, file, line) in [
        ("csv", "".as_bytes(), 1),
        ("csv", b"colour\nred\n", 1),
        ("plain", b"md5 \xff\n", 1),
        ("plain", b"\n\nPK\x03\x04", 3),
        ("jsonl", b"{}", 1),
        ("jsonl", b"[]", 1),
        ("jsonl", null.as_bytes(), 1),
        ("csv", null_in_csv.as_bytes(), 2),
        ("plain", long.as_bytes(), 1),
    ] {
        let answer = import(&admin, &bank, &format!("format={format}"), file).await;
        let problem = answer.expect_problem(422, "bad_lines");
        assert_eq!(problem["errors"][0]["line"], line, "{problem}");
    }
    // Without its header no row can be read, so there is nothing to skip to.
    let answer = import(&admin, &bank, "format=csv&on_error=skip", "colour\nred\n").await;
    assert_eq!(answer.expect(200)["added"], 0);
    assert_eq!(app.count("hashes").await, 0);
}

#[tokio::test]
async fn scans_are_answered_while_a_file_is_imported() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let known = make::picture(1);
    let file = plain(30_000) + &format!("pdq {}\n", make::pdq(&known));
    let importing = import(&admin, &bank, "format=plain", file);
    tokio::pin!(importing);

    let mut n_scans = 0;
    let imported = loop {
        let item = format!("post-{n_scans}");
        let scanning = admin.scan(&item, known.clone());
        tokio::select! {
            biased;
            imported = &mut importing => break imported,
            scan = scanning => {
                let verdict = scan.expect(200)["verdict"].clone();
                // All of the file or nothing of it is known.
                assert!(verdict == "allow" || verdict == "block", "{verdict}");
                n_scans += 1;
            }
        }
    };

    assert_eq!(imported.expect(200)["added"], 30_001);
    assert!(n_scans > 0);
    let scan = admin.scan("after", known).await.expect(200);
    assert_eq!(scan["verdict"], "block");
    assert_eq!(app.app.metrics.index_hashes.get(), 30_001);
}

#[tokio::test]
async fn two_files_at_once_both_arrive() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let one = admin.bank("one").await;
    let other = admin.bank("other").await;

    let answers = futures::future::join_all([
        import(&admin, &one, "format=plain", plain(2_000)),
        import(&admin, &other, "format=plain", plain(2_000)),
        import(&admin, &one, "format=plain", plain(3_000)),
        import(&admin, &other, "format=plain", plain(1_000)),
    ])
    .await;

    for answer in answers {
        answer.expect(200);
    }
    assert_eq!(hash_count(&admin, &one).await, 3_000);
    assert_eq!(hash_count(&admin, &other).await, 2_000);
    assert_eq!(app.count("hashes").await, 5_000);
    assert_eq!(app.app.metrics.index_hashes.get(), 5_000);
}

/// How many of PostgreSQL's connections to this database wait for another's lock.
const WAITING: &str = "
    SELECT COUNT(*) FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[tokio::test]
async fn while_a_list_is_imported_elsewhere_only_changes_of_banks_wait() {
    let app = TestApp::with(|config| config.database_connections = 3).await;
    let admin = app.admin();
    let bank = BankId::from_text(admin.bank("list").await);
    let other_node = app.store_of_another_node().await;
    let mut importing = other_node.begin_for_banks().await.unwrap();
    importing.bank_to_change(&bank).await.unwrap();

    let names: Vec<String> = (0..6).map(|n| format!("list {n}")).collect();
    let changes = futures::future::join_all(names.iter().map(|name| admin.bank(name)));
    let others = async {
        if is_postgres() {
            until("one waits in the database", async || {
                app.number(WAITING).await > 0
            })
            .await;
        }
        for _ in 0..20 {
            admin.get("/api/v1/banks").await.expect(200);
        }
        drop(importing);
    };
    let (made, ()) = futures::join!(changes, others);

    assert_eq!(made.len(), names.len());
    assert_eq!(app.count("banks").await, 7);
}

#[tokio::test]
async fn a_change_of_banks_that_waits_too_long_is_told_to_come_back() {
    if !is_postgres() {
        // One process has the file, and its writers wait in line.
        return;
    }
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = BankId::from_text(admin.bank("list").await);
    let other_node = app.store_of_another_node().await;
    let mut importing = other_node.begin_for_banks().await.unwrap();
    importing.bank_to_change(&bank).await.unwrap();

    let refused = admin.post("/api/v1/banks", json!({ "name": "a" })).await;

    let problem = refused.expect_problem(503, "unavailable");
    // And not that of the call's time limit.
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("the database is busy"), "{detail}");
    assert_eq!(refused.header("retry-after"), Some("1"));
    drop(importing);
    admin.bank("a").await;
}
