//! Running on another thread-local block: the one place that writes `fs`.

use super::facts;
use std::arch::asm;

/// The address of the running block, which it holds itself (`fs:0`, part of
/// the x86-64 ABI for thread-local storage).
#[inline(always)]
pub(super) fn thread_pointer() -> usize {
    let pointer;
    // SAFETY: every thread's block starts with its own address.
    unsafe {
        asm!("mov {}, fs:0", out(reg) pointer, options(nostack, preserves_flags, readonly));
    }
    pointer
}

/// The block that the calling OS thread runs on.
pub(crate) fn home() -> usize {
    thread_pointer()
}

/// Makes the calling OS thread run on another block.
///
/// Never inlined, so that no address of a thread-local that the compiler
/// computed before is used after it, or the other way round.
///
/// # Safety
///
/// The block is the OS thread's own, as [`home`] returned it, or that of a
/// suspended fiber that the caller has; nobody else runs on it until the
/// caller leaves it. Between the call and the next one the caller runs only
/// code that means this block, or none in particular.
#[inline(never)]
pub(crate) unsafe fn move_to(block: usize) {
    debug_assert!(
        facts::are_known(),
        "nobody has asked whether the block may be changed here"
    );
    // SAFETY: the caller's promise; a block other than an OS thread's own
    // exists only after `support` found that the instruction may be used.
    unsafe { set_thread_pointer(block) };
}

/// # Safety
///
/// The address is a complete thread-local block that nobody else runs on.
#[inline(always)]
unsafe fn set_thread_pointer(block: usize) {
    // SAFETY: the caller's promise. The block is declared to touch memory, so
    // that no access moves across it.
    unsafe { asm!("wrfsbase {}", in(reg) block, options(nostack, preserves_flags)) };
}
