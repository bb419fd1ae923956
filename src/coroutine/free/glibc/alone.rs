//! A block in the place of its OS thread's own, in the child of a fork.
//!
//! Whoever forks goes on in the child on its block, but glibc took the OS thread's own for the running thread:
//! it is in glibc's list of threads, and a call that concerns all threads (`setuid` and its like, which
//! `std::process::Command` makes before `exec`) would wait for it for ever. So the block stands in its place
//! until the thread ends.

use super::facts::facts;

/// Puts `block` into glibc's list of threads where `home` is, with the kernel's thread id.
///
/// # Safety
///
/// In the child of a fork, while no other thread is there: `home` is the block of the calling OS thread, as
/// glibc made it, and `block` that of the free fiber that it runs.
pub(crate) unsafe fn stand_in_for(home: usize, block: usize) {
    // SAFETY: the caller's promise.
    unsafe { take_place(home, block) };
}

/// Puts `home` back where `block` is: the other way round.
///
/// # Safety
///
/// [`stand_in_for`] was called with the two, and the caller runs on `home`; glibc is not at the list just now.
pub(crate) unsafe fn step_back(home: usize, block: usize) {
    // SAFETY: the caller's promise.
    unsafe { take_place(block, home) };
}

/// # Safety
///
/// Both are blocks, and nobody else uses glibc's list of threads.
unsafe fn take_place(old: usize, new: usize) {
    let (list, tid) = (facts().list, facts().tid);
    // SAFETY: the caller's promise, and `probe` checked where the fields are.
    unsafe {
        replace(old + list, new + list);
        ((new + tid) as *mut u32).write(((old + tid) as *const u32).read());
    }
}

/// Replaces one node of a doubly linked list (`next`, then `previous`) by another, which is in none. The one
/// that was replaced is a list of its own then.
///
/// # Safety
///
/// Both are nodes, and nobody else uses the list.
unsafe fn replace(old: usize, new: usize) {
    let word = |node: usize, index: usize| (node as *mut usize).wrapping_add(index);
    // SAFETY: the caller's promise; neighbours of a node are nodes.
    unsafe {
        let (next, previous) = (word(old, 0).read(), word(old, 1).read());
        if next == old {
            return;
        }
        word(new, 0).write(next);
        word(new, 1).write(previous);
        word(next, 1).write(new);
        word(previous, 0).write(new);
        word(old, 0).write(old);
        word(old, 1).write(old);
    }
}
