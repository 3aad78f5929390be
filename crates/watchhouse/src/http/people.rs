//! People of the staff.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{ApiError, ApiResult, conflict, invalid, not_found};
use super::extract::{Creation, Input, Listed, PageQuery, Params, Path, Scoped, page};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::id::PersonId;
use crate::people::{self, Change};
use crate::store;
use crate::store::Tx;

const LONGEST_NAME: usize = 100;
const MOST_ROLES: usize = 50;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// Shown beside everything that they do.
    #[schema(example = "Ann Example")]
    name: String,
    /// What they sign in with: letters, digits, ".", "_", "-", "@" and "+", and capitals are small ones.
    #[schema(example = "ann")]
    login: String,
    /// The names of roles. None: they can sign in, and nothing else.
    #[serde(default)]
    roles: Vec<String>,
}

impl Scoped for NewPerson {
    const SCOPE: Scope = Scope::PeopleWrite;
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonChange {
    name: Option<String>,
    /// In place of all that they have.
    roles: Option<Vec<String>>,
    /// Whether they may not sign in. Their sessions end at once.
    is_disabled: Option<bool>,
    /// Remove their second factor, for whoever has lost the device and the recovery codes. Their sessions end.
    #[serde(default)]
    reset_second_factor: bool,
}

impl Scoped for PersonChange {
    const SCOPE: Scope = Scope::PeopleWrite;
}

/// Someone of the staff.
#[derive(Serialize, ToSchema)]
pub struct Person {
    id: PersonId,
    name: String,
    login: String,
    roles: Vec<String>,
    has_password: bool,
    has_second_factor: bool,
    /// Until when the last invitation is good; null when there is none, or it was used.
    invitation_until: Option<Timestamp>,
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
    last_sign_in_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
pub struct InvitedPerson {
    #[serde(flatten)]
    person: Person,
    /// For the person, who chooses a password with it: see `POST /invitations/accept`. It is shown this once.
    invitation: String,
}

impl Person {
    pub async fn read(tx: &mut Tx, person: store::people::Person) -> store::Result<Person> {
        Ok(Person {
            roles: tx.roles_of_person(&person.id).await?,
            has_password: person.password.is_some(),
            has_second_factor: person.second_factor().is_some(),
            invitation_until: person.invitation_until.filter(|until| *until > tx.now),
            id: person.id,
            name: person.name,
            login: person.login,
            created_at: person.created_at,
            disabled_at: person.disabled_at,
            last_sign_in_at: person.last_sign_in_at,
        })
    }
}

/// Take somebody on.
///
/// The answer holds an invitation, once: with it they choose a password. Nobody gives a role with scopes that
/// they have not themselves.
#[utoipa::path(post, path = "/people", tag = "people", request_body = NewPerson,
    responses((status = 201, body = InvitedPerson)))]
pub async fn create_person(
    State(app): State<App>,
    Creation {
        caller,
        body: new,
        once,
    }: Creation<NewPerson>,
) -> ApiResult<Response> {
    check_name(&new.name)?;
    let login = people::login(&new.login).ok_or_else(|| {
        invalid(
            "login",
            "expected 1 to 64 letters, digits, \".\", \"_\", \"-\", \"@\" or \"+\"",
        )
    })?;

    let mut tx = app.store.begin().await?;
    caller.check_again(&app, &mut tx).await?;
    if let Some(answer) = once.replayed(&mut tx).await? {
        return Ok(answer);
    }
    check_roles(&mut tx, &caller, &new.roles).await?;
    let taken = conflict(
        "login_taken",
        format!("somebody signs in as \"{login}\" already"),
    );
    let new = people::NewPerson {
        name: new.name,
        login,
        roles: new.roles,
    };
    let actor = caller.actor();
    let id = match people::add_person(&mut tx, &actor, new).await {
        Err(store::Error::Conflict(_)) => return Err(taken),
        added => added?,
    };
    let invited = read_invited(&mut tx, &app, &caller, &id).await?;
    let answer = once
        .answer_once(&mut tx, StatusCode::CREATED, &invited, &invited.person)
        .await?;
    tx.commit().await?;
    app.wake();
    Ok(answer)
}

async fn read_invited(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    id: &PersonId,
) -> ApiResult<InvitedPerson> {
    let terms = (&app.ids, app.config.sign_in.invitation_hours);
    let invitation = people::invite(tx, &caller.actor(), id, terms).await?;
    Ok(InvitedPerson {
        person: read(tx, id).await?,
        invitation: invitation.text,
    })
}

async fn read(tx: &mut Tx, id: &PersonId) -> ApiResult<Person> {
    let person = tx.person(id).await?;
    let person = person.ok_or_else(|| not_found("person", id))?;
    Ok(Person::read(tx, person).await?)
}

fn check_name(name: &str) -> ApiResult<()> {
    if name.trim().is_empty() || name.chars().count() > LONGEST_NAME {
        let message = format!("expected 1 to {LONGEST_NAME} characters");
        return Err(invalid("name", message));
    }
    Ok(())
}

/// Whether the caller may give these roles.
async fn check_roles(tx: &mut Tx, caller: &Caller, roles: &[String]) -> ApiResult<()> {
    if roles.len() > MOST_ROLES {
        return Err(invalid("roles", format!("expected at most {MOST_ROLES}")));
    }
    for (i, name) in roles.iter().enumerate() {
        let field = format!("roles[{i}]");
        if roles[..i].contains(name) {
            return Err(invalid(&field, format!("\"{name}\" stands here twice")));
        }
        let role = tx.role(name).await?;
        let role = role.ok_or_else(|| invalid(&field, format!("there is no role \"{name}\"")))?;
        check_scopes(caller, &role.scopes)?;
    }
    Ok(())
}

/// Nobody gives away, or has power over, more than they have.
pub(super) fn check_scopes(caller: &Caller, scopes: &[String]) -> ApiResult<()> {
    let Some(scope) = caller.lacks(scopes) else {
        return Ok(());
    };
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "scope_missing",
        format!("this takes all the scopes that it is about, and \"{scope}\" is missing"),
    ))
}

/// A person whom the caller may change: whoever sets another's password or roles can do what they can.
async fn find_below(
    tx: &mut Tx,
    caller: &Caller,
    id: &PersonId,
) -> ApiResult<store::people::Person> {
    let person = tx.person_to_change(id).await?;
    let person = person.ok_or_else(|| not_found("person", id))?;
    let grants = tx.grants(id).await?.into_iter();
    check_scopes(caller, &grants.map(|one| one.scope).collect::<Vec<_>>())?;
    Ok(person)
}

/// List people.
#[utoipa::path(get, path = "/people", tag = "people", params(PageQuery),
    responses((status = 200, body = Listed<Person>)))]
pub async fn list_people(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<PageQuery>,
) -> ApiResult<Json<Listed<Person>>> {
    caller.require(Scope::PeopleRead)?;
    let page = page(query.limit, query.after)?;
    let mut tx = app.store.read().await?;
    let people = tx.people(&page).await?;
    let mut data = Vec::new();
    for person in people.rows {
        data.push(Person::read(&mut tx, person).await?);
    }
    Ok(Json(Listed {
        data,
        next: people.next,
    }))
}

/// Show a person.
#[utoipa::path(get, path = "/people/{id}", tag = "people", params(("id" = PersonId, Path)),
    responses((status = 200, body = Person)))]
pub async fn show_person(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PersonId>,
) -> ApiResult<Json<Person>> {
    caller.require(Scope::PeopleRead)?;
    let mut tx = app.store.read().await?;
    Ok(Json(read(&mut tx, &id).await?))
}

/// Change a person, disable one, or let one in again.
///
/// It takes all the scopes that the person has, and all that they are given.
#[utoipa::path(patch, path = "/people/{id}", tag = "people", params(("id" = PersonId, Path)),
    request_body = PersonChange, responses((status = 200, body = Person)))]
pub async fn change_person(
    State(app): State<App>,
    Path(id): Path<PersonId>,
    Input {
        caller,
        body: change,
    }: Input<PersonChange>,
) -> ApiResult<Json<Person>> {
    if let Some(name) = &change.name {
        check_name(name)?;
    }

    let mut tx = app.store.begin().await?;
    caller.check_again(&app, &mut tx).await?;
    let person = find_below(&mut tx, &caller, &id).await?;
    if let Some(roles) = &change.roles {
        check_roles(&mut tx, &caller, roles).await?;
    }
    let is_self = caller.session.as_ref().is_some_and(|one| one.person == id);
    if is_self && change.is_disabled == Some(true) {
        return Err(invalid("is_disabled", "nobody disables themselves"));
    }
    let change = Change {
        name: change.name,
        roles: change.roles,
        is_disabled: change.is_disabled,
        reset_second_factor: change.reset_second_factor,
    };
    people::change_person(&mut tx, &caller.actor(), person, change).await?;
    let answer = read(&mut tx, &id).await?;
    tx.commit().await?;
    app.wake();
    Ok(Json(answer))
}

/// Invite a person anew, who has lost the invitation or the password.
///
/// The password that they have stays good until they choose another. It takes all the scopes that the person
/// has.
#[utoipa::path(post, path = "/people/{id}/invite", tag = "people", params(("id" = PersonId, Path)),
    responses((status = 200, body = InvitedPerson)))]
pub async fn invite_person(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PersonId>,
) -> ApiResult<Json<InvitedPerson>> {
    caller.require(Scope::PeopleWrite)?;
    let mut tx = app.store.begin().await?;
    find_below(&mut tx, &caller, &id).await?;
    let invited = read_invited(&mut tx, &app, &caller, &id).await?;
    tx.commit().await?;
    app.wake();
    Ok(Json(invited))
}
