//! Buckets of S3, and of what speaks like it, for a command that a person runs.
//!
//! The person names the bucket; the usual variables of the environment say where it is and who asks
//! (`AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID` and the like). It MUST only read.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore as _, ObjectStoreExt as _, RetryConfig};
use url::Url;

const SCHEME: &str = "s3://";

/// A bucket, and the part of it that is asked for.
pub struct Bucket {
    store: AmazonS3,
    name: String,
    prefix: Path,
    /// The address ends with a slash, so that it is no object's.
    is_folder: bool,
}

/// One object of a bucket.
#[derive(Clone)]
pub struct Object {
    bucket: Arc<Bucket>,
    meta: ObjectMeta,
}

impl Bucket {
    /// Whether this is the address of a bucket: `s3://name`, `s3://name/key` or `s3://name/folder/`.
    pub fn is_address(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    pub fn open(address: &str) -> anyhow::Result<Bucket> {
        let rest = address.strip_prefix(SCHEME).unwrap_or_default();
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() {
            bail!("\"{address}\" names no bucket; write s3://BUCKET/PREFIX");
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = AmazonS3Builder::from_env().with_bucket_name(name);
        let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
        let is_plain = endpoint
            .and_then(|endpoint| Url::parse(&endpoint).ok())
            .is_some_and(|endpoint| endpoint.scheme() == "http");
        let store = builder
            .with_allow_http(is_plain)
            .with_retry(RetryConfig {
                max_retries: 5,
                retry_timeout: Duration::from_secs(60),
                ..RetryConfig::default()
            })
            .build()?;
        Ok(Bucket {
            store,
            name: name.to_owned(),
            prefix: Path::parse(prefix).context("reading the prefix")?,
            is_folder: prefix.is_empty() || prefix.ends_with('/'),
        })
    }

    /// The object of this very name, and then everything below it, page by page.
    pub fn list(self: Arc<Bucket>) -> BoxStream<'static, anyhow::Result<Object>> {
        let bucket = Arc::clone(&self);
        let itself = stream::once(async move {
            if bucket.is_folder {
                return Ok(None);
            }
            match bucket.store.head(&bucket.prefix).await {
                Ok(meta) => Ok(Some(meta)),
                Err(Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        })
        .try_filter_map(async |meta| Ok(meta));
        let below = self.store.list(Some(&self.prefix));
        itself
            .chain(below)
            .map(move |meta| {
                Ok(Object {
                    bucket: Arc::clone(&self),
                    meta: meta?,
                })
            })
            .boxed()
    }
}

impl Object {
    /// `s3://bucket/key`.
    pub fn address(&self) -> PathBuf {
        format!("{SCHEME}{}/{}", self.bucket.name, self.meta.location).into()
    }

    /// Changes whenever the content does.
    pub fn version(&self) -> String {
        let ObjectMeta {
            size,
            last_modified,
            e_tag,
            ..
        } = &self.meta;
        let e_tag = e_tag.as_deref().unwrap_or_default();
        format!("{size}:{}:{e_tag}", last_modified.timestamp_micros())
    }

    /// Its bytes, as they come.
    pub async fn read(&self) -> anyhow::Result<BoxStream<'static, anyhow::Result<Bytes>>> {
        let got = self.bucket.store.get(&self.meta.location).await?;
        Ok(got.into_stream().map_err(anyhow::Error::from).boxed())
    }
}
