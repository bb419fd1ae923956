//! The public interface under load: threads of both kinds, flags, deadlines, moves, and what an unlucky
//! schedule must not break. `src/wait_queue/table/tests.rs` does the same on words that share a bucket.

#![cfg(not(loom))]

mod common;

use common::{KINDS, Leave, Random, waiting_on};
use standin_core::context;
use standin_core::wait_queue::{self, Wait};
use standin_core::{Instant, Lock};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::task::Waker;
use std::thread;
use std::time::Duration;

const THREADS: usize = 6;
const ROUNDS: usize = if cfg!(debug_assertions) {
    5_000
} else {
    20_000
};

#[test]
fn every_wake_is_somebodys() {
    let words: [AtomicU32; 4] = Default::default();
    let flags: [AtomicBool; THREADS] = Default::default();
    let wakers: [Mutex<Option<Waker>>; THREADS] = Default::default();
    let at_work = AtomicUsize::new(THREADS);
    let (counted, woken) = (AtomicUsize::new(0), AtomicUsize::new(0));

    thread::scope(|scope| {
        let (words, flags, wakers, at_work) = (&words, &flags, &wakers, &at_work);
        let (counted, woken) = (&counted, &woken);
        for index in 0..THREADS {
            scope.spawn(move || {
                let _leave = Leave(at_work);
                KINDS[index % 2].enter(|| {
                    *wakers[index].lock().unwrap() =
                        Some(context::parking(|context| context.waker()));
                    let mut random = Random::new(index as u64 + 1);
                    for _ in 0..ROUNDS {
                        let word = &words[random.below(words.len())];
                        let pause = Duration::from_micros(random.below(50) as u64);
                        let deadline = context::now()
                            .checked_add(pause)
                            .filter(|_| random.below(3) > 0);
                        let result = if random.below(2) == 0 {
                            wait_queue::wait(word, word.load(Relaxed), deadline)
                        } else {
                            let flag = &flags[index];
                            wait_queue::wait_interruptible(word, word.load(Relaxed), deadline, flag)
                        };
                        match result {
                            Wait::Woken => _ = woken.fetch_add(1, Relaxed),
                            Wait::TimedOut => assert!(deadline.unwrap() <= Instant::system()),
                            Wait::Interrupted => assert!(flags[index].swap(false, Relaxed)),
                            Wait::Changed => {}
                        }
                    }
                });
            });
        }
        scope.spawn(move || {
            let mut random = Random::new(1_000);
            while at_work.load(Relaxed) > 0 {
                let word = &words[random.below(words.len())];
                let to = &words[random.below(words.len())];
                let chosen = match random.below(6) {
                    0 => {
                        word.fetch_add(1, Relaxed);
                        wait_queue::wake(word, usize::MAX)
                    }
                    1 => {
                        let result =
                            wait_queue::requeue(word, word.load(Relaxed), to, random.below(2));
                        result.map_or(0, |(woken, _)| woken)
                    }
                    2 => {
                        let index = random.below(THREADS);
                        flags[index].store(true, Relaxed);
                        if let Some(waker) = &*wakers[index].lock().unwrap() {
                            waker.wake_by_ref();
                        }
                        0
                    }
                    _ => wait_queue::wake(word, 1 + random.below(2)),
                };
                counted.fetch_add(chosen, Relaxed);
            }
        });
    });

    assert_eq!(counted.load(Relaxed), woken.load(Relaxed));
    assert!(woken.load(Relaxed) > 0);
    assert!(words.iter().all(|word| waiting_on(word) == 0));
}

#[test]
fn a_lock_lets_one_in_at_a_time() {
    let lock = Lock::new(0_usize);
    let inside = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    let mut value = lock.lock();
                    assert!(!inside.swap(true, Relaxed), "two are inside");
                    *value += 1;
                    if round % 64 == 0 {
                        // Gives the others the time to find it held.
                        thread::yield_now();
                    }
                    inside.store(false, Relaxed);
                }
            });
        }
    });
    assert_eq!(*lock.lock(), THREADS * ROUNDS);
}
