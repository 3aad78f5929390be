//! How often anybody may try to sign in. Kept in memory: a restart forgives.
//!
//! Tries come back with time, so that nobody is locked out for good. They are counted by login and network
//! together, so that whoever floods a login from elsewhere does not soon shut its owner out; by network, so that
//! one place cannot try many logins; and by login, so that many places cannot try one.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use sha2::{Digest as _, Sha256};

use crate::clock::Clock;

/// So many are remembered before those with all their tries left are forgotten.
const FORGET_ABOVE: usize = 10_000;

/// A network has so many times the tries that one login has from it, and a login so many times those that it has
/// from one network.
const LOGINS_A_NETWORK: u32 = 5;
const NETWORKS_A_LOGIN: u32 = 20;

/// The beginning of a login's digest: what is typed may be long.
type Login = [u8; 16];

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, Clock, NoOpMiddleware<Duration>>;

pub struct SignInLimits {
    clock: Clock,
    by_place: Limiter<(Login, IpAddr)>,
    by_network: Limiter<IpAddr>,
    by_login: Limiter<Login>,
}

impl SignInLimits {
    /// `per_hour`: for one login from one network.
    pub fn new(per_hour: u32, clock: Clock) -> SignInLimits {
        let times = |n: u32| {
            let per_hour = NonZeroU32::new(per_hour.saturating_mul(n));
            Quota::per_hour(per_hour.unwrap_or(NonZeroU32::MIN))
        };
        SignInLimits {
            by_place: RateLimiter::hashmap_with_clock(times(1), clock.clone()),
            by_network: RateLimiter::hashmap_with_clock(times(LOGINS_A_NETWORK), clock.clone()),
            by_login: RateLimiter::hashmap_with_clock(times(NETWORKS_A_LOGIN), clock.clone()),
            clock,
        }
    }

    /// Takes one try, or says how long to wait for the next.
    pub fn take(&self, login: &str, network: IpAddr) -> Result<(), Duration> {
        if self.by_place.len() > FORGET_ABOVE {
            self.by_place.retain_recent();
            self.by_network.retain_recent();
            self.by_login.retain_recent();
        }
        let digest: [u8; 32] = Sha256::digest(login.as_bytes()).into();
        let (login, _) = digest.split_first_chunk().expect("it has 32 bytes");
        // The narrowest first: what it refuses takes nothing from what others share.
        take(&self.by_place, &(*login, network), &self.clock)?;
        take(&self.by_network, &network, &self.clock)?;
        take(&self.by_login, login, &self.clock)
    }
}

fn take<K: Hash + Eq + Clone>(
    limiter: &Limiter<K>,
    key: &K,
    clock: &Clock,
) -> Result<(), Duration> {
    let now = governor::clock::Clock::now(clock);
    limiter
        .check_key(key)
        .map_err(|later| later.wait_time_from(now))
}

/// So that tests freeze this time, too.
impl governor::clock::Clock for Clock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        let micros = Clock::now(self).as_microsecond();
        Duration::from_micros(micros.unsigned_abs())
    }
}
