//! Accounts.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::{ApiResult, not_found};
use super::extract::{Listed, Params, Path, page};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::id::{AccountId, DecisionId, StrikeId};
use crate::store;

/// Someone on the platform, one of whose items is known here.
#[derive(Serialize, ToSchema)]
pub struct Account {
    pub id: AccountId,
    /// The platform's own name for it.
    pub external_id: String,
    /// When Watchhouse first heard of it.
    pub created_at: Timestamp,
}

impl From<store::accounts::Account> for Account {
    fn from(account: store::accounts::Account) -> Account {
        Account {
            id: account.id,
            external_id: account.external_id,
            created_at: account.created_at,
        }
    }
}

/// What a decision weighs on an account.
#[derive(Serialize, ToSchema)]
pub struct Strike {
    id: StrikeId,
    decision: DecisionId,
    /// The name of the policy.
    policy: String,
    weight: u32,
    given_at: Timestamp,
    /// Null: it stays.
    expires_at: Option<Timestamp>,
    /// When its decision was reversed.
    lifted_at: Option<Timestamp>,
    /// Whether it weighs now.
    counts: bool,
}

impl Strike {
    pub fn at(strike: store::strikes::Strike, now: Timestamp) -> Strike {
        Strike {
            counts: strike.counts_at(now),
            id: strike.id,
            decision: strike.decision_id,
            policy: strike.policy,
            weight: strike.weight,
            given_at: strike.given_at,
            expires_at: strike.expires_at,
            lifted_at: strike.lifted_at,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccountQuery {
    /// The platform's own name for it.
    external_id: Option<String>,
    /// How many at most, 1 to 200. 50 if nothing is said.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// List accounts.
#[utoipa::path(get, path = "/accounts", tag = "accounts", params(AccountQuery),
    responses((status = 200, body = Listed<Account>)))]
pub async fn list_accounts(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<AccountQuery>,
) -> ApiResult<Json<Listed<Account>>> {
    caller.require(Scope::ItemsRead)?;
    let page = page(query.limit, query.after)?;
    let mut tx = app.store.read().await?;
    let accounts = tx.accounts(query.external_id.as_deref(), &page).await?;
    Ok(Listed::from_page(accounts, Account::from))
}

/// Show an account.
#[utoipa::path(get, path = "/accounts/{id}", tag = "accounts", params(("id" = AccountId, Path)),
    responses((status = 200, body = Account)))]
pub async fn show_account(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AccountId>,
) -> ApiResult<Json<Account>> {
    caller.require(Scope::ItemsRead)?;
    let mut tx = app.store.read().await?;
    let account = tx
        .account(&id)
        .await?
        .ok_or_else(|| not_found("account", &id))?;
    Ok(Json(account.into()))
}

/// List an account's strikes, newest first, at most 200.
#[utoipa::path(get, path = "/accounts/{id}/strikes", tag = "accounts",
    params(("id" = AccountId, Path)), responses((status = 200, body = Vec<Strike>)))]
pub async fn list_strikes(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AccountId>,
) -> ApiResult<Json<Vec<Strike>>> {
    caller.require(Scope::CasesRead)?;
    let mut tx = app.store.read().await?;
    if tx.account(&id).await?.is_none() {
        return Err(not_found("account", &id));
    }
    let now = tx.now;
    let strikes = tx.strikes_of_account(&id).await?.into_iter();
    Ok(Json(
        strikes.map(|strike| Strike::at(strike, now)).collect(),
    ))
}
