//! Requests of a program to the valgrind that it runs under. To any other processor they are
//! instructions without effect.

use std::arch::asm;
use std::ffi::CStr;

/// Whether valgrind runs this program.
pub(crate) fn is_heard() -> bool {
    ask(0x1001, 0) != 0
}

/// Callgrind begins to count what the calling OS thread does, or ends it.
#[inline(always)]
pub(crate) fn toggle() {
    ask(CALLGRIND + 2, 0);
}

/// Callgrind writes what was counted to the next file, under this name, and forgets it.
pub(crate) fn dump(name: &CStr) {
    ask(CALLGRIND + 3, name.as_ptr().addr() as u64);
}

/// The first of the requests that are callgrind's.
const CALLGRIND: u64 = (b'C' as u64) << 24 | (b'T' as u64) << 16;

/// The answer of valgrind; 0 without it.
#[inline(always)]
fn ask(request: u64, argument: u64) -> u64 {
    let words: [u64; 6] = [request, argument, 0, 0, 0, 0];
    let mut answer = 0;
    // SAFETY: `rdi` is turned by 128 bits in all, and `rbx` exchanged with itself: nothing changes
    // but the flags. Valgrind, which knows the sequence, reads the six words (and of the text that
    // one of them may point to, up to its zero), and answers in `rdx`.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") words.as_ptr(),
            inout("rdx") answer,
            out("rdi") _,
        );
    }
    answer
}
