//! What a thread is, whichever engine runs it: its id, its name, its cancellation flag.

use super::pthread::Pthread;
pub use super::record::Control;
use super::{Engine, interrupt};
use crate::thread::Locals;
use standin_core::{Lock, context};
use std::io;
use std::num::NonZero;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::task::Waker;

/// Who a thread is.
pub(crate) struct Identity {
    id: NonZero<u64>,
    name: Option<Box<str>>,
    /// `None` for an OS thread that no engine made.
    engine: Option<Engine>,
    /// The least number of bytes of stack that it needs, if its user said so; else 0.
    stack_size: usize,
    /// The token of `thread::park`: see `thread/park.rs`.
    token: AtomicU32,
    cancelled: AtomicBool,
    pthread: Pthread,
    /// While the thread runs.
    waker: Lock<Option<Waker>>,
    /// Where the thread shares its OS thread's thread-local storage: its own values.
    locals: Option<Locals>,
}

impl Identity {
    pub(crate) fn new(
        name: Option<Box<str>>,
        engine: Option<Engine>,
        stack_size: Option<usize>,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Relaxed);
        Self {
            id: NonZero::new(id).expect("2^64 threads were not spawned"),
            name,
            engine,
            // One of 0 is the least that there is, as one of 1.
            stack_size: stack_size.map_or(0, |size| size.max(1)),
            token: AtomicU32::new(0),
            cancelled: AtomicBool::new(false),
            pthread: Pthread::new(),
            waker: Lock::new(None),
            locals: engine
                .filter(|engine| engine.contract().shares_locals())
                .map(|_| Locals::new()),
        }
    }
}

impl Control {
    /// An OS thread that no engine made.
    pub(crate) fn of_os_thread(name: Option<Box<str>>) -> Self {
        Self::of_another(Identity::new(name, None, None))
    }

    /// Unique in the process, and never reused.
    pub fn id(&self) -> NonZero<u64> {
        self.identity().id
    }

    /// The name that the thread was given, if any.
    pub fn name(&self) -> Option<&str> {
        self.identity().name.as_deref()
    }

    /// The engine that runs the thread; `None` for an OS thread that no engine made.
    pub fn engine(&self) -> Option<Engine> {
        self.identity().engine
    }

    pub(super) fn stack_size(&self) -> Option<usize> {
        Some(self.identity().stack_size).filter(|&size| size != 0)
    }

    pub(crate) fn token(&self) -> &AtomicU32 {
        &self.identity().token
    }

    /// What `pthread_self` returns on the thread.
    pub(crate) fn pthread(&self) -> &Pthread {
        &self.identity().pthread
    }

    /// Called by the engine before the thread runs: what wakes it when it is cancelled.
    pub fn bind(&self, waker: Waker) {
        let before = self.identity().waker.lock().replace(waker);
        drop(before);
    }

    /// As `bind`, in the child of a fork: another thread of the parent may have been in the middle of it.
    ///
    /// # Safety
    ///
    /// The calling thread is the only one of the process.
    #[cfg(feature = "_pinned")]
    pub(super) unsafe fn rebind_in_child(&self, waker: Waker) {
        // SAFETY: the caller's promise.
        unsafe { self.identity().waker.reset(Some(waker)) };
    }

    /// The thread has ended, and is not woken any more.
    pub(super) fn unbind(&self) {
        if self.is_placed() {
            // It takes no wake any more by itself.
            return;
        }
        let waker = self.identity().waker.lock().take();
        drop(waker);
    }

    /// Raises the flag, and wakes the thread so that it sees it: where it is parked, and where a socket
    /// operation by the kernel blocks it.
    pub fn cancel(&self) {
        if !self.identity().cancelled.swap(true, AcqRel) {
            self.wake_placed();
            let waker = self.identity().waker.lock().clone();
            if let Some(waker) = waker {
                waker.wake();
            }
            interrupt::all();
        }
    }

    /// Whether the flag is up.
    pub fn is_cancelled(&self) -> bool {
        self.identity().cancelled.load(Acquire)
    }

    /// The flag, for [`wait_interruptible`](standin_core::wait_queue::wait_interruptible).
    pub fn cancel_flag(&self) -> &AtomicBool {
        &self.identity().cancelled
    }

    /// Drops the thread's own thread-local values; called on the thread itself, when it ends.
    pub fn destroy_locals(&self) {
        if let Some(locals) = &self.identity().locals {
            locals.destroy();
        }
    }

    /// The thread's own thread-local values, where it shares its OS thread's storage.
    pub(crate) fn locals(&self) -> Option<&Locals> {
        self.identity().locals.as_ref()
    }

    /// Calls `f` with the control of the engine's thread that the caller runs on.
    pub fn current<R>(f: impl FnOnce(Option<&Control>) -> R) -> R {
        context::current(|context| {
            f(context
                .and_then(|context| context.local())
                .and_then(|local| local.downcast_ref()))
        })
    }

    /// Whether the calling thread was cancelled; an OS thread that no engine made cannot be.
    pub fn cancellation() -> bool {
        Self::current(|control| control.is_some_and(|control| control.is_cancelled()))
    }

    /// An error if the calling thread was cancelled.
    pub fn check_cancellation() -> io::Result<()> {
        if Self::cancellation() {
            Err(super::cancelled())
        } else {
            Ok(())
        }
    }
}
