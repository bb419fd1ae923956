//! Where nothing is known about the C library's thread-local blocks.

use crate::coroutine::Unsupported;

/// Always an error.
pub(crate) fn support() -> Result<(), Unsupported> {
    Err(Unsupported::new(format!(
        "they are implemented for Linux on x86-64 with glibc, and this was built for {} on {}",
        std::env::consts::OS,
        std::env::consts::ARCH
    )))
}

/// # Safety
///
/// There is no free fiber to call it on.
pub(crate) unsafe fn run_destructors() {}

/// # Safety
///
/// There is no free fiber to call it on.
pub(crate) unsafe fn reset(_primed: Option<&Primed>) {}

/// There is none.
pub(crate) enum Primed {}

impl Primed {
    /// # Safety
    ///
    /// There is no free fiber to call it on.
    #[cfg(feature = "async")]
    pub(crate) unsafe fn by(_prime: fn()) -> Option<Primed> {
        None
    }
}

pub(in crate::coroutine) fn block_size() -> usize {
    0
}

pub(in crate::coroutine) fn pointer_below(_top: usize) -> usize {
    0
}

pub(in crate::coroutine) fn prefetch(_pointer: usize) {}

/// # Safety
///
/// `support` never returns `Ok`, so nobody may call this.
pub(in crate::coroutine) unsafe fn build_block(_top: usize) -> usize {
    unreachable!("free fibers are not supported here")
}

/// # Safety
///
/// As for `build_block`.
pub(in crate::coroutine) unsafe fn first_run() {}

/// Nothing to remember: no free fiber runs here.
pub(crate) fn home() -> usize {
    0
}

/// # Safety
///
/// None: no free fiber runs here.
pub(crate) unsafe fn move_to(_block: usize) {}

/// # Safety
///
/// None: no free fiber runs here.
pub(crate) unsafe fn stand_in_for(_home: usize, _block: usize) {}

/// # Safety
///
/// None: no free fiber runs here.
pub(crate) unsafe fn step_back(_home: usize, _block: usize) {}
