//! Slabs: large mappings cut into slots of one size, each slot a guard and
//! the memory for one fiber above it.
//!
//! The pool takes slots from slabs; the overflow handler looks addresses up
//! in them. A slab, once mapped, stays for the life of the process: stacks of
//! threads that never end must stay readable.

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::class::SizeClass;
use super::memory::{self, Range};
use crate::switches;
use standin_core::Lock;

/// One mapping. The record lies in the mapping's own last page, so that
/// making one allocates nothing.
///
/// # Invariant
///
/// *published*: once a slab is in the list, its fields but the atomic and the
/// locked one do not change and its memory stays mapped.
pub(super) struct Slab {
    base: usize,
    class: SizeClass,
    slots: usize,
    /// From the top of a slot down to its fiber's header.
    header: usize,
    /// Slots are guarded when they are first used, not when they are mapped.
    lightweight: bool,
    /// How many are, from the first on, where they are lightweight.
    guarded: Lock<usize>,
    /// The slab that was published before this one.
    older: *const Slab,
    /// The next slab of the same pool and class, the pool's own list.
    pub(super) next: AtomicPtr<Slab>,
}

// SAFETY: by *published* a slab is read-only but for its atomic and its lock.
unsafe impl Sync for Slab {}

/// All slabs, the newest first. Only ever grows.
static NEWEST: AtomicPtr<Slab> = AtomicPtr::new(ptr::null_mut());

/// Guards that are taken back when the system grants no more, two mappings
/// each. The allocator needs some, and each OS thread that the monitor starts
/// takes half a dozen: std ends the process where it gets its stack, but not
/// the alternate one for signals.
const SPARE_MAPPINGS: usize = 256;

/// How many slots are guarded ahead of use.
const AHEAD: usize = 31;

/// What refused, so that the message can name the limit.
#[derive(Debug)]
pub(super) enum SlabError {
    Map(io::Error),
    Guard(io::Error),
}

impl Slab {
    /// Maps a slab of `wanted` slots, guards included; of fewer, but at least
    /// `least`, if the system grants no more.
    pub(super) fn map(
        class: SizeClass,
        header: usize,
        wanted: usize,
        least: usize,
    ) -> Result<&'static Slab, SlabError> {
        match Slab::map_exactly(class, header, wanted, least) {
            Err(SlabError::Map(_)) if least < wanted => {
                Slab::map_exactly(class, header, least, least)
            }
            result => result,
        }
    }

    fn map_exactly(
        class: SizeClass,
        header: usize,
        slots: usize,
        least: usize,
    ) -> Result<&'static Slab, SlabError> {
        let record = memory::page_size();
        let too_large = || SlabError::Map(io::Error::from_raw_os_error(libc::ENOMEM));
        let len = class
            .slot_size()
            .checked_mul(slots)
            .and_then(|len| len.checked_add(record))
            .filter(|len| isize::try_from(*len).is_ok())
            .ok_or_else(too_large)?;
        let base = memory::map(len).map_err(SlabError::Map)?;
        let record = base + len - record;
        let first = Range {
            start: base,
            len: class.guard_size(),
        };
        let only_mprotect = switches::get().is_ok_and(|switches| switches.mprotect);
        // Lightweight guards take no mappings, so nothing runs out of them:
        // the others are made when their slots are first used.
        // SAFETY: the mapping was just made and is nobody else's.
        let lightweight = !only_mprotect && unsafe { memory::guard_lightly(first) };
        let installed = match lightweight {
            true => Ok(()),
            false => install_guards(base, class, 0..slots, true),
        };
        let guarded = match installed {
            Ok(()) => slots,
            Err((done, error)) => {
                // The limit on mappings: leave some to the rest of the
                // program, whose allocator needs them.
                let kept = done.saturating_sub(SPARE_MAPPINGS);
                let start = base + kept * class.slot_size();
                let rest = Range {
                    start,
                    len: record - start,
                };
                // SAFETY: slots from `kept` on have not been handed out.
                unsafe {
                    memory::unprotect(rest);
                    memory::unmap(rest);
                }
                if kept < least {
                    let all = Range { start: base, len };
                    // SAFETY: nor has any other slot of the mapping.
                    unsafe {
                        memory::unprotect(all);
                        memory::unmap(all);
                    }
                    return Err(SlabError::Guard(error));
                }
                kept
            }
        };
        let record = record as *mut Slab;
        // SAFETY: the last page of the mapping belongs to the record, which
        // is smaller than a page; nobody else knows it yet.
        unsafe {
            record.write(Slab {
                base,
                class,
                slots: guarded,
                header,
                lightweight,
                guarded: Lock::new(0),
                older: ptr::null(),
                next: AtomicPtr::new(ptr::null_mut()),
            });
        }
        publish(record);
        // SAFETY: *published*.
        Ok(unsafe { &*record })
    }

    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// Makes slots ready that are used for the first time.
    ///
    /// Aborts if there is no memory even for their guards: that is a few bytes
    /// of page tables, which the first use of the stacks would need as well.
    pub(super) fn prepare(&self, slots: std::ops::Range<usize>) {
        if !self.lightweight {
            return;
        }
        self.guarded.with(|guarded| {
            if *guarded >= slots.end {
                return;
            }
            // Slots are used in order, and many guards take as many system calls as one.
            let end = (slots.end + AHEAD).min(self.slots);
            if let Err((_, error)) = install_guards(self.base, self.class, *guarded..end, false) {
                eprintln!(
                    "fatal runtime error: cannot guard a green thread's stack: {error}, aborting"
                );
                std::process::abort();
            }
            *guarded = end;
        });
    }

    /// The slot with this number: all of it, the guard at its bottom included.
    pub(super) fn slot(&self, index: usize) -> Range {
        debug_assert!(index < self.slots);
        Range {
            start: self.base + index * self.class.slot_size(),
            len: self.class.slot_size(),
        }
    }
}

fn publish(record: *mut Slab) {
    let mut newest = NEWEST.load(Ordering::Acquire);
    loop {
        // SAFETY: the record is not in the list yet, so it is still the
        // caller's alone.
        unsafe { (*record).older = newest };
        match NEWEST.compare_exchange_weak(newest, record, Ordering::Release, Ordering::Acquire) {
            Ok(_) => return,
            Err(current) => newest = current,
        }
    }
}

/// Guards the slots; on failure says how many, from the first on, it guarded.
fn install_guards(
    base: usize,
    class: SizeClass,
    slots: std::ops::Range<usize>,
    only_mprotect: bool,
) -> Result<(), (usize, io::Error)> {
    const BATCH: usize = 64;
    let mut done = slots.start;
    while done < slots.end {
        let mut ranges = [Range { start: 0, len: 0 }; BATCH];
        let count = BATCH.min(slots.end - done);
        for (index, range) in ranges[..count].iter_mut().enumerate() {
            range.start = base + (done + index) * class.slot_size();
            range.len = class.guard_size();
        }
        // SAFETY: the guards lie in slots of the caller's that were handed to
        // nobody yet.
        let result = unsafe { memory::guard(&ranges[..count], only_mprotect) };
        result.map_err(|error| (done + error.done, error.source))?;
        done += count;
    }
    Ok(())
}

/// If the address lies in a slot's guard: the address of that slot's header.
///
/// Called by a signal handler: it reads published memory and nothing else.
pub(super) fn header_above_guard(address: usize) -> Option<usize> {
    let mut slab = NEWEST.load(Ordering::Acquire).cast_const();
    // SAFETY: *published*: entries stay valid, and `older` is another entry
    // or null.
    while let Some(current) = unsafe { slab.as_ref() } {
        let size = current.class.slot_size();
        let offset = address.wrapping_sub(current.base);
        if offset < current.slots * size {
            let guarded = offset % size < current.class.guard_size();
            return guarded.then(|| address - offset % size + size - current.header);
        }
        slab = current.older;
    }
    None
}
