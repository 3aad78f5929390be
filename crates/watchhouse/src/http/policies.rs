//! Policies: what decisions cite.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::error::{ApiError, ApiResult, conflict, invalid, not_found};
use super::extract::{Creation, Input, Listed, Params, Path, Scoped, page};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::dsa;
use crate::id::{Name as _, PolicyId};
use crate::language::Language;
use crate::store;
use crate::store::Tx;
use crate::store::policies::{Ground, PolicyText, Terms};

const LONGEST_NAME: usize = 64;
const LONGEST_REFERENCE: usize = 500;
const LONGEST_TEXT: usize = 10_000;
const MOST_SEVERE: u32 = 100;
const HEAVIEST: u32 = 100;
const MOST_DAYS: u32 = 3_660;

/// What a version of a policy says.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TermsOfPolicy)]
pub struct PolicyTerms {
    /// Whether what it forbids is illegal, or against the service's terms.
    ground: Ground,
    /// The article of the law, or the section of the terms. Statements of reasons name it.
    #[schema(example = "Terms of use, section 4.2")]
    reference: String,
    /// One of the Digital Services Act's categories in small letters, or the platform's own as `x_…`.
    #[schema(example = "scams_and_fraud")]
    category: String,
    #[schema(example = "phishing")]
    keyword: Option<String>,
    /// 0 to 100; higher is worse.
    #[serde(default)]
    severity: u32,
    /// What a violation weighs on the account, 0 to 100. 0: nothing.
    #[serde(default)]
    strike_weight: u32,
    /// How long it does, in days. For ever, if nothing is said.
    strike_days: Option<u32>,
    /// Whether a decision takes effect only when a second person agrees.
    #[serde(default)]
    needs_second: bool,
    /// What it says, by language code (`en`, `fr`); one at least.
    texts: BTreeMap<String, PolicyText>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPolicy {
    /// A path, whose parts are the tree: `terms/spam` is below `terms`. 1 to 64 letters, digits, `-`, `_`,
    /// `.` and `/`. It stays as it is.
    #[schema(example = "terms/spam")]
    name: String,
    terms: PolicyTerms,
}

impl Scoped for NewPolicy {
    const SCOPE: Scope = Scope::PoliciesWrite;
}

impl Scoped for PolicyTerms {
    const SCOPE: Scope = Scope::PoliciesWrite;
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyChange {
    /// A retired policy is cited no more; decisions that cite it keep it.
    is_retired: bool,
}

impl Scoped for PolicyChange {
    const SCOPE: Scope = Scope::PoliciesWrite;
}

#[derive(Serialize, ToSchema)]
pub struct Policy {
    id: PolicyId,
    name: String,
    /// From 1.
    version: u32,
    terms: PolicyTerms,
    is_retired: bool,
    created_at: Timestamp,
    /// When this version was made.
    changed_at: Timestamp,
}

impl From<store::policies::Policy> for Policy {
    fn from(policy: store::policies::Policy) -> Policy {
        let terms = policy.terms;
        Policy {
            id: policy.id,
            name: policy.name,
            version: policy.version,
            terms: PolicyTerms {
                ground: terms.ground,
                reference: terms.reference,
                category: terms.category,
                keyword: terms.keyword,
                severity: terms.severity,
                strike_weight: terms.strike_weight,
                strike_days: terms.strike_days,
                needs_second: terms.needs_second,
                texts: terms.texts,
            },
            is_retired: policy.retired_at.is_some(),
            created_at: policy.created_at,
            changed_at: policy.changed_at,
        }
    }
}

/// Make a policy.
#[utoipa::path(post, path = "/policies", tag = "policies", request_body = NewPolicy,
    responses((status = 201, body = Policy)))]
pub async fn create_policy(
    State(app): State<App>,
    Creation {
        caller,
        body: new,
        once,
    }: Creation<NewPolicy>,
) -> ApiResult<Response> {
    check_name("name", &new.name)?;
    let terms = check_terms("terms.", new.terms)?;

    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replayed(&mut tx).await? {
        return Ok(answer);
    }
    let policy = store::policies::Policy {
        id: tx.make(),
        name: new.name,
        version: 1,
        terms,
        created_at: tx.now,
        changed_at: tx.now,
        retired_at: None,
    };
    tx.insert_policy(&policy)
        .await
        .map_err(|error| match error {
            store::Error::Conflict(_) => conflict(
                "name_taken",
                format!("there is a policy \"{}\" already", policy.name),
            ),
            error => error.into(),
        })?;
    record(&mut tx, &caller, "policy.created", &policy).await?;
    let answer = Policy::from(policy);
    let answer = once.answer(&mut tx, StatusCode::CREATED, &answer).await?;
    tx.commit().await?;
    app.wake();
    Ok(answer)
}

/// Make a policy's next version.
///
/// What cited the last one keeps it.
#[utoipa::path(post, path = "/policies/{id}/versions", tag = "policies",
    params(("id" = PolicyId, Path)), request_body = PolicyTerms,
    responses((status = 201, body = Policy)))]
pub async fn create_policy_version(
    State(app): State<App>,
    Path(id): Path<PolicyId>,
    Creation {
        caller,
        body: terms,
        once,
    }: Creation<PolicyTerms>,
) -> ApiResult<Response> {
    let terms = check_terms("", terms)?;

    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replayed(&mut tx).await? {
        return Ok(answer);
    }
    let policy = tx.policy_to_change(&id).await?;
    let mut policy = policy.ok_or_else(|| not_found("policy", &id))?;
    policy.version += 1;
    policy.terms = terms;
    policy.changed_at = tx.now;
    tx.change_policy(&policy, true).await?;
    record(&mut tx, &caller, "policy.changed", &policy).await?;
    let answer = Policy::from(policy);
    let answer = once.answer(&mut tx, StatusCode::CREATED, &answer).await?;
    tx.commit().await?;
    app.wake();
    Ok(answer)
}

/// Retire a policy, or take it back into use.
#[utoipa::path(patch, path = "/policies/{id}", tag = "policies", params(("id" = PolicyId, Path)),
    request_body = PolicyChange, responses((status = 200, body = Policy)))]
pub async fn change_policy(
    State(app): State<App>,
    Path(id): Path<PolicyId>,
    Input {
        caller,
        body: change,
    }: Input<PolicyChange>,
) -> ApiResult<Json<Policy>> {
    let mut tx = app.store.begin().await?;
    let policy = tx.policy_to_change(&id).await?;
    let mut policy = policy.ok_or_else(|| not_found("policy", &id))?;
    if policy.retired_at.is_some() != change.is_retired {
        policy.retired_at = change.is_retired.then_some(tx.now);
        tx.change_policy(&policy, false).await?;
        record(&mut tx, &caller, "policy.changed", &policy).await?;
        tx.commit().await?;
        app.wake();
    }
    Ok(Json(policy.into()))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PolicyQuery {
    /// The policy of this name and those below it in the tree.
    under: Option<String>,
    retired: Option<bool>,
    /// How many at most, 1 to 200. 50 if nothing is said.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// List policies.
#[utoipa::path(get, path = "/policies", tag = "policies", params(PolicyQuery),
    responses((status = 200, body = Listed<Policy>)))]
pub async fn list_policies(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<PolicyQuery>,
) -> ApiResult<Json<Listed<Policy>>> {
    caller.require(Scope::PoliciesRead)?;
    let page = page(query.limit, query.after)?;
    let mut tx = app.store.read().await?;
    let policies = tx
        .policies(query.under.as_deref(), query.retired, &page)
        .await?;
    Ok(Listed::from_page(policies, Policy::from))
}

/// Show a policy as it is now.
#[utoipa::path(get, path = "/policies/{id}", tag = "policies", params(("id" = PolicyId, Path)),
    responses((status = 200, body = Policy)))]
pub async fn show_policy(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PolicyId>,
) -> ApiResult<Json<Policy>> {
    caller.require(Scope::PoliciesRead)?;
    let mut tx = app.store.read().await?;
    let policy = tx.policy(&id).await?;
    Ok(Json(policy.ok_or_else(|| not_found("policy", &id))?.into()))
}

/// List a policy's versions, newest first, at most 200.
#[utoipa::path(get, path = "/policies/{id}/versions", tag = "policies",
    params(("id" = PolicyId, Path)), responses((status = 200, body = Vec<Policy>)))]
pub async fn list_policy_versions(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PolicyId>,
) -> ApiResult<Json<Vec<Policy>>> {
    caller.require(Scope::PoliciesRead)?;
    let mut tx = app.store.read().await?;
    let versions = tx.policy_versions(&id).await?;
    if versions.is_empty() {
        return Err(not_found("policy", &id));
    }
    Ok(Json(versions.into_iter().map(Policy::from).collect()))
}

async fn record(
    tx: &mut Tx,
    caller: &Caller,
    kind: &str,
    policy: &store::policies::Policy,
) -> store::Result<()> {
    let terms = &policy.terms;
    let details = json!({
        "policy": policy.id.as_str(),
        "name": policy.name,
        "version": policy.version,
        "ground": terms.ground.as_str(),
        "reference": terms.reference,
        "category": terms.category,
        "keyword": terms.keyword,
        "severity": terms.severity,
        "strike_weight": terms.strike_weight,
        "strike_days": terms.strike_days,
        "needs_second": terms.needs_second,
        "texts": terms.texts,
        "is_retired": policy.retired_at.is_some(),
    });
    tx.record(&caller.actor(), kind, details).await?;
    Ok(())
}

/// Whether this may be a policy's name.
pub fn check_name(field: &str, name: &str) -> ApiResult<()> {
    let parts_are_whole = name.split('/').all(|part| !part.is_empty());
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    if name.len() > LONGEST_NAME || !parts_are_whole || !is_plain {
        return Err(invalid(
            field,
            "expected 1 to 64 letters, digits, \"-\", \"_\" or \".\", in parts with \"/\" between them",
        ));
    }
    Ok(())
}

/// `before` is what stands before a field's name.
fn check_terms(before: &str, terms: PolicyTerms) -> ApiResult<Terms> {
    let wrong = |field: &str, message: String| invalid(&format!("{before}{field}"), message);
    let length = terms.reference.chars().count();
    if terms.reference.trim().is_empty() || length > LONGEST_REFERENCE {
        let message = format!("expected 1 to {LONGEST_REFERENCE} characters");
        return Err(wrong("reference", message));
    }
    dsa::check(&terms.category, terms.keyword.as_deref())
        .map_err(|error| wrong(error.field(), error.to_string()))?;
    if terms.severity > MOST_SEVERE {
        return Err(wrong("severity", format!("expected 0 to {MOST_SEVERE}")));
    }
    if terms.strike_weight > HEAVIEST {
        return Err(wrong("strike_weight", format!("expected 0 to {HEAVIEST}")));
    }
    if let Some(days) = terms.strike_days
        && !(1..=MOST_DAYS).contains(&days)
    {
        let message = format!("expected 1 to {MOST_DAYS}; leave it out for a strike that stays");
        return Err(wrong("strike_days", message));
    }
    if terms.texts.is_empty() {
        let message = "a policy has its text: expected one for one language at least";
        return Err(wrong("texts", message.to_owned()));
    }
    for (code, text) in &terms.texts {
        check_text(&wrong, code, text)?;
    }
    Ok(Terms {
        ground: terms.ground,
        reference: terms.reference,
        category: terms.category,
        keyword: terms.keyword,
        severity: terms.severity,
        strike_weight: terms.strike_weight,
        strike_days: terms.strike_days,
        needs_second: terms.needs_second,
        texts: terms.texts,
    })
}

fn check_text(
    wrong: &impl Fn(&str, String) -> ApiError,
    code: &str,
    text: &PolicyText,
) -> ApiResult<()> {
    if !Language::ALL.iter().any(|language| language.code() == code) {
        let known: Vec<&str> = Language::ALL.iter().map(|one| one.code()).collect();
        let message = format!(
            "people are answered in {}; \"{code}\" is not one of them",
            known.join(", ")
        );
        return Err(wrong("texts", message));
    }
    for (name, content) in [
        ("title", Some(&text.title)),
        ("text", Some(&text.text)),
        ("help", text.help.as_ref()),
    ] {
        let Some(content) = content else { continue };
        if content.trim().is_empty() || content.chars().count() > LONGEST_TEXT {
            let message = format!("expected 1 to {LONGEST_TEXT} characters");
            return Err(wrong(&format!("texts.{code}.{name}"), message));
        }
    }
    Ok(())
}
