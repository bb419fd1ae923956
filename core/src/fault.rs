//! Faults that are planted in the real code, one at a time, to show that the tests find them. They exist only in
//! builds with `--cfg faults`, where the environment variable `STANDIN_FAULT` names the one that is active;
//! `tests/faults/run` goes through all of them. No interface for users.

/// Whether the fault of this name is planted.
#[cfg(not(faults))]
#[inline(always)]
#[must_use]
pub const fn is_planted(_name: &str) -> bool {
    false
}

/// Whether the fault of this name is planted, each time but for so many.
#[cfg(not(faults))]
#[inline(always)]
#[must_use]
pub const fn happens(_name: &str, _one_in: u32) -> bool {
    false
}

#[cfg(faults)]
pub use planted::{happens, is_planted};

#[cfg(faults)]
mod planted {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    /// Every name that the code asks for.
    const NAMES: &[&str] = &[
        "lost-wake",
        "early-timeout",
        "no-timeout",
        "wrong-error-after-reset",
        "two-holders",
        "no-poison",
        "dropped-at-disconnect",
        "one-too-few",
        "stale-drained",
        "early-join",
        "shared-local",
        "stale-local",
        "lost-unpark",
    ];

    static ACTIVE: OnceLock<Option<String>> = OnceLock::new();
    static CALLS: AtomicU32 = AtomicU32::new(0);

    /// Whether the fault of this name is planted.
    #[must_use]
    pub fn is_planted(name: &str) -> bool {
        let active = ACTIVE.get_or_init(|| {
            let active = std::env::var("STANDIN_FAULT").ok();
            if let Some(active) = &active {
                assert!(
                    NAMES.contains(&active.as_str()),
                    "STANDIN_FAULT={active:?}: it has to be one of {NAMES:?}"
                );
            }
            active
        });
        active.as_deref() == Some(name)
    }

    /// Whether the fault of this name is planted, each time but for so many.
    #[must_use]
    pub fn happens(name: &str, one_in: u32) -> bool {
        is_planted(name) && CALLS.fetch_add(1, Relaxed) % one_in == one_in - 1
    }
}
