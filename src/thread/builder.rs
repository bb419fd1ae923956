//! How a thread is made.

use super::packet::{Packet, ScopeData};
use super::{JoinHandle, Scope, ScopedJoinHandle, handle::Joinable, panic_hook};
use crate::engine::{self, Control, Engine, Identity, NewThread};
use std::ffi::CString;
use std::io;
use std::sync::Arc;

/// The name and the stack size of a thread to be. This corresponds to [`std::thread::Builder`].
#[must_use = "must eventually spawn the thread"]
#[derive(Debug, Default)]
pub struct Builder {
    name: Option<String>,
    stack_size: Option<usize>,
}

impl Builder {
    /// This corresponds to [`std::thread::Builder::new`].
    pub fn new() -> Self {
        Self::default()
    }

    /// This corresponds to [`std::thread::Builder::name`].
    ///
    /// # Panics
    ///
    /// `spawn` panics if the name holds a null byte, as std's does.
    pub fn name(mut self, name: String) -> Self {
        self.name = Some(name);
        self
    }

    /// The least number of bytes of stack. This corresponds to [`std::thread::Builder::stack_size`].
    ///
    /// The default is the engine's: std's on OS threads; less on green threads, see
    /// [`engine::green`](crate::engine). `RUST_MIN_STACK` overrides it on both.
    pub fn stack_size(mut self, size: usize) -> Self {
        self.stack_size = Some(size);
        self
    }

    /// Spawns the thread on the engine that [`spawn`](super::spawn) uses. This corresponds to
    /// [`std::thread::Builder::spawn`].
    ///
    /// # Errors
    ///
    /// What keeps the engine from starting it: no memory, no more mappings, no more OS threads, an engine
    /// that does not exist here, or a `STANDIN_ENGINE` that names none.
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_on(spawner()?, f)
    }

    /// As [`spawn`](Self::spawn), on the engine that the caller says.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    pub fn spawn_on<F, T>(self, engine: Engine, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // SAFETY: everything is `'static`.
        unsafe { self.start(engine, f, None) }.map(JoinHandle)
    }

    /// As [`spawn`](Self::spawn), without its lifetime bounds. This corresponds to
    /// [`std::thread::Builder::spawn_unchecked`].
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Safety
    ///
    /// As std's: the thread is joined, or has ended, before anything dies that `F` or `T` refer to.
    pub unsafe fn spawn_unchecked<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        // SAFETY: the caller's promise.
        unsafe { self.start(spawner()?, f, None) }.map(JoinHandle)
    }

    /// Spawns a thread of a scope. This corresponds to [`std::thread::Builder::spawn_scoped`].
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    pub fn spawn_scoped<'scope, 'env, F, T>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.spawn_scoped_on(spawner()?, scope, f)
    }

    /// As [`spawn_scoped`](Self::spawn_scoped), on the engine that the caller says.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    pub fn spawn_scoped_on<'scope, 'env, F, T>(
        self,
        engine: Engine,
        scope: &'scope Scope<'scope, 'env>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        // SAFETY: the scope does not end before the thread has, and `'scope` lives that long.
        unsafe { self.start(engine, f, Some(scope.data())) }.map(ScopedJoinHandle::new)
    }

    /// # Safety
    ///
    /// The thread ends before anything dies that `F` or `T` refer to.
    unsafe fn start<'a, 'scope, F, T>(
        self,
        engine: Engine,
        f: F,
        scope: Option<&Arc<ScopeData>>,
    ) -> io::Result<Joinable<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'a,
        T: Send + 'a,
    {
        let name = self.name.map(|name| {
            if name.contains('\0') {
                // For the message of std's.
                CString::new(name).expect("thread name may not contain interior null bytes");
                unreachable!("the name has a null byte");
            }
            name.into_boxed_str()
        });
        if let Some(scope) = scope {
            scope.enter();
        }
        let identity = Identity::new(name, Some(engine), self.stack_size);
        // SAFETY: the caller promises that the thread ends before what `F` and `T` refer to; then there is neither a
        // closure nor a result left.
        let control = unsafe { Control::with_main(identity, Packet::new(f, scope.cloned())) };
        panic_hook::name_threads(engine);
        // SAFETY: the packet's result is a `T`.
        let mut handle = unsafe { Joinable::new(control.clone()) };
        handle.set_os_thread(engine.contract().start(NewThread::new(control))?);
        Ok(handle)
    }
}

/// The engine that `spawn` uses here.
fn spawner() -> io::Result<Engine> {
    match Control::current(|control| control.and_then(|control| control.engine())) {
        Some(engine) => Ok(engine),
        None => engine::default(),
    }
}
