//! The wait queue on real threads: what each operation answers, in which order, and never too early.

#![cfg(not(loom))]

mod common;

use common::{KINDS, Kind, Release, until_waiting, waiting_on};
use standin_core::wait_queue::{self, Wait};
use standin_core::{Instant, context};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

#[test]
fn a_changed_word_is_not_waited_on() {
    let word = AtomicU32::new(7);
    for kind in KINDS {
        kind.enter(|| {
            assert_eq!(wait_queue::wait(&word, 8, None), Wait::Changed);
            // The word comes first, whatever the deadline and the flag say.
            let past = Instant::from_origin(Duration::ZERO);
            assert_eq!(wait_queue::wait(&word, 8, Some(past)), Wait::Changed);
            let raised = AtomicBool::new(true);
            assert_eq!(
                wait_queue::wait_interruptible(&word, 8, None, &raised),
                Wait::Changed
            );
        });
    }
}

#[test]
fn the_longest_waiting_is_woken_first() {
    let word = AtomicU32::new(0);
    let (woken, order) = mpsc::channel();
    thread::scope(|scope| {
        let _release = Release([&word]);
        for index in 0..16 {
            let (word, woken) = (&word, woken.clone());
            scope.spawn(move || {
                KINDS[index % 2].enter(|| assert_eq!(wait_queue::wait(word, 0, None), Wait::Woken));
                woken.send(index).unwrap();
            });
            until_waiting(word, index + 1);
        }
        for index in 0..16 {
            assert_eq!(wait_queue::wake(&word, 1), 1);
            assert_eq!(order.recv().unwrap(), index);
        }
    });
}

#[test]
fn a_wake_counts_whom_it_woke() {
    let (word, other) = (AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        let _release = Release([&word, &other]);
        for index in 0..6 {
            let (word, other) = (&word, &other);
            scope.spawn(move || {
                let word = if index == 5 { other } else { word };
                KINDS[index % 2].enter(|| assert_eq!(wait_queue::wait(word, 0, None), Wait::Woken));
            });
        }
        until_waiting(&word, 5);
        until_waiting(&other, 1);
        assert_eq!(wait_queue::wake(&word, 0), 0);
        assert_eq!(wait_queue::wake(&word, 2), 2);
        assert_eq!(wait_queue::wake(&word, usize::MAX), 3);
        assert_eq!(wait_queue::wake(&word, usize::MAX), 0);
        assert_eq!(waiting_on(&other), 1);
        assert_eq!(wait_queue::wake(&other, 1), 1);
    });
}

#[test]
fn a_wake_needs_the_address_alone() {
    assert_eq!(wait_queue::wake(ptr::null(), usize::MAX), 0);
    assert_eq!(wait_queue::wake(ptr::dangling(), usize::MAX), 0);
}

#[test]
fn a_wait_ends_at_its_deadline_and_never_before() {
    let word = AtomicU32::new(0);
    for kind in KINDS {
        kind.enter(|| {
            for microseconds in [0, 1, 50, 333, 1_000, 2_500] {
                let deadline = context::now()
                    .checked_add(Duration::from_micros(microseconds))
                    .unwrap();
                assert_eq!(wait_queue::wait(&word, 0, Some(deadline)), Wait::TimedOut);
                assert!(
                    context::now() >= deadline,
                    "{kind:?}: {microseconds} µs ended early"
                );
            }
            let past = Instant::from_origin(Duration::ZERO);
            assert_eq!(wait_queue::wait(&word, 0, Some(past)), Wait::TimedOut);
        });
    }
    assert_eq!(waiting_on(&word), 0);
}

#[test]
fn a_deadline_beyond_the_kernels_clock_waits_for_the_wake() {
    for seconds in [i64::MAX as u64, u64::MAX] {
        let word = AtomicU32::new(0);
        let deadline = Instant::from_origin(Duration::from_secs(seconds));
        thread::scope(|scope| {
            let _release = Release([&word]);
            scope.spawn(|| assert_eq!(wait_queue::wait(&word, 0, Some(deadline)), Wait::Woken));
            until_waiting(&word, 1);
            assert_eq!(wait_queue::wake(&word, 1), 1);
        });
    }
}

#[test]
fn one_that_gave_up_leaves_the_others_in_order() {
    // The one that gives up stands first, in the middle and last.
    for leaver in 0..3 {
        let word = AtomicU32::new(0);
        let flag = AtomicBool::new(false);
        let (wakers, waker) = mpsc::channel();
        let (woken, order) = mpsc::channel();
        thread::scope(|scope| {
            let _release = Release([&word]);
            let mut handles = Vec::new();
            for index in 0..3 {
                let (word, flag, wakers, woken) = (&word, &flag, wakers.clone(), woken.clone());
                handles.push(Some(scope.spawn(move || {
                    if index == leaver {
                        wakers
                            .send(context::parking(|context| context.waker()))
                            .unwrap();
                        let result = wait_queue::wait_interruptible(word, 0, None, flag);
                        assert_eq!(result, Wait::Interrupted);
                    } else {
                        assert_eq!(wait_queue::wait(word, 0, None), Wait::Woken);
                        woken.send(index).unwrap();
                    }
                })));
                until_waiting(word, index + 1);
            }
            flag.store(true, Relaxed);
            waker.recv().unwrap().wake();
            handles[leaver].take().unwrap().join().unwrap();
            assert_eq!(waiting_on(&word), 2);
            for index in (0..3).filter(|index| *index != leaver) {
                assert_eq!(wait_queue::wake(&word, 1), 1);
                assert_eq!(order.recv().unwrap(), index);
            }
        });
    }
}

#[test]
fn a_raised_flag_ends_only_a_wait_that_asks_for_it() {
    let word = AtomicU32::new(0);
    let raised = AtomicBool::new(true);
    for kind in KINDS {
        let result = kind.enter(|| wait_queue::wait_interruptible(&word, 0, None, &raised));
        assert_eq!(result, Wait::Interrupted);
    }
    let (wakers, waker) = mpsc::channel();
    thread::scope(|scope| {
        let _release = Release([&word]);
        scope.spawn(|| {
            wakers
                .send(context::parking(|context| context.waker()))
                .unwrap();
            assert_eq!(wait_queue::wait(&word, 0, None), Wait::Woken);
        });
        until_waiting(&word, 1);
        waker.recv().unwrap().wake();
        assert_eq!(wait_queue::wake(&word, 1), 1);
    });
}

#[test]
fn a_requeue_moves_those_it_does_not_wake_behind_those_who_wait() {
    let (from, to) = (AtomicU32::new(3), AtomicU32::new(0));
    let (woken, order) = mpsc::channel();
    thread::scope(|scope| {
        let _release = Release([&from, &to]);
        let wait = |index, word, expected, count| {
            let woken = woken.clone();
            scope.spawn(move || {
                let kind = if index % 2 == 0 {
                    Kind::Os
                } else {
                    Kind::Engine
                };
                kind.enter(|| assert_eq!(wait_queue::wait(word, expected, None), Wait::Woken));
                woken.send(index).unwrap();
            });
            until_waiting(word, count);
        };
        wait(0, &to, 0, 1);
        wait(1, &from, 3, 1);
        wait(2, &from, 3, 2);
        wait(3, &from, 3, 3);
        wait(4, &to, 0, 2);

        assert_eq!(wait_queue::requeue(&from, 4, &to, usize::MAX), None);
        assert_eq!((waiting_on(&from), waiting_on(&to)), (3, 2));
        assert_eq!(wait_queue::requeue(&from, 3, &from, 0), Some((0, 3)));
        assert_eq!(wait_queue::requeue(&from, 3, &to, 1), Some((1, 2)));
        assert_eq!(order.recv().unwrap(), 1);
        assert_eq!((waiting_on(&from), waiting_on(&to)), (0, 4));
        for expected in [0, 4, 2, 3] {
            assert_eq!(wait_queue::wake(&to, 1), 1);
            assert_eq!(order.recv().unwrap(), expected);
        }
        assert_eq!(wait_queue::requeue(&from, 3, &to, 1), Some((0, 0)));
    });
}

#[test]
fn a_moved_waiter_still_has_its_deadline() {
    let (from, to) = (AtomicU32::new(0), AtomicU32::new(0));
    for kind in KINDS {
        thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                kind.enter(|| {
                    let deadline = context::now()
                        .checked_add(Duration::from_millis(20))
                        .unwrap();
                    (
                        deadline,
                        wait_queue::wait(&from, 0, Some(deadline)),
                        context::now(),
                    )
                })
            });
            // On a slow machine the deadline may come before the move does; both ends are the same.
            while !waiter.is_finished() {
                let (woken, _) = wait_queue::requeue(&from, 0, &to, 0).unwrap();
                assert_eq!(woken, 0);
                thread::yield_now();
            }
            let (deadline, result, ended) = waiter.join().unwrap();
            assert_eq!(result, Wait::TimedOut);
            assert!(ended >= deadline);
            assert_eq!((waiting_on(&from), waiting_on(&to)), (0, 0));
        });
    }
}
