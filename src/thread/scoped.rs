//! Threads that may borrow.

use super::handle::Joinable;
use super::packet::ScopeData;
use super::{Builder, Thread};
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread::Result;

/// A scope to spawn threads in. This corresponds to [`std::thread::Scope`].
pub struct Scope<'scope, 'env: 'scope> {
    data: Arc<ScopeData>,
    /// Invariant over both lifetimes, so that neither can shrink to what a thread may outlive.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// Calls `f` with a scope, and returns when all threads that were spawned in it have ended. This corresponds
/// to [`std::thread::scope`].
///
/// # Panics
///
/// With the panic of `f`, or if a thread panicked that was not joined.
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let scope = Scope {
        data: Arc::default(),
        scope: PhantomData,
        env: PhantomData,
    };
    let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    scope.data.wait();
    match result {
        Err(panic) => resume_unwind(panic),
        Ok(_) if scope.data.has_panicked() => panic!("a scoped thread panicked"),
        Ok(value) => value,
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Spawns a thread that ends before the scope does. This corresponds to [`std::thread::Scope::spawn`].
    ///
    /// # Panics
    ///
    /// If the thread cannot be started; [`Builder::spawn_scoped`] returns the error instead.
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        Builder::new()
            .spawn_scoped(self, f)
            .unwrap_or_else(|error| panic!("failed to spawn thread: {error}"))
    }

    pub(super) fn data(&self) -> &Arc<ScopeData> {
        &self.data
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// Owns the right to join a thread of a scope. This corresponds to [`std::thread::ScopedJoinHandle`].
pub struct ScopedJoinHandle<'scope, T>(pub(crate) Joinable<'scope, T>);

impl<'scope, T> ScopedJoinHandle<'scope, T> {
    pub(super) fn new(joinable: Joinable<'scope, T>) -> Self {
        Self(joinable)
    }

    /// This corresponds to [`std::thread::ScopedJoinHandle::thread`].
    #[must_use]
    pub fn thread(&self) -> &Thread {
        self.0.thread()
    }

    /// This corresponds to [`std::thread::ScopedJoinHandle::join`].
    ///
    /// # Errors
    ///
    /// The panic of the thread.
    pub fn join(self) -> Result<T> {
        self.0.join()
    }

    /// This corresponds to [`std::thread::ScopedJoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").finish_non_exhaustive()
    }
}
