//! Reach: which cases a caller may have to do with, and what cases are about.
//!
//! What a person's roles reach is said once, by the view `person_cases`. A key has no queues and no categories;
//! child safety is a permission of its own for both.

use crate::id::{CaseId, ItemId, PersonId};
use crate::store::db::args;
use crate::store::{Result, Tx};

/// Which cases a caller may have to do with, by one scope.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Whose roles say so. None for a key.
    pub(super) person: Option<PersonId>,
    pub(super) scope: &'static str,
    /// Whether a key reaches cases of child safety. Of a person the roles say so.
    pub(super) child_safety: bool,
}

impl Reach {
    pub fn everything() -> Reach {
        Reach::of_key(true)
    }

    pub fn of_key(child_safety: bool) -> Reach {
        Reach {
            person: None,
            scope: "",
            child_safety,
        }
    }

    /// What the person's roles with this scope reach.
    pub fn of_person(person: PersonId, scope: &'static str) -> Reach {
        Reach {
            person: Some(person),
            scope,
            child_safety: false,
        }
    }
}

const IS_WITHIN: &str = "
    SELECT COUNT(*) AS n FROM cases c
     WHERE c.id = $1
       AND ((CAST($2 AS TEXT) IS NULL
             AND ($4 = 1 OR NOT EXISTS (SELECT 1 FROM child_safety_cases x WHERE x.case_id = c.id)))
            OR EXISTS (SELECT 1 FROM person_cases w WHERE w.person_id = $2 AND w.case_id = c.id
                          AND w.scope IN ($3, 'admin')))";
const COUNT_BEYOND: &str = "
    SELECT COUNT(*) AS n FROM cases c
     WHERE c.subject_kind = 'item' AND c.subject_id = $1
       AND NOT ((CAST($2 AS TEXT) IS NULL
             AND ($4 = 1 OR NOT EXISTS (SELECT 1 FROM child_safety_cases x WHERE x.case_id = c.id)))
            OR EXISTS (SELECT 1 FROM person_cases w WHERE w.person_id = $2 AND w.case_id = c.id
                          AND w.scope IN ($3, 'admin')))";
const LABEL: &str = "
    INSERT INTO case_categories (case_id, category) VALUES ($1, $2)
    ON CONFLICT (case_id, category) DO NOTHING";
const LABEL_LIKE: &str = "
    INSERT INTO case_categories (case_id, category)
    SELECT CAST($2 AS TEXT), category FROM case_categories WHERE case_id = $1
    ON CONFLICT (case_id, category) DO NOTHING";

impl Tx {
    /// Whether a case is within reach.
    pub async fn is_within(&mut self, reach: &Reach, case: &CaseId) -> Result<bool> {
        let args = args![case, reach.person.as_ref(), reach.scope, reach.child_safety];
        Ok(self.one(IS_WITHIN, args, |row| row.int("n")).await? > 0)
    }

    /// Whether some case on this item is not within reach, so that the item's content is not either.
    pub async fn is_item_beyond(&mut self, reach: &Reach, item: &ItemId) -> Result<bool> {
        let args = args![item, reach.person.as_ref(), reach.scope, reach.child_safety];
        Ok(self.one(COUNT_BEYOND, args, |row| row.int("n")).await? > 0)
    }

    /// Says that a case is about this, too.
    pub async fn label_case(&mut self, case: &CaseId, category: &str) -> Result<()> {
        self.execute(LABEL, args![case, category]).await?;
        Ok(())
    }

    /// Says that the case `to` is about all that the case `from` is.
    pub async fn add_case_categories_of(&mut self, from: &CaseId, to: &CaseId) -> Result<()> {
        self.execute(LABEL_LIKE, args![from, to]).await?;
        Ok(())
    }
}
