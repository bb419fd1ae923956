//! Any number of messages: a list of blocks, which the senders append to and the receiver takes from the other end,
//! none of them with a lock. The shape is the one of std's and crossbeam's unbounded channels, with less to do, since
//! one thread receives.
//!
//! A number that is claimed names a slot of the last block. Who claims the last slot of a block appends the next one,
//! and meanwhile nobody claims ([`Tail`] says `GROWS`). So whoever claims while the tail says what it saw before
//! it looked for the block has the block of its number.
//!
//! # When a block ends
//!
//! The receiver takes the messages in order. When it takes the last one of a block, all senders that claimed a slot
//! of it have written, which is the last thing that they do with it; and who appended the next block did so before it
//! wrote. Nobody else reads or writes in a block. So the receiver has it to itself; it leaves it to the
//! senders as the next one to append, or frees it.

use super::slot::Slot;
use super::spin::Spin;
use super::tail::{Seen, Tail};
use std::ptr;

#[cfg(loom)]
use loom::sync::atomic::{
    AtomicPtr,
    Ordering::{AcqRel, Acquire, Release},
};
use std::cell::Cell;
#[cfg(not(loom))]
use std::sync::atomic::{
    AtomicPtr,
    Ordering::{AcqRel, Acquire, Release},
};

/// Messages in a block.
#[cfg(not(loom))]
const LENGTH: usize = 32;
#[cfg(loom)]
const LENGTH: usize = 2;

/// A block above this size is not kept for the next use.
const KEPT_BYTES: usize = 64 * 1024;

/// # Invariants
///
/// - *blocks*: `last` is the block of the number that is claimed next, unless the tail says `GROWS`, or null before the
///   first message. `first` is the first block ever, once that is there.
/// - *receiver*: `position` is the receiver's.
pub(super) struct List<T> {
    senders: Senders<T>,
    receiver: Line<Position<T>>,
    first: AtomicPtr<Block<T>>,
    /// A block that nobody uses, or null.
    spare: AtomicPtr<Block<T>>,
}

#[repr(align(64))]
struct Line<T>(T);

#[repr(align(64))]
struct Senders<T> {
    tail: Tail,
    last: AtomicPtr<Block<T>>,
}

/// Where the receiver is.
struct Position<T> {
    /// The number of its next message.
    next: Cell<u64>,
    /// The block of that message; null if it has not looked for the first one, or has not found it.
    block: Cell<*const Block<T>>,
}

struct Block<T> {
    next: AtomicPtr<Block<T>>,
    slots: [Slot<T>; LENGTH],
}

// SAFETY: the senders share atomics and slots, which say why they can; *receiver*: one thread uses `position`.
unsafe impl<T: Send> Sync for List<T> {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl<T: Send> Send for List<T> {}

impl<T> List<T> {
    pub(super) fn new() -> Self {
        Self {
            senders: Senders {
                tail: Tail::new(),
                last: AtomicPtr::new(ptr::null_mut()),
            },
            receiver: Line(Position {
                next: Cell::new(0),
                block: Cell::new(ptr::null()),
            }),
            first: AtomicPtr::new(ptr::null_mut()),
            spare: AtomicPtr::new(ptr::null_mut()),
        }
    }

    #[inline]
    pub(super) fn tail(&self) -> &Tail {
        &self.senders.tail
    }

    /// Appends a message; the answer says whether the receiver waits, and is to be called. If the receiver is gone,
    /// the message comes back.
    #[inline]
    pub(super) fn push(&self, message: T) -> Result<bool, T> {
        let mut seen = self.tail().look();
        loop {
            if seen.receiver_is_gone() {
                return Err(message);
            }
            if seen.grows() {
                seen = self.after_growth();
                continue;
            }
            let last = self.senders.last.load(Acquire);
            if last.is_null() {
                self.begin();
                seen = self.tail().look();
                continue;
            }
            let number = seen.next();
            let offset = offset(number);
            let claimed = if offset + 1 < LENGTH {
                self.tail().claim(seen, false)
            } else {
                self.claim_and_grow(seen, last)
            };
            if let Err(now) = claimed {
                seen = now;
                continue;
            }
            // SAFETY: *blocks*, and nothing was claimed since the tail was looked at: it is the block of the
            // number. It does not end before the message is written.
            let slot = unsafe { &(*last).slots[offset] };
            // SAFETY: claimed; the receiver gave the block away after it had taken the messages of earlier uses.
            unsafe { slot.write(number, message) };
            return Ok(seen.receiver_waits());
        }
    }

    /// Claims the last number of a block, and appends a block.
    #[cold]
    fn claim_and_grow(&self, seen: Seen, last: *mut Block<T>) -> Result<(), Seen> {
        let block = self.spare_or_new();
        if let Err(now) = self.tail().claim(seen, true) {
            self.keep_or_free(block);
            return Err(now);
        }
        self.senders.last.store(block, Release);
        // SAFETY: the block of the number that was claimed here, whose message is not written yet.
        unsafe { (*last).next.store(block, Release) };
        self.tail().has_grown();
        Ok(())
    }

    #[cold]
    fn after_growth(&self) -> Seen {
        let mut spin = Spin::new();
        loop {
            let seen = self.tail().look();
            if !seen.grows() {
                return seen;
            }
            spin.pause();
        }
    }

    /// Puts the first block there, if nobody else does.
    #[cold]
    fn begin(&self) {
        let block = self.spare_or_new();
        let nobody = ptr::null_mut();
        match self
            .senders
            .last
            .compare_exchange(nobody, block, AcqRel, Acquire)
        {
            Ok(_) => self.first.store(block, Release),
            Err(_) => self.keep_or_free(block),
        }
    }

    /// The number of the receiver's next message.
    ///
    /// # Safety
    ///
    /// The caller is the receiver.
    #[inline]
    pub(super) unsafe fn next(&self) -> u64 {
        self.receiver.0.next.get()
    }

    /// Whether the next message is there.
    ///
    /// # Safety
    ///
    /// The caller is the receiver.
    #[inline]
    pub(super) unsafe fn has_next(&self) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.next_slot() }.is_some()
    }

    /// Takes the next message, if it is there.
    ///
    /// # Safety
    ///
    /// The caller is the receiver.
    #[inline]
    pub(super) unsafe fn pop(&self) -> Option<T> {
        // SAFETY: the caller's promise.
        let slot = unsafe { self.next_slot() }?;
        // SAFETY: it has the message, and the position goes on.
        let message = unsafe { slot.take() };
        let number = self.receiver.0.next.get();
        self.receiver.0.next.set(number + 1);
        if offset(number) + 1 == LENGTH {
            self.go_to_next_block();
        }
        Some(message)
    }

    /// The slot of the next message, if that is there.
    ///
    /// # Safety
    ///
    /// The caller is the receiver.
    #[inline]
    unsafe fn next_slot(&self) -> Option<&Slot<T>> {
        let position = &self.receiver.0;
        let mut block = position.block.get();
        if block.is_null() {
            block = self.first.load(Acquire);
            if block.is_null() {
                return None;
            }
            position.block.set(block);
        }
        let number = position.next.get();
        // SAFETY: the block of the next message ends when the receiver has taken its last one.
        let slot = unsafe { &(*block).slots[offset(number)] };
        slot.has(number).then_some(slot)
    }

    /// The last message of the block is taken.
    #[cold]
    fn go_to_next_block(&self) {
        let block = self.receiver.0.block.get();
        // SAFETY: not ended yet; the next one was appended before its last message was written.
        let next = unsafe { (*block).next.load(Acquire) };
        self.receiver.0.block.set(next);
        self.keep_or_free(block.cast_mut());
    }

    fn spare_or_new(&self) -> *mut Block<T> {
        let spare = self.spare.swap(ptr::null_mut(), Acquire);
        if spare.is_null() {
            return Block::new();
        }
        spare
    }

    /// For a block that nobody else uses.
    fn keep_or_free(&self, block: *mut Block<T>) {
        let surplus = if size_of::<Block<T>>() <= KEPT_BYTES {
            self.spare.swap(block, AcqRel)
        } else {
            block
        };
        // SAFETY: nobody uses it, or it was the spare one.
        unsafe { Block::free(surplus) };
    }

    /// Frees the memory that is kept for later.
    pub(super) fn free_spare(&self) {
        // SAFETY: nobody uses the spare one.
        unsafe { Block::free(self.spare.swap(ptr::null_mut(), Acquire)) };
    }
}

impl<T> Drop for List<T> {
    fn drop(&mut self) {
        // The receiver has taken all messages, so its block is the last one.
        let block = match self.receiver.0.block.get() {
            block if block.is_null() => self.first.load(Acquire),
            block => block.cast_mut(),
        };
        // SAFETY: nobody uses the list any more.
        unsafe { Block::free(block) };
        self.free_spare();
    }
}

impl<T> Block<T> {
    fn new() -> *mut Self {
        let mut block = Box::<Self>::new_uninit();
        let place = block.as_mut_ptr();
        // SAFETY: the place is the new block's, whose two fields are written, and thereby initialised.
        unsafe {
            (&raw mut (*place).next).write(AtomicPtr::new(ptr::null_mut()));
            let slots = (&raw mut (*place).slots).cast::<Slot<T>>();
            for index in 0..LENGTH {
                slots.add(index).write(Slot::new());
            }
            Box::into_raw(block.assume_init())
        }
    }

    /// # Safety
    ///
    /// Null, or from [`new`](Self::new), and nobody uses it any more. What messages are in it are not dropped.
    unsafe fn free(block: *mut Self) {
        if !block.is_null() {
            // SAFETY: the caller's promise.
            drop(unsafe { Box::from_raw(block) });
        }
    }
}

#[inline]
fn offset(number: u64) -> usize {
    (number % LENGTH as u64) as usize
}
