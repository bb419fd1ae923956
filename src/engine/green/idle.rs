//! Which processors sleep, and how work that arrives finds one to wake.
//!
//! # Why no work is left lying
//!
//! A processor that runs out of work marks itself idle, and then looks at every queue once more before it
//! sleeps. Whoever puts work where no running machine is sure to look (the shared queue, another processor's
//! inbox) does so first, and then looks for an idle processor. Each side writes, passes a sequentially
//! consistent fence, and reads what the other wrote: one of them sees the other (the argument of Dekker's
//! algorithm). Work that a machine puts into its own ring needs none of this: it gets there itself.
//!
//! # Searching
//!
//! A processor that was woken has nothing to do yet: it searches. While one does, no second one is woken:
//! the first either finds the work or, before it sleeps, takes back its word that it searches and then
//! looks once more. A searcher that finds work, and was the last one, wakes the next, so a burst of work
//! wakes everybody, one after another.
//!
//! Whoever clears a processor's idle mark counts it as a searcher, then; a processor that finds its mark
//! cleared knows that it is counted, or is about to be. So the count can be one too low for a moment, even
//! below zero, and somebody is woken in vain. It must never be too high: counting first, and taking that back
//! where no mark is found, would let others rely on a searcher that there is not (the model found that).
//!
//! # Wakes that do not pay
//!
//! To wake a processor and to let it sleep again costs some 10 µs, and what its threads touch comes from another
//! core. For one that then runs a few threads of 100 ns each that is far more than they are worth; and a machine that
//! makes such threads ready, one after another, would wake somebody for each. So after a wake that did not pay, nobody
//! is woken for a while for what a running machine has in its own ring, and for twice as long after the next.
//! Work that no running machine would get to by itself wakes somebody in any case.
//!
//! A rest is ended by whoever looks at the clock: a busy machine now and then, and the monitor, both of which then wake
//! somebody for what came meanwhile; and a machine that comes out of its sleep, which searches itself. So a thread that is
//! ready behind one that computes waits for some milliseconds at most, and only where threads had short turns just before.

use super::poller::Poller;

#[cfg(loom)]
use loom::sync::atomic::{
    AtomicI32, AtomicU64,
    Ordering::{AcqRel, Relaxed, SeqCst},
    fence,
};
#[cfg(not(loom))]
use std::sync::atomic::{
    AtomicI32, AtomicU64,
    Ordering::{AcqRel, Relaxed, SeqCst},
    fence,
};

pub(super) struct Idle {
    /// Which of those that sleep waits in the kernel.
    pub(super) poller: Poller,
    /// A bit for each processor.
    marks: Box<[AtomicU64]>,
    searching: AtomicI32,
    /// When the present rest is over, in nanoseconds; 0 if there is none.
    rests_until: AtomicU64,
    /// How long the last rest was, in nanoseconds; 0 if the last wake paid.
    rest: AtomicU64,
}

/// A wake pays if the processor runs for so long until it sleeps again, in nanoseconds,
const PAYS: u64 = 500_000;
/// or if the turns of its threads are so long: as long as the wake took.
const TURN_PAYS: u64 = 10_000;
/// How long a rest is, in nanoseconds.
const LEAST_REST: u64 = 50_000;
const MOST_REST: u64 = 1_000_000;

impl Idle {
    pub(super) fn new(processors: usize) -> Self {
        Self {
            poller: Poller::new(),
            marks: (0..processors.div_ceil(64))
                .map(|_| AtomicU64::new(0))
                .collect(),
            searching: AtomicI32::new(0),
            rests_until: AtomicU64::new(0),
            rest: AtomicU64::new(0),
        }
    }

    /// After work was put where no running machine is sure to look: the processor to wake for it, if one
    /// has to be. It is counted as a searcher.
    pub(super) fn to_wake_for_shared_work(&self) -> Option<usize> {
        fence(SeqCst);
        match self.is_somebody_idle() {
            true => self.unmark_one(),
            false => None,
        }
    }

    /// As `to_wake_for_shared_work`, for a new thread in the ring of the calling machine, which may not get to it for a
    /// while.
    pub(super) fn to_wake_for_new_work(&self) -> Option<usize> {
        fence(SeqCst);
        self.to_wake()
    }

    /// As `to_wake_for_shared_work`, for work that the calling machine would get to itself: it costs nothing
    /// if nobody is idle.
    pub(super) fn to_wake(&self) -> Option<usize> {
        match self.has_somebody_to_wake() {
            true => self.unmark_one(),
            false => None,
        }
    }

    fn unmark_one(&self) -> Option<usize> {
        // The one that waits in the kernel last: nobody might for a while, then.
        let poller = self.poller.waiting();
        let found = self.marks.iter().enumerate().find_map(|(index, word)| {
            let spared = match poller {
                Some(poller) if poller / 64 == index => bit(poller),
                _ => 0,
            };
            let mut marks = word.load(Relaxed);
            while marks & !spared != 0 {
                let first = (marks & !spared).trailing_zeros();
                match word.compare_exchange(marks, marks & !(1 << first), AcqRel, Relaxed) {
                    Ok(_) => return Some(index * 64 + first as usize),
                    Err(now) => marks = now,
                }
            }
            None
        });
        let found = found.or_else(|| poller.filter(|&poller| self.clear(poller)));
        if found.is_some() {
            self.searching.fetch_add(1, AcqRel);
        }
        found
    }

    /// Whether somebody is idle, and nobody searches, and wakes pay.
    pub(super) fn has_somebody_to_wake(&self) -> bool {
        self.rests_until.load(Relaxed) == 0 && self.is_somebody_idle()
    }

    fn is_somebody_idle(&self) -> bool {
        self.marks.iter().any(|word| word.load(Relaxed) != 0) && self.searching.load(Relaxed) <= 0
    }

    /// A processor that another one woke sleeps again, after so long and so many turns of threads.
    pub(super) fn was_awake(&self, now: u64, elapsed: u64, turns: u32) {
        // One turn may be all that there was to do; it has to be long enough for two.
        if elapsed >= PAYS || elapsed >= TURN_PAYS * u64::from(turns.max(2)) {
            self.rest.store(0, Relaxed);
            return;
        }
        let rest = (2 * self.rest.load(Relaxed)).clamp(LEAST_REST, MOST_REST);
        self.rest.store(rest, Relaxed);
        self.rests_until.store(now + rest, Relaxed);
    }

    /// Ends the present rest if its time has come; whether it did.
    pub(super) fn end_rest(&self, now: u64) -> bool {
        let until = self.rests_until.load(Relaxed);
        let ends = until != 0 && until <= now;
        if ends {
            self.rests_until.store(0, Relaxed);
        }
        ends
    }

    /// Whether all of so many processors are idle.
    pub(super) fn are_all_idle(&self, processors: usize) -> bool {
        let idle: u32 = self
            .marks
            .iter()
            .map(|word| word.load(Relaxed).count_ones())
            .sum();
        idle as usize == processors
    }

    /// After work was put into the inbox of one processor: whether it has to be woken. Then it is counted as
    /// a searcher.
    pub(super) fn has_to_wake(&self, processor: usize) -> bool {
        fence(SeqCst);
        if self.word(processor).load(Relaxed) & bit(processor) == 0 {
            return false;
        }
        let cleared = self.clear(processor);
        if cleared {
            self.searching.fetch_add(1, AcqRel);
        }
        cleared
    }

    /// A processor out of work marks itself, and then looks at every queue once more. `was_searching` is
    /// what it was until now; afterwards it is not.
    pub(super) fn mark(&self, processor: usize, was_searching: bool) {
        self.word(processor).fetch_or(bit(processor), AcqRel);
        if was_searching {
            self.searching.fetch_sub(1, AcqRel);
        }
        fence(SeqCst);
    }

    /// A processor goes on; true if it is a searcher now: because somebody woke it, or because it says so: one
    /// that was searching until it marked itself, and then saw work, has to see whether others are needed.
    pub(super) fn unmark(&self, processor: usize, searches: bool) -> bool {
        if !self.clear(processor) {
            return true;
        }
        if searches {
            self.searching.fetch_add(1, AcqRel);
        }
        searches
    }

    /// A processor starts to search by itself, unless enough others do.
    pub(super) fn start_searching(&self, processors: usize) -> bool {
        if 2 * self.searching.load(Relaxed).max(0) as usize >= processors {
            return false;
        }
        self.searching.fetch_add(1, AcqRel);
        true
    }

    /// A searcher found work; true if it was the last one, so that it should see whether another is needed.
    pub(super) fn stop_searching(&self) -> bool {
        let was_last = self.searching.fetch_sub(1, AcqRel) == 1;
        if was_last {
            // Work for which nobody was woken, because this one searched, is visible from here on.
            fence(SeqCst);
        }
        was_last
    }

    fn clear(&self, processor: usize) -> bool {
        self.word(processor).fetch_and(!bit(processor), AcqRel) & bit(processor) != 0
    }

    fn word(&self, processor: usize) -> &AtomicU64 {
        &self.marks[processor / 64]
    }
}

fn bit(processor: usize) -> u64 {
    1 << (processor % 64)
}
