//! What a thread is, whichever engine runs it: its id, its name, its cancellation flag.

use super::pthread::Pthread;
use super::{Engine, interrupt};
use crate::thread::Locals;
use standin_core::{Lock, context};
use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::task::Waker;

/// The identity of a thread, shared by the thread itself and all who have a handle to it.
pub struct Control {
    id: NonZero<u64>,
    name: Option<Box<str>>,
    /// `None` for an OS thread that no engine made.
    engine: Option<Engine>,
    /// The token of `thread::park`: see `thread/park.rs`.
    pub(crate) token: AtomicU32,
    cancelled: AtomicBool,
    pthread: Pthread,
    /// While the thread runs.
    waker: Lock<Option<Waker>>,
    /// Where the thread shares its OS thread's thread-local storage: its own values.
    locals: Option<Locals>,
}

impl Control {
    pub(crate) fn new(name: Option<Box<str>>, engine: Option<Engine>) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Relaxed);
        Arc::new(Self {
            id: NonZero::new(id).expect("2^64 threads were not spawned"),
            name,
            engine,
            token: AtomicU32::new(0),
            cancelled: AtomicBool::new(false),
            pthread: Pthread::new(),
            waker: Lock::new(None),
            locals: engine
                .filter(|engine| engine.contract().shares_locals())
                .map(|_| Locals::new()),
        })
    }

    /// Unique in the process, and never reused.
    pub fn id(&self) -> NonZero<u64> {
        self.id
    }

    /// The name that the thread was given, if any.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The engine that runs the thread; `None` for an OS thread that no engine made.
    pub fn engine(&self) -> Option<Engine> {
        self.engine
    }

    /// What `pthread_self` returns on the thread.
    pub(crate) fn pthread(&self) -> &Pthread {
        &self.pthread
    }

    /// Called by the engine before the thread runs: what wakes it when it is cancelled.
    pub fn bind(&self, waker: Waker) {
        let before = self.waker.lock().replace(waker);
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
        unsafe { self.waker.reset(Some(waker)) };
    }

    /// The thread has ended, and is not woken any more.
    pub(super) fn unbind(&self) {
        let waker = self.waker.lock().take();
        drop(waker);
    }

    /// Raises the flag, and wakes the thread so that it sees it: where it is parked, and where a socket
    /// operation by the kernel blocks it.
    pub fn cancel(&self) {
        if !self.cancelled.swap(true, AcqRel) {
            let waker = self.waker.lock().clone();
            if let Some(waker) = waker {
                waker.wake();
                interrupt::all();
            }
        }
    }

    /// Whether the flag is up.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Acquire)
    }

    /// The flag, for [`wait_interruptible`](standin_core::wait_queue::wait_interruptible).
    pub fn cancel_flag(&self) -> &AtomicBool {
        &self.cancelled
    }

    /// Drops the thread's own thread-local values; called on the thread itself, when it ends.
    pub fn destroy_locals(&self) {
        if let Some(locals) = &self.locals {
            locals.destroy();
        }
    }

    /// The thread's own thread-local values, where it shares its OS thread's storage.
    pub(crate) fn locals(&self) -> Option<&Locals> {
        self.locals.as_ref()
    }

    /// Calls `f` with the control of the engine's thread that the caller runs on.
    pub fn current<R>(f: impl FnOnce(Option<&Arc<Control>>) -> R) -> R {
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
