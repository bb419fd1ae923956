//! Waiting for conditions, from any context, without a time by which they have to hold.

use standin::thread;
use std::time::Duration;

/// Returns once `condition` holds; other threads of the engine run meanwhile.
///
/// If it never does, the test hangs, and whoever watches the process says where.
pub(crate) fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        // Long enough to stay out of the way of what is waited for; nothing depends on it.
        thread::sleep(Duration::from_micros(200));
    }
}
