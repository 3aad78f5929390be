//! Receipts: the address under which whoever reported sees what became of it. Also the addresses of
//! statements of reasons, and the tokens of the public form, each good for one report.
//!
//! The address is the right to look: whoever has it may, and nobody can guess one. It is made from the
//! report's id and a key that is sealed at rest, so that no table holds what opens a report.

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::id::{FormId, Name, ReportId, StatementId};
use crate::secrets::Secrets;
use crate::store::Tx;

/// 128 bits: nobody guesses them.
const MAC_BYTES: usize = 16;

/// What a token is for is part of what is signed, so that none stands for another.
const RECEIPT: &[u8] = b"watchhouse receipt\n";
const STATEMENT: &[u8] = b"watchhouse statement of reasons\n";
const FORM: &[u8] = b"watchhouse report form\n";

/// Makes and reads receipts' tokens.
pub struct Receipts {
    key: [u8; 32],
}

impl Receipts {
    /// Opens this installation's key, or makes it at the first start.
    pub async fn open(tx: &mut Tx, secrets: &Secrets) -> anyhow::Result<Receipts> {
        let sealed = match tx.meta("receipt_key").await? {
            Some(sealed) => sealed,
            None => {
                let sealed = secrets.seal(&tx.random_bytes::<32>())?;
                // Another node that starts for the first time may be quicker.
                tx.put_meta("receipt_key", &sealed).await?;
                let kept = tx.meta("receipt_key").await?;
                kept.context("the receipts' key was there and is gone")?
            }
        };
        let key = secrets
            .unseal(&sealed)
            .context("opening the receipts' key")?;
        let key = key.try_into();
        let key = key.map_err(|_| anyhow::anyhow!("the receipts' key has not 32 bytes"))?;
        Ok(Receipts { key })
    }

    /// What stands at the end of a receipt's address.
    pub fn token(&self, report: &ReportId) -> String {
        self.make(RECEIPT, report)
    }

    /// The report that a token is of. None if it is none that we made.
    pub fn read(&self, token: &str) -> Option<ReportId> {
        self.open_token(RECEIPT, token)
    }

    /// Where a statement of reasons is shown.
    pub fn statement_address(&self, public_url: &str, statement: &StatementId) -> String {
        let token = self.make(STATEMENT, statement);
        format!("{}/statements/{token}", public_url.trim_end_matches('/'))
    }

    /// The statement that a token is of. None if it is none that we made.
    pub fn read_statement(&self, token: &str) -> Option<StatementId> {
        self.open_token(STATEMENT, token)
    }

    /// What a public form carries, so that it is sent once and was given out here.
    pub fn form_token(&self, form: &FormId) -> String {
        self.make(FORM, form)
    }

    /// The form that a token is of. None if it is none that we gave out.
    pub fn read_form(&self, token: &str) -> Option<FormId> {
        self.open_token(FORM, token)
    }

    fn make<T: Name>(&self, purpose: &[u8], id: &T) -> String {
        let mut mac = self.hmac(purpose);
        mac.update(id.as_str().as_bytes());
        let mac = &mac.finalize().into_bytes()[..MAC_BYTES];
        let (_, bare_id) = id.as_str().split_once('_').expect("an id has its prefix");
        format!("{bare_id}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac))
    }

    fn open_token<T: Name>(&self, purpose: &[u8], token: &str) -> Option<T> {
        let (bare_id, mac) = token.split_once('.')?;
        let id = T::from_text(format!("{}_{bare_id}", T::PREFIX));
        let mac = BASE64_URL_SAFE_NO_PAD.decode(mac).ok()?;
        if mac.len() != MAC_BYTES {
            return None;
        }
        let mut expected = self.hmac(purpose);
        expected.update(id.as_str().as_bytes());
        expected.verify_truncated_left(&mac).ok()?;
        Some(id)
    }

    fn hmac(&self, purpose: &[u8]) -> Hmac<Sha256> {
        let mut hmac = Hmac::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        hmac.update(purpose);
        hmac
    }
}
