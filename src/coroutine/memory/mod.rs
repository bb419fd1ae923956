//! Address space for stacks: reserving, guarding, giving back.
//!
//! The slabs stand on this; it stands on the system alone.
//!
//! # Required of each implementation
//!
//! - `map(len)`: readable and writable private memory, page-aligned, zeroed,
//!   that costs nothing until it is touched;
//! - `guard(ranges)`: accesses to each range fault from now on;
//! - `discard(range)`: forget the contents, give the memory back, return how
//!   many bytes that was, if the system tells;
//! - `least_signal_stack()`: bytes that the kernel needs to deliver a signal.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(super) use linux::{discard, guard, guard_lightly, least_signal_stack, map};

#[cfg(not(target_os = "linux"))]
mod portable;
#[cfg(not(target_os = "linux"))]
pub(super) use portable::{discard, guard, guard_lightly, least_signal_stack, map};

/// A stretch of memory: its address and its length in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) start: usize,
    pub(super) len: usize,
}

/// Why not all ranges could be guarded.
#[derive(Debug)]
pub(super) struct GuardError {
    /// How many, from the first on, are guarded.
    pub(super) done: usize,
    pub(super) source: io::Error,
}

/// The system's page size in bytes.
pub(super) fn page_size() -> usize {
    static SIZE: AtomicUsize = AtomicUsize::new(0);
    let known = SIZE.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    // SAFETY: `sysconf` has no preconditions.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let size = usize::try_from(size).expect("the system knows its page size");
    SIZE.store(size, Ordering::Relaxed);
    size
}

/// Gives address space back. At the limit on mappings the system may refuse
/// to cut a hole; then the range stays reserved, untouched and unused.
///
/// # Safety
///
/// The range is a whole number of pages obtained from `map`, and nothing uses
/// it any more.
pub(super) unsafe fn unmap(range: Range) {
    // SAFETY: the caller's promise.
    unsafe { libc::munmap(range.start as *mut libc::c_void, range.len) };
}

/// Takes guards that `mprotect` made away again, so that their mappings merge.
///
/// # Safety
///
/// The range is whole pages of one mapping, the caller's.
pub(super) unsafe fn unprotect(range: Range) {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the caller's promise.
    unsafe { libc::mprotect(range.start as *mut libc::c_void, range.len, access) };
}

/// `mmap` of private memory.
fn map_with(len: usize, flags: libc::c_int) -> io::Result<usize> {
    // SAFETY: a new private mapping at an address that the kernel chooses
    // touches no existing memory.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANON | flags,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(start as usize)
}

/// Guards each range by taking its access rights, a mapping of its own each.
///
/// # Safety
///
/// As for `guard`.
unsafe fn protect(ranges: &[Range]) -> Result<(), GuardError> {
    for (done, range) in ranges.iter().enumerate() {
        // SAFETY: the caller owns the range and nothing is stored in it.
        let result =
            unsafe { libc::mprotect(range.start as *mut libc::c_void, range.len, libc::PROT_NONE) };
        if result != 0 {
            let source = io::Error::last_os_error();
            return Err(GuardError { done, source });
        }
    }
    Ok(())
}
