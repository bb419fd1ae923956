//! What `Condvar` promises. The bodies are plain functions; the harness runs them on std and on every
//! engine.

use super::shapes::{sync, thread, time};
use std::panic::{RefUnwindSafe, UnwindSafe};
use sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use sync::{Arc, Condvar, Mutex, WaitTimeoutResult, mpsc};
use time::{Duration, Instant};

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    (
        "condvar_notify_without_waiters",
        condvar_notify_without_waiters,
    ),
    ("condvar_notify_one_wakes", condvar_notify_one_wakes),
    ("condvar_notify_one_each", condvar_notify_one_each),
    ("condvar_notify_all_wakes_all", condvar_notify_all_wakes_all),
    (
        "condvar_notify_all_with_lock_held",
        condvar_notify_all_with_lock_held,
    ),
    (
        "condvar_notify_all_again_and_again",
        condvar_notify_all_again_and_again,
    ),
    (
        "condvar_wait_releases_and_relocks",
        condvar_wait_releases_and_relocks,
    ),
    ("condvar_wait_while", condvar_wait_while),
    (
        "condvar_wait_while_false_does_not_wait",
        condvar_wait_while_false_does_not_wait,
    ),
    (
        "condvar_wait_timeout_is_not_early",
        condvar_wait_timeout_is_not_early,
    ),
    ("condvar_wait_timeout_zero", condvar_wait_timeout_zero),
    (
        "condvar_wait_timeout_notified",
        condvar_wait_timeout_notified,
    ),
    ("condvar_wait_timeout_longest", condvar_wait_timeout_longest),
    ("condvar_wait_timeout_ms", condvar_wait_timeout_ms),
    (
        "condvar_wait_timeout_while_times_out",
        condvar_wait_timeout_while_times_out,
    ),
    (
        "condvar_wait_timeout_while_condition",
        condvar_wait_timeout_while_condition,
    ),
    (
        "condvar_wait_timeout_while_notified",
        condvar_wait_timeout_while_notified,
    ),
    (
        "condvar_timed_waiters_and_notify_all",
        condvar_timed_waiters_and_notify_all,
    ),
    ("condvar_wait_on_poisoned", condvar_wait_on_poisoned),
    ("condvar_poisoned_during_wait", condvar_poisoned_during_wait),
    ("condvar_two_mutexes_in_turn", condvar_two_mutexes_in_turn),
    ("condvar_two_mutexes_at_once", condvar_two_mutexes_at_once),
    ("condvar_in_a_static", condvar_in_a_static),
    (
        "condvar_bounded_buffer_conserves",
        condvar_bounded_buffer_conserves,
    ),
    ("condvar_ping_pong", condvar_ping_pong),
    (
        "condvar_waiters_mixed_with_lockers",
        condvar_waiters_mixed_with_lockers,
    ),
    ("condvar_debug_default_traits", condvar_debug_default_traits),
];

/// Longer than any test runs.
const LONG: Duration = Duration::from_secs(1_000);
const SHORT: Duration = Duration::from_millis(10);

pub fn condvar_notify_without_waiters() {
    let condvar = Condvar::new();
    condvar.notify_one();
    condvar.notify_all();
    // They are not kept for later.
    let mutex = Mutex::new(());
    let started = Instant::now();
    let mut guard = mutex.lock().unwrap();
    loop {
        let result;
        (guard, result) = condvar.wait_timeout(guard, SHORT).unwrap();
        if result.timed_out() {
            break;
        }
    }
    assert!(started.elapsed() >= SHORT);
}

pub fn condvar_notify_one_wakes() {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let other = Arc::clone(&pair);
    let guard = pair.0.lock().unwrap();
    let thread = thread::spawn(move || {
        *other.0.lock().unwrap() = true;
        other.1.notify_one();
    });
    let mut guard = guard;
    while !*guard {
        guard = pair.1.wait(guard).unwrap();
    }
    drop(guard);
    thread.join().unwrap();
}

/// As many notifications as waiting threads, one by one, are enough.
pub fn condvar_notify_one_each() {
    const THREADS: usize = 10;
    let shared = Arc::new((Mutex::new((0, 0)), Condvar::new()));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut state = shared.0.lock().unwrap();
                state.0 += 1;
                state = shared.1.wait_while(state, |state| state.1 == 0).unwrap();
                state.1 -= 1;
            })
        })
        .collect();
    while shared.0.lock().unwrap().0 < THREADS {
        thread::yield_now();
    }
    for _ in 0..THREADS {
        shared.0.lock().unwrap().1 += 1;
        shared.1.notify_one();
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(shared.0.lock().unwrap().1, 0);
}

fn notify_all(threads: usize, with_lock_held: bool) {
    let shared = Arc::new((Mutex::new((0, false)), Condvar::new()));
    let threads: Vec<_> = (0..threads)
        .map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut state = shared.0.lock().unwrap();
                state.0 += 1;
                while !state.1 {
                    state = shared.1.wait(state).unwrap();
                }
                state.0 -= 1;
            })
        })
        .collect();
    while shared.0.lock().unwrap().0 < threads.len() {
        thread::yield_now();
    }
    let mut state = shared.0.lock().unwrap();
    state.1 = true;
    if with_lock_held {
        shared.1.notify_all();
        thread::yield_now();
        drop(state);
    } else {
        drop(state);
        shared.1.notify_all();
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(shared.0.lock().unwrap().0, 0);
}

pub fn condvar_notify_all_wakes_all() {
    for threads in [1, 2, 3, 20] {
        notify_all(threads, false);
    }
}

pub fn condvar_notify_all_with_lock_held() {
    for threads in [1, 2, 3, 20] {
        notify_all(threads, true);
    }
}

/// Rounds on one condition variable, so that later rounds meet whatever the earlier ones left.
pub fn condvar_notify_all_again_and_again() {
    const THREADS: usize = 6;
    const ROUNDS: usize = 100;
    let shared = Arc::new((Mutex::new((0, 0)), Condvar::new(), Condvar::new()));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (mutex, next, done) = &*shared;
                for round in 1..=ROUNDS {
                    let mut state = mutex.lock().unwrap();
                    state = next.wait_while(state, |state| state.0 < round).unwrap();
                    state.1 += 1;
                    if state.1 == THREADS {
                        done.notify_one();
                    }
                }
            })
        })
        .collect();
    let (mutex, next, done) = &*shared;
    for _ in 0..ROUNDS {
        let mut state = mutex.lock().unwrap();
        state.0 += 1;
        next.notify_all();
        state = done.wait_while(state, |state| state.1 < THREADS).unwrap();
        state.1 = 0;
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

pub fn condvar_wait_releases_and_relocks() {
    let shared = Arc::new((Mutex::new(0), Condvar::new()));
    let other = Arc::clone(&shared);
    let mut guard = shared.0.lock().unwrap();
    let thread = thread::spawn(move || {
        // Only possible because the wait released the mutex.
        let mut guard = other.0.lock().unwrap();
        *guard = 1;
        other.1.notify_all();
        // The waiting thread must not come out of its wait before this.
        thread::yield_now();
        *guard = 2;
    });
    while *guard == 0 {
        guard = shared.1.wait(guard).unwrap();
    }
    assert_eq!(*guard, 2);
    assert!(shared.0.try_lock().is_err());
    drop(guard);
    thread.join().unwrap();
}

pub fn condvar_wait_while() {
    let shared = Arc::new((Mutex::new(0), Condvar::new()));
    let other = Arc::clone(&shared);
    let thread = thread::spawn(move || {
        for _ in 0..5 {
            *other.0.lock().unwrap() += 1;
            other.1.notify_one();
        }
    });
    let guard = shared
        .1
        .wait_while(shared.0.lock().unwrap(), |value| *value < 5)
        .unwrap();
    assert_eq!(*guard, 5);
    drop(guard);
    thread.join().unwrap();
}

pub fn condvar_wait_while_false_does_not_wait() {
    let (mutex, condvar) = (Mutex::new(1), Condvar::new());
    let mut calls = 0;
    let guard = condvar
        .wait_while(mutex.lock().unwrap(), |value| {
            calls += 1;
            *value += 1;
            false
        })
        .unwrap();
    assert_eq!((*guard, calls), (2, 1));
}

pub fn condvar_wait_timeout_is_not_early() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    for timeout in [Duration::from_nanos(1), Duration::from_micros(300), SHORT] {
        let started = Instant::now();
        let (guard, result) = condvar
            .wait_timeout(mutex.lock().unwrap(), timeout)
            .unwrap();
        // It may end for no reason, but not say then that the time has passed.
        assert!(!result.timed_out() || started.elapsed() >= timeout);
        drop(guard);
        assert!(mutex.try_lock().is_ok());
    }
}

pub fn condvar_wait_timeout_zero() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let mut guard = mutex.lock().unwrap();
    loop {
        let result;
        (guard, result) = condvar.wait_timeout(guard, Duration::ZERO).unwrap();
        if result.timed_out() {
            break;
        }
    }
    assert!(mutex.try_lock().is_err());
    drop(guard);
}

pub fn condvar_wait_timeout_notified() {
    let shared = Arc::new((Mutex::new(false), Condvar::new()));
    let other = Arc::clone(&shared);
    let mut guard = shared.0.lock().unwrap();
    let thread = thread::spawn(move || {
        *other.0.lock().unwrap() = true;
        other.1.notify_one();
    });
    while !*guard {
        let result;
        (guard, result) = shared.1.wait_timeout(guard, LONG).unwrap();
        assert!(!result.timed_out());
    }
    drop(guard);
    thread.join().unwrap();
}

/// A time that no clock can represent is no limit.
pub fn condvar_wait_timeout_longest() {
    let shared = Arc::new((Mutex::new(0), Condvar::new()));
    let other = Arc::clone(&shared);
    let thread = thread::spawn(move || {
        let (mutex, condvar) = &*other;
        let mut guard = mutex.lock().unwrap();
        *guard = 1;
        while *guard < 2 {
            let result;
            (guard, result) = condvar.wait_timeout(guard, Duration::MAX).unwrap();
            assert!(!result.timed_out());
        }
        let (guard, result) = condvar
            .wait_timeout_while(guard, Duration::MAX, |value| *value < 3)
            .unwrap();
        assert_eq!((*guard, result.timed_out()), (3, false));
    });
    let (mutex, condvar) = &*shared;
    while *mutex.lock().unwrap() < 1 {
        thread::yield_now();
    }
    for value in [2, 3] {
        *mutex.lock().unwrap() = value;
        condvar.notify_one();
    }
    thread.join().unwrap();
}

#[allow(deprecated)]
pub fn condvar_wait_timeout_ms() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let started = Instant::now();
    let mut guard = mutex.lock().unwrap();
    loop {
        let in_time;
        (guard, in_time) = condvar.wait_timeout_ms(guard, 5).unwrap();
        if !in_time {
            break;
        }
    }
    assert!(started.elapsed() >= Duration::from_millis(5));
    drop(guard);
}

pub fn condvar_wait_timeout_while_times_out() {
    let (mutex, condvar) = (Mutex::new(1), Condvar::new());
    for timeout in [Duration::ZERO, SHORT] {
        let started = Instant::now();
        let (guard, result) = condvar
            .wait_timeout_while(mutex.lock().unwrap(), timeout, |_| true)
            .unwrap();
        assert!(result.timed_out());
        assert_eq!(*guard, 1);
        assert!(started.elapsed() >= timeout);
    }
}

pub fn condvar_wait_timeout_while_condition() {
    let (mutex, condvar) = (Mutex::new(1), Condvar::new());
    for timeout in [Duration::ZERO, LONG, Duration::MAX] {
        let (guard, result) = condvar
            .wait_timeout_while(mutex.lock().unwrap(), timeout, |_| false)
            .unwrap();
        assert!(!result.timed_out());
        assert_eq!(*guard, 1);
    }
}

pub fn condvar_wait_timeout_while_notified() {
    let shared = Arc::new((Mutex::new(0), Condvar::new()));
    let other = Arc::clone(&shared);
    let guard = shared.0.lock().unwrap();
    let thread = thread::spawn(move || {
        for _ in 0..3 {
            *other.0.lock().unwrap() += 1;
            other.1.notify_one();
        }
    });
    let (guard, result) = shared
        .1
        .wait_timeout_while(guard, LONG, |value| *value < 3)
        .unwrap();
    assert_eq!((*guard, result.timed_out()), (3, false));
    drop(guard);
    thread.join().unwrap();
}

/// Threads that give up at their deadline, among others that wait for good, while all are notified: nobody
/// stays behind.
pub fn condvar_timed_waiters_and_notify_all() {
    const EACH: usize = 5;
    let shared = Arc::new((Mutex::new((0_usize, false)), Condvar::new()));
    let mut threads = Vec::new();
    for number in 0..2 * EACH {
        let shared = Arc::clone(&shared);
        threads.push(thread::spawn(move || {
            let (mutex, condvar) = &*shared;
            let mut state = mutex.lock().unwrap();
            state.0 += 1;
            while !state.1 {
                state = if number % 2 == 0 {
                    condvar.wait(state).unwrap()
                } else {
                    let timeout = Duration::from_micros(100 * number as u64);
                    condvar.wait_timeout(state, timeout).unwrap().0
                };
            }
        }));
    }
    let (mutex, condvar) = &*shared;
    while mutex.lock().unwrap().0 < 2 * EACH {
        thread::yield_now();
    }
    for _ in 0..50 {
        let guard = mutex.lock().unwrap();
        condvar.notify_all();
        thread::yield_now();
        drop(guard);
    }
    mutex.lock().unwrap().1 = true;
    condvar.notify_all();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(mutex.try_lock().is_ok());
}

fn poisoned<T: Send + Sync + 'static>(value: T) -> Arc<Mutex<T>> {
    let mutex = Arc::new(Mutex::new(value));
    let other = Arc::clone(&mutex);
    let result = thread::spawn(move || {
        let _guard = other.lock().unwrap();
        panic!("poisons on purpose");
    })
    .join();
    assert!(result.is_err());
    mutex
}

pub fn condvar_wait_on_poisoned() {
    let mutex = poisoned(3);
    let condvar = Condvar::new();
    let guard = mutex.lock().unwrap_err().into_inner();
    let error = condvar.wait_timeout(guard, Duration::ZERO).unwrap_err();
    let (guard, _) = error.into_inner();
    assert_eq!(*guard, 3);
    let error = condvar
        .wait_timeout_while(guard, SHORT, |_| true)
        .unwrap_err();
    let (guard, _) = error.into_inner();
    assert!(
        mutex.try_lock().is_err(),
        "the guard in the error holds the lock"
    );
    let guard = condvar.wait_while(guard, |_| false).unwrap();
    drop(guard);
}

pub fn condvar_poisoned_during_wait() {
    let shared = Arc::new((Mutex::new(false), Condvar::new()));
    let other = Arc::clone(&shared);
    let guard = shared.0.lock().unwrap();
    let thread = thread::spawn(move || {
        let mut guard = other.0.lock().unwrap();
        *guard = true;
        other.1.notify_one();
        panic!("poisons on purpose");
    });
    let error = shared.1.wait_while(guard, |set| !*set).unwrap_err();
    assert!(*error.into_inner());
    assert!(thread.join().is_err());
    assert!(shared.0.is_poisoned());
}

pub fn condvar_two_mutexes_in_turn() {
    let condvar = Condvar::new();
    for _ in 0..3 {
        let (first, second) = (Mutex::new(()), Mutex::new(()));
        drop(
            condvar
                .wait_timeout(first.lock().unwrap(), Duration::ZERO)
                .unwrap(),
        );
        drop(
            condvar
                .wait_timeout(second.lock().unwrap(), Duration::ZERO)
                .unwrap(),
        );
    }
}

/// Threads of two mutexes on one condition variable: all of them are woken, and each mutex goes on to
/// exclude.
pub fn condvar_two_mutexes_at_once() {
    const EACH: usize = 4;
    const ROUNDS: usize = 50;
    #[derive(Default)]
    struct Shared {
        mutexes: [Mutex<(usize, usize)>; 2],
        condvar: Condvar,
    }
    let shared = Arc::new(Shared::default());
    let mut threads = Vec::new();
    for number in 0..2 * EACH {
        let shared = Arc::clone(&shared);
        threads.push(thread::spawn(move || {
            let mutex = &shared.mutexes[number % 2];
            for round in 1..=ROUNDS {
                let mut state = mutex.lock().unwrap();
                state = shared
                    .condvar
                    .wait_while(state, |state| state.0 < round)
                    .unwrap();
                state.1 += 1;
            }
        }));
    }
    for round in 1..=ROUNDS {
        for mutex in &shared.mutexes {
            mutex.lock().unwrap().0 = round;
        }
        shared.condvar.notify_all();
        for mutex in &shared.mutexes {
            while mutex.lock().unwrap().1 < round * EACH {
                thread::yield_now();
            }
        }
    }
    for thread in threads {
        thread.join().unwrap();
    }
    for mutex in &shared.mutexes {
        assert_eq!(*mutex.try_lock().unwrap(), (ROUNDS, ROUNDS * EACH));
    }
}

pub fn condvar_in_a_static() {
    // The same body may run on another engine at the same time.
    static READY: Mutex<Vec<thread::ThreadId>> = Mutex::new(Vec::new());
    static CHANGED: Condvar = Condvar::new();
    let thread = thread::spawn(|| {
        READY.lock().unwrap().push(thread::current().id());
        CHANGED.notify_all();
    });
    let id = thread.thread().id();
    let ready = CHANGED
        .wait_while(READY.lock().unwrap(), |ready| !ready.contains(&id))
        .unwrap();
    assert!(ready.contains(&id));
    drop(ready);
    thread.join().unwrap();
}

/// Producers and consumers around a small buffer: every item arrives once.
pub fn condvar_bounded_buffer_conserves() {
    const PRODUCERS: usize = 3;
    const CONSUMERS: usize = 3;
    const ITEMS: usize = 500;
    #[derive(Default)]
    struct Buffer {
        items: Mutex<Vec<usize>>,
        not_empty: Condvar,
        not_full: Condvar,
    }
    let buffer = Arc::new(Buffer::default());
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|producer| {
            let buffer = Arc::clone(&buffer);
            thread::spawn(move || {
                for item in 0..ITEMS {
                    let items = buffer.items.lock().unwrap();
                    let mut items = buffer
                        .not_full
                        .wait_while(items, |items| items.len() >= 2)
                        .unwrap();
                    items.push(producer * ITEMS + item);
                    drop(items);
                    buffer.not_empty.notify_one();
                }
            })
        })
        .collect();
    let consumers: Vec<_> = (0..CONSUMERS)
        .map(|_| {
            let buffer = Arc::clone(&buffer);
            thread::spawn(move || {
                let mut taken = Vec::new();
                for _ in 0..PRODUCERS * ITEMS / CONSUMERS {
                    let items = buffer.items.lock().unwrap();
                    let mut items = buffer
                        .not_empty
                        .wait_while(items, |items| items.is_empty())
                        .unwrap();
                    taken.push(items.remove(0));
                    drop(items);
                    buffer.not_full.notify_one();
                }
                taken
            })
        })
        .collect();
    for producer in producers {
        producer.join().unwrap();
    }
    let mut all: Vec<_> = consumers
        .into_iter()
        .flat_map(|consumer| consumer.join().unwrap())
        .collect();
    all.sort_unstable();
    assert_eq!(all, (0..PRODUCERS * ITEMS).collect::<Vec<_>>());
}

pub fn condvar_ping_pong() {
    const ROUNDS: usize = 500;
    let shared = Arc::new((Mutex::new(0), Condvar::new()));
    let play = |shared: &(Mutex<usize>, Condvar), parity: usize| {
        for _ in 0..ROUNDS {
            let turn = shared.0.lock().unwrap();
            let mut turn = shared
                .1
                .wait_while(turn, |turn| *turn % 2 != parity)
                .unwrap();
            *turn += 1;
            shared.1.notify_one();
        }
    };
    let other = Arc::clone(&shared);
    let thread = thread::spawn(move || play(&other, 1));
    play(&shared, 0);
    thread.join().unwrap();
    assert_eq!(*shared.0.lock().unwrap(), 2 * ROUNDS);
}

/// Threads that only lock, among threads that were notified: neither kind gets stuck behind the other.
pub fn condvar_waiters_mixed_with_lockers() {
    const WAITERS: usize = 4;
    const ROUNDS: usize = 100;
    let shared = Arc::new((Mutex::new(0), Condvar::new()));
    let stop = Arc::new(AtomicBool::new(false));
    let locked = Arc::new(AtomicUsize::new(0));
    let lockers: Vec<_> = (0..2)
        .map(|_| {
            let (shared, stop, locked) =
                (Arc::clone(&shared), Arc::clone(&stop), Arc::clone(&locked));
            thread::spawn(move || {
                while !stop.load(SeqCst) {
                    drop(shared.0.lock().unwrap());
                    locked.fetch_add(1, SeqCst);
                    thread::yield_now();
                }
            })
        })
        .collect();
    let (done, wait_done) = mpsc::channel();
    let waiters: Vec<_> = (0..WAITERS)
        .map(|_| {
            let (shared, done) = (Arc::clone(&shared), done.clone());
            thread::spawn(move || {
                for round in 1..=ROUNDS {
                    let value = shared.0.lock().unwrap();
                    drop(shared.1.wait_while(value, |value| *value < round).unwrap());
                    done.send(round).unwrap();
                }
            })
        })
        .collect();
    for round in 1..=ROUNDS {
        let mut value = shared.0.lock().unwrap();
        *value = round;
        shared.1.notify_all();
        drop(value);
        for _ in 0..WAITERS {
            assert_eq!(wait_done.recv().unwrap(), round);
        }
    }
    stop.store(true, SeqCst);
    for thread in waiters.into_iter().chain(lockers) {
        thread.join().unwrap();
    }
    assert!(locked.load(SeqCst) > 0);
}

pub fn condvar_debug_default_traits() {
    fn traits<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
    fn result_traits<T: Copy + Eq + std::fmt::Debug + Send + Sync>() {}
    traits::<Condvar>();
    result_traits::<WaitTimeoutResult>();
    assert_eq!(format!("{:?}", Condvar::default()), "Condvar { .. }");
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let (guard, result) = condvar
        .wait_timeout_while(mutex.lock().unwrap(), Duration::ZERO, |_| true)
        .unwrap();
    drop(guard);
    assert_eq!(format!("{result:?}"), "WaitTimeoutResult(true)");
    let (_guard, other) = condvar
        .wait_timeout_while(mutex.lock().unwrap(), Duration::ZERO, |_| false)
        .unwrap();
    assert_ne!(result, other);
}
