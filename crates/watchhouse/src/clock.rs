//! What time it is: the only place that asks the system.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// An instant, UTC. The database keeps whole microseconds, so the clock gives no finer ones.
pub type Timestamp = jiff::Timestamp;

/// The time of day, or a time that stands still until a test moves it.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// Microseconds since 1970.
    Frozen(Arc<AtomicI64>),
}

impl Clock {
    pub fn frozen_at(at: Timestamp) -> Clock {
        Clock::Frozen(Arc::new(AtomicI64::new(at.as_microsecond())))
    }

    pub fn now(&self) -> Timestamp {
        let micros = match self {
            #[expect(clippy::disallowed_methods, reason = "this is the one place")]
            Clock::System => Timestamp::now().as_microsecond(),
            Clock::Frozen(micros) => micros.load(Ordering::SeqCst),
        };
        from_micros(micros)
    }

    /// Moves a frozen clock on. The system's clock moves by itself.
    pub fn advance(&self, by: Duration) {
        if let Clock::Frozen(micros) = self {
            let by = i64::try_from(by.as_micros()).expect("tests move by less than an age");
            micros.fetch_add(by, Ordering::SeqCst);
        }
    }
}

/// An instant from the database's form: microseconds since 1970 UTC.
pub fn from_micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// `at` minus `by`, or the beginning of time.
pub fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// `at` plus `by`, or the end of time.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
