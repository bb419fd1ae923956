//! What scopes promise: threads that borrow.

use super::shapes::{sync, thread, time};
use std::panic::{self, AssertUnwindSafe};
use sync::Mutex;
use sync::atomic::{AtomicUsize, Ordering::SeqCst};
use sync::mpsc::channel;
use thread::{Builder, Scope, ScopedJoinHandle};
use time::Duration;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("scope_borrows", scope_borrows),
    (
        "scope_returns_borrowed_results",
        scope_returns_borrowed_results,
    ),
    ("scope_waits_for_all", scope_waits_for_all),
    ("scope_without_threads", scope_without_threads),
    ("scope_threads_spawn_in_it", scope_threads_spawn_in_it),
    ("scope_in_scope", scope_in_scope),
    (
        "scope_joined_panic_stays_with_join",
        scope_joined_panic_stays_with_join,
    ),
    (
        "scope_unjoined_panic_is_its_own",
        scope_unjoined_panic_is_its_own,
    ),
    (
        "scope_own_panic_waits_for_threads",
        scope_own_panic_waits_for_threads,
    ),
    ("scope_own_panic_wins", scope_own_panic_wins),
    (
        "scope_panic_goes_from_scope_to_scope",
        scope_panic_goes_from_scope_to_scope,
    ),
    (
        "scope_of_a_thread_that_panics_in_both",
        scope_of_a_thread_that_panics_in_both,
    ),
    (
        "scope_waits_for_dropped_results",
        scope_waits_for_dropped_results,
    ),
    ("scope_builder", scope_builder),
    ("scope_is_finished", scope_is_finished),
    ("scope_many", scope_many),
    ("scope_text_and_traits", scope_text_and_traits),
];

pub fn scope_borrows() {
    let shared = String::from("shared");
    let mut own = [0; 8];
    thread::scope(|scope| {
        for (number, cell) in own.iter_mut().enumerate() {
            let shared = &shared;
            scope.spawn(move || {
                thread::yield_now();
                *cell = number + shared.len();
            });
        }
    });
    assert_eq!(own, [6, 7, 8, 9, 10, 11, 12, 13]);
}

pub fn scope_returns_borrowed_results() {
    let words = [String::from("a"), String::from("bbb"), String::from("cc")];
    let longest = thread::scope(|scope| {
        let threads: Vec<_> = words.iter().map(|word| scope.spawn(move || word)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .max_by_key(|word| word.len())
    });
    assert_eq!(longest.unwrap(), "bbb");
}

pub fn scope_waits_for_all() {
    let count = AtomicUsize::new(0);
    thread::scope(|scope| {
        for millis in 0..5 {
            let count = &count;
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(millis));
                count.fetch_add(1, SeqCst);
            });
        }
    });
    assert_eq!(count.load(SeqCst), 5);
}

pub fn scope_without_threads() {
    assert_eq!(thread::scope(|_| 5), 5);
}

pub fn scope_threads_spawn_in_it() {
    fn grow<'scope>(scope: &'scope Scope<'scope, '_>, count: &'scope AtomicUsize, depth: u32) {
        count.fetch_add(1, SeqCst);
        if depth > 0 {
            for _ in 0..2 {
                scope.spawn(move || grow(scope, count, depth - 1));
            }
        }
    }
    let count = AtomicUsize::new(0);
    thread::scope(|scope| grow(scope, &count, 5));
    assert_eq!(count.load(SeqCst), 63);
}

pub fn scope_in_scope() {
    let sums = Mutex::new(Vec::new());
    thread::scope(|outer| {
        for n in 0..3 {
            let sums = &sums;
            outer.spawn(move || {
                let local = n * 10;
                let sum = thread::scope(|inner| {
                    let first = inner.spawn(|| local + 1);
                    let second = inner.spawn(|| local + 2);
                    first.join().unwrap() + second.join().unwrap()
                });
                sums.lock().unwrap().push(sum);
            });
        }
    });
    let mut sums = sums.into_inner().unwrap();
    sums.sort_unstable();
    assert_eq!(sums, [3, 23, 43]);
}

pub fn scope_joined_panic_stays_with_join() {
    let result = thread::scope(|scope| scope.spawn(|| panic!("joined, on purpose")).join());
    let payload: Result<(), _> = result;
    assert_eq!(
        payload.unwrap_err().downcast_ref(),
        Some(&"joined, on purpose")
    );
}

fn message(caught: thread::Result<()>) -> String {
    let payload = caught.unwrap_err();
    payload
        .downcast_ref::<&str>()
        .map(|text| text.to_string())
        .unwrap_or_default()
}

pub fn scope_unjoined_panic_is_its_own() {
    let count = AtomicUsize::new(0);
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        thread::scope(|scope| {
            scope.spawn(|| panic!("on purpose"));
            scope.spawn(|| count.fetch_add(1, SeqCst));
        });
    }));
    assert_eq!(message(caught), "a scoped thread panicked");
    assert_eq!(count.load(SeqCst), 1);
}

pub fn scope_own_panic_waits_for_threads() {
    let count = AtomicUsize::new(0);
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        thread::scope(|scope| {
            let (go, wait) = channel::<()>();
            let count = &count;
            scope.spawn(move || {
                // The sender goes when the scope's closure unwinds.
                assert!(wait.recv().is_err());
                count.fetch_add(1, SeqCst);
            });
            let _go = go;
            panic!("own, on purpose");
        })
    }));
    assert_eq!(message(caught), "own, on purpose");
    assert_eq!(count.load(SeqCst), 1);
}

pub fn scope_own_panic_wins() {
    let caught = panic::catch_unwind(|| {
        thread::scope(|scope| {
            scope.spawn(|| panic!("the thread's, on purpose"));
            panic!("own, on purpose");
        })
    });
    assert_eq!(message(caught), "own, on purpose");
}

pub fn scope_panic_goes_from_scope_to_scope() {
    let seen = Mutex::new(Vec::new());
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        thread::scope(|outer| {
            let inner = outer.spawn(|| {
                thread::scope(|inner| {
                    inner.spawn(|| panic!("innermost, on purpose"));
                    inner.spawn(|| seen.lock().unwrap().push("its sibling"));
                });
            });
            // Joined here, so it is this scope's no more.
            let payload = inner.join().unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"a scoped thread panicked"));
            outer.spawn(|| thread::scope(|inner| drop(inner.spawn(|| panic!("on purpose")))));
        });
    }));
    assert_eq!(message(caught), "a scoped thread panicked");
    assert_eq!(*seen.lock().unwrap(), ["its sibling"]);
}

pub fn scope_of_a_thread_that_panics_in_both() {
    // One that is joined and one that is not: the second makes the scope panic.
    let caught = panic::catch_unwind(|| {
        thread::scope(|scope| {
            let joined = scope.spawn(|| panic!("joined, on purpose"));
            scope.spawn(|| panic!("not joined, on purpose"));
            assert!(joined.join().is_err());
        });
    });
    assert_eq!(message(caught), "a scoped thread panicked");
    // A handle that is dropped later than the scope's end does not matter.
    let mut kept = None;
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        thread::scope(|scope| {
            let thread = scope.spawn(|| panic!("handle kept, on purpose"));
            while !thread.is_finished() {
                thread::yield_now();
            }
            kept = Some(thread.thread().clone());
        });
    }));
    assert_eq!(message(caught), "a scoped thread panicked");
    assert_eq!(kept.unwrap().name(), None);
}

pub fn scope_waits_for_dropped_results() {
    /// Notes its end, late.
    struct Late<'a>(&'a AtomicUsize);
    impl Drop for Late<'_> {
        fn drop(&mut self) {
            thread::sleep(Duration::from_millis(2));
            self.0.fetch_add(1, SeqCst);
        }
    }
    let dropped = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| Late(&dropped));
        }
    });
    assert_eq!(dropped.load(SeqCst), 3);
}

pub fn scope_builder() {
    let name = String::from("scoped");
    thread::scope(|scope| {
        let thread = Builder::new()
            .name(name.clone())
            .stack_size(1 << 20)
            .spawn_scoped(scope, || thread::current().name() == Some(&name))
            .unwrap();
        assert_eq!(thread.thread().name(), Some("scoped"));
        assert!(thread.join().unwrap());
    });
}

pub fn scope_is_finished() {
    let (go, wait) = channel::<()>();
    thread::scope(|scope| {
        let thread = scope.spawn(move || wait.recv().unwrap());
        assert!(!thread.is_finished());
        go.send(()).unwrap();
        while !thread.is_finished() {
            thread::yield_now();
        }
    });
}

pub fn scope_many() {
    // The end of a scope races with the last of its threads.
    for round in 0..500 {
        let mut value = round;
        thread::scope(|scope| {
            scope.spawn(|| value += 1);
        });
        assert_eq!(value, round + 1);
    }
}

pub fn scope_text_and_traits() {
    fn send_and_sync<T: Send + Sync>(_: &T) {}
    thread::scope(|scope| {
        send_and_sync(scope);
        let thread: ScopedJoinHandle<'_, u8> = scope.spawn(|| 1);
        send_and_sync(&thread);
        assert_eq!(format!("{thread:?}"), "ScopedJoinHandle { .. }");
        assert!(format!("{scope:?}").starts_with("Scope {"));
    });
}
