//! Linux: lightweight guards (6.13 and later), many in one call.
//!
//! A lightweight guard is a mark in the page tables. It makes no mapping of
//! its own, so a million of them do not meet `vm.max_map_count`.

use std::io;

use super::{GuardError, Range, map_with, page_size, protect};

/// `linux/mman.h`; newer than the `libc` crate's list on some targets.
const MADV_GUARD_INSTALL: libc::c_int = 102;
/// Ranges in one call: enough to make its cost small, few enough for a list
/// on a small stack (the system would take 1,024).
const BATCH: usize = 64;

pub(in crate::coroutine) fn map(len: usize) -> io::Result<usize> {
    let start = map_with(len, libc::MAP_NORESERVE)?;
    // A huge page would make each stack resident as a whole. Kernels built
    // without huge pages refuse the advice, and need none.
    // SAFETY: advice about memory that was just mapped; it changes no content.
    unsafe { libc::madvise(start as *mut libc::c_void, len, libc::MADV_NOHUGEPAGE) };
    Ok(start)
}

/// Guards a range without a mapping of its own; false if this system cannot.
///
/// # Safety
///
/// The caller owns the range, whole pages, and nothing is stored there.
pub(in crate::coroutine) unsafe fn guard_lightly(range: Range) -> bool {
    // SAFETY: the caller's promise.
    let result = unsafe {
        libc::madvise(
            range.start as *mut libc::c_void,
            range.len,
            MADV_GUARD_INSTALL,
        )
    };
    result == 0
}

/// # Safety
///
/// The caller owns the ranges, whole pages each, and nothing is stored there.
pub(in crate::coroutine) unsafe fn guard(
    ranges: &[Range],
    only_mprotect: bool,
) -> Result<(), GuardError> {
    if only_mprotect {
        // SAFETY: the caller's promise.
        return unsafe { protect(ranges) };
    }
    let vectored = install_many(ranges);
    for (index, range) in ranges.iter().enumerate().skip(vectored) {
        // SAFETY: the caller owns the range and nothing is stored in it.
        let result = unsafe {
            libc::madvise(
                range.start as *mut libc::c_void,
                range.len,
                MADV_GUARD_INSTALL,
            )
        };
        if result == 0 {
            continue;
        }
        let source = io::Error::last_os_error();
        if source.raw_os_error() != Some(libc::EINVAL) {
            return Err(GuardError {
                done: index,
                source,
            });
        }
        // An older kernel, or memory locked by `mlockall`, where lightweight
        // guards are refused.
        // SAFETY: the caller's promise.
        return unsafe { protect(&ranges[index..]) }.map_err(|error| GuardError {
            done: index + error.done,
            source: error.source,
        });
    }
    Ok(())
}

/// # Safety
///
/// The caller owns the range, whole pages, and needs nothing in it.
pub(in crate::coroutine) unsafe fn discard(range: Range) -> usize {
    let resident = resident(range);
    if resident == 0 {
        return 0;
    }
    // SAFETY: the caller's promise.
    let result = unsafe {
        libc::madvise(
            range.start as *mut libc::c_void,
            range.len,
            libc::MADV_DONTNEED,
        )
    };
    if result == 0 { resident } else { 0 }
}

/// How many bytes of the range are in memory.
fn resident(range: Range) -> usize {
    let page = page_size();
    let mut pages = [0u8; 256];
    let mut resident = 0;
    let mut start = range.start;
    let end = range.start + range.len;
    while start < end {
        let len = (end - start).min(pages.len() * page);
        // SAFETY: the vector has one byte for each page asked about.
        let result = unsafe { libc::mincore(start as *mut libc::c_void, len, pages.as_mut_ptr()) };
        if result == 0 {
            resident += pages[..len / page].iter().filter(|p| **p & 1 != 0).count();
        }
        start += len;
    }
    resident * page
}

/// Installs lightweight guards with few calls; returns how many, from the
/// first on, are in place.
fn install_many(ranges: &[Range]) -> usize {
    // SAFETY: opening a descriptor for the own process has no preconditions.
    let process = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) };
    if process < 0 {
        return 0;
    }
    let mut done = 0;
    for batch in ranges.chunks(BATCH) {
        let mut vector = [libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        }; BATCH];
        for (entry, range) in vector.iter_mut().zip(batch) {
            entry.iov_base = range.start as *mut libc::c_void;
            entry.iov_len = range.len;
        }
        // SAFETY: the vector outlives the call; `guard`, the only caller, owns
        // the ranges.
        let advised = unsafe {
            libc::syscall(
                libc::SYS_process_madvise,
                process,
                vector.as_ptr(),
                batch.len(),
                MADV_GUARD_INSTALL,
                0,
            )
        };
        let mut left = usize::try_from(advised).unwrap_or(0);
        let whole = batch.iter().take_while(|range| {
            let taken = left >= range.len;
            left = left.saturating_sub(range.len);
            taken
        });
        let whole = whole.count();
        done += whole;
        if whole < batch.len() {
            break;
        }
    }
    // SAFETY: the descriptor was opened above and is used nowhere else.
    unsafe { libc::close(process as libc::c_int) };
    done
}

/// What the kernel needs to save a thread's registers, in bytes: with wide
/// vectors more than the constant in the headers.
pub(in crate::coroutine) fn least_signal_stack() -> usize {
    // SAFETY: `getauxval` has no preconditions; it returns 0 for what it does
    // not know.
    let told = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize;
    told.max(libc::MINSIGSTKSZ)
}
