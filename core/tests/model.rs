//! The wait queue under the model checker: every interleaving of these small programs, up to a bound on
//! preemptions, and every value that the memory model lets a load return. Run by
//! `RUSTFLAGS="--cfg loom" cargo test -p standin-core --release --test model`.
//!
//! A waiter that is lost shows as a deadlock, a node that is used after its end or without its lock as a
//! causality violation. `src/wait_queue/README.md` says which race each model stands for, and which of them
//! fails for which mistake.

#![cfg(loom)]

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, AtomicU32};
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use standin_core::Instant;
use standin_core::context::Context;
use standin_core::wait_queue::Wait;
use standin_core::wait_queue::model::{WaitQueue, os_thread};
use std::cell::Cell;
use std::task::{Wake, Waker};
use std::time::Duration;

#[test]
fn a_store_before_the_wake_is_never_missed() {
    for kind in KINDS {
        check(4, move || {
            let shared = Shared::new();
            let waiter = spawn(&shared, move |shared| {
                let result = shared.wait(kind, &shared.a, None);
                assert_ne!(result, Wait::TimedOut);
                if result == Wait::Woken {
                    assert_eq!(shared.payload(), 1, "what came before the wake is not visible");
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
        check(3, move || {
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
        check(4, move || {
            let shared = Shared::new();
            let waiter =
                spawn(&shared, move |shared| shared.wait(kind, &shared.a, Some(kind.deadline())));
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
        check(2, move || {
            let shared = Shared::new();
            let patient = spawn(&shared, move |shared| shared.wait(kind, &shared.a, None));
            let hasty =
                spawn(&shared, move |shared| shared.wait(kind, &shared.a, Some(kind.deadline())));
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
        check(4, move || {
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
        check(3, move || {
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
            assert!(matches!(result, Wait::Woken | Wait::Interrupted), "{result:?}");
            assert_eq!(woken, woken_in([result]));
            assert_eq!(shared.waiting_on(&shared.a), 0);
        });
    }
}

#[test]
fn a_requeue_and_a_timeout_agree() {
    for kind in KINDS {
        for (bound, target) in [(3, Shared::b as Word), (3, Shared::c)] {
            check(bound, move || {
                let shared = Shared::new();
                let waiter =
                    spawn(&shared, move |shared| shared.wait(kind, &shared.a, Some(kind.deadline())));
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
        check(3, move || {
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
        check(2, move || {
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
        check(4, move || {
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
    check(2, || {
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
    check(3, || {
        let shared = Shared::new();
        let os = spawn(&shared, |shared| shared.wait(Kind::Os, &shared.a, None));
        let engine = spawn(&shared, |shared| shared.wait(Kind::Engine, &shared.a, None));
        shared.a.0.store(1, Relaxed);
        let woken = shared.wake(&shared.a, usize::MAX);
        assert_eq!(woken, woken_in([os.join().unwrap(), engine.join().unwrap()]));
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
        assert_eq!(woken, woken_in([os.join().unwrap(), engine.join().unwrap()]));
    });
}

#[test]
fn a_mutex() {
    for (bound, threads) in [(4, 1), (2, 2)] {
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
        check(3, move || {
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
    check(2, || {
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

/// Explores `model` with at most `preemptions` involuntary switches, unless `LOOM_MAX_PREEMPTIONS` says
/// otherwise.
fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = match std::env::var("B").ok().map(|b| b.parse::<usize>().unwrap()) { Some(99) => None, Some(n) => Some(n), None => Some(preemptions) };
    builder.max_branches = 10_000;
    builder.check(model);
}

/// A queue and three words: `a` and `c` share a bucket, `b` has the other one.
#[repr(C, align(128))]
struct Shared {
    a: Line,
    b: Line,
    c: Line,
    payload: UnsafeCell<u32>,
    interrupt: AtomicBool,
    queue: WaitQueue,
}

/// Words in neighbouring lines lie in different buckets.
#[repr(align(64))]
struct Line(AtomicU32);

type Word = fn(&Shared) -> &Line;

// SAFETY: loom checks the accesses to `payload`, the one field that is not `Sync` by itself.
unsafe impl Sync for Shared {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for Shared {}

impl Shared {
    fn new() -> Arc<Self> {
        const { assert!(size_of::<Line>() == 64) };
        let line = || Line(AtomicU32::new(0));
        Arc::new(Self {
            a: line(),
            b: line(),
            c: line(),
            payload: UnsafeCell::new(0),
            interrupt: AtomicBool::new(false),
            queue: WaitQueue::new(),
        })
    }

    fn b(&self) -> &Line {
        &self.b
    }

    fn c(&self) -> &Line {
        &self.c
    }

    fn wait(&self, kind: Kind, word: &Line, deadline: Option<Instant>) -> Wait {
        self.queue.wait(&word.0, 0, deadline, &*kind.context())
    }

    fn wait_interruptible(&self, context: &dyn Context) -> Wait {
        self.queue.wait_interruptible(&self.a.0, 0, &self.interrupt, context)
    }

    fn wake(&self, word: &Line, count: usize) -> usize {
        self.queue.wake(&word.0, count)
    }

    fn requeue(&self, from: &Line, expected: u32, to: &Line, wake: usize) -> Option<(usize, usize)> {
        self.queue.requeue(&from.0, expected, &to.0, wake)
    }

    /// Moves those who wait on the word to where they are, and so counts them.
    fn waiting_on(&self, word: &Line) -> usize {
        self.requeue(word, 0, word, 0).unwrap().1
    }

    fn payload(&self) -> u32 {
        // SAFETY: loom fails the model if another access is concurrent with this one.
        self.payload.with(|payload| unsafe { *payload })
    }

    fn set_payload(&self, value: u32) {
        // SAFETY: loom fails the model if another access is concurrent with this one.
        self.payload.with_mut(|payload| unsafe { *payload = value });
    }

    /// std's futex mutex on `a`: 0 is free, 1 held, 2 held and contended.
    fn lock(&self, kind: Kind) {
        if self.a.0.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
            self.lock_contended(kind);
        }
    }

    fn lock_contended(&self, kind: Kind) {
        while self.a.0.swap(2, Acquire) != 0 {
            let _ = self.queue.wait(&self.a.0, 2, None, &*kind.context());
        }
    }

    fn unlock(&self) {
        if self.a.0.swap(0, Release) == 2 {
            self.wake(&self.a, 1);
        }
    }

    /// Waits for the payload as std's futex condition variable does, with its sequence in `b`. Whoever was
    /// moved to the mutex takes it as contended, for others may have been moved with it.
    fn wait_for_payload(&self, kind: Kind) {
        self.lock(kind);
        while self.payload() == 0 {
            let sequence = self.b.0.load(Relaxed);
            self.unlock();
            let _ = self.queue.wait(&self.b.0, sequence, None, &*kind.context());
            self.lock_contended(kind);
        }
        self.unlock();
    }
}

fn spawn<R: 'static>(
    shared: &Arc<Shared>,
    f: impl FnOnce(&Shared) -> R + 'static,
) -> thread::JoinHandle<R> {
    let shared = shared.clone();
    thread::spawn(move || f(&shared))
}

fn woken_in<const N: usize>(results: [Wait; N]) -> usize {
    results.iter().filter(|result| **result == Wait::Woken).count()
}

/// What kind of thread waits.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A plain OS thread.
    Os,
    /// A thread of an engine: another token, another clock.
    Engine,
}

const KINDS: [Kind; 2] = [Kind::Os, Kind::Engine];

impl Kind {
    fn context(self) -> Box<dyn Context + Send> {
        match self {
            Self::Os => Box::new(os_thread()),
            Self::Engine => Box::new(Engine {
                token: std::sync::Arc::new(Token::default()),
                now: Cell::new(Instant::from_origin(Duration::ZERO)),
            }),
        }
    }

    /// A point that has passed when an OS thread first looks, and when an engine's thread looks after it
    /// parked.
    fn deadline(self) -> Instant {
        match self {
            Self::Os => Instant::from_origin(Duration::ZERO),
            Self::Engine => Instant::from_origin(Duration::from_secs(1)),
        }
    }
}

/// The parking contract on loom's primitives, with a clock that jumps to the deadline of a park.
struct Engine {
    token: std::sync::Arc<Token>,
    now: Cell<Instant>,
}

#[derive(Default)]
struct Token {
    present: Mutex<bool>,
    left: Condvar,
}

impl Context for Engine {
    fn park(&self, deadline: Option<Instant>) {
        let mut present = self.token.present.lock().unwrap();
        while !*present {
            if let Some(deadline) = deadline {
                self.now.set(deadline);
                return;
            }
            present = self.token.left.wait(present).unwrap();
        }
        *present = false;
    }

    fn waker(&self) -> Waker {
        self.token.clone().into()
    }

    fn now(&self) -> Instant {
        self.now.get()
    }
}

impl Wake for Token {
    fn wake(self: std::sync::Arc<Self>) {
        *self.present.lock().unwrap() = true;
        self.left.notify_one();
    }
}
