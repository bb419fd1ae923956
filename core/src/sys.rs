//! The futex: the only thing that this crate asks of the system. Under `--cfg loom` the same operations
//! on loom's own primitives, so that the model checks what runs; and the cells of what a lock guards, which
//! a model watches for races and for use after the end.

#[cfg(loom)]
pub(crate) use self::model::{Cell, Futex, UnsafeCell};
#[cfg(not(loom))]
pub(crate) use self::real::{Cell, Futex, UnsafeCell};

#[cfg(not(loom))]
mod real {
    use crate::Instant;
    use rustix::thread::futex::{self, Flags};
    use rustix::time::Timespec;
    use std::num::NonZeroU32;
    use std::ops::Deref;
    use std::sync::atomic::AtomicU32;

    pub(crate) use std::cell::{Cell, UnsafeCell};

    /// A word that OS threads can wait on.
    #[derive(Default)]
    pub(crate) struct Futex(AtomicU32);

    impl Futex {
        pub(crate) const fn new(value: u32) -> Self {
            Self(AtomicU32::new(value))
        }

        /// Blocks the OS thread while the word is `expected`, until woken, the deadline (on the system's
        /// clock), or for no reason at all.
        pub(crate) fn wait(&self, expected: u32, deadline: Option<Instant>) {
            // A deadline that the kernel's seconds cannot hold lies further off than the machine will run.
            let deadline = deadline.and_then(|deadline| {
                let since_origin = deadline.since_origin();
                Some(Timespec {
                    tv_sec: since_origin.as_secs().try_into().ok()?,
                    tv_nsec: since_origin.subsec_nanos().into(),
                })
            });
            // Bitset waits take an absolute deadline; all errors (changed word, signal, timeout) mean
            // "look again", which is what every caller does.
            let _ = futex::wait_bitset(
                &self.0,
                Flags::PRIVATE,
                expected,
                deadline.as_ref(),
                NonZeroU32::MAX,
            );
        }

        /// Wakes one OS thread that waits on the word.
        pub(crate) fn wake_one(&self) {
            // The call fails only for a word that is not mapped, and `self` is.
            let _ = futex::wake(&self.0, Flags::PRIVATE, 1);
        }
    }

    impl Deref for Futex {
        type Target = AtomicU32;

        fn deref(&self) -> &AtomicU32 {
            &self.0
        }
    }
}

#[cfg(loom)]
mod model {
    use crate::Instant;
    use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use loom::sync::{Condvar, Mutex};
    use std::ops::Deref;

    /// The futex as its manual page defines it: compare and sleep are one step with respect to a wake. A
    /// wake that comes too early, or never, is lost here as it would be in the kernel.
    #[derive(Default)]
    pub(crate) struct Futex {
        word: AtomicU32,
        kernel: Mutex<()>,
        sleepers: Condvar,
    }

    impl Futex {
        pub(crate) fn new(value: u32) -> Self {
            Self {
                word: AtomicU32::new(value),
                kernel: Mutex::new(()),
                sleepers: Condvar::new(),
            }
        }

        pub(crate) fn wait(&self, expected: u32, deadline: Option<Instant>) {
            let kernel = self.kernel.lock().unwrap();
            // A model has no clock: a wait with a deadline ends at once, and loom tries every place that
            // the others can have reached by then.
            if deadline.is_none() && self.word.load(Relaxed) == expected {
                drop(self.sleepers.wait(kernel).unwrap());
            }
        }

        pub(crate) fn wake_one(&self) {
            let _kernel = self.kernel.lock().unwrap();
            self.sleepers.notify_one();
        }
    }

    impl Deref for Futex {
        type Target = AtomicU32;

        fn deref(&self) -> &AtomicU32 {
            &self.word
        }
    }

    /// `std::cell::UnsafeCell`; each `get`, and the drop, counts as a write, which every other access must
    /// happen before or after.
    pub(crate) struct UnsafeCell<T> {
        accesses: loom::cell::UnsafeCell<()>,
        value: std::cell::UnsafeCell<T>,
    }

    impl<T> UnsafeCell<T> {
        pub(crate) fn new(value: T) -> Self {
            Self {
                accesses: loom::cell::UnsafeCell::new(()),
                value: std::cell::UnsafeCell::new(value),
            }
        }

        pub(crate) fn get(&self) -> *mut T {
            self.accesses.with_mut(|_| ());
            self.value.get()
        }
    }

    impl<T> Drop for UnsafeCell<T> {
        fn drop(&mut self) {
            // While a failed model unwinds there is nothing left to check.
            if !std::thread::panicking() {
                self.accesses.with_mut(|_| ());
            }
        }
    }

    /// `std::cell::Cell`, watched in the same way.
    pub(crate) struct Cell<T>(UnsafeCell<T>);

    impl<T: Copy> Cell<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(UnsafeCell::new(value))
        }

        pub(crate) fn get(&self) -> T {
            // SAFETY: loom has just checked that no other access is concurrent with this one.
            unsafe { *self.0.get() }
        }

        pub(crate) fn set(&self, value: T) {
            self.replace(value);
        }

        pub(crate) fn replace(&self, value: T) -> T {
            // SAFETY: loom has just checked that no other access is concurrent with this one.
            unsafe { std::mem::replace(&mut *self.0.get(), value) }
        }
    }
}
