//! Making a thread-local block at the top of a slot.
//!
//! From the top down: `struct pthread`, to whose start the thread pointer
//! leads; the static storage of the program and its libraries; spare room for
//! libraries that are loaded later. glibc's own `_dl_allocate_tls` fills it,
//! this file sets the fields that `pthread_create` would.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, Ordering};

use super::facts::{KEY_TABLES, facts, first_table};
use super::switch::thread_pointer;
use crate::prefetch;

/// The first thread id for blocks. Real ones are smaller (`PID_MAX_LIMIT` is
/// 2^22), and the futex word of a mutex has 30 bits for them.
const FIRST_ID: u32 = 1 << 24;
const LAST_ID: u32 = (1 << 30) - 1;

/// `linux/rseq.h`: no area is registered for this thread.
const RSEQ_CPU_ID_UNINITIALIZED: i32 = -1;

/// `tcbhead_t`, the start of `struct pthread`: what compilers and other
/// libraries know of it, so it does not change.
#[repr(C)]
struct Head {
    own_address: usize,
    modules: usize,
    own_address_again: usize,
    multiple_threads: i32,
    global_start_flag: i32,
    system_call: usize,
    stack_guard: usize,
    pointer_guard: usize,
}

/// The bytes at the top of a slot that belong to the block.
pub(in crate::coroutine) fn block_size() -> usize {
    let facts = facts();
    facts.above.next_multiple_of(facts.align) + facts.below.next_multiple_of(facts.align)
}

/// The thread pointer of the block at the top of a slot.
pub(in crate::coroutine) fn pointer_below(top: usize) -> usize {
    let facts = facts();
    top - facts.above.next_multiple_of(facts.align)
}

/// Asks for what each thread touches on its block: the static storage nearest to the thread pointer, which is the
/// program's own, the head of `struct pthread`, and what the end of a thread looks at.
#[inline]
pub(in crate::coroutine) fn prefetch(pointer: usize) {
    const STATIC: usize = 512;
    const HEAD: usize = 64;
    let facts = facts();
    prefetch::lines(pointer - STATIC, STATIC + HEAD);
    prefetch::lines(pointer + facts.robust, 1);
    prefetch::lines(
        pointer + facts.specific + KEY_TABLES * size_of::<usize>(),
        1,
    );
}

/// Makes the block at the top of a fresh slot; returns its thread pointer.
///
/// Ends the process, like a failed allocation, if there is no memory for the
/// table of modules.
///
/// # Safety
///
/// `block_size` bytes below `top`, which is page-aligned, are zero and the
/// caller's. They stay mapped for ever.
pub(in crate::coroutine) unsafe fn build_block(top: usize) -> usize {
    let facts = facts();
    let pointer = pointer_below(top);
    // SAFETY: the block has room for the static storage below the pointer and
    // for the structure above it, as glibc itself measures them.
    let built = unsafe { (facts.allocate_tls)(pointer as *mut c_void) };
    if built.is_null() {
        std::alloc::handle_alloc_error(std::alloc::Layout::new::<[usize; 64]>());
    }
    // SAFETY: `struct pthread` starts with this head, on the running thread
    // and in the block; the block is the caller's.
    unsafe {
        let own = &*(thread_pointer() as *const Head);
        let head = &mut *(pointer as *mut Head);
        head.own_address = pointer;
        head.own_address_again = pointer;
        // glibc takes no shortcuts for processes of one thread.
        head.multiple_threads = 1;
        head.system_call = own.system_call;
        // Functions may suspend, so all threads share these two, as they do
        // in glibc.
        head.stack_guard = own.stack_guard;
        head.pointer_guard = own.pointer_guard;
    }
    let write = |offset: isize, value: usize| {
        let place = pointer.wrapping_add_signed(offset) as *mut usize;
        // SAFETY: `probe` checked that every offset lies within the block.
        unsafe { place.write(value) };
    };
    let link = facts.list as isize;
    // `fork` takes the running thread out of glibc's list of threads: a list
    // of its own, so that this harms nobody.
    write(link, pointer + facts.list);
    write(link + 8, pointer + facts.list);
    let first = first_table(facts.specific).expect("checked by `probe`");
    write(facts.specific as isize, pointer + first);
    write(facts.resolver_pointer, pointer + facts.resolver_state);
    // SAFETY: as above; nobody runs on the block yet.
    unsafe { clear_robust_list(pointer) };
    if let Some(rseq) = facts.rseq {
        // SAFETY: as above; the second word of the area is the processor's
        // number.
        unsafe { ((pointer as isize + rseq + 4) as *mut i32).write(RSEQ_CPU_ID_UNINITIALIZED) };
    }
    // SAFETY: as above.
    unsafe { ((pointer + facts.tid) as *mut u32).write(next_id()) };
    pointer
}

/// Empties the block's list of robust mutexes.
///
/// # Safety
///
/// `pointer` is a block's thread pointer, and only the caller uses the block.
#[inline]
pub(super) unsafe fn clear_robust_list(pointer: usize) {
    let head = pointer + facts().robust;
    // SAFETY: the list is doubly linked; the word before its head is the
    // pointer back, and `probe` checked that both lie in the block.
    unsafe {
        (head as *mut usize).write(head);
        ((head - 8) as *mut usize).write(head);
    }
}

/// The first code on a new block: what glibc runs first on a new thread.
///
/// # Safety
///
/// Called on a free fiber.
pub(in crate::coroutine) unsafe fn first_run() {
    // SAFETY: it sets thread-locals of libc from others of libc.
    unsafe { (facts().ctype_init)() };
}

/// A thread id that no thread has: glibc's recursive and error-checking
/// mutexes tell their owners apart by it.
fn next_id() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(FIRST_ID);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(
        id < LAST_ID,
        "a thousand million thread-local blocks were made; there are no more thread ids"
    );
    id
}
