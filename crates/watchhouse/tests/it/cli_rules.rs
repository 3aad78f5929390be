//! `watchhouse rules`: a pack is checked and tried before it goes live.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::process::run;

#[tokio::test]
async fn the_shown_pack_is_right_and_passes_its_examples() {
    let folder = tempfile::tempdir().unwrap();
    let pack = run(&["rules", "show"]).await.expect(0);
    let examples = run(&["rules", "show", "--examples"]).await.expect(0);
    let pack = write(&folder, "pack.toml", &pack.out);
    let examples = write(&folder, "examples.toml", &examples.out);

    let checked = run(&["rules", "check", text(&pack)]).await.expect(0);
    let tested = run(&["rules", "test", text(&pack), "--examples", text(&examples)])
        .await
        .expect(0);

    let lines: Vec<&str> = checked.out.lines().collect();
    assert_eq!(
        lines[0],
        format!("{}: 11 rules, no problems", pack.display())
    );
    let digest = lines[1].strip_prefix("digest ").unwrap();
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(
        tested
            .out
            .lines()
            .filter(|line| line.starts_with("passed  "))
            .count()
            >= 10
    );
    assert!(
        tested.out.ends_with(" examples, 0 failed\n"),
        "{}",
        tested.out
    );
}

#[tokio::test]
async fn every_problem_of_a_pack_is_said_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let pack = write(
        &folder,
        "pack.toml",
        "[[rule]]\nname = \"one\"\nversion = 1\non = \"match\"\nwhen = 'match.distance <'\n\
         verdict = \"block\"\nreason = \"it is listed\"\n\n\
         [[rule]]\nname = \"two\"\nversion = 1\non = \"match\"\nwhen = 'match.colour == 3'\n\
         verdict = \"ban\"\nreason = \"it is listed\"\n",
    );

    let checked = run(&["rules", "check", text(&pack)]).await.expect(1);

    assert!(checked.out.contains("pack.toml"), "{}", checked.out);
    assert!(checked.out.contains("one"), "{}", checked.out);
    assert!(checked.out.contains("match.colour"), "{}", checked.out);
    assert!(checked.out.contains("ban"), "{}", checked.out);
    let last = checked.out.lines().last().unwrap();
    assert_eq!(last, "3 problems");
}

#[tokio::test]
async fn an_example_that_fails_says_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let pack = run(&["rules", "show"]).await.expect(0).out;
    let pack = write(
        &folder,
        "pack.toml",
        &pack.replace("verdict = \"block\"", "verdict = \"hold\""),
    );
    let examples = run(&["rules", "show", "--examples"]).await.expect(0).out;
    let examples = write(&folder, "examples.toml", &examples);

    let tested = run(&["rules", "test", text(&pack), "--examples", text(&examples)])
        .await
        .expect(1);

    assert!(tested.out.contains("FAILED  "), "{}", tested.out);
    assert!(
        tested.out.contains("block") && tested.out.contains("hold"),
        "{}",
        tested.out
    );
    assert!(!tested.out.ends_with(" 0 failed\n"), "{}", tested.out);
}

#[tokio::test]
async fn a_pack_that_is_not_there_is_said() {
    let checked = run(&["rules", "check", "gone.toml"]).await.expect(2);

    let expected = "error: cannot read gone.toml: No such file or directory (os error 2)\n";
    assert_eq!(checked.err, expected);
}

#[tokio::test]
async fn the_fields_are_listed() {
    let fields = run(&["rules", "fields"]).await.expect(0);

    for field in [
        "match.distance",
        "match.bank.name",
        "item.surface",
        "media.sha256",
    ] {
        assert!(fields.out.contains(field), "{}", fields.out);
    }
}

fn write(folder: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}
