//! Deadlines of this crate's clock as those of tokio's timer.

use standin_core::Instant;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::{Context, Poll};
use tokio::time::{self, Sleep};

/// Lets `sleep` wake the task at `deadline`; ready if that has passed. In the context of the runtime.
pub(super) fn arm(
    mut sleep: Pin<&mut Option<Sleep>>,
    deadline: Instant,
    context: &mut Context<'_>,
) -> Poll<()> {
    let deadline = to_tokio(deadline);
    match sleep.as_mut().as_pin_mut() {
        Some(armed) => armed.reset(deadline),
        None => sleep.set(Some(time::sleep_until(deadline))),
    }
    match sleep.as_pin_mut() {
        Some(armed) => armed.poll(context),
        None => unreachable!("it was set just now"),
    }
}

/// Ready when `deadline` has passed. The timer is that of the runtime around the first poll, or of the default one.
pub(super) async fn passed(deadline: Instant) {
    let mut sleep = pin!(None);
    poll_fn(|context| {
        let _entered = crate::aio::enter_runtime();
        arm(sleep.as_mut(), deadline, context)
    })
    .await;
}

/// Both clocks are the system's, counted from different points.
fn to_tokio(deadline: Instant) -> time::Instant {
    static POINT: OnceLock<(Instant, std::time::Instant)> = OnceLock::new();
    // In this order, so that what is between the two calls makes deadlines late, and not early.
    let (ours, theirs) = POINT.get_or_init(|| (Instant::system(), std::time::Instant::now()));
    let after = deadline.saturating_since(*ours);
    match theirs.checked_add(after) {
        Some(instant) => instant.into(),
        // As far off as tokio itself counts: 30 years.
        None => time::Instant::now() + std::time::Duration::from_secs(86_400 * 365 * 30),
    }
}
