//! Policies: the service's own rules, and the laws that it acts on.
//!
//! A policy is never changed and never deleted: a change is a new version, and what was cited stays as it
//! was when it was cited. A retired one is cited no more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::PolicyId;
use crate::store::db::args;
use crate::store::page::{Page, PageOf, name_of};
use crate::store::{Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Policy {
    pub id: PolicyId,
    /// A path, such as `terms/spam/links`: what is before a slash is above in the tree. Unique, and stays.
    pub name: String,
    /// From 1.
    pub version: u32,
    pub terms: Terms,
    pub created_at: Timestamp,
    /// When this version was made.
    pub changed_at: Timestamp,
    pub retired_at: Option<Timestamp>,
}

/// What a version says.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    pub ground: Ground,
    /// The article of the law, or the section of the terms.
    pub reference: String,
    /// One of the Digital Services Act's, or the platform's own as `x_…`.
    pub category: String,
    pub keyword: Option<String>,
    /// 0 to 100; higher is worse.
    pub severity: u32,
    /// What a violation weighs on an account. 0: nothing.
    pub strike_weight: u32,
    /// How long it does. None: for ever.
    pub strike_days: Option<u32>,
    /// Whether a decision takes effect only when a second person agrees.
    pub needs_second: bool,
    /// By language code; one at least.
    pub texts: BTreeMap<String, PolicyText>,
}

/// A policy in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyText {
    #[schema(example = "Advertising without consent")]
    pub title: String,
    /// The rule, in plain words; the person concerned reads it.
    pub text: String,
    /// Where to find help, for whoever is acted against; may be left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// What a decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// It is illegal.
    Law,
    /// It is against the service's terms.
    Terms,
}

impl Ground {
    pub fn as_str(self) -> &'static str {
        match self {
            Ground::Law => "law",
            Ground::Terms => "terms",
        }
    }
}

impl std::str::FromStr for Ground {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        match text {
            "law" => Ok(Ground::Law),
            "terms" => Ok(Ground::Terms),
            _ => Err(()),
        }
    }
}

impl Policy {
    fn from_row(row: &Row) -> Result<Policy> {
        Ok(Policy {
            id: row.id("id")?,
            name: row.text("name")?,
            version: row.small("version")?,
            terms: Terms {
                ground: row.parsed("ground")?,
                reference: row.text("reference")?,
                category: row.text("category")?,
                keyword: row.optional_text("keyword")?,
                severity: row.small("severity")?,
                strike_weight: row.small("strike_weight")?,
                strike_days: row.optional_small("strike_days")?,
                needs_second: row.bool("needs_second")?,
                texts: row.json("texts")?,
            },
            created_at: row.time("created_at")?,
            changed_at: row.time("made_at")?,
            retired_at: row.optional_time("retired_at")?,
        })
    }
}

/// Policies with the version that `$on` joins.
macro_rules! select {
    ($on:literal, $rest:literal) => {
        concat!(
            "SELECT p.id, p.name, p.created_at, p.retired_at, v.version, v.ground, v.reference,
                    v.category, v.keyword, v.severity, v.strike_weight, v.strike_days,
                    v.needs_second, v.texts, v.made_at
               FROM policies p JOIN policy_versions v ON v.policy_id = p.id AND ",
            $on,
            $rest
        )
    };
}

const INSERT: &str = "
    INSERT INTO policies (id, name, version, created_at, changed_at) VALUES ($1, $2, $3, $4, $4)";
const INSERT_VERSION: &str = "
    INSERT INTO policy_versions (policy_id, version, ground, reference, category, keyword, severity,
                                 strike_weight, strike_days, needs_second, texts, made_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const BY_ID: &str = select!("v.version = p.version", " WHERE p.id = $1");
const BY_NAME: &str = select!("v.version = p.version", " WHERE p.name = $1");
const CITED: &str = select!("v.version = $2", " WHERE p.name = $1");
const VERSIONS: &str = select!(
    "1 = 1",
    " WHERE p.id = $1 ORDER BY v.version DESC LIMIT 200"
);
const LIST: &str = select!(
    "v.version = p.version",
    "
      WHERE (CAST($1 AS TEXT) IS NULL OR p.id < $1)
        AND (CAST($3 AS TEXT) IS NULL OR p.name = $3
             OR substr(p.name, 1, length($3) + 1) = $3 || '/')
        AND (CAST($4 AS BIGINT) IS NULL OR $4 = CASE WHEN p.retired_at IS NULL THEN 0 ELSE 1 END)
      ORDER BY p.id DESC LIMIT $2"
);
const CHANGE: &str = "
    UPDATE policies SET version = $2, changed_at = $3, retired_at = $4 WHERE id = $1";
// Changes nothing but keeps everybody else from changing it until the end.
const LOCK: &str = "UPDATE policies SET changed_at = changed_at WHERE id = $1";

impl Tx {
    /// # Errors
    /// `Error::Conflict` when the name is taken.
    pub async fn insert_policy(&mut self, new: &Policy) -> Result<()> {
        let args = args![&new.id, &new.name, new.version, new.created_at];
        self.execute(INSERT, args).await?;
        self.insert_policy_version(new).await
    }

    async fn insert_policy_version(&mut self, policy: &Policy) -> Result<()> {
        let terms = &policy.terms;
        let texts = serde_json::to_string(&terms.texts).expect("texts are plain data");
        let args = args![
            &policy.id,
            policy.version,
            terms.ground.as_str(),
            &terms.reference,
            &terms.category,
            terms.keyword.as_ref(),
            terms.severity,
            terms.strike_weight,
            terms.strike_days,
            terms.needs_second,
            texts,
            policy.changed_at
        ];
        self.execute(INSERT_VERSION, args).await?;
        Ok(())
    }

    /// As it is now.
    pub async fn policy(&mut self, id: &PolicyId) -> Result<Option<Policy>> {
        self.optional(BY_ID, args![id], Policy::from_row).await
    }

    /// The same, and nobody else changes it before this transaction ends.
    pub async fn policy_to_change(&mut self, id: &PolicyId) -> Result<Option<Policy>> {
        self.execute(LOCK, args![id]).await?;
        self.policy(id).await
    }

    /// As it is now.
    pub async fn policy_named(&mut self, name: &str) -> Result<Option<Policy>> {
        self.optional(BY_NAME, args![name], Policy::from_row).await
    }

    /// As it was when a decision cited it.
    pub async fn cited_policy(&mut self, name: &str, version: u32) -> Result<Option<Policy>> {
        self.optional(CITED, args![name, version], Policy::from_row)
            .await
    }

    /// Newest first, at most 200.
    pub async fn policy_versions(&mut self, id: &PolicyId) -> Result<Vec<Policy>> {
        self.all(VERSIONS, args![id], Policy::from_row).await
    }

    /// `under`: this one and what is below it in the tree.
    pub async fn policies(
        &mut self,
        under: Option<&str>,
        is_retired: Option<bool>,
        page: &Page,
    ) -> Result<PageOf<Policy>> {
        let args = args![page.below(), page.probe(), under, is_retired.map(i64::from)];
        let rows = self.all(LIST, args, Policy::from_row).await?;
        Ok(page.cut(rows, |policy| name_of(&policy.id)))
    }

    /// Writes whether it is retired, and its terms if `policy.version` is a new one.
    pub async fn change_policy(&mut self, policy: &Policy, is_new_version: bool) -> Result<()> {
        let now = self.now;
        let args = args![&policy.id, policy.version, now, policy.retired_at];
        self.execute(CHANGE, args).await?;
        if is_new_version {
            self.insert_policy_version(policy).await?;
        }
        Ok(())
    }
}
