//! What a decision asks of the platform: checked, and put on what it is about.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::http::error::{ApiResult, invalid};
use crate::id::{AccountId, ItemId};
use crate::store;
use crate::store::Tx;
use crate::store::cases::{Case, Subject};
use crate::store::decisions::PlannedAction;

const MOST_ACTIONS: usize = 20;
const MOST_COUNTRIES: usize = 60;

/// What an action may be: the field's common ones, and the platform's own as `x_…`.
const ACTION_KINDS: [&str; 12] = [
    "remove",
    "restrict",
    "age_gate",
    "stop_recommending",
    "label",
    "warn",
    "suspend",
    "disable_account",
    "interstitial",
    "demonetise",
    "restore",
    "enable_account",
];

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAction {
    /// `remove`, `restrict`, `age_gate`, `stop_recommending`, `label`, `warn`, `suspend`,
    /// `disable_account`, `interstitial`, `demonetise`, `restore`, `enable_account`, or the platform's
    /// own as `x_…`.
    #[schema(example = "remove")]
    kind: String,
    /// What else the platform has to know; handed on as it is.
    #[serde(default)]
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
    /// The countries where it holds, as two letters each (ISO 3166-1). Everywhere, if nothing is said.
    #[serde(default)]
    #[schema(example = json!(["FR", "DE"]))]
    territory: Vec<String>,
    /// When it ends by itself. It stays, if nothing is said.
    until: Option<Timestamp>,
    /// Another item than the case's that is acted on with it.
    item: Option<ItemId>,
    /// Another account than the case's that is acted on with it.
    account: Option<AccountId>,
}

/// Everything that can be checked without looking.
pub(super) fn check(actions: &[NewAction]) -> ApiResult<()> {
    if actions.len() > MOST_ACTIONS {
        return Err(invalid(
            "actions",
            format!("expected at most {MOST_ACTIONS}"),
        ));
    }
    for (i, action) in actions.iter().enumerate() {
        let field = |name: &str| format!("actions[{i}].{name}");
        if !ACTION_KINDS.contains(&action.kind.as_str()) && !is_own(&action.kind) {
            let message = format!(
                "\"{}\" is no action; expected one of {}, or the platform's own as \"x_…\"",
                action.kind,
                ACTION_KINDS.join(", ")
            );
            return Err(invalid(&field("kind"), message));
        }
        let is_country =
            |code: &String| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        if action.territory.len() > MOST_COUNTRIES || !action.territory.iter().all(is_country) {
            let message = format!(
                "expected at most {MOST_COUNTRIES} countries of two capital letters, such as \"FR\""
            );
            return Err(invalid(&field("territory"), message));
        }
        if action.item.is_some() && action.account.is_some() {
            return Err(invalid(
                &field("account"),
                "name an item or an account, not both",
            ));
        }
    }
    Ok(())
}

fn is_own(kind: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    (3..=64).contains(&kind.len()) && kind.starts_with("x_") && kind.bytes().all(is_plain)
}

/// Puts each action on what it is about: what it names, or the case's subject.
pub(super) async fn plan(
    tx: &mut Tx,
    case: &Case,
    actions: Vec<NewAction>,
) -> ApiResult<Vec<PlannedAction>> {
    let mut planned = Vec::new();
    for (i, action) in actions.into_iter().enumerate() {
        let wrong = |name: &str, message: String| invalid(&format!("actions[{i}].{name}"), message);
        if action.until.is_some_and(|until| until <= tx.now) {
            return Err(wrong("until", "this is in the past".to_owned()));
        }
        let subject = match (action.item, action.account) {
            (Some(item), _) => Subject::Item(item),
            (None, Some(account)) => Subject::Account(account),
            (None, None) => case.subject.clone(),
        };
        let (item, account) = match subject {
            Subject::Item(id) => match tx.item(&id).await? {
                Some(item) => (Some(id), item.account_id),
                None => return Err(wrong("item", format!("there is no item \"{id}\""))),
            },
            Subject::Account(id) => match tx.account(&id).await? {
                Some(_) => (None, Some(id)),
                None => return Err(wrong("account", format!("there is no account \"{id}\""))),
            },
        };
        planned.push(PlannedAction {
            kind: action.kind,
            parameters: Value::Object(action.parameters),
            territory: action.territory,
            until: action.until,
            item,
            account,
            lifts: None,
        });
    }
    Ok(planned)
}

/// What an account's strikes weigh now.
pub(super) async fn weight(tx: &mut Tx, account: Option<&AccountId>) -> store::Result<u32> {
    let Some(account) = account else {
        return Ok(0);
    };
    let now = tx.now;
    let strikes = tx.strikes_of_account(account).await?;
    let counting = strikes.iter().filter(|strike| strike.counts_at(now));
    Ok(counting.map(|strike| strike.weight).sum())
}
