//! `watchhouse config`: what holds, where it comes from, and what is wrong with it.

use std::fs;

use crate::app::PROGRAM;
use crate::process::{Finished, clean, finish, run};

#[tokio::test]
async fn the_defaults_are_right_and_documented() {
    let folder = tempfile::tempdir().unwrap();
    let defaults = run(&["config", "defaults"]).await.expect(0);
    let file = folder.path().join("defaults.toml");
    fs::write(&file, &defaults.out).unwrap();

    let checked = run(&["config", "check", "--config", file.to_str().unwrap()])
        .await
        .expect(0);

    assert_eq!(defaults.err, "");
    assert_eq!(
        checked.out,
        "the settings are right\n\
         rules: 11, in the default pack\n\
         database: sqlite:watchhouse-data/watchhouse.db?mode=rwc\n\
         listens on: 127.0.0.1:8420\n"
    );
    let shown: toml::Table = run(&["config", "show"])
        .await
        .expect(0)
        .out
        .parse()
        .unwrap();
    let documented: toml::Table = defaults.out.parse().unwrap();
    assert_eq!(shown, documented);
}

#[tokio::test]
async fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = "[cases]\nlease_seconds = 30\n\n[keys]\nburst = 7\nrate_per_second = 8\n";
    let shown = show(file, &[("WATCHHOUSE_KEYS__BURST", "9")])
        .await
        .expect(0);

    let shown: toml::Table = shown.out.parse().unwrap();
    assert_eq!(shown["keys"]["burst"].as_integer(), Some(9));
    assert_eq!(shown["keys"]["rate_per_second"].as_integer(), Some(8));
    assert_eq!(shown["cases"]["lease_seconds"].as_integer(), Some(30));
    assert_eq!(
        shown["cases"]["max_lease_seconds"].as_integer(),
        Some(7_200)
    );
}

#[tokio::test]
async fn the_environment_may_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.toml");
    fs::write(&file, "[keys]\nburst = 7\n").unwrap();
    let mut command = clean(PROGRAM, &["config", "show"]);
    command.env("WATCHHOUSE_CONFIG", &file);

    let shown = finish(command).await.expect(0);

    let shown: toml::Table = shown.out.parse().unwrap();
    assert_eq!(shown["keys"]["burst"].as_integer(), Some(7));
}

#[tokio::test]
async fn passwords_are_never_shown() {
    for (address, shown) in [
        (
            "postgres://ann:hunter2@db.example/trust",
            "postgres://ann:…@db.example/trust",
        ),
        (
            "postgres://ann@db.example/trust?password=hunter2&sslmode=require",
            "postgres://ann@db.example/trust?password=…&sslmode=require",
        ),
        (
            "postgres://ann@db.example/trust",
            "postgres://ann@db.example/trust",
        ),
    ] {
        let variables = [("WATCHHOUSE_DATABASE", address)];
        for finished in [show("", &variables).await, check("", &variables).await] {
            let finished = finished.expect(0);
            assert!(finished.out.contains(shown), "{}", finished.out);
            assert!(!finished.out.contains("hunter2"), "{}", finished.out);
        }
    }
}

#[tokio::test]
async fn what_is_wrong_in_the_file_is_named_with_the_file() {
    for (text, expected) in [
        (
            "[server]\nlisten = \"x\"\n",
            "server.listen: invalid socket address syntax (in \"own.toml\")",
        ),
        (
            "[server]\nlistn = \"x\"\n",
            "there is no setting \"server.listn\" (in \"own.toml\")",
        ),
        (
            "[sever]\nlisten = \"x\"\n",
            "there is no setting \"sever\" (in \"own.toml\")",
        ),
        ("nonsense [\n", "own.toml"),
        (
            "[keys]\nburst = \"many\"\n",
            "keys.burst: invalid type: found string \"many\", expected u32 (in \"own.toml\")",
        ),
        ("[keys]\nburst = 0\n", "keys.burst must be at least 1"),
        (
            "[cases]\nlease_seconds = 9000\n",
            "cases.lease_seconds is more than cases.max_lease_seconds",
        ),
        (
            "[banks]\nmax_lag_seconds = 240\n",
            "banks.max_lag_seconds and server.request_timeout_seconds are 300 together",
        ),
        (
            "[banks]\nmax_lag_seconds = 0\n",
            "banks.poll_milliseconds is not less than banks.max_lag_seconds",
        ),
        (
            "[webhooks]\ntimeout_seconds = 46\n",
            "webhooks.timeout_seconds is 46, and at most 45 is allowed: an attempt and its record",
        ),
        (
            "[server]\nrequest_timeout_seconds = 9223372036854775807\n",
            "together, and 300 s after a hash was added no scan may be at work",
        ),
        (
            "[server]\nstop_grace_seconds = 9999999999\n",
            "server.stop_grace_seconds is 9999999999, and at most 3600 is allowed: ",
        ),
        (
            "[scan]\nmax_waiting = 9223372036854775807\n",
            "scan.max_waiting is 9223372036854775807, and at most 1000000 is allowed: ",
        ),
        (
            "[server]\nrequest_timeout_seconds = 39\n",
            "fetch.timeout_seconds and scan.time_limit_seconds are 40 together",
        ),
        (
            "[rules]\nfile = \"gone.toml\"\n",
            "reading the rules in \"gone.toml\"",
        ),
        (
            "[outbound]\nallow_networks = [\"10.0.0.0/99\"]\n",
            "outbound.allow_networks",
        ),
    ] {
        let checked = check(text, &[]).await.expect(2);
        assert!(checked.err.starts_with("error: "), "{}", checked.err);
        assert!(checked.err.contains(expected), "{text}: {}", checked.err);
        assert_eq!(checked.out, "");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_said() {
    let checked = run(&["config", "check", "--config", "gone.toml"])
        .await
        .expect(2);

    assert_eq!(
        checked.err,
        "error: there is no settings file \"gone.toml\"\n"
    );
}

#[tokio::test]
async fn rules_that_are_wrong_are_settings_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.toml");
    fs::write(&rules, "[[rule]]\nname = \"half\"\n").unwrap();

    let variables = [("WATCHHOUSE_RULES__FILE", rules.to_str().unwrap())];
    let checked = check("", &variables).await.expect(2);

    assert!(
        checked.err.contains("the rules are wrong"),
        "{}",
        checked.err
    );
    assert!(checked.err.contains("rules.toml"), "{}", checked.err);
}

async fn show(file: &str, variables: &[(&str, &str)]) -> Finished {
    of("show", file, variables).await
}

async fn check(file: &str, variables: &[(&str, &str)]) -> Finished {
    of("check", file, variables).await
}

async fn of(command: &str, file: &str, variables: &[(&str, &str)]) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.toml"), file).unwrap();
    let mut command = clean(PROGRAM, &["config", command, "--config", "own.toml"]);
    command.current_dir(folder.path());
    command.envs(variables.iter().copied());
    finish(command).await
}

#[tokio::test]
async fn lanes_that_leave_a_report_without_one_are_refused() {
    let lane = |rest: &str| format!("[[reports.lanes]]\nqueue = \"q\"\npriority = 1\n{rest}\n");
    let all = lane("");
    for (lanes, expected) in [
        (
            "[reports]\nlanes = []\n".to_owned(),
            "must fit every report",
        ),
        (lane("source = \"user\""), "must fit every report"),
        (
            lane("category = \"cats\"") + &all,
            "reports.lanes[0]: \"cats\" is no category",
        ),
        (
            lane("answer_within_minutes = 0") + &all,
            "reports.lanes[0].answer_within_minutes is 0",
        ),
        (
            all.replace("priority = 1", "priority = 101"),
            "reports.lanes[0].priority is 101",
        ),
        (
            format!("[reports]\nescalate_at_percent = [101]\n{all}"),
            "holds 101, and a deadline has passed at 100",
        ),
    ] {
        let refused = show(&lanes, &[]).await.expect(2);
        assert!(refused.err.contains(expected), "{lanes}: {}", refused.err);
    }
    let shown = show(&all, &[]).await.expect(0);
    let shown: toml::Table = shown.out.parse().unwrap();
    assert_eq!(shown["reports"]["lanes"].as_array().map(Vec::len), Some(1));
}
