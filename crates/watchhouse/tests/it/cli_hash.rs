//! `watchhouse hash`: the hashes of files, as text and as JSON.

use std::fs;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use watchhouse_demo::alterations::Alteration;

use crate::make;
use crate::process::run;

#[tokio::test]
async fn a_picture_has_its_digests_and_its_pdq() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    let media = make::picture(1);
    fs::write(&path, &media).unwrap();
    let name = path.to_str().unwrap();

    let shown = run(&["hash", name]).await.expect(0);
    let line = run(&["hash", "--json", name]).await.expect(0);

    let line: Value = serde_json::from_str(&line.out).unwrap();
    let sha256 = watchhouse::hex::encode(&Sha256::digest(&media));
    let pdq = make::pdq(&media);
    assert_eq!(line["path"], name);
    assert_eq!(line["size_bytes"], media.len());
    assert_eq!(line["sha256"], sha256);
    assert_eq!(line["format"], "jpeg");
    assert_eq!(line["width"], 320);
    assert_eq!(line["height"], 240);
    let quality = line["frames"][0]["quality"].as_u64().unwrap();
    assert_eq!(
        line["frames"],
        json!([{ "index": 0, "variant": "as_stored", "pdq": pdq, "quality": quality }])
    );
    let (md5, sha1) = (
        line["md5"].as_str().unwrap(),
        line["sha1"].as_str().unwrap(),
    );
    assert_eq!(
        shown.out,
        format!(
            "{name}\n  md5     {md5}\n  sha1    {sha1}\n  sha256  {sha256}\n  pdq     {pdq}  \
             quality {quality}\n  jpeg 320x240\n"
        )
    );
}

#[tokio::test]
async fn a_framed_picture_has_a_second_hash_that_says_what_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("framed.jpg");
    fs::write(&path, make::altered(1, Alteration::Framed)).unwrap();

    let shown = run(&["hash", path.to_str().unwrap()]).await.expect(0);

    let hashes: Vec<&str> = shown
        .out
        .lines()
        .filter(|line| line.contains(" pdq "))
        .collect();
    assert_eq!(hashes.len(), 2, "{}", shown.out);
    assert!(!hashes[0].contains("border"));
    assert!(hashes[1].ends_with("  without its border"));
}

#[tokio::test]
async fn what_cannot_be_decoded_has_its_digests_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), "no picture\n").unwrap();
    fs::write(folder.path().join("b.jpg"), make::picture(1)).unwrap();
    fs::write(folder.path().join("c.png"), &make::as_png(2)[..900]).unwrap();
    fs::write(folder.path().join("empty"), "").unwrap();
    let name = folder.path().to_str().unwrap();

    let hashed = run(&["hash", "--json", name, "/no/such/file"])
        .await
        .expect(2);

    let lines: Vec<Value> = hashed
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let paths: Vec<_> = lines
        .iter()
        .map(|line| line["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        ["a.txt", "b.jpg", "c.png", "empty"].map(|file| format!("{name}/{file}"))
    );
    let digest = watchhouse::hex::encode(&Sha256::digest("no picture\n"));
    assert_eq!(lines[0]["sha256"], digest);
    let codes: Vec<_> = lines
        .iter()
        .map(|line| line["problem"]["code"].as_str())
        .collect();
    assert_eq!(codes[1], None);
    assert!(
        codes[0].is_some() && codes[2].is_some() && codes[3].is_some(),
        "{codes:?}"
    );
    assert_eq!(
        hashed.err,
        "error: cannot read \"/no/such/file\": No such file or directory (os error 2)\n"
    );
}

#[tokio::test]
async fn every_form_of_a_picture_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for alteration in [Alteration::AsWebp, Alteration::AsGif, Alteration::Thumbnail] {
        let file = format!("x.{}", alteration.extension());
        fs::write(folder.path().join(file), make::altered(3, alteration)).unwrap();
    }

    let hashed = run(&["hash", "--json", folder.path().to_str().unwrap()])
        .await
        .expect(0);

    let lines: Vec<Value> = hashed
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let formats: Vec<_> = lines
        .iter()
        .map(|line| line["format"].as_str().unwrap())
        .collect();
    assert_eq!(formats, ["gif", "png", "webp"]);
}

#[tokio::test]
async fn a_name_stays_on_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = "a\n  pdq     forged\u{1b}[2J.txt";
    fs::write(folder.path().join(file), "words").unwrap();

    let hashed = run(&["hash", folder.path().to_str().unwrap()])
        .await
        .expect(2);

    let first = hashed.out.lines().next().unwrap();
    assert!(
        first.ends_with("a\\n  pdq     forged\\u{1b}[2J.txt"),
        "{first}"
    );
}
