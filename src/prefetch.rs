//! Asking for memory before it is needed.

/// The size of a cache line, in bytes.
const LINE: usize = 64;

/// Asks the caches for `length` bytes from `start` on. They need not be mapped.
#[inline]
pub(crate) fn lines(start: usize, length: usize) {
    for address in (start..start + length).step_by(LINE) {
        line(address);
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn line(address: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a hint, for any address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::without_provenance(address)) };
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn line(_: usize) {}
