//! may's own coroutines and calls beside threads of the engine.

use super::common::isolated::isolated;
use super::{moved, pinned};
use may::coroutine;
use standin::engine::{Control, Engine};
use standin::sync::{Mutex, mpsc};
use standin::thread;
use std::sync::Arc;
use std::time::Duration;

fn engine() -> Option<&'static str> {
    Control::current(|control| control.and_then(|control| control.engine())).map(Engine::name)
}

/// The reason for timers of the engine's own: after a wait of may's with a timeout a coroutine is on another OS thread, also
/// if there is one worker.
#[test]
fn a_timeout_of_mays_own_moves_a_coroutine() {
    isolated(&[], || {
        may::config().set_workers(1);
        #[inline(never)]
        fn os_thread() -> i32 {
            rustix::thread::gettid().as_raw_nonzero().get()
        }
        let body = || {
            let before = os_thread();
            coroutine::sleep(Duration::from_millis(1));
            before != os_thread()
        };
        // SAFETY: it uses no thread-local but by the function above.
        let coroutine = unsafe { coroutine::spawn(body) };
        assert!(coroutine.join().expect("no panic"));
    })
    .succeeds();
}

#[test]
fn a_pinned_thread_that_waits_so_is_found_out() {
    isolated(&[], || {
        pinned().run(|| {
            coroutine::sleep(Duration::from_millis(1));
            thread::yield_now();
        });
    })
    .aborts()
    .says("may resumed a thread of the engine may-pinned on another OS thread");
}

/// A thread of `may` may wait by may's own calls, and is itself afterwards.
#[test]
fn mays_own_calls_in_a_thread() {
    isolated(&[("STANDIN_WORKERS", "3")], || {
        moved().run(|| {
            let threads: Vec<_> = (0..16)
                .map(|n| {
                    thread::spawn(move || {
                        let id = thread::current().id();
                        for _ in 0..20 {
                            coroutine::sleep(Duration::from_micros(50));
                            assert_eq!((engine(), thread::current().id()), (Some("may"), id));
                            coroutine::yield_now();
                            thread::sleep(Duration::from_micros(50));
                            let (sender, receiver) = may::sync::mpsc::channel();
                            let child = thread::spawn(move || sender.send(n));
                            assert_eq!(receiver.recv(), Ok(n));
                            assert_eq!((engine(), thread::current().id()), (Some("may"), id));
                            child.join().expect("no panic").expect("it is received");
                        }
                    })
                })
                .collect();
            threads
                .into_iter()
                .for_each(|thread| thread.join().expect("no panic"));
        });
    })
    .succeeds();
}

/// A coroutine that standin did not spawn is a plain OS thread to standin, also on a worker that runs threads of the
/// engine, and also if it is what starts the engine.
#[test]
fn coroutines_of_mays_own() {
    for workers in ["1", "3"] {
        isolated(
            &[("STANDIN_WORKERS", workers), ("STANDIN_ENGINE", "may")],
            || {
                let engine = moved();
                let (sender, receiver) = mpsc::channel();
                let mutex = Arc::new(Mutex::new(0));
                let body = {
                    let mutex = mutex.clone();
                    move || {
                        assert_eq!(super::mixing::engine(), None);
                        let thread = engine.spawn(move || {
                            assert_eq!(super::mixing::engine(), Some("may"));
                            *mutex.lock().expect("no panic") += 1;
                            sender.send(1).expect("it is received");
                        });
                        let _thread = thread.expect("there is room");
                        coroutine::yield_now();
                        super::mixing::engine()
                    }
                };
                may::config().set_workers(
                    std::env::var("STANDIN_WORKERS").map_or(1, |n| n.parse().expect("a number")),
                );
                // SAFETY: it uses no thread-local of its own.
                let coroutine = unsafe { coroutine::spawn(body) };
                assert_eq!(coroutine.join().expect("no panic"), None);
                assert_eq!(receiver.recv(), Ok(1));
                assert_eq!(*mutex.lock().expect("no panic"), 1);
            },
        )
        .succeeds();
    }
}
