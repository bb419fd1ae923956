//! An order of what threads do, said in advance.

use crate::sync::{Condvar, Mutex, MutexGuard};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::PoisonError;

/// Lets actors (threads, mostly) have their turns in an order that is said in advance, so that an
/// interleaving that matters can be written down, or generated (`testing::strategy::interleavings`), and is the
/// same on every engine.
///
/// ```
/// use standin::{sync::Mutex, testing::Turns, thread};
///
/// let turns = Turns::new([0, 1, 1, 0]);
/// let letters = Mutex::new(String::new());
/// thread::scope(|scope| {
///     scope.spawn(|| {
///         turns.take(0, || letters.lock().unwrap().push('a'));
///         turns.take(0, || letters.lock().unwrap().push('b'));
///     });
///     scope.spawn(|| {
///         turns.take(1, || letters.lock().unwrap().push('c'));
///         turns.take(1, || letters.lock().unwrap().push('d'));
///     });
/// });
/// assert!(turns.is_over());
/// assert_eq!(letters.into_inner().unwrap(), "acdb");
/// ```
///
/// A turn ends when its operation has returned. So an operation that waits for another actor's later turn waits
/// for ever, and so does the turn after one that its actor never takes: such an order is not possible, and the
/// limit of the test finds it.
#[derive(Debug)]
pub struct Turns {
    order: Vec<usize>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Whose turn it is: an index of the order.
    next: usize,
    /// Its operation runs.
    taken: bool,
    /// An operation panicked.
    broken: bool,
}

impl Turns {
    /// The actors, in the order of their turns.
    pub fn new(order: impl Into<Vec<usize>>) -> Self {
        Self {
            order: order.into(),
            state: Mutex::new(State {
                next: 0,
                taken: false,
                broken: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Waits for the actor's next turn, and calls `operation` in it.
    ///
    /// # Panics
    ///
    /// With the panic of `operation`. If the order has no more turn for the actor, or the operation of another
    /// turn panicked, so that nobody waits for what does not come.
    pub fn take<T>(&self, actor: usize, operation: impl FnOnce() -> T) -> T {
        let mut state = self.state();
        loop {
            if state.broken {
                drop(state);
                panic!("actor {actor} cannot have its turn: another one panicked in its own");
            }
            let left = &self.order[state.next..];
            // A turn that is being taken is no more to be had.
            if !left
                .iter()
                .skip(state.taken.into())
                .any(|turn| *turn == actor)
            {
                drop(state);
                panic!("actor {actor} has no more turn in {:?}", self.order);
            }
            if left[0] == actor && !state.taken {
                break;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.taken = true;
        drop(state);
        // Caught, since the lock below may park, which no thread should do while it unwinds.
        let result = catch_unwind(AssertUnwindSafe(operation));
        let mut state = self.state();
        state.taken = false;
        match result {
            Ok(_) => state.next += 1,
            Err(_) => state.broken = true,
        }
        drop(state);
        self.changed.notify_all();
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Whether every turn was taken.
    pub fn is_over(&self) -> bool {
        let state = self.state();
        state.next == self.order.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
