//! Passwords: argon2id with the memory and the passes that OWASP's password storage cheat sheet asks for at least
//! (19 MiB, twice), which are the library's own.

use std::sync::Arc;

use anyhow::Context as _;
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::id::Ids;

/// NIST SP 800-63B asks for fifteen where a password stands alone, and for eight beside a second factor.
const SHORTEST: usize = 12;
const LONGEST: usize = 256;

/// Why a password cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultyPassword {
    #[error("expected {SHORTEST} to {LONGEST} characters")]
    Length,
    #[error("it holds the name that you sign in with")]
    HoldsLogin,
    #[error("it repeats the same few characters")]
    Monotonous,
}

/// Whether this may become the password of whoever signs in as `login`. Nothing is asked of the kinds of
/// characters: long is what counts.
///
/// # Errors
/// What is wrong with it.
pub fn check_password(password: &str, login: &str) -> Result<(), FaultyPassword> {
    if !(SHORTEST..=LONGEST).contains(&password.chars().count()) {
        return Err(FaultyPassword::Length);
    }
    if login.chars().count() > 2 && password.to_lowercase().contains(login) {
        return Err(FaultyPassword::HoldsLogin);
    }
    let kinds: std::collections::BTreeSet<char> = password.chars().collect();
    if kinds.len() < 5 {
        return Err(FaultyPassword::Monotonous);
    }
    Ok(())
}

/// Hashes and compares, a few at a time: each takes memory and a core.
pub struct Passwords {
    turns: Semaphore,
    /// What an unknown login's password is compared with, so that it takes as long.
    decoy: Arc<str>,
    ids: Ids,
}

impl Passwords {
    pub fn new(ids: Ids, n_at_once: usize) -> anyhow::Result<Passwords> {
        let decoy = hash(b"nobody's", &ids.random_bytes())?;
        Ok(Passwords {
            turns: Semaphore::new(n_at_once),
            decoy: decoy.into(),
            ids,
        })
    }

    /// What to keep of a password.
    pub async fn hash(&self, password: &str) -> anyhow::Result<String> {
        let (password, salt) = (password.to_owned(), self.ids.random_bytes());
        let _turn = self.turns.acquire().await.context("waiting for a turn")?;
        tokio::task::spawn_blocking(move || hash(password.as_bytes(), &salt)).await?
    }

    /// Whether this is the password of which `kept` was kept. Without one it is not, and takes as long.
    pub async fn matches(&self, password: &str, kept: Option<&str>) -> anyhow::Result<bool> {
        let is_known = kept.is_some();
        let kept = kept.map_or_else(|| Arc::clone(&self.decoy), Arc::from);
        let password = password.to_owned();
        let _turn = self.turns.acquire().await.context("waiting for a turn")?;
        let verify = move || Argon2::default().verify_password(password.as_bytes(), &*kept);
        let is_right = tokio::task::spawn_blocking(verify).await?.is_ok();
        Ok(is_right && is_known)
    }
}

fn hash(password: &[u8], salt: &[u8; 16]) -> anyhow::Result<String> {
    let hash = Argon2::default()
        .hash_password_with_salt(password, salt)
        .map_err(|error| anyhow::anyhow!("hashing a password: {error}"))?;
    Ok(hash.to_string())
}
