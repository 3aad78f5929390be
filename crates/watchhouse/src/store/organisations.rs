//! Organisations that report: trusted flaggers, hotlines, authorities.

use crate::clock::Timestamp;
use crate::id::OrganisationId;
use crate::store::db::args;
use crate::store::page::{Page, PageOf, name_of};
use crate::store::{Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Organisation {
    pub id: OrganisationId,
    /// Unique.
    pub name: String,
    pub kind: OrganisationKind,
    /// An e-mail address for people.
    pub contact: Option<String>,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
    /// The last suspension; it may have ended. See `is_suspended_at`.
    pub suspension: Option<Suspension>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OrganisationKind {
    /// With the status of Article 22 of the Digital Services Act.
    TrustedFlagger,
    Hotline,
    Authority,
}

impl OrganisationKind {
    pub fn as_str(self) -> &'static str {
        match self {
            OrganisationKind::TrustedFlagger => "trusted_flagger",
            OrganisationKind::Hotline => "hotline",
            OrganisationKind::Authority => "authority",
        }
    }
}

impl std::str::FromStr for OrganisationKind {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        match text {
            "trusted_flagger" => Ok(OrganisationKind::TrustedFlagger),
            "hotline" => Ok(OrganisationKind::Hotline),
            "authority" => Ok(OrganisationKind::Authority),
            _ => Err(()),
        }
    }
}

/// For misuse. What a suspended organisation reports is taken in and answered, in the users' lane.
#[derive(Clone, Debug)]
pub struct Suspension {
    pub since: Timestamp,
    pub until: Timestamp,
    pub reason: String,
}

impl Organisation {
    pub fn is_suspended_at(&self, now: Timestamp) -> bool {
        self.suspension
            .as_ref()
            .is_some_and(|suspension| suspension.until > now)
    }

    fn from_row(row: &Row) -> Result<Organisation> {
        let suspension = match row.optional_time("suspended_at")? {
            None => None,
            Some(since) => Some(Suspension {
                since,
                until: row.time("suspended_until")?,
                reason: row.text("suspended_reason")?,
            }),
        };
        Ok(Organisation {
            id: row.id("id")?,
            name: row.text("name")?,
            kind: row.parsed("kind")?,
            contact: row.optional_text("contact")?,
            created_at: row.time("created_at")?,
            changed_at: row.time("changed_at")?,
            suspension,
        })
    }
}

const INSERT: &str = "
    INSERT INTO organisations (id, name, kind, contact, created_at, changed_at)
    VALUES ($1, $2, $3, $4, $5, $5)";
const BY_ID: &str = "
    SELECT id, name, kind, contact, created_at, changed_at, suspended_at, suspended_until,
           suspended_reason
      FROM organisations WHERE id = $1";
const LIST: &str = "
    SELECT id, name, kind, contact, created_at, changed_at, suspended_at, suspended_until,
           suspended_reason
      FROM organisations WHERE CAST($1 AS TEXT) IS NULL OR id < $1 ORDER BY id DESC LIMIT $2";
// Changes nothing but keeps everybody else from changing it until the end.
const LOCK: &str = "UPDATE organisations SET changed_at = changed_at WHERE id = $1";
const CHANGE: &str = "
    UPDATE organisations SET name = $2, contact = $3, changed_at = $4, suspended_at = $5,
                             suspended_until = $6, suspended_reason = $7
     WHERE id = $1";

impl Tx {
    /// # Errors
    /// `Error::Conflict` when the name is taken.
    pub async fn insert_organisation(&mut self, new: &Organisation) -> Result<()> {
        let args = args![
            &new.id,
            &new.name,
            new.kind.as_str(),
            new.contact.as_ref(),
            new.created_at
        ];
        self.execute(INSERT, args).await?;
        Ok(())
    }

    pub async fn organisation(&mut self, id: &OrganisationId) -> Result<Option<Organisation>> {
        self.optional(BY_ID, args![id], Organisation::from_row)
            .await
    }

    /// The same, and nobody else changes it before this transaction ends.
    pub async fn organisation_to_change(
        &mut self,
        id: &OrganisationId,
    ) -> Result<Option<Organisation>> {
        self.execute(LOCK, args![id]).await?;
        self.organisation(id).await
    }

    pub async fn organisations(&mut self, page: &Page) -> Result<PageOf<Organisation>> {
        let args = args![page.below(), page.probe()];
        let rows = self.all(LIST, args, Organisation::from_row).await?;
        Ok(page.cut(rows, |organisation| name_of(&organisation.id)))
    }

    /// Writes everything of it that can change.
    ///
    /// # Errors
    /// `Error::Conflict` when the name is taken.
    pub async fn change_organisation(&mut self, changed: &Organisation) -> Result<()> {
        let suspension = changed.suspension.as_ref();
        let args = args![
            &changed.id,
            &changed.name,
            changed.contact.as_ref(),
            changed.changed_at,
            suspension.map(|one| one.since),
            suspension.map(|one| one.until),
            suspension.map(|one| one.reason.as_str())
        ];
        self.execute(CHANGE, args).await?;
        Ok(())
    }
}
