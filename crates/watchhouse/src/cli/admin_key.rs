//! `watchhouse admin-key`: a new administrator's key, for whoever has lost the first.
//!
//! Whoever can run this has the data directory or the database's password, and so everything already.

#![allow(clippy::print_stdout, reason = "a command line prints")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::auth::{Scope, make_secret};
use crate::clock::Clock;
use crate::config::Config;
use crate::id::{Ids, KeyId, Name as _};
use crate::store::keys::ApiKey;
use crate::store::ledger::Actor;
use crate::store::{self, Store, Tx};

#[derive(Args)]
pub struct AdminKey {
    /// The settings file that the server uses
    #[arg(long, value_name = "FILE", env = "WATCHHOUSE_CONFIG")]
    config: Option<PathBuf>,
}

impl AdminKey {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = Config::load(self.config.as_deref())?;
        tokio::runtime::Runtime::new()?.block_on(make(config))
    }
}

async fn make(config: Config) -> anyhow::Result<ExitCode> {
    let ids = Ids::random();
    let store = open_store(&config, &ids).await?;
    let mut tx = store.begin().await?;
    let secret = insert_admin_key(&mut tx, &ids).await?;
    tx.commit().await?;
    store.close().await;
    println!("administrator key: {secret}");
    println!("it is shown this once; revoke the lost one with `DELETE /api/v1/keys/{{id}}`");
    Ok(ExitCode::SUCCESS)
}

/// The server's database, which may be at work meanwhile.
pub(super) async fn open_store(config: &Config, ids: &Ids) -> anyhow::Result<Store> {
    let is_missing = config.database.is_empty() && !config.data_dir.join("watchhouse.db").exists();
    anyhow::ensure!(
        !is_missing,
        "there is no database in \"{}\"; `watchhouse serve` makes it, and the first key",
        config.data_dir.display()
    );
    Store::open(&config.database_url(), 1, Clock::System, ids.clone()).await
}

/// Makes a key that may do everything, with its entry. Returns its secret.
pub(super) async fn insert_admin_key(tx: &mut Tx, ids: &Ids) -> store::Result<String> {
    let id: KeyId = tx.make();
    let (secret, secret_digest) = make_secret(ids, &id);
    let key = ApiKey {
        id,
        name: "administrator".to_owned(),
        secret_digest,
        scopes: [Scope::Admin, Scope::ChildSafety]
            .map(|scope| scope.as_str().to_owned())
            .to_vec(),
        rate_per_second: None,
        burst: None,
        created_at: tx.now,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        organisation_id: None,
    };
    tx.insert_key(&key).await?;
    let details = json!({ "key": key.id.as_str(), "name": key.name, "scopes": key.scopes });
    tx.record(&Actor::System, "key.created", details).await?;
    Ok(secret)
}
