//! How many public forms each network may send. Kept in memory: a restart forgives.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// So many networks are remembered before those with all their forms left are forgotten.
const FORGET_ABOVE: usize = 10_000;

pub struct FormLimits(DefaultKeyedRateLimiter<IpAddr>);

impl FormLimits {
    pub fn new(per_hour: u32) -> FormLimits {
        let per_hour = NonZeroU32::new(per_hour).unwrap_or(NonZeroU32::MIN);
        FormLimits(RateLimiter::keyed(Quota::per_hour(per_hour)))
    }

    /// Takes one form from what the network has left. False when nothing is left.
    pub fn take(&self, network: IpAddr) -> bool {
        if self.0.len() > FORGET_ABOVE {
            self.0.retain_recent();
        }
        self.0.check_key(&network).is_ok()
    }
}
