//! The lock of the stack pool.
//!
//! std's `Mutex` will not do on Linux: code that interposes libc's futex
//! call turns its waits into parking, and a thread that parks needs this
//! very pool. So the lock speaks to the kernel itself. Sections under it are
//! short, never park and never allocate.
//!
//! # Required of each implementation
//!
//! `Lock<T>` with `const fn new(T)` and `with(|&mut T| ..)`, which runs the
//! closure alone and releases the lock also when the closure unwinds.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod futex;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(super) use futex::Lock;

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod portable;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub(super) use portable::Lock;

#[cfg(test)]
mod tests {
    use super::Lock;

    #[test]
    fn sections_exclude_each_other() {
        static COUNT: Lock<u64> = Lock::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        COUNT.with(|count| *count += 1);
                    }
                });
            }
        });
        assert_eq!(COUNT.with(|count| *count), 80_000);
    }

    #[test]
    fn a_panic_releases_the_lock() {
        let lock = Lock::new(1);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            lock.with(|_| std::panic::resume_unwind(Box::new(())));
        }));
        assert!(caught.is_err());
        assert_eq!(lock.with(|value| *value), 1);
    }
}
