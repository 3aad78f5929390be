//! Organisations that report.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::error::{ApiError, ApiResult, conflict, invalid, not_found};
use super::extract::{Creation, Input, Listed, PageQuery, Params, Path, Scoped, page};
use super::reports::check_email;
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::id::{Name as _, OrganisationId};
use crate::store;
use crate::store::organisations::OrganisationKind;

const LONGEST_NAME: usize = 200;
const LONGEST_REASON: usize = 2_000;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrganisation {
    #[schema(example = "A hotline")]
    name: String,
    kind: OrganisationKind,
    /// An e-mail address for people.
    #[schema(example = "desk@hotline.example")]
    contact: Option<String>,
}

impl Scoped for NewOrganisation {
    const SCOPE: Scope = Scope::OrganisationsWrite;
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganisationChange {
    name: Option<String>,
    #[schema(example = "desk@hotline.example")]
    contact: Option<String>,
    suspend: Option<NewSuspension>,
    /// True ends a suspension.
    #[serde(default)]
    reinstate: bool,
}

impl Scoped for OrganisationChange {
    const SCOPE: Scope = Scope::OrganisationsWrite;
}

/// For misuse: manifestly unfounded reports, as Article 23 of the Digital Services Act has it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSuspension {
    until: Timestamp,
    /// Why, in words that the organisation may read.
    reason: String,
}

#[derive(Serialize, ToSchema)]
pub struct Organisation {
    id: OrganisationId,
    name: String,
    kind: OrganisationKind,
    contact: Option<String>,
    created_at: Timestamp,
    changed_at: Timestamp,
    /// Null when it is not suspended now. What it reports meanwhile is taken in and answered, in the
    /// users' lane.
    suspension: Option<Suspension>,
}

#[derive(Serialize, ToSchema)]
pub struct Suspension {
    since: Timestamp,
    until: Timestamp,
    reason: String,
}

impl Organisation {
    fn at(organisation: store::organisations::Organisation, now: Timestamp) -> Organisation {
        let is_suspended = organisation.is_suspended_at(now);
        let suspension = organisation.suspension.filter(|_| is_suspended);
        Organisation {
            id: organisation.id,
            name: organisation.name,
            kind: organisation.kind,
            contact: organisation.contact,
            created_at: organisation.created_at,
            changed_at: organisation.changed_at,
            suspension: suspension.map(|one| Suspension {
                since: one.since,
                until: one.until,
                reason: one.reason,
            }),
        }
    }
}

/// Make an organisation: a trusted flagger, a hotline or an authority.
///
/// It reports with API keys that name it; see `POST /keys`.
#[utoipa::path(post, path = "/organisations", tag = "organisations", request_body = NewOrganisation,
    responses((status = 201, body = Organisation)))]
pub async fn create_organisation(
    State(app): State<App>,
    Creation {
        caller,
        body: new,
        once,
    }: Creation<NewOrganisation>,
) -> ApiResult<Response> {
    check_name(&new.name)?;
    check_email("contact", new.contact.as_deref())?;

    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replayed(&mut tx).await? {
        return Ok(answer);
    }
    let organisation = store::organisations::Organisation {
        id: tx.make(),
        name: new.name,
        kind: new.kind,
        contact: new.contact,
        created_at: tx.now,
        changed_at: tx.now,
        suspension: None,
    };
    tx.insert_organisation(&organisation)
        .await
        .map_err(|error| name_taken(error, &organisation.name))?;
    let details = json!({
        "organisation": organisation.id.as_str(),
        "name": organisation.name,
        "kind": organisation.kind.as_str(),
    });
    tx.record(&caller.actor(), "organisation.created", details)
        .await?;
    let answer = Organisation::at(organisation, tx.now);
    let answer = once.answer(&mut tx, StatusCode::CREATED, &answer).await?;
    tx.commit().await?;
    app.wake();
    Ok(answer)
}

/// List organisations.
#[utoipa::path(get, path = "/organisations", tag = "organisations", params(PageQuery),
    responses((status = 200, body = Listed<Organisation>)))]
pub async fn list_organisations(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<PageQuery>,
) -> ApiResult<Json<Listed<Organisation>>> {
    caller.require(Scope::OrganisationsRead)?;
    let page = page(query.limit, query.after)?;
    let mut tx = app.store.read().await?;
    let now = tx.now;
    Ok(Listed::from_page(tx.organisations(&page).await?, |one| {
        Organisation::at(one, now)
    }))
}

/// Show an organisation.
#[utoipa::path(get, path = "/organisations/{id}", tag = "organisations",
    params(("id" = OrganisationId, Path)), responses((status = 200, body = Organisation)))]
pub async fn show_organisation(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<OrganisationId>,
) -> ApiResult<Json<Organisation>> {
    caller.require(Scope::OrganisationsRead)?;
    let mut tx = app.store.read().await?;
    let organisation = tx.organisation(&id).await?;
    let organisation = organisation.ok_or_else(|| not_found("organisation", &id))?;
    Ok(Json(Organisation::at(organisation, tx.now)))
}

/// Change an organisation, suspend it, or end its suspension.
#[utoipa::path(patch, path = "/organisations/{id}", tag = "organisations",
    params(("id" = OrganisationId, Path)), request_body = OrganisationChange,
    responses((status = 200, body = Organisation)))]
pub async fn change_organisation(
    State(app): State<App>,
    Path(id): Path<OrganisationId>,
    Input {
        caller,
        body: change,
    }: Input<OrganisationChange>,
) -> ApiResult<Json<Organisation>> {
    if let Some(name) = &change.name {
        check_name(name)?;
    }
    check_email("contact", change.contact.as_deref())?;
    if change.suspend.is_some() && change.reinstate {
        return Err(invalid("reinstate", "suspend it or reinstate it, not both"));
    }

    let mut tx = app.store.begin().await?;
    let organisation = tx.organisation_to_change(&id).await?;
    let mut organisation = organisation.ok_or_else(|| not_found("organisation", &id))?;
    if let Some(suspend) = change.suspend {
        check_suspension(&suspend, tx.now)?;
        organisation.suspension = Some(store::organisations::Suspension {
            since: tx.now,
            until: suspend.until,
            reason: suspend.reason,
        });
    }
    if change.reinstate {
        organisation.suspension = None;
    }
    organisation.name = change.name.unwrap_or(organisation.name);
    organisation.contact = change.contact.or(organisation.contact);
    organisation.changed_at = tx.now;
    tx.change_organisation(&organisation)
        .await
        .map_err(|error| name_taken(error, &organisation.name))?;
    let suspension = organisation.suspension.as_ref();
    let details = json!({
        "organisation": id.as_str(),
        "name": organisation.name,
        "suspended_until": suspension.map(|one| one.until.to_string()),
        "suspended_reason": suspension.map(|one| one.reason.as_str()),
    });
    tx.record(&caller.actor(), "organisation.changed", details)
        .await?;
    let answer = Organisation::at(organisation, tx.now);
    tx.commit().await?;
    app.wake();
    Ok(Json(answer))
}

fn check_name(name: &str) -> ApiResult<()> {
    if name.trim().is_empty() || name.chars().count() > LONGEST_NAME {
        let message = format!("expected 1 to {LONGEST_NAME} characters");
        return Err(invalid("name", message));
    }
    Ok(())
}

fn check_suspension(suspend: &NewSuspension, now: Timestamp) -> ApiResult<()> {
    if suspend.until <= now {
        return Err(invalid("suspend.until", "this is in the past"));
    }
    let length = suspend.reason.chars().count();
    if suspend.reason.trim().is_empty() || length > LONGEST_REASON {
        let message =
            format!("a suspension has its reason: expected 1 to {LONGEST_REASON} characters");
        return Err(invalid("suspend.reason", message));
    }
    Ok(())
}

fn name_taken(error: store::Error, name: &str) -> ApiError {
    match error {
        store::Error::Conflict(_) => conflict(
            "name_taken",
            format!("there is an organisation \"{name}\" already"),
        ),
        other => other.into(),
    }
}
