//! Deadlines of futures, for an engine that has no timer for them: one thread of the engine parks until the next one,
//! and wakes whom it is for.

use crate::engine::Engine;
use crate::sync::{Mutex, PoisonError};
use crate::thread::Builder;
use standin_core::wait_queue::{self, Wait};
use standin_core::{Instant, Lock, context};
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::task::{Context, Poll, Waker};

/// Waits for a deadline on an engine's clock.
pub(super) struct Sleeping {
    engine: Engine,
    deadline: Instant,
    /// Its place among the deadlines, from the first poll on.
    place: Option<(&'static Timers, Key)>,
}

impl Sleeping {
    pub(super) fn new(engine: Engine, deadline: Instant) -> Self {
        Self {
            engine,
            deadline,
            place: None,
        }
    }

    fn leave(&mut self) {
        if let Some((timers, key)) = self.place.take() {
            let waker = timers.pending.lock().wakers.remove(&key);
            // Outside of the lock: what it drops may be anything.
            drop(waker);
        }
    }
}

impl Future for Sleeping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.engine.contract().now() >= self.deadline {
            self.leave();
            return Poll::Ready(());
        }
        match self.place {
            Some((timers, key)) => timers.insert(key, context.waker()),
            None => {
                let timers = of(self.engine).unwrap_or_else(|error| {
                    panic!(
                        "cannot sleep on the engine {}: its timer thread cannot be started: {error}",
                        self.engine
                    )
                });
                let key = timers.new_key(self.deadline);
                self.place = Some((timers, key));
                timers.insert(key, context.waker());
            }
        }
        Poll::Pending
    }
}

impl Drop for Sleeping {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A deadline, and a number that no other has.
type Key = (Instant, u64);

/// The deadlines of one engine.
struct Timers {
    engine: Engine,
    pending: Lock<Pending>,
    /// Changes whenever the first deadline may have; the thread waits on it.
    changes: AtomicU32,
}

struct Pending {
    wakers: BTreeMap<Key, Waker>,
    last: u64,
}

/// The timers of `engine`, made now if there are none.
fn of(engine: Engine) -> io::Result<&'static Timers> {
    static ALL: Lock<Vec<&'static Timers>> = Lock::new(Vec::new());
    // Held while a thread is spawned, which may park.
    static MAKING: Mutex<()> = Mutex::new(());
    let find = || {
        let all = ALL.lock();
        all.iter().copied().find(|timers| timers.engine == engine)
    };
    if let Some(timers) = find() {
        return Ok(timers);
    }
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(timers) = find() {
        return Ok(timers);
    }
    let timers: &'static Timers = Box::leak(Box::new(Timers {
        engine,
        pending: Lock::new(Pending {
            wakers: BTreeMap::new(),
            last: 0,
        }),
        changes: AtomicU32::new(0),
    }));
    Builder::new()
        .name("standin-timers".into())
        .spawn_on(engine, || timers.serve())?;
    ALL.lock().push(timers);
    Ok(timers)
}

impl Timers {
    fn new_key(&self, deadline: Instant) -> Key {
        let mut pending = self.pending.lock();
        pending.last += 1;
        (deadline, pending.last)
    }

    /// From here on `waker` is woken at the deadline.
    fn insert(&self, key: Key, waker: &Waker) {
        let waker = waker.clone();
        let (before, is_first) = {
            let mut pending = self.pending.lock();
            let before = pending.wakers.insert(key, waker);
            let first = pending.wakers.first_key_value();
            (before, first.is_some_and(|(&first, _)| first == key))
        };
        if is_first && before.is_none() {
            self.changes.fetch_add(1, Release);
            wait_queue::wake(&self.changes, 1);
        }
    }

    /// What the thread does, for ever.
    fn serve(&self) {
        loop {
            // Before the deadlines are looked at: one that comes later ends the wait.
            let seen = self.changes.load(Acquire);
            let (due, next) = self.take_due(context::now());
            for waker in due {
                // One that panics, which has been reported then, is not to end the others' time.
                let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
            }
            match wait_queue::wait(&self.changes, seen, next) {
                Wait::Woken | Wait::Changed | Wait::TimedOut | Wait::Interrupted => {}
            }
        }
    }

    /// Takes out those whose deadline has passed, and says which one is next.
    fn take_due(&self, now: Instant) -> (Vec<Waker>, Option<Instant>) {
        let mut pending = self.pending.lock();
        let mut due = Vec::new();
        while let Some(first) = pending.wakers.first_entry() {
            let &(deadline, _) = first.key();
            if deadline > now {
                return (due, Some(deadline));
            }
            due.push(first.remove());
        }
        (due, None)
    }
}
