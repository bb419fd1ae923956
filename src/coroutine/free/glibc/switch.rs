//! Running on another thread-local block: the one place that writes `fs`.

use std::arch::asm;

use crate::coroutine::fiber::{self, FiberCoroutine};

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

/// Resumes the coroutine on its block, and comes back on the caller's.
///
/// Between the two writes there is the switch of stacks and nothing else, and
/// nothing is inlined into this function or it into another. So no code runs
/// on a block that is not its own, and no address of a thread-local that the
/// compiler computed before a write is used after it.
///
/// # Safety
///
/// `block` is the coroutine's own, built by `build_block`, and no other OS
/// thread runs on it.
#[inline(never)]
pub(in crate::coroutine) unsafe fn resume(
    coroutine: &mut FiberCoroutine,
    block: usize,
    value: *mut (),
) -> *mut () {
    let own = thread_pointer();
    // SAFETY: the caller's promise about the block; `support` found that the
    // instruction may be used.
    unsafe { set_thread_pointer(block) };
    let value = fiber::run(coroutine, value);
    // SAFETY: the block that this OS thread ran on when it came here.
    unsafe { set_thread_pointer(own) };
    value
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
