//! Callers: whoever may call and whose name stands at what they did, be it a key or a person.

use crate::id::CallerId;
use crate::store::db::args;
use crate::store::{Result, Tx};

const INSERT: &str = "INSERT INTO callers (id, name, created_at) VALUES ($1, $2, $3)";
const RENAME: &str = "UPDATE callers SET name = $2 WHERE id = $1";

impl Tx {
    pub(super) async fn insert_caller(&mut self, id: &CallerId, name: &str) -> Result<()> {
        let now = self.now;
        self.execute(INSERT, args![id, name, now]).await?;
        Ok(())
    }

    pub(super) async fn rename_caller(&mut self, id: &CallerId, name: &str) -> Result<()> {
        self.execute(RENAME, args![id, name]).await?;
        Ok(())
    }
}
