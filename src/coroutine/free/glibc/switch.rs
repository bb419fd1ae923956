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

/// Resumes the coroutine on its block, and returns on that block: the caller
/// runs on a block that is not its own until it calls [`come_home`].
///
/// Between the write and the return there is the switch of stacks and nothing
/// else, and nothing is inlined into this function or it into another.
///
/// # Safety
///
/// - `block` is the coroutine's own, built by `build_block`, and no other OS
///   thread runs on it.
/// - The caller uses no thread-local, its own or libc's, before it has called
///   `come_home`: the block belongs to the coroutine, which another OS thread
///   may be running by then.
#[inline(never)]
pub(in crate::coroutine) unsafe fn resume(
    coroutine: &mut FiberCoroutine,
    block: usize,
    value: *mut (),
) -> *mut () {
    // SAFETY: the caller's promise about the block; `support` found that the
    // instruction may be used.
    unsafe { set_thread_pointer(block) };
    fiber::run(coroutine, value)
}

/// The block of the calling OS thread, to be remembered for [`come_home`].
pub(crate) fn home() -> usize {
    thread_pointer()
}

/// Goes back to the OS thread's own block. Never inlined, so that no address
/// of a thread-local that the compiler computed before is used after it, or
/// the other way round.
///
/// # Safety
///
/// `home` is what [`home`] returned on this OS thread, outside of all fibers.
#[inline(never)]
pub(crate) unsafe fn come_home(home: usize) {
    // SAFETY: the caller's promise.
    unsafe { set_thread_pointer(home) };
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
