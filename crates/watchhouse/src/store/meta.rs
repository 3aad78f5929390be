//! What this installation is and has: a few named values.

use crate::store::db::args;
use crate::store::{Result, Tx};

const GET: &str = "SELECT value FROM meta WHERE name = $1";
const PUT: &str = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const REPLACE: &str = "
    INSERT INTO meta (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const DELETE: &str = "DELETE FROM meta WHERE name = $1";

impl Tx {
    pub async fn meta(&mut self, name: &str) -> Result<Option<Vec<u8>>> {
        self.optional(GET, args![name], |row| row.bytes("value"))
            .await
    }

    /// Writes a value unless there is one. False if there was.
    pub async fn put_meta(&mut self, name: &str, value: &[u8]) -> Result<bool> {
        Ok(self.execute(PUT, args![name, value]).await? == 1)
    }

    pub async fn replace_meta(&mut self, name: &str, value: &[u8]) -> Result<()> {
        self.execute(REPLACE, args![name, value]).await?;
        Ok(())
    }

    pub async fn delete_meta(&mut self, name: &str) -> Result<()> {
        self.execute(DELETE, args![name]).await?;
        Ok(())
    }
}
