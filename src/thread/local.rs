//! Thread-local values, as [`std::thread_local!`]: one value for each thread on every engine.
//!
//! Free green threads and OS threads have thread-local storage of their own, so there std's key is used.
//! Pinned green threads share their OS thread's storage; each keeps its values in a map of its own.

use crate::engine::Control;
use standin_core::fault;
use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::LocalKey as StdKey;

/// Declares thread-local values. This corresponds to [`std::thread_local!`], with the same syntax.
#[macro_export]
macro_rules! thread_local {
    () => {};
    // A list of one kind takes one step, however long it is: each further step counts for the recursion limit.
    ($($(#[$attribute:meta])* $vis:vis static $name:ident: $type:ty = const $init:block);+ $(;)?) => {
        $($crate::__thread_local!([$(#[$attribute])*] [$vis] $name [$type] const $init);)+
    };
    ($($(#[$attribute:meta])* $vis:vis static $name:ident: $type:ty = $init:expr_2021);+ $(;)?) => {
        $($crate::__thread_local!([$(#[$attribute])*] [$vis] $name [$type] $init);)+
    };
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $type:ty = const $init:block $(; $($rest:tt)*)?) => {
        $crate::__thread_local!([$(#[$attribute])*] [$vis] $name [$type] const $init);
        $($crate::thread_local!($($rest)*);)?
    };
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $type:ty = $init:expr $(; $($rest:tt)*)?) => {
        $crate::__thread_local!([$(#[$attribute])*] [$vis] $name [$type] $init);
        $($crate::thread_local!($($rest)*);)?
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __thread_local {
    ([$($attribute:tt)*] [$vis:vis] $name:ident [$type:ty] const $init:block) => {
        $($attribute)*
        $vis const $name: $crate::thread::LocalKey<$type> = {
            const __INIT: $type = $init;
            $crate::__std::thread_local! {
                static __KEY: $type = const { __INIT };
            }
            // A static, because its address names the key.
            static __STD: $crate::__std::thread::LocalKey<$type> = __KEY;
            // A closure, because only there may a type leave out the lifetime of a reference.
            $crate::thread::LocalKey::__new(&__STD, || __INIT)
        };
    };
    ([$($attribute:tt)*] [$vis:vis] $name:ident [$type:ty] $init:expr) => {
        $($attribute)*
        $vis const $name: $crate::thread::LocalKey<$type> = {
            fn __init() -> $type {
                $init
            }
            $crate::__std::thread_local! {
                static __KEY: $type = __init();
            }
            // As above.
            static __STD: $crate::__std::thread::LocalKey<$type> = __KEY;
            $crate::thread::LocalKey::__new(&__STD, __init)
        };
    };
}

/// A key to a value that each thread has its own of. This corresponds to [`std::thread::LocalKey`].
pub struct LocalKey<T: 'static> {
    std: &'static StdKey<T>,
    init: fn() -> T,
}

/// The value is being destroyed, or was. This corresponds to [`std::thread::AccessError`].
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessError;

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("already destroyed")
    }
}

impl Error for AccessError {}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn __new(std: &'static StdKey<T>, init: fn() -> T) -> Self {
        Self { std, init }
    }

    /// This corresponds to [`std::thread::LocalKey::with`].
    ///
    /// # Panics
    ///
    /// If the value is being destroyed, or was.
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        self.try_with(f).unwrap_or_else(|error| destroyed(error))
    }

    /// This corresponds to [`std::thread::LocalKey::try_with`].
    ///
    /// # Errors
    ///
    /// If the value is being destroyed, or was.
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        match self.pinned() {
            Some(control) => self.with_own(&control, None, |value, _| f(value)),
            None => self.std.try_with(f).map_err(|_| AccessError),
        }
    }

    /// The calling thread, if it is a pinned one and so keeps its values itself.
    fn pinned(&self) -> Option<Control> {
        // Programs without pinned threads do not pay for them.
        if !ANY_PINNED.load(Relaxed) || fault::is_planted("shared-local") {
            return None;
        }
        Control::current(|control| {
            control
                .filter(|control| control.locals().is_some())
                .cloned()
        })
    }

    /// Calls `f` with the value of the calling thread, which is `control` and pinned. A value that is not
    /// there yet becomes `first`, if that is given, rather than what the key says; else `first` goes to `f`.
    fn with_own<R>(
        &'static self,
        control: &Control,
        first: Option<T>,
        f: impl FnOnce(&T, Option<T>) -> R,
    ) -> Result<R, AccessError> {
        let locals = control.locals().expect("a pinned thread keeps its values");
        let values = locals.0.get_or_init(Box::default);
        let (value, unused) = values.get(self.address(), self.init, first)?;
        // SAFETY: the value is boxed and dropped at the end of this thread, which is not before `f` returns;
        // `get` found it under a key that is this key's alone, so its type is `T`.
        Ok(f(unsafe { &*value }, unused))
    }

    fn address(&self) -> usize {
        ptr::from_ref(self.std).addr()
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// This corresponds to [`std::thread::LocalKey::set`].
    ///
    /// # Panics
    ///
    /// If the value is being destroyed, or was.
    pub fn set(&'static self, value: T) {
        let Some(control) = self.pinned() else {
            return self.std.set(value);
        };
        let done = self.with_own(&control, Some(Cell::new(value)), |cell, unused| {
            if let Some(value) = unused {
                cell.set(value.into_inner());
            }
        });
        done.unwrap_or_else(|error| destroyed(error));
    }

    /// This corresponds to [`std::thread::LocalKey::get`].
    ///
    /// # Panics
    ///
    /// If the value is being destroyed, or was.
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// This corresponds to [`std::thread::LocalKey::take`].
    ///
    /// # Panics
    ///
    /// If the value is being destroyed, or was.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// This corresponds to [`std::thread::LocalKey::replace`].
    ///
    /// # Panics
    ///
    /// If the value is being destroyed, or was.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// This corresponds to [`std::thread::LocalKey::with_borrow`].
    ///
    /// # Panics
    ///
    /// If the value is mutably borrowed, is being destroyed, or was.
    pub fn with_borrow<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        self.with(|cell| f(&cell.borrow()))
    }

    /// This corresponds to [`std::thread::LocalKey::with_borrow_mut`].
    ///
    /// # Panics
    ///
    /// If the value is borrowed, is being destroyed, or was.
    pub fn with_borrow_mut<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&mut T) -> R,
    {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }

    /// This corresponds to [`std::thread::LocalKey::set`].
    ///
    /// # Panics
    ///
    /// If the value is borrowed, is being destroyed, or was.
    pub fn set(&'static self, value: T) {
        let Some(control) = self.pinned() else {
            return self.std.set(value);
        };
        let done = self.with_own(&control, Some(RefCell::new(value)), |cell, unused| {
            if let Some(value) = unused {
                *cell.borrow_mut() = value.into_inner();
            }
        });
        done.unwrap_or_else(|error| destroyed(error));
    }

    /// This corresponds to [`std::thread::LocalKey::take`].
    ///
    /// # Panics
    ///
    /// If the value is borrowed, is being destroyed, or was.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }

    /// This corresponds to [`std::thread::LocalKey::replace`].
    ///
    /// # Panics
    ///
    /// If the value is borrowed, is being destroyed, or was.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

#[cold]
fn destroyed(error: AccessError) -> ! {
    panic!("cannot access a Thread Local Storage value during or after destruction: {error:?}")
}

/// Whether a thread with values of its own was ever made.
static ANY_PINNED: AtomicBool = AtomicBool::new(false);

/// The values of one pinned thread, once it has any. Used by that thread alone.
pub(crate) struct Locals(OnceCell<Box<Values>>);

#[derive(Default)]
struct Values {
    values: RefCell<HashMap<usize, Local>>,
    /// Those with something to do when they are dropped, in the order in which they were made. The others
    /// can be used until the very end, as std's.
    order: RefCell<Vec<usize>>,
}

enum Local {
    Alive(Box<dyn Any>),
    Destroyed,
}

// SAFETY: the values are made, used and dropped by the thread that they belong to; others that hold its
// `Control` cannot reach them.
unsafe impl Sync for Locals {}
// SAFETY: as above.
unsafe impl Send for Locals {}

impl Locals {
    pub(crate) fn new() -> Self {
        if !ANY_PINNED.load(Relaxed) {
            ANY_PINNED.store(true, Relaxed);
        }
        Self(OnceCell::new())
    }

    /// Drops all values, also those that are made meanwhile.
    pub(crate) fn destroy(&self) {
        if let Some(values) = self.0.get() {
            values.destroy();
        }
    }
}

impl Values {
    /// The value of a key, made now if it is not there yet; `first` comes back if it was.
    fn get<T: 'static>(
        &self,
        key: usize,
        init: fn() -> T,
        mut first: Option<T>,
    ) -> Result<(*const T, Option<T>), AccessError> {
        if let Some(found) = self.find(key)? {
            return Ok((found, first));
        }
        // User code: it may use other keys, and even this one.
        let value = Box::new(first.take().unwrap_or_else(init));
        let address: *const T = &*value;
        let replaced = self.values.borrow_mut().insert(key, Local::Alive(value));
        if replaced.is_none() && mem::needs_drop::<T>() {
            self.order.borrow_mut().push(key);
        }
        drop(replaced);
        Ok((address, None))
    }

    fn find<T: 'static>(&self, key: usize) -> Result<Option<*const T>, AccessError> {
        match self.values.borrow().get(&key) {
            Some(Local::Alive(value)) => Ok(value.downcast_ref().map(ptr::from_ref)),
            Some(Local::Destroyed) => Err(AccessError),
            None => Ok(None),
        }
    }

    /// The newest first.
    fn destroy(&self) {
        loop {
            let Some(key) = self.order.borrow_mut().pop() else {
                break;
            };
            let value = self.values.borrow_mut().insert(key, Local::Destroyed);
            // There is nobody who could catch it, as in std.
            if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
                eprintln!("fatal runtime error: thread local panicked on drop, aborting");
                std::process::abort();
            }
        }
        self.values.borrow_mut().clear();
    }
}
