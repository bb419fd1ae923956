//! Edition 2021: `TryFrom` and `FromIterator` are in the prelude, arrays iterate by value, format strings
//! capture, closures capture fields.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Barrier, OnceLock};
use std::thread::{self, Scope, Thread};
use std::{io, panic};

#[path = "../../conversations.rs"]
mod conversations;

fn main() -> io::Result<()> {
    let edition = 2021;
    println!("edition: {edition}");
    println!("scoped: {}", scoped());
    println!("relayed: {}", relay());
    destructors();
    conversations::run()
}

/// Threads that borrow.
fn scoped() -> u32 {
    let (barrier, total, first) = (Barrier::new(4), AtomicU32::new(0), OnceLock::new());
    let numbers = VecDeque::from_iter([1_i64, 2, 3, 4]);
    thread::scope(|scope| {
        for number in numbers
            .iter()
            .copied()
            .map(u32::try_from)
            .map(Result::unwrap)
        {
            let (barrier, total, first) = (&barrier, &total, &first);
            spawn_in(scope, move || {
                first.get_or_init(|| 10);
                barrier.wait();
                total.fetch_add(number, Ordering::Relaxed);
            });
        }
    });
    total.into_inner() + first.get().copied().unwrap_or_default()
}

fn spawn_in<'scope>(scope: &'scope Scope<'scope, '_>, work: impl FnOnce() + Send + 'scope) {
    let name = "in a scope".to_string();
    let thread = thread::Builder::new().name(name).spawn_scoped(scope, work);
    assert_eq!(thread.unwrap().thread().name(), Some("in a scope"));
}

/// A hundred threads in a ring of parks: each wakes the one before it.
fn relay() -> usize {
    static GO: AtomicBool = AtomicBool::new(false);
    let mut previous: Option<Thread> = None;
    let mut threads = Vec::new();
    for _ in 0..100 {
        let wake = previous.take();
        let thread = thread::spawn(move || {
            while !GO.load(Ordering::Acquire) {
                thread::park();
            }
            if let Some(thread) = wake {
                thread.unpark();
            }
            thread::current().id()
        });
        previous = Some(thread.thread().clone());
        threads.push(thread);
    }
    GO.store(true, Ordering::Release);
    previous.unwrap().unpark();
    threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect::<HashSet<_>>()
        .len()
}

/// Thread-local values are dropped before `join` returns, and their destructors may park.
fn destructors() {
    static DROPPED: AtomicU32 = AtomicU32::new(0);
    struct Parks;
    impl Drop for Parks {
        fn drop(&mut self) {
            thread::yield_now();
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    thread_local! {
        static LAZY: Parks = Parks;
        static CONSTANT: Parks = const { Parks };
        static NEVER: Parks = panic!("nobody asks for it");
    }
    let result = panic::catch_unwind(|| {
        let thread = thread::spawn(|| {
            LAZY.with(|_| ());
            CONSTANT.with(|_| ());
        });
        thread.join().unwrap();
    });
    assert!(result.is_ok());
    assert_eq!(DROPPED.load(Ordering::Relaxed), 2);
    let _: &'static thread::LocalKey<Parks> = &NEVER;
}

#[cfg(test)]
mod tests {
    #[test]
    fn tests_are_threads_of_std() {
        assert_eq!(super::scoped(), 20);
        assert_eq!(super::relay(), 100);
    }
}
