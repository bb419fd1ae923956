//! How many blocking sections run at once, for engines that keep OS threads of their own for them.

use standin_core::wait_queue;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Others wait for their turn. Each has an OS thread.
const MOST: u32 = 512;

/// One of [`MOST`].
pub(super) struct Permit;

static PERMITS: AtomicU32 = AtomicU32::new(MOST);

impl Permit {
    pub(super) fn acquire() -> Self {
        loop {
            let left = PERMITS.load(Relaxed);
            if left == 0 {
                let _ = wait_queue::wait(&PERMITS, 0, None);
            } else if PERMITS
                .compare_exchange(left, left - 1, Acquire, Relaxed)
                .is_ok()
            {
                return Self;
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        PERMITS.fetch_add(1, Release);
        wait_queue::wake(&PERMITS, 1);
    }
}
