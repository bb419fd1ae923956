//! A thread that parks by blocking its OS thread: one of the engine `threads`, or one of another engine while it
//! is in a blocking section.

use super::control::Control;
use standin_core::Instant;
use standin_core::context::{Context, OsThread};
use std::any::Any;

use std::task::Waker;

pub(super) struct OsContext {
    parking: OsThread,
    control: Control,
}

impl OsContext {
    pub(super) fn new(control: Control) -> Self {
        Self {
            parking: OsThread::new(),
            control,
        }
    }
}

impl Context for OsContext {
    fn park(&self, deadline: Option<Instant>) -> bool {
        self.parking.park(deadline)
    }

    fn waker(&self) -> Waker {
        self.parking.waker()
    }

    fn local(&self) -> Option<&(dyn Any + Send + Sync)> {
        Some(&self.control)
    }
}
