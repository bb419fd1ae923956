//! What `Once`, `OnceLock`, `LazyLock` and `Barrier` promise. The bodies are plain functions; the harness
//! runs them on std and on every engine.

use super::shapes::{sync, thread};
use std::panic::{self, AssertUnwindSafe, RefUnwindSafe, UnwindSafe};
use sync::atomic::{AtomicUsize, Ordering::SeqCst};
use sync::mpsc::{TryRecvError, channel};
use sync::{Arc, Barrier, LazyLock, Once, OnceLock, OnceState};

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("once_runs_once", once_runs_once),
    ("once_others_wait", once_others_wait),
    ("once_poison", once_poison),
    ("once_force_after_poison", once_force_after_poison),
    ("once_wait", once_wait),
    ("once_wait_poisoned", once_wait_poisoned),
    ("once_poison_wakes_waiters", once_poison_wakes_waiters),
    ("once_text_and_traits", once_text_and_traits),
    ("once_lock_set_and_get", once_lock_set_and_get),
    ("once_lock_one_initialisation", once_lock_one_initialisation),
    ("once_lock_panic_leaves_empty", once_lock_panic_leaves_empty),
    ("once_lock_wait", once_lock_wait),
    ("once_asked_in_a_loop", once_asked_in_a_loop),
    ("once_lock_exclusive_access", once_lock_exclusive_access),
    ("once_lock_drops_once", once_lock_drops_once),
    ("once_lock_other_traits", once_lock_other_traits),
    ("once_lock_value_may_dangle", once_lock_value_may_dangle),
    ("lazy_lock_computes_once", lazy_lock_computes_once),
    ("lazy_lock_panics_for_ever", lazy_lock_panics_for_ever),
    ("lazy_lock_exclusive_access", lazy_lock_exclusive_access),
    ("lazy_lock_exclusive_panic", lazy_lock_exclusive_panic),
    ("lazy_lock_drops", lazy_lock_drops),
    ("lazy_lock_text_and_traits", lazy_lock_text_and_traits),
    ("barrier_meets", barrier_meets),
    ("barrier_rounds", barrier_rounds),
    ("barrier_of_none_and_one", barrier_of_none_and_one),
    ("barrier_text", barrier_text),
];

fn panics<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = panic::catch_unwind(AssertUnwindSafe(f)) else {
        panic!("a panic was expected");
    };
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().unwrap()).to_owned(),
    }
}

pub fn once_runs_once() {
    static ONCE: Once = Once::new();
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn(|| {
                ONCE.call_once(|| {
                    thread::yield_now();
                    RUNS.fetch_add(1, SeqCst);
                });
                assert_eq!(RUNS.load(SeqCst), 1);
                assert!(ONCE.is_completed());
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    ONCE.call_once(|| unreachable!());
    ONCE.call_once_force(|_| unreachable!());
}

pub fn once_others_wait() {
    let once = Arc::new(Once::new());
    let (running, wait_running) = channel();
    let (finish, wait_finish) = channel::<()>();
    let first = {
        let once = Arc::clone(&once);
        thread::spawn(move || {
            once.call_once(|| {
                running.send(()).unwrap();
                wait_finish.recv().unwrap();
            });
        })
    };
    wait_running.recv().unwrap();
    assert!(!once.is_completed());
    let (done, wait_done) = channel();
    let others: Vec<_> = (0..5)
        .map(|_| {
            let (once, done) = (Arc::clone(&once), done.clone());
            thread::spawn(move || {
                once.call_once(|| unreachable!());
                done.send(()).unwrap();
            })
        })
        .collect();
    thread::yield_now();
    assert_eq!(wait_done.try_recv(), Err(TryRecvError::Empty));
    finish.send(()).unwrap();
    for thread in others.into_iter().chain([first]) {
        thread.join().unwrap();
    }
    assert_eq!(wait_done.try_iter().count(), 5);
}

pub fn once_poison() {
    let once = Once::new();
    assert_eq!(
        panics(|| once.call_once(|| panic!("on purpose"))),
        "on purpose"
    );
    assert!(!once.is_completed());
    let message = panics(|| once.call_once(|| unreachable!()));
    assert_eq!(message, "Once instance has previously been poisoned");
}

pub fn once_force_after_poison() {
    let once = Once::new();
    panics(|| once.call_once(|| panic!("on purpose")));
    panics(|| {
        once.call_once_force(|state| {
            assert!(state.is_poisoned());
            panic!("again");
        });
    });
    once.call_once_force(|state| assert!(state.is_poisoned()));
    assert!(once.is_completed());
    once.call_once(|| unreachable!());

    let fresh = Once::new();
    fresh.call_once_force(|state| assert!(!state.is_poisoned()));
}

pub fn once_wait() {
    for force in [false, true] {
        let once = Arc::new(Once::new());
        let value = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (once, value) = (Arc::clone(&once), Arc::clone(&value));
                thread::spawn(move || {
                    if force {
                        once.wait_force();
                    } else {
                        once.wait();
                    }
                    value.load(SeqCst)
                })
            })
            .collect();
        thread::yield_now();
        once.call_once(|| value.store(1, SeqCst));
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 1);
        }
        once.wait();
        once.wait_force();
    }
}

pub fn once_wait_poisoned() {
    let once = Arc::new(Once::new());
    panics(|| once.call_once(|| panic!("on purpose")));
    assert_eq!(
        panics(|| once.wait()),
        "Once instance has previously been poisoned"
    );
    let other = Arc::clone(&once);
    let waiting = thread::spawn(move || other.wait_force());
    thread::yield_now();
    once.call_once_force(|_| {});
    waiting.join().unwrap();
}

pub fn once_poison_wakes_waiters() {
    let once = Arc::new(Once::new());
    let (running, wait_running) = channel();
    let (finish, wait_finish) = channel::<()>();
    let first = {
        let once = Arc::clone(&once);
        thread::spawn(move || {
            once.call_once(|| {
                running.send(()).unwrap();
                wait_finish.recv().unwrap();
                panic!("on purpose");
            });
        })
    };
    wait_running.recv().unwrap();
    let others: Vec<_> = (0..3)
        .map(|i| {
            let once = Arc::clone(&once);
            thread::spawn(move || {
                if i == 0 {
                    once.wait()
                } else {
                    once.call_once(|| {})
                }
            })
        })
        .collect();
    finish.send(()).unwrap();
    assert!(first.join().is_err());
    for other in others {
        assert!(other.join().is_err());
    }
}

#[allow(deprecated)]
pub fn once_text_and_traits() {
    fn traits<T: Send + Sync + UnwindSafe + RefUnwindSafe + Unpin>() {}
    fn state_traits<T: Send + UnwindSafe + Unpin>() {}
    traits::<Once>();
    state_traits::<OnceState>();
    let once = sync::ONCE_INIT;
    assert_eq!(format!("{once:?}"), "Once { .. }");
    once.call_once_force(|state| {
        assert_eq!(format!("{state:?}"), "OnceState { poisoned: false }");
    });
}

pub fn once_lock_set_and_get() {
    static LOCK: OnceLock<u8> = OnceLock::new();
    let lock = OnceLock::new();
    assert_eq!(lock.get(), None);
    assert_eq!(lock.set("first".to_owned()), Ok(()));
    assert_eq!(lock.set("second".to_owned()), Err("second".to_owned()));
    assert_eq!(lock.get().unwrap(), "first");
    assert_eq!(lock.get_or_init(|| unreachable!()), "first");
    assert_eq!(LOCK.get_or_init(|| 4), &4);
}

pub fn once_lock_one_initialisation() {
    let lock = Arc::new(OnceLock::new());
    let runs = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..8)
        .map(|i| {
            let (lock, runs) = (Arc::clone(&lock), Arc::clone(&runs));
            thread::spawn(move || {
                *lock.get_or_init(|| {
                    runs.fetch_add(1, SeqCst);
                    thread::yield_now();
                    i
                })
            })
        })
        .collect();
    let seen: Vec<usize> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    assert_eq!(runs.load(SeqCst), 1);
    assert!(seen.iter().all(|value| Some(value) == lock.get()));
}

pub fn once_lock_panic_leaves_empty() {
    let lock = OnceLock::new();
    panics(|| lock.get_or_init(|| panic!("on purpose")));
    assert_eq!(lock.get(), None);
    assert_eq!(lock.get_or_init(|| 5), &5);

    let mut lock = OnceLock::<u8>::new();
    panics(|| lock.get_or_init(|| panic!("on purpose")));
    assert_eq!(lock.take(), None);
    assert_eq!(lock.set(1), Ok(()));
    assert_eq!(lock.into_inner(), Some(1));
}

pub fn once_lock_wait() {
    let lock = Arc::new(OnceLock::new());
    let other = Arc::clone(&lock);
    let waiting = thread::spawn(move || *other.wait());
    thread::yield_now();
    lock.set(3).unwrap();
    assert_eq!(waiting.join().unwrap(), 3);
    assert_eq!(lock.wait(), &3);
}

pub fn once_lock_exclusive_access() {
    let mut lock = OnceLock::new();
    assert_eq!(lock.get_mut(), None);
    assert_eq!(lock.take(), None);
    lock.set(vec![1]).unwrap();
    lock.get_mut().unwrap().push(2);
    assert_eq!(lock.take(), Some(vec![1, 2]));
    assert_eq!(lock.get(), None);
    lock.set(vec![3]).unwrap();
    assert_eq!(lock.into_inner(), Some(vec![3]));
    assert_eq!(OnceLock::<u8>::new().into_inner(), None);
}

pub fn once_lock_drops_once() {
    let live = Arc::new(());
    drop(OnceLock::from(Arc::clone(&live)));
    assert_eq!(Arc::strong_count(&live), 1);
    let mut lock = OnceLock::new();
    lock.set(Arc::clone(&live)).unwrap();
    assert!(lock.set(Arc::clone(&live)).is_err());
    assert_eq!(Arc::strong_count(&live), 2);
    drop(lock.take());
    assert_eq!(Arc::strong_count(&live), 1);
    drop(lock);
    drop(OnceLock::<Arc<()>>::new());
}

pub fn once_lock_other_traits() {
    fn traits<T: Send + Sync + UnwindSafe + RefUnwindSafe + Unpin + Eq + Clone>() {}
    traits::<OnceLock<u8>>();
    let (full, empty) = (OnceLock::from(1), OnceLock::default());
    assert_eq!(
        format!("{full:?} {empty:?}"),
        "OnceLock(1) OnceLock(<uninit>)"
    );
    assert_eq!(full.clone(), full);
    assert_eq!(empty.clone(), empty);
    assert_ne!(full, empty);
}

/// The value may be a reference to something that goes before the lock does.
pub fn once_lock_value_may_dangle() {
    let lock = OnceLock::new();
    {
        let text = String::from("text");
        lock.set(&text).unwrap();
        assert_eq!(lock.get().unwrap().len(), 4);
    }
}

pub fn lazy_lock_computes_once() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    static LAZY: LazyLock<Vec<u8>> = LazyLock::new(|| {
        RUNS.fetch_add(1, SeqCst);
        thread::yield_now();
        vec![1, 2]
    });
    let threads: Vec<_> = (0..8).map(|_| thread::spawn(|| LAZY.len())).collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 2);
    }
    assert_eq!(*LazyLock::force(&LAZY), [1, 2]);
    assert_eq!(LazyLock::get(&LAZY), Some(&vec![1, 2]));
    assert_eq!(RUNS.load(SeqCst), 1);
}

pub fn lazy_lock_panics_for_ever() {
    let lazy: LazyLock<u8> = LazyLock::new(|| panic!("on purpose"));
    assert_eq!(panics(|| *lazy), "on purpose");
    let poisoned = "LazyLock instance has previously been poisoned";
    assert_eq!(panics(|| *lazy), poisoned);
    assert_eq!(panics(|| *LazyLock::force(&lazy)), poisoned);
    assert_eq!(LazyLock::get(&lazy), None);
}

pub fn lazy_lock_exclusive_access() {
    let mut lazy = LazyLock::new(|| vec![1]);
    assert_eq!(LazyLock::get(&lazy), None);
    assert_eq!(LazyLock::get_mut(&mut lazy), None);
    lazy.push(2);
    LazyLock::force_mut(&mut lazy).push(3);
    LazyLock::get_mut(&mut lazy).unwrap().push(4);
    assert_eq!(*lazy, [1, 2, 3, 4]);
}

pub fn lazy_lock_exclusive_panic() {
    let mut lazy: LazyLock<u8, _> = LazyLock::new(|| panic!("on purpose"));
    assert_eq!(panics(|| *LazyLock::force_mut(&mut lazy)), "on purpose");
    let poisoned = "LazyLock instance has previously been poisoned";
    assert_eq!(panics(|| *LazyLock::force_mut(&mut lazy)), poisoned);
    assert_eq!(panics(|| *LazyLock::force(&lazy)), poisoned);
    assert_eq!(LazyLock::get_mut(&mut lazy), None);
}

/// What is dropped is what is there: the function, or the value.
pub fn lazy_lock_drops() {
    let live = Arc::new(());
    let captured = Arc::clone(&live);
    let lazy = LazyLock::new(move || (captured, 1));
    assert_eq!(Arc::strong_count(&live), 2);
    drop(lazy);
    assert_eq!(Arc::strong_count(&live), 1);

    let captured = Arc::clone(&live);
    let lazy = LazyLock::new(move || (captured, 1));
    assert_eq!(lazy.1, 1);
    assert_eq!(Arc::strong_count(&live), 2);
    drop(lazy);
    assert_eq!(Arc::strong_count(&live), 1);

    let captured = Arc::clone(&live);
    let lazy: LazyLock<u8, _> = LazyLock::new(move || {
        let _captured = captured;
        panic!("on purpose");
    });
    panics(|| *lazy);
    assert_eq!(Arc::strong_count(&live), 1);
}

pub fn lazy_lock_text_and_traits() {
    fn traits<T: Send + Sync + UnwindSafe + RefUnwindSafe + Unpin>() {}
    traits::<LazyLock<u8>>();
    let lazy = LazyLock::<u8>::default();
    assert_eq!(format!("{lazy:?}"), "LazyLock(<uninit>)");
    assert_eq!(*lazy, 0);
    assert_eq!(format!("{lazy:?}"), "LazyLock(0)");
}

pub fn barrier_meets() {
    const THREADS: usize = 10;
    let barrier = Arc::new(Barrier::new(THREADS));
    let (passed, wait_passed) = channel();
    let threads: Vec<_> = (1..THREADS)
        .map(|_| {
            let (barrier, passed) = (Arc::clone(&barrier), passed.clone());
            thread::spawn(move || passed.send(barrier.wait().is_leader()).unwrap())
        })
        .collect();
    thread::yield_now();
    assert_eq!(wait_passed.try_recv(), Err(TryRecvError::Empty));
    let mut leaders = usize::from(barrier.wait().is_leader());
    for thread in threads {
        thread.join().unwrap();
        leaders += usize::from(wait_passed.recv().unwrap());
    }
    assert_eq!(leaders, 1);
}

/// A fast thread does not run through the next round while others leave the last.
pub fn barrier_rounds() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 200;
    static ALONE: Barrier = Barrier::new(1);
    assert!(ALONE.wait().is_leader());
    let barrier = Arc::new(Barrier::new(THREADS));
    let counts: Arc<Vec<AtomicUsize>> =
        Arc::new((0..ROUNDS).map(|_| AtomicUsize::new(0)).collect());
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (barrier, counts) = (Arc::clone(&barrier), Arc::clone(&counts));
            thread::spawn(move || {
                let mut led = 0;
                for count in counts.iter() {
                    count.fetch_add(1, SeqCst);
                    led += usize::from(barrier.wait().is_leader());
                    assert_eq!(count.load(SeqCst), THREADS);
                }
                led
            })
        })
        .collect();
    let led: usize = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    assert_eq!(led, ROUNDS);
}

pub fn barrier_of_none_and_one() {
    for n in [0, 1] {
        let barrier = Barrier::new(n);
        assert!(barrier.wait().is_leader());
        assert!(barrier.wait().is_leader());
    }
}

pub fn barrier_text() {
    fn traits<T: Send + Sync + UnwindSafe + RefUnwindSafe + Unpin>() {}
    traits::<Barrier>();
    let barrier = Barrier::new(1);
    assert_eq!(format!("{barrier:?}"), "Barrier { .. }");
    assert_eq!(
        format!("{:?}", barrier.wait()),
        "BarrierWaitResult { is_leader: true }"
    );
}

pub fn once_asked_in_a_loop() {
    struct Asked {
        lock: OnceLock<u8>,
        once: Once,
        lazy: LazyLock<u8>,
    }
    let asked = Arc::new(Asked {
        lock: OnceLock::new(),
        once: Once::new(),
        lazy: LazyLock::new(|| 7),
    });
    // More of those who ask than there are processors: they must let the others run.
    let readers: Vec<_> = (0..20)
        .map(|_| {
            let asked = Arc::clone(&asked);
            thread::spawn(move || {
                while asked.lock.get().is_none() {}
                while !asked.once.is_completed() {}
                while LazyLock::get(&asked.lazy).is_none() {}
            })
        })
        .collect();
    thread::spawn(move || {
        assert_eq!(asked.lock.set(1), Ok(()));
        thread::yield_now();
        asked.once.call_once(|| ());
        thread::yield_now();
        assert_eq!(*asked.lazy, 7);
    })
    .join()
    .unwrap();
    for reader in readers {
        reader.join().unwrap();
    }
}
