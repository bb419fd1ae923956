//! How far the senders of a channel are, and what the two sides say to each other: one word, so that each of them
//! says something and sees what the other said in one step.
//!
//! Messages are counted from zero, and never so many that the count ends. A sender *claims* the next number, and
//! then writes its message; the receiver takes the messages in the order of their numbers.
//!
//! The receiver says [`WAITS`] only while no number is claimed that it has not taken, and the claim of the next one
//! takes it back: so who claims is told, each time that the receiver waits, once, and no message comes unnoticed.

#[cfg(loom)]
use loom::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};
#[cfg(not(loom))]
use std::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};

/// The receiver waits, and whoever claims the next number calls it.
const WAITS: u64 = 1;
/// No number will be claimed any more, for there is no sender.
const SENDERS_GONE: u64 = 1 << 1;
/// No number can be claimed any more.
const RECEIVER_GONE: u64 = 1 << 2;
/// No number can be claimed until the sender that says so has made room.
const GROWS: u64 = 1 << 3;
const STEP: u64 = 1 << 4;

pub(super) struct Tail(AtomicU64);

/// What the word said.
#[derive(Clone, Copy)]
pub(super) struct Seen(u64);

/// What the receiver finds where it has no message to take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// A message comes: its number is claimed.
    Coming,
    /// Nothing, and no sender.
    Gone,
    /// Nothing.
    Nothing,
}

impl Seen {
    /// The number that is claimed next.
    #[inline]
    pub(super) fn next(self) -> u64 {
        self.0 / STEP
    }

    #[inline]
    pub(super) fn receiver_is_gone(self) -> bool {
        self.0 & RECEIVER_GONE != 0
    }

    #[inline]
    pub(super) fn grows(self) -> bool {
        self.0 & GROWS != 0
    }

    /// Whether the receiver waited. Who claimed from here, or let the senders go, is to call it.
    #[inline]
    pub(super) fn receiver_waits(self) -> bool {
        self.0 & WAITS != 0
    }
}

impl Tail {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline]
    pub(super) fn look(&self) -> Seen {
        Seen(self.0.load(Acquire))
    }

    /// Claims the next number, if the word still says what was seen; if not, the answer is what it says now. With
    /// `grows` nobody claims another one until [`has_grown`](Self::has_grown).
    #[inline]
    pub(super) fn claim(&self, seen: Seen, grows: bool) -> Result<(), Seen> {
        let grows = if grows { GROWS } else { 0 };
        let claimed = ((seen.0 & !WAITS) + STEP) | grows;
        match self
            .0
            .compare_exchange_weak(seen.0, claimed, AcqRel, Acquire)
        {
            Ok(_) => Ok(()),
            Err(now) => Err(Seen(now)),
        }
    }

    /// To be called by who claimed with `grows`.
    pub(super) fn has_grown(&self) {
        self.0.fetch_and(!GROWS, AcqRel);
    }

    /// For the receiver, whose next message is `next` and is not there.
    pub(super) fn look_for(&self, next: u64) -> Look {
        self.look_at(self.look(), next)
    }

    /// As [`look_for`](Self::look_for); with the answer [`Look::Nothing`] the receiver counts as waiting.
    pub(super) fn wait_for(&self, next: u64) -> Look {
        let mut seen = self.look();
        loop {
            let look = self.look_at(seen, next);
            if look != Look::Nothing || seen.receiver_waits() {
                return look;
            }
            match self
                .0
                .compare_exchange_weak(seen.0, seen.0 | WAITS, AcqRel, Acquire)
            {
                Ok(_) => return Look::Nothing,
                Err(now) => seen = Seen(now),
            }
        }
    }

    pub(super) fn senders_are_gone(&self) -> bool {
        self.0.load(Acquire) & SENDERS_GONE != 0
    }

    /// The receiver waits no more. If a sender was told that it did, that one calls it all the same.
    pub(super) fn wait_no_more(&self) {
        if self.0.load(Relaxed) & WAITS != 0 {
            self.0.fetch_and(!WAITS, Relaxed);
        }
    }

    /// The last sender goes.
    pub(super) fn let_senders_go(&self) -> Seen {
        Seen(self.0.fetch_or(SENDERS_GONE, AcqRel))
    }

    /// The receiver goes. What is claimed until here is all that it leaves.
    pub(super) fn let_receiver_go(&self) -> Seen {
        Seen(self.0.fetch_or(RECEIVER_GONE, AcqRel))
    }

    fn look_at(&self, seen: Seen, next: u64) -> Look {
        if seen.next() != next {
            Look::Coming
        } else if seen.0 & SENDERS_GONE != 0 {
            Look::Gone
        } else {
            Look::Nothing
        }
    }
}
