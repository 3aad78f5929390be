//! Names of things, and the only source of randomness.
//!
//! An id is a prefix that says what it names and a ULID: sorted by id, things are sorted by when
//! they were made, which is what keyset pages and the ledger's order rely on.

use std::fmt;
use std::sync::{Arc, Mutex};

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::clock::Timestamp;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl Name for $name {
            const PREFIX: &'static str = $prefix;
            fn from_text(text: String) -> Self {
                $name(text)
            }
            fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .examples([concat!($prefix, "_01JQ5Z9Y3V8K7N2M4P6R8T0W1X")])
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )*};
}

/// A kind of id.
pub trait Name: Sized {
    const PREFIX: &'static str;

    /// An id as the database or a caller wrote it. Nothing is checked: an id that names nothing is
    /// found to name nothing where it is looked up.
    fn from_text(text: String) -> Self;

    fn as_str(&self) -> &str;

    /// When it was made, to the millisecond. None if it is no id that was made here.
    fn made_at(&self) -> Option<Timestamp> {
        let (_, ulid) = self.as_str().split_once('_')?;
        let millis = Ulid::from_string(ulid).ok()?.timestamp_ms();
        Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()
    }

    /// The smallest id that could be made at this time: a bound to compare with, and no name.
    fn first_at(at: Timestamp) -> Self {
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        Self::from_text(format!("{}_{}", Self::PREFIX, Ulid::from_parts(millis, 0)))
    }
}

ids! {
    AccountId = "acc";
    ActionId = "act";
    AppealId = "apl";
    BankId = "bnk";
    /// Whoever calls: a key's id or a person's.
    CallerId = "key";
    CaseId = "cas";
    DecisionId = "dec";
    DeliveryId = "dlv";
    EntryId = "ent";
    EvidenceId = "evi";
    /// A public form that was given out.
    FormId = "frm";
    ItemId = "itm";
    JobId = "job";
    KeyId = "key";
    MatchId = "mat";
    MessageId = "msg";
    OrganisationId = "org";
    PersonId = "per";
    PolicyId = "pol";
    ReportId = "rep";
    RequestId = "req";
    SessionId = "ses";
    /// One scan, and what it leaves behind.
    SightingId = "scn";
    /// What somebody is told who is acted against.
    StatementId = "stm";
    StrikeId = "str";
    WebhookEndpointId = "whe";
}

impl From<&KeyId> for CallerId {
    fn from(id: &KeyId) -> CallerId {
        CallerId(id.0.clone())
    }
}

impl From<&CallerId> for KeyId {
    fn from(id: &CallerId) -> KeyId {
        KeyId(id.0.clone())
    }
}

impl From<&PersonId> for CallerId {
    fn from(id: &PersonId) -> CallerId {
        CallerId(id.0.clone())
    }
}

/// Where ids and secrets come from. Cheap to clone; clones share one stream.
#[derive(Clone)]
pub struct Ids {
    state: Arc<Mutex<State>>,
}

struct State {
    rng: StdRng,
    last: Ulid,
}

impl Ids {
    /// Seeded by the operating system.
    pub fn random() -> Ids {
        let rng = StdRng::try_from_rng(&mut SysRng).expect("the system has randomness");
        Ids::from_rng(rng)
    }

    /// The same ids and secrets in every run. For tests.
    pub fn seeded(seed: u64) -> Ids {
        Ids::from_rng(StdRng::seed_from_u64(seed))
    }

    fn from_rng(rng: StdRng) -> Ids {
        let last = Ulid::nil();
        Ids {
            state: Arc::new(Mutex::new(State { rng, last })),
        }
    }

    /// A new id, greater than every id that this source gave before.
    pub fn make<T: Name>(&self, at: Timestamp) -> T {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        let fresh = Ulid::from_parts(millis, state.rng.random::<u128>());
        // Many ids fall into one millisecond, and a clock may step back: count on from the last.
        let ulid = match state.last.increment() {
            Ok(next) if fresh.timestamp_ms() <= state.last.timestamp_ms() => next,
            _ => fresh,
        };
        state.last = ulid;
        T::from_text(format!("{}_{ulid}", T::PREFIX))
    }

    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.state
            .lock()
            .expect("no holder of this lock panics")
            .rng
            .fill_bytes(&mut bytes);
        bytes
    }

    /// Evenly spread in 0.0..1.0.
    pub fn random_share(&self) -> f64 {
        self.state
            .lock()
            .expect("no holder of this lock panics")
            .rng
            .random()
    }
}
