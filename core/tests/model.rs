//! The wait queue under the model checker: every interleaving of these small programs, up to a bound on
//! preemptions, and every value that the memory model lets a load return. Run by
//! `RUSTFLAGS="--cfg loom" cargo test -p standin-core --features _models --release --test model`.
//!
//! A waiter that is lost shows as a deadlock, a node that is used after its end or without its lock as a
//! causality violation. `src/wait_queue/README.md` says which race each model stands for, and which of them
//! fails for which mistake.

#![cfg(loom)]

mod modelled;

use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;
use modelled::{KINDS, Kind, Shared, Word, check, spawn, woken_in};
use standin_core::wait_queue::Wait;

#[test]
fn a_store_before_the_wake_is_never_missed() {
    for kind in KINDS {
        check(None, move || {
            let shared = Shared::new();
            let waiter = spawn(&shared, move |shared| {
                let result = shared.wait(kind, &shared.a, None);
                assert_ne!(result, Wait::TimedOut);
                if result == Wait::Woken {
                    assert_eq!(
                        shared.payload(),
                        1,
                        "what came before the wake is not visible"
                    );
                }
                result
            });
            shared.set_payload(1);
            shared.a.0.store(1, Relaxed);
            let woken = shared.wake(&shared.a, usize::MAX);
            assert_eq!(woken, woken_in([waiter.join().unwrap()]));
        });
    }
}

#[test]
fn a_left_over_token_ends_no_later_wait() {
    for kind in KINDS {
        check(5, move || {
            let shared = Shared::new();
            let waiter = spawn(&shared, move |shared| {
                let context = kind.context();
                let first = shared.queue.wait(&shared.a.0, 0, None, &*context);
                let second = shared.queue.wait(&shared.b.0, 0, None, &*context);
                (first, second)
            });
            shared.a.0.store(1, Relaxed);
            let first = shared.wake(&shared.a, 1);
            let second = shared.wake(&shared.b, 1);
            shared.b.0.store(1, Relaxed);
            let third = shared.wake(&shared.b, 1);
            let results = waiter.join().unwrap();
            assert_eq!(first, woken_in([results.0]));
            assert_eq!(second + third, woken_in([results.1]));
        });
    }
}

#[test]
fn a_timeout_and_a_wake_agree() {
    for kind in KINDS {
        check(None, move || {
            let shared = Shared::new();
            let waiter = spawn(&shared, move |shared| {
                shared.wait(kind, &shared.a, Some(kind.deadline()))
            });
            let woken = shared.wake(&shared.a, 1);
            let result = waiter.join().unwrap();
            assert_ne!(result, Wait::Changed);
            assert_eq!(woken, woken_in([result]));
            assert_eq!(shared.waiting_on(&shared.a), 0);
        });
    }
}

#[test]
fn a_timeout_leaves_its_neighbour_in_the_queue() {
    for kind in KINDS {
        check(3, move || {
            let shared = Shared::new();
            let patient = spawn(&shared, move |shared| shared.wait(kind, &shared.a, None));
            let hasty = spawn(&shared, move |shared| {
                shared.wait(kind, &shared.a, Some(kind.deadline()))
            });
            let mut woken = shared.wake(&shared.a, 1);
            let hasty = hasty.join().unwrap();
            shared.a.0.store(1, Relaxed);
            woken += shared.wake(&shared.a, usize::MAX);
            assert_eq!(woken, woken_in([hasty, patient.join().unwrap()]));
        });
    }
}

#[test]
fn a_raised_flag_is_never_missed() {
    for kind in KINDS {
        check(None, move || {
            let shared = Shared::new();
            let context = kind.context();
            let waker = context.waker();
            let waiter = spawn(&shared, move |shared| shared.wait_interruptible(&*context));
            shared.interrupt.store(true, Relaxed);
            waker.wake();
            assert_eq!(waiter.join().unwrap(), Wait::Interrupted);
        });
    }
}

#[test]
fn an_interruption_and_a_wake_agree() {
    for kind in KINDS {
        check(4, move || {
            let shared = Shared::new();
            let context = kind.context();
            let waker = context.waker();
            let waiter = spawn(&shared, move |shared| shared.wait_interruptible(&*context));
            let interrupter = spawn(&shared, move |shared| {
                shared.interrupt.store(true, Relaxed);
                waker.wake();
            });
            let woken = shared.wake(&shared.a, 1);
            interrupter.join().unwrap();
            let result = waiter.join().unwrap();
            assert!(
                matches!(result, Wait::Woken | Wait::Interrupted),
                "{result:?}"
            );
            assert_eq!(woken, woken_in([result]));
            assert_eq!(shared.waiting_on(&shared.a), 0);
        });
    }
}

#[test]
fn a_requeue_and_a_timeout_agree() {
    for kind in KINDS {
        for target in [Shared::b as Word, Shared::c] {
            check(5, move || {
                let shared = Shared::new();
                let waiter = spawn(&shared, move |shared| {
                    shared.wait(kind, &shared.a, Some(kind.deadline()))
                });
                let to = target(&shared);
                let (woken, moved) = shared.requeue(&shared.a, 0, to, 0).unwrap();
                assert_eq!(woken, 0);
                let woken = shared.wake(to, usize::MAX);
                assert!(woken <= moved);
                assert_eq!(woken, woken_in([waiter.join().unwrap()]));
                assert_eq!(shared.waiting_on(&shared.a), 0);
                assert_eq!(shared.waiting_on(to), 0);
            });
        }
    }
}

#[test]
fn a_requeue_and_a_wake_agree() {
    for kind in KINDS {
        check(4, move || {
            let shared = Shared::new();
            let waiter = spawn(&shared, move |shared| shared.wait(kind, &shared.a, None));
            let mover = spawn(&shared, |shared| shared.requeue(&shared.a, 0, &shared.b, 0));
            let mut woken = shared.wake(&shared.a, 1);
            woken += shared.wake(&shared.b, 1);
            assert_eq!(mover.join().unwrap().unwrap().0, 0);
            shared.a.0.store(1, Relaxed);
            woken += shared.wake(&shared.a, 1);
            woken += shared.wake(&shared.b, 1);
            assert_eq!(woken, woken_in([waiter.join().unwrap()]));
        });
    }
}

#[test]
fn crossing_requeues_neither_lose_a_waiter_nor_block_each_other() {
    for kind in KINDS {
        check(3, move || {
            let shared = Shared::new();
            let waiter = spawn(&shared, move |shared| shared.wait(kind, &shared.a, None));
            let mover = spawn(&shared, |shared| shared.requeue(&shared.a, 0, &shared.b, 0));
            shared.requeue(&shared.b, 0, &shared.a, 0).unwrap();
            assert_eq!(mover.join().unwrap().unwrap().0, 0);
            shared.a.0.store(1, Relaxed);
            let woken = shared.wake(&shared.a, 1) + shared.wake(&shared.b, 1);
            assert_eq!(woken, woken_in([waiter.join().unwrap()]));
        });
    }
}

#[test]
fn a_requeue_moves_nobody_who_waits_for_another_value() {
    for kind in KINDS {
        check(5, move || {
            let shared = Shared::new();
            let waiter = spawn(&shared, move |shared| {
                shared.a.0.fetch_or(1, Relaxed);
                shared.queue.wait(&shared.a.0, 1, None, &*kind.context())
            });
            let moved = shared.requeue(&shared.a, 0, &shared.b, 0);
            assert!(matches!(moved, None | Some((0, 0))), "moved {moved:?}");
            shared.a.0.fetch_or(2, Relaxed);
            let woken = shared.wake(&shared.a, 1);
            assert_eq!(woken, woken_in([waiter.join().unwrap()]));
        });
    }
}

#[test]
fn a_requeue_keeps_the_order() {
    check(3, || {
        let shared = Shared::new();
        let first = spawn(&shared, |shared| shared.wait(Kind::Os, &shared.a, None));
        while shared.waiting_on(&shared.a) < 1 {
            thread::yield_now();
        }
        let second = spawn(&shared, |shared| shared.wait(Kind::Engine, &shared.a, None));
        while shared.waiting_on(&shared.a) < 2 {
            thread::yield_now();
        }
        let mover = spawn(&shared, |shared| shared.requeue(&shared.a, 0, &shared.b, 0));
        let mut woken = shared.wake(&shared.a, 1);
        if woken == 1 {
            // A deadlock if it was the other one.
            assert_eq!(first.join().unwrap(), Wait::Woken);
            mover.join().unwrap();
            woken += shared.wake(&shared.b, usize::MAX);
        } else {
            mover.join().unwrap();
            woken += shared.wake(&shared.b, 1);
            assert_eq!(first.join().unwrap(), Wait::Woken);
            woken += shared.wake(&shared.b, 1);
        }
        woken += shared.wake(&shared.a, usize::MAX);
        assert_eq!(second.join().unwrap(), Wait::Woken);
        assert_eq!(woken, 2);
    });
}

#[test]
fn waiters_of_both_kinds_stand_in_one_queue() {
    check(4, || {
        let shared = Shared::new();
        let os = spawn(&shared, |shared| shared.wait(Kind::Os, &shared.a, None));
        let engine = spawn(&shared, |shared| shared.wait(Kind::Engine, &shared.a, None));
        shared.a.0.store(1, Relaxed);
        let woken = shared.wake(&shared.a, usize::MAX);
        assert_eq!(
            woken,
            woken_in([os.join().unwrap(), engine.join().unwrap()])
        );
    });
}

#[test]
fn two_wakers_and_two_waiters() {
    check(2, || {
        let shared = Shared::new();
        let os = spawn(&shared, |shared| shared.wait(Kind::Os, &shared.a, None));
        let engine = spawn(&shared, |shared| shared.wait(Kind::Engine, &shared.a, None));
        let waker = spawn(&shared, |shared| shared.wake(&shared.a, 1));
        let mut woken = shared.wake(&shared.a, 1);
        woken += waker.join().unwrap();
        shared.a.0.store(1, Relaxed);
        woken += shared.wake(&shared.a, usize::MAX);
        assert_eq!(
            woken,
            woken_in([os.join().unwrap(), engine.join().unwrap()])
        );
    });
}

#[test]
fn a_mutex() {
    for (bound, threads) in [(5, 1), (3, 2)] {
        check(bound, move || {
            let shared = Shared::new();
            let add = |shared: &Shared, kind| {
                shared.lock(kind);
                shared.set_payload(shared.payload() + 1);
                shared.unlock();
            };
            let others: Vec<_> = (0..threads)
                .map(|_| spawn(&shared, move |shared| add(shared, Kind::Engine)))
                .collect();
            add(&shared, Kind::Os);
            for other in others {
                other.join().unwrap();
            }
            shared.lock(Kind::Os);
            assert_eq!(shared.payload(), threads + 1);
        });
    }
}

#[test]
fn a_condition_variable() {
    for kind in KINDS {
        check(5, move || {
            let shared = Shared::new();
            let consumer = spawn(&shared, move |shared| shared.wait_for_payload(kind));
            shared.lock(kind);
            shared.set_payload(1);
            shared.unlock();
            shared.b.0.fetch_add(1, Relaxed);
            shared.wake(&shared.b, 1);
            consumer.join().unwrap();
        });
    }
}

#[test]
fn a_condition_variable_that_moves_everybody_to_its_mutex() {
    check(3, || {
        let shared = Shared::new();
        let os = spawn(&shared, |shared| shared.wait_for_payload(Kind::Os));
        let engine = spawn(&shared, |shared| shared.wait_for_payload(Kind::Engine));
        shared.lock(Kind::Os);
        shared.set_payload(1);
        let sequence = shared.b.0.fetch_add(1, Relaxed) + 1;
        // Held and contended, so that the unlock wakes one of those who were moved. (A swap, since loom does
        // not order a plain store against the swaps of others as the memory model does.)
        shared.a.0.swap(2, Relaxed);
        let moved = shared.requeue(&shared.b, sequence, &shared.a, 0);
        assert_eq!(moved.unwrap().0, 0);
        shared.unlock();
        os.join().unwrap();
        engine.join().unwrap();
    });
}
