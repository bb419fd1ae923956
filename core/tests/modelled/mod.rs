//! What the models are made of: a queue with three words that lie where they are told to, and the two kinds
//! of threads that wait in it.

use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicBool, AtomicU32};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use standin_core::Instant;
use standin_core::context::Context;
use standin_core::wait_queue::Wait;
use standin_core::wait_queue::model::{WaitQueue, os_thread};
use std::cell::Cell;
use std::task::{Wake, Waker};
use std::time::Duration;

/// Explores `model` with at most so many preemptions (`None` for no bound), unless `LOOM_MAX_PREEMPTIONS`
/// says otherwise.
pub(crate) fn check(
    preemptions: impl Into<Option<usize>>,
    model: impl Fn() + Send + Sync + 'static,
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(preemptions.into());
    builder.max_branches = 10_000;
    builder.check(model);
}

/// A queue and three words: `a` and `c` share a bucket, `b` has the other one.
#[repr(C, align(128))]
pub(crate) struct Shared {
    pub(crate) a: Line,
    pub(crate) b: Line,
    pub(crate) c: Line,
    payload: UnsafeCell<u32>,
    pub(crate) interrupt: AtomicBool,
    pub(crate) queue: WaitQueue,
}

/// Words in neighbouring lines lie in different buckets.
#[repr(align(64))]
pub(crate) struct Line(pub(crate) AtomicU32);

pub(crate) type Word = fn(&Shared) -> &Line;

// SAFETY: loom checks the accesses to `payload`, the one field that is not `Sync` by itself.
unsafe impl Sync for Shared {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for Shared {}

impl Shared {
    pub(crate) fn new() -> Arc<Self> {
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

    pub(crate) fn b(&self) -> &Line {
        &self.b
    }

    pub(crate) fn c(&self) -> &Line {
        &self.c
    }

    pub(crate) fn wait(&self, kind: Kind, word: &Line, deadline: Option<Instant>) -> Wait {
        self.queue.wait(&word.0, 0, deadline, &*kind.context())
    }

    pub(crate) fn wait_interruptible(&self, context: &dyn Context) -> Wait {
        self.queue
            .wait_interruptible(&self.a.0, 0, &self.interrupt, context)
    }

    pub(crate) fn wake(&self, word: &Line, count: usize) -> usize {
        self.queue.wake(&word.0, count)
    }

    pub(crate) fn requeue(
        &self,
        from: &Line,
        expected: u32,
        to: &Line,
        wake: usize,
    ) -> Option<(usize, usize)> {
        self.queue.requeue(&from.0, expected, &to.0, wake)
    }

    /// Moves those who wait on the word to where they are, and so counts them.
    pub(crate) fn waiting_on(&self, word: &Line) -> usize {
        self.requeue(word, 0, word, 0).unwrap().1
    }

    pub(crate) fn payload(&self) -> u32 {
        // SAFETY: loom fails the model if another access is concurrent with this one.
        self.payload.with(|payload| unsafe { *payload })
    }

    pub(crate) fn set_payload(&self, value: u32) {
        // SAFETY: loom fails the model if another access is concurrent with this one.
        self.payload.with_mut(|payload| unsafe { *payload = value });
    }

    /// std's futex mutex on `a`: 0 is free, 1 held, 2 held and contended.
    pub(crate) fn lock(&self, kind: Kind) {
        if self.a.0.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
            self.lock_contended(kind);
        }
    }

    fn lock_contended(&self, kind: Kind) {
        while self.a.0.swap(2, Acquire) != 0 {
            let _ = self.queue.wait(&self.a.0, 2, None, &*kind.context());
        }
    }

    pub(crate) fn unlock(&self) {
        if self.a.0.swap(0, Release) == 2 {
            self.wake(&self.a, 1);
        }
    }

    /// Waits for the payload as std's futex condition variable does, with its sequence in `b`. Whoever was
    /// moved to the mutex takes it as contended, for others may have been moved with it.
    pub(crate) fn wait_for_payload(&self, kind: Kind) {
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

pub(crate) fn spawn<R: 'static>(
    shared: &Arc<Shared>,
    f: impl FnOnce(&Shared) -> R + 'static,
) -> thread::JoinHandle<R> {
    let shared = shared.clone();
    thread::spawn(move || f(&shared))
}

pub(crate) fn woken_in<const N: usize>(results: [Wait; N]) -> usize {
    results
        .iter()
        .filter(|result| **result == Wait::Woken)
        .count()
}

/// What kind of thread waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A plain OS thread.
    Os,
    /// A thread of an engine: another token, another clock.
    Engine,
}

pub(crate) const KINDS: [Kind; 2] = [Kind::Os, Kind::Engine];

impl Kind {
    pub(crate) fn context(self) -> Box<dyn Context + Send> {
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
    pub(crate) fn deadline(self) -> Instant {
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
    fn park(&self, deadline: Option<Instant>) -> bool {
        let mut present = self.token.present.lock().unwrap();
        while !*present {
            if let Some(deadline) = deadline {
                self.now.set(deadline);
                return true;
            }
            present = self.token.left.wait(present).unwrap();
        }
        *present = false;
        false
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
