//! API keys: who may call, and what they may do.

use std::time::Duration;

use crate::clock::{Timestamp, earlier};
use crate::id::{CallerId, KeyId, OrganisationId};
use crate::store::db::args;
use crate::store::page::{Page, PageOf, name_of};
use crate::store::{Result, Row, Tx};

/// The time of a key's last use is kept to the minute.
pub const USES_KEPT_EVERY: Duration = Duration::from_mins(1);

/// A key as it is kept: the secret only as its SHA-256, which is enough for 256 random bits.
#[derive(Clone, Debug)]
pub struct ApiKey {
    pub id: KeyId,
    pub name: String,
    pub secret_digest: [u8; 32],
    /// Names of scopes; see `auth::Scope`.
    pub scopes: Vec<String>,
    /// Calls a second; None means the settings' default.
    pub rate_per_second: Option<u32>,
    pub burst: Option<u32>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
    /// Whose key it is, if it is an organisation's that reports.
    pub organisation_id: Option<OrganisationId>,
}

const INSERT: &str = "
    INSERT INTO api_keys (id, secret_digest, scopes, rate_per_second, burst, expires_at, organisation_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const BY_ID: &str = "
    SELECT k.id, c.name, k.secret_digest, k.scopes, k.rate_per_second, k.burst, c.created_at,
           k.expires_at, k.revoked_at, k.last_used_at, k.organisation_id
      FROM api_keys k JOIN callers c ON c.id = k.id WHERE k.id = $1";
const LIST: &str = "
    SELECT k.id, c.name, k.secret_digest, k.scopes, k.rate_per_second, k.burst, c.created_at,
           k.expires_at, k.revoked_at, k.last_used_at, k.organisation_id
      FROM api_keys k JOIN callers c ON c.id = k.id
     WHERE CAST($1 AS TEXT) IS NULL OR k.id < $1 ORDER BY k.id DESC LIMIT $2";
const ANY: &str = "SELECT COUNT(*) AS n FROM (SELECT id FROM api_keys LIMIT 1) AS first";
const REVOKE: &str = "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
// Another node may have been there a moment ago.
const TOUCH: &str = "
    UPDATE api_keys SET last_used_at = $2
     WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)";

impl ApiKey {
    fn from_row(row: &Row) -> Result<ApiKey> {
        Ok(ApiKey {
            id: row.id("id")?,
            name: row.text("name")?,
            secret_digest: row.array("secret_digest")?,
            scopes: row.json("scopes")?,
            rate_per_second: row.optional_small("rate_per_second")?,
            burst: row.optional_small("burst")?,
            created_at: row.time("created_at")?,
            expires_at: row.optional_time("expires_at")?,
            revoked_at: row.optional_time("revoked_at")?,
            last_used_at: row.optional_time("last_used_at")?,
            organisation_id: row.optional_id("organisation_id")?,
        })
    }
}

impl Tx {
    /// Makes a key, at this moment.
    pub async fn insert_key(&mut self, key: &ApiKey) -> Result<()> {
        let scopes = serde_json::to_string(&key.scopes).expect("a list of names is JSON");
        self.insert_caller(&CallerId::from(&key.id), &key.name)
            .await?;
        self.execute(
            INSERT,
            args![
                &key.id,
                key.secret_digest.as_slice(),
                scopes,
                key.rate_per_second,
                key.burst,
                key.expires_at,
                key.organisation_id.as_ref()
            ],
        )
        .await?;
        Ok(())
    }

    pub async fn key(&mut self, id: &KeyId) -> Result<Option<ApiKey>> {
        self.optional(BY_ID, args![id], ApiKey::from_row).await
    }

    pub async fn keys(&mut self, page: &Page) -> Result<PageOf<ApiKey>> {
        let rows = self
            .all(LIST, args![page.below(), page.probe()], ApiKey::from_row)
            .await?;
        Ok(page.cut(rows, |key| name_of(&key.id)))
    }

    /// True once any key was ever made.
    pub async fn has_keys(&mut self) -> Result<bool> {
        Ok(self.one(ANY, args![], |row| row.int("n")).await? > 0)
    }

    /// False if it was revoked already; the first time stands.
    pub async fn revoke_key(&mut self, id: &KeyId) -> Result<bool> {
        let now = self.now;
        Ok(self.execute(REVOKE, args![id, now]).await? == 1)
    }

    /// Keeps this moment as the key's last use, unless one of the last minute is kept already.
    pub async fn touch_key(&mut self, id: &KeyId) -> Result<()> {
        let now = self.now;
        self.execute(TOUCH, args![id, now, earlier(now, USES_KEPT_EVERY)])
            .await?;
        Ok(())
    }
}
