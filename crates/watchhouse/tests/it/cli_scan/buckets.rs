//! `watchhouse scan s3://…`, against a server of folders that speaks S3, on loopback.

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;

use axum::Router;
use axum::extract::Request;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;
use tower::ServiceExt;
use watchhouse_demo::alterations::Alteration;

use super::resume::n_finished;
use super::{Desk, listing, paths};
use crate::make;
use crate::pack;
use crate::process::{Finished, finish, until};

/// A server of S3 whose buckets are the folders below the desk's `buckets`.
struct Bucket {
    desk: Desk,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Bucket {
    async fn new() -> Bucket {
        let desk = Desk::new();
        desk.write("bank.txt", listing(1));
        fs::create_dir_all(desk.path("buckets/photos")).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(desk.path("buckets")).unwrap());
        service.set_auth(SimpleAuth::from_single("somebody", "a secret"));
        let service = ServiceExt::<Request>::map_err(service.build(), |error| -> Infallible {
            panic!("{error:?}")
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback_service(service);
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Bucket {
            desk,
            address,
            server,
        }
    }

    /// An object of the bucket `photos`.
    fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        self.desk.write(&format!("buckets/photos/{key}"), bytes);
    }

    async fn scan(&self, secret: &str, arguments: &[&str]) -> Finished {
        finish(self.command(secret, arguments)).await
    }

    fn command(&self, secret: &str, arguments: &[&str]) -> Command {
        let arguments = [&["--json", "--bank", "bank.txt"], arguments].concat();
        let mut command = self.desk.command(&arguments);
        command
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "somebody")
            .env("AWS_SECRET_ACCESS_KEY", secret);
        command
    }

    async fn lines(&self, arguments: &[&str], code: i32) -> (Vec<Value>, Value) {
        let scanned = self.scan("a secret", arguments).await.expect(code);
        let lines = scanned.out.lines();
        let mut lines: Vec<Value> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let summary = lines.pop().unwrap();
        (lines, summary)
    }
}

#[tokio::test]
async fn objects_below_a_prefix_are_scanned_like_files() {
    let bucket = Bucket::new().await;
    let known = make::picture(1);
    bucket.put("2019/a.jpg", &known);
    bucket.put("2019/deep/er/ünï 1.png", make::as_png(1));
    bucket.put("2019/framed.jpg", make::altered(1, Alteration::Framed));
    bucket.put("2019/other.jpg", make::picture(2));
    bucket.put("2019/words.txt", "words");
    bucket.put("2019/z.zip", pack::zip(&[("known.jpg", &known)]));
    bucket.put("2020/a.jpg", &known);

    let (lines, summary) = bucket.lines(&["s3://photos/2019/"], 2).await;
    let (all, _) = bucket.lines(&["s3://photos"], 2).await;
    let (one, _) = bucket.lines(&["s3://photos/2020/a.jpg"], 1).await;

    let found = [
        "s3://photos/2019/a.jpg",
        "s3://photos/2019/deep/er/ünï 1.png",
        "s3://photos/2019/framed.jpg",
        "s3://photos/2019/z.zip!/known.jpg",
    ];
    assert_eq!(paths(&lines, "match"), found);
    assert_eq!(paths(&lines, "unchecked"), ["s3://photos/2019/words.txt"]);
    assert_eq!(summary["files"], 6);
    assert_eq!(summary["members"], 1);
    assert_eq!(paths(&all, "match").len(), 5);
    assert_eq!(paths(&one, "match"), ["s3://photos/2020/a.jpg"]);
}

#[tokio::test]
async fn an_object_too_large_to_decode_is_known_by_its_digest() {
    use sha2::{Digest as _, Sha256};
    let bucket = Bucket::new().await;
    let large = vec![7; (64 << 20) + 1];
    let sha256 = watchhouse::hex::encode(&Sha256::digest(&large));
    bucket.desk.write("bank.txt", format!("sha256 {sha256}\n"));
    bucket.put("large", &large);

    let (lines, _) = bucket.lines(&["s3://photos"], 2).await;

    assert_eq!(paths(&lines, "match"), ["s3://photos/large"]);
    assert_eq!(lines[1]["code"], "too_many_bytes");
}

#[tokio::test]
async fn what_cannot_be_had_of_a_bucket_is_said() {
    let bucket = Bucket::new().await;
    bucket.put("a.jpg", make::picture(1));

    let (gone, _) = bucket.lines(&["s3://nowhere/prefix"], 2).await;
    let (nameless, _) = bucket.lines(&["s3://"], 2).await;
    let refused = bucket
        .scan("another secret", &["s3://photos"])
        .await
        .expect(2);

    assert_eq!(paths(&gone, "unchecked"), ["s3://nowhere/prefix"]);
    assert_eq!(gone[0]["code"], "unreadable");
    assert_eq!(
        nameless[0]["message"],
        "the bucket cannot be listed: \"s3://\" names no bucket; write s3://BUCKET/PREFIX"
    );
    assert!(refused.out.contains("\"unreadable\""), "{}", refused.out);
    assert!(!refused.out.contains("another secret"), "{}", refused.out);
}

#[tokio::test]
async fn a_scan_of_a_bucket_that_was_killed_goes_on() {
    let bucket = Bucket::new().await;
    // So many lines for each that nobody's reading holds the scan up.
    bucket.desk.write("bank.txt", listing(1).repeat(300));
    // Not the order of folders: there, `a` and what is in it comes before `a.jpg`.
    bucket.put("a.jpg", make::picture(1));
    for number in 0..20 {
        bucket.put(&format!("a/{number:02}.jpg"), make::picture(1));
    }
    let arguments = ["--resume", "journal", "s3://photos"];
    let mut command = bucket.command("a secret", &arguments);
    let mut scan = command.stdout(Stdio::piped()).spawn().unwrap();
    until("some objects are finished", async || {
        n_finished(&bucket.desk) >= 2
    })
    .await;
    scan.kill().await.unwrap();
    let n_before = n_finished(&bucket.desk);

    let (lines, summary) = bucket.lines(&arguments, 1).await;

    assert_eq!(lines.len(), 21);
    assert_eq!(summary["resumed"], n_before);
    assert!(!bucket.desk.path("journal").exists());
}
