//! What an engine keeps of a thread, in the thread's record.

use super::{Control, PlaceOperations, WORDS};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// What is placed knows its own record by this, which does not count.
pub(in crate::engine) struct Own<T> {
    control: ManuallyDrop<Control>,
    what: PhantomData<fn(T)>,
}

impl<T> Deref for Own<T> {
    type Target = Control;

    #[inline]
    fn deref(&self) -> &Control {
        &self.control
    }
}

impl<T> Own<T> {
    /// # Safety
    ///
    /// This is in its place.
    pub(in crate::engine) unsafe fn placed(&self) -> Placed<T> {
        Placed {
            control: Control::clone(self),
            what: PhantomData,
        }
    }
}

/// A shared pointer, as `Arc`, to what an engine keeps of a thread: it lies in the thread's record.
pub(in crate::engine) struct Placed<T> {
    /// *placed*: with a `T` in its place.
    control: Control,
    what: PhantomData<T>,
}

impl<T: WakePlaced> Placed<T> {
    const OPERATIONS: PlaceOperations = PlaceOperations {
        // SAFETY: called for a `T`.
        drop: |value| unsafe { value.cast::<T>().drop_in_place() },
        wake: |head| T::wake(&Self::from_data(head.as_ptr().cast_const().cast())),
    };

    /// Puts what `make` returns into the thread's record.
    ///
    /// # Safety
    ///
    /// By the engine that starts the thread, once, before anybody else knows of it.
    pub(in crate::engine) unsafe fn new(control: Control, make: impl FnOnce(Own<T>) -> T) -> Self {
        const {
            assert!(size_of::<T>() <= WORDS * size_of::<usize>());
            assert!(align_of::<T>() <= align_of::<usize>());
        }
        let value = make(Own {
            control: ManuallyDrop::new(Control(control.0)),
            what: PhantomData,
        });
        let place = &control.head().place;
        // SAFETY: there is room, as was checked; the caller says that nobody looks at it.
        unsafe { place.words.get().cast::<T>().write(value) };
        place.operations.set(Some(&Self::OPERATIONS));
        Self {
            control,
            what: PhantomData,
        }
    }
}

impl<T> Placed<T> {
    /// As [`Arc::as_ptr`](std::sync::Arc::as_ptr).
    #[inline]
    pub(in crate::engine) fn as_ptr(this: &Self) -> *const T {
        this.control.head().place.words.get().cast()
    }

    /// As [`Arc::into_raw`](std::sync::Arc::into_raw).
    #[cfg(feature = "green")]
    pub(in crate::engine) fn into_raw(this: Self) -> *const T {
        Self::as_ptr(&ManuallyDrop::new(this))
    }

    /// As [`Arc::from_raw`](std::sync::Arc::from_raw), by what is there.
    ///
    /// # Safety
    ///
    /// `own` is in its place, whose [`into_raw`](Self::into_raw) this takes back.
    #[cfg(feature = "green")]
    pub(in crate::engine) unsafe fn from_raw(own: &Own<T>) -> Self {
        Self {
            control: Control(own.control.0),
            what: PhantomData,
        }
    }
}

impl<T> Clone for Placed<T> {
    fn clone(&self) -> Self {
        Self {
            control: self.control.clone(),
            what: PhantomData,
        }
    }
}

impl<T> Deref for Placed<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: *placed*; it is shared only from when it was written.
        unsafe { &*Self::as_ptr(self) }
    }
}

/// As [`Wake`](std::task::Wake).
pub(in crate::engine) trait WakePlaced: Send + Sync + Sized {
    fn wake(this: &Placed<Self>);
}

impl<T: WakePlaced> Placed<T> {
    const WAKER: RawWakerVTable = RawWakerVTable::new(
        |data| Self::clone(&Self::from_data(data)).into_raw_waker(),
        |data| T::wake(&ManuallyDrop::into_inner(Self::from_data(data))),
        |data| T::wake(&Self::from_data(data)),
        |data| drop(ManuallyDrop::into_inner(Self::from_data(data))),
    );

    fn into_raw_waker(self) -> RawWaker {
        let head = ManuallyDrop::new(self).control.0;
        RawWaker::new(head.as_ptr().cast_const().cast(), &Self::WAKER)
    }

    /// What a waker holds. It is still the waker's.
    fn from_data(data: *const ()) -> ManuallyDrop<Self> {
        let head = NonNull::new(data.cast_mut().cast()).expect("it was not null");
        ManuallyDrop::new(Self {
            control: Control(head),
            what: PhantomData,
        })
    }

    /// What wakes it.
    pub(in crate::engine) fn into_waker(self) -> Waker {
        // SAFETY: each waker is one counted reference: cloned with it, and given up with it.
        unsafe { Waker::from_raw(self.into_raw_waker()) }
    }
}
