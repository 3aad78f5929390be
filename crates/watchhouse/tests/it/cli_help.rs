//! What the program says of itself.

use std::fs;

use crate::app::PROGRAM;
use crate::process::{clean, finish, run};

#[tokio::test]
async fn every_command_explains_itself() {
    for command in [
        &[][..],
        &["serve"],
        &["scan"],
        &["hash"],
        &["config"],
        &["config", "check"],
        &["config", "show"],
        &["config", "defaults"],
        &["rules"],
        &["rules", "check"],
        &["rules", "test"],
        &["rules", "show"],
        &["rules", "fields"],
        &["ledger"],
        &["ledger", "verify"],
        &["openapi"],
        &["person"],
        &["person", "add"],
        &["person", "list"],
        &["person", "invite"],
        &["person", "disable"],
        &["person", "enable"],
    ] {
        let arguments = [command, &["--help"]].concat();
        let help = run(&arguments).await.expect(0);

        assert_eq!(help.err, "");
        let usage = format!("\nUsage: {}", [&["watchhouse"], command].concat().join(" "));
        assert!(help.out.contains(&usage), "{}", help.out);
        let first = help.out.lines().next().unwrap();
        assert!(
            first.len() > 10 && !first.ends_with('.') || command.is_empty(),
            "{first}"
        );
        for line in help.out.lines() {
            assert!(line.chars().count() <= 100, "{line}");
            // An option without words has its name alone on the line, and nothing below it.
            let is_bare =
                line.trim_start().starts_with("--") && line.split_whitespace().count() < 3;
            assert!(!is_bare, "{line}");
        }
    }
    let scan = run(&["scan", "--help"]).await;
    assert!(
        scan.out
            .contains("Exit code: 0 nothing matched, 1 something matched, 2 ")
    );
}

#[tokio::test]
async fn the_version_is_that_of_the_package() {
    let version = run(&["--version"]).await.expect(0);

    assert_eq!(
        version.out,
        format!("watchhouse {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[tokio::test]
async fn a_command_that_is_not_there_is_refused() {
    let refused = run(&["scann"]).await.expect(2);

    assert!(
        refused.err.contains("scann") && refused.err.contains("'scan'"),
        "{}",
        refused.err
    );
    assert_eq!(refused.out, "");
}

#[tokio::test]
async fn the_demo_says_so_when_its_program_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("watchhouse");
    fs::hard_link(PROGRAM, &alone)
        .or_else(|_| fs::copy(PROGRAM, &alone).map(|_| ()))
        .unwrap();

    let refused = finish(clean(alone.to_str().unwrap(), &["demo"]))
        .await
        .expect(2);

    assert_eq!(
        refused.err,
        format!(
            "error: the demo program is not beside this one: expected \"{}-demo\"; `make run` \
             builds both\n",
            alone.display()
        )
    );
    assert_eq!(refused.out, "");
}

#[tokio::test]
async fn the_decoding_child_is_for_the_server_alone() {
    let refused = run(&["decode-child"]).await.expect(1);

    assert!(
        refused
            .err
            .starts_with("error: the server starts this command"),
        "{}",
        refused.err
    );
}
