//! A thread that an engine is asked to start.

use super::control::Control;
use std::sync::Arc;

/// What a thread is made of, as the engine sees it. See [`Spawn::start`](super::Spawn::start) for what an
/// engine does with it.
pub struct NewThread {
    control: Arc<Control>,
    stack_size: Option<usize>,
    main: Arc<dyn Main>,
}

/// What a thread runs, and who waits for it: `thread/packet.rs` implements it.
pub(crate) trait Main: Send + Sync {
    /// Runs the user's closure; called once. A panic is caught and kept for the join.
    fn run(&self);

    /// Lets the join return; called once, after [`run`](Self::run).
    fn finish(self: Arc<Self>);
}

impl NewThread {
    pub(crate) fn new(
        control: Arc<Control>,
        stack_size: Option<usize>,
        main: Arc<dyn Main>,
    ) -> Self {
        Self {
            control,
            stack_size,
            main,
        }
    }

    /// Who the thread will be.
    pub fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// The least number of bytes of stack that it needs, if its user said so.
    pub fn stack_size(&self) -> Option<usize> {
        self.stack_size
    }

    /// Runs the thread's closure. A panic in it is caught and kept for the join.
    pub fn run(self) -> Finished {
        self.control.pthread().announce(None);
        self.main.run();
        Finished {
            main: Some(self.main),
            control: self.control,
        }
    }
}

/// A thread that ran. Dropping it lets the join return, so the thread's locals are destroyed before.
#[must_use = "dropping it ends the join"]
pub struct Finished {
    main: Option<Arc<dyn Main>>,
    control: Arc<Control>,
}

impl Drop for Finished {
    fn drop(&mut self) {
        self.control.unbind();
        if let Some(main) = self.main.take() {
            main.finish();
        }
    }
}
