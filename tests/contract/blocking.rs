//! Sections that block their OS thread.

use super::support::Subject;
use standin::engine::blocking;
use standin::thread;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Condvar, Mutex};

pub(crate) fn results_and_panics(on: &Subject) {
    on.run(|| {
        assert_eq!(blocking(|| 3).ok(), Some(3));
        let panic = catch_unwind(|| blocking(|| resume_unwind(Box::new("out of a section"))));
        assert_eq!(
            panic.expect_err("it goes on here").downcast_ref(),
            Some(&"out of a section")
        );
        assert!(!std::thread::panicking());
        // The thread is as good as before.
        thread::yield_now();
        assert_eq!(
            thread::spawn(|| blocking(|| 4).ok())
                .join()
                .expect("no panic"),
            Some(4)
        );
    });
    // On an OS thread it is a call.
    assert_eq!(blocking(|| 5).ok(), Some(5));
}

pub(crate) fn nested(on: &Subject) {
    on.run(|| {
        for _ in 0..20 {
            let depth = blocking(|| blocking(|| blocking(|| 3).map(|n| n + 1)));
            assert_eq!(
                depth.ok().and_then(Result::ok).and_then(Result::ok),
                Some(4)
            );
            thread::yield_now();
        }
    });
}

/// More at once than there are processors, by far, and none ends before another thread says so.
pub(crate) fn many_at_once(on: &Subject) {
    const SECTIONS: usize = 64;
    let (started, released) = (Mutex::new(0), Mutex::new(false));
    let (all_started, release) = (Condvar::new(), Condvar::new());
    on.run(|| {
        thread::scope(|scope| {
            for _ in 0..SECTIONS {
                scope.spawn(|| {
                    thread::yield_now();
                    let section = || {
                        *started.lock().expect("no panic") += 1;
                        all_started.notify_all();
                        let released = released.lock().expect("no panic");
                        drop(
                            release
                                .wait_while(released, |released| !*released)
                                .expect("no panic"),
                        );
                    };
                    blocking(section).expect("OS threads are to be had");
                    thread::yield_now();
                });
            }
            let others_run = AtomicUsize::new(0);
            thread::scope(|scope| {
                scope.spawn(|| {
                    while *started.lock().expect("no panic") < SECTIONS
                        || others_run.load(SeqCst) < 100
                    {
                        thread::yield_now();
                    }
                    *released.lock().expect("no panic") = true;
                    release.notify_all();
                });
                scope.spawn(|| {
                    for _ in 0..100 {
                        others_run.fetch_add(1, SeqCst);
                        thread::yield_now();
                    }
                });
            });
        });
    });
    assert_eq!(started.into_inner().ok(), Some(SECTIONS));
}

/// The thread of a section that is over is only one of those that are ready, and none of them is forgotten.
pub(crate) fn among_threads_that_are_ready(on: &Subject) {
    const SECTIONS: usize = 100;
    on.run(|| {
        let running = AtomicUsize::new(6);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    for n in 0..SECTIONS {
                        assert_eq!(blocking(|| n).ok(), Some(n));
                        if n % 4 == 0 {
                            thread::yield_now();
                        }
                    }
                    running.fetch_sub(1, SeqCst);
                });
            }
            for _ in 0..12 {
                scope.spawn(|| {
                    while running.load(SeqCst) > 0 {
                        thread::yield_now();
                    }
                });
            }
        });
    });
}

pub(crate) fn with_one_processor(on: &Subject) {
    on.isolated(&[("STANDIN_WORKERS", "1")], || {
        on.run(|| {
            for round in 0..100 {
                let (sender, receiver) = std::sync::mpsc::channel();
                thread::scope(|scope| {
                    let section = scope.spawn(move || blocking(move || receiver.recv()));
                    scope.spawn(move || {
                        super::support::linger(round);
                        sender.send(round).expect("the section waits for it");
                    });
                    let received = section
                        .join()
                        .expect("no panic")
                        .expect("OS threads are to be had");
                    assert_eq!(received, Ok(round));
                });
            }
        });
    })
    .succeeds();
}

pub(crate) fn borrowing(on: &Subject) {
    on.run(|| {
        let mut values = vec![1, 2, 3];
        let length = blocking(|| {
            values.push(4);
            values.len()
        });
        assert_eq!(
            (length.ok(), values.as_slice()),
            (Some(4), &[1, 2, 3, 4][..])
        );
        let moved = AssertUnwindSafe(values);
        assert_eq!(
            blocking(move || moved.0.into_iter().sum::<i32>()).ok(),
            Some(10)
        );
    });
}
