//! Invitations: how people choose a password that nobody else has seen.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{ApiError, ApiResult, invalid};
use super::extract::Sent;
use super::sessions::record_password;
use crate::app::App;
use crate::sign_in::{check_password, invitation_digest};
use crate::store::Tx;
use crate::store::ledger::Actor;
use crate::store::people::Person;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptedInvitation {
    /// As it was handed over: `whi_…`.
    invitation: String,
    /// 12 to 256 characters.
    password: String,
}

#[derive(Serialize, ToSchema)]
pub struct Accepted {
    name: String,
    /// What to sign in with.
    login: String,
}

/// Accept an invitation, and choose a password.
///
/// An invitation is good once. All sessions of the person end; sign in with the new password.
#[utoipa::path(post, path = "/invitations/accept", tag = "sessions", security(()),
    request_body = AcceptedInvitation, responses((status = 200, body = Accepted)))]
pub async fn accept_invitation(
    State(app): State<App>,
    Sent(accepted): Sent<AcceptedInvitation>,
) -> ApiResult<Json<Accepted>> {
    let digest = invitation_digest(accepted.invitation.trim());
    let person = invited(&mut app.store.read().await?, &digest).await?;
    check_password(&accepted.password, &person.login)
        .map_err(|error| invalid("password", error.to_string()))?;
    // Before the transaction that writes: it takes a while.
    let hash = app.passwords.hash(&accepted.password).await?;

    let mut tx = app.store.begin().await?;
    tx.person_to_change(&person.id).await?;
    let person = invited(&mut tx, &digest).await?;
    tx.set_password(&person.id, &hash).await?;
    tx.end_sessions(&person.id, None).await?;
    let actor = Actor::Caller((&person.id).into());
    record_password(&mut tx, &actor, &person).await?;
    tx.commit().await?;
    app.wake();
    Ok(Json(Accepted {
        name: person.name,
        login: person.login,
    }))
}

/// Whoever was given this invitation, if it is good.
async fn invited(tx: &mut Tx, digest: &[u8; 32]) -> ApiResult<Person> {
    let person = tx.person_by_invitation(digest).await?;
    let is_good = |person: &Person| {
        person.disabled_at.is_none() && person.invitation_until.is_some_and(|until| until > tx.now)
    };
    person.filter(is_good).ok_or_else(|| {
        ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invitation_unknown",
            "this invitation is not known here, was used, or is too old; ask for another",
        )
    })
}
