//! A thread that an engine is asked to start.

use super::control::Control;
use std::mem::ManuallyDrop;
use std::ptr;

/// What a thread is made of, as the engine sees it. See [`Spawn::start`](super::Spawn::start) for what an
/// engine does with it.
pub struct NewThread {
    control: Control,
}

impl NewThread {
    pub(crate) fn new(control: Control) -> Self {
        Self { control }
    }

    /// Who the thread will be.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The least number of bytes of stack that it needs, if its user said so.
    pub fn stack_size(&self) -> Option<usize> {
        self.control.stack_size()
    }

    /// Runs the thread's closure. A panic in it is caught and kept for the join.
    pub fn run(self) -> Finished {
        // SAFETY: it is not used again.
        let control = unsafe { ptr::read(&ManuallyDrop::new(self).control) };
        control.pthread().announce(None);
        control.run();
        Finished { control }
    }
}

impl Drop for NewThread {
    /// It could not be started.
    fn drop(&mut self) {
        self.control.abandon();
    }
}

/// A thread that ran. Dropping it lets the join return, so the thread's locals are destroyed before.
#[must_use = "dropping it ends the join"]
pub struct Finished {
    control: Control,
}

impl Drop for Finished {
    fn drop(&mut self) {
        self.control.unbind();
        self.control.finish();
    }
}
