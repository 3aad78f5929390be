//! Secrets at rest: sealed with age to this installation's own identity.
//!
//! The identity lies in `secrets.key` in the data directory, readable by its owner alone, and nowhere
//! else: whoever has the database without this file has no secret. Several nodes on one database need
//! the same file. No call of the API returns what is sealed here.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use age::secrecy::ExposeSecret as _;
use age::x25519::{Identity, Recipient};
use anyhow::Context as _;

/// Seals and opens secrets. Cheap to clone.
#[derive(Clone)]
pub struct Secrets {
    identity: Identity,
    recipient: Recipient,
}

impl Secrets {
    /// Reads the identity at `path`, or makes one there.
    ///
    /// `may_create` is false once there is something sealed: then a missing file is a loss to be told
    /// of, and MUST NOT be papered over with a new one.
    pub fn open(path: &Path, may_create: bool) -> anyhow::Result<Secrets> {
        if !path.exists() {
            anyhow::ensure!(
                may_create,
                "the key file \"{}\" is missing, and without it the ledger's key and the webhooks' \
                 secrets in the database cannot be opened; put it back from where you keep it",
                path.display()
            );
            create(path).with_context(|| format!("making the key file \"{}\"", path.display()))?;
        }
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("reading the key file \"{}\"", path.display()))?;
        let line = text
            .lines()
            .find(|line| !line.starts_with('#'))
            .unwrap_or_default();
        let identity: Identity = line.trim().parse().map_err(|error| {
            anyhow::anyhow!("\"{}\" holds no age identity: {error}", path.display())
        })?;
        let recipient = identity.to_public();
        Ok(Secrets {
            identity,
            recipient,
        })
    }

    pub fn seal(&self, secret: &[u8]) -> anyhow::Result<Vec<u8>> {
        age::encrypt(&self.recipient, secret).context("sealing a secret")
    }

    pub fn unseal(&self, sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
        age::decrypt(&self.identity, sealed)
            .context("opening a sealed secret: is this the key file that it was sealed with?")
    }
}

fn create(path: &Path) -> anyhow::Result<()> {
    let identity = Identity::generate();
    let text = format!(
        "# Opens this installation's secrets. Keep a copy somewhere safe; show it to nobody.\n{}\n",
        identity.to_string().expose_secret()
    );
    // Written aside and moved into place, so that a crash leaves no half a key.
    let directory = path.parent().unwrap_or(Path::new("."));
    let aside = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&aside, path)?;
    std::fs::File::open(directory)?.sync_all()?;
    Ok(())
}
