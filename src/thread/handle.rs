//! The handle of a thread.

use super::Thread;
use super::packet::Outcome;
use crate::engine::Control;
use standin_core::context;
use standin_core::wait_queue::Waiting;
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread::{JoinHandle as OsJoinHandle, Result};

/// Owns the right to join a thread. This corresponds to [`std::thread::JoinHandle`].
///
/// It can be joined from any context: a green thread parks, an OS thread blocks.
pub struct JoinHandle<T>(pub(crate) Joinable<'static, T>);

impl<T> JoinHandle<T> {
    /// This corresponds to [`std::thread::JoinHandle::thread`].
    #[must_use]
    pub fn thread(&self) -> &Thread {
        self.0.thread()
    }

    /// Waits for the thread, its thread-local destructors included. This corresponds to
    /// [`std::thread::JoinHandle::join`].
    ///
    /// # Errors
    ///
    /// The panic of the thread.
    pub fn join(self) -> Result<T> {
        self.0.join()
    }

    /// This corresponds to [`std::thread::JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
    }
}

/// What both kinds of handle are made of.
pub(crate) struct Joinable<'scope, T> {
    thread: Thread,
    os_thread: Option<OsJoinHandle<()>>,
    /// As std's: a handle shares the result, of which there is one, with the thread.
    result: PhantomData<(*const UnsafeCell<T>, &'scope ())>,
}

// SAFETY: as std's: the handle gives out the result only by value, and only to the one who joins.
unsafe impl<T> Send for Joinable<'_, T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Joinable<'_, T> {}

impl<T> Joinable<'_, T> {
    /// # Safety
    ///
    /// `control` is that of a `Packet<_, T>`, of which this is the only handle.
    pub(super) unsafe fn new(control: Control) -> Self {
        Self {
            thread: Thread::new(control),
            os_thread: None,
            result: PhantomData,
        }
    }

    /// The OS thread, where it has one for itself.
    pub(super) fn set_os_thread(&mut self, os_thread: Option<OsJoinHandle<()>>) {
        self.os_thread = os_thread;
    }

    fn outcome(&self) -> &Outcome<T> {
        // SAFETY: `new`'s: that is what it points to, for as long as the control is there.
        unsafe { &*self.control().outcome().cast() }
    }

    pub(super) fn thread(&self) -> &Thread {
        &self.thread
    }

    pub(crate) fn control(&self) -> &Control {
        self.thread.control()
    }

    /// The OS thread, where it has one for itself.
    pub(crate) fn os_thread(&self) -> Option<&OsJoinHandle<()>> {
        self.os_thread.as_ref()
    }

    /// Gives up the join for that of the OS thread, or itself back.
    pub(crate) fn into_os_thread(mut self) -> std::result::Result<OsJoinHandle<()>, Self> {
        self.os_thread.take().ok_or(self)
    }

    pub(super) fn join(mut self) -> Result<T> {
        self.outcome().wait();
        if let Some(os_thread) = self.os_thread.take()
            && Control::current(|control| control.is_none())
        {
            // All that is left of it is its end; from another engine's thread even that is not waited for.
            // It cannot panic: the thread's own panic was caught.
            let _ = os_thread.join();
        }
        // SAFETY: it has finished, and the handle, of which there is one, is consumed.
        unsafe { self.outcome().take() }
    }

    /// As [`join`](Self::join), for a future. Of an OS thread its end is not waited for, which would block.
    ///
    /// # Panics
    ///
    /// After it was ready.
    pub(crate) fn poll_join(
        &mut self,
        mut waiting: Pin<&mut Waiting>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T>> {
        while let Some(ticket) = self.outcome().await_finish() {
            ready!(ticket.poll(waiting.as_mut(), cx));
        }
        // SAFETY: it has finished, and the handle, of which there is one, is borrowed exclusively.
        Poll::Ready(unsafe { self.outcome().take() })
    }

    pub(super) fn is_finished(&self) -> bool {
        let finished = self.outcome().is_finished();
        if !finished {
            // The caller may ask until it has.
            context::progress();
        }
        finished
    }
}

impl<T> Drop for Joinable<'_, T> {
    fn drop(&mut self) {
        self.outcome().detach();
    }
}
