//! `Barrier`: a mutex, a condition variable, and a count of who has come.

use super::condvar::Condvar;
use super::mutex::Mutex;
use std::fmt;
use std::sync::PoisonError;

/// Lets a number of threads wait until all of them have come; it can be used again at once.
///
/// This corresponds to [`std::sync::Barrier`].
pub struct Barrier {
    state: Mutex<State>,
    complete: Condvar,
    threads: usize,
}

struct State {
    arrived: usize,
    /// Changes with every full round, so that who was woken knows that its own is over.
    round: usize,
}

impl Barrier {
    /// A barrier for `n` threads; with 0 or 1 nobody waits. This corresponds to
    /// [`std::sync::Barrier::new`].
    #[must_use]
    #[inline]
    pub const fn new(n: usize) -> Self {
        Self {
            state: Mutex::new(State {
                arrived: 0,
                round: 0,
            }),
            complete: Condvar::new(),
            threads: n,
        }
    }

    /// Waits until as many threads as the barrier is for have called this. One of them, the last one, is
    /// told that it is the leader. This corresponds to [`std::sync::Barrier::wait`].
    pub fn wait(&self) -> BarrierWaitResult {
        // Nothing in here panics while the lock is held, so there is no poison.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.arrived += 1;
        if state.arrived >= self.threads {
            state.arrived = 0;
            state.round = state.round.wrapping_add(1);
            self.complete.notify_all();
            return BarrierWaitResult(true);
        }
        let round = state.round;
        drop(
            self.complete
                .wait_while(state, |state| state.round == round),
        );
        BarrierWaitResult(false)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").finish_non_exhaustive()
    }
}

/// Whether a thread was the last to come to a [`Barrier`]. This corresponds to
/// [`std::sync::BarrierWaitResult`], which cannot be made outside std.
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// True for one thread of a round. This corresponds to [`std::sync::BarrierWaitResult::is_leader`].
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl fmt::Debug for BarrierWaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWaitResult")
            .field("is_leader", &self.is_leader())
            .finish()
    }
}
