//! Receipts: the address under which whoever reported sees what became of it.
//!
//! The address is the right to look: whoever has it may, and nobody can guess one. It is made from the
//! report's id and a key that is sealed at rest, so that no table holds what opens a report.

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::id::{Name as _, ReportId};
use crate::secrets::Secrets;
use crate::store::Tx;

/// 128 bits: nobody guesses them.
const MAC_BYTES: usize = 16;

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
        let bare_id = report.as_str().trim_start_matches("rep_");
        let mac = BASE64_URL_SAFE_NO_PAD.encode(&self.mac(report).as_ref()[..MAC_BYTES]);
        format!("{bare_id}.{mac}")
    }

    /// The report that a token is of. None if it is none that we made.
    pub fn read(&self, token: &str) -> Option<ReportId> {
        let (bare_id, mac) = token.split_once('.')?;
        let report = ReportId::from_text(format!("rep_{bare_id}"));
        let mac = BASE64_URL_SAFE_NO_PAD.decode(mac).ok()?;
        if mac.len() != MAC_BYTES {
            return None;
        }
        let mut expected = self.hmac();
        expected.update(report.as_str().as_bytes());
        expected.verify_truncated_left(&mac).ok()?;
        Some(report)
    }

    fn mac(&self, report: &ReportId) -> impl AsRef<[u8]> + use<> {
        let mut mac = self.hmac();
        mac.update(report.as_str().as_bytes());
        mac.finalize().into_bytes()
    }

    fn hmac(&self) -> Hmac<Sha256> {
        let mut hmac = Hmac::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        hmac.update(b"watchhouse receipt\n");
        hmac
    }
}
