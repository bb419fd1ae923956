//! What threads of the parent hold, and wait for, at the moment of a fork is nothing to the child.

use crate::child::in_child;
use crate::common::wait;
use crate::contexts::on_each_context;
use crate::{ROUNDS, connect, converse, listen};
use standin::engine::{GREEN, THREADS};
use standin::sync::{Condvar, Mutex, mpsc};
use standin::thread::{self, Builder};
use standin_core::wait_queue;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU32, AtomicUsize};

/// Whatever lock of the library another thread holds at the moment of a fork, the child does not wait for it.
#[test]
fn no_lock_is_held_by_a_thread_of_the_parent() {
    on_each_context(|context| {
        let is_over = AtomicUsize::new(0);
        let engine = context.engine().unwrap_or(GREEN);
        let words: Vec<_> = (0..40_000).map(|_| AtomicU32::new(0)).collect();
        let fork_often = || {
            for _ in 0..2 * ROUNDS {
                let child = in_child(|| {
                    // As many as there are buckets, and more.
                    for word in &words {
                        wait_queue::wake(word, 1);
                    }
                    let (near, far) = connect(&listen());
                    converse(&near, &far, 1);
                    let (sender, receiver) = mpsc::channel();
                    sender.send(1).expect("it is received");
                    assert_eq!(receiver.recv(), Ok(1));
                });
                child.ends_well();
            }
        };
        // OS threads and green ones that are in these locks nearly all the time.
        let busy = |n: usize| {
            let mut n = n * 7919;
            while is_over.load(SeqCst) == 0 {
                n += 1;
                wait_queue::wake(&words[n % words.len()], 1);
                if n.is_multiple_of(64) {
                    let lock = Mutex::new(n);
                    let (sender, receiver) = mpsc::sync_channel(0);
                    thread::scope(|scope| {
                        let lock = &lock;
                        scope.spawn(move || {
                            *lock.lock().expect("no panic") += 1;
                            sender.send(()).expect("it is received");
                        });
                        *lock.lock().expect("no panic") += 1;
                        receiver.recv().expect("it is sent");
                    });
                    thread::yield_now();
                }
            }
        };
        let connects = || {
            let listener = listen();
            while is_over.load(SeqCst) == 0 {
                let (near, far) = connect(&listener);
                converse(&near, &far, 1);
            }
        };
        thread::scope(|scope| {
            for n in 0..3 {
                let on = if n == 0 { THREADS } else { engine };
                let busy = &busy;
                let spawned = [
                    Builder::new().spawn_scoped_on(on, scope, move || busy(n)),
                    Builder::new().spawn_scoped_on(on, scope, connects),
                ];
                for thread in spawned {
                    drop(thread.expect("there is room"));
                }
            }
            fork_often();
            is_over.store(1, SeqCst);
        });
    });
}

/// A wake goes to a thread of the child although threads of the parent came earlier.
#[test]
fn the_parents_threads_take_no_wakes() {
    on_each_context(|context| {
        let engine = context.engine().unwrap_or(GREEN);
        let shared = Arc::new((Mutex::new((0, false)), Condvar::new()));
        let waiters: Vec<_> = (0..5)
            .map(|n| {
                let shared = shared.clone();
                let wait = move || {
                    let mut state = shared.0.lock().expect("no panic");
                    state.0 += 1;
                    while !state.1 {
                        state = shared.1.wait(state).expect("no panic");
                    }
                };
                let on = if n == 0 { THREADS } else { engine };
                on.spawn(wait).expect("there is room")
            })
            .collect();
        wait::until(|| shared.0.lock().expect("no panic").0 == 5);
        let child = in_child(|| {
            let mine = shared.clone();
            let waiter = THREADS.spawn(move || {
                let mut state = mine.0.lock().expect("no panic");
                state.0 += 1;
                while !state.1 {
                    state = mine.1.wait(state).expect("no panic");
                }
            });
            loop {
                let mut state = shared.0.lock().expect("no panic");
                if state.0 == 6 {
                    state.1 = true;
                    break;
                }
                drop(state);
                std::thread::yield_now();
            }
            shared.1.notify_one();
            waiter.expect("an OS thread").join().expect("no panic");
        });
        child.ends_well();
        shared.0.lock().expect("no panic").1 = true;
        shared.1.notify_all();
        for waiter in waiters {
            waiter.join().expect("no panic");
        }
    });
}
