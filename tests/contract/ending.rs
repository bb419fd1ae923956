//! The end of a thread: what has happened before its join returns.

use super::support::{Subject, linger, pair};
use crate::common::wait;
use standin::engine::Contract;
use standin::sync::{Mutex, mpsc};
use standin::thread;
use std::cell::RefCell;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// Calls a function when it is dropped.
struct OnDrop(Box<dyn Fn()>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        (self.0)();
    }
}

// One key of each macro. Threads that share an OS thread's storage have only the first to themselves.
standin::thread_local!(static OWN: RefCell<Vec<OnDrop>> = const { RefCell::new(Vec::new()) });
std::thread_local!(static STD: RefCell<Vec<OnDrop>> = const { RefCell::new(Vec::new()) });

/// Lets `f` run in a thread-local destructor of the calling thread.
fn at_the_end(on: &dyn Contract, f: impl Fn() + 'static) {
    let f = std::rc::Rc::new(f);
    if !on.shares_locals() {
        let f = f.clone();
        STD.with_borrow_mut(|list| list.push(OnDrop(Box::new(move || f()))));
    }
    OWN.with_borrow_mut(|list| list.push(OnDrop(Box::new(move || f()))));
}

fn keys(on: &dyn Contract) -> usize {
    if on.shares_locals() { 1 } else { 2 }
}

pub(crate) fn destructors_before_the_join(on: &Subject) {
    let contract = on.engine.contract();
    let ended = Arc::new(AtomicUsize::new(0));
    let join_all = |count: usize| {
        let threads: Vec<_> = (0..count)
            .map(|n| {
                let ended = ended.clone();
                on.spawn(move || {
                    at_the_end(contract, move || {
                        ended.fetch_add(1, SeqCst);
                    });
                    assert!(n % 10 != 9, "a panic is no reason to leave destructors out");
                })
            })
            .collect();
        for (n, thread) in threads.into_iter().enumerate() {
            let own = ended.load(SeqCst);
            assert_eq!(thread.join().is_err(), n % 10 == 9);
            assert!(
                ended.load(SeqCst) >= own.max((n + 1) * keys(contract)),
                "the join was early"
            );
        }
    };
    // Ten at once, then in another context.
    join_all(10);
    assert_eq!(ended.swap(0, SeqCst), 10 * keys(contract));
    on.run(|| join_all(10));
    assert_eq!(ended.load(SeqCst), 10 * keys(contract));
}

pub(crate) fn destructors_may_park(on: &Subject) {
    let contract = on.engine.contract();
    let mutex = Arc::new(Mutex::new(0));
    for round in 0..10 {
        let (near, mut far) = pair();
        let (sender, receiver) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        let held = mutex.lock().expect("no panic");
        let thread = on.spawn({
            let mutex = mutex.clone();
            let id = thread::current().id();
            move || {
                let own = thread::current().id();
                assert_ne!(own, id);
                at_the_end(contract, move || {
                    assert_eq!(thread::current().id(), own);
                    thread::sleep(Duration::from_micros(100));
                    thread::yield_now();
                    *mutex.lock().expect("no panic") += 1;
                    let n: i32 = receiver.recv().expect("one for each key");
                    let mut byte = [0];
                    (&near).read_exact(&mut byte).expect("one for each key");
                    (&near).write_all(&byte).expect("connected");
                    let child = thread::spawn(move || n + 1).join().expect("no panic");
                    answer.send(child).expect("it is received");
                });
            }
        });
        linger(round);
        assert!(!thread.is_finished(), "its destructors wait for the lock");
        drop(held);
        for n in 0..keys(contract) as i32 {
            sender.send(n).expect("it is received");
            far.write_all(b"x").expect("connected");
            far.read_exact(&mut [0]).expect("its destructors live");
            assert_eq!(answers.recv(), Ok(n + 1));
        }
        thread.join().expect("no panic");
    }
    assert_eq!(*mutex.lock().expect("no panic"), 10 * keys(contract));
}

pub(crate) fn a_result_that_nobody_takes(on: &Subject) {
    for round in 0..20 {
        let dropped = Arc::new(AtomicUsize::new(0));
        struct Result(Arc<AtomicUsize>);
        impl Drop for Result {
            fn drop(&mut self) {
                thread::yield_now();
                thread::sleep(Duration::from_micros(10));
                self.0.fetch_add(1, SeqCst);
            }
        }
        let start = Arc::new(Mutex::new(()));
        let held = start.lock();
        let thread = on.spawn({
            let (dropped, start) = (dropped.clone(), start.clone());
            move || {
                drop(start.lock());
                Result(dropped)
            }
        });
        if round % 2 == 0 {
            drop(thread);
            drop(held);
        } else {
            drop(held);
            linger(round);
            drop(thread);
        }
        wait::until(|| dropped.load(SeqCst) == 1);
        // The one that is joined is the caller's.
        let result = on.spawn({
            let dropped = dropped.clone();
            move || Result(dropped)
        });
        let result = result.join().map_err(drop);
        assert_eq!(dropped.load(SeqCst), 1);
        drop(result);
        assert_eq!(dropped.load(SeqCst), 2);
    }
}

/// A scope waits for its threads, and for the results that nobody took.
pub(crate) fn waits_of_the_scope(on: &Subject) {
    struct Borrows<'a>(&'a AtomicUsize);
    impl Drop for Borrows<'_> {
        fn drop(&mut self) {
            thread::yield_now();
            self.0.fetch_add(1, SeqCst);
        }
    }
    for round in 0..20 {
        let dropped = AtomicUsize::new(0);
        on.run(|| {
            thread::scope(|scope| {
                for n in 0..5 {
                    let dropped = &dropped;
                    drop(scope.spawn(move || {
                        linger(round + n);
                        Borrows(dropped)
                    }));
                }
            });
            assert_eq!(dropped.load(SeqCst), 5);
        });
    }
}

/// The end of `main` is the end of the process: threads that wait are left as they are.
pub(crate) fn the_end_of_main(on: &Subject) {
    struct Says(&'static str);
    impl Drop for Says {
        fn drop(&mut self) {
            println!("{}", self.0);
        }
    }
    on.isolated(&[], || {
        let (sender, receiver) = mpsc::channel::<()>();
        let (ready, wait) = mpsc::channel();
        let (near, far) = pair();
        let bodies: [Box<dyn FnOnce() + Send>; 5] = [
            Box::new(thread::park),
            Box::new(|| thread::sleep(Duration::from_secs(100_000))),
            Box::new(move || {
                let _ = receiver.recv();
            }),
            Box::new(move || drop((&near).read(&mut [0]))),
            Box::new(|| {
                standin::engine::blocking(std::thread::park).expect("an OS thread");
            }),
        ];
        for body in bodies {
            let ready = ready.clone();
            let thread = on.spawn(move || {
                let _says = Says("a frame was unwound");
                ready.send(()).expect("it is received");
                body();
                // Where parking ends for no reason.
                loop {
                    thread::park();
                }
            });
            wait.recv().expect("it is sent");
            drop(thread);
        }
        // Kept beyond the end of `main`.
        std::mem::forget((sender, far));
        println!("main ends");
    })
    .succeeds()
    .says("main ends")
    .does_not_say("unwound");
}
