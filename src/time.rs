//! Time, as [`std::time`]: `Duration`, `SystemTime` and the errors are std's own; [`Instant`] is a type of
//! standin's, because an engine can have a clock of its own.

pub use std::time::{Duration, SystemTime, SystemTimeError, TryFromFloatSecsError, UNIX_EPOCH};

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// A point on the clock of the calling thread's engine. This corresponds to [`std::time::Instant`], and as
/// on Unix it reaches far back before the clock's origin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    /// Since the origin, rounded down.
    seconds: i64,
    /// Less than a second.
    nanoseconds: u32,
}

const SECOND: u32 = 1_000_000_000;

impl Instant {
    /// This corresponds to [`std::time::Instant::now`].
    #[must_use]
    pub fn now() -> Self {
        let since_origin = crate::engine::here().now().since_origin();
        let origin = Self {
            seconds: 0,
            nanoseconds: 0,
        };
        origin + since_origin
    }

    /// This corresponds to [`std::time::Instant::duration_since`]: zero if `earlier` is later.
    #[must_use]
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.checked_duration_since(earlier).unwrap_or_default()
    }

    /// This corresponds to [`std::time::Instant::checked_duration_since`].
    #[must_use]
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        if *self < earlier {
            return None;
        }
        let seconds = self.seconds.abs_diff(earlier.seconds);
        Some(if self.nanoseconds >= earlier.nanoseconds {
            Duration::new(seconds, self.nanoseconds - earlier.nanoseconds)
        } else {
            Duration::new(seconds - 1, self.nanoseconds + SECOND - earlier.nanoseconds)
        })
    }

    /// This corresponds to [`std::time::Instant::saturating_duration_since`].
    #[must_use]
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }

    /// This corresponds to [`std::time::Instant::elapsed`].
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }

    /// This corresponds to [`std::time::Instant::checked_add`].
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        let nanoseconds = self.nanoseconds + duration.subsec_nanos();
        let seconds = self.seconds.checked_add_unsigned(duration.as_secs())?;
        Some(Self {
            seconds: seconds.checked_add((nanoseconds / SECOND).into())?,
            nanoseconds: nanoseconds % SECOND,
        })
    }

    /// This corresponds to [`std::time::Instant::checked_sub`].
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        let nanoseconds = self.nanoseconds + SECOND - duration.subsec_nanos();
        let borrowed = 1 - nanoseconds / SECOND;
        let seconds = self.seconds.checked_sub_unsigned(duration.as_secs())?;
        Some(Self {
            seconds: seconds.checked_sub(borrowed.into())?,
            nanoseconds: nanoseconds % SECOND,
        })
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
        f.debug_struct("Instant")
            .field("tv_sec", &self.seconds)
            .field("tv_nsec", &self.nanoseconds)
            .finish()
    }
}
