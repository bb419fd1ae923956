//! What thread-local values promise.

use super::shapes::{sync, thread, thread_local, time};
use std::cell::{Cell, RefCell};
use std::panic;
use sync::atomic::{AtomicUsize, Ordering::SeqCst};
use sync::{Arc, Mutex, mpsc};
use time::Duration;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    (
        "local_values_belong_to_threads",
        local_values_belong_to_threads,
    ),
    (
        "local_values_stay_across_parks",
        local_values_stay_across_parks,
    ),
    ("local_made_at_first_use", local_made_at_first_use),
    ("local_cells", local_cells),
    ("local_references", local_references),
    (
        "local_set_does_not_initialise",
        local_set_does_not_initialise,
    ),
    ("local_destroyed_before_join", local_destroyed_before_join),
    (
        "local_destroyed_after_a_panic",
        local_destroyed_after_a_panic,
    ),
    ("local_destructor_parks", local_destructor_parks),
    ("local_destructor_uses_others", local_destructor_uses_others),
    (
        "local_gone_in_its_own_destructor",
        local_gone_in_its_own_destructor,
    ),
    (
        "local_destructor_knows_its_thread",
        local_destructor_knows_its_thread,
    ),
    ("local_initialiser_panics", local_initialiser_panics),
    (
        "local_without_destructor_lives_longest",
        local_without_destructor_lives_longest,
    ),
    (
        "local_all_accessors_of_what_is_gone",
        local_all_accessors_of_what_is_gone,
    ),
    ("local_borrowed", local_borrowed),
    ("local_forms", local_forms),
    ("local_text", local_text),
];

thread_local! {
    static NUMBER: Cell<u32> = const { Cell::new(7) };
    static LIST: RefCell<Vec<u32>> = RefCell::new(vec![1]);
}

pub fn local_values_belong_to_threads() {
    NUMBER.set(1);
    let threads: Vec<_> = (10..30)
        .map(|n| {
            thread::spawn(move || {
                assert_eq!(NUMBER.get(), 7);
                NUMBER.set(n);
                thread::yield_now();
                LIST.with_borrow_mut(|list| list.push(n));
                thread::sleep(Duration::from_millis(1));
                assert_eq!(NUMBER.get(), n);
                LIST.with_borrow(|list| assert_eq!(list, &[1, n]));
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_eq!(NUMBER.replace(7), 1);
}

pub fn local_values_stay_across_parks() {
    let (sender, receiver) = mpsc::sync_channel(0);
    let other = thread::spawn(move || {
        for n in 0..100 {
            NUMBER.set(n);
            sender.send(n).unwrap();
            assert_eq!(NUMBER.get(), n);
        }
    });
    thread::spawn(move || {
        for n in 0..100 {
            NUMBER.set(1000 + n);
            assert_eq!(receiver.recv(), Ok(n));
            assert_eq!(NUMBER.get(), 1000 + n);
        }
    })
    .join()
    .unwrap();
    other.join().unwrap();
}

pub fn local_made_at_first_use() {
    // By whom. The same body may run on another engine at the same time.
    static MADE: Mutex<Vec<thread::ThreadId>> = Mutex::new(Vec::new());
    thread_local!(static LAZY: () = MADE.lock().unwrap().push(thread::current().id()));
    let times = |thread: thread::JoinHandle<()>| {
        let id = thread.thread().id();
        thread.join().unwrap();
        MADE.lock()
            .unwrap()
            .iter()
            .filter(|made| **made == id)
            .count()
    };
    assert_eq!(times(thread::spawn(|| ())), 0);
    let uses = thread::spawn(|| {
        LAZY.with(|_| ());
        LAZY.with(|_| ());
    });
    assert_eq!(times(uses), 1);
}

pub fn local_cells() {
    thread_local! {
        static CELL: Cell<Option<&'static str>> = const { Cell::new(None) };
    }
    assert_eq!(CELL.get(), None);
    CELL.set(Some("a"));
    assert_eq!(CELL.replace(Some("b")), Some("a"));
    assert_eq!(CELL.take(), Some("b"));
    assert_eq!(CELL.get(), None);
}

pub fn local_references() {
    thread_local! {
        static WORDS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    }
    WORDS.set(vec!["a"]);
    WORDS.with_borrow_mut(|words| words.push("b"));
    assert_eq!(WORDS.with_borrow(Vec::len), 2);
    assert_eq!(WORDS.replace(vec![]), ["a", "b"]);
    assert!(WORDS.take().is_empty());
    let nested = WORDS.with(|words| {
        let _borrowed = words.borrow_mut();
        WORDS.with(|words| words.try_borrow().is_err())
    });
    assert!(nested);
}

pub fn local_set_does_not_initialise() {
    thread_local! {
        static NEVER: Cell<u8> = panic!("the initialiser runs although the value was set first");
    }
    thread::spawn(|| {
        NEVER.set(3);
        assert_eq!(NEVER.get(), 3);
    })
    .join()
    .unwrap();
}

/// Says when it is dropped.
struct Says(Box<dyn Fn()>);

impl Drop for Says {
    fn drop(&mut self) {
        (self.0)();
    }
}

thread_local! {
    static FIRST: RefCell<Option<Says>> = const { RefCell::new(None) };
    static SECOND: RefCell<Option<Says>> = const { RefCell::new(None) };
}

fn at_the_end(action: impl Fn() + 'static) {
    FIRST.set(Some(Says(Box::new(action))));
}

pub fn local_destroyed_before_join() {
    let count = Arc::new(AtomicUsize::new(0));
    for round in 1..=20 {
        let counter = Arc::clone(&count);
        let thread = thread::spawn(move || {
            let other = Arc::clone(&counter);
            at_the_end(move || {
                counter.fetch_add(1, SeqCst);
            });
            SECOND.set(Some(Says(Box::new(move || {
                other.fetch_add(1, SeqCst);
            }))));
        });
        thread.join().unwrap();
        assert_eq!(count.load(SeqCst), 2 * round);
    }
}

pub fn local_destroyed_after_a_panic() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let thread = thread::spawn(move || {
        at_the_end(move || {
            assert!(!thread::panicking());
            counter.fetch_add(1, SeqCst);
        });
        panic!("on purpose");
    });
    assert!(thread.join().is_err());
    assert_eq!(count.load(SeqCst), 1);
}

pub fn local_destructor_parks() {
    let (ask, asked) = mpsc::channel::<()>();
    let (answer, answered) = mpsc::channel::<()>();
    let order = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&order);
    let thread = thread::spawn(move || {
        let answered = Mutex::new(answered);
        at_the_end(move || {
            ask.send(()).unwrap();
            answered.lock().unwrap().recv().unwrap();
            thread::sleep(Duration::from_millis(2));
            thread::yield_now();
            notes.lock().unwrap().push("destructor");
        });
    });
    asked.recv().unwrap();
    order.lock().unwrap().push("answer");
    answer.send(()).unwrap();
    thread.join().unwrap();
    assert_eq!(*order.lock().unwrap(), ["answer", "destructor"]);
}

pub fn local_destructor_uses_others() {
    let seen = Arc::new(AtomicUsize::new(0));
    let notes = Arc::clone(&seen);
    thread::spawn(move || {
        NUMBER.set(5);
        at_the_end(move || {
            // A value without a destructor lives on; one that is first used now is made, and destroyed.
            notes.fetch_add(NUMBER.get() as usize, SeqCst);
            let counter = Arc::clone(&notes);
            SECOND.set(Some(Says(Box::new(move || {
                counter.fetch_add(100, SeqCst);
            }))));
        });
    })
    .join()
    .unwrap();
    assert_eq!(seen.load(SeqCst), 105);
}

pub fn local_gone_in_its_own_destructor() {
    let gone = Arc::new(AtomicUsize::new(0));
    let notes = Arc::clone(&gone);
    thread::spawn(move || {
        at_the_end(move || {
            let error = FIRST.try_with(|_| ()).unwrap_err();
            assert_eq!(error.to_string(), "already destroyed");
            assert_eq!(format!("{error:?}"), "AccessError");
            notes.fetch_add(1, SeqCst);
        });
    })
    .join()
    .unwrap();
    assert_eq!(gone.load(SeqCst), 1);
}

pub fn local_destructor_knows_its_thread() {
    let ids = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&ids);
    let thread = thread::Builder::new().name("known".into()).spawn(move || {
        notes.lock().unwrap().push(thread::current().id());
        at_the_end(move || {
            let current = thread::current();
            if current.name() == Some("known") {
                notes.lock().unwrap().push(current.id());
            }
        });
    });
    thread.unwrap().join().unwrap();
    let ids = ids.lock().unwrap();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
}

pub fn local_initialiser_panics() {
    thread_local! {
        static TRIES: Cell<u32> = const { Cell::new(0) };
        static LATE: u32 = {
            TRIES.set(TRIES.get() + 1);
            assert!(TRIES.get() > 1, "on purpose");
            TRIES.get()
        };
    }
    thread::spawn(|| {
        assert!(panic::catch_unwind(|| LATE.with(|_| ())).is_err());
        assert_eq!(LATE.with(|value| *value), 2);
        assert_eq!(LATE.with(|value| *value), 2);
    })
    .join()
    .unwrap();
}

pub fn local_text() {
    assert_eq!(format!("{NUMBER:?}"), "LocalKey { .. }");
    fn send_and_sync<T: Send + Sync>(_: &T) {}
    send_and_sync(&NUMBER);
}

pub fn local_without_destructor_lives_longest() {
    thread_local! {
        static PLAIN: Cell<u32> = const { Cell::new(1) };
    }
    let seen = Arc::new(AtomicUsize::new(0));
    let notes = Arc::clone(&seen);
    thread::spawn(move || {
        at_the_end(move || {
            notes.fetch_add(PLAIN.get() as usize, SeqCst);
        });
        // Made last, so it would go first.
        PLAIN.set(41);
    })
    .join()
    .unwrap();
    assert_eq!(seen.load(SeqCst), 41);
}

/// The message of a panic.
fn message(f: impl FnOnce()) -> String {
    let payload = panic::catch_unwind(panic::AssertUnwindSafe(f)).unwrap_err();
    payload
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_default()
}

pub fn local_all_accessors_of_what_is_gone() {
    struct Asks(Arc<AtomicUsize>);
    impl Drop for Asks {
        fn drop(&mut self) {
            let gone = "cannot access a Thread Local Storage value during or after destruction: AccessError";
            assert_eq!(message(|| GONE.with(|_| ())), gone);
            assert_eq!(message(|| GONE.with_borrow(|_| ())), gone);
            assert_eq!(message(|| GONE.with_borrow_mut(|_| ())), gone);
            assert_eq!(message(|| drop(GONE.replace(None))), gone);
            assert_eq!(message(|| drop(GONE.take())), gone);
            assert_eq!(message(|| GONE.set(None)), gone);
            let error: thread::AccessError = GONE.try_with(|_| ()).unwrap_err();
            assert_eq!(error.clone(), error);
            let error: Box<dyn std::error::Error + Send + Sync> = Box::new(error);
            assert_eq!(error.to_string(), "already destroyed");
            assert!(error.source().is_none());
            self.0.fetch_add(1, SeqCst);
        }
    }
    thread_local! {
        static GONE: RefCell<Option<Asks>> = const { RefCell::new(None) };
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let notes = Arc::clone(&asked);
    thread::spawn(move || GONE.set(Some(Asks(notes))))
        .join()
        .unwrap();
    assert_eq!(asked.load(SeqCst), 1);
}

pub fn local_borrowed() {
    thread_local!(static CELL: RefCell<Vec<u8>> = const { RefCell::new(vec![]) });
    CELL.with_borrow_mut(|_| {
        assert!(message(|| CELL.with_borrow(|_| ())).contains("already mutably borrowed"));
        assert!(message(|| CELL.set(vec![])).contains("already"));
    });
    CELL.with_borrow(|_| {
        CELL.with_borrow(|_| ());
        assert!(message(|| CELL.with_borrow_mut(|_| ())).contains("already borrowed"));
        assert!(message(|| drop(CELL.take())).contains("already"));
        assert!(message(|| drop(CELL.replace(vec![]))).contains("already"));
    });
}

// All forms are meant.
#[allow(clippy::missing_const_for_thread_local)]
pub fn local_forms() {
    mod inner {
        use super::{Cell, thread_local};
        thread_local! {
            /// Documented.
            #[allow(dead_code)]
            pub static PUBLIC: Cell<u8> = const { Cell::new(1) };
            pub(super) static PARENT: Cell<u8> = Cell::new(2);
            pub(crate) static CRATE: Cell<u8> = { let n = 3; Cell::new(n) };
            #[cfg(any())]
            static NEVER: NoSuchType = no_such_function();
            #[allow(non_upper_case_globals)]
            pub(in super::super) static within: Cell<u8> = const { const N: u8 = 4; Cell::new(N) }
        }
    }
    thread_local! {}
    thread_local!(static ALONE: Cell<u8> = Cell::new(5));
    thread_local!(
        static WITH_SEMICOLON: Cell<u8> = const { Cell::new(6) };
    );
    thread_local! {
        static REFERENCE: &str = const { "7" };
        static FUNCTION: fn(u8) -> u8 = |n| n + 1;
        static UNSIZED_INSIDE: Box<dyn Fn() -> u8> = Box::new(|| 9);
        static ARRAY: [Cell<u8>; 2] = const { [const { Cell::new(10) }; 2] };
    }
    let numbers = [
        inner::PUBLIC.get(),
        inner::PARENT.get(),
        inner::CRATE.get(),
        inner::within.get(),
        ALONE.get(),
        WITH_SEMICOLON.get(),
        REFERENCE.with(|text| text.parse().unwrap()),
        FUNCTION.with(|f| f(7)),
        UNSIZED_INSIDE.with(|f| f()),
        ARRAY.with(|cells| cells[1].get()),
    ];
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
}
