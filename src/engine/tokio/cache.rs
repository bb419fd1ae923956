//! Stacks that rest with an OS thread that polls threads, so that most threads begin and end without the pool's lock.
//!
//! The pool counts them as slack: a stack in one OS thread's cache is not there for another, which then finds one in
//! the pool. They are not trimmed while they rest here, and go back to the pool at the end of the OS thread.

use crate::coroutine::{Fiber, Kind, Pool, SizeClass};
use std::cell::RefCell;

/// How many stacks rest with an OS thread at most, of each kind.
const MOST: usize = 32;
/// How many go to and come from the pool at once.
const BATCH: usize = 16;

/// Those of one kind: of the class that most threads have.
#[derive(Default)]
struct Cache {
    fibers: Vec<Fiber>,
    /// Where they are from, and their class, once the pool has slack for them.
    of: Option<(&'static Pool, SizeClass)>,
    /// There is no address space for slack.
    is_refused: bool,
}

thread_local! {
    static CACHES: [RefCell<Cache>; 2] = Default::default();
}

/// A stack for a thread that was counted. `pool` is the one of this kind.
pub(super) fn take(pool: &'static Pool, kind: Kind, class: SizeClass) -> Fiber {
    let cached = CACHES.try_with(|caches| {
        let cache = &mut *caches[kind as usize].borrow_mut();
        if !cache.is_for(pool, class) {
            return None;
        }
        if cache.fibers.is_empty() {
            pool.take_many(class, BATCH, &mut cache.fibers);
        }
        let fiber = cache.fibers.pop();
        if let Some(next) = cache.fibers.last() {
            // It may be the next to be taken, and has rested longer.
            next.hot(kind).prefetch();
        }
        fiber
    });
    cached.ok().flatten().unwrap_or_else(|| pool.take(class))
}

/// Takes a stack back. `pool` is the one of this kind.
pub(super) fn give(pool: &'static Pool, kind: Kind, fiber: Fiber) {
    let class = fiber.class();
    let mut fiber = Some(fiber);
    // Fails where the OS thread is at its end.
    let _ = CACHES.try_with(|caches| {
        let cache = &mut *caches[kind as usize].borrow_mut();
        if cache.is_for(pool, class) {
            cache.fibers.extend(fiber.take());
            if cache.fibers.len() > MOST {
                // The oldest: the newest are the warmest.
                pool.give_many(class, cache.fibers.drain(..BATCH));
            }
        }
    });
    if let Some(fiber) = fiber {
        pool.give(fiber);
    }
}

impl Cache {
    /// Whether stacks of this class may rest here; makes sure that the pool knows.
    fn is_for(&mut self, pool: &'static Pool, class: SizeClass) -> bool {
        if self.of.is_none()
            && !self.is_refused
            && pool.default_class().is_ok_and(|default| default == class)
        {
            match pool.add_slack(class, MOST + 1) {
                Ok(()) => self.of = Some((pool, class)),
                Err(_) => self.is_refused = true,
            }
        }
        self.of.is_some_and(|(_, own)| own == class)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if let Some((pool, class)) = self.of {
            pool.give_many(class, self.fibers.drain(..));
            pool.lessen_slack(class, MOST + 1);
        }
    }
}
