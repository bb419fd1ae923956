//! Waiting futures under the model checker, as `model.rs` does it for threads. Run by
//! `RUSTFLAGS="--cfg loom" cargo test -p standin-core --features _models --release --test model_waiting`.
//!
//! A wake that is lost with a future shows as a waiter that is not woken, or as a deadlock; a node that is touched
//! after its future was dropped as a causality violation. In a model one wait ends in one section of a bucket's
//! lock, so a wake for two goes through the queue of the chosen.

#![cfg(loom)]
#![allow(dead_code, reason = "what the models of threads need is not used here")]

mod modelled;

use loom::sync::Arc;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;
use modelled::{Kind, Line, Shared, check, spawn};
use standin_core::context::Context;
use standin_core::wait_queue::Wait;
use standin_core::wait_queue::model::{WaitQueue, Waiting};
use std::ops::Deref;
use std::pin::Pin;
use std::task::{self, Poll, Waker};

#[test]
fn a_store_before_the_wake_is_never_missed() {
    check(None, || {
        let shared = Shared::new();
        let waiter = {
            let shared = shared.clone();
            thread::spawn(move || {
                let result = block_on(&mut waiting(&shared), &shared.a);
                if result == Wait::Woken {
                    assert_eq!(shared.payload(), 1, "what came before is not visible");
                }
                result
            })
        };
        shared.set_payload(1);
        shared.a.0.store(1, Relaxed);
        let woken = shared.wake(&shared.a, usize::MAX);
        let result = waiter.join().unwrap();
        assert_eq!(woken, usize::from(result == Wait::Woken));
    });
}

#[test]
fn a_waiter_that_is_dropped_is_never_touched_afterwards() {
    check(None, || {
        let shared = Shared::new();
        let waiter = linked(&shared, &shared.a);
        let waker = spawn(&shared, |shared| shared.wake(&shared.a, 1));
        drop(waiter);
        assert!(waker.join().unwrap() <= 1);
        assert_eq!(shared.waiting_on(&shared.a), 0);
    });
}

#[test]
fn a_dropped_waiter_passes_its_wake_on() {
    check(None, || {
        let shared = Shared::new();
        let first = linked(&shared, &shared.a);
        let second = linked(&shared, &shared.a);
        let waker = spawn(&shared, |shared| shared.wake(&shared.a, 1));
        drop(first);
        assert_eq!(waker.join().unwrap(), 1);
        // Chosen by the wake itself, or by the drop of the one that it chose.
        assert!(is_woken(second, &shared.a));
    });
}

#[test]
fn a_waiter_that_is_dropped_among_the_chosen_passes_its_wake_on() {
    for dropped in 0..2 {
        check(4, move || {
            let shared = Shared::new();
            let mut waiters: Vec<_> = (0..3).map(|_| linked(&shared, &shared.a)).collect();
            let waker = spawn(&shared, |shared| shared.wake(&shared.a, 2));
            drop(waiters.remove(dropped));
            assert_eq!(waker.join().unwrap(), 2);
            for waiter in waiters {
                assert!(is_woken(waiter, &shared.a));
            }
        });
    }
}

#[test]
fn a_poll_among_the_chosen_and_the_wake_agree() {
    check(4, || {
        let shared = Shared::new();
        let first = linked(&shared, &shared.a);
        let mut second = linked(&shared, &shared.a);
        let waker = spawn(&shared, |shared| shared.wake(&shared.a, 2));
        assert_eq!(block_on(&mut second, &shared.a), Wait::Woken);
        drop(second);
        assert_eq!(waker.join().unwrap(), 2);
        assert!(is_woken(first, &shared.a));
    });
}

#[test]
fn two_long_wakes_wake_everybody() {
    check(3, || {
        let shared = Shared::new();
        let waiters = [(); 4].map(|()| linked(&shared, &shared.a));
        let waker = spawn(&shared, |shared| shared.wake(&shared.a, 2));
        let woken = shared.wake(&shared.a, usize::MAX);
        assert_eq!(woken + waker.join().unwrap(), 4);
        for waiter in waiters {
            assert!(is_woken(waiter, &shared.a));
        }
    });
}

#[test]
fn a_new_waker_is_woken_or_the_poll_sees_the_wake() {
    check(None, || {
        let shared = Shared::new();
        let mut waiter = linked(&shared, &shared.a);
        let waker = spawn(&shared, |shared| shared.wake(&shared.a, 1));
        // A deadlock if the wake goes to the waker of before, and the poll with this one does not see it.
        assert_eq!(block_on(&mut waiter, &shared.a), Wait::Woken);
        // The future may end at once.
        drop(waiter);
        assert_eq!(waker.join().unwrap(), 1);
    });
}

#[test]
fn a_new_waker_and_a_requeue_agree() {
    for same_bucket in [false, true] {
        check(5, move || {
            let shared = Shared::new();
            let mut waiter = linked(&shared, &shared.a);
            let mover = spawn(&shared, move |shared| {
                let to = if same_bucket { &shared.c } else { &shared.b };
                assert_eq!(shared.requeue(&shared.a, 0, to, 0), Some((0, 1)));
                shared.wake(to, 1)
            });
            assert_eq!(block_on(&mut waiter, &shared.a), Wait::Woken);
            drop(waiter);
            assert_eq!(mover.join().unwrap(), 1);
        });
    }
}

#[test]
fn a_wake_is_passed_on_where_the_waiter_was_moved_to() {
    check(5, || {
        let shared = Shared::new();
        let first = linked(&shared, &shared.a);
        let second = linked(&shared, &shared.a);
        let mover = spawn(&shared, |shared| {
            let moved = shared.requeue(&shared.a, 0, &shared.b, 0);
            (moved.unwrap(), shared.wake(&shared.b, 1))
        });
        drop(first);
        let ((woken, moved), chosen) = mover.join().unwrap();
        assert_eq!((woken, chosen), (0, 1));
        assert!(moved == 1 || moved == 2, "moved {moved}");
        assert!(is_woken(second, &shared.b));
    });
}

#[test]
fn futures_and_threads_stand_in_one_queue() {
    check(3, || {
        let shared = Shared::new();
        let future = linked(&shared, &shared.a);
        let thread = spawn(&shared, |shared| {
            shared.wait(Kind::Os, &shared.a, Some(Kind::Os.deadline()))
        });
        let woken = shared.wake(&shared.a, 1);
        assert_eq!(woken, 1);
        drop(future);
        let result = thread.join().unwrap();
        assert!(matches!(result, Wait::Woken | Wait::TimedOut), "{result:?}");
        assert_eq!(shared.waiting_on(&shared.a), 0);
    });
}

#[test]
fn a_mutex_that_a_waiter_gives_up() {
    check(3, || {
        let shared = Shared::new();
        shared.lock(Kind::Os);
        // Two tasks wait for the lock as `FutexMutex` lets them: the state says that somebody waits.
        shared.a.0.store(2, Relaxed);
        let given_up = waiting_for(&shared, &shared.a, 2);
        let mut patient = waiting_for(&shared, &shared.a, 2);
        let holder = spawn(&shared, |shared| {
            shared.set_payload(1);
            shared.unlock();
        });
        drop(given_up);
        let context = Kind::Engine.context();
        // A deadlock if the wake went with the one that gave up.
        while poll(&mut patient, &*context, &shared.a, 2).is_pending() {
            context.park(None);
        }
        shared.lock(Kind::Os);
        assert_eq!(shared.payload(), 1);
        holder.join().unwrap();
    });
}

/// A [`Shared`]'s queue.
struct Queue(Arc<Shared>);

impl Deref for Queue {
    type Target = WaitQueue;

    fn deref(&self) -> &WaitQueue {
        &self.0.queue
    }
}

type Future = Pin<Box<Waiting<Queue>>>;

fn waiting(shared: &Arc<Shared>) -> Future {
    Box::pin(Waiting::new(Queue(shared.clone())))
}

/// One that waits on `word`, with a waker that nobody looks at.
fn linked(shared: &Arc<Shared>, word: &Line) -> Future {
    waiting_for(shared, word, 0)
}

fn waiting_for(shared: &Arc<Shared>, word: &Line, expected: u32) -> Future {
    let mut future = waiting(shared);
    let mut cx = task::Context::from_waker(Waker::noop());
    assert!(
        future
            .as_mut()
            .poll(&mut cx, &word.0, expected)
            .is_pending()
    );
    future
}

fn poll(future: &mut Future, context: &dyn Context, word: &Line, expected: u32) -> Poll<Wait> {
    let waker = context.waker();
    let mut cx = task::Context::from_waker(&waker);
    future.as_mut().poll(&mut cx, &word.0, expected)
}

fn block_on(future: &mut Future, word: &Line) -> Wait {
    let context = Kind::Engine.context();
    loop {
        match poll(future, &*context, word, 0) {
            Poll::Ready(result) => return result,
            Poll::Pending => {
                context.park(None);
            }
        }
    }
}

/// Whether a waiter that waited was woken; it is gone afterwards.
fn is_woken(mut future: Future, word: &Line) -> bool {
    let mut cx = task::Context::from_waker(Waker::noop());
    let result = future.as_mut().poll(&mut cx, &word.0, 0);
    result == Poll::Ready(Wait::Woken)
}
