//! Banking the originals, and posting the copies the way a person's browser would.

use anyhow::{Context, bail};
use image::RgbImage;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use watchhouse_match::{Digests, Limits, inspect};

use super::api::Api;
use super::plan::{Original, Plan, Upload};
use crate::alterations::{Alteration, File};
use crate::platform::Platform;

/// Lists the originals' hashes, as somebody would who has the pictures and may not share them.
/// Listing them again changes nothing.
pub(super) async fn bank(
    keeper: &Api,
    bank: &str,
    originals: Vec<Original>,
) -> anyhow::Result<usize> {
    let hashes = tokio::task::spawn_blocking(move || -> anyhow::Result<Vec<Value>> {
        let mut hashes = Vec::new();
        for original in originals {
            let file = Alteration::Unaltered.of(&original.picture()?);
            hashes.extend(hashes_of(&original.name, &file)?);
        }
        Ok(hashes)
    })
    .await
    .context("hashing the originals")??;
    let n_hashes = hashes.len();
    keeper
        .post(
            &format!("/banks/{bank}/hashes"),
            json!({ "hashes": hashes }),
        )
        .await?;
    Ok(n_hashes)
}

fn hashes_of(name: &str, file: &File) -> anyhow::Result<[Value; 2]> {
    let seen =
        inspect(&file.bytes, &Limits::default()).with_context(|| format!("hashing {name}"))?;
    let frame = seen
        .frames
        .first()
        .with_context(|| format!("{name} has no frame"))?;
    let sha256 = Digests::of(&file.bytes)
        .hashes()
        .into_iter()
        .find(|hash| hash.kind() == watchhouse_match::HashKind::Sha256);
    let sha256 = sha256.context("the digests lack SHA-256")?;
    let entry = |kind: &str, value: String| json!({ "kind": kind, "value": value, "source": "demo", "external_id": name });
    Ok([
        entry("pdq", frame.pdq.hash.to_string()),
        entry("sha256", sha256.to_string()),
    ])
}

/// Posts what the platform does not have yet, in the plan's order.
pub(super) async fn post_all(
    plan: &Plan,
    platform: &Platform,
    base: &str,
) -> anyhow::Result<usize> {
    let missing: Vec<Upload> = {
        let feed = platform.feed();
        let is_there =
            |upload: &&Upload| feed.posts().any(|post| post.file_name == upload.file_name);
        plan.uploads
            .iter()
            .filter(|upload| !is_there(upload))
            .cloned()
            .collect()
    };
    let n_missing = missing.len();
    if n_missing == 0 {
        return Ok(0);
    }
    println!("posting {n_missing} pictures on the platform");
    let http = Client::builder()
        .no_proxy()
        .build()
        .context("preparing the HTTP client")?;
    let (drawn, mut ready) = mpsc::channel(4);
    let drawing = tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
        let mut last: Option<(String, RgbImage)> = None;
        for upload in missing {
            // Copies of one original follow each other.
            let (name, picture) = match last.take() {
                Some(last) if last.0 == upload.original.name => last,
                _ => (upload.original.name.clone(), upload.original.picture()?),
            };
            let file = upload.alteration.of(&picture);
            last = Some((name, picture));
            if drawn.blocking_send((upload, file)).is_err() {
                break;
            }
        }
        Ok(())
    });
    let mut n_posted = 0;
    while let Some((upload, file)) = ready.recv().await {
        post(&http, base, &upload, file).await?;
        n_posted += 1;
        if n_posted % 10 == 0 || n_posted == n_missing {
            println!("  {n_posted} of {n_missing}");
        }
    }
    drawing.await.context("drawing the pictures")??;
    Ok(n_posted)
}

async fn post(http: &Client, base: &str, upload: &Upload, file: File) -> anyhow::Result<()> {
    let picture = Part::bytes(file.bytes)
        .file_name(upload.file_name.clone())
        .mime_str(file.media_type)?;
    let form = Form::new()
        .part("picture", picture)
        .text("account", upload.account)
        .text("surface", upload.surface.to_string())
        .text("text", upload.caption());
    let response = http
        .post(format!("{base}/posts"))
        .header(header::ACCEPT, "application/json")
        .multipart(form)
        .send()
        .await
        .with_context(|| format!("posting {}", upload.file_name))?;
    let status = response.status();
    if status != StatusCode::CREATED {
        bail!(
            "the platform answered {status} to {}: {}",
            upload.file_name,
            response.text().await.unwrap_or_default()
        );
    }
    Ok(())
}
