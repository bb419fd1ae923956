//! Who the calling thread is.

use super::park;
use crate::engine::Control;
use std::cell::OnceCell;
use std::fmt;
use std::num::NonZero;
use std::panic::{RefUnwindSafe, UnwindSafe};

/// A handle to a thread. This corresponds to [`std::thread::Thread`].
#[derive(Clone)]
pub struct Thread(Control);

impl Thread {
    pub(crate) fn new(control: Control) -> Self {
        Self(control)
    }

    pub(super) fn control(&self) -> &Control {
        &self.0
    }

    /// This corresponds to [`std::thread::Thread::id`].
    #[must_use]
    pub fn id(&self) -> ThreadId {
        ThreadId(self.0.id())
    }

    /// This corresponds to [`std::thread::Thread::name`].
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// Leaves the token that [`park`](super::park()) takes. This corresponds to
    /// [`std::thread::Thread::unpark`], and works from any context.
    pub fn unpark(&self) {
        park::unpark(&self.0);
    }
}

// As std's: what it points to holds no value of a user's that a panic could leave half changed.
impl UnwindSafe for Thread {}
impl RefUnwindSafe for Thread {}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("id", &self.id())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// Unique to a thread in the life of the process. This corresponds to [`std::thread::ThreadId`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ThreadId(NonZero<u64>);

impl fmt::Debug for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ThreadId").field(&self.0).finish()
    }
}

thread_local! {
    /// Of an OS thread that no engine made; made when somebody asks.
    static OS_THREAD: OnceCell<Control> = const { OnceCell::new() };
}

/// The calling thread. This corresponds to [`std::thread::current`].
#[must_use]
pub fn current() -> Thread {
    with_current(|control| Thread(control.clone()))
}

/// What [`ThreadId`] is made of.
pub(crate) fn current_id() -> NonZero<u64> {
    with_current(|control| control.id())
}

pub(super) fn with_current<R>(f: impl FnOnce(&Control) -> R) -> R {
    Control::current(|control| match control {
        Some(control) => f(control),
        None => {
            // While the thread's own locals are destroyed, an identity for this once.
            let control = OS_THREAD.try_with(|control| control.get_or_init(os_thread).clone());
            f(&control.unwrap_or_else(|_| os_thread()))
        }
    })
}

fn os_thread() -> Control {
    let name = std::thread::current().name().map(Box::from);
    Control::of_os_thread(name)
}
