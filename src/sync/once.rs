//! `Once`: one word that says how far the initialisation is, and whether anybody waits for its end.
//! `OnceLock` and `LazyLock` stand on it.

use standin_core::{context, wait_queue};
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

/// Complete is zero, for the sake of the check that everybody makes.
const COMPLETE: u32 = 0;
const INCOMPLETE: u32 = 1;
const RUNNING: u32 = 2;
const POISONED: u32 = 3;
const STAGE: u32 = 3;
/// Added to any other stage than complete: threads wait for the stage to change. Whoever ends a run wakes
/// them all.
const WAITED_FOR: u32 = 4;

/// Runs an initialisation once, whoever comes first; the others wait for its end.
///
/// This corresponds to [`std::sync::Once`]. A call from inside of its own initialisation waits for ever.
///
/// ```
/// use standin::sync::Once;
///
/// static START: Once = Once::new();
/// for _ in 0..2 {
///     START.call_once(|| println!("once"));
/// }
/// assert!(START.is_completed());
/// ```
pub struct Once {
    state: AtomicU32,
}

impl UnwindSafe for Once {}
impl RefUnwindSafe for Once {}

/// A [`Once`] on which nothing has run. This corresponds to [`std::sync::ONCE_INIT`].
#[deprecated(note = "the `Once::new()` function is now preferred")]
#[allow(clippy::declare_interior_mutable_const)]
pub const ONCE_INIT: Once = Once::new();

/// How far an initialisation is, for who has the [`Once`] to itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Incomplete,
    Poisoned,
    Complete,
}

impl Once {
    /// Nothing has run yet. This corresponds to [`std::sync::Once::new`].
    #[must_use]
    #[inline]
    #[expect(clippy::new_without_default, reason = "std has none")]
    pub const fn new() -> Self {
        Self {
            state: AtomicU32::new(INCOMPLETE),
        }
    }

    /// Runs `f` unless an initialisation has completed; waits for one that runs. This corresponds to
    /// [`std::sync::Once::call_once`].
    ///
    /// # Panics
    ///
    /// If `f` does, which poisons; and if the `Once` is poisoned.
    #[inline]
    #[track_caller]
    pub fn call_once<F>(&self, f: F)
    where
        F: FnOnce(),
    {
        if !self.has_completed() {
            let mut f = Some(f);
            self.call(false, &mut |_| {
                f.take().expect("an initialisation runs once")()
            });
        }
    }

    /// As [`call_once`](Self::call_once), also if the `Once` is poisoned; `f` learns whether it is. This
    /// corresponds to [`std::sync::Once::call_once_force`].
    ///
    /// # Panics
    ///
    /// If `f` does, which poisons.
    #[inline]
    pub fn call_once_force<F>(&self, f: F)
    where
        F: FnOnce(&OnceState),
    {
        if !self.has_completed() {
            let mut f = Some(f);
            self.call(true, &mut |state| {
                f.take().expect("an initialisation runs once")(state)
            });
        }
    }

    /// Whether an initialisation has completed. What it wrote is visible if it has. This corresponds to
    /// [`std::sync::Once::is_completed`].
    #[inline]
    pub fn is_completed(&self) -> bool {
        let completed = self.has_completed();
        if !completed {
            // The caller may ask until it is so.
            context::progress();
        }
        completed
    }

    /// As [`is_completed`](Self::is_completed), for a caller that will wait if not.
    #[inline]
    pub(super) fn has_completed(&self) -> bool {
        self.state.load(Acquire) == COMPLETE
    }

    /// Waits until an initialisation has completed. This corresponds to [`std::sync::Once::wait`].
    ///
    /// # Panics
    ///
    /// If the `Once` is poisoned, or becomes so during the wait.
    pub fn wait(&self) {
        if !self.has_completed() {
            self.wait_for_completion(false);
        }
    }

    /// As [`wait`](Self::wait), but poison does not end it. This corresponds to
    /// [`std::sync::Once::wait_force`].
    pub fn wait_force(&self) {
        if !self.has_completed() {
            self.wait_for_completion(true);
        }
    }

    /// The stage, without an atomic operation.
    pub(super) fn stage(&mut self) -> Stage {
        match *self.state.get_mut() & STAGE {
            COMPLETE => Stage::Complete,
            POISONED => Stage::Poisoned,
            _ => Stage::Incomplete,
        }
    }

    pub(super) fn set_stage(&mut self, stage: Stage) {
        *self.state.get_mut() = match stage {
            Stage::Complete => COMPLETE,
            Stage::Poisoned => POISONED,
            Stage::Incomplete => INCOMPLETE,
        };
    }

    #[cold]
    #[track_caller]
    fn call(&self, ignore_poison: bool, f: &mut dyn FnMut(&OnceState)) {
        let mut state = self.state.load(Acquire);
        loop {
            let stage = state & STAGE;
            match stage {
                COMPLETE => return,
                RUNNING => state = self.wait_for_change(state),
                POISONED if !ignore_poison => panic_poisoned(),
                _ => {
                    let running = state & WAITED_FOR | RUNNING;
                    match self
                        .state
                        .compare_exchange(state, running, Acquire, Acquire)
                    {
                        Err(changed) => state = changed,
                        Ok(_) => {
                            let mut run = Run {
                                state: &self.state,
                                ends_as: POISONED,
                            };
                            f(&OnceState {
                                poisoned: stage == POISONED,
                                not_sync: PhantomData,
                            });
                            run.ends_as = COMPLETE;
                            return;
                        }
                    }
                }
            }
        }
    }

    #[cold]
    #[track_caller]
    fn wait_for_completion(&self, ignore_poison: bool) {
        let mut state = self.state.load(Acquire);
        loop {
            match state & STAGE {
                COMPLETE => return,
                POISONED if !ignore_poison => panic_poisoned(),
                _ => state = self.wait_for_change(state),
            }
        }
    }

    /// Waits while the state is what the caller saw, and returns the new one.
    fn wait_for_change(&self, seen: u32) -> u32 {
        let waited_for = seen | WAITED_FOR;
        if seen != waited_for
            && let Err(changed) = self
                .state
                .compare_exchange(seen, waited_for, Acquire, Acquire)
        {
            return changed;
        }
        let _ = wait_queue::wait(&self.state, waited_for, None);
        self.state.load(Acquire)
    }
}

#[track_caller]
fn panic_poisoned() -> ! {
    panic!("Once instance has previously been poisoned");
}

/// An initialisation that runs; its end, also by a panic, sets the state and wakes who waits.
struct Run<'a> {
    state: &'a AtomicU32,
    ends_as: u32,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        let word: *const AtomicU32 = self.state;
        if self.state.swap(self.ends_as, AcqRel) & WAITED_FOR != 0 {
            wait_queue::wake(word, usize::MAX);
        }
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

/// What [`Once::call_once_force`] tells the initialisation. This corresponds to
/// [`std::sync::OnceState`], which cannot be made outside std.
pub struct OnceState {
    poisoned: bool,
    not_sync: PhantomData<Cell<()>>,
}

impl OnceState {
    /// Whether an earlier initialisation panicked. This corresponds to
    /// [`std::sync::OnceState::is_poisoned`].
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

impl fmt::Debug for OnceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceState")
            .field("poisoned", &self.is_poisoned())
            .finish()
    }
}
