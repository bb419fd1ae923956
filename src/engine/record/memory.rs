//! Memory for records, from chunks that are cut into slots of one size each.
//!
//! An allocator's own caches belong to OS threads, and here to green threads: what a thread allocates at a spawn on one
//! processor is freed on another, which takes its lock at both ends (glibc's: 80 % of all system calls of a program that
//! spawns and joins on two cores). Here nobody ever waits:
//!
//! - Slots of a size lie in several shards. Who wants one takes it from the first shard that is free, starting with one that
//!   its stack's address chooses; if none is, the allocator has to do.
//! - Who gives one back goes to the shard of its chunk; where that is busy, the slot is left in a list, which the next one
//!   who has the shard takes over.
//!
//! So a child that was forked while a shard was busy finds it busy for ever, and does without it.
//!
//! # Invariants
//!
//! - *held*: a chunk, but for `owner`, which does not change, and the free slots in it are used by whoever has its shard.
//! - *carved*: a slot is in use, or free and in its chunk's list, or left and in its shard's list, or was never used: then it
//!   lies at `fresh` or above.
//! - *listed*: a chunk is in its shard's list if and only if it has a slot to give.

use super::pages;
use crate::prefetch;
use std::alloc::Layout;
use std::cell::{Cell, UnsafeCell};
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicPtr};

/// The unit of sizes, and what slots are aligned to: a cache line.
const LINE: usize = 64;
/// The size and the alignment of a chunk, in bytes.
const CHUNK: usize = pages::SIZE;
/// So many chunks of a shard are in small pages, which are taken as they are touched. Where there are more threads, more than
/// half of the time of a spawn would go into that.
const SMALL: usize = 2;
/// Larger records are left to the allocator.
const MOST_LINES: usize = 16;
const SHARDS: usize = 8;

static POOL: [[Shard; SHARDS]; MOST_LINES] =
    [const { [const { Shard::new() }; SHARDS] }; MOST_LINES];

/// Memory for a value of this layout; `None` if that is too large, or there is none.
pub(super) fn take(layout: Layout) -> Option<NonNull<u8>> {
    let lines = layout.size().div_ceil(LINE);
    // AddressSanitizer would not see who uses a record that is gone.
    if layout.align() > LINE || cfg!(sanitized) {
        return None;
    }
    let shards = POOL.get(lines.checked_sub(1)?)?;
    let first = shard_of_caller();
    (0..SHARDS)
        .find_map(|n| shards[(first + n) % SHARDS].try_hold())?
        .take(lines * LINE)
}

/// Takes memory back.
///
/// # Safety
///
/// It came from [`take`], and is not used any more.
pub(super) unsafe fn give_back(memory: NonNull<u8>) {
    let slot: NonNull<Slot> = memory.cast();
    // SAFETY: it is a slot of a chunk, whose owner does not change.
    let owner = unsafe { (*chunk_of(slot)).owner };
    match owner.try_hold() {
        // SAFETY: the caller's promise.
        Some(held) => unsafe { held.give_back(slot) },
        // SAFETY: as above.
        None => unsafe { owner.leave(slot) },
    }
}

/// Gives memory back to the system that threads used which have ended.
pub(in crate::engine) fn trim() {
    for shard in POOL.iter().flatten() {
        if let Some(held) = shard.try_hold() {
            held.trim();
        }
    }
}

/// Threads whose stacks lie apart find different ones, and each finds the same as long as it is about as deep.
fn shard_of_caller() -> usize {
    let here = 0_u8;
    (ptr::from_ref(&here).addr() >> 18).wrapping_mul(0x9e37_79b9) >> 16
}

#[repr(align(128))]
struct Shard {
    is_held: AtomicBool,
    /// Slots that were given back while it was held.
    left: AtomicPtr<Slot>,
    /// The chunks with a slot to give. By the holder.
    first: UnsafeCell<*mut Chunk>,
    /// How many chunks there are. By the holder.
    chunks: Cell<usize>,
}

// SAFETY: the cells are used by the holder alone.
unsafe impl Sync for Shard {}

/// At the beginning of a chunk.
#[repr(C)]
struct Chunk {
    owner: &'static Shard,
    /// Of each slot, in bytes.
    size: usize,
    /// Free slots that were in use before.
    free: *mut Slot,
    /// The offset of the first slot that was never used.
    fresh: usize,
    in_use: usize,
    /// The neighbours in the shard's list.
    next: *mut Chunk,
    previous: *mut Chunk,
}

const _: () = assert!(size_of::<Chunk>() <= LINE);

/// A free slot.
struct Slot {
    next: *mut Slot,
}

/// The right to a shard.
struct Held(&'static Shard);

impl Shard {
    const fn new() -> Self {
        Self {
            is_held: AtomicBool::new(false),
            left: AtomicPtr::new(ptr::null_mut()),
            first: UnsafeCell::new(ptr::null_mut()),
            chunks: Cell::new(0),
        }
    }

    fn try_hold(&'static self) -> Option<Held> {
        let is_free = !self.is_held.load(Relaxed) && !self.is_held.swap(true, Acquire);
        is_free.then(|| Held(self))
    }

    /// # Safety
    ///
    /// The slot is one of this shard's, and not used any more.
    unsafe fn leave(&self, slot: NonNull<Slot>) {
        let mut next = self.left.load(Relaxed);
        loop {
            // SAFETY: the caller's promise: it is the caller's until it is in the list.
            unsafe { slot.write(Slot { next }) };
            match self
                .left
                .compare_exchange_weak(next, slot.as_ptr(), Release, Relaxed)
            {
                Ok(_) => return,
                Err(now) => next = now,
            }
        }
    }
}

impl Held {
    /// A slot of so many bytes, which is the size of all of this shard's.
    fn take(self, size: usize) -> Option<NonNull<u8>> {
        self.take_over();
        // SAFETY: *held*.
        let first = unsafe { *self.0.first.get() };
        let mut chunk = NonNull::new(first).or_else(|| self.grow(size))?;
        // SAFETY: *held*.
        let this = unsafe { chunk.as_mut() };
        let slot = match NonNull::new(this.free) {
            Some(slot) => {
                // SAFETY: *carved*.
                this.free = unsafe { slot.read() }.next;
                // It may be the next to be taken, and has left the caches.
                prefetch::lines(this.free.addr(), size);
                slot
            }
            None => {
                // SAFETY: *listed*, so there is one that was never used.
                let slot = unsafe { chunk.byte_add(this.fresh) };
                this.fresh += size;
                slot.cast()
            }
        };
        this.in_use += 1;
        if !this.has_slots() {
            // SAFETY: *listed*.
            unsafe { self.unlist(chunk.as_ptr()) };
        }
        Some(slot.cast())
    }

    /// # Safety
    ///
    /// The slot is one of this shard's, and not used any more.
    unsafe fn give_back(self, slot: NonNull<Slot>) {
        self.take_over();
        // SAFETY: the caller's promise.
        unsafe { self.put(slot) };
    }

    /// Takes over what others left.
    fn take_over(&self) {
        if self.0.left.load(Relaxed).is_null() {
            return;
        }
        let mut left = self.0.left.swap(ptr::null_mut(), Acquire);
        while let Some(slot) = NonNull::new(left) {
            // SAFETY: *carved*: the list is the holder's now.
            unsafe {
                left = slot.read().next;
                self.put(slot);
            }
        }
    }

    /// # Safety
    ///
    /// The slot is one of this shard's, in no list and not used.
    unsafe fn put(&self, slot: NonNull<Slot>) {
        let chunk = chunk_of(slot);
        // SAFETY: *held*: the slot's chunk is this shard's.
        let this = unsafe { &mut *chunk };
        let had_slots = this.has_slots();
        // SAFETY: the caller's promise.
        unsafe { slot.write(Slot { next: this.free }) };
        this.free = slot.as_ptr();
        this.in_use -= 1;
        if !had_slots {
            // SAFETY: *listed*.
            unsafe { self.list(chunk) };
        }
    }

    /// Gives chunks back to the system that nobody has a slot of.
    fn trim(self) {
        self.take_over();
        // SAFETY: *held*, for the list and what is in it.
        let mut chunk = unsafe { *self.0.first.get() };
        while let Some(this) = NonNull::new(chunk) {
            // SAFETY: as above; *carved*: nobody has a slot of one that is freed.
            unsafe {
                chunk = this.as_ref().next;
                if this.as_ref().in_use == 0 {
                    self.unlist(this.as_ptr());
                    if pages::unmap(this.cast()) {
                        self.0.chunks.update(|chunks| chunks - 1);
                    } else {
                        self.list(this.as_ptr());
                    }
                }
            }
        }
    }

    /// Another chunk, in the list.
    fn grow(&self, size: usize) -> Option<NonNull<Chunk>> {
        let chunk = pages::map(self.0.chunks.get() >= SMALL)?.cast::<Chunk>();
        self.0.chunks.update(|chunks| chunks + 1);
        // SAFETY: it was just mapped for that.
        unsafe {
            chunk.write(Chunk {
                owner: self.0,
                size,
                free: ptr::null_mut(),
                fresh: LINE,
                in_use: 0,
                next: ptr::null_mut(),
                previous: ptr::null_mut(),
            });
            self.list(chunk.as_ptr());
        }
        Some(chunk)
    }

    /// Puts a chunk at the beginning of the list: what was used last is used next.
    ///
    /// # Safety
    ///
    /// It is this shard's, and not in the list.
    unsafe fn list(&self, chunk: *mut Chunk) {
        // SAFETY: *held*, for the list and what is in it.
        unsafe {
            let first = self.0.first.get();
            (*chunk).previous = ptr::null_mut();
            (*chunk).next = *first;
            if let Some(next) = (*first).as_mut() {
                next.previous = chunk;
            }
            *first = chunk;
        }
    }

    /// # Safety
    ///
    /// The chunk is in this shard's list.
    unsafe fn unlist(&self, chunk: *mut Chunk) {
        // SAFETY: *held*, for the list and what is in it.
        unsafe {
            let Chunk { next, previous, .. } = *chunk;
            match previous.as_mut() {
                Some(previous) => previous.next = next,
                None => *self.0.first.get() = next,
            }
            if let Some(next) = next.as_mut() {
                next.previous = previous;
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.is_held.store(false, Release);
    }
}

impl Chunk {
    fn has_slots(&self) -> bool {
        !self.free.is_null() || self.fresh + self.size <= CHUNK
    }
}

/// The chunk that a slot lies in.
fn chunk_of(slot: NonNull<Slot>) -> *mut Chunk {
    slot.as_ptr()
        .map_addr(|address| address & !(CHUNK - 1))
        .cast()
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Held, LINE, MOST_LINES, POOL, Shard, give_back, take};
    use std::alloc::Layout;
    use std::ptr::NonNull;
    use std::sync::Mutex;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).expect("a power of two")
    }

    /// Fills it with its own address.
    fn mark(memory: NonNull<u8>, size: usize) {
        for word in 0..size / 8 {
            // SAFETY: it has so many bytes.
            unsafe { memory.cast::<usize>().add(word).write(memory.addr().get()) };
        }
    }

    /// Others may be trimming it.
    fn hold(shard: &'static Shard) -> Held {
        std::iter::repeat_with(|| shard.try_hold())
            .flatten()
            .next()
            .expect("it goes on for ever")
    }

    fn check(memory: NonNull<u8>, size: usize) {
        for word in 0..size / 8 {
            // SAFETY: it has so many bytes, which `mark` wrote.
            let value = unsafe { memory.cast::<usize>().add(word).read() };
            assert_eq!(value, memory.addr().get(), "somebody else has it too");
        }
    }

    #[test]
    fn every_size() {
        for size in 1..=MOST_LINES * LINE {
            let memory = take(layout(size)).expect("a shard is free");
            assert!(memory.addr().get().is_multiple_of(LINE));
            mark(memory, size);
            check(memory, size);
            // SAFETY: it was just taken.
            unsafe { give_back(memory) };
        }
        assert!(take(layout(MOST_LINES * LINE + 1)).is_none());
        assert!(take(Layout::from_size_align(64, 128).expect("a power of two")).is_none());
    }

    /// Threads that take and give back each other's, more than a chunk of it: nothing is given out twice, and all chunks go
    /// back in the end.
    #[test]
    fn nobody_gets_what_another_has() {
        // A size that no other test uses, and no record of theirs.
        const SIZE: usize = MOST_LINES * LINE - 8;
        const AT_ONCE: usize = 3 * CHUNK / LINE / MOST_LINES;
        let shared: Mutex<Vec<(usize, NonNull<u8>)>> = Mutex::new(Vec::new());
        struct Shared<'a>(&'a Mutex<Vec<(usize, NonNull<u8>)>>);
        // SAFETY: the memory is anybody's.
        unsafe impl Sync for Shared<'_> {}
        let shared = Shared(&shared);
        std::thread::scope(|scope| {
            for seed in 1..5_u64 {
                let shared = &shared;
                scope.spawn(move || {
                    let mut random = seed;
                    for _ in 0..20_000 {
                        random = random
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1);
                        let mut all = shared.0.lock().expect("no panic");
                        if all.len() < AT_ONCE && random >> 63 == 0 || all.is_empty() {
                            drop(all);
                            if let Some(memory) = take(layout(SIZE)) {
                                mark(memory, SIZE);
                                shared.0.lock().expect("no panic").push((SIZE, memory));
                            }
                        } else {
                            let index = (random >> 20) as usize % all.len();
                            let (size, memory) = all.swap_remove(index);
                            drop(all);
                            check(memory, size);
                            // SAFETY: it was taken, and nobody else has it.
                            unsafe { give_back(memory) };
                        }
                    }
                });
            }
        });
        for (size, memory) in shared.0.lock().expect("no panic").drain(..) {
            check(memory, size);
            // SAFETY: as above.
            unsafe { give_back(memory) };
        }
        for shard in &POOL[MOST_LINES - 1] {
            hold(shard).trim();
            let _held = hold(shard);
            // SAFETY: it is held.
            let first = unsafe { *shard.first.get() };
            assert!(first.is_null(), "a slot of it is in use, it says");
        }
    }
}
