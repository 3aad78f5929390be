//! Items: one piece of content, as the platform sent it.
//!
//! An item has a row only once something matched or could not be checked: what was scanned and
//! allowed leaves a sighting alone.

use crate::clock::Timestamp;
use crate::id::{AccountId, ItemId};
use crate::store::db::{Args, args};
use crate::store::page::{Page, PageOf, name_of};
use crate::store::{Result, Row, Tx};
use crate::surface::Surface;

#[derive(Clone, Debug)]
pub struct Item {
    pub id: ItemId,
    /// The platform's own name for it; unique.
    pub external_id: String,
    /// `post`, `message`, `profile`, … in the platform's words.
    pub kind: String,
    pub surface: Surface,
    pub account_id: Option<AccountId>,
    /// Where a person can see it.
    pub address: Option<String>,
    pub text: Option<String>,
    pub created_at: Timestamp,
}

impl Item {
    fn from_row(row: &Row) -> Result<Item> {
        Ok(Item {
            id: row.id("id")?,
            external_id: row.text("external_id")?,
            kind: row.text("kind")?,
            surface: row.parsed("surface")?,
            account_id: row.optional_id("account_id")?,
            address: row.optional_text("address")?,
            text: row.optional_text("text")?,
            created_at: row.time("created_at")?,
        })
    }
}

/// An item as the platform describes it with a scan.
#[derive(Clone, Debug)]
pub struct NewItem {
    pub external_id: String,
    pub kind: String,
    pub surface: Surface,
    pub account_external_id: Option<String>,
    pub address: Option<String>,
    pub text: Option<String>,
}

const UPSERT: &str = "
    INSERT INTO items (id, external_id, kind, surface, account_id, address, text, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (external_id) DO UPDATE SET
        kind = excluded.kind, surface = excluded.surface,
        account_id = COALESCE(excluded.account_id, items.account_id),
        address = COALESCE(excluded.address, items.address),
        text = COALESCE(excluded.text, items.text)
    RETURNING id, external_id, kind, surface, account_id, address, text, created_at";
const INSERT: &str = "
    INSERT INTO items (id, external_id, kind, surface, account_id, address, text, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (external_id) DO NOTHING";
const BY_EXTERNAL_ID: &str = "
    SELECT id, external_id, kind, surface, account_id, address, text, created_at
      FROM items WHERE external_id = $1";
const BY_ID: &str = "
    SELECT id, external_id, kind, surface, account_id, address, text, created_at
      FROM items WHERE id = $1";
const AT: &str = "
    SELECT id, external_id, kind, surface, account_id, address, text, created_at
      FROM items WHERE address = $1 ORDER BY id DESC LIMIT 1";
const LIST: &str = "
    SELECT id, external_id, kind, surface, account_id, address, text, created_at
      FROM items
     WHERE (CAST($1 AS TEXT) IS NULL OR id < $1)
       AND (CAST($3 AS TEXT) IS NULL OR external_id = $3)
       AND (CAST($4 AS TEXT) IS NULL OR account_id = $4)
     ORDER BY id DESC LIMIT $2";

impl Tx {
    /// The item with this name, made or brought up to date from what the platform now says.
    pub async fn ensure_item(&mut self, new: &NewItem) -> Result<Item> {
        let args = self.item_args(new).await?;
        self.one(UPSERT, args, Item::from_row).await
    }

    /// The item with this name as it is, made from what the platform once said if there is none.
    pub async fn ensure_past_item(&mut self, past: &NewItem) -> Result<Item> {
        let args = self.item_args(past).await?;
        self.execute(INSERT, args).await?;
        let args = args![&past.external_id];
        self.one(BY_EXTERNAL_ID, args, Item::from_row).await
    }

    async fn item_args(&mut self, item: &NewItem) -> Result<Args> {
        let account_id = match &item.account_external_id {
            Some(external_id) => Some(self.ensure_account(external_id).await?.id),
            None => None,
        };
        let id: ItemId = self.make();
        let now = self.now;
        Ok(args![
            &id,
            &item.external_id,
            &item.kind,
            item.surface.as_str(),
            account_id.as_ref(),
            item.address.as_ref(),
            item.text.as_ref(),
            now
        ])
    }

    pub async fn item(&mut self, id: &ItemId) -> Result<Option<Item>> {
        self.optional(BY_ID, args![id], Item::from_row).await
    }

    /// The newest item that can be seen there.
    pub async fn item_at(&mut self, address: &str) -> Result<Option<Item>> {
        self.optional(AT, args![address], Item::from_row).await
    }

    pub async fn items(
        &mut self,
        external_id: Option<&str>,
        account: Option<&AccountId>,
        page: &Page,
    ) -> Result<PageOf<Item>> {
        let args = args![page.below(), page.probe(), external_id, account];
        let rows = self.all(LIST, args, Item::from_row).await?;
        Ok(page.cut(rows, |item| name_of(&item.id)))
    }
}
