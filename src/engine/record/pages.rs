//! Memory of the system for the chunks of records: aligned to its own size, and in huge pages where that is asked for.

use std::ptr::{self, NonNull};

/// The size and the alignment, in bytes: that of a huge page, where systems have them.
pub(super) const SIZE: usize = 2 << 20;

/// Memory that is zero, and takes none of the machine's until it is touched; `None` if the system grants none.
///
/// `is_huge` asks for all of it at the first touch, which costs a tenth of what it costs page by page. It is advice: a system
/// without huge pages, or without a free one, gives small ones.
pub(super) fn map(is_huge: bool) -> Option<NonNull<u8>> {
    let start = aligned()?;
    #[cfg(target_os = "linux")]
    {
        let advice = match is_huge {
            true => libc::MADV_HUGEPAGE,
            false => libc::MADV_NOHUGEPAGE,
        };
        // SAFETY: advice about memory that was just mapped; it changes no content. Where it fails there are no huge pages.
        unsafe { libc::madvise(start.as_ptr().cast(), SIZE, advice) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = is_huge;
    Some(start)
}

/// Gives it back; false if the system would have to cut a mapping and has no more of them.
///
/// # Safety
///
/// It came from [`map`], and nobody uses it any more, unless this returns false.
pub(super) unsafe fn unmap(start: NonNull<u8>) -> bool {
    // SAFETY: the caller's promise.
    unsafe { libc::munmap(start.as_ptr().cast(), SIZE) == 0 }
}

fn aligned() -> Option<NonNull<u8>> {
    let start = mapping(SIZE)?;
    if start.addr().get().is_multiple_of(SIZE) {
        return Some(start);
    }
    // SAFETY: nobody has used it.
    unsafe { libc::munmap(start.as_ptr().cast(), SIZE) };
    let start = mapping(2 * SIZE)?;
    let before = start.addr().get().next_multiple_of(SIZE) - start.addr().get();
    // SAFETY: it is as long as that, and nobody has used it.
    unsafe {
        let aligned = start.byte_add(before);
        // Should the system refuse, they stay mapped, and are never touched.
        libc::munmap(start.as_ptr().cast(), before);
        libc::munmap(aligned.byte_add(SIZE).as_ptr().cast(), SIZE - before);
        Some(aligned)
    }
}

fn mapping(length: usize) -> Option<NonNull<u8>> {
    // SAFETY: a new private mapping at an address that the kernel chooses touches no existing memory.
    let start = unsafe {
        libc::mmap(
            ptr::null_mut(),
            length,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANON,
            -1,
            0,
        )
    };
    NonNull::new(start.cast()).filter(|_| start != libc::MAP_FAILED)
}
