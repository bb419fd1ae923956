//! Models of the green scheduler's parts that several OS threads use at once. They live with the kernel
//! crate because the facade cannot be built for the model checker; the sources are the scheduler's own.

#![cfg(loom)]
#![allow(dead_code, unreachable_pub)]

#[path = "../../src/engine/green/hold.rs"]
mod hold;
#[path = "../../src/engine/green/idle.rs"]
mod idle;
#[path = "../../src/engine/green/nap.rs"]
mod nap;
#[path = "../../src/engine/parking.rs"]
mod parking;
#[path = "../../src/engine/green/poller.rs"]
mod poller;
#[path = "../../src/engine/green/ring.rs"]
mod ring;
#[path = "../../src/engine/seat.rs"]
mod seat;

use hold::{Barrier, Hold};
use idle::Idle;
use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicU32, fence};
use loom::sync::{Arc, Condvar, Mutex, Notify};
use loom::{model, thread};
use nap::{Bed, Nap};
use parking::Parking;
use ring::Ring;
use seat::Seat;
use std::ptr::NonNull;

/// Entries are never followed: any distinct addresses do.
fn entry(n: usize) -> *const u8 {
    std::ptr::without_provenance(n)
}

struct SharedRing(Ring<u8>);

// SAFETY: the ring holds plain numbers here.
unsafe impl Sync for SharedRing {}
// SAFETY: as above.
unsafe impl Send for SharedRing {}

/// For models whose every schedule would take too long: those with at most so many preemptions.
fn bounded(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut checker = loom::model::Builder::new();
    checker.preemption_bound = Some(preemptions);
    checker.check(f);
}

fn drain(ring: &Ring<u8>) -> Vec<usize> {
    // SAFETY: the caller owns the ring.
    std::iter::from_fn(|| unsafe { ring.pop() })
        .map(|entry| entry.addr())
        .collect()
}

/// Steals once, and returns what it got.
fn thief(victim: &Arc<SharedRing>) -> thread::JoinHandle<Vec<usize>> {
    let victim = victim.clone();
    thread::spawn(move || {
        let own = Ring::new();
        // SAFETY: the new ring is this thread's, and empty.
        let first = unsafe { victim.0.steal_into(&own) };
        let mut taken = drain(&own);
        taken.extend(first.map(|entry| entry.addr()));
        taken
    })
}

#[test]
fn an_entry_is_taken_once() {
    bounded(3, || {
        let victim = Arc::new(SharedRing(Ring::new()));
        for n in 1..=3 {
            // SAFETY: this thread owns the ring.
            unsafe { victim.0.push(entry(n), 0, |_| unreachable!("it has room")) };
        }
        let thief = thief(&victim);
        let mut taken = Vec::new();
        // SAFETY: this thread owns the ring.
        unsafe {
            taken.extend(victim.0.pop().map(|entry| entry.addr()));
            victim.0.push(entry(4), 0, |entry| taken.push(entry.addr()));
            // Reuses a place that was taken.
            victim.0.push(entry(5), 0, |entry| taken.push(entry.addr()));
        }
        taken.extend(drain(&victim.0));
        taken.extend(thief.join().unwrap());
        taken.sort_unstable();
        assert_eq!(taken, [1, 2, 3, 4, 5]);
    });
}

#[test]
fn what_overflows_is_not_lost() {
    model(|| {
        let victim = Arc::new(SharedRing(Ring::new()));
        for n in 1..=4 {
            // SAFETY: this thread owns the ring.
            unsafe { victim.0.push(entry(n), 0, |_| unreachable!("it has room")) };
        }
        let thief = thief(&victim);
        let mut taken = Vec::new();
        // SAFETY: this thread owns the ring.
        unsafe { victim.0.push(entry(5), 0, |entry| taken.push(entry.addr())) };
        taken.extend(drain(&victim.0));
        taken.extend(thief.join().unwrap());
        taken.sort_unstable();
        assert_eq!(taken, [1, 2, 3, 4, 5]);
    });
}

/// A thread that parks while two others wake it: it is queued, once for each time that it stopped, and sees
/// what was written before the wake.
#[test]
fn a_wake_is_never_lost() {
    model(|| {
        let parking = Arc::new(Parking::new());
        let data = Arc::new(AtomicU32::new(0));
        let queued = Arc::new(AtomicU32::new(0));
        let wakers: Vec<_> = (0..2)
            .map(|_| {
                let (parking, data, queued) = (parking.clone(), data.clone(), queued.clone());
                thread::spawn(move || {
                    data.fetch_add(1, Relaxed);
                    if parking.wake() {
                        queued.fetch_add(1, Release);
                    }
                })
            })
            .collect();
        // The thread itself: it parks unless it has the token.
        if !parking.take_token() {
            // The machine, after the switch.
            if !parking.commit() {
                queued.fetch_add(1, Release);
            }
            wakers.into_iter().for_each(|waker| waker.join().unwrap());
            assert_eq!(
                queued.load(Acquire),
                1,
                "it stopped once, so it is made ready once"
            );
            assert!(
                parking.take_token(),
                "a thread that was made ready has the token"
            );
            assert_eq!(data.load(Relaxed), 2);
        } else {
            assert!(
                data.load(Relaxed) >= 1,
                "the token brings what was written before the wake"
            );
            wakers.into_iter().for_each(|waker| waker.join().unwrap());
            assert_eq!(
                queued.load(Acquire),
                0,
                "a thread that did not stop is in no queue"
            );
        }
    });
}

/// A thread that waits for two things, and parks as long as one is missing: each that is brought wakes it, through a queue.
fn who_waits_for_two_gets_both(wake: fn(&Parking) -> bool) {
    bounded(3, move || {
        let parking = Arc::new(Parking::new());
        let things: [_; 2] = std::array::from_fn(|_| Arc::new(AtomicU32::new(0)));
        let queued = Arc::new(AtomicU32::new(0));
        let bringers = things.clone().map(|thing| {
            let (parking, queued) = (parking.clone(), queued.clone());
            thread::spawn(move || {
                thing.store(1, Relaxed);
                if wake(&parking) {
                    queued.fetch_add(1, AcqRel);
                }
            })
        });
        let mut resumed = 0;
        while things.iter().any(|thing| thing.load(Relaxed) == 0) {
            if !parking.take_token() {
                if parking.commit() {
                    // Whoever finds it in the queue goes on as the thread.
                    while queued.load(Acquire) == resumed {
                        thread::yield_now();
                    }
                    resumed += 1;
                }
                parking.take_token();
            }
        }
        for bringer in bringers {
            bringer.join().unwrap();
        }
        assert_eq!(queued.load(Acquire), resumed, "it is queued once a park");
    });
}

#[test]
fn who_waits_for_two_gets_both_by_tokens() {
    who_waits_for_two_gets_both(Parking::wake);
}

#[test]
fn who_waits_for_two_gets_both_by_the_queue() {
    who_waits_for_two_gets_both(Parking::wake_to_queue);
}

/// What ends a sleep, also one that begins later: the word of a processor.
#[derive(Default)]
struct Word {
    written: Mutex<bool>,
    changed: Condvar,
}

impl Word {
    fn wake(&self) {
        *self.written.lock().unwrap() = true;
        self.changed.notify_one();
    }

    fn sleep(&self) {
        let mut written = self.written.lock().unwrap();
        while !std::mem::take(&mut *written) {
            written = self.changed.wait(written).unwrap();
        }
    }
}

/// The epoll instance: each event, and each wake, is reported once, to whoever asks first.
#[derive(Default)]
struct Kernel {
    reports: Mutex<Reports>,
    changed: Condvar,
}

#[derive(Default)]
struct Reports {
    events: u32,
    woken: bool,
}

impl Kernel {
    fn arrives(&self) {
        self.reports.lock().unwrap().events += 1;
        self.changed.notify_all();
    }

    fn wake(&self) {
        self.reports.lock().unwrap().woken = true;
        self.changed.notify_all();
    }

    /// The number of events; waits for one, or for a wake, if it is to.
    fn wait(&self, waits: bool) -> u32 {
        let mut reports = self.reports.lock().unwrap();
        while waits && reports.events == 0 && !reports.woken {
            reports = self.changed.wait(reports).unwrap();
        }
        std::mem::take(&mut *reports).events
    }
}

struct Machines {
    idle: Idle,
    /// The shared queue: how many tasks it holds.
    queue: AtomicU32,
    done: AtomicU32,
    kernel: Kernel,
    naps: Vec<(Nap, Word)>,
    /// What a processor takes for the time when it falls asleep. At [`LATE`] it takes over from a poller that is awake.
    now: u64,
}

const LATE: u64 = u64::MAX;

impl Machines {
    fn new(processors: usize) -> Arc<Self> {
        Self::at(processors, 0)
    }

    fn at(processors: usize, now: u64) -> Arc<Self> {
        Arc::new(Self {
            now,
            idle: Idle::new(processors),
            queue: AtomicU32::new(0),
            done: AtomicU32::new(0),
            kernel: Kernel::default(),
            naps: (0..processors)
                .map(|_| (Nap::new(), Word::default()))
                .collect(),
        })
    }

    fn inject(&self) {
        self.queue.fetch_add(1, Relaxed);
        self.wake(self.idle.to_wake_for_shared_work());
    }

    fn wake(&self, processor: Option<usize>) {
        if let Some(processor) = processor {
            let (nap, word) = &self.naps[processor];
            match nap.wake() {
                Some(Bed::Kernel) => self.kernel.wake(),
                Some(Bed::Word) => word.wake(),
                None => {}
            }
        }
    }

    /// Sleeps; the number of events that came.
    fn sleep(&self, processor: usize) -> u32 {
        let (nap, word) = &self.naps[processor];
        let mut events = 0;
        if self.idle.poller.waits(processor, self.now) {
            if nap.sleeps(Bed::Kernel) {
                events = self.kernel.wait(true);
                nap.is_up();
            }
            self.idle.poller.returned(processor, 0);
        } else if nap.sleeps(Bed::Word) {
            word.sleep();
            nap.is_up();
        }
        events
    }

    /// What a busy machine does now and then, and the monitor where nobody sleeps.
    fn look(&self) {
        if self.idle.poller.looks(0) {
            let events = self.kernel.wait(false);
            if let Some(poller) = self.idle.poller.has_looked()
                && self.idle.has_to_wake(poller)
            {
                self.wake(Some(poller));
            }
            (0..events).for_each(|_| self.inject());
        }
    }

    /// What the poller does if all events were for the other processor.
    fn leave_to_the_other(&self) {
        self.idle.poller.appoint(1);
        if self.idle.has_to_wake(1) {
            self.wake(Some(1));
        }
    }

    /// What the monitor does where somebody sleeps.
    fn replace_poller(&self) {
        if let Some(index) = self.idle.to_wake_for_shared_work() {
            self.idle.poller.appoint(index);
            self.wake(Some(index));
        }
    }

    /// A machine's loop, until it has run one task; it hangs if that is left while all sleep.
    fn run_one(&self, processor: usize) {
        let mut is_searching = false;
        while !self.turn(processor, &mut is_searching) {}
    }

    /// As above, until all machines together have run so many tasks.
    fn run_all(&self, processor: usize, tasks: u32) {
        let mut is_searching = false;
        while self.done.load(Acquire) < tasks {
            self.turn(processor, &mut is_searching);
        }
        // The others need not wait for more.
        (0..self.naps.len()).for_each(|other| self.wake(Some(other)));
    }

    /// Runs a task, if there is one; else sleeps.
    fn turn(&self, processor: usize, is_searching: &mut bool) -> bool {
        let left = self.queue.load(Relaxed);
        if left > 0
            && self
                .queue
                .compare_exchange(left, left - 1, Relaxed, Relaxed)
                .is_ok()
        {
            let was_last = std::mem::take(is_searching) && self.idle.stop_searching();
            if was_last && self.queue.load(Relaxed) > 0 {
                self.wake(self.idle.to_wake());
            }
            self.done.fetch_add(1, AcqRel);
            return true;
        }
        self.idle.mark(processor, *is_searching);
        let has_work = self.queue.load(Relaxed) > 0;
        let events = match has_work {
            true => 0,
            false => self.sleep(processor),
        };
        *is_searching = self.idle.unmark(processor, has_work && *is_searching);
        (0..events).for_each(|_| self.inject());
        false
    }
}

#[test]
fn work_is_not_left_while_all_sleep() {
    model(|| {
        let machines = Machines::new(1);
        let machine = {
            let machines = machines.clone();
            thread::spawn(move || machines.run_one(0))
        };
        machines.inject();
        machine.join().unwrap();
        assert_eq!(machines.done.load(Relaxed), 1);
    });
}

#[test]
fn two_tasks_wake_two_processors() {
    bounded(3, || {
        let machines = Machines::new(2);
        let runners: Vec<_> = (0..2)
            .map(|processor| {
                let machines = machines.clone();
                thread::spawn(move || machines.run_one(processor))
            })
            .collect();
        machines.inject();
        machines.inject();
        runners
            .into_iter()
            .for_each(|runner| runner.join().unwrap());
        assert_eq!(machines.done.load(Relaxed), 2);
    });
}

/// Two processors that fall asleep while `meanwhile` happens, and then an event comes: one of them is in the kernel. (While a
/// machine runs threads none need be, but here it always comes back.)
fn an_event_is_found_after(now: u64, meanwhile: fn(&Machines)) {
    bounded(2, move || {
        let machines = Machines::at(2, now);
        let runners: Vec<_> = (0..2)
            .map(|processor| {
                let machines = machines.clone();
                thread::spawn(move || machines.run_all(processor, 1))
            })
            .collect();
        meanwhile(&machines);
        machines.kernel.arrives();
        runners
            .into_iter()
            .for_each(|runner| runner.join().unwrap());
        assert_eq!(machines.done.load(Relaxed), 1);
    });
}

#[test]
fn a_processor_waits_in_the_kernel_after_a_look() {
    an_event_is_found_after(0, Machines::look);
}

#[test]
fn a_processor_waits_in_the_kernel_after_the_poller_was_replaced() {
    an_event_is_found_after(0, Machines::replace_poller);
}

#[test]
fn a_processor_waits_in_the_kernel_after_it_was_left_to_the_other() {
    an_event_is_found_after(0, Machines::leave_to_the_other);
}

#[test]
fn a_processor_waits_in_the_kernel_after_another_took_over() {
    an_event_is_found_after(LATE, |machines| machines.wake(Some(0)));
}

/// Work for one of the two while an event makes them change places.
#[test]
fn a_wake_finds_a_processor_wherever_it_sleeps() {
    for now in [0, LATE] {
        bounded(2, move || {
            let machines = Machines::at(2, now);
            let runners: Vec<_> = (0..2)
                .map(|processor| {
                    let machines = machines.clone();
                    thread::spawn(move || machines.run_all(processor, 2))
                })
                .collect();
            machines.kernel.arrives();
            machines.inject();
            runners
                .into_iter()
                .for_each(|runner| runner.join().unwrap());
            assert_eq!(machines.done.load(Relaxed), 2);
        });
    }
}

/// Work for this very processor, while it waits in the kernel, or comes back, or wants to wait and somebody looks.
#[test]
fn a_wake_finds_the_poller() {
    bounded(3, || {
        let machines = Machines::new(1);
        let waker = {
            let machines = machines.clone();
            thread::spawn(move || {
                machines.queue.fetch_add(1, Relaxed);
                if machines.idle.has_to_wake(0) {
                    machines.wake(Some(0));
                }
                machines.look();
            })
        };
        machines.kernel.arrives();
        machines.run_all(0, 2);
        waker.join().unwrap();
        assert_eq!(machines.done.load(Relaxed), 2);
    });
}

/// A processor whose machine the monitor may have to part from it. What belongs to the processor is a plain
/// number: the checker reports two users at once.
struct Processor {
    hold: Hold,
    held: UnsafeCell<u32>,
}

// SAFETY: the cell is the point of the model; the checker watches it.
unsafe impl Sync for Processor {}
// SAFETY: as above.
unsafe impl Send for Processor {}

impl Processor {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            hold: Hold::new(Barrier::Symmetric),
            held: UnsafeCell::new(0),
        })
    }

    fn touch(&self) {
        // SAFETY: the caller thinks that the processor is its own; the checker reports it if not.
        self.held.with_mut(|held| unsafe { *held += 1 });
    }

    /// What the monitor does; whether the processor was taken. Then the next machine uses it.
    fn hand_on(&self) -> bool {
        let taken = self
            .hold
            .ask(|_| fence(SeqCst))
            .is_some_and(|asked| asked.take());
        if taken {
            self.touch();
        }
        taken
    }

    /// The machine, which runs threads; how often it was in the scheduler until it lost the processor.
    fn run(&self, rounds: u32) -> u32 {
        for round in 0..rounds {
            self.touch();
            self.hold.leave();
            // Here the thread runs.
            if !self.hold.enter() {
                return round + 1;
            }
        }
        rounds
    }
}

#[test]
fn a_processor_has_one_holder() {
    model(|| {
        let processor = Processor::new();
        let monitor = {
            let processor = processor.clone();
            thread::spawn(move || processor.hand_on())
        };
        let rounds = processor.run(2);
        let taken = monitor.join().unwrap();
        assert!(
            taken || rounds == 2,
            "a machine that was asked in vain keeps its processor"
        );
        // SAFETY: all others are done.
        processor
            .held
            .with(|held| assert_eq!(unsafe { *held }, rounds + u32::from(taken)));
    });
}

/// A thread gives the processor away for a blocking section while the monitor wants it: one of the two does.
#[test]
fn a_processor_is_handed_on_once() {
    model(|| {
        let processor = Processor::new();
        let monitor = {
            let processor = processor.clone();
            thread::spawn(move || processor.hand_on())
        };
        processor.touch();
        processor.hold.leave();
        let given = processor.hold.enter();
        if given {
            processor.touch();
            processor.hold.give_up();
            // The next machine has it.
            processor.touch();
        }
        assert!(!processor.hold.enter(), "what is lost stays lost");
        assert_ne!(given, monitor.join().unwrap());
    });
}

/// A thread that waits for news, and others that have some: it sees the news before it sleeps, or is called; and what it left in
/// the seat has one owner in the end.
fn who_sits_down(callers: usize) {
    let seat = Arc::new(Seat::<AtomicU32>::new());
    let news = Arc::new(AtomicU32::new(0));
    let owners = Arc::new(AtomicU32::new(0));
    let woken = Arc::new(Notify::new());
    let callers: Vec<_> = (0..callers)
        .map(|_| {
            let (seat, news) = (seat.clone(), news.clone());
            let (owners, woken) = (owners.clone(), woken.clone());
            thread::spawn(move || {
                news.fetch_add(1, SeqCst);
                if seat.call().is_some() {
                    owners.fetch_add(1, Relaxed);
                    woken.notify();
                }
            })
        })
        .collect();
    let who = NonNull::from(&*news);
    assert!(seat.take(who), "nobody else sits there");
    if news.load(SeqCst) == 0 {
        woken.wait();
    }
    if seat.leave(who) {
        owners.fetch_add(1, Relaxed);
    }
    for caller in callers {
        caller.join().unwrap();
    }
    assert_eq!(owners.load(Relaxed), 1);
}

#[test]
fn who_sits_down_is_called_or_sees_the_news() {
    model(|| who_sits_down(1));
}

#[test]
fn who_sits_down_is_called_by_one() {
    bounded(2, || who_sits_down(2));
}
