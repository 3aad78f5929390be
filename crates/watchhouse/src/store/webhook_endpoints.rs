//! Webhook endpoints: where the platform wants to be told.

use crate::clock::Timestamp;
use crate::id::WebhookEndpointId;
use crate::store::db::args;
use crate::store::page::{Page, PageOf, name_of};
use crate::store::{Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct WebhookEndpoint {
    pub id: WebhookEndpointId,
    pub url: String,
    pub description: String,
    /// Kinds of message it wants; empty means all.
    pub events: Vec<String>,
    pub is_enabled: bool,
    /// Why Watchhouse switched it off by itself, if it did.
    pub disabled_reason: Option<String>,
    pub secret_sealed: Vec<u8>,
    /// The secret before the last rotation, which signs too until this time.
    pub old_secret_sealed: Option<(Vec<u8>, Timestamp)>,
    pub created_at: Timestamp,
}

impl WebhookEndpoint {
    fn from_row(row: &Row) -> Result<WebhookEndpoint> {
        let old = row.optional_bytes("old_secret_sealed")?;
        Ok(WebhookEndpoint {
            id: row.id("id")?,
            url: row.text("url")?,
            description: row.text("description")?,
            events: row.json("events")?,
            is_enabled: row.bool("is_enabled")?,
            disabled_reason: row.optional_text("disabled_reason")?,
            secret_sealed: row.bytes("secret_sealed")?,
            old_secret_sealed: old.zip(row.optional_time("old_secret_until")?),
            created_at: row.time("created_at")?,
        })
    }
}

const INSERT: &str = "
    INSERT INTO webhook_endpoints (id, url, description, events, is_enabled, secret_sealed, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const UPDATE: &str = "
    UPDATE webhook_endpoints
       SET url = $2, description = $3, events = $4, is_enabled = $5, disabled_reason = $6,
           secret_sealed = $7, old_secret_sealed = $8, old_secret_until = $9
     WHERE id = $1";
const BY_ID: &str = "
    SELECT id, url, description, events, is_enabled, disabled_reason, secret_sealed,
           old_secret_sealed, old_secret_until, created_at
      FROM webhook_endpoints WHERE id = $1 AND deleted_at IS NULL";
// Changes nothing, and on PostgreSQL keeps others who say the same waiting until the commit.
const LOCK: &str = "UPDATE webhook_endpoints SET deleted_at = deleted_at WHERE id = $1";
const LIST: &str = "
    SELECT id, url, description, events, is_enabled, disabled_reason, secret_sealed,
           old_secret_sealed, old_secret_until, created_at
      FROM webhook_endpoints
     WHERE deleted_at IS NULL AND (CAST($1 AS TEXT) IS NULL OR id < $1) ORDER BY id DESC LIMIT $2";
const ENABLED: &str = "
    SELECT id, url, description, events, is_enabled, disabled_reason, secret_sealed,
           old_secret_sealed, old_secret_until, created_at
      FROM webhook_endpoints WHERE deleted_at IS NULL AND is_enabled = 1 ORDER BY id";
// The row stays: deliveries point at it.
const DELETE: &str = "
    UPDATE webhook_endpoints SET deleted_at = $2, is_enabled = 0 WHERE id = $1 AND deleted_at IS NULL";

impl Tx {
    pub async fn insert_webhook_endpoint(&mut self, endpoint: &WebhookEndpoint) -> Result<()> {
        let args = args![
            &endpoint.id,
            &endpoint.url,
            &endpoint.description,
            serde_json::to_string(&endpoint.events).expect("a list of names is JSON"),
            endpoint.is_enabled,
            endpoint.secret_sealed.as_slice(),
            endpoint.created_at
        ];
        self.execute(INSERT, args).await?;
        Ok(())
    }

    pub async fn update_webhook_endpoint(&mut self, endpoint: &WebhookEndpoint) -> Result<()> {
        let args = args![
            &endpoint.id,
            &endpoint.url,
            &endpoint.description,
            serde_json::to_string(&endpoint.events).expect("a list of names is JSON"),
            endpoint.is_enabled,
            endpoint.disabled_reason.as_ref(),
            endpoint.secret_sealed.as_slice(),
            endpoint
                .old_secret_sealed
                .as_ref()
                .map(|(sealed, _)| sealed.as_slice()),
            endpoint.old_secret_sealed.as_ref().map(|(_, until)| *until)
        ];
        self.execute(UPDATE, args).await?;
        Ok(())
    }

    pub async fn webhook_endpoint(
        &mut self,
        id: &WebhookEndpointId,
    ) -> Result<Option<WebhookEndpoint>> {
        self.optional(BY_ID, args![id], WebhookEndpoint::from_row)
            .await
    }

    /// An endpoint as it stays until this transaction ends, but for what this transaction does to it.
    pub async fn webhook_endpoint_to_change(
        &mut self,
        id: &WebhookEndpointId,
    ) -> Result<Option<WebhookEndpoint>> {
        self.execute(LOCK, args![id]).await?;
        self.webhook_endpoint(id).await
    }

    pub async fn webhook_endpoints(&mut self, page: &Page) -> Result<PageOf<WebhookEndpoint>> {
        let rows = self
            .all(
                LIST,
                args![page.below(), page.probe()],
                WebhookEndpoint::from_row,
            )
            .await?;
        Ok(page.cut(rows, |endpoint| name_of(&endpoint.id)))
    }

    pub async fn enabled_webhook_endpoints(&mut self) -> Result<Vec<WebhookEndpoint>> {
        self.all(ENABLED, args![], WebhookEndpoint::from_row).await
    }

    pub async fn delete_webhook_endpoint(&mut self, id: &WebhookEndpointId) -> Result<bool> {
        let now = self.now;
        Ok(self.execute(DELETE, args![id, now]).await? == 1)
    }
}
