//! Who calls, and what they may do.
//!
//! A key is `whk_<id>.<secret>`: the id finds the row, and the secret's SHA-256 is compared in
//! constant time. Only the digest is kept.

mod known_keys;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::clock::{Timestamp, earlier};
use crate::id::{Ids, KeyId, Name as _, OrganisationId};
use crate::store::keys::{ApiKey, USES_KEPT_EVERY};
use crate::store::ledger::Actor;

pub use known_keys::KnownKeys;

const PREFIX: &str = "whk_";

/// What a key allows. The names are part of the API.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
pub enum Scope {
    /// Everything.
    #[serde(rename = "admin")]
    Admin,
    #[serde(rename = "scan")]
    Scan,
    /// Ask which lists a hash is on. Not in `scan`, which tells nothing of hashes without their media.
    #[serde(rename = "lookup")]
    Lookup,
    #[serde(rename = "banks:read")]
    BanksRead,
    #[serde(rename = "banks:write")]
    BanksWrite,
    /// Items and accounts.
    #[serde(rename = "items:read")]
    ItemsRead,
    #[serde(rename = "cases:read")]
    CasesRead,
    /// Claim, release and decide.
    #[serde(rename = "cases:decide")]
    CasesDecide,
    #[serde(rename = "policies:read")]
    PoliciesRead,
    #[serde(rename = "policies:write")]
    PoliciesWrite,
    #[serde(rename = "actions:read")]
    ActionsRead,
    /// Say what became of an action.
    #[serde(rename = "actions:write")]
    ActionsWrite,
    /// Endpoints and deliveries.
    #[serde(rename = "webhooks:read")]
    WebhooksRead,
    #[serde(rename = "webhooks:write")]
    WebhooksWrite,
    #[serde(rename = "ledger:read")]
    LedgerRead,
    /// Read reports; with an organisation's key its own.
    #[serde(rename = "reports:read")]
    ReportsRead,
    /// Report.
    #[serde(rename = "reports:write")]
    ReportsWrite,
    #[serde(rename = "organisations:read")]
    OrganisationsRead,
    #[serde(rename = "organisations:write")]
    OrganisationsWrite,
    #[serde(rename = "keys:write")]
    KeysWrite,
}

impl Scope {
    pub const ALL: [Scope; 20] = [
        Scope::Admin,
        Scope::Scan,
        Scope::Lookup,
        Scope::BanksRead,
        Scope::BanksWrite,
        Scope::ItemsRead,
        Scope::CasesRead,
        Scope::CasesDecide,
        Scope::PoliciesRead,
        Scope::PoliciesWrite,
        Scope::ActionsRead,
        Scope::ActionsWrite,
        Scope::WebhooksRead,
        Scope::WebhooksWrite,
        Scope::LedgerRead,
        Scope::ReportsRead,
        Scope::ReportsWrite,
        Scope::OrganisationsRead,
        Scope::OrganisationsWrite,
        Scope::KeysWrite,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Admin => "admin",
            Scope::Scan => "scan",
            Scope::Lookup => "lookup",
            Scope::BanksRead => "banks:read",
            Scope::BanksWrite => "banks:write",
            Scope::ItemsRead => "items:read",
            Scope::CasesRead => "cases:read",
            Scope::CasesDecide => "cases:decide",
            Scope::PoliciesRead => "policies:read",
            Scope::PoliciesWrite => "policies:write",
            Scope::ActionsRead => "actions:read",
            Scope::ActionsWrite => "actions:write",
            Scope::WebhooksRead => "webhooks:read",
            Scope::WebhooksWrite => "webhooks:write",
            Scope::LedgerRead => "ledger:read",
            Scope::ReportsRead => "reports:read",
            Scope::ReportsWrite => "reports:write",
            Scope::OrganisationsRead => "organisations:read",
            Scope::OrganisationsWrite => "organisations:write",
            Scope::KeysWrite => "keys:write",
        }
    }

    fn parse(text: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// The key behind a call.
#[derive(Clone, Debug)]
pub struct Caller {
    pub key_id: KeyId,
    pub name: String,
    pub expires_at: Option<Timestamp>,
    /// Whose key it is, if it is an organisation's that reports.
    pub organisation: Option<OrganisationId>,
    scopes: Vec<Scope>,
}

impl Caller {
    pub fn from_key(key: &ApiKey) -> Caller {
        // A scope that this version does not know allows nothing.
        let scopes = key
            .scopes
            .iter()
            .filter_map(|name| Scope::parse(name))
            .collect();
        Caller {
            key_id: key.id.clone(),
            name: key.name.clone(),
            expires_at: key.expires_at,
            organisation: key.organisation_id.clone(),
            scopes,
        }
    }

    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }

    /// The first scope of `key` that this caller has not.
    pub fn lacks<'a>(&self, key: &'a ApiKey) -> Option<&'a str> {
        let mut scopes = key.scopes.iter().map(String::as_str);
        // Nobody but an administrator has a scope that this version does not know.
        scopes.find(|name| !self.may(Scope::parse(name).unwrap_or(Scope::Admin)))
    }

    pub fn actor(&self) -> Actor {
        Actor::Key(self.key_id.clone())
    }
}

/// A new secret for the key `id`: the text to hand over once, and the digest to keep.
pub fn make_secret(ids: &Ids, id: &KeyId) -> (String, [u8; 32]) {
    let secret = BASE64_URL_SAFE_NO_PAD.encode(ids.random_bytes::<32>());
    let bare_id = id.as_str().trim_start_matches("key_");
    (
        format!("{PREFIX}{bare_id}.{secret}"),
        Sha256::digest(secret.as_bytes()).into(),
    )
}

/// The id and the secret's digest in the text of a key. None if it is no key.
pub fn parse_secret(text: &str) -> Option<(KeyId, [u8; 32])> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('.')?;
    let is_id = id.len() == 26 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_id.then(|| {
        (
            KeyId::from_text(format!("key_{id}")),
            Sha256::digest(secret.as_bytes()).into(),
        )
    })
}

pub fn secrets_match(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

/// When each key's use was last written down by this node. A key calls many times before the first
/// writing has ended, and one is enough.
#[derive(Default)]
pub struct LastUses(Mutex<HashMap<KeyId, Timestamp>>);

impl LastUses {
    /// True when the key's use is to be written down, which the caller MUST do: it is true once a
    /// minute.
    pub fn is_due(&self, key: &ApiKey, now: Timestamp) -> bool {
        let since = earlier(now, USES_KEPT_EVERY);
        if key.last_used_at.is_some_and(|at| at >= since) {
            return false;
        }
        let mut kept = self.0.lock().expect("no holder of this lock panics");
        if kept.get(&key.id).is_some_and(|at| *at >= since) {
            return false;
        }
        kept.insert(key.id.clone(), now);
        true
    }
}

/// How fast each key may call. Kept in memory: a restart forgives.
#[derive(Default)]
pub struct RateLimits {
    limiters: RwLock<HashMap<KeyId, Limiter>>,
}

/// What a key has left, under the quota that it had when it last called.
type Limiter = (Quota, Arc<DefaultDirectRateLimiter>);

impl RateLimits {
    /// Takes one call from what the key has left, or says how long to wait.
    pub fn take(&self, key: &KeyId, per_second: u32, burst: u32) -> Result<(), Duration> {
        let per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let limiter = self.limiter(key, quota);
        limiter
            .check()
            .map_err(|later| later.wait_time_from(DefaultClock::default().now()))
    }

    fn limiter(&self, key: &KeyId, quota: Quota) -> Arc<DefaultDirectRateLimiter> {
        let known = self.limiters.read().expect("no holder of this lock panics");
        if let Some((of, limiter)) = known.get(key)
            && *of == quota
        {
            return Arc::clone(limiter);
        }
        drop(known);
        let limiter = Arc::new(RateLimiter::direct(quota));
        let mut limiters = self
            .limiters
            .write()
            .expect("no holder of this lock panics");
        limiters.insert(key.clone(), (quota, Arc::clone(&limiter)));
        limiter
    }
}
