//! A number of messages at most: a ring of slots, which the senders write to and the receiver takes from, none of them
//! with a lock.
//!
//! The receiver says in one word, `head`, how many messages it has taken. A sender claims a number only if that is less
//! than the bound beyond; so the slot of the number is free. The word also says whether senders wait for a
//! free place, so that who takes a message, and makes one, is told.

use super::slot::Slot;
use super::tail::{Seen, Tail};

#[cfg(loom)]
use loom::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
#[cfg(not(loom))]
use std::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

/// Up to this size the ring is as long as the next power of two, so that no number has to be divided by its length.
const ROUNDED_BYTES: usize = 64 * 1024;

/// In `head`: senders wait.
const SENDERS_WAIT: u64 = 1;
const STEP: u64 = 1 << 1;

/// # Invariants
///
/// - *full*: the numbers that are claimed are never more than `bound` beyond those that are taken, nor is the ring
///   shorter than that.
/// - *known*: `known` is what `head` said once, without its flag; whoever reads it sees what was done before that.
pub(super) struct Ring<T> {
    /// At least one.
    bound: u64,
    slots: Box<[Slot<T>]>,
    senders: Senders,
    receiver: Line<AtomicU64>,
}

#[repr(align(64))]
struct Line<T>(T);

#[repr(align(64))]
struct Senders {
    tail: Tail,
    /// How many messages were taken, or some less: the senders seldom need to know more, and this line is theirs.
    known: AtomicU64,
}

/// Why a message was not appended; it comes back.
pub(super) enum Refused<T> {
    ReceiverGone(T),
    Full(T),
}

impl<T> Ring<T> {
    pub(super) fn new(bound: usize) -> Self {
        let rounded = bound
            .checked_next_power_of_two()
            .filter(|length| length.saturating_mul(size_of::<Slot<T>>()) <= ROUNDED_BYTES);
        Self {
            bound: bound as u64,
            slots: slots(rounded.unwrap_or(bound)),
            senders: Senders {
                tail: Tail::new(),
                known: AtomicU64::new(0),
            },
            receiver: Line(AtomicU64::new(0)),
        }
    }

    #[inline]
    pub(super) fn tail(&self) -> &Tail {
        &self.senders.tail
    }

    /// Appends a message; the answer says whether the receiver waits, and is to be called.
    #[inline]
    pub(super) fn push(&self, message: T) -> Result<bool, Refused<T>> {
        let mut seen = self.tail().look();
        loop {
            if seen.receiver_is_gone() {
                return Err(Refused::ReceiverGone(message));
            }
            if self.is_full(seen, self.senders.known.load(Acquire)) {
                let taken = self.receiver.0.load(Acquire) / STEP;
                if self.is_full(seen, taken) {
                    return Err(Refused::Full(message));
                }
                self.senders.known.store(taken, Release);
            }
            match self.tail().claim(seen, false) {
                Ok(()) => break,
                Err(now) => seen = now,
            }
        }
        let number = seen.next();
        // SAFETY: claimed; *full* and *known*: the message that lay here was taken before this sender read that.
        unsafe { self.slot(number).write(number, message) };
        Ok(seen.receiver_waits())
    }

    /// For a sender that found no room: true if it has to wait, and then whoever takes the next message is told that
    /// senders wait. False if it may not have to: it tries again.
    ///
    /// To be called with the lock under which [`nobody_waits`](Self::nobody_waits) is called too.
    pub(super) fn wait_for_room(&self) -> bool {
        let mut head = self.receiver.0.load(Acquire);
        loop {
            let seen = self.tail().look();
            if seen.receiver_is_gone() || !self.is_full(seen, head / STEP) {
                return false;
            }
            match self
                .receiver
                .0
                .compare_exchange_weak(head, head | SENDERS_WAIT, AcqRel, Acquire)
            {
                Ok(_) => return true,
                Err(now) => head = now,
            }
        }
    }

    pub(super) fn nobody_waits(&self) {
        self.receiver.0.fetch_and(!SENDERS_WAIT, AcqRel);
    }

    /// What was seen may be old, and then less than what was taken; the claim will fail.
    #[inline]
    fn is_full(&self, seen: Seen, taken: u64) -> bool {
        seen.next().saturating_sub(taken) >= self.bound
    }

    /// The number of the receiver's next message.
    ///
    /// # Safety
    ///
    /// The caller is the receiver.
    #[inline]
    pub(super) unsafe fn next(&self) -> u64 {
        self.receiver.0.load(Relaxed) / STEP
    }

    /// Whether the next message is there.
    ///
    /// # Safety
    ///
    /// The caller is the receiver.
    #[inline]
    pub(super) unsafe fn has_next(&self) -> bool {
        // SAFETY: the caller's promise.
        let number = unsafe { self.next() };
        self.slot(number).has(number)
    }

    /// Takes the next message, if it is there; the answer says also whether senders wait, of which one is to be called.
    ///
    /// # Safety
    ///
    /// The caller is the receiver.
    #[inline]
    pub(super) unsafe fn pop(&self) -> Option<(T, bool)> {
        // SAFETY: the caller's promise.
        let number = unsafe { self.next() };
        let slot = self.slot(number);
        if !slot.has(number) {
            return None;
        }
        // SAFETY: it has the message, and the head goes on.
        let message = unsafe { slot.take() };
        let head = self.receiver.0.fetch_add(STEP, AcqRel);
        Some((message, head & SENDERS_WAIT != 0))
    }

    #[inline]
    fn slot(&self, number: u64) -> &Slot<T> {
        let length = self.slots.len() as u64;
        let index = if length.is_power_of_two() {
            number & (length - 1)
        } else {
            number % length
        };
        &self.slots[index as usize]
    }
}

/// New slots. They cost no memory but addresses before they are used.
#[cfg(not(loom))]
fn slots<T>(length: usize) -> Box<[Slot<T>]> {
    let slots = Box::<[Slot<T>]>::new_zeroed_slice(length);
    // SAFETY: all bytes zero are a new slot.
    unsafe { slots.assume_init() }
}

#[cfg(loom)]
fn slots<T>(length: usize) -> Box<[Slot<T>]> {
    (0..length).map(|_| Slot::new()).collect()
}
