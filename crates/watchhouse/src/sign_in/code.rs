//! The second factor: codes from a device by RFC 6238, and recovery codes for when it is lost.

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use totp_rs::{Builder, Totp};

use crate::clock::Timestamp;
use crate::id::Ids;

/// So many recovery codes are given at once.
pub const RECOVERY_CODES: usize = 10;

/// In a recovery code: nothing that is taken for something else when it is read from paper.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";

/// A device that makes six digits every thirty seconds, of a secret of 160 bits.
pub struct Device(Totp);

impl Device {
    pub fn new(secret: &[u8], issuer: &str, login: &str) -> anyhow::Result<Device> {
        let totp = Builder::new()
            .with_secret(secret.to_vec())
            .with_issuer(Some(issuer.replace(':', " ")))
            .with_account_name(login.replace(':', " "))
            .build()
            .context("setting up codes from a device")?;
        Ok(Device(totp))
    }

    /// The secret, for typing.
    pub fn secret(&self) -> String {
        self.0.secret().to_base32()
    }

    /// What the device reads, as `otpauth:` address.
    pub fn address(&self) -> anyhow::Result<String> {
        self.0.to_url().context("writing the device's address")
    }

    /// The step of time that this is the code of: this one, the one before, or the next. Each is good once, and
    /// whoever calls MUST see to that.
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<u64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        self.0.check(&code, now.as_second().unsigned_abs())
    }
}

/// A recovery code of fifty random bits, which are tried as seldom as passwords.
pub fn make_recovery_code(ids: &Ids) -> String {
    let letters: String = ids
        .random_bytes::<10>()
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
        .collect();
    format!("{}-{}", &letters[..5], &letters[5..])
}

/// What is kept of a recovery code, however it is typed.
pub fn recovery_digest(code: &str) -> [u8; 32] {
    let plain: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    Sha256::digest(plain.as_bytes()).into()
}
