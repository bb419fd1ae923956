//! `OnceLock`: a value that is written once, and the `Once` that says so.

use super::once::{Once, Stage};
use std::cell::UnsafeCell;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

/// A place that is written once, by whoever comes first. This corresponds to [`std::sync::OnceLock`].
///
/// std implements [`Drop`] for it in a way that lets the value borrow from what is dropped earlier. That is
/// unstable; here the value's own drop does the same, and there is no `Drop` to name as a bound.
///
/// ```
/// use standin::sync::OnceLock;
///
/// static NAME: OnceLock<String> = OnceLock::new();
/// assert_eq!(NAME.get(), None);
/// assert_eq!(NAME.get_or_init(|| "first".to_owned()), "first");
/// assert_eq!(NAME.set("second".to_owned()), Err("second".to_owned()));
/// ```
pub struct OnceLock<T> {
    once: Once,
    /// # Invariant
    ///
    /// *written once*: before `once` is complete only the initialisation that it runs touches the value;
    /// afterwards it is there, and nobody writes it without an exclusive borrow of the whole.
    value: UnsafeCell<Option<T>>,
}

// SAFETY: *written once*: threads share references to the value (`Sync`), and one may drop or take what
// another wrote (`Send`).
unsafe impl<T: Sync + Send> Sync for OnceLock<T> {}

impl<T: RefUnwindSafe + UnwindSafe> RefUnwindSafe for OnceLock<T> {}
impl<T: UnwindSafe> UnwindSafe for OnceLock<T> {}

impl<T> OnceLock<T> {
    /// An empty place. This corresponds to [`std::sync::OnceLock::new`].
    #[must_use]
    #[inline]
    pub const fn new() -> Self {
        Self {
            once: Once::new(),
            value: UnsafeCell::new(None),
        }
    }

    /// The value, if it was written; never waits. This corresponds to [`std::sync::OnceLock::get`].
    #[inline]
    pub fn get(&self) -> Option<&T> {
        if self.once.is_completed() {
            // SAFETY: *written once*: it is complete, so nobody writes it while it is shared.
            unsafe { &*self.value.get() }.as_ref()
        } else {
            None
        }
    }

    /// The value, if it was written. This corresponds to [`std::sync::OnceLock::get_mut`].
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut().as_mut()
    }

    /// Waits until the value was written. This corresponds to [`std::sync::OnceLock::wait`].
    #[inline]
    pub fn wait(&self) -> &T {
        self.once.wait_force();
        self.written()
    }

    /// Writes the value, unless there is one. This corresponds to [`std::sync::OnceLock::set`].
    ///
    /// # Errors
    ///
    /// The value that was given, if there is one already. If another thread writes at the same time, it
    /// waits for that.
    #[inline]
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        if !self.once.has_completed() {
            self.initialize(|| value.take().expect("an initialisation runs once"));
        }
        match value {
            None => Ok(()),
            Some(value) => Err(value),
        }
    }

    /// The value; if there is none yet, writes what `f` returns. Of several threads that call this at once
    /// one runs its `f`, and the others wait. This corresponds to [`std::sync::OnceLock::get_or_init`].
    ///
    /// # Panics
    ///
    /// If `f` does; the place stays empty then, and the next thread runs its own.
    #[inline]
    pub fn get_or_init<F>(&self, f: F) -> &T
    where
        F: FnOnce() -> T,
    {
        if !self.once.has_completed() {
            self.initialize(f);
        }
        self.written()
    }

    /// Gives the value back, if it was written. This corresponds to [`std::sync::OnceLock::into_inner`].
    #[inline]
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Takes the value out and leaves the place empty. This corresponds to
    /// [`std::sync::OnceLock::take`].
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        if self.once.stage() == Stage::Complete {
            self.once = Once::new();
        }
        self.value.get_mut().take()
    }

    #[cold]
    fn initialize(&self, f: impl FnOnce() -> T) {
        // Poison is ignored: an initialisation that panicked wrote nothing, and another may try.
        self.once.call_once_force(|_| {
            let value = f();
            // SAFETY: *written once*: this is the initialisation that `once` runs.
            unsafe { *self.value.get() = Some(value) };
        });
    }

    /// The value, which is there.
    #[inline]
    fn written(&self) -> &T {
        self.get().expect("the initialisation is complete")
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_tuple("OnceLock");
        match self.get() {
            Some(value) => output.field(value),
            None => output.field(&format_args!("<uninit>")),
        };
        output.finish()
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    fn clone(&self) -> Self {
        match self.get() {
            Some(value) => Self::from(value.clone()),
            None => Self::new(),
        }
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> Self {
        let lock = Self::new();
        lock.initialize(|| value);
        lock
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}
