//! Who calls, and what they may do: a key by its own scopes, a person by those of their roles.
//!
//! A key is `whk_<id>.<secret>`: the id finds the row, and the secret's SHA-256 is compared in
//! constant time. Only the digest is kept. A person's session is `whs_<id>.<secret>`, kept alike.

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
use crate::id::{CallerId, Ids, KeyId, Name as _, OrganisationId, PersonId, SessionId};
use crate::store::keys::{ApiKey, USES_KEPT_EVERY};
use crate::store::ledger::Actor;
use crate::store::people::Person;
use crate::store::reach::Reach;
use crate::store::roles::Grant;

pub use known_keys::KnownKeys;

const PREFIX: &str = "whk_";
const SESSION_PREFIX: &str = "whs_";

/// What a key allows. The names are part of the API.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
pub enum Scope {
    /// Everything but `child-safety`, which it may give.
    #[serde(rename = "admin")]
    Admin,
    /// Have to do with cases of child safety, as the other scopes say. No other scope holds it.
    #[serde(rename = "child-safety")]
    ChildSafety,
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
    /// People, their roles, and what those are made of.
    #[serde(rename = "people:read")]
    PeopleRead,
    #[serde(rename = "people:write")]
    PeopleWrite,
    #[serde(rename = "keys:write")]
    KeysWrite,
}

impl Scope {
    pub const ALL: [Scope; 23] = [
        Scope::Admin,
        Scope::ChildSafety,
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
        Scope::PeopleRead,
        Scope::PeopleWrite,
        Scope::KeysWrite,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Admin => "admin",
            Scope::ChildSafety => "child-safety",
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
            Scope::PeopleRead => "people:read",
            Scope::PeopleWrite => "people:write",
            Scope::KeysWrite => "keys:write",
        }
    }

    fn parse(text: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// Whoever is behind a call: a key or a person.
#[derive(Clone, Debug)]
pub struct Caller {
    pub id: CallerId,
    pub name: String,
    /// When the key ends.
    pub expires_at: Option<Timestamp>,
    /// Whose key it is, if it is an organisation's that reports.
    pub organisation: Option<OrganisationId>,
    /// By which the person calls; None for a key.
    pub session: Option<SignedIn>,
    scopes: Vec<Scope>,
    /// Scopes that hold in some queues or of some categories alone.
    limited_scopes: Vec<Scope>,
}

/// A person's session.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub id: SessionId,
    pub person: PersonId,
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
            id: CallerId::from(&key.id),
            name: key.name.clone(),
            expires_at: key.expires_at,
            organisation: key.organisation_id.clone(),
            session: None,
            scopes,
            limited_scopes: Vec::new(),
        }
    }

    pub fn from_person(person: &Person, session: SessionId, grants: &[Grant]) -> Caller {
        let scopes_that = |is_limited| {
            let of_kind = grants.iter().filter(|one| one.is_limited == is_limited);
            of_kind.filter_map(|one| Scope::parse(&one.scope)).collect()
        };
        Caller {
            id: CallerId::from(&person.id),
            name: person.name.clone(),
            expires_at: None,
            organisation: None,
            session: Some(SignedIn {
                id: session,
                person: person.id.clone(),
            }),
            scopes: scopes_that(false),
            limited_scopes: scopes_that(true),
        }
    }

    /// Whether the caller may make calls that need this scope. Which cases those may be about is for
    /// `reach` to say.
    pub fn may(&self, scope: Scope) -> bool {
        self.has(scope) || self.limited_scopes.contains(&scope)
    }

    /// Which cases the caller may have to do with, by this scope.
    pub fn reach(&self, scope: Scope) -> Reach {
        match &self.session {
            Some(session) => Reach::of_person(session.person.clone(), scope.as_str()),
            None => Reach::of_key(self.has(Scope::ChildSafety)),
        }
    }

    /// The first of these scopes that the caller may not give to others, not having it everywhere.
    pub fn lacks<'a>(&self, scopes: &'a [String]) -> Option<&'a str> {
        let mut names = scopes.iter().map(String::as_str);
        names.find(|name| {
            // Nobody but an administrator has a scope that this version does not know.
            let scope = Scope::parse(name).unwrap_or(Scope::Admin);
            !self.has(scope) && !self.has(Scope::Admin)
        })
    }

    /// Every scope, whether it holds everywhere or not.
    pub fn scopes(&self) -> Vec<&'static str> {
        let all = Scope::ALL.into_iter();
        all.filter(|scope| self.may(*scope))
            .map(Scope::as_str)
            .collect()
    }

    pub fn actor(&self) -> Actor {
        Actor::Caller(self.id.clone())
    }

    fn has(&self, scope: Scope) -> bool {
        let is_administrators = scope != Scope::ChildSafety && self.scopes.contains(&Scope::Admin);
        is_administrators || self.scopes.contains(&scope)
    }
}

/// A new secret for the session `id`: the text for the cookie, and the digest to keep.
pub fn make_session_secret(ids: &Ids, id: &SessionId) -> (String, [u8; 32]) {
    make_secret_of(ids, SESSION_PREFIX, id.as_str())
}

/// The id and the secret's digest in the text of a session's cookie. None if it is none.
pub fn parse_session_secret(text: &str) -> Option<(SessionId, [u8; 32])> {
    let (id, digest) = parse_secret_of(SESSION_PREFIX, text)?;
    Some((SessionId::from_text(format!("ses_{id}")), digest))
}

/// A new secret for the key `id`: the text to hand over once, and the digest to keep.
pub fn make_secret(ids: &Ids, id: &KeyId) -> (String, [u8; 32]) {
    make_secret_of(ids, PREFIX, id.as_str())
}

/// The id and the secret's digest in the text of a key. None if it is no key.
pub fn parse_secret(text: &str) -> Option<(KeyId, [u8; 32])> {
    let (id, digest) = parse_secret_of(PREFIX, text)?;
    Some((KeyId::from_text(format!("key_{id}")), digest))
}

fn make_secret_of(ids: &Ids, prefix: &str, id: &str) -> (String, [u8; 32]) {
    let secret = BASE64_URL_SAFE_NO_PAD.encode(ids.random_bytes::<32>());
    let (_, bare_id) = id.split_once('_').expect("ids have a prefix");
    (
        format!("{prefix}{bare_id}.{secret}"),
        Sha256::digest(secret.as_bytes()).into(),
    )
}

fn parse_secret_of<'a>(prefix: &str, text: &'a str) -> Option<(&'a str, [u8; 32])> {
    let (id, secret) = text.strip_prefix(prefix)?.split_once('.')?;
    let is_id = id.len() == 26 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_id.then(|| (id, Sha256::digest(secret.as_bytes()).into()))
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

/// How fast each caller may call. Kept in memory: a restart forgives.
#[derive(Default)]
pub struct RateLimits {
    limiters: RwLock<HashMap<CallerId, Limiter>>,
}

/// What a caller has left, under the quota that it had when it last called.
type Limiter = (Quota, Arc<DefaultDirectRateLimiter>);

impl RateLimits {
    /// Takes one call from what the caller has left, or says how long to wait.
    pub fn take(&self, caller: &CallerId, per_second: u32, burst: u32) -> Result<(), Duration> {
        let per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let limiter = self.limiter(caller, quota);
        limiter
            .check()
            .map_err(|later| later.wait_time_from(DefaultClock::default().now()))
    }

    fn limiter(&self, caller: &CallerId, quota: Quota) -> Arc<DefaultDirectRateLimiter> {
        let known = self.limiters.read().expect("no holder of this lock panics");
        if let Some((of, limiter)) = known.get(caller)
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
        limiters.insert(caller.clone(), (quota, Arc::clone(&limiter)));
        limiter
    }
}
