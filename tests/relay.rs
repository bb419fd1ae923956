//! Threads that hand the processor from one to the other all the time, by parks, wakes and yields: none is lost, none runs
//! twice at once, and each finds everything as it left it. On one processor and on two, also where threads move to another
//! OS thread at each wake, and where the monitor takes processors at any moment.

#![cfg(all(feature = "green", target_os = "linux"))]

mod common;

use common::isolated::{named, test_of};
use standin::engine::{Engine, GREEN, GREEN_PINNED, green};
use standin::sync::mpsc;
use standin::thread::{self, Thread};
use standin::time::Duration;
use std::cell::Cell;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, OnceLock};

/// Runs `body` on free and on pinned threads, in each way.
#[track_caller]
fn in_each_way<F: Fn(Engine) + Sync>(body: F) {
    let test = test_of(&body);
    for (workers, switches) in [
        ("1", ""),
        ("2", ""),
        ("2", "hop"),
        ("2", "hasty"),
        ("2", "hop,hasty"),
    ] {
        let environment = [("STANDIN_WORKERS", workers), ("STANDIN_TEST", switches)];
        named(test, &environment, || {
            // SAFETY: what the threads keep in thread-locals they look at on free threads alone; no locks of std's.
            unsafe { green::accept_pinned() };
            for engine in [GREEN, GREEN_PINNED] {
                engine.run(|| body(engine));
            }
        })
        .succeeds();
    }
}

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

fn errno() -> &'static Cell<i32> {
    // SAFETY: the running thread's own, used before it stops the next time.
    unsafe { &*libc::__errno_location().cast::<Cell<i32>>() }
}

/// What a thread must find as it left it.
struct Own {
    number: usize,
    is_free: bool,
    /// Whether its code runs.
    runs: AtomicBool,
}

impl Own {
    fn new(engine: Engine, number: usize) -> Self {
        NUMBER.set(number);
        Self {
            number,
            is_free: engine == GREEN,
            runs: AtomicBool::new(true),
        }
    }

    /// Calls `stop`, which lets others run.
    fn across(&self, stop: impl FnOnce()) {
        let id = std::thread::current().id();
        errno().set(1000 + self.number as i32);
        let was_running = self.runs.swap(false, Relaxed);
        stop();
        let runs_already = self.runs.swap(true, Relaxed);
        assert!(was_running && !runs_already, "it runs twice");
        if self.is_free {
            assert_eq!(errno().get(), 1000 + self.number as i32);
            assert_eq!(NUMBER.get(), self.number);
            assert_eq!(std::thread::current().id(), id);
        }
    }
}

/// Each parks until it has the baton, and gives it to the next: one wake that is lost ends it all.
#[test]
fn a_baton_goes_round() {
    const RUNNERS: usize = 7;
    const ROUNDS: usize = 600;
    in_each_way(|engine| {
        let runners: Arc<OnceLock<Vec<Thread>>> = Arc::default();
        let turn = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..RUNNERS)
            .map(|number| {
                let (runners, turn) = (runners.clone(), turn.clone());
                thread::spawn(move || {
                    let own = Own::new(engine, number);
                    while runners.get().is_none() {
                        own.across(thread::yield_now);
                    }
                    for round in 0..ROUNDS {
                        while turn.load(Acquire) != round * RUNNERS + number {
                            own.across(thread::park);
                        }
                        turn.store(round * RUNNERS + number + 1, Release);
                        let all = runners.get().expect("looked at above");
                        all[(number + 1) % RUNNERS].unpark();
                    }
                })
            })
            .collect();
        let all = threads.iter().map(|thread| thread.thread().clone());
        runners.set(all.collect()).expect("set once");
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(turn.load(Acquire), RUNNERS * ROUNDS);
    });
}

/// Yields, parks that end by a wake or by the clock, wakes of whoever it is, messages, and threads that only begin.
#[test]
fn all_ways_to_stop_at_once() {
    const THREADS: usize = 12;
    const ROUNDS: usize = 250;
    in_each_way(|engine| {
        let others: Arc<OnceLock<Vec<Thread>>> = Arc::default();
        let (sender, receiver) = mpsc::sync_channel(2);
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let (others, sender) = (others.clone(), sender.clone());
                thread::spawn(move || {
                    let own = Own::new(engine, number);
                    let mut random = 0x9e37_79b9_u32.wrapping_mul(number as u32 + 1) | 1;
                    for round in 0..ROUNDS {
                        random ^= random << 13;
                        random ^= random >> 17;
                        random ^= random << 5;
                        if let Some(others) = others.get() {
                            others[random as usize / 8 % THREADS].unpark();
                        }
                        match random % 8 {
                            0 => own.across(|| thread::park_timeout(Duration::from_micros(20))),
                            1 => own.across(|| {
                                let other = thread::spawn(move || number + round);
                                assert_eq!(other.join().expect("no panic"), number + round);
                            }),
                            2 | 3 => own.across(|| sender.send(number).expect("it is received")),
                            _ => own.across(thread::yield_now),
                        }
                    }
                })
            })
            .collect();
        drop(sender);
        let all = threads.iter().map(|thread| thread.thread().clone());
        others.set(all.collect()).expect("set once");
        assert!(receiver.iter().all(|number| number < THREADS));
        for thread in threads {
            thread.join().expect("no panic");
        }
    });
}

/// A row of threads of which each makes the next and ends: they run on one stack, and the clock and the kernel get their
/// turn all the same.
#[test]
fn a_row_of_short_threads_holds_no_timer_up() {
    fn next(ends: Arc<AtomicBool>, ended: mpsc::Sender<()>) {
        if ends.load(Acquire) {
            ended.send(()).expect("somebody waits");
        } else {
            thread::spawn(move || next(ends, ended));
        }
    }
    in_each_way(|_| {
        let (ended, has_ended) = mpsc::channel();
        let ends = Arc::new(AtomicBool::new(false));
        let row = ends.clone();
        thread::spawn(move || next(row, ended));
        thread::sleep(Duration::from_millis(1));
        ends.store(true, Release);
        has_ended.recv().expect("the last of the row");
    });
}

/// Many that always have something to do, and one that comes from outside, by the queue that processors share.
#[test]
fn who_comes_from_outside_gets_a_turn_beside_many() {
    /// How often each of the others has its turn, at most, before the one does. Hundreds of times what it takes.
    const TURNS: usize = 100_000;
    in_each_way(|engine| {
        let has_come = Arc::new(AtomicBool::new(false));
        let has_run = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..200)
            .map(|_| {
                let (has_come, has_run) = (has_come.clone(), has_run.clone());
                thread::spawn(move || {
                    let mut turns = 0;
                    while !has_run.load(Acquire) {
                        turns += usize::from(has_come.load(Relaxed));
                        assert!(turns < TURNS, "it waits in the shared queue");
                        thread::yield_now();
                    }
                })
            })
            .collect();
        let outside = std::thread::spawn(move || {
            let comes = engine.spawn(move || has_run.store(true, Release));
            has_come.store(true, Relaxed);
            comes.expect("the engine runs here").join()
        });
        for thread in busy {
            thread.join().expect("no panic");
        }
        outside.join().expect("no panic").expect("no panic");
    });
}
