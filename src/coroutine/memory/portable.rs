//! What any Unix offers: `mmap`, `mprotect`, `madvise`.

use std::io;

use super::{GuardError, Range, map_with, protect};

pub(in crate::coroutine) fn map(len: usize) -> io::Result<usize> {
    map_with(len, libc::MAP_NORESERVE)
}

/// # Safety
///
/// The caller owns the ranges, whole pages each, and nothing is stored there.
pub(in crate::coroutine) unsafe fn guard(
    ranges: &[Range],
    _only_mprotect: bool,
) -> Result<(), GuardError> {
    // SAFETY: the caller's promise.
    unsafe { protect(ranges) }
}

/// # Safety
///
/// The caller owns the range, whole pages, and needs nothing in it.
pub(in crate::coroutine) unsafe fn discard(range: Range) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        libc::madvise(
            range.start as *mut libc::c_void,
            range.len,
            libc::MADV_DONTNEED,
        )
    };
    // Other systems do not say how much was resident.
    0
}

pub(in crate::coroutine) fn least_signal_stack() -> usize {
    libc::MINSIGSTKSZ
}

/// Not known on this system.
///
/// # Safety
///
/// As for `guard`.
pub(in crate::coroutine) unsafe fn guard_lightly(_range: Range) -> bool {
    false
}
