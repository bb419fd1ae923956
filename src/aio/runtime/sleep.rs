//! Futures that wait for a time.

use super::timers::Sleeping;
use crate::engine::{BoxedFuture, Engine};
use async_trait::async_trait;
use standin_core::Instant;
use std::future::pending;
use std::time::Duration;

/// The clock of an engine, for futures.
///
/// The futures can be polled anywhere. Dropped, they leave nothing behind. On `async` the timer is tokio's; on every
/// other engine one thread of the engine, made when it is first needed, waits for all the deadlines.
#[async_trait]
pub trait Sleep {
    /// Now, on the clock of the engine.
    fn now(&self) -> Instant;

    /// Ready when `deadline` has passed, not before.
    ///
    /// # Panics
    ///
    /// If the engine's timer thread cannot be started.
    async fn sleep_until(&self, deadline: Instant);

    /// Ready when `duration` has passed, counted from the first poll.
    ///
    /// # Panics
    ///
    /// As [`sleep_until`](Self::sleep_until).
    async fn sleep(&self, duration: Duration) {
        match self.now().checked_add(duration) {
            Some(deadline) => self.sleep_until(deadline).await,
            // Beyond the end of the clock.
            None => pending().await,
        }
    }
}

#[async_trait]
impl Sleep for Engine {
    fn now(&self) -> Instant {
        self.contract().now()
    }

    async fn sleep_until(&self, deadline: Instant) {
        match self.contract().timer(deadline) {
            Some(timer) => timer.await,
            None => Sleeping::new(*self, deadline).await,
        }
    }
}

/// [`Sleep::sleep`], for as long as anybody likes.
pub(crate) fn sleeping(engine: Engine, duration: Duration) -> BoxedFuture {
    Box::pin(async move { engine.sleep(duration).await })
}
