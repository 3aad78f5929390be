//! The API as an operator's script would call it.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

#[derive(Clone)]
pub(super) struct Api {
    base: String,
    key: String,
    http: Client,
}

impl Api {
    pub(super) fn new(base: &str, key: &str) -> anyhow::Result<Api> {
        let http = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()
            .context("preparing the HTTP client")?;
        Ok(Api {
            base: base.to_owned(),
            key: key.to_owned(),
            http,
        })
    }

    /// The same server in another name.
    pub(super) fn with_key(&self, key: &str) -> Api {
        Api {
            key: key.to_owned(),
            ..self.clone()
        }
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(super) async fn patch(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.call(Method::PATCH, path, Some(body)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let doing = format!("{method} {path}");
        let mut req = self
            .http
            .request(method, format!("{}/api/v1{path}", self.base))
            .bearer_auth(&self.key);
        if let Some(body) = &body {
            req = req.json(body);
        }
        let response = req.send().await.with_context(|| doing.clone())?;
        let status = response.status();
        let text = response.text().await.with_context(|| doing.clone())?;
        if !status.is_success() {
            bail!("{doing} was answered {status}: {text}");
        }
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("understanding the answer to {doing}"))
    }
}

/// A text that the answer must hold.
pub(super) fn text<'a>(answer: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    answer[field]
        .as_str()
        .with_context(|| format!("the answer has no \"{field}\": {answer}"))
}
