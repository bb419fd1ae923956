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
    static MADE: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static LAZY: usize = MADE.fetch_add(1, SeqCst));
    let before = MADE.load(SeqCst);
    thread::spawn(|| ()).join().unwrap();
    assert_eq!(MADE.load(SeqCst), before);
    thread::spawn(|| assert_eq!(LAZY.with(|value| *value), LAZY.with(|value| *value)))
        .join()
        .unwrap();
    assert!(MADE.load(SeqCst) > before);
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
