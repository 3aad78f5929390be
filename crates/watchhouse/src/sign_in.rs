//! Signing in: passwords, codes from a device, and how often they may be tried.
//!
//! MUST NOT say whether a login is known: an unknown one costs the same time and gets the same answer.

mod code;
mod limits;
mod password;

pub use code::{Device, RECOVERY_CODES, make_recovery_code, recovery_digest};
pub use limits::SignInLimits;
pub use password::{FaultyPassword, Passwords, check_password};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::id::Ids;

/// What a page of ours sends beside the cookie, and another's cannot know: made of the session's secret, so that
/// it need not be kept.
pub fn csrf_token(cookie: &str) -> String {
    let digest = Sha256::new()
        .chain_update(b"watchhouse csrf token\n")
        .chain_update(cookie)
        .finalize();
    BASE64_URL_SAFE_NO_PAD.encode(digest)
}

pub fn is_csrf_token(cookie: &str, said: &str) -> bool {
    csrf_token(cookie).as_bytes().ct_eq(said.as_bytes()).into()
}

/// A new invitation: the text to hand over once, and the digest to keep.
pub fn make_invitation(ids: &Ids) -> (String, [u8; 32]) {
    let text = format!(
        "whi_{}",
        BASE64_URL_SAFE_NO_PAD.encode(ids.random_bytes::<32>())
    );
    let digest = invitation_digest(&text);
    (text, digest)
}

pub fn invitation_digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
