//! Cancellation and futures: `block_on` waits on, `try_block_on` does not, and who drops a future of `unblock`
//! cancels its thread.

use crate::common::watch::watch;
use crate::support::{KINDS, drive, pair, spawn};
use standin::engine::{ASYNC, Control, is_cancelled};
use standin::{block_on, thread, try_block_on, unblock};
use std::future::pending;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tokio::sync::oneshot;

/// Counts when it is dropped.
struct Counts(Arc<AtomicUsize>);

impl Drop for Counts {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_wait_that_can_be_cancelled() {
    let _watch = watch("a_wait_that_can_be_cancelled");
    for kind in KINDS {
        let runtime = kind.runtime();
        for round in 0..20 {
            let (started, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::default());
            let counts = Counts(Arc::clone(&dropped));
            let says = started.clone();
            let thread = spawn(&runtime, move || {
                let result = try_block_on(async {
                    let _counts = counts;
                    says.store(1, SeqCst);
                    pending::<()>().await;
                });
                // It was dropped before the call returned, and the next one is not begun.
                (result, try_block_on(async { 1 }), Control::cancellation())
            });
            if round % 2 == 0 {
                drive(&runtime, || started.load(SeqCst) == 1);
            }
            thread.thread().cancel();
            drive(&runtime, || thread.is_finished());
            let (first, second, flag) = thread.join().expect("no panic");
            assert!(is_cancelled(&first.expect_err("cancelled")));
            assert!(is_cancelled(&second.expect_err("cancelled still")));
            assert!(flag);
            assert_eq!(dropped.load(SeqCst), 1);
        }
        // Whoever is not cancelled gets what the future says.
        let thread = spawn(&runtime, || try_block_on(tokio::spawn(async { 5 })));
        drive(&runtime, || thread.is_finished());
        let value = thread.join().expect("no panic").expect("not cancelled");
        assert_eq!(value.ok(), Some(5));
    }
}

#[test]
fn a_wait_that_cannot() {
    let _watch = watch("a_wait_that_cannot");
    for kind in KINDS {
        let runtime = kind.runtime();
        let started = Arc::new(AtomicUsize::new(0));
        let says = started.clone();
        let (sender, receiver) = oneshot::channel();
        let thread = spawn(&runtime, move || {
            says.store(1, SeqCst);
            let answer = block_on(receiver);
            thread::park_timeout(Duration::from_micros(1));
            answer
        });
        drive(&runtime, || started.load(SeqCst) == 1);
        thread.thread().cancel();
        // It is polled for that, and waits on.
        for _ in 0..10 {
            runtime.block_on(tokio::task::yield_now());
            assert!(!thread.is_finished());
        }
        sender.send(8).expect("it is received");
        drive(&runtime, || thread.is_finished());
        assert_eq!(thread.join().expect("no panic"), Ok(8));
    }
}

/// From outside of all runtimes, the engine's own is the one.
#[test]
fn in_the_default_runtime() {
    let _watch = watch("in_the_default_runtime");
    let thread = ASYNC
        .spawn(|| try_block_on(pending::<()>()))
        .expect("there is room");
    thread.thread().cancel();
    let result = thread.join().expect("no panic");
    assert!(is_cancelled(&result.expect_err("cancelled")));
}

/// Dropped futures of sync-style code end it by an error of its own operations.
#[test]
fn a_future_that_is_dropped() {
    let _watch = watch("a_future_that_is_dropped");
    for kind in KINDS {
        let runtime = kind.runtime();
        let ended = Arc::new(AtomicUsize::new(0));
        for _ in 0..10 {
            let (mut near, _far) = pair();
            let counts = Counts(ended.clone());
            let (started, starts) = oneshot::channel();
            runtime.block_on(async {
                let code = unblock(move || {
                    let _counts = counts;
                    started.send(()).expect("it is received");
                    let error = near.read(&mut [0]).expect_err("nobody writes");
                    assert!(is_cancelled(&error), "{error}");
                });
                tokio::select! {
                    biased;
                    _ = code => unreachable!("it waits until it is cancelled"),
                    started = starts => started.expect("it started"),
                }
            });
        }
        drive(&runtime, || ended.load(SeqCst) == 10);
        drop(runtime);
    }
}
