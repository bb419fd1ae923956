//! Panics cross from futures into threads and from threads into futures, and go no further.

use crate::common::watch::watch;
use crate::support::{KINDS, drive, message, spawn};
use standin::engine::ASYNC;
use standin::{block_on, thread, try_block_on, unblock};
use std::panic::{catch_unwind, panic_any, resume_unwind};

/// The payload of panics that belong to a test: no hook is called for it.
const EXPECTED: &str = "a panic that belongs to the test";

fn panics() -> ! {
    resume_unwind(Box::new(EXPECTED))
}

#[test]
fn of_a_future_are_the_threads() {
    let _watch = watch("of_a_future_are_the_threads");
    for kind in KINDS {
        let runtime = kind.runtime();
        let thread = spawn(&runtime, || {
            for yields in 0..3 {
                let caught = catch_unwind(|| {
                    block_on(async {
                        for _ in 0..yields {
                            tokio::task::yield_now().await;
                        }
                        panics()
                    })
                });
                let caught: Result<(), _> = caught;
                assert_eq!(caught.unwrap_err().downcast_ref(), Some(&EXPECTED));
                assert!(!thread::panicking());
                let caught: Result<std::io::Result<()>, _> =
                    catch_unwind(|| try_block_on(async { panics() }));
                assert_eq!(caught.unwrap_err().downcast_ref(), Some(&EXPECTED));
            }
            // Another task's is told by its join.
            let error = block_on(tokio::spawn(async { panics() })).unwrap_err();
            assert_eq!(error.into_panic().downcast_ref(), Some(&EXPECTED));
            thread::yield_now();
            block_on(async { panics() })
        });
        drive(&runtime, || thread.is_finished());
        let panic: thread::Result<()> = thread.join();
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&EXPECTED));
        // Neither the runtime nor its workers have noticed anything.
        assert_eq!(
            runtime
                .block_on(async { tokio::spawn(async { 1 }).await })
                .ok(),
            Some(1)
        );
    }
}

#[test]
fn of_a_thread_are_its_joiners() {
    let _watch = watch("of_a_thread_are_its_joiners");
    for kind in KINDS {
        let runtime = kind.runtime();
        runtime.block_on(async {
            let thread = ASYNC.spawn(|| panics()).expect("there is room");
            let result: thread::Result<()> = thread.await;
            assert_eq!(result.unwrap_err().downcast_ref(), Some(&EXPECTED));
            // A panic in sync-style code is one of the task that waits for it.
            let task = tokio::spawn(async {
                unblock(|| {
                    thread::yield_now();
                    panics()
                })
                .await
            });
            let task: Result<(), _> = task.await;
            let panic = task.unwrap_err().into_panic();
            assert_eq!(panic.downcast_ref(), Some(&EXPECTED));
        });
    }
}

/// What waits while it unwinds is on a stack of its own, and tokio's workers do not count its panic.
#[test]
fn that_wait() {
    struct Waits;
    impl Drop for Waits {
        fn drop(&mut self) {
            assert!(thread::panicking());
            for n in 0..20 {
                let answer = block_on(async move {
                    tokio::task::yield_now().await;
                    assert!(!std::thread::panicking(), "the worker does not panic");
                    n
                });
                assert_eq!(answer, n);
                thread::yield_now();
                assert!(thread::panicking());
            }
        }
    }
    let _watch = watch("that_wait");
    for kind in KINDS {
        let runtime = kind.runtime();
        let threads: Vec<_> = (0..8)
            .map(|n| {
                spawn(&runtime, move || {
                    let caught = catch_unwind(|| {
                        let _waits = Waits;
                        if n % 2 == 0 {
                            panics();
                        }
                        panic_any(n);
                    });
                    caught.is_err()
                })
            })
            .collect();
        drive(&runtime, || {
            threads.iter().all(|thread| thread.is_finished())
        });
        for thread in threads {
            assert_eq!(thread.join().ok(), Some(true));
        }
    }
}

#[test]
fn keep_their_text() {
    let _watch = watch("keep_their_text");
    let runtime = KINDS[0].runtime();
    let thread = spawn(&runtime, || block_on(async { panic!("number {}", 5) }));
    let panic: thread::Result<()> = thread.join();
    assert_eq!(message(&*panic.unwrap_err()), "number 5");
}
