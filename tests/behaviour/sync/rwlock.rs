//! What `RwLock` promises. The bodies are plain functions; the harness runs them on std and on every engine.

use super::shapes::{sync, thread};
use std::panic::{RefUnwindSafe, UnwindSafe};
use sync::atomic::{AtomicUsize, Ordering::SeqCst};
use sync::mpsc::channel;
use sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("rwlock_tried_in_a_loop", rwlock_tried_in_a_loop),
    ("rwlock_reads_together", rwlock_reads_together),
    ("rwlock_writes_alone", rwlock_writes_alone),
    ("rwlock_readers_and_writers", rwlock_readers_and_writers),
    (
        "rwlock_waiting_readers_come_in",
        rwlock_waiting_readers_come_in,
    ),
    (
        "rwlock_waiting_writers_come_in",
        rwlock_waiting_writers_come_in,
    ),
    ("rwlock_try", rwlock_try),
    ("rwlock_downgrade", rwlock_downgrade),
    (
        "rwlock_downgrade_lets_readers_in",
        rwlock_downgrade_lets_readers_in,
    ),
    ("rwlock_downgrade_conserves", rwlock_downgrade_conserves),
    ("rwlock_in_a_static", rwlock_in_a_static),
    ("rwlock_only_writers_poison", rwlock_only_writers_poison),
    ("rwlock_poison", rwlock_poison),
    (
        "rwlock_into_inner_and_get_mut",
        rwlock_into_inner_and_get_mut,
    ),
    ("rwlock_unsized_from_default", rwlock_unsized_from_default),
    ("rwlock_debug_text", rwlock_debug_text),
    ("rwlock_auto_traits", rwlock_auto_traits),
];

fn poison<T: Send + Sync + 'static>(lock: &Arc<RwLock<T>>) {
    let other = Arc::clone(lock);
    let result = thread::spawn(move || {
        let _guard = other.write().unwrap();
        panic!("poisons on purpose");
    })
    .join();
    assert!(result.is_err());
}

pub fn rwlock_reads_together() {
    let lock = RwLock::new(3);
    let (first, second) = (lock.read().unwrap(), lock.read().unwrap());
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(*lock.read().unwrap() + *first + *second, 9));
    });
    assert!(lock.try_write().is_err());
    drop((first, second));
    *lock.write().unwrap() = 4;
    assert_eq!(*lock.read().unwrap(), 4);
}

pub fn rwlock_writes_alone() {
    const THREADS: usize = 6;
    const ROUNDS: usize = 1_000;
    let lock = RwLock::new(0_usize);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let mut guard = lock.write().unwrap();
                    let seen = *guard;
                    if seen.is_multiple_of(64) {
                        thread::yield_now();
                    }
                    *guard = seen + 1;
                }
            });
        }
    });
    assert_eq!(lock.into_inner().unwrap(), THREADS * ROUNDS);
}

/// Writers keep two values equal; readers never see them differ.
pub fn rwlock_readers_and_writers() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 500;
    let lock = RwLock::new((0, 0));
    thread::scope(|scope| {
        for number in 0..2 * THREADS {
            let lock = &lock;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    if number % 2 == 0 {
                        let mut pair = lock.write().unwrap();
                        pair.0 += 1;
                        if round % 16 == 0 {
                            thread::yield_now();
                        }
                        pair.1 += 1;
                    } else {
                        let pair = lock.read().unwrap();
                        if round % 16 == 0 {
                            thread::yield_now();
                        }
                        assert_eq!(pair.0, pair.1);
                    }
                }
            });
        }
    });
    assert_eq!(
        lock.into_inner().unwrap(),
        (THREADS * ROUNDS, THREADS * ROUNDS)
    );
}

fn started(count: &AtomicUsize, threads: usize) {
    while count.load(SeqCst) < threads {
        thread::yield_now();
    }
}

pub fn rwlock_waiting_readers_come_in() {
    let lock = RwLock::new(0_usize);
    let (arrived, inside) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let mut guard = lock.write().unwrap();
        for _ in 0..8 {
            scope.spawn(|| {
                arrived.fetch_add(1, SeqCst);
                let guard = lock.read().unwrap();
                assert_eq!(*guard, 1);
                inside.fetch_add(1, SeqCst);
                // They are inside together.
                started(&inside, 8);
            });
        }
        started(&arrived, 8);
        *guard = 1;
        drop(guard);
    });
}

pub fn rwlock_waiting_writers_come_in() {
    let lock = RwLock::new(0);
    let arrived = AtomicUsize::new(0);
    thread::scope(|scope| {
        let guards = [lock.read().unwrap(), lock.read().unwrap()];
        for _ in 0..8 {
            scope.spawn(|| {
                arrived.fetch_add(1, SeqCst);
                *lock.write().unwrap() += 1;
            });
        }
        started(&arrived, 8);
        assert_eq!(*guards[0], 0);
        drop(guards);
    });
    assert_eq!(*lock.read().unwrap(), 8);
}

pub fn rwlock_try() {
    let lock = RwLock::new(1);
    {
        let _read = lock.try_read().unwrap();
        let _again = lock.try_read().unwrap();
        assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
    }
    {
        let _write = lock.try_write().unwrap();
        assert!(matches!(lock.try_read(), Err(TryLockError::WouldBlock)));
        assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
    }
    *lock.try_write().unwrap() = 2;
    assert_eq!(*lock.try_read().unwrap(), 2);
}

pub fn rwlock_downgrade() {
    let lock = RwLock::new(0);
    let mut guard = lock.write().unwrap();
    *guard = 1;
    let guard = RwLockWriteGuard::downgrade(guard);
    assert_eq!(*guard, 1);
    assert_eq!(*lock.try_read().unwrap(), 1);
    assert!(lock.try_write().is_err());
    drop(guard);
    assert!(lock.try_write().is_ok());
}

pub fn rwlock_downgrade_lets_readers_in() {
    let lock = Arc::new(RwLock::new(0));
    let mut guard = lock.write().unwrap();
    let (seen, wait_seen) = channel();
    let arrived = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (lock, seen, arrived) = (Arc::clone(&lock), seen.clone(), Arc::clone(&arrived));
            thread::spawn(move || {
                arrived.fetch_add(1, SeqCst);
                seen.send(*lock.read().unwrap()).unwrap();
            })
        })
        .collect();
    started(&arrived, 4);
    *guard = 5;
    let guard = RwLockWriteGuard::downgrade(guard);
    // While this thread still reads.
    for _ in 0..4 {
        assert_eq!(wait_seen.recv(), Ok(5));
    }
    drop(guard);
    for reader in readers {
        reader.join().unwrap();
    }
}

/// Between a write and the read that it was downgraded to, nobody writes.
pub fn rwlock_downgrade_conserves() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 300;
    let lock = RwLock::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    let mut guard = lock.write().unwrap();
                    *guard += 1;
                    let written = *guard;
                    let guard = RwLockWriteGuard::downgrade(guard);
                    if round % 16 == 0 {
                        thread::yield_now();
                    }
                    assert_eq!(*guard, written);
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                for _ in 0..ROUNDS {
                    let seen = *lock.read().unwrap();
                    assert!(seen >= last);
                    last = seen;
                }
            });
        }
    });
    assert_eq!(lock.into_inner().unwrap(), THREADS * ROUNDS);
}

pub fn rwlock_in_a_static() {
    static VALUE: RwLock<String> = RwLock::new(String::new());
    *VALUE.write().unwrap() = "text".to_owned();
    assert_eq!(
        thread::spawn(|| VALUE.read().unwrap().len())
            .join()
            .unwrap(),
        4
    );
}

pub fn rwlock_only_writers_poison() {
    let lock = Arc::new(RwLock::new(1));
    let other = Arc::clone(&lock);
    let result = thread::spawn(move || {
        let _guard = other.read().unwrap();
        panic!("on purpose");
    })
    .join();
    assert!(result.is_err());
    assert!(!lock.is_poisoned());
    assert!(lock.write().is_ok());

    let other = Arc::clone(&lock);
    let result = thread::spawn(move || {
        let _guard = RwLockWriteGuard::downgrade(other.write().unwrap());
        panic!("on purpose");
    })
    .join();
    assert!(result.is_err());
    assert!(!lock.is_poisoned());
}

pub fn rwlock_poison() {
    let lock = Arc::new(RwLock::new(1));
    poison(&lock);
    assert!(lock.is_poisoned());
    assert_eq!(*lock.read().unwrap_err().into_inner(), 1);
    *lock.write().unwrap_err().into_inner() = 2;
    assert!(matches!(lock.try_read(), Err(TryLockError::Poisoned(_))));
    assert!(matches!(lock.try_write(), Err(TryLockError::Poisoned(_))));
    let guard = lock.write().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*RwLockWriteGuard::downgrade(guard), 2);
    lock.clear_poison();
    assert!(lock.read().is_ok() && lock.write().is_ok() && !lock.is_poisoned());
}

pub fn rwlock_into_inner_and_get_mut() {
    let live = Arc::new(());
    let mut lock = RwLock::new(Some(Arc::clone(&live)));
    assert!(lock.get_mut().unwrap().is_some());
    let inner = lock.into_inner().unwrap();
    assert_eq!(Arc::strong_count(&live), 2);
    drop(inner);
    assert_eq!(Arc::strong_count(&live), 1);

    let lock = Arc::new(RwLock::new(7));
    poison(&lock);
    let mut lock = Arc::try_unwrap(lock).unwrap();
    assert_eq!(*lock.get_mut().unwrap_err().into_inner(), 7);
    assert_eq!(lock.into_inner().unwrap_err().into_inner(), 7);
}

pub fn rwlock_unsized_from_default() {
    let lock: &RwLock<[u8]> = &RwLock::new([1, 2]);
    lock.write().unwrap()[1] = 3;
    assert_eq!(&*lock.read().unwrap(), &[1, 3]);
    assert_eq!(*RwLock::from(5).read().unwrap(), 5);
    assert_eq!(*RwLock::<u8>::default().read().unwrap(), 0);
}

pub fn rwlock_debug_text() {
    let lock = Arc::new(RwLock::new("a"));
    assert_eq!(
        format!("{lock:?}"),
        "RwLock { data: \"a\", poisoned: false, .. }"
    );
    let read = lock.read().unwrap();
    assert_eq!(
        format!("{lock:?}"),
        "RwLock { data: \"a\", poisoned: false, .. }"
    );
    assert_eq!(format!("{read:?} {read} [{read:>2}]"), "\"a\" a [ a]");
    drop(read);
    let write = lock.write().unwrap();
    assert_eq!(
        format!("{lock:?}"),
        "RwLock { data: <locked>, poisoned: false, .. }"
    );
    assert_eq!(format!("{write:?} {write} [{write:>2}]"), "\"a\" a [ a]");
    drop(write);
    poison(&lock);
    assert_eq!(
        format!("{lock:?}"),
        "RwLock { data: \"a\", poisoned: true, .. }"
    );
}

pub fn rwlock_auto_traits() {
    use std::cell::{Cell, UnsafeCell};
    fn send<T: Send + ?Sized>() {}
    fn sync<T: Sync + ?Sized>() {}
    fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
    send::<RwLock<Cell<u8>>>();
    sync::<RwLock<u8>>();
    sync::<RwLock<dyn Send + Sync>>();
    sync::<RwLockReadGuard<'_, u8>>();
    sync::<RwLockWriteGuard<'_, u8>>();
    unwind_safe::<RwLock<UnsafeCell<u8>>>();
    unwind_safe::<RwLockReadGuard<'_, u8>>();
    unwind_safe::<RwLockWriteGuard<'_, UnsafeCell<u8>>>();
}

pub fn rwlock_tried_in_a_loop() {
    let rwlock = Arc::new(RwLock::new(()));
    let (go, wait) = channel::<()>();
    let (held, is_held) = channel::<()>();
    let other = Arc::clone(&rwlock);
    let holder = thread::spawn(move || {
        let _guard = other.write().unwrap();
        held.send(()).unwrap();
        wait.recv().unwrap();
    });
    is_held.recv().unwrap();
    // More of those who try than there are processors: they must let the others run.
    let tries: Vec<_> = (0..20)
        .map(|_| {
            let rwlock = Arc::clone(&rwlock);
            thread::spawn(
                move || while rwlock.try_read().is_err() || rwlock.try_write().is_err() {},
            )
        })
        .collect();
    go.send(()).unwrap();
    holder.join().unwrap();
    for thread in tries {
        thread.join().unwrap();
    }
}
