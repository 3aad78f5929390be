//! People: staff who sign in. Their names are in `callers`, for they stand at what they did.

use crate::clock::Timestamp;
use crate::id::{CallerId, PersonId};
use crate::store::db::args;
use crate::store::page::{Page, PageOf, name_of};
use crate::store::{Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Person {
    pub id: PersonId,
    pub name: String,
    /// What they type to sign in, in small letters.
    pub login: String,
    /// Argon2id, as PHC writes it. None until it is chosen.
    pub password: Option<String>,
    pub totp: Option<Totp>,
    /// Until when the last invitation is good, unless it was used.
    pub invitation_until: Option<Timestamp>,
    pub created_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
    pub last_sign_in_at: Option<Timestamp>,
}

/// A second factor: codes from a device.
#[derive(Clone, Debug)]
pub struct Totp {
    pub secret_sealed: Vec<u8>,
    /// None until a first code has shown that the device has the secret: it protects nothing before.
    pub confirmed_at: Option<Timestamp>,
}

impl Person {
    /// The second factor, once it protects.
    pub fn second_factor(&self) -> Option<&Totp> {
        self.totp
            .as_ref()
            .filter(|totp| totp.confirmed_at.is_some())
    }

    fn from_row(row: &Row) -> Result<Person> {
        let totp = match row.optional_bytes("totp_sealed")? {
            None => None,
            Some(secret_sealed) => Some(Totp {
                secret_sealed,
                confirmed_at: row.optional_time("totp_confirmed_at")?,
            }),
        };
        Ok(Person {
            id: row.id("id")?,
            name: row.text("name")?,
            login: row.text("login")?,
            password: row.optional_text("password")?,
            totp,
            invitation_until: row.optional_time("invitation_until")?,
            created_at: row.time("created_at")?,
            disabled_at: row.optional_time("disabled_at")?,
            last_sign_in_at: row.optional_time("last_sign_in_at")?,
        })
    }
}

const INSERT: &str = "INSERT INTO people (id, login) VALUES ($1, $2)";
const BY_ID: &str = "
    SELECT p.id, c.name, p.login, p.password, p.totp_sealed, p.totp_confirmed_at,
           p.invitation_until, c.created_at, p.disabled_at, p.last_sign_in_at
      FROM people p JOIN callers c ON c.id = p.id WHERE p.id = $1";
const BY_LOGIN: &str = "
    SELECT p.id, c.name, p.login, p.password, p.totp_sealed, p.totp_confirmed_at,
           p.invitation_until, c.created_at, p.disabled_at, p.last_sign_in_at
      FROM people p JOIN callers c ON c.id = p.id WHERE p.login = $1";
const BY_INVITATION: &str = "
    SELECT p.id, c.name, p.login, p.password, p.totp_sealed, p.totp_confirmed_at,
           p.invitation_until, c.created_at, p.disabled_at, p.last_sign_in_at
      FROM people p JOIN callers c ON c.id = p.id WHERE p.invitation_digest = $1";
const LIST: &str = "
    SELECT p.id, c.name, p.login, p.password, p.totp_sealed, p.totp_confirmed_at,
           p.invitation_until, c.created_at, p.disabled_at, p.last_sign_in_at
      FROM people p JOIN callers c ON c.id = p.id
     WHERE CAST($1 AS TEXT) IS NULL OR p.id < $1 ORDER BY p.id DESC LIMIT $2";
const LOCK: &str = "UPDATE people SET login = login WHERE id = $1";
const CHANGE: &str = "UPDATE people SET disabled_at = $2 WHERE id = $1";
const INVITE: &str = "
    UPDATE people SET invitation_digest = $2, invitation_until = $3 WHERE id = $1";
const SET_PASSWORD: &str = "
    UPDATE people SET password = $2, invitation_digest = NULL, invitation_until = NULL
     WHERE id = $1";
const SIGNED_IN: &str = "UPDATE people SET last_sign_in_at = $2 WHERE id = $1";
const BEGIN_TOTP: &str = "
    UPDATE people SET totp_sealed = $2, totp_confirmed_at = NULL, totp_step = 0 WHERE id = $1";
const CONFIRM_TOTP: &str = "
    UPDATE people SET totp_confirmed_at = $2 WHERE id = $1 AND totp_sealed IS NOT NULL";
const REMOVE_TOTP: &str = "
    UPDATE people SET totp_sealed = NULL, totp_confirmed_at = NULL, totp_step = 0 WHERE id = $1";
const TAKE_STEP: &str = "UPDATE people SET totp_step = $2 WHERE id = $1 AND totp_step < $2";
const ADD_CODE: &str = "INSERT INTO recovery_codes (person_id, digest) VALUES ($1, $2)";
const DROP_CODES: &str = "DELETE FROM recovery_codes WHERE person_id = $1";
const USE_CODE: &str = "
    UPDATE recovery_codes SET used_at = $3
     WHERE person_id = $1 AND digest = $2 AND used_at IS NULL";
const CODES_LEFT: &str = "
    SELECT COUNT(*) AS n FROM recovery_codes WHERE person_id = $1 AND used_at IS NULL";

impl Tx {
    /// Makes a person, at this moment, who cannot sign in yet.
    pub async fn insert_person(&mut self, id: &PersonId, name: &str, login: &str) -> Result<()> {
        self.insert_caller(&CallerId::from(id), name).await?;
        self.execute(INSERT, args![id, login]).await?;
        Ok(())
    }

    pub async fn person(&mut self, id: &PersonId) -> Result<Option<Person>> {
        self.optional(BY_ID, args![id], Person::from_row).await
    }

    /// The same, and nobody else changes it before this transaction ends.
    pub async fn person_to_change(&mut self, id: &PersonId) -> Result<Option<Person>> {
        self.execute(LOCK, args![id]).await?;
        self.person(id).await
    }

    pub async fn person_by_login(&mut self, login: &str) -> Result<Option<Person>> {
        self.optional(BY_LOGIN, args![login], Person::from_row)
            .await
    }

    /// Whoever was given this invitation, be it good still or not.
    pub async fn person_by_invitation(&mut self, digest: &[u8; 32]) -> Result<Option<Person>> {
        let args = args![digest.as_slice()];
        self.optional(BY_INVITATION, args, Person::from_row).await
    }

    pub async fn people(&mut self, page: &Page) -> Result<PageOf<Person>> {
        let args = args![page.below(), page.probe()];
        let rows = self.all(LIST, args, Person::from_row).await?;
        Ok(page.cut(rows, |person| name_of(&person.id)))
    }

    /// Keeps the name and whether the person is disabled.
    pub async fn change_person(&mut self, person: &Person) -> Result<()> {
        self.rename_caller(&CallerId::from(&person.id), &person.name)
            .await?;
        self.execute(CHANGE, args![&person.id, person.disabled_at])
            .await?;
        Ok(())
    }

    /// Gives a person an invitation, of which only the digest is kept. It replaces any before.
    pub async fn invite_person(
        &mut self,
        id: &PersonId,
        digest: &[u8; 32],
        until: Timestamp,
    ) -> Result<()> {
        self.execute(INVITE, args![id, digest.as_slice(), until])
            .await?;
        Ok(())
    }

    /// Sets the password; an invitation is used up by that.
    pub async fn set_password(&mut self, id: &PersonId, password: &str) -> Result<()> {
        self.execute(SET_PASSWORD, args![id, password]).await?;
        Ok(())
    }

    pub async fn mark_signed_in(&mut self, id: &PersonId) -> Result<()> {
        let now = self.now;
        self.execute(SIGNED_IN, args![id, now]).await?;
        Ok(())
    }

    /// Gives a person a second factor that protects nothing before it is confirmed.
    pub async fn begin_totp(&mut self, id: &PersonId, secret_sealed: &[u8]) -> Result<()> {
        self.execute(BEGIN_TOTP, args![id, secret_sealed]).await?;
        Ok(())
    }

    pub async fn confirm_totp(&mut self, id: &PersonId) -> Result<()> {
        let now = self.now;
        self.execute(CONFIRM_TOTP, args![id, now]).await?;
        Ok(())
    }

    /// Removes the second factor, and the recovery codes with it.
    pub async fn remove_totp(&mut self, id: &PersonId) -> Result<()> {
        self.execute(REMOVE_TOTP, args![id]).await?;
        self.execute(DROP_CODES, args![id]).await?;
        Ok(())
    }

    /// Uses up a code's step of time, and all before it. False if it was used up already.
    pub async fn take_totp_step(&mut self, id: &PersonId, step: u64) -> Result<bool> {
        Ok(self.execute(TAKE_STEP, args![id, step]).await? == 1)
    }

    /// Gives a person new recovery codes, of which only the digests are kept, in place of all before.
    pub async fn replace_recovery_codes(
        &mut self,
        id: &PersonId,
        digests: &[[u8; 32]],
    ) -> Result<()> {
        self.execute(DROP_CODES, args![id]).await?;
        for digest in digests {
            self.execute(ADD_CODE, args![id, digest.as_slice()]).await?;
        }
        Ok(())
    }

    /// Uses up a recovery code. False if there is no such code, or it was used.
    pub async fn use_recovery_code(&mut self, id: &PersonId, digest: &[u8; 32]) -> Result<bool> {
        let now = self.now;
        let args = args![id, digest.as_slice(), now];
        Ok(self.execute(USE_CODE, args).await? == 1)
    }

    pub async fn recovery_codes_left(&mut self, id: &PersonId) -> Result<u64> {
        self.one(CODES_LEFT, args![id], |row| row.count("n")).await
    }
}
