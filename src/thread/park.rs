//! The token of a thread, on the wait queue. One word holds it, as in std:
//! it is there, or it is not, or its owner waits for it.

use super::current::with_current;
use crate::engine::Control;
use crate::time::Duration;
use standin_core::{context, fault, wait_queue};
use std::sync::atomic::Ordering::{Acquire, Release};

const ABSENT: u32 = 0;
const PRESENT: u32 = 1;
const AWAITED: u32 = u32::MAX;

/// Parks until the thread's token is there, and takes it. This corresponds to [`std::thread::park`].
///
/// Cancellation does not end it.
pub fn park() {
    with_current(|control| {
        let token = control.token();
        // PRESENT becomes ABSENT, ABSENT becomes AWAITED.
        if token.fetch_sub(1, Acquire) == PRESENT {
            context::progress();
            return;
        }
        while token
            .compare_exchange(PRESENT, ABSENT, Acquire, Acquire)
            .is_err()
        {
            let _ = wait_queue::wait(token, AWAITED, None);
        }
    });
}

/// As [`park()`], but not longer than `timeout`. This corresponds to [`std::thread::park_timeout`].
pub fn park_timeout(timeout: Duration) {
    with_current(|control| {
        let token = control.token();
        if token.fetch_sub(1, Acquire) == PRESENT {
            context::progress();
            return;
        }
        let deadline = context::now().checked_add(timeout);
        let _ = wait_queue::wait(token, AWAITED, deadline);
        // Whether the token came or not, the thread does not wait for it any more.
        token.swap(ABSENT, Acquire);
    });
}

/// [`park_timeout`] in milliseconds. This corresponds to [`std::thread::park_timeout_ms`].
#[deprecated(note = "replaced by `standin::thread::park_timeout`, as std's is by its own")]
pub fn park_timeout_ms(milliseconds: u32) {
    park_timeout(Duration::from_millis(milliseconds.into()));
}

pub(super) fn unpark(control: &Control) {
    if fault::is_planted("lost-unpark") && control.token().load(Acquire) != AWAITED {
        return;
    }
    if control.token().swap(PRESENT, Release) == AWAITED {
        wait_queue::wake(control.token(), 1);
    }
}
