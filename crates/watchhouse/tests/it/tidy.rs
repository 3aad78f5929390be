//! What no compiler checks: rules of the source tree, read from its files.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::app::{TestApp, is_postgres};

/// A file of the tree. The path is relative to the crate's `src`.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Whether the file is this module or below it: `http` is `http.rs` and `http/…`.
    fn is_in(&self, module: &str) -> bool {
        self.path == format!("{module}.rs") || self.path.starts_with(&format!("{module}/"))
    }

    /// The lines of code with their numbers, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..)
            .zip(self.text.lines())
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(number, line)| (number, line.split(" // ").next().unwrap()))
    }

    /// Says where one of these words stands in the code, as a name or a part of a path.
    fn find(&self, words: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for (number, line) in self.code() {
            for word in words {
                if has_word(line, word) {
                    found.push(format!("{}:{number} names `{word}`", self.path));
                }
            }
        }
        found
    }
}

fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

fn crates() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn sources(name: &str) -> Vec<Source> {
    let root: PathBuf = crates().join(name).join("src");
    let sources: Vec<Source> = WalkDir::new(&root)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .map(|path| Source {
            text: std::fs::read_to_string(&path).unwrap(),
            path: path
                .strip_prefix(&root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned(),
        })
        .collect();
    assert!(
        sources.len() > 20,
        "{} files in {}",
        sources.len(),
        root.display()
    );
    sources
}

/// The server's files for which a rule holds, and what breaks it there.
fn breaches(holds_for: impl Fn(&Source) -> bool, words: &[&str]) -> Vec<String> {
    let sources = sources("watchhouse");
    sources
        .iter()
        .filter(|source| holds_for(source))
        .flat_map(|source| source.find(words))
        .collect()
}

const NOTHING: Vec<String> = Vec::new();

/// The SQL constants of a file: name and text.
fn sql_constants(source: &Source) -> Vec<(String, String)> {
    let mut constants = Vec::new();
    for rest in source.text.split("const ").skip(1) {
        let Some((name, rest)) = rest.split_once(": &str =") else {
            continue;
        };
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        {
            continue;
        }
        let Some(text) = rest.trim_start().strip_prefix('"') else {
            continue;
        };
        let (text, _) = text.split_once("\";").unwrap();
        constants.push((name.to_owned(), text.to_owned()));
    }
    constants
}

#[tokio::test]
async fn the_database_accepts_every_statement() {
    let app = TestApp::new().await;
    let other = if is_postgres() {
        "_SQLITE"
    } else {
        "_POSTGRES"
    };
    let mut n_prepared = 0;
    for source in sources("watchhouse") {
        for (name, sql) in sql_constants(&source) {
            let verb = sql.split_whitespace().next().unwrap_or_default();
            if !["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE"].contains(&verb) {
                continue;
            }
            assert!(
                source.is_in("store"),
                "{}: {name} is SQL outside of store/",
                source.path
            );
            if name.ends_with(other) {
                continue;
            }
            // The beginning of a statement that is built: its rows make it whole.
            let sql = match sql.trim_end().strip_suffix("VALUES") {
                Some(_) => continue,
                None => sql,
            };
            let prepared = app.app.store.prepare(sql.clone()).await;
            assert!(
                prepared.is_ok(),
                "{}: {name}: {}",
                source.path,
                prepared.unwrap_err()
            );
            n_prepared += 1;
        }
    }
    assert!(n_prepared > 80, "{n_prepared} statements were found");
    let nonsense = app
        .app
        .store
        .prepare("SELECT nothing FROM nowhere".to_owned())
        .await;
    assert!(nonsense.is_err(), "the database accepts everything");
}

#[test]
fn what_differs_between_the_databases_says_so() {
    for source in sources("watchhouse") {
        for dialect in ["_SQLITE: &str", "_POSTGRES: &str"] {
            if source.text.contains(dialect) {
                assert!(source.text.contains("// Dialect:"), "{}", source.path);
            }
        }
    }
}

#[test]
fn migrations_use_only_the_four_types_that_both_databases_have() {
    let directory = crates().join("watchhouse/migrations");
    let mut n_columns = 0;
    for file in std::fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "sql") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(|line| line.starts_with("    ")) {
            let mut words = line.split_whitespace();
            let (column, kind) = (words.next().unwrap(), words.next().unwrap());
            if ["PRIMARY", "UNIQUE"].contains(&column) {
                continue;
            }
            n_columns += 1;
            let kind = kind.trim_end_matches(',');
            // `blob TEXT` would be a column that the migrator turns into one of another name.
            assert!(
                ["BIGINT", "TEXT", "BLOB"].contains(&kind),
                "{}: {line}",
                path.display()
            );
            assert_ne!(column, "BLOB", "{}: {line}", path.display());
            assert_eq!(column, column.to_lowercase(), "{}: {line}", path.display());
        }
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .collect();
        for statement in lines
            .join("\n")
            .split(';')
            .map(str::trim)
            .filter(|text| !text.is_empty())
        {
            assert!(
                ["CREATE", "INSERT", "ALTER", "UPDATE"]
                    .iter()
                    .any(|verb| statement.starts_with(verb)),
                "{}: \"{statement}\" is cut in two, or not for both databases",
                path.display()
            );
        }
    }
    assert!(n_columns > 100, "{n_columns} columns were found");
}

#[test]
fn the_store_knows_nothing_of_those_above_it() {
    let words = [
        "axum",
        "http",
        "cli",
        "jobs::deliver_webhook",
        "StatusCode",
        "reqwest",
    ];
    assert_eq!(breaches(|source| source.is_in("store"), &words), NOTHING);
}

#[test]
fn status_codes_are_known_in_http_alone() {
    let words = ["StatusCode", "axum"];
    // Where the routes are handed to the listener.
    let found = breaches(
        |source| !source.is_in("http") && source.path != "cli/serve.rs",
        &words,
    );
    assert_eq!(found, NOTHING);
}

#[test]
fn only_the_command_line_prints() {
    let words = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];
    assert_eq!(
        breaches(
            |source| !source.is_in("cli") && source.path != "main.rs",
            &words
        ),
        NOTHING
    );
}

#[test]
fn only_outbound_calls_anybody() {
    let words = [
        "reqwest::get",
        "Client::new",
        "Client::builder",
        "TcpStream",
        "lookup_host",
        "UdpSocket",
    ];
    assert_eq!(
        // The self-test sees to it that a caged child gets no socket.
        breaches(
            |source| !["outbound.rs", "sandbox/self_test.rs"].contains(&source.path.as_str()),
            &words
        ),
        NOTHING
    );
    assert_eq!(
        breaches(
            |source| !source.is_in("outbound"),
            &["AmazonS3", "AmazonS3Builder"]
        ),
        NOTHING
    );
    // The command names the type of the client that outbound makes.
    let allowed = ["outbound.rs", "cli/ledger.rs"];
    let elsewhere = breaches(
        |source| !allowed.contains(&source.path.as_str()),
        &["reqwest"],
    );
    assert_eq!(elsewhere, NOTHING);
}

#[test]
fn the_time_of_day_comes_from_the_clock() {
    let words = [
        "SystemTime",
        "Timestamp::now",
        "Zoned::now",
        "UtcDateTime::now",
    ];
    assert_eq!(
        breaches(|source| source.path != "clock.rs", &words),
        NOTHING
    );
}

#[test]
fn randomness_comes_from_id() {
    let words = ["rand", "getrandom", "OsRng", "thread_rng"];
    assert_eq!(breaches(|source| source.path != "id.rs", &words), NOTHING);
}

#[test]
fn the_program_knows_no_hosts() {
    // A host in a literal is allowed as an example: it ends in `example.org` or is being printed.
    for source in sources("watchhouse") {
        for (number, line) in source.code() {
            for scheme in ["http://", "https://"] {
                for (at, _) in line.match_indices(scheme) {
                    let host = line[at + scheme.len()..]
                        .split(['/', '"', '\\', ':', ' '])
                        .next()
                        .unwrap();
                    let is_example = host == "example.org" || host.ends_with(".example.org");
                    let is_filled_in = host.starts_with('{');
                    assert!(
                        is_example || is_filled_in,
                        "src/{}:{number}: {line}",
                        source.path
                    );
                }
            }
        }
    }
}

#[test]
fn files_are_small_named_for_what_they_hold_and_say_what_they_are_for() {
    for name in ["watchhouse", "watchhouse-match"] {
        for Source { path, text } in sources(name) {
            let n_lines = text.lines().count();
            assert!(n_lines <= 600, "{name}/src/{path} has {n_lines} lines");
            let stem = Path::new(&path).file_stem().unwrap().to_str().unwrap();
            let vague = [
                "util", "utils", "helper", "helpers", "common", "manager", "service", "misc", "mod",
            ];
            let is_vague = stem.split('_').any(|word| vague.contains(&word));
            assert!(!is_vague, "{name}/src/{path} is named for nothing in it");
            let doc = text.lines().next().unwrap_or_default();
            assert!(
                doc.starts_with("//! "),
                "{name}/src/{path} does not say what it is for"
            );
        }
    }
}

#[test]
fn nothing_is_left_to_do_or_switched_off() {
    let words = [
        "todo!",
        "unimplemented!",
        "unwrap()",
        "#[ignore]",
        "FIXME",
        "XXX",
    ];
    assert_eq!(breaches(|_| true, &words), NOTHING);
    for source in sources("watchhouse") {
        for (number, line) in (1..).zip(source.text.lines()) {
            let is_bare = has_word(line, "TODO") && !line.contains('#');
            assert!(
                !is_bare,
                "src/{}:{number}: a TODO without its issue",
                source.path
            );
        }
    }
}

#[test]
fn the_matching_engine_touches_nothing_outside() {
    let words = [
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "File",
        "tokio",
        "rand",
        "SystemTime",
        "Instant",
        "reqwest",
        "println!",
        "async",
    ];
    let found: Vec<String> = sources("watchhouse-match")
        .iter()
        .flat_map(|source| source.find(&words))
        .collect();
    assert_eq!(found, NOTHING);
}

#[test]
fn words_are_found_in_code_and_not_in_comments() {
    let source = Source {
        path: "http/keys.rs".to_owned(),
        text: "//! axum\nuse axum::Json; // not tokio\nlet axums = 1;\n    // rand\n".to_owned(),
    };

    assert_eq!(
        source.find(&["axum", "tokio", "rand"]),
        ["http/keys.rs:2 names `axum`"]
    );
    assert!(source.is_in("http") && !source.is_in("htt"));
    assert_eq!(sql_constants(&Source {
        path: String::new(),
        text: "const A_B: &str = \"SELECT 1\";\nconst N: usize = 1;\nconst C: &str =\n    \"\n x\";".to_owned(),
    }), [("A_B".to_owned(), "SELECT 1".to_owned()), ("C".to_owned(), "\n x".to_owned())]);
}
