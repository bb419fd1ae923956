//! The end of a thread on a free fiber: its destructors, and a block as good
//! as new for the next thread.

use std::ffi::c_void;

use super::block::clear_robust_list;
use super::facts::{Facts, KEY_TABLES, KEYS_PER_TABLE, KeyValue, facts};
use super::images::{MODULES, ModuleEntry, Primed};
use super::switch::thread_pointer;

/// POSIX's `PTHREAD_DESTRUCTOR_ITERATIONS`, as in glibc.
const ROUNDS: usize = 4;
/// `LC_GLOBAL_LOCALE` of POSIX.
const GLOBAL_LOCALE: libc::locale_t = usize::MAX as libc::locale_t;

/// Runs the destructors of the thread that ends on this fiber: those of
/// thread-locals (Rust's and C++'s), then those of `pthread_key_create`. They
/// run as ordinary code of the thread and may suspend.
///
/// # Safety
///
/// Called on a free fiber, when the thread's own code is done.
pub(crate) unsafe fn run_destructors() {
    let facts = facts();
    // SAFETY: glibc calls the same function at this point of a thread.
    unsafe { (facts.call_tls_dtors)() };
    for _ in 0..ROUNDS {
        // SAFETY: the running block is this fiber's own.
        if !unsafe { run_key_destructors(facts) } {
            return;
        }
        // Destructors of keys may have touched thread-locals that have
        // destructors. glibc would forget those; here the storage serves
        // another thread, so they must not stay registered.
        // SAFETY: as above.
        unsafe { (facts.call_tls_dtors)() };
    }
    // What still comes back after all rounds is forgotten, as POSIX says.
    // SAFETY: as above.
    unsafe { forget_key_values(facts) };
}

/// Makes the block fresh for the next thread: initial values in all static
/// storage but libc's own, nothing in dynamic storage, `errno` 0, the global
/// locale. libc keeps its allocator caches. With `primed`, static storage is as that says.
///
/// # Safety
///
/// Called on a free fiber, after `run_destructors`; nothing on its stack
/// holds a reference to a thread-local.
pub(crate) unsafe fn reset(primed: Option<&Primed>) {
    let facts = facts();
    let pointer = thread_pointer();
    for image in primed.map_or(&facts.images, |primed| &primed.0) {
        let storage = pointer.wrapping_add_signed(image.offset) as *mut u8;
        let filled = image.template.len();
        // SAFETY: `probe` found the image at this place of every block, and
        // the caller says that nothing refers to it.
        unsafe {
            storage.copy_from_nonoverlapping(image.template.as_ptr(), filled);
            storage.add(filled).write_bytes(0, image.len - filled);
        }
    }
    // SAFETY: the block is this fiber's own, and its thread has ended.
    unsafe {
        free_dynamic_storage(facts, pointer);
        clear_robust_list(pointer);
        libc::uselocale(GLOBAL_LOCALE);
        *libc::__errno_location() = 0;
    }
}

/// glibc's mark that a value was set for some key since the last round: the
/// byte after the pointers to the tables. `trial` checks this.
pub(super) fn keys_used(facts: &Facts) -> *mut u8 {
    (thread_pointer() + facts.specific + KEY_TABLES * size_of::<usize>()) as *mut u8
}

/// One round; returns whether any value was set since the last one.
///
/// # Safety
///
/// Called on a free fiber.
#[inline]
unsafe fn run_key_destructors(facts: &Facts) -> bool {
    let used = keys_used(facts);
    // SAFETY: a byte of the running block, written by this thread alone.
    unsafe {
        if used.read() == 0 {
            return false;
        }
        used.write(0);
    }
    for first in (0..KEY_TABLES * KEYS_PER_TABLE).step_by(KEYS_PER_TABLE) {
        // SAFETY: the index is in range.
        let Some(table) = (unsafe { key_value(facts, first) }) else {
            continue;
        };
        for index in 0..KEYS_PER_TABLE {
            // SAFETY: a table has this many entries; once there it stays.
            unsafe { run_key_destructor(facts, first + index, table.add(index)) };
        }
    }
    true
}

/// Runs the destructor of one key, if there is a value and a destructor.
///
/// # Safety
///
/// Called on a free fiber, with the entry of its tables for this key.
#[inline]
unsafe fn run_key_destructor(facts: &Facts, index: usize, entry: *mut KeyValue) {
    // SAFETY: the entry is the running thread's, and no reference to it is
    // held while a destructor runs.
    let (sequence, value) = unsafe { ((*entry).sequence, (*entry).value) };
    if value.is_null() {
        return;
    }
    // SAFETY: as above; libc's table of keys has as many entries. Other
    // threads may create and delete keys, hence the volatile read; glibc
    // reads it the same way.
    let key = unsafe {
        (*entry).value = std::ptr::null_mut();
        facts.keys.add(index).read_volatile()
    };
    if let Some(destructor) = key.destructor
        && key.sequence == sequence
    {
        // SAFETY: what the thread stored for the key, for the function that
        // the key's creator gave.
        unsafe { destructor(value) };
    }
}

/// # Safety
///
/// Called on a free fiber.
#[cold]
unsafe fn forget_key_values(facts: &Facts) {
    for index in 0..KEY_TABLES * KEYS_PER_TABLE {
        // SAFETY: the index is in range; the entry is this thread's.
        if let Some(entry) = unsafe { key_value(facts, index) } {
            // SAFETY: as above.
            unsafe { (*entry).value = std::ptr::null_mut() };
        }
    }
    // SAFETY: a byte of the running block.
    unsafe { keys_used(facts).write(0) };
}

/// The running thread's entry for a key, if it has the table for it.
///
/// # Safety
///
/// Called on a free fiber, with an index of a key.
pub(super) unsafe fn key_value(facts: &Facts, index: usize) -> Option<*mut KeyValue> {
    let tables = (thread_pointer() + facts.specific) as *const *mut KeyValue;
    // SAFETY: the index is in range, so the pointer is one of the block's.
    let table = unsafe { tables.add(index / KEYS_PER_TABLE).read() };
    // SAFETY: a table has this many entries.
    (!table.is_null()).then(|| unsafe { table.add(index % KEYS_PER_TABLE) })
}

/// Frees what libraries loaded by `dlopen` keep for this thread; they get new
/// storage when the next thread touches it.
///
/// # Safety
///
/// `pointer` is the running free fiber's block, whose thread has ended.
#[inline]
unsafe fn free_dynamic_storage(facts: &Facts, pointer: usize) {
    // SAFETY: the ABI's place for the table. The word before its start holds
    // how many modules it has room for; entries count from 1.
    unsafe {
        let table = ((pointer + MODULES) as *const *mut ModuleEntry).read();
        let room = (*table.sub(1)).address;
        for number in facts.first_dynamic..=room {
            let entry = &mut *table.add(number);
            if !entry.to_free.is_null() {
                free_entry(entry);
            }
        }
    }
}

/// # Safety
///
/// The entry is in the running block's table, and nothing refers to its
/// storage.
#[cold]
unsafe fn free_entry(entry: &mut ModuleEntry) {
    /// `TLS_DTV_UNALLOCATED`.
    const UNALLOCATED: usize = usize::MAX;
    let storage: *mut c_void = entry.to_free;
    entry.address = UNALLOCATED;
    entry.to_free = std::ptr::null_mut();
    // SAFETY: glibc allocates it with the program's `malloc` and frees it with
    // `free` when a thread ends.
    unsafe { libc::free(storage) };
}
