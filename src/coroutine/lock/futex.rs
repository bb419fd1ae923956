//! The three-state futex lock, with the system call made directly.

use std::arch::asm;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU32, Ordering};

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;
/// Tries before sleeping: sections are shorter than a trip to the kernel.
const SPINS: u32 = 100;

/// # Invariant
///
/// *held*: whoever changed `state` from `FREE` to something else is the only
/// one to touch `value` until it stores `FREE` again.
pub(in crate::coroutine) struct Lock<T> {
    state: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: by the invariant *held*, one thread at a time reaches the value, so
// sharing the lock only ever moves access from thread to thread.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(in crate::coroutine) const fn new(value: T) -> Lock<T> {
        Lock {
            state: AtomicU32::new(FREE),
            value: UnsafeCell::new(value),
        }
    }

    pub(in crate::coroutine) fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        self.acquire();
        let _release = Release(&self.state);
        // SAFETY: *held*: `acquire` returned and `_release` has not run.
        section(unsafe { &mut *self.value.get() })
    }

    fn acquire(&self) {
        for _ in 0..SPINS {
            if self
                .state
                .compare_exchange_weak(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
            {
                return;
            }
            std::hint::spin_loop();
        }
        while self.state.swap(CONTENDED, Ordering::Acquire) != FREE {
            futex(&self.state, libc::FUTEX_WAIT, CONTENDED);
        }
    }
}

struct Release<'a>(&'a AtomicU32);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        if self.0.swap(FREE, Ordering::Release) == CONTENDED {
            futex(self.0, libc::FUTEX_WAKE, 1);
        }
    }
}

/// `futex(2)` without a timeout. The result does not matter: callers look at
/// the word again.
fn futex(word: &AtomicU32, operation: i32, value: u32) {
    // SAFETY: the word lives as long as the call, the timeout is null, and
    // the kernel clobbers nothing but rax, rcx and r11.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") libc::SYS_futex => _,
            in("rdi") word.as_ptr(),
            in("rsi") i64::from(operation | libc::FUTEX_PRIVATE_FLAG),
            in("rdx") u64::from(value),
            in("r10") 0,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
}
