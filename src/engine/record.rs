//! Everything that there is of a thread but its stack, in one allocation: who it is ([`Identity`]), what its engine
//! keeps of it (a [`Placed`]), and what it runs ([`Main`]). Whoever knows of the thread shares it, by a [`Control`].

use super::control::Identity;
use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicUsize, fence};
use std::task::{RawWaker, RawWakerVTable, Waker};

/// The identity of a thread, shared by the thread itself and all who have a handle to it. Clones are the same thread.
pub struct Control(NonNull<Head>);

/// What a thread runs, and who waits for it: `thread/packet.rs` implements it.
///
/// # Safety
///
/// [`outcome`](Self::outcome) points into `self`.
pub(crate) unsafe trait Main: Send + Sync {
    /// Runs the user's closure; called once. A panic is caught and kept for the join.
    fn run(&self);

    /// Lets the join return; called once, after [`run`](Self::run).
    fn finish(&self);

    /// Drops the closure; called once, instead of the others.
    fn abandon(&self);

    /// What the handle looks at, whose type it knows.
    fn outcome(&self) -> *const ();
}

/// # Invariants
///
/// - *counted*: the allocation lives while `references` is not 0; each [`Control`] is one of them.
/// - *behind*: the head is the first field of the [`Record`] that `main` is made for, and pointers to it may be used
///   for all of that.
struct Head {
    references: AtomicUsize,
    main: &'static Operations,
    identity: Identity,
    place: Place,
}

#[repr(C)]
struct Record<M> {
    head: Head,
    main: M,
}

/// [`Main`] without a type, and the end of the record.
struct Operations {
    run: unsafe fn(NonNull<Head>),
    finish: unsafe fn(NonNull<Head>),
    abandon: unsafe fn(NonNull<Head>),
    outcome: unsafe fn(NonNull<Head>) -> *const (),
    /// Drops the record and frees it.
    free: unsafe fn(NonNull<Head>),
}

/// As many as the largest of the engines needs.
const WORDS: usize = 14;

/// Room for what an engine keeps of the thread.
struct Place {
    /// Written once, before the thread is known to anybody but its engine.
    words: UnsafeCell<MaybeUninit<[usize; WORDS]>>,
    /// What can be done with what is there, if anything.
    operations: Cell<Option<&'static PlaceOperations>>,
}

struct PlaceOperations {
    drop: unsafe fn(*mut ()),
    wake: unsafe fn(NonNull<Head>),
}

// SAFETY: what it shares is the identity, which is `Sync`, the place, which is written before it is shared and then holds
// something `Sync` (`Control::place`), and a `Main`, which is `Sync`.
unsafe impl Sync for Control {}
// SAFETY: as above; whoever drops the last one drops them, and they are `Send`.
unsafe impl Send for Control {}

impl Control {
    /// A thread that will run `main`.
    ///
    /// # Safety
    ///
    /// `M` stays valid until `main` has finished, or was dropped; what it still holds then can be dropped at any time.
    pub(crate) unsafe fn with_main<M: Main>(identity: Identity, main: M) -> Self {
        let record = Box::new(Record {
            head: Head {
                references: AtomicUsize::new(1),
                main: &Record::<M>::OPERATIONS,
                identity,
                place: Place::new(),
            },
            main,
        });
        Self(NonNull::from(Box::leak(record)).cast())
    }

    /// A thread that standin did not make, and does not run.
    pub(super) fn of_another(identity: Identity) -> Self {
        // SAFETY: it refers to nothing.
        unsafe { Self::with_main(identity, Nothing) }
    }

    #[inline]
    fn head(&self) -> &Head {
        // SAFETY: *counted*.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    pub(super) fn identity(&self) -> &Identity {
        &self.head().identity
    }

    /// See [`Main::run`].
    pub(super) fn run(&self) {
        // SAFETY: *counted* and *behind*.
        unsafe { (self.head().main.run)(self.0) };
    }

    /// See [`Main::finish`].
    pub(super) fn finish(&self) {
        // SAFETY: *counted* and *behind*.
        unsafe { (self.head().main.finish)(self.0) };
    }

    /// See [`Main::abandon`].
    pub(super) fn abandon(&self) {
        // SAFETY: *counted* and *behind*.
        unsafe { (self.head().main.abandon)(self.0) };
    }

    /// Whether its engine placed something in it.
    #[inline]
    pub(super) fn is_placed(&self) -> bool {
        self.head().place.operations.get().is_some()
    }

    /// Wakes what its engine placed in it, if anything.
    pub(super) fn wake_placed(&self) {
        if let Some(operations) = self.head().place.operations.get() {
            // SAFETY: *counted*, and they are those of what is there.
            unsafe { (operations.wake)(self.0) };
        }
    }

    /// See [`Main::outcome`]. Valid as long as this is.
    #[inline]
    pub(crate) fn outcome(&self) -> *const () {
        // SAFETY: *counted* and *behind*.
        unsafe { (self.head().main.outcome)(self.0) }
    }

    fn into_raw(self) -> NonNull<Head> {
        ManuallyDrop::new(self).0
    }
}

impl Clone for Control {
    #[inline]
    fn clone(&self) -> Self {
        let before = self.head().references.fetch_add(1, Relaxed);
        if before > isize::MAX as usize {
            // As std's `Arc`: somebody forgets them in a loop.
            std::process::abort();
        }
        Self(self.0)
    }
}

impl Drop for Control {
    #[inline]
    fn drop(&mut self) {
        if self.head().references.fetch_sub(1, Release) != 1 {
            return;
        }
        // All that others did with it happened before it is freed.
        fence(Acquire);
        // SAFETY: *counted*: this was the last; and *behind*.
        unsafe { (self.head().main.free)(self.0) };
    }
}

impl<M: Main> Record<M> {
    const OPERATIONS: Operations = Operations {
        // SAFETY: *behind*.
        run: |head| unsafe { head.cast::<Self>().as_ref() }.main.run(),
        // SAFETY: *behind*.
        finish: |head| unsafe { head.cast::<Self>().as_ref() }.main.finish(),
        // SAFETY: *behind*.
        abandon: |head| unsafe { head.cast::<Self>().as_ref() }.main.abandon(),
        // SAFETY: *behind*.
        outcome: |head| unsafe { head.cast::<Self>().as_ref() }.main.outcome(),
        // SAFETY: *behind*, and nobody else has it any more; a box was leaked for it.
        free: |head| drop(unsafe { Box::from_raw(head.cast::<Self>().as_ptr()) }),
    };
}

/// What a thread runs that standin does not start.
struct Nothing;

// SAFETY: it has no outcome.
unsafe impl Main for Nothing {
    fn run(&self) {}

    fn finish(&self) {}

    fn abandon(&self) {}

    fn outcome(&self) -> *const () {
        std::ptr::null()
    }
}

impl Place {
    fn new() -> Self {
        Self {
            words: UnsafeCell::new(MaybeUninit::uninit()),
            operations: Cell::new(None),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(operations) = self.operations.get() {
            // SAFETY: they are those of what is there, which nobody has any more.
            unsafe { (operations.drop)(self.words.get().cast()) };
        }
    }
}

/// What is placed knows its own record by this, which does not count.
pub(super) struct Own<T> {
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
    pub(super) unsafe fn placed(&self) -> Placed<T> {
        Placed {
            control: Control::clone(self),
            what: PhantomData,
        }
    }
}

/// A shared pointer, as `Arc`, to what an engine keeps of a thread: it lies in the thread's record.
pub(super) struct Placed<T> {
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
    pub(super) unsafe fn new(control: Control, make: impl FnOnce(Own<T>) -> T) -> Self {
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
    pub(super) fn as_ptr(this: &Self) -> *const T {
        this.control.head().place.words.get().cast()
    }

    /// As [`Arc::into_raw`](std::sync::Arc::into_raw), but for the record.
    pub(super) fn forget(this: Self) {
        std::mem::forget(this);
    }

    /// Takes back what was forgotten.
    ///
    /// # Safety
    ///
    /// One [`Placed`] of it was forgotten, which this is.
    pub(super) unsafe fn remember(own: &Own<T>) -> Self {
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
pub(super) trait WakePlaced: Send + Sync + Sized {
    fn wake(this: &Placed<Self>);
}

impl<T: WakePlaced> Placed<T> {
    const WAKER: RawWakerVTable = RawWakerVTable::new(
        |data| Self::from_data(data).clone_raw(),
        |data| T::wake(&ManuallyDrop::into_inner(Self::from_data(data))),
        |data| T::wake(&Self::from_data(data)),
        |data| drop(ManuallyDrop::into_inner(Self::from_data(data))),
    );

    fn clone_raw(&self) -> RawWaker {
        let head = self.control.clone().into_raw();
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
    pub(super) fn waker(&self) -> Waker {
        // SAFETY: each waker is one counted reference: cloned with it, and given up with it.
        unsafe { Waker::from_raw(self.clone_raw()) }
    }
}
