//! Roles: what people may do, in which queues and of which categories.

use crate::clock::Timestamp;
use crate::id::{Name as _, PersonId};
use crate::store::db::args;
use crate::store::page::{Page, PageOf};
use crate::store::{Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Role {
    pub name: String,
    pub description: String,
    /// Names of scopes; see `auth::Scope`.
    pub scopes: Vec<String>,
    /// Empty: in all.
    pub queues: Vec<String>,
    /// Empty: of all.
    pub categories: Vec<String>,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
}

/// A scope that a person has by a role.
#[derive(Clone, Debug)]
pub struct Grant {
    pub scope: String,
    /// Whether it holds in some queues or of some categories alone, whichever role it comes by.
    pub is_limited: bool,
}

impl Role {
    fn from_row(row: &Row) -> Result<Role> {
        Ok(Role {
            name: row.text("name")?,
            description: row.text("description")?,
            scopes: Vec::new(),
            queues: Vec::new(),
            categories: Vec::new(),
            created_at: row.time("created_at")?,
            changed_at: row.time("changed_at")?,
        })
    }
}

const INSERT: &str = "
    INSERT INTO roles (name, description, created_at, changed_at) VALUES ($1, $2, $3, $4)";
const CHANGE: &str = "UPDATE roles SET description = $2, changed_at = $3 WHERE name = $1";
const BY_NAME: &str = "
    SELECT name, description, created_at, changed_at FROM roles WHERE name = $1";
const LOCK: &str = "UPDATE roles SET changed_at = changed_at WHERE name = $1";
const LIST: &str = "
    SELECT name, description, created_at, changed_at FROM roles
     WHERE CAST($1 AS TEXT) IS NULL OR name < $1 ORDER BY name DESC LIMIT $2";
const SCOPES: &str = "SELECT scope AS member FROM role_scopes WHERE role = $1 ORDER BY scope";
const QUEUES: &str = "SELECT queue AS member FROM role_queues WHERE role = $1 ORDER BY queue";
const CATEGORIES: &str =
    "SELECT category AS member FROM role_categories WHERE role = $1 ORDER BY category";
const ADD_SCOPE: &str = "INSERT INTO role_scopes (role, scope) VALUES ($1, $2)";
const ADD_QUEUE: &str = "INSERT INTO role_queues (role, queue) VALUES ($1, $2)";
const ADD_CATEGORY: &str = "INSERT INTO role_categories (role, category) VALUES ($1, $2)";
const DROP_SCOPES: &str = "DELETE FROM role_scopes WHERE role = $1";
const DROP_QUEUES: &str = "DELETE FROM role_queues WHERE role = $1";
const DROP_CATEGORIES: &str = "DELETE FROM role_categories WHERE role = $1";
const OF_PERSON: &str =
    "SELECT role AS member FROM person_roles WHERE person_id = $1 ORDER BY role";
const GIVE: &str = "INSERT INTO person_roles (person_id, role) VALUES ($1, $2)";
const TAKE_ALL: &str = "DELETE FROM person_roles WHERE person_id = $1";
const GRANTS: &str = "
    SELECT s.scope,
           CAST(MIN(CASE WHEN EXISTS (SELECT 1 FROM role_queues q WHERE q.role = s.role)
                           OR EXISTS (SELECT 1 FROM role_categories k WHERE k.role = s.role)
                         THEN 1 ELSE 0 END) AS BIGINT) AS is_limited
      FROM person_roles p JOIN role_scopes s ON s.role = p.role
     WHERE p.person_id = $1 GROUP BY s.scope ORDER BY s.scope";

impl Tx {
    pub async fn insert_role(&mut self, role: &Role) -> Result<()> {
        let args = args![
            &role.name,
            &role.description,
            role.created_at,
            role.changed_at
        ];
        self.execute(INSERT, args).await?;
        self.add_role_members(role).await
    }

    pub async fn change_role(&mut self, role: &Role) -> Result<()> {
        let args = args![&role.name, &role.description, role.changed_at];
        self.execute(CHANGE, args).await?;
        for sql in [DROP_SCOPES, DROP_QUEUES, DROP_CATEGORIES] {
            self.execute(sql, args![&role.name]).await?;
        }
        self.add_role_members(role).await
    }

    async fn add_role_members(&mut self, role: &Role) -> Result<()> {
        for (sql, members) in [
            (ADD_SCOPE, &role.scopes),
            (ADD_QUEUE, &role.queues),
            (ADD_CATEGORY, &role.categories),
        ] {
            for member in members {
                self.execute(sql, args![&role.name, member]).await?;
            }
        }
        Ok(())
    }

    pub async fn role(&mut self, name: &str) -> Result<Option<Role>> {
        let role = self.optional(BY_NAME, args![name], Role::from_row).await?;
        self.complete_role(role).await
    }

    /// A role that nobody else changes before this transaction ends.
    pub async fn role_to_change(&mut self, name: &str) -> Result<Option<Role>> {
        self.execute(LOCK, args![name]).await?;
        self.role(name).await
    }

    async fn complete_role(&mut self, role: Option<Role>) -> Result<Option<Role>> {
        let Some(mut role) = role else {
            return Ok(None);
        };
        role.scopes = self.members(SCOPES, &role.name).await?;
        role.queues = self.members(QUEUES, &role.name).await?;
        role.categories = self.members(CATEGORIES, &role.name).await?;
        Ok(Some(role))
    }

    async fn members(&mut self, sql: &'static str, of: &str) -> Result<Vec<String>> {
        self.all(sql, args![of], |row| row.text("member")).await
    }

    /// Backwards by name, as every list has the greatest first.
    pub async fn roles(&mut self, page: &Page) -> Result<PageOf<Role>> {
        let args = args![page.below(), page.probe()];
        let rows = self.all(LIST, args, Role::from_row).await?;
        let mut complete = Vec::with_capacity(rows.len());
        for row in rows {
            complete.extend(self.complete_role(Some(row)).await?);
        }
        Ok(page.cut(complete, |role| role.name.clone()))
    }

    pub async fn roles_of_person(&mut self, person: &PersonId) -> Result<Vec<String>> {
        self.members(OF_PERSON, person.as_str()).await
    }

    /// Gives a person these roles, which MUST be there, and takes all others away.
    pub async fn give_roles(&mut self, person: &PersonId, roles: &[String]) -> Result<()> {
        self.execute(TAKE_ALL, args![person]).await?;
        for role in roles {
            self.execute(GIVE, args![person, role]).await?;
        }
        Ok(())
    }

    /// What a person may do by all their roles.
    pub async fn grants(&mut self, person: &PersonId) -> Result<Vec<Grant>> {
        self.all(GRANTS, args![person], |row| {
            Ok(Grant {
                scope: row.text("scope")?,
                is_limited: row.bool("is_limited")?,
            })
        })
        .await
    }
}
