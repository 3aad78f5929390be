//! Roles: what people may do, in which queues and of which categories.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::error::{ApiError, ApiResult, conflict, invalid, not_found};
use super::extract::{Creation, Input, Listed, PageQuery, Params, Path, Scoped, page};
use super::people::check_scopes;
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::dsa;
use crate::store;

const LONGEST_NAME: usize = 64;
const LONGEST_DESCRIPTION: usize = 1_000;
const LONGEST_QUEUE: usize = 100;
const MOST_LIMITS: usize = 100;

/// What is about cases, and so can hold in some queues and of some categories.
const OF_CASES: [Scope; 4] = [
    Scope::ChildSafety,
    Scope::CasesRead,
    Scope::CasesDecide,
    Scope::ReportsRead,
];

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// Small letters, digits and "-".
    #[schema(example = "hotline-desk")]
    name: String,
    #[serde(default)]
    description: String,
    scopes: Vec<Scope>,
    /// In which alone the role's scopes hold, which may then be `cases:read`, `cases:decide`, `reports:read` and
    /// `child-safety` alone. Empty: in all.
    #[serde(default)]
    queues: Vec<String>,
    /// Of which a case has to be, and of no others, for the same scopes. Empty: of all.
    #[serde(default)]
    categories: Vec<String>,
}

impl Scoped for NewRole {
    const SCOPE: Scope = Scope::PeopleWrite;
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleChange {
    description: Option<String>,
    /// In place of all that it has; so are the others.
    scopes: Option<Vec<Scope>>,
    queues: Option<Vec<String>>,
    categories: Option<Vec<String>>,
}

impl Scoped for RoleChange {
    const SCOPE: Scope = Scope::PeopleWrite;
}

#[derive(Serialize, ToSchema)]
pub struct Role {
    name: String,
    description: String,
    scopes: Vec<String>,
    /// Empty: in all.
    queues: Vec<String>,
    /// Empty: of all.
    categories: Vec<String>,
    created_at: Timestamp,
    changed_at: Timestamp,
}

impl From<store::roles::Role> for Role {
    fn from(role: store::roles::Role) -> Role {
        Role {
            name: role.name,
            description: role.description,
            scopes: role.scopes,
            queues: role.queues,
            categories: role.categories,
            created_at: role.created_at,
            changed_at: role.changed_at,
        }
    }
}

/// Make a role.
///
/// Of scopes that the caller has, everywhere.
#[utoipa::path(post, path = "/roles", tag = "people", request_body = NewRole,
    responses((status = 201, body = Role)))]
pub async fn create_role(
    State(app): State<App>,
    Creation {
        caller,
        body: new,
        once,
    }: Creation<NewRole>,
) -> ApiResult<Response> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=LONGEST_NAME).contains(&new.name.len()) || !new.name.bytes().all(is_plain) {
        let message = format!("expected 1 to {LONGEST_NAME} small letters, digits or \"-\"");
        return Err(invalid("name", message));
    }

    let mut tx = app.store.begin().await?;
    caller.check_again(&app, &mut tx).await?;
    if let Some(answer) = once.replayed(&mut tx).await? {
        return Ok(answer);
    }
    let role = store::roles::Role {
        name: new.name,
        description: new.description,
        scopes: names(&new.scopes),
        queues: new.queues,
        categories: new.categories,
        created_at: tx.now,
        changed_at: tx.now,
    };
    check(&role)?;
    check_scopes(&caller, &role.scopes)?;
    tx.insert_role(&role).await.map_err(|error| match error {
        store::Error::Conflict(_) => conflict(
            "name_taken",
            format!("there is a role \"{}\" already", role.name),
        ),
        other => ApiError::from(other),
    })?;
    tx.record(&caller.actor(), "role.created", told(&role))
        .await?;
    let answer = once
        .answer(&mut tx, StatusCode::CREATED, &Role::from(role))
        .await?;
    tx.commit().await?;
    app.wake();
    Ok(answer)
}

fn names(scopes: &[Scope]) -> Vec<String> {
    let mut names: Vec<_> = scopes.iter().map(|one| one.as_str().to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

fn told(role: &store::roles::Role) -> serde_json::Value {
    json!({
        "role": role.name,
        "scopes": role.scopes,
        "queues": role.queues,
        "categories": role.categories,
    })
}

fn check(role: &store::roles::Role) -> ApiResult<()> {
    if role.description.chars().count() > LONGEST_DESCRIPTION {
        let message = format!("expected at most {LONGEST_DESCRIPTION} characters");
        return Err(invalid("description", message));
    }
    if role.scopes.is_empty() {
        let message = "a role without a scope lets nobody do anything; name at least one";
        return Err(invalid("scopes", message));
    }
    let is_limited = !role.queues.is_empty() || !role.categories.is_empty();
    let is_of_cases = |name: &&String| OF_CASES.iter().any(|scope| scope.as_str() == **name);
    if is_limited && let Some(scope) = role.scopes.iter().find(|name| !is_of_cases(name)) {
        let message = format!(
            "\"{scope}\" is not about cases, and cannot hold in some queues or of some categories alone; \
             put it into another role"
        );
        return Err(invalid("scopes", message));
    }
    for (field, limits) in [("queues", &role.queues), ("categories", &role.categories)] {
        if limits.len() > MOST_LIMITS {
            return Err(invalid(field, format!("expected at most {MOST_LIMITS}")));
        }
        for (i, limit) in limits.iter().enumerate() {
            if limits[..i].contains(limit) {
                let message = format!("\"{limit}\" stands here twice");
                return Err(invalid(&format!("{field}[{i}]"), message));
            }
        }
    }
    for (i, queue) in role.queues.iter().enumerate() {
        if queue.trim().is_empty() || queue.chars().count() > LONGEST_QUEUE {
            let message = format!("expected 1 to {LONGEST_QUEUE} characters");
            return Err(invalid(&format!("queues[{i}]"), message));
        }
    }
    for (i, category) in role.categories.iter().enumerate() {
        dsa::check(category, None)
            .map_err(|error| invalid(&format!("categories[{i}]"), error.to_string()))?;
    }
    Ok(())
}

/// List roles, backwards by name.
#[utoipa::path(get, path = "/roles", tag = "people", params(PageQuery),
    responses((status = 200, body = Listed<Role>)))]
pub async fn list_roles(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<PageQuery>,
) -> ApiResult<Json<Listed<Role>>> {
    caller.require(Scope::PeopleRead)?;
    let page = page(query.limit, query.after)?;
    let mut tx = app.store.read().await?;
    Ok(Listed::from_page(tx.roles(&page).await?, Role::from))
}

/// Show a role.
#[utoipa::path(get, path = "/roles/{name}", tag = "people", params(("name" = String, Path)),
    responses((status = 200, body = Role)))]
pub async fn show_role(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<Json<Role>> {
    caller.require(Scope::PeopleRead)?;
    let mut tx = app.store.read().await?;
    let role = tx.role(&name).await?;
    Ok(Json(role.ok_or_else(|| not_found("role", &name))?.into()))
}

/// Change a role, for everybody who has it and at once.
///
/// It takes all the scopes that the role has, and all that it gets.
#[utoipa::path(patch, path = "/roles/{name}", tag = "people", params(("name" = String, Path)),
    request_body = RoleChange, responses((status = 200, body = Role)))]
pub async fn change_role(
    State(app): State<App>,
    Path(name): Path<String>,
    Input {
        caller,
        body: change,
    }: Input<RoleChange>,
) -> ApiResult<Json<Role>> {
    let mut tx = app.store.begin().await?;
    caller.check_again(&app, &mut tx).await?;
    let role = tx.role_to_change(&name).await?;
    let mut role = role.ok_or_else(|| not_found("role", &name))?;
    check_scopes(&caller, &role.scopes)?;
    role.description = change.description.unwrap_or(role.description);
    role.scopes = change.scopes.map_or(role.scopes, |new| names(&new));
    role.queues = change.queues.unwrap_or(role.queues);
    role.categories = change.categories.unwrap_or(role.categories);
    role.changed_at = tx.now;
    check(&role)?;
    check_scopes(&caller, &role.scopes)?;
    tx.change_role(&role).await?;
    tx.record(&caller.actor(), "role.changed", told(&role))
        .await?;
    tx.commit().await?;
    app.wake();
    Ok(Json(role.into()))
}
