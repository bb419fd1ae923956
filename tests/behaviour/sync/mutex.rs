//! What `Mutex` promises. The bodies are plain functions; the harness runs them on std and on every engine.

use super::shapes::{sync, thread};
use std::fmt::Write;
use std::panic::{self, AssertUnwindSafe, RefUnwindSafe, UnwindSafe};
use sync::atomic::{AtomicUsize, Ordering::SeqCst};
use sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, mpsc};

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("mutex_tried_in_a_loop", mutex_tried_in_a_loop),
    ("mutex_locks_and_unlocks", mutex_locks_and_unlocks),
    ("mutex_excludes", mutex_excludes),
    ("mutex_waiters_all_get_it", mutex_waiters_all_get_it),
    ("mutex_try_lock_never_waits", mutex_try_lock_never_waits),
    ("mutex_try_lock_contended", mutex_try_lock_contended),
    ("mutex_in_a_static", mutex_in_a_static),
    (
        "mutex_in_a_constant_expression",
        mutex_in_a_constant_expression,
    ),
    ("mutex_into_inner", mutex_into_inner),
    ("mutex_into_inner_drops_once", mutex_into_inner_drops_once),
    ("mutex_get_mut", mutex_get_mut),
    ("mutex_of_unsized_values", mutex_of_unsized_values),
    ("mutex_from_and_default", mutex_from_and_default),
    ("mutex_panic_poisons", mutex_panic_poisons),
    ("mutex_poison_wakes_waiters", mutex_poison_wakes_waiters),
    ("mutex_poison_everywhere", mutex_poison_everywhere),
    ("mutex_clear_poison", mutex_clear_poison),
    (
        "mutex_lock_in_unwinding_does_not_poison",
        mutex_lock_in_unwinding_does_not_poison,
    ),
    (
        "mutex_unlock_after_caught_panic_does_not_poison",
        mutex_unlock_after_caught_panic_does_not_poison,
    ),
    ("mutex_nested_and_ordered", mutex_nested_and_ordered),
    ("mutex_debug_text", mutex_debug_text),
    (
        "mutex_guard_debug_and_display",
        mutex_guard_debug_and_display,
    ),
    ("mutex_auto_traits", mutex_auto_traits),
    (
        "mutex_guard_shared_between_threads",
        mutex_guard_shared_between_threads,
    ),
    (
        "mutex_freed_right_after_unlock",
        mutex_freed_right_after_unlock,
    ),
];

/// A value that is neither `Copy` nor `Clone`.
#[derive(Debug, PartialEq, Eq, Default)]
struct Plain(i32);

/// Poisons by a panic in another thread.
fn poison<T: Send + 'static>(mutex: &Arc<Mutex<T>>) {
    let other = Arc::clone(mutex);
    let result = thread::spawn(move || {
        let _guard = other.lock().unwrap();
        panic!("poisons on purpose");
    })
    .join();
    assert!(result.is_err());
}

pub fn mutex_locks_and_unlocks() {
    let mutex = Mutex::new(1);
    drop(mutex.lock().unwrap());
    *mutex.lock().unwrap() += 1;
    {
        let mut guard = mutex.lock().unwrap();
        *guard *= 10;
    }
    assert_eq!(*mutex.lock().unwrap(), 20);
}

pub fn mutex_excludes() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 2_000;
    let mutex = Arc::new(Mutex::new(0_usize));
    let inside = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (mutex, inside) = (Arc::clone(&mutex), Arc::clone(&inside));
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    let mut guard = mutex.lock().unwrap();
                    assert_eq!(inside.fetch_add(1, SeqCst), 0);
                    let seen = *guard;
                    if round % 64 == 0 {
                        thread::yield_now();
                    }
                    *guard = seen + 1;
                    inside.fetch_sub(1, SeqCst);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*mutex.lock().unwrap(), THREADS * ROUNDS);
}

pub fn mutex_waiters_all_get_it() {
    const THREADS: usize = 20;
    let mutex = Arc::new(Mutex::new(0));
    let started = Arc::new(AtomicUsize::new(0));
    let guard = mutex.lock().unwrap();
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (mutex, started) = (Arc::clone(&mutex), Arc::clone(&started));
            thread::spawn(move || {
                started.fetch_add(1, SeqCst);
                *mutex.lock().unwrap() += 1;
            })
        })
        .collect();
    while started.load(SeqCst) < THREADS {
        thread::yield_now();
    }
    assert_eq!(*guard, 0);
    drop(guard);
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*mutex.lock().unwrap(), THREADS);
}

pub fn mutex_try_lock_never_waits() {
    let mutex = Mutex::new(Plain(1));
    *mutex.try_lock().unwrap() = Plain(2);
    let guard = mutex.lock().unwrap();
    assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
    thread::scope(|scope| {
        scope.spawn(|| assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock))));
    });
    drop(guard);
    assert_eq!(*mutex.try_lock().unwrap(), Plain(2));
}

pub fn mutex_try_lock_contended() {
    const THREADS: usize = 4;
    const SUCCESSES: usize = 500;
    let mutex = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut successes = 0;
                while successes < SUCCESSES {
                    match mutex.try_lock() {
                        Ok(mut guard) => {
                            *guard += 1;
                            successes += 1;
                        }
                        Err(TryLockError::WouldBlock) => thread::yield_now(),
                        Err(TryLockError::Poisoned(_)) => panic!("nobody poisons"),
                    }
                }
            });
        }
    });
    assert_eq!(mutex.into_inner().unwrap(), THREADS * SUCCESSES);
}

pub fn mutex_in_a_static() {
    // The same body may run on another engine at the same time.
    static SEEN: Mutex<Vec<thread::ThreadId>> = Mutex::new(Vec::new());
    let threads: Vec<_> = (0..4)
        .map(|_| thread::spawn(|| SEEN.lock().unwrap().push(thread::current().id())))
        .collect();
    for thread in threads {
        let id = thread.thread().id();
        thread.join().unwrap();
        let seen = SEEN.lock().unwrap();
        assert_eq!(seen.iter().filter(|seen| **seen == id).count(), 1);
    }
}

pub fn mutex_in_a_constant_expression() {
    struct Pair {
        first: Mutex<u8>,
        second: Mutex<&'static str>,
    }
    static PAIR: Pair = const {
        Pair {
            first: Mutex::new(1),
            second: Mutex::new("two"),
        }
    };
    assert_eq!(*PAIR.first.lock().unwrap(), 1);
    assert_eq!(*PAIR.second.lock().unwrap(), "two");
}

pub fn mutex_into_inner() {
    let mutex = Mutex::new(Plain(10));
    assert_eq!(mutex.into_inner().unwrap(), Plain(10));
}

pub fn mutex_into_inner_drops_once() {
    struct Counts(Arc<AtomicUsize>);
    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let mutex = Mutex::new(Counts(Arc::clone(&drops)));
    assert_eq!(drops.load(SeqCst), 0);
    {
        let _inner = mutex.into_inner().unwrap();
        assert_eq!(drops.load(SeqCst), 0);
    }
    assert_eq!(drops.load(SeqCst), 1);
    drop(Mutex::new(Counts(Arc::clone(&drops))));
    assert_eq!(drops.load(SeqCst), 2);
}

pub fn mutex_get_mut() {
    let mut mutex = Mutex::new(Plain(10));
    *mutex.get_mut().unwrap() = Plain(20);
    assert_eq!(mutex.into_inner().unwrap(), Plain(20));
}

pub fn mutex_of_unsized_values() {
    let slice: &Mutex<[i32]> = &Mutex::new([1, 2, 3]);
    slice.lock().unwrap()[0] = 4;
    assert_eq!(&*slice.lock().unwrap(), &[4, 2, 3]);
    assert_eq!(
        format!("{slice:?}"),
        "Mutex { data: [4, 2, 3], poisoned: false, .. }"
    );

    let function: Arc<Mutex<dyn FnMut() -> u32 + Send>> = {
        let mut calls = 0;
        Arc::new(Mutex::new(move || {
            calls += 1;
            calls
        }))
    };
    assert_eq!((function.lock().unwrap())(), 1);
    assert_eq!((function.lock().unwrap())(), 2);
}

pub fn mutex_from_and_default() {
    assert_eq!(*Mutex::from(Plain(3)).lock().unwrap(), Plain(3));
    assert_eq!(*Mutex::<Plain>::default().lock().unwrap(), Plain(0));
}

pub fn mutex_panic_poisons() {
    let mutex = Arc::new(Mutex::new(1));
    assert!(!mutex.is_poisoned());
    poison(&mutex);
    assert!(mutex.is_poisoned());
    let error = mutex.lock().unwrap_err();
    assert_eq!(
        error.to_string(),
        "poisoned lock: another task failed inside"
    );
    assert_eq!(**error.get_ref(), 1);
    *error.into_inner() = 2;
    // Still poisoned, and still usable by who says so.
    assert_eq!(*mutex.lock().unwrap_or_else(PoisonError::into_inner), 2);
    assert!(mutex.is_poisoned());
}

pub fn mutex_poison_wakes_waiters() {
    let mutex = Arc::new(Mutex::new(()));
    let (locked, wait_locked) = mpsc::channel();
    let (go, wait_go) = mpsc::channel::<()>();
    let panicking = {
        let mutex = Arc::clone(&mutex);
        thread::spawn(move || {
            let _guard = mutex.lock().unwrap();
            locked.send(()).unwrap();
            wait_go.recv().unwrap();
            panic!("poisons on purpose");
        })
    };
    wait_locked.recv().unwrap();
    let started = Arc::new(AtomicUsize::new(0));
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let (mutex, started) = (Arc::clone(&mutex), Arc::clone(&started));
            thread::spawn(move || {
                started.fetch_add(1, SeqCst);
                mutex.lock().is_err()
            })
        })
        .collect();
    while started.load(SeqCst) < 3 {
        thread::yield_now();
    }
    go.send(()).unwrap();
    assert!(panicking.join().is_err());
    for waiter in waiters {
        assert!(waiter.join().unwrap());
    }
}

pub fn mutex_poison_everywhere() {
    let mutex = Arc::new(Mutex::new(Plain(5)));
    poison(&mutex);
    match mutex.try_lock() {
        Err(TryLockError::Poisoned(error)) => assert_eq!(*error.into_inner(), Plain(5)),
        Err(TryLockError::WouldBlock) => panic!("nobody holds it"),
        Ok(_) => panic!("it is poisoned"),
    }
    let mut mutex = Arc::try_unwrap(mutex).unwrap();
    assert_eq!(mutex.get_mut().unwrap_err().into_inner(), &mut Plain(5));
    assert_eq!(mutex.into_inner().unwrap_err().into_inner(), Plain(5));
}

pub fn mutex_clear_poison() {
    let mutex = Arc::new(Mutex::new(1));
    poison(&mutex);
    mutex.clear_poison();
    assert!(!mutex.is_poisoned());
    assert_eq!(*mutex.lock().unwrap(), 1);
    // And it can be poisoned again.
    poison(&mutex);
    assert!(mutex.lock().is_err());
    // Cleared while the guard from the error is still held.
    let guard = mutex.lock().unwrap_or_else(|error| {
        mutex.clear_poison();
        error.into_inner()
    });
    drop(guard);
    assert!(mutex.lock().is_ok());
}

/// A thread that is panicking already and then locks has not panicked with the lock held.
pub fn mutex_lock_in_unwinding_does_not_poison() {
    struct LocksWhenDropped(Arc<Mutex<u32>>);
    impl Drop for LocksWhenDropped {
        fn drop(&mut self) {
            assert!(thread::panicking());
            *self.0.lock().unwrap() += 1;
        }
    }
    let mutex = Arc::new(Mutex::new(1));
    let inner = Arc::clone(&mutex);
    let result = thread::spawn(move || {
        let _locks = LocksWhenDropped(inner);
        panic!("on purpose");
    })
    .join();
    assert!(result.is_err());
    assert!(!mutex.is_poisoned());
    assert_eq!(*mutex.lock().unwrap(), 2);
}

pub fn mutex_unlock_after_caught_panic_does_not_poison() {
    let mutex = Mutex::new(1);
    let guard = mutex.lock().unwrap();
    let result = panic::catch_unwind(|| panic!("on purpose"));
    assert!(result.is_err());
    drop(guard);
    assert!(!mutex.is_poisoned());

    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let _guard = mutex.lock().unwrap();
        panic!("on purpose");
    }));
    assert!(result.is_err());
    assert!(mutex.is_poisoned());
}

pub fn mutex_nested_and_ordered() {
    let outer = Mutex::new(Mutex::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let inner = outer.lock().unwrap();
                    *inner.lock().unwrap() += 1;
                }
            });
        }
    });
    assert_eq!(outer.into_inner().unwrap().into_inner().unwrap(), 400);
}

pub fn mutex_debug_text() {
    let mutex = Arc::new(Mutex::new(Plain(1)));
    assert_eq!(
        format!("{mutex:?}"),
        "Mutex { data: Plain(1), poisoned: false, .. }"
    );
    assert_eq!(
        format!("{mutex:#?}"),
        "Mutex {\n    data: Plain(\n        1,\n    ),\n    poisoned: false,\n    ..\n}"
    );
    let guard = mutex.lock().unwrap();
    assert_eq!(
        format!("{mutex:?}"),
        "Mutex { data: \"<locked>\", poisoned: false, .. }"
    );
    drop(guard);
    poison(&mutex);
    assert_eq!(
        format!("{mutex:?}"),
        "Mutex { data: Plain(1), poisoned: true, .. }"
    );
    assert!(
        matches!(mutex.try_lock(), Err(TryLockError::Poisoned(_))),
        "printing unlocks again"
    );
}

pub fn mutex_guard_debug_and_display() {
    let mutex = Mutex::new("text");
    let guard = mutex.lock().unwrap();
    assert_eq!(
        format!("{guard:?} {guard} [{guard:>6}]"),
        "\"text\" text [  text]"
    );
    let number = Mutex::new(10);
    assert_eq!(format!("{:#x}", *number.lock().unwrap()), "0xa");
    assert_eq!(format!("{:5?}|", number.lock().unwrap()), "   10|");
    let mut text = String::new();
    write!(text, "{}", number.lock().unwrap()).unwrap();
    assert_eq!(text, "10");
}

pub fn mutex_auto_traits() {
    use std::cell::{Cell, UnsafeCell};
    fn send_and_sync<T: Send + Sync + ?Sized>() {}
    fn sync<T: Sync>() {}
    fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
    send_and_sync::<Mutex<u8>>();
    send_and_sync::<Mutex<Cell<u8>>>();
    send_and_sync::<Mutex<dyn Send>>();
    sync::<MutexGuard<'_, u8>>();
    unwind_safe::<Mutex<UnsafeCell<u8>>>();
    unwind_safe::<MutexGuard<'_, UnsafeCell<u8>>>();
}

pub fn mutex_guard_shared_between_threads() {
    let mutex = Mutex::new(7);
    let guard = mutex.lock().unwrap();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(*guard, 7));
        }
    });
}

/// The last thread to lock may free the mutex while the one before it is still inside its unlock.
pub fn mutex_freed_right_after_unlock() {
    for round in 0..300 {
        let mutex = Arc::new(Mutex::new(0));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let mutex = Arc::clone(&mutex);
                thread::spawn(move || {
                    let mut value = mutex.lock().unwrap();
                    *value += 1;
                    (*value == 2).then_some(round)
                })
            })
            .collect();
        drop(mutex);
        let seconds = threads
            .into_iter()
            .filter_map(|thread| thread.join().unwrap());
        assert_eq!(seconds.collect::<Vec<_>>(), [round]);
    }
}

pub fn mutex_tried_in_a_loop() {
    let mutex = Arc::new(Mutex::new(()));
    let (go, wait) = mpsc::channel::<()>();
    let (held, is_held) = mpsc::channel::<()>();
    let other = Arc::clone(&mutex);
    let holder = thread::spawn(move || {
        let _guard = other.lock().unwrap();
        held.send(()).unwrap();
        wait.recv().unwrap();
    });
    is_held.recv().unwrap();
    // More of those who try than there are processors: they must let the others run.
    let tries: Vec<_> = (0..20)
        .map(|_| {
            let mutex = Arc::clone(&mutex);
            thread::spawn(move || while mutex.try_lock().is_err() {})
        })
        .collect();
    go.send(()).unwrap();
    holder.join().unwrap();
    for thread in tries {
        thread.join().unwrap();
    }
}
