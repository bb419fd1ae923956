//! The poller: the processor whose part it is to wait in the kernel, for the events of all.
//!
//! There is one epoll instance for all processors. Two that waited in it would be woken in turn for what one of them
//! serves as well, a context switch for each message; and each event is reported once, the wake for a processor that
//! waits there as well, so nobody else may take events meanwhile. So the instance has one user at a time:
//!
//! * the poller waits there when it has nothing to run, and is done as soon as the kernel returns, before the events
//!   are handed out; the others sleep on a word of their own (`nap.rs`), also while the poller runs threads: it comes
//!   back for many events at once, where another one would be woken for each;
//! * a machine that is busy, and the monitor, look there without waiting, while the poller does not wait.
//!
//! # Why somebody waits where all sleep
//!
//! The poller sleeps nowhere else, but for the time of somebody's look. Then it says that it wants to wait, and whoever
//! looks wakes it at the end. Another processor becomes the poller only if this one is awake, and only one that is
//! about to ask: it is falling asleep, or is woken after it was appointed, unless it is awake anyway.
//!
//! While the poller runs threads nobody need be there: it looks itself now and then, and so does any other that is busy.
//! Where threads take long, another processor that falls asleep takes over from it, or the monitor appoints one that
//! sleeps (`monitor.rs`).

#[cfg(loom)]
use loom::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
#[cfg(not(loom))]
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

/// How long the kernel goes without being asked until another processor is the poller, in nanoseconds.
const PATIENCE: u64 = 1_000_000;

/// What the poller does, or somebody instead of it, in the low bits of the word; above them is who it is.
const AWAY: usize = 0;
const WAITS: usize = 1;
/// Somebody looks.
const LOOKS: usize = 2;
/// Somebody looks, and the poller, which would have waited, sleeps on its own word.
const WANTED: usize = 3;
const DOES: usize = 3;
const PROCESSOR: usize = 4;

pub(super) struct Poller {
    role: AtomicUsize,
    /// When the kernel was last asked, in nanoseconds.
    asked: AtomicU64,
}

impl Poller {
    /// The first processor is the poller: it has a machine, whatever the system grants.
    pub(super) fn new() -> Self {
        Self {
            role: AtomicUsize::new(AWAY),
            asked: AtomicU64::new(0),
        }
    }

    /// A processor is about to sleep: whether it waits in the kernel. Then it says when it has
    /// [`returned`](Self::returned).
    pub(super) fn waits(&self, processor: usize, now: u64) -> bool {
        let mut role = self.role.load(Relaxed);
        loop {
            let is_poller = role / PROCESSOR == processor;
            let to = match role & DOES {
                AWAY if is_poller || self.is_unasked(now, PATIENCE) => WAITS,
                LOOKS if is_poller => WANTED,
                // Old news, if it is any: whoever appoints a processor wakes it afterwards.
                _ => return false,
            };
            let to = processor * PROCESSOR + to;
            match self.role.compare_exchange(role, to, AcqRel, Relaxed) {
                Ok(_) => return to & DOES == WAITS,
                Err(changed) => role = changed,
            }
        }
    }

    /// The kernel has returned to the processor that waits, which is the poller.
    pub(super) fn returned(&self, processor: usize, now: u64) {
        self.asked.store(now, Relaxed);
        self.role.store(processor * PROCESSOR + AWAY, Release);
    }

    /// Whether the caller may look; then it says when it [`has_looked`](Self::has_looked).
    pub(super) fn looks(&self, now: u64) -> bool {
        let role = self.role.load(Relaxed);
        let may = role & DOES == AWAY
            && self
                .role
                .compare_exchange(role, role | LOOKS, Acquire, Relaxed)
                .is_ok();
        if may {
            self.asked.store(now, Relaxed);
        }
        may
    }

    /// The end of a look; the poller, if it sleeps on its own word and has to be woken.
    #[must_use]
    pub(super) fn has_looked(&self) -> Option<usize> {
        // Acquire: the poller is marked idle, if it wants to wait.
        let role = self.role.fetch_and(!DOES, AcqRel);
        (role & DOES == WANTED).then_some(role / PROCESSOR)
    }

    /// Makes another processor the poller, unless somebody is in the kernel. The caller wakes it afterwards, whatever
    /// came of this, if it is marked idle: a processor marks itself before it asks.
    pub(super) fn appoint(&self, processor: usize) {
        let role = self.role.load(Relaxed);
        if role & DOES == AWAY {
            let to = processor * PROCESSOR + AWAY;
            let _ = self.role.compare_exchange(role, to, AcqRel, Relaxed);
        }
    }

    /// Whether nobody is in the kernel, or was for so long, in nanoseconds.
    pub(super) fn is_away(&self, now: u64, long: u64) -> bool {
        self.role.load(Acquire) & DOES == AWAY && self.is_unasked(now, long)
    }

    /// Whether it is away for so long that another processor should be the poller.
    pub(super) fn is_missed(&self, now: u64) -> bool {
        self.is_away(now, PATIENCE)
    }

    fn is_unasked(&self, now: u64, long: u64) -> bool {
        now.saturating_sub(self.asked.load(Relaxed)) >= long
    }

    /// The poller, if it waits, as far as can be seen.
    pub(super) fn waiting(&self) -> Option<usize> {
        let role = self.role.load(Relaxed);
        (role & DOES == WAITS).then_some(role / PROCESSOR)
    }
}
