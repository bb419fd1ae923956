//! Futures that run by themselves.

use super::task::{self, Task};
use crate::engine::{self, BoxedFuture, Engine};
use crate::thread::Thread;
use async_trait::async_trait;
use standin_core::Lock;
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;

/// A closure that may block its OS thread for long.
pub type BlockingSection = Box<dyn FnOnce() + Send>;

/// Running futures and blocking sections. [`SpawnExt`] has the same in a more convenient form.
#[async_trait]
pub trait Spawn {
    /// Polls `future` until it is ready, while the caller goes on. It must not panic when it is polled or dropped.
    ///
    /// On `async` it is a plain task of the tokio runtime that a thread spawned here would run on, since that
    /// runtime would poll it for a thread too. On every other engine a thread of the engine waits for it.
    ///
    /// # Errors
    ///
    /// What keeps the engine from starting a thread; `future` is dropped then.
    fn start(&self, future: BoxedFuture) -> io::Result<()>;

    /// Runs `section` on a thread of the engine, in a blocking section ([`engine::blocking`](crate::engine::blocking)).
    ///
    /// Begins at the first poll. Dropped, it raises the cancellation flag of that thread, which goes on.
    ///
    /// # Errors
    ///
    /// The section was not called: the engine could not start a thread, or had no OS thread for the section.
    ///
    /// # Panics
    ///
    /// With the panic of `section`.
    async fn run_blocking(&self, section: BlockingSection) -> io::Result<()>;
}

/// [`Spawn`], with outputs.
pub trait SpawnExt: Spawn {
    /// Runs `future`, while the caller goes on.
    ///
    /// # Errors
    ///
    /// As [`Spawn::start`].
    fn spawn_task<F>(&self, future: F) -> io::Result<Task<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (task, run) = task::new(future);
        self.start(Box::pin(run))?;
        Ok(task)
    }

    /// Runs `section`, which may block its OS thread for long, on a thread of the engine, as
    /// [`Spawn::run_blocking`] says, and yields what it returned.
    ///
    /// # Errors
    ///
    /// As [`Spawn::run_blocking`].
    ///
    /// # Panics
    ///
    /// With the panic of `section`.
    fn blocking<F, T>(&self, section: F) -> impl Future<Output = io::Result<T>> + Send
    where
        Self: Sync,
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        async move {
            let returned = Arc::new(Lock::new(None));
            let place = returned.clone();
            self.run_blocking(Box::new(move || {
                let value = section();
                *place.lock() = Some(value);
            }))
            .await?;
            let value = returned.lock().take();
            Ok(value.expect("a section that did not fail was called"))
        }
    }
}

impl<S: Spawn + ?Sized> SpawnExt for S {}

#[async_trait]
impl Spawn for Engine {
    fn start(&self, future: BoxedFuture) -> io::Result<()> {
        match self.contract().start_future(future)? {
            Some(future) => self.spawn(move || crate::block_on(future)).map(drop),
            None => Ok(()),
        }
    }

    async fn run_blocking(&self, section: BlockingSection) -> io::Result<()> {
        let handle = self.spawn(move || engine::blocking(section))?;
        let _cancelled_on_drop = CancelOnDrop(handle.thread().clone());
        handle.await.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// To a thread that has ended a cancellation is nothing.
struct CancelOnDrop(Thread);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
