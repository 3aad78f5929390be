//! People: taken on, invited, changed, disabled, each with its entry.
//!
//! MUST NOT learn a password: whoever is taken on or has lost theirs gets an invitation, and chooses one.

use std::time::Duration;

use serde_json::json;

use crate::clock::{Timestamp, later};
use crate::id::{Ids, Name as _, PersonId};
use crate::sign_in::make_invitation;
use crate::store::ledger::Actor;
use crate::store::people::Person;
use crate::store::{Result, Tx};

/// An invitation to choose a password.
pub struct Invitation {
    /// It is told once, and only its digest is kept.
    pub text: String,
    pub until: Timestamp,
}

/// Somebody to be taken on. Everything in it was checked.
pub struct NewPerson {
    pub name: String,
    pub login: String,
    /// They MUST be there.
    pub roles: Vec<String>,
}

/// Takes somebody on. `Conflict` if the login is taken.
pub async fn add_person(tx: &mut Tx, actor: &Actor, new: NewPerson) -> Result<PersonId> {
    let id: PersonId = tx.make();
    tx.insert_person(&id, &new.name, &new.login).await?;
    tx.give_roles(&id, &new.roles).await?;
    let details = json!({
        "person": id.as_str(),
        "name": new.name,
        "login": new.login,
        "roles": new.roles,
    });
    tx.record(actor, "person.created", details).await?;
    Ok(id)
}

/// Gives somebody an invitation, in place of any before.
pub async fn invite(
    tx: &mut Tx,
    actor: &Actor,
    person: &PersonId,
    (ids, hours): (&Ids, u64),
) -> Result<Invitation> {
    let (text, digest) = make_invitation(ids);
    let until = later(tx.now, Duration::from_hours(hours));
    tx.invite_person(person, &digest, until).await?;
    let details = json!({ "person": person.as_str(), "until": until.to_string() });
    tx.record(actor, "person.invited", details).await?;
    Ok(Invitation { text, until })
}

/// What is to become of somebody.
#[derive(Default)]
pub struct Change {
    pub name: Option<String>,
    /// They MUST be there.
    pub roles: Option<Vec<String>>,
    pub is_disabled: Option<bool>,
    pub reset_second_factor: bool,
}

/// Changes somebody. Whoever is disabled has no session from that moment.
pub async fn change_person(
    tx: &mut Tx,
    actor: &Actor,
    mut person: Person,
    change: Change,
) -> Result<()> {
    person.name = change.name.unwrap_or(person.name);
    person.disabled_at = match change.is_disabled {
        None => person.disabled_at,
        Some(false) => None,
        Some(true) => person.disabled_at.or(Some(tx.now)),
    };
    tx.change_person(&person).await?;
    if let Some(roles) = &change.roles {
        tx.give_roles(&person.id, roles).await?;
    }
    if change.reset_second_factor {
        tx.remove_totp(&person.id).await?;
    }
    if person.disabled_at.is_some() || change.reset_second_factor {
        tx.end_sessions(&person.id, None).await?;
    }
    let details = json!({
        "person": person.id.as_str(),
        "name": person.name,
        "roles": tx.roles_of_person(&person.id).await?,
        "is_disabled": person.disabled_at.is_some(),
        "second_factor_reset": change.reset_second_factor,
    });
    tx.record(actor, "person.changed", details).await?;
    Ok(())
}

const LONGEST_LOGIN: usize = 64;

/// A login as it is kept: in small letters. None if it cannot be one.
pub fn login(typed: &str) -> Option<String> {
    let login = typed.trim().to_lowercase();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@+".contains(&byte);
    let is_one = (1..=LONGEST_LOGIN).contains(&login.len()) && login.bytes().all(is_plain);
    is_one.then_some(login)
}
