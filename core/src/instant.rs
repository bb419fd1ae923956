//! A point in time on an engine's clock: what deadlines are made of.

use std::time::Duration;

/// A point on the clock of the engine that the calling thread runs on, as the time since that clock's
/// origin.
///
/// Real engines use `CLOCK_MONOTONIC`, the clock of [`std::time::Instant`], which is opaque; a simulated
/// engine uses its own. Instants of two clocks must not be compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instant(Duration);

impl Instant {
    /// The point that lies `since_origin` after the clock's origin.
    pub const fn from_origin(since_origin: Duration) -> Self {
        Self(since_origin)
    }

    /// The time since the clock's origin.
    pub const fn since_origin(self) -> Duration {
        self.0
    }

    /// Now, on the system's monotonic clock.
    pub fn system() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        Self(Duration::new(now.tv_sec as u64, now.tv_nsec as u32))
    }

    /// `self + duration`, or `None` where that is beyond what the clock can represent.
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        self.0.checked_add(duration).map(Self)
    }

    /// `self - duration`, or `None` before the clock's origin.
    pub fn checked_sub(self, duration: Duration) -> Option<Self> {
        self.0.checked_sub(duration).map(Self)
    }

    /// The time from `earlier` to `self`; zero if `earlier` is later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
