//! Time, as [`std::time`]: `Duration`, `SystemTime` and the errors are std's own; [`Instant`] is a type of
//! standin's, because an engine can have a clock of its own.

pub use std::time::{Duration, SystemTime, SystemTimeError, TryFromFloatSecsError, UNIX_EPOCH};

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// A point on the clock of the calling thread's engine. This corresponds to [`std::time::Instant`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub(crate) standin_core::Instant);

impl Instant {
    /// This corresponds to [`std::time::Instant::now`].
    #[must_use]
    pub fn now() -> Self {
        Self(crate::engine::here().now())
    }

    /// This corresponds to [`std::time::Instant::duration_since`]: zero if `earlier` is later.
    #[must_use]
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_since(earlier.0)
    }

    /// This corresponds to [`std::time::Instant::checked_duration_since`].
    #[must_use]
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.since_origin().checked_sub(earlier.0.since_origin())
    }

    /// This corresponds to [`std::time::Instant::saturating_duration_since`].
    #[must_use]
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_since(earlier.0)
    }

    /// This corresponds to [`std::time::Instant::elapsed`].
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }

    /// This corresponds to [`std::time::Instant::checked_add`].
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_add(duration).map(Self)
    }

    /// This corresponds to [`std::time::Instant::checked_sub`].
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_sub(duration).map(Self)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// # Panics
    ///
    /// If the clock cannot represent the result, as std's.
    fn add(self, duration: Duration) -> Instant {
        self.checked_add(duration)
            .expect("overflow when adding duration to instant")
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    /// # Panics
    ///
    /// If the clock cannot represent the result, as std's.
    fn sub(self, duration: Duration) -> Instant {
        self.checked_sub(duration)
            .expect("overflow when subtracting duration from instant")
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_origin = self.0.since_origin();
        f.debug_struct("Instant")
            .field("tv_sec", &since_origin.as_secs())
            .field("tv_nsec", &since_origin.subsec_nanos())
            .finish()
    }
}
