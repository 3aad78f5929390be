//! Items.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions::Action;
use super::callers::beyond_reach;
use super::error::{ApiResult, not_found};
use super::extract::{Listed, Params, Path, page};
use super::found_match::FoundMatch;
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::id::{AccountId, CaseId, ItemId, Name as _};
use crate::store;
use crate::store::Page;
use crate::store::cases::CaseFilter;
use crate::surface::Surface;

/// One piece of content that matched, or could not be checked.
#[derive(Serialize, ToSchema)]
pub struct Item {
    pub id: ItemId,
    /// The platform's own name for it.
    pub external_id: String,
    pub kind: String,
    pub surface: Surface,
    pub account: Option<AccountId>,
    pub address: Option<String>,
    pub text: Option<String>,
    pub created_at: Timestamp,
}

impl From<store::items::Item> for Item {
    fn from(item: store::items::Item) -> Item {
        Item {
            id: item.id,
            external_id: item.external_id,
            kind: item.kind,
            surface: item.surface,
            account: item.account_id,
            address: item.address,
            text: item.text,
            created_at: item.created_at,
        }
    }
}

/// An item with what is known of it.
#[derive(Serialize, ToSchema)]
pub struct ItemInFull {
    #[serde(flatten)]
    item: Item,
    /// Newest first, at most 200.
    matches: Vec<FoundMatch>,
    /// Newest first, at most 200.
    cases: Vec<CaseId>,
    /// Newest first, at most 200.
    actions: Vec<Action>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ItemQuery {
    /// The platform's own name for it.
    external_id: Option<String>,
    /// The id of an account.
    account: Option<AccountId>,
    /// How many at most, 1 to 200. 50 if nothing is said.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// List items.
///
/// Of an item with a case that is not within the caller's reach, `text` and `address` are null.
#[utoipa::path(get, path = "/items", tag = "items", params(ItemQuery),
    responses((status = 200, body = Listed<Item>)))]
pub async fn list_items(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<ItemQuery>,
) -> ApiResult<Json<Listed<Item>>> {
    caller.require(Scope::ItemsRead)?;
    let page = page(query.limit, query.after)?;
    let mut tx = app.store.read().await?;
    let items = tx
        .items(query.external_id.as_deref(), query.account.as_ref(), &page)
        .await?;
    let reach = caller.reach(Scope::ItemsRead);
    let mut data = Vec::new();
    for mut item in items.rows {
        if tx.is_item_beyond(&reach, &item.id).await? {
            item.text = None;
            item.address = None;
        }
        data.push(Item::from(item));
    }
    Ok(Json(Listed {
        data,
        next: items.next,
    }))
}

/// Show an item, with its matches, cases and actions. All its cases have to be within the caller's reach.
#[utoipa::path(get, path = "/items/{id}", tag = "items", params(("id" = ItemId, Path)),
    responses((status = 200, body = ItemInFull)))]
pub async fn show_item(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ItemId>,
) -> ApiResult<Json<ItemInFull>> {
    caller.require(Scope::ItemsRead)?;
    let mut tx = app.store.read().await?;
    let item = tx.item(&id).await?.ok_or_else(|| not_found("item", &id))?;
    let reach = caller.reach(Scope::ItemsRead);
    if tx.is_item_beyond(&reach, &id).await? {
        return Err(beyond_reach(&caller));
    }
    let of_item = CaseFilter {
        subject: Some(id.as_str().to_owned()),
        ..CaseFilter::default()
    };
    let cases = tx
        .cases(
            &of_item,
            &reach,
            &Page {
                after: None,
                limit: 200,
            },
        )
        .await?;
    Ok(Json(ItemInFull {
        item: item.into(),
        matches: tx
            .matches_of_item(&id)
            .await?
            .into_iter()
            .map(FoundMatch::from)
            .collect(),
        cases: cases.rows.into_iter().map(|case| case.id).collect(),
        actions: tx
            .actions_of_item(&id)
            .await?
            .into_iter()
            .map(Action::from)
            .collect(),
    }))
}
