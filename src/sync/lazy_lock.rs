//! `LazyLock`: a value that is computed when it is first needed, and the `Once` that says whether it was.

use super::once::{Once, Stage};
use std::cell::UnsafeCell;
use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};

/// A value that the first access computes; accesses meanwhile wait. This corresponds to
/// [`std::sync::LazyLock`].
///
/// If the computation panics, so does every access from then on.
///
/// ```
/// use standin::sync::LazyLock;
///
/// static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| "one two".split(' ').collect());
/// assert_eq!(WORDS.len(), 2);
/// ```
pub struct LazyLock<T, F = fn() -> T> {
    once: Once,
    /// # Invariant
    ///
    /// *computed once*: before `once` is complete only the initialisation that it runs touches the content;
    /// afterwards it is a value, and nobody writes it without an exclusive borrow of the whole.
    content: UnsafeCell<Content<T, F>>,
}

enum Content<T, F> {
    Function(F),
    Value(T),
    /// The function runs, or panicked.
    Nothing,
}

// SAFETY: *computed once*: threads share references to the value (`Sync`), and one may drop what another
// computed (`Send`). The function moves to the thread that runs it (`Send`), and is never shared.
unsafe impl<T: Sync + Send, F: Send> Sync for LazyLock<T, F> {}

impl<T: RefUnwindSafe + UnwindSafe, F: UnwindSafe> RefUnwindSafe for LazyLock<T, F> {}
impl<T: UnwindSafe, F: UnwindSafe> UnwindSafe for LazyLock<T, F> {}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// A value that `f` will compute. This corresponds to [`std::sync::LazyLock::new`].
    #[inline]
    pub const fn new(f: F) -> Self {
        Self {
            once: Once::new(),
            content: UnsafeCell::new(Content::Function(f)),
        }
    }

    /// The value, which is computed now if it was not; waits for another thread that does. This corresponds
    /// to [`std::sync::LazyLock::force`].
    ///
    /// # Panics
    ///
    /// If the function does, now or earlier.
    #[inline]
    pub fn force(this: &Self) -> &T {
        if !this.once.has_completed() {
            Self::compute(this);
        }
        Self::get(this).expect("the initialisation is complete")
    }

    /// The value, which is computed now if it was not. This corresponds to
    /// [`std::sync::LazyLock::force_mut`].
    ///
    /// # Panics
    ///
    /// If the function does, now or earlier.
    #[inline]
    pub fn force_mut(this: &mut Self) -> &mut T {
        if this.once.stage() != Stage::Complete {
            Self::compute_mut(this);
        }
        Self::get_mut(this).expect("the initialisation is complete")
    }

    #[cold]
    fn compute(this: &Self) {
        this.once.call_once_force(|_| {
            // SAFETY: *computed once*: this is the initialisation that `once` runs.
            let content = unsafe { mem::replace(&mut *this.content.get(), Content::Nothing) };
            let value = content.compute();
            // SAFETY: as above. The function cannot have changed it: it has no exclusive borrow.
            unsafe { *this.content.get() = Content::Value(value) };
        });
    }

    #[cold]
    fn compute_mut(this: &mut Self) {
        let content = mem::replace(this.content.get_mut(), Content::Nothing);
        // What stays if the function panics.
        this.once.set_stage(Stage::Poisoned);
        *this.content.get_mut() = Content::Value(content.compute());
        this.once.set_stage(Stage::Complete);
    }
}

impl<T, F: FnOnce() -> T> Content<T, F> {
    fn compute(self) -> T {
        match self {
            Self::Function(f) => f(),
            Self::Value(value) => value,
            Self::Nothing => panic!("LazyLock instance has previously been poisoned"),
        }
    }
}

impl<T, F> LazyLock<T, F> {
    /// The value, if it was computed. This corresponds to [`std::sync::LazyLock::get`].
    #[inline]
    pub fn get(this: &Self) -> Option<&T> {
        if !this.once.is_completed() {
            return None;
        }
        // SAFETY: *computed once*: it is complete, so nobody writes it while it is shared.
        match unsafe { &*this.content.get() } {
            Content::Value(value) => Some(value),
            _ => None,
        }
    }

    /// The value, if it was computed. This corresponds to [`std::sync::LazyLock::get_mut`].
    #[inline]
    pub fn get_mut(this: &mut Self) -> Option<&mut T> {
        match this.content.get_mut() {
            Content::Value(value) => Some(value),
            _ => None,
        }
    }
}

/// What the content's own drop would do too; with it, the compiler demands of `T` and `F` what it does for
/// std's type.
impl<T, F> Drop for LazyLock<T, F> {
    fn drop(&mut self) {
        *self.content.get_mut() = Content::Nothing;
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        Self::force(self)
    }
}

impl<T, F: FnOnce() -> T> DerefMut for LazyLock<T, F> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        Self::force_mut(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_tuple("LazyLock");
        match Self::get(self) {
            Some(value) => output.field(value),
            None => output.field(&format_args!("<uninit>")),
        };
        output.finish()
    }
}
