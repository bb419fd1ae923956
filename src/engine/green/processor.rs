//! A processor: everything that is needed to run green threads but an OS thread. There is a fixed number of
//! them, one an available core; the machine that holds one works through its queues.

use super::list::{List, SharedList};
use super::machine::{self, Command, Machine};
use super::nap::{Bed, Nap};
use super::ring::Ring;
use super::scheduler::{Scheduler, Shared};
use super::task::Task;
use super::timers::Timers;
use crate::coroutine::{Fiber, Hot, Kind, SizeClass};
use crate::engine::record;
use rustix::event::epoll::Event;
use standin_core::Instant;
use standin_core::context::{Context, OsThread};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::task::Waker;
use std::time::Duration;

/// Every so many threads, a busy machine looks at the shared queue, at timers and at the kernel.
const ROUND: u32 = 61;
/// How long busy machines go without one of them asking the kernel for events, in nanoseconds.
const POLL_EVERY: u64 = 50_000;
/// How many tasks are taken from the shared queue at once.
const REFILL: usize = 64;
/// How long a processor that has nothing to do leaves new pinned threads to the one that they were spawned on, in
/// nanoseconds. They stay where they first run, and those that are spawned together often talk with each other: apart, each
/// message would wake an OS thread. What keeps a core busy loses little by it.
const HOLD_BACK: u64 = 200_000;
/// How often it looks meanwhile whether there is something else, in nanoseconds.
const NAP: u64 = 50_000;
/// How many threads of one queue of a processor are run before it is the other one's turn, so that neither can hold the
/// other up. Not one: who waits for new threads to end would be woken for each.
const TURNS: u32 = 16;
/// How many threads make a queue so long that who comes to its end is cold when its turn comes.
const LONG: u32 = 8;
/// With so many in the ring one is taken: a ring that is full gives what becomes ready here back to the shared queue.
const PLENTY: u32 = 128;
/// How long stacks rest, of which the processor takes none from the pool, before it gives their memory back when
/// it next has nothing to do, in nanoseconds.
const TRIM_AFTER: u64 = 1_000_000_000;
/// How many fibers rest with a processor, and how many go to or come from the pool at once.
pub(super) const CACHE: usize = 64;
const CACHE_BATCH: usize = 16;

pub(super) struct Processor {
    pub(super) index: usize,
    scheduler: &'static Scheduler,
    /// Ready threads that any processor may run: the free ones, and pinned ones that never ran.
    ring: Ring<Task>,
    /// Ready threads for this processor from other OS threads.
    inbox: SharedList,
    pub(super) timers: Timers,
    nap: Nap,
    /// Where it sleeps if it does not in the kernel, and what wakes it there.
    word: OsThread,
    waker: Waker,
    /// Who runs it, or did until it was lost; null before the first.
    machine: AtomicPtr<Machine>,
    held: UnsafeCell<Held>,
}

/// What only the machine that holds the processor uses.
struct Held {
    /// Ready threads that nobody else may run: pinned ones that have started.
    own: List,
    /// It is their turn, and not that of the ring,
    is_turn_of_own: bool,
    /// for so many threads.
    turns: u32,
    /// What a thread was told that asked for the next one, and leaves to the machine: another one that was taken from
    /// its queue already, or that there is more to do than to take one.
    answer: Option<Option<*const Task>>,
    /// Threads that have ended, whose memory is to be given up.
    dead: List,
    rounds: u32,
    is_searching: bool,
    /// It has waited before it took new pinned threads, since it slept last.
    has_held_back: bool,
    /// It makes threads ready for what the kernel had.
    hands_out: bool,
    /// Those that it then delivered threads to, and that are to be woken.
    delivered: Vec<usize>,
    /// When another processor's work ended its sleep, and `rounds` then; until it sleeps again.
    woken: Option<(u64, u32)>,
    /// For where to steal first.
    random: u32,
    fibers: Vec<Fiber>,
    /// Some of `fibers` ran since the last trim.
    has_given: bool,
    /// Since when stacks rest that were used.
    resting_since: Option<u64>,
    events: Vec<Event>,
}

// SAFETY: `held` is used by the machine that holds the processor, and by one at a time: it gets it from the
// one before, or from the monitor that took it from that one (`hold.rs`), through the reserve's lock. All else
// is `Sync`.
unsafe impl Sync for Processor {}
// SAFETY: as above.
unsafe impl Send for Processor {}

impl Processor {
    pub(super) fn new(index: usize, scheduler: &'static Scheduler) -> Self {
        let word = OsThread::new();
        Self {
            index,
            scheduler,
            ring: Ring::new(),
            inbox: SharedList::new(),
            timers: Timers::new(),
            nap: Nap::new(),
            waker: word.waker(),
            word,
            machine: AtomicPtr::new(ptr::null_mut()),
            held: UnsafeCell::new(Held {
                own: List::new(),
                is_turn_of_own: false,
                turns: 0,
                answer: None,
                dead: List::new(),
                rounds: 0,
                is_searching: false,
                has_held_back: false,
                hands_out: false,
                delivered: Vec::new(),
                woken: None,
                // Any seed but 0, and another one for each.
                random: (index as u32).wrapping_mul(0x9e37_79b9) | 1,
                fibers: Vec::with_capacity(CACHE + 1),
                has_given: false,
                resting_since: None,
                events: Vec::new(),
            }),
        }
    }

    pub(super) fn is_of(&self, scheduler: &Scheduler) -> bool {
        std::ptr::eq(self.scheduler, scheduler)
    }

    pub(super) fn shared(&self) -> &'static Shared {
        self.scheduler.shared()
    }

    /// A machine begins to run it.
    pub(super) fn run_by(&self, machine: &'static Machine) {
        self.machine
            .store(ptr::from_ref(machine).cast_mut(), Release);
    }

    /// Who runs it, or did until it was lost.
    pub(super) fn machine(&self) -> Option<&'static Machine> {
        // SAFETY: machines live for ever.
        unsafe { self.machine.load(Acquire).as_ref() }
    }

    /// # Safety
    ///
    /// The caller holds the processor, and has no other reference from here.
    #[expect(
        clippy::mut_from_ref,
        reason = "the holder is the only one who calls it"
    )]
    unsafe fn held(&self) -> &mut Held {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.held.get() }
    }

    /// The next thread to run, if it takes no more than to look into this processor's queues, and nobody has
    /// to be told. By the holder: each time that a thread stops it is asked once, by the thread itself or by the machine.
    ///
    /// Uses no thread-locals, makes no system call (whose wrapper may set `errno`) and does not allocate: the
    /// machine may be on another thread's block.
    #[inline]
    pub(super) fn next_at_hand(&self, shared: &Shared) -> Option<*const Task> {
        // SAFETY: the holder; nothing below comes back here.
        let held = unsafe { self.held() };
        held.rounds = held.rounds.wrapping_add(1);
        let has_to_tell =
            held.is_searching || (self.ring.len() > 1 && shared.idle.has_somebody_to_wake());
        if held.rounds.is_multiple_of(ROUND) || has_to_tell || !self.inbox.is_empty() {
            return None;
        }
        self.pop_own(held)
    }

    /// Leaves to the machine what a thread was told. By the holder.
    #[inline]
    pub(super) fn leave_to_machine(&self, answer: Option<*const Task>) {
        // SAFETY: the holder, and the reference ends here.
        unsafe { self.held().answer = Some(answer) };
    }

    /// As [`next_at_hand`](Self::next_at_hand), for the machine: what a thread has left to it, if one has.
    #[inline]
    pub(super) fn next_for_machine(&self, shared: &Shared) -> Option<*const Task> {
        // SAFETY: the holder, and the reference ends here.
        let answer = unsafe { self.held().answer.take() };
        answer.unwrap_or_else(|| self.next_at_hand(shared))
    }

    /// As [`next_at_hand`](Self::next_at_hand), if that one has not run yet and is of `class`; else what there is to do
    /// is left to the machine.
    #[inline]
    pub(super) fn next_fresh_at_hand(
        &self,
        shared: &Shared,
        class: SizeClass,
    ) -> Option<*const Task> {
        let next = self.next_at_hand(shared);
        // SAFETY: it came out of a queue, so it is alive and the holder's.
        let is_fresh =
            |next: &*const Task| unsafe { (**next).class == class && !(**next).is_started() };
        if next.as_ref().is_some_and(is_fresh) {
            return next;
        }
        self.leave_to_machine(next);
        None
    }

    /// Keeps a thread that has ended until [`forget_dead`](Self::forget_dead). By the holder, under the rules of
    /// `next_at_hand`; it is in no queue.
    pub(super) fn keep_dead(&self, task: *const Task) {
        // SAFETY: the holder, and the reference ends here; the task has ended.
        unsafe { self.held().dead.push(task) };
    }

    /// Gives up the memory of threads that have ended. By the holder, at home.
    pub(super) fn forget_dead(&self) {
        // SAFETY: the holder, and each reference ends at once.
        while let Some(task) = unsafe { self.held().dead.pop() } {
            // SAFETY: it was kept for that.
            unsafe { machine::forget(task) };
        }
    }

    /// The next thread to run; sleeps until there is one. By the holder.
    #[inline(never)]
    pub(super) fn next(&'static self) -> *const Task {
        let shared = self.scheduler.shared();
        self.look_around(shared);
        loop {
            if let Some(task) = self.pop() {
                self.found(shared);
                return task;
            }
            if self.refill(shared) || self.fire_timers() {
                continue;
            }
            if let Some(task) = self.steal(shared) {
                self.found(shared);
                return task;
            }
            self.sleep(shared);
        }
    }

    /// What a machine that always has something to run would never get to otherwise. Asking the kernel costs
    /// as much as dozens of switches, so the clock decides how often that is.
    fn look_around(&self, shared: &Shared) {
        // SAFETY: the holder, and the reference ends here.
        let is_round = unsafe { self.held().rounds }.is_multiple_of(ROUND);
        if !is_round {
            return;
        }
        self.refill(shared);
        let now = nanoseconds(Instant::system());
        shared.end_rest(now);
        if self.timers.next().is_some() {
            self.timers.fire(now);
        }
        if shared.idle.poller.is_away(now, POLL_EVERY) {
            // SAFETY: as above. Events make threads ready, which reaches `held` again, so the buffer is taken out
            // meanwhile.
            let mut events = unsafe { std::mem::take(&mut self.held().events) };
            if !shared.look(now, &mut events) {
                events.clear();
            }
            self.hand_out(shared, events);
        }
    }

    /// A thread that is ready here.
    fn pop(&self) -> Option<*const Task> {
        // SAFETY: the holder; nothing below comes back here.
        let held = unsafe { self.held() };
        self.inbox.take(1, usize::MAX, |task| {
            // SAFETY: it came from another queue of the scheduler.
            unsafe { held.own.push(task) };
        });
        self.pop_own(held)
    }

    #[inline]
    fn pop_own(&self, held: &mut Held) -> Option<*const Task> {
        if held.turns == 0 {
            held.take_turns();
        }
        held.turns -= 1;
        let task = self.pop_whose_turn_it_is(held).or_else(|| {
            held.take_turns();
            self.pop_whose_turn_it_is(held)
        });
        self.look_ahead(held);
        task
    }

    #[inline]
    fn pop_whose_turn_it_is(&self, held: &mut Held) -> Option<*const Task> {
        match held.is_turn_of_own {
            true => held.own.pop(),
            // SAFETY: the holder of the processor owns its ring.
            false => unsafe { self.ring.pop() },
        }
    }

    /// Asks for what the next thread touches first, and for the record of the one behind it, where both have waited so
    /// long that this has left the caches. While the present one runs it comes back.
    #[inline]
    fn look_ahead(&self, held: &Held) {
        if held.own.len() >= LONG as usize {
            if let Some(soon) = held.own.behind(1) {
                soon.prefetch();
            }
        } else if let Some((hot, behind)) = self.ring.ahead(LONG) {
            Task::prefetch_record(behind);
            if let Some(hot) = Hot::at(hot, self.scheduler.kind()) {
                hot.prefetch();
            }
        }
    }

    /// A thread to run was found; see whether others should be woken for what is left.
    fn found(&self, shared: &Shared) {
        // SAFETY: the holder, and the reference ends here.
        let was_searching = unsafe { std::mem::take(&mut self.held().is_searching) };
        let was_last = was_searching && shared.idle.stop_searching();
        // Others may have put work where no running machine is sure to look, or into their own rings, and left the waking
        // to the searcher.
        if was_last && !shared.injected.is_empty() {
            shared.wake_one_for_shared_work();
        } else if self.ring.len() > 0 || (was_last && self.has_work(shared)) {
            shared.wake_one();
        }
    }

    /// Takes this processor's share of the shared queue.
    fn refill(&self, shared: &Shared) -> bool {
        let most = match self.scheduler.kind() {
            Kind::Free => (PLENTY.saturating_sub(self.ring.len()) as usize).clamp(1, REFILL),
            // Those that have run do not come into the ring, so it gives nothing back.
            Kind::Pinned => REFILL,
        };
        let taken = shared.injected.take(shared.processors.len(), most, |task| {
            // SAFETY: the holder owns the ring. It has room but if it is full; the queue's lock is held, so
            // what overflows then goes to our own list.
            unsafe { self.push_to_ring(task, |task| self.held().own.push(task)) };
        });
        taken > 0
    }

    fn fire_timers(&self) -> bool {
        match self.timers.next() {
            Some(_) => self.timers.fire(nanoseconds(Instant::system())),
            None => false,
        }
    }

    /// Takes half of what is ready somewhere else.
    fn steal(&self, shared: &Shared) -> Option<*const Task> {
        let count = shared.processors.len();
        if count == 1 {
            return None;
        }
        // SAFETY: the holder; nothing below comes back here.
        let held = unsafe { self.held() };
        if !held.is_searching {
            held.is_searching = shared.idle.start_searching(count);
            if !held.is_searching {
                return None;
            }
        }
        if shared.kind == Kind::Pinned && !held.has_held_back && shared.has_work() {
            if !self.holds_back() {
                return None;
            }
            held.has_held_back = true;
        }
        held.random ^= held.random << 13;
        held.random ^= held.random >> 17;
        held.random ^= held.random << 5;
        let first = held.random as usize % count;
        (0..count)
            .map(|n| &shared.processors[(first + n) % count])
            .find_map(|victim| {
                if victim.index == self.index {
                    return None;
                }
                // SAFETY: the holder owns its ring, and it is empty: `next` looked there before.
                unsafe { victim.ring.steal_into(&self.ring) }
            })
    }

    /// Waits for a while; false if there is something to do meanwhile.
    fn holds_back(&self) -> bool {
        let end = nanoseconds(Instant::system()) + HOLD_BACK;
        loop {
            let now = nanoseconds(Instant::system());
            if now >= end {
                return true;
            }
            if !self.inbox.is_empty() {
                return false;
            }
            // Until a point in time: a sleep for a time may never end where signals come often.
            self.word.park(Some(instant(end.min(now + NAP))));
        }
    }

    /// Sleeps until an event, the next timer, or a wake.
    fn sleep(&self, shared: &Shared) {
        // SAFETY: the holder, and the reference ends here.
        let was_searching = unsafe { std::mem::take(&mut self.held().is_searching) };
        self.tell_whether_waking_paid(shared);
        // SAFETY: as above. Events make threads ready, which reaches `held` again, so the buffer is taken out meanwhile.
        let mut events = unsafe { std::mem::take(&mut self.held().events) };
        events.clear();
        shared.idle.mark(self.index, was_searching);
        let has_work = self.has_work(shared);
        let trim = match has_work {
            true => None,
            false => {
                // SAFETY: the holder, and the reference ends here.
                unsafe { self.held().has_held_back = false };
                self.wait(shared, &mut events)
            }
        };
        let is_searching = shared.idle.unmark(self.index, has_work && was_searching);
        let now = nanoseconds(Instant::system());
        shared.idle.end_rest(now);
        // SAFETY: the holder, and the reference ends here.
        let held = unsafe { self.held() };
        held.is_searching = is_searching;
        held.woken = (is_searching && !has_work).then_some((now, held.rounds));
        shared.monitor.wake();
        // Not while it counts as idle: it would be the one to be woken for what becomes ready.
        self.hand_out(shared, events);
        if trim.is_some_and(|trim| trim <= now) {
            self.trim();
        }
        self.fire_timers();
    }

    /// If another processor woke this one, which sleeps again now.
    fn tell_whether_waking_paid(&self, shared: &Shared) {
        // SAFETY: the holder, and the reference ends here.
        let held = unsafe { self.held() };
        if let Some((woken, rounds)) = held.woken.take() {
            let now = nanoseconds(Instant::system());
            let turns = held.rounds.wrapping_sub(rounds);
            shared.idle.was_awake(now, now.saturating_sub(woken), turns);
        }
    }

    /// Waits for an event, for the next timer, or, if stacks rest that were used, until it is worth while to
    /// give their memory back; returns when that is.
    fn wait(&self, shared: &Shared, events: &mut Vec<Event>) -> Option<u64> {
        let now = nanoseconds(Instant::system());
        let trim = self.trim_at(now);
        let until = [self.timers.next(), trim].into_iter().flatten().min();
        if shared.idle.poller.waits(self.index, now) {
            if self.nap.sleeps(Bed::Kernel) {
                let timeout = until.map(|until| until.saturating_sub(now));
                shared.reactor.wait(timeout, events);
                self.nap.is_up();
            }
            let now = nanoseconds(Instant::system());
            shared.idle.poller.returned(self.index, now);
        } else if self.nap.sleeps(Bed::Word) {
            self.word.park(until.map(instant));
            self.nap.is_up();
        }
        trim
    }

    /// Makes the threads ready that the events are for. Others are woken only afterwards: once for all there is for
    /// them, and for all that they may take.
    fn hand_out(&self, shared: &Shared, events: Vec<Event>) {
        // SAFETY: the holder, and the reference ends here.
        unsafe { self.held().hands_out = true };
        shared.reactor.hand_out(&events);
        // SAFETY: as above.
        let held = unsafe { self.held() };
        held.hands_out = false;
        held.events = events;
        if let Some(&other) = held.delivered.first()
            && held.own.is_empty()
            && self.ring.len() == 0
        {
            // All was for threads that are pinned elsewhere. What they wait for next should wake one machine, not two.
            shared.idle.poller.appoint(other);
        }
        for index in held.delivered.drain(..) {
            shared.processors[index].wake_for_inbox(shared);
        }
    }

    /// Ends its sleep, or the next one. By whoever has found it idle, and said that it is not.
    pub(super) fn wake(&self, shared: &Shared) {
        match self.nap.wake() {
            Some(Bed::Kernel) => shared.reactor.wake(),
            Some(Bed::Word) => self.waker.wake_by_ref(),
            None => {}
        }
    }

    /// Gives the memory of stacks back.
    fn trim(&self) {
        let pool = self.scheduler.pool();
        // SAFETY: the holder; the pool does not come back here.
        let held = unsafe { self.held() };
        held.has_given = false;
        held.resting_since = None;
        let class = self.scheduler.shared().default_class;
        pool.give_many(class, held.fibers.drain(..));
        pool.trim();
        record::trim();
    }

    /// When to give memory back, if there is any.
    fn trim_at(&self, now: u64) -> Option<u64> {
        // SAFETY: the holder, and the reference ends here.
        let held = unsafe { self.held() };
        if held.has_given || self.scheduler.pool().is_untrimmed() {
            Some(*held.resting_since.get_or_insert(now) + TRIM_AFTER)
        } else {
            held.resting_since = None;
            None
        }
    }

    /// Whether anything is ready that this processor may run.
    fn has_work(&self, shared: &Shared) -> bool {
        !self.inbox.is_empty() || shared.has_work()
    }

    /// Whether anything is ready here that every processor may run. By anybody.
    pub(super) fn has_ready(&self) -> bool {
        self.ring.len() > 0
    }

    /// Makes a thread ready that the scheduler put here. By the holder, or on one of its threads.
    pub(super) fn push(&self, shared: &Shared, task: *const Task, is_new: bool) {
        // SAFETY: the task is alive and the caller's.
        if self.scheduler.kind() == Kind::Pinned && unsafe { (*task).is_started() } {
            // SAFETY: the holder, and the reference ends here; the task as above.
            unsafe { self.held().own.push(task) };
            return;
        }
        self.push_shared(shared, task);
        if is_new {
            // The one that runs now may never park: it must not be missed by a processor that falls asleep.
            if shared.processors.len() > 1 {
                shared.wake_one_for_new_work();
            }
        } else if self.ring.len() > 1 && !self.hands_out() {
            // One thread that became ready is run here as soon as the one that runs now parks.
            shared.wake_one();
        }
    }

    fn push_shared(&self, shared: &Shared, task: *const Task) {
        let mut overflow = List::new();
        // SAFETY: the holder owns the ring; what overflows was in it, alive and in no other queue.
        unsafe { self.push_to_ring(task, |task| overflow.push(task)) };
        if !overflow.is_empty() {
            shared.injected.append(overflow);
        }
    }

    /// Whether `put_back_at_hand` may be called, for a thread that stops by `command`. By the holder, under the rules of
    /// [`next_at_hand`](Self::next_at_hand).
    #[inline]
    pub(super) fn has_room_at_hand(&self, shared: &Shared, command: Command) -> bool {
        let has_to_hop = shared.hop && command == Command::Yield;
        shared.kind == Kind::Pinned || !(has_to_hop || self.ring.is_full())
    }

    /// Puts a thread that ran here to the end of the queue. By the holder, under the rules of
    /// [`next_at_hand`](Self::next_at_hand), and if it has room.
    #[inline]
    pub(super) fn put_back_at_hand(&self, task: *const Task) {
        match self.scheduler.kind() {
            // SAFETY: the holder, and the reference ends here; a task that ran is alive and has a fiber.
            Kind::Pinned => unsafe { self.held().own.push(task) },
            // SAFETY: the holder owns the ring, and thieves only make more room.
            Kind::Free => unsafe {
                self.push_to_ring(task, |_| unreachable!("the ring has room"));
            },
        }
    }

    /// # Safety
    ///
    /// As for [`Ring::push`]; the caller has the task in its place.
    #[inline]
    unsafe fn push_to_ring(&self, task: *const Task, overflow: impl FnMut(*const Task)) {
        // SAFETY: the caller's promise.
        unsafe { self.ring.push(task, (*task).hint(), overflow) };
    }

    /// Makes a thread ready here, from another OS thread, which holds `here` if any.
    pub(super) fn deliver(&self, shared: &Shared, task: *const Task, here: Option<&Processor>) {
        // SAFETY: the caller has the task, alive and in no queue.
        unsafe { self.inbox.push(task) };
        match here {
            Some(here) if here.hands_out() => {
                // SAFETY: the holder, and the reference ends here.
                let delivered = unsafe { &mut here.held().delivered };
                if !delivered.contains(&self.index) {
                    delivered.push(self.index);
                }
            }
            _ => self.wake_for_inbox(shared),
        }
    }

    fn wake_for_inbox(&self, shared: &Shared) {
        if shared.idle.has_to_wake(self.index) {
            self.wake(shared);
        }
    }

    /// Whether others are woken after all events, and not for each. By the holder, or on one of its threads.
    fn hands_out(&self) -> bool {
        // SAFETY: the holder, and the reference ends here.
        unsafe { self.held().hands_out }
    }

    /// Lets a task be woken at `deadline`, for a thread that runs on a machine which lost this processor.
    pub(super) fn arm_from_outside(&'static self, task: &Task, deadline: u64) {
        self.timers.arm(task, deadline);
        // A machine that is about to sleep says so before it asks for the next deadline.
        let shared = self.shared();
        if self.timers.next() == Some(deadline) && shared.idle.has_to_wake(self.index) {
            self.wake(shared);
        }
    }

    /// Whether somebody waits for this processor, as far as can be seen without asking the kernel. By anybody.
    pub(super) fn is_waited_for(&self, now: u64) -> bool {
        self.has_work(self.shared()) || self.timers.next().is_some_and(|next| next <= now)
    }

    /// A fiber for a thread of this class. By the holder.
    pub(super) fn take_fiber(&self, class: SizeClass) -> Fiber {
        let pool = self.scheduler.pool();
        if class != self.scheduler.shared().default_class {
            return pool.take(class);
        }
        // SAFETY: the holder, and the reference ends here; the pool does not come back.
        let held = unsafe { self.held() };
        held.fibers.pop().unwrap_or_else(|| {
            // Those that rest in the pool may be needed soon.
            held.resting_since = None;
            pool.take_many(class, CACHE_BATCH, &mut held.fibers);
            held.fibers
                .pop()
                .expect("the pool gives at least one fiber, or panics")
        })
    }

    /// Keeps a fiber for the next thread. By the holder.
    pub(super) fn give_fiber(&self, fiber: Fiber) {
        let pool = self.scheduler.pool();
        if fiber.class() != self.scheduler.shared().default_class {
            return pool.give(fiber);
        }
        // SAFETY: the holder, and the reference ends here; the pool does not come back.
        let held = unsafe { self.held() };
        held.has_given = true;
        let fibers = &mut held.fibers;
        fibers.push(fiber);
        if fibers.len() > CACHE {
            // The oldest: the newest are the warmest.
            let class = self.scheduler.shared().default_class;
            pool.give_many(class, fibers.drain(..CACHE / 2));
        }
    }
}

impl Held {
    /// The other queue's turn begins.
    fn take_turns(&mut self) {
        self.is_turn_of_own = !self.is_turn_of_own;
        self.turns = TURNS;
    }
}

/// What [`nanoseconds`] counts as so many.
fn instant(nanoseconds: u64) -> Instant {
    Instant::from_origin(Duration::from_nanos(nanoseconds))
}

/// As timers count.
pub(super) fn nanoseconds(instant: Instant) -> u64 {
    instant
        .since_origin()
        .as_nanos()
        .try_into()
        .unwrap_or(u64::MAX)
}
