//! `watchhouse person`: people of the staff, past the API: the first, and for whoever cannot sign in any more.
//!
//! Whoever can run this has the data directory or the database's password, and so everything already.

#![allow(clippy::print_stdout, reason = "a command line prints")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::admin_key::open_store;
use crate::config::Config;
use crate::id::Ids;
use crate::people::{self, Change, Invitation, NewPerson};
use crate::store::ledger::Actor;
use crate::store::people::Person as Row;
use crate::store::{Error, Page, Tx};

#[derive(Args)]
pub struct Person {
    #[command(subcommand)]
    deed: Deed,
    /// The settings file that the server uses
    #[arg(long, value_name = "FILE", env = "WATCHHOUSE_CONFIG", global = true)]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Deed {
    /// Take somebody on, and print an invitation to choose a password
    Add {
        /// What they sign in with
        login: String,
        /// Shown beside everything that they do; the login if nothing is said
        #[arg(long)]
        name: Option<String>,
        /// What they may do; as often as there are roles
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// Print everybody, newest first
    List,
    /// Print a new invitation, for whoever has lost theirs or the password
    Invite {
        login: String,
        /// Remove the second factor too, if the device and the recovery codes are lost
        #[arg(long)]
        reset_second_factor: bool,
    },
    /// Let somebody in no more; their sessions end at once
    Disable { login: String },
    /// Let somebody in again
    Enable { login: String },
}

impl Person {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = Config::load(self.config.as_deref())?;
        tokio::runtime::Runtime::new()?.block_on(run(config, self.deed))
    }
}

async fn run(config: Config, deed: Deed) -> anyhow::Result<ExitCode> {
    let ids = Ids::random();
    let store = open_store(&config, &ids).await?;
    let mut tx = store.begin().await?;
    let lines = perform(&mut tx, &config, &ids, deed).await?;
    tx.commit().await?;
    store.close().await;
    for line in lines {
        println!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Does it, and says what to print.
async fn perform(
    tx: &mut Tx,
    config: &Config,
    ids: &Ids,
    deed: Deed,
) -> anyhow::Result<Vec<String>> {
    let terms = (ids, config.sign_in.invitation_hours);
    match deed {
        Deed::Add { login, name, roles } => {
            let new = NewPerson {
                name: name.unwrap_or_else(|| login.clone()),
                login: people::login(&login)
                    .with_context(|| format!("\"{login}\" cannot be signed in with: expected 1 to 64 letters, digits, \".\", \"_\", \"-\", \"@\" or \"+\""))?,
                roles,
            };
            for role in &new.roles {
                let known = tx.role(role).await?;
                known.with_context(|| format!("there is no role \"{role}\""))?;
            }
            let id = match people::add_person(tx, &Actor::System, new).await {
                Err(Error::Conflict(_)) => {
                    anyhow::bail!("somebody signs in as \"{login}\" already")
                }
                added => added?,
            };
            Ok(told(people::invite(tx, &Actor::System, &id, terms).await?))
        }
        Deed::List => list(tx).await,
        Deed::Invite {
            login,
            reset_second_factor,
        } => {
            let person = find(tx, &login).await?;
            let id = person.id.clone();
            if reset_second_factor {
                let change = Change {
                    reset_second_factor,
                    ..Change::default()
                };
                people::change_person(tx, &Actor::System, person, change).await?;
            }
            Ok(told(people::invite(tx, &Actor::System, &id, terms).await?))
        }
        Deed::Disable { login } => set_disabled(tx, &login, true).await,
        Deed::Enable { login } => set_disabled(tx, &login, false).await,
    }
}

async fn find(tx: &mut Tx, login: &str) -> anyhow::Result<Row> {
    let person = tx.person_by_login(&login.to_lowercase()).await?;
    person.with_context(|| format!("nobody signs in as \"{login}\""))
}

fn told(invitation: Invitation) -> Vec<String> {
    vec![
        format!("invitation: {}", invitation.text),
        format!(
            "it is shown this once, and good until {}; with it they choose a password: POST \
             /api/v1/invitations/accept",
            invitation.until
        ),
    ]
}

async fn list(tx: &mut Tx) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut page = Page {
        after: None,
        limit: 200,
    };
    loop {
        let found = tx.people(&page).await?;
        for person in found.rows {
            let roles = tx.roles_of_person(&person.id).await?.join(",");
            let state = match (&person.disabled_at, &person.password) {
                (Some(_), _) => "disabled",
                (None, None) => "invited",
                (None, Some(_)) => "active",
            };
            // A name may hold what a terminal takes for a command.
            let name = person.name.replace(char::is_control, " ");
            let (login, id) = (person.login, person.id);
            lines.push(format!("{login}\t{state}\t{id}\t{name}\t{roles}"));
        }
        page.after = found.next;
        if page.after.is_none() {
            return Ok(lines);
        }
    }
}

async fn set_disabled(tx: &mut Tx, login: &str, is_disabled: bool) -> anyhow::Result<Vec<String>> {
    let person = find(tx, login).await?;
    let change = Change {
        is_disabled: Some(is_disabled),
        ..Change::default()
    };
    people::change_person(tx, &Actor::System, person, change).await?;
    Ok(Vec::new())
}
