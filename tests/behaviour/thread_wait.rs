//! What threads promise about waiting: parking, sleeping, yielding.

use super::shapes::{sync, thread, time};
use sync::Arc;
use sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use sync::mpsc::channel;
use thread::Thread;
use time::{Duration, Instant};

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    (
        "thread_park_token_comes_first",
        thread_park_token_comes_first,
    ),
    (
        "thread_park_tokens_do_not_add_up",
        thread_park_tokens_do_not_add_up,
    ),
    ("thread_park_waits", thread_park_waits),
    ("thread_park_ping_pong", thread_park_ping_pong),
    (
        "thread_park_timeout_is_not_early",
        thread_park_timeout_is_not_early,
    ),
    ("thread_park_timeout_zero", thread_park_timeout_zero),
    ("thread_park_timeout_longest", thread_park_timeout_longest),
    ("thread_unpark_after_the_end", thread_unpark_after_the_end),
    ("thread_unpark_before_it_runs", thread_unpark_before_it_runs),
    ("thread_sleep_is_not_early", thread_sleep_is_not_early),
    ("thread_sleep_zero", thread_sleep_zero),
    ("thread_milliseconds", thread_milliseconds),
    ("thread_sleep_longest", thread_sleep_longest),
    (
        "thread_sleepers_sleep_together",
        thread_sleepers_sleep_together,
    ),
    ("thread_yield_lets_others_run", thread_yield_lets_others_run),
];

pub fn thread_park_token_comes_first() {
    thread::current().unpark();
    thread::park();
    let (go, wait) = channel::<()>();
    let thread = thread::spawn(move || {
        wait.recv().unwrap();
        thread::park();
    });
    thread.thread().unpark();
    go.send(()).unwrap();
    // std's channels may take the token: what a thread waits for by itself needs one of its own.
    while !thread.is_finished() {
        thread.thread().unpark();
        thread::yield_now();
    }
    thread.join().unwrap();
}

pub fn thread_park_tokens_do_not_add_up() {
    const TIME: Duration = Duration::from_millis(10);
    // A park may return for no reason, but not again and again.
    let waited = (0..5).any(|_| {
        for _ in 0..3 {
            thread::current().unpark();
        }
        thread::park();
        let start = Instant::now();
        thread::park_timeout(TIME);
        start.elapsed() >= TIME
    });
    assert!(waited);
}

pub fn thread_park_waits() {
    let go = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&go);
    let (parks, parked) = channel();
    let thread = thread::spawn(move || {
        parks.send(()).unwrap();
        while !seen.load(SeqCst) {
            thread::park();
        }
    });
    parked.recv().unwrap();
    assert!(!thread.is_finished());
    go.store(true, SeqCst);
    thread.thread().unpark();
    thread.join().unwrap();
}

pub fn thread_park_ping_pong() {
    const ROUNDS: usize = 1_000;
    let turn = Arc::new(AtomicUsize::new(0));
    let main = thread::current();
    let seen = Arc::clone(&turn);
    let other = thread::spawn(move || play(&seen, 1, ROUNDS, &main));
    play(&turn, 0, ROUNDS, other.thread());
    other.join().unwrap();
    assert_eq!(turn.load(SeqCst), 2 * ROUNDS);
}

fn play(turn: &AtomicUsize, parity: usize, rounds: usize, other: &Thread) {
    for _ in 0..rounds {
        while turn.load(SeqCst) % 2 != parity {
            thread::park();
        }
        turn.fetch_add(1, SeqCst);
        other.unpark();
    }
}

pub fn thread_park_timeout_is_not_early() {
    for millis in [1, 3, 10] {
        let time = Duration::from_millis(millis);
        let waited = (0..5).any(|_| {
            let start = Instant::now();
            thread::park_timeout(time);
            start.elapsed() >= time
        });
        assert!(waited);
    }
}

pub fn thread_park_timeout_zero() {
    thread::park_timeout(Duration::ZERO);
    // It takes the token if there is one: the second does not find it.
    thread::current().unpark();
    thread::park_timeout(Duration::ZERO);
    thread_park_timeout_is_not_early();
}

pub fn thread_park_timeout_longest() {
    let go = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&go);
    let thread = thread::spawn(move || {
        let mut parks = 0;
        while !seen.load(SeqCst) {
            thread::park_timeout(Duration::MAX);
            parks += 1;
        }
        parks
    });
    thread::sleep(Duration::from_millis(5));
    go.store(true, SeqCst);
    thread.thread().unpark();
    // Far fewer than a timeout that wrapped around would make of it.
    assert!(thread.join().unwrap() < 5);
}

pub fn thread_unpark_after_the_end() {
    let thread = thread::spawn(|| ());
    let handle = thread.thread().clone();
    thread.join().unwrap();
    handle.unpark();
    handle.unpark();
    // No other thread gets it.
    let other = thread::spawn(|| {
        let start = Instant::now();
        thread::park_timeout(Duration::from_millis(10));
        start.elapsed()
    });
    assert!(other.join().unwrap() >= Duration::from_millis(10));
}

pub fn thread_sleep_is_not_early() {
    for nanos in [0, 1, 999, 1_000, 999_999, 1_000_000, 5_000_001] {
        let time = Duration::from_nanos(nanos);
        let start = Instant::now();
        thread::sleep(time);
        assert!(start.elapsed() >= time, "{time:?}");
    }
    // A token does not end a sleep, and a sleep does not take it.
    let start = Instant::now();
    thread::current().unpark();
    thread::sleep(Duration::from_millis(5));
    assert!(start.elapsed() >= Duration::from_millis(5));
    thread::park();
}

pub fn thread_sleep_longest() {
    let (sleeps, asleep) = channel();
    let woke = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&woke);
    // It sleeps until the process ends.
    let thread = thread::spawn(move || {
        sleeps.send(()).unwrap();
        thread::sleep(Duration::MAX);
        flag.store(true, SeqCst);
    });
    asleep.recv().unwrap();
    thread::sleep(Duration::from_millis(5));
    assert!(!woke.load(SeqCst));
    assert!(!thread.is_finished());
}

pub fn thread_sleepers_sleep_together() {
    const EACH: Duration = Duration::from_millis(100);
    let start = Instant::now();
    let threads: Vec<_> = (0..200)
        .map(|_| thread::spawn(|| thread::sleep(EACH)))
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    let took = start.elapsed();
    // One after the other they would take 20 s.
    assert!(took >= EACH && took < EACH * 100, "{took:?}");
}

pub fn thread_yield_lets_others_run() {
    let turn = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let turn = Arc::clone(&turn);
            thread::spawn(move || {
                for round in 0..50 {
                    while turn.load(SeqCst) != round * 4 + number {
                        thread::yield_now();
                    }
                    turn.fetch_add(1, SeqCst);
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

pub fn thread_unpark_before_it_runs() {
    for _ in 0..50 {
        let thread = thread::spawn(thread::park);
        // Whether it has begun or not.
        thread.thread().unpark();
        thread.join().unwrap();
    }
}

pub fn thread_sleep_zero() {
    // More threads than processors sleep no time at all until one more thread has run.
    let done = Arc::new(AtomicBool::new(false));
    let sleepers: Vec<_> = (0..20)
        .map(|_| {
            let done = Arc::clone(&done);
            thread::spawn(move || {
                while !done.load(SeqCst) {
                    thread::sleep(Duration::ZERO);
                }
            })
        })
        .collect();
    thread::spawn(move || done.store(true, SeqCst))
        .join()
        .unwrap();
    for sleeper in sleepers {
        sleeper.join().unwrap();
    }
}

#[allow(deprecated)]
pub fn thread_milliseconds() {
    let start = Instant::now();
    thread::sleep_ms(2);
    assert!(start.elapsed() >= Duration::from_millis(2));
    thread::sleep_ms(0);
    thread::current().unpark();
    // The token is there, or this would take very long.
    thread::park_timeout_ms(u32::MAX);
    thread::park_timeout_ms(0);
}
