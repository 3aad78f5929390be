//! The two calls that a platform makes to Watchhouse: scan what is posted, say what became of an action.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response, StatusCode};
use serde_json::json;

use super::post::{Answer, Post};

pub struct Watchhouse {
    /// Without a slash at its end.
    base: String,
    key: String,
    http: Client,
}

impl Watchhouse {
    /// `key` needs the scopes `scan` and `actions:write`.
    pub fn new(base: &str, key: &str) -> anyhow::Result<Watchhouse> {
        let http = Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(60))
            .build()
            .context("preparing the HTTP client")?;
        Ok(Watchhouse {
            base: base.trim_end_matches('/').to_owned(),
            key: key.to_owned(),
            http,
        })
    }

    /// Asks before publishing.
    pub async fn scan(&self, post: &Post, bytes: Vec<u8>) -> anyhow::Result<Answer> {
        let item = json!({
            "id": post.id,
            "account": post.account,
            "surface": post.surface,
            "kind": "post",
            "text": post.text,
        });
        let form = Form::new()
            .part(
                "item",
                Part::text(item.to_string()).mime_str("application/json")?,
            )
            .part(
                "media",
                Part::bytes(bytes)
                    .file_name("upload")
                    .mime_str("application/octet-stream")?,
            );
        let response = self
            .http
            .post(format!("{}/api/v1/scan", self.base))
            .bearer_auth(&self.key)
            .multipart(form)
            .send()
            .await
            .context("asking Watchhouse")?;
        accepted(response)
            .await?
            .json()
            .await
            .context("understanding Watchhouse's answer")
    }

    /// Says what became of an action. Saying it twice is no error.
    pub async fn report(&self, action: &str, outcome: &Outcome) -> anyhow::Result<()> {
        let (outcome, detail) = match outcome {
            Outcome::Done(detail) => ("done", detail),
            Outcome::Failed(detail) => ("failed", detail),
        };
        let response = self
            .http
            .post(format!("{}/api/v1/actions/{action}/outcome", self.base))
            .bearer_auth(&self.key)
            .json(&json!({ "outcome": outcome, "detail": detail }))
            .send()
            .await
            .context("telling Watchhouse the outcome")?;
        if response.status() == StatusCode::CONFLICT {
            return Ok(());
        }
        accepted(response).await.map(drop)
    }
}

/// What the platform did about an action, in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done(String),
    Failed(String),
}

async fn accepted(response: Response) -> anyhow::Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let problem: serde_json::Value = response.json().await.unwrap_or_default();
    match problem["detail"].as_str().or(problem["title"].as_str()) {
        Some(detail) => bail!("watchhouse answered {status}: {detail}"),
        None => bail!("watchhouse answered {status}"),
    }
}
