//! What tokio and threads keep in thread-locals: each sees its own, on both sides of a wait.

use crate::common::watch::watch;
use crate::support::{KINDS, Kind, drive, spawn};
use standin::{block_on, block_on_local, thread};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use tokio::runtime::{Handle, Runtime};
use tokio::task;

tokio::task_local!(static KEY: usize);
std::thread_local!(static LOCAL: Cell<usize> = const { Cell::new(0) });

/// Runs `body` in so many threads at once, on each kind of runtime.
fn on_many(test: &'static str, body: impl Fn(usize) + Copy + Send + 'static) {
    let _watch = watch(test);
    for kind in KINDS {
        let runtime = kind.runtime();
        let threads: Vec<_> = (0..16).map(|n| spawn(&runtime, move || body(n))).collect();
        drive(&runtime, || {
            threads.iter().all(|thread| thread.is_finished())
        });
        for thread in threads {
            thread.join().expect("no panic");
        }
    }
}

/// A thread is one task, to each future that it waits for; its own code is none.
#[test]
fn the_id_of_a_task() {
    on_many("the_id_of_a_task", |_| {
        assert_eq!(task::try_id(), None);
        let first = block_on(async { task::id() });
        for _ in 0..50 {
            let (before, after) = block_on(async {
                let before = task::id();
                task::yield_now().await;
                (before, task::id())
            });
            assert_eq!((before, after), (first, first));
            thread::yield_now();
            assert_eq!(task::try_id(), None);
        }
        let other = block_on(tokio::spawn(async { task::id() }));
        assert_ne!(other.expect("no panic"), first);
    });
}

#[test]
fn task_locals() {
    on_many("task_locals", |number| {
        for round in 0..30 {
            let mine = number * 1000 + round;
            block_on(KEY.scope(mine, async move {
                for _ in 0..5 {
                    task::yield_now().await;
                    assert_eq!(KEY.get(), mine);
                }
            }));
            assert!(KEY.try_with(|_| ()).is_err());
            // Around sync-style code it stays with the thread, wherever that goes on.
            KEY.sync_scope(mine, || {
                for _ in 0..5 {
                    thread::yield_now();
                    assert_eq!(KEY.get(), mine);
                    // The runtime polls this one, and knows nothing of it; that one the thread itself.
                    assert!(block_on(async { KEY.try_with(|_| ()).is_err() }));
                    assert_eq!(block_on_local(async { KEY.get() }), mine);
                }
            });
        }
    });
}

/// Threads that are in the middle of a task's poll do not leave their marks on it.
#[test]
fn thread_locals() {
    on_many("thread_locals", |number| {
        LOCAL.set(number + 1);
        let id = std::thread::current().id();
        for _ in 0..50 {
            let seen = block_on(async {
                task::yield_now().await;
                (LOCAL.get(), std::thread::current().id())
            });
            assert_eq!(seen.0, 0, "a worker's storage is not the thread's");
            assert_ne!(seen.1, id);
            assert_eq!(LOCAL.get(), number + 1);
            assert_eq!(std::thread::current().id(), id);
            assert_eq!(block_on_local(async { LOCAL.get() }), number + 1);
        }
    });
}

/// The context is that of the thread's runtime, beside threads of other runtimes and within their contexts.
#[test]
fn the_runtime() {
    let _watch = watch("the_runtime");
    let (one, other) = (Kind::MultiThread.runtime(), Kind::MultiThread.runtime());
    let (first, second) = (one.handle().id(), other.handle().id());
    let stays = |runtime: &Runtime, id| {
        spawn(runtime, move || {
            for _ in 0..100 {
                assert_eq!(Handle::current().id(), id);
                thread::yield_now();
                assert_eq!(block_on(async { Handle::current().id() }), id);
                let child = thread::spawn(|| Handle::current().id());
                assert_eq!(child.join().ok(), Some(id));
            }
        })
    };
    let threads = [
        stays(&one, first),
        stays(&other, second),
        stays(&one, first),
    ];
    for thread in threads {
        thread.join().expect("no panic");
    }
    // In the context of another runtime a thread is its own runtime's still, and so are its children.
    let handle = other.handle().clone();
    let thread = spawn(&one, move || {
        let entered = handle.enter();
        assert_eq!(Handle::current().id(), handle.id());
        thread::yield_now();
        assert_eq!(Handle::current().id(), handle.id());
        let child = thread::spawn(|| Handle::current().id());
        let child = child.join().expect("no panic");
        drop(entered);
        (child, Handle::current().id())
    });
    assert_eq!(thread.join().ok(), Some((first, first)));
}

/// A future has a task's budget, and the thread that waits for it is not charged.
#[test]
fn the_budget() {
    on_many("the_budget", |_| {
        block_on(async {
            // More than a budget in one go: a channel that is never empty has to let others run.
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            for n in 0..1000 {
                sender.send(n).expect("it is received");
            }
            for n in 0..1000 {
                assert_eq!(receiver.recv().await, Some(n));
            }
        });
        // What a future used up is its poll's, not the thread's: this asks within one resumption, again and again.
        let polls = Arc::new(AtomicUsize::new(0));
        for _ in 0..300 {
            let polls = polls.clone();
            block_on(async move {
                polls.fetch_add(1, SeqCst);
                task::coop::consume_budget().await;
            });
        }
        assert_eq!(polls.load(SeqCst), 300);
    });
}
