//! Everything that there is of a thread but its stack, in one allocation: who it is ([`Identity`]), what its engine
//! keeps of it (a [`Placed`]), and what it runs ([`Main`]). Whoever knows of the thread shares it, by a [`Control`].

#[cfg(feature = "_fibers")]
mod memory;
#[cfg(feature = "_fibers")]
mod pages;
#[cfg(feature = "_fibers")]
mod placed;

#[cfg(feature = "_fibers")]
pub(super) use memory::trim;
#[cfg(feature = "_fibers")]
pub(super) use placed::{Own, Placed, WakePlaced};

use super::control::Identity;
#[cfg(any(feature = "green", feature = "may"))]
use crate::prefetch;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicUsize, fence};

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
    /// The record lies in a slot of `memory.rs`, not in memory of the allocator.
    is_pooled: bool,
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
// something `Sync` (`Placed::new`), and a `Main`, which is `Sync`.
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
        let layout = Layout::new::<Record<M>>();
        let pooled = pooled(layout);
        let memory = pooled.or_else(|| {
            // SAFETY: a record has a size.
            NonNull::new(unsafe { alloc(layout) })
        });
        let record = memory.unwrap_or_else(|| handle_alloc_error(layout)).cast();
        // SAFETY: it was made for that, and is nobody else's.
        unsafe {
            record.write(Record {
                head: Head {
                    references: AtomicUsize::new(1),
                    is_pooled: pooled.is_some(),
                    main: &Record::<M>::OPERATIONS,
                    identity,
                    place: Place::new(),
                },
                main,
            });
        }
        Self(record.cast())
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

    /// The address of the record. A waker of a thread that is placed in its record has this for its data, and is one
    /// reference like this.
    pub(super) fn as_raw(&self) -> NonNull<()> {
        self.0.cast()
    }

    /// # Safety
    ///
    /// The address is that of a record, and comes with one reference to it.
    pub(super) unsafe fn from_raw(raw: NonNull<()>) -> Self {
        Self(raw.cast())
    }

    /// Asks for what a wake touches of the record with this address, which may be gone.
    #[cfg(any(feature = "green", feature = "may"))]
    pub(super) fn prefetch(raw: *const ()) {
        prefetch::lines(raw.addr(), size_of::<Head>());
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
        // SAFETY: *behind*, and nobody else has it any more.
        free: |head| unsafe {
            let is_pooled = head.as_ref().is_pooled;
            head.cast::<Self>().drop_in_place();
            if is_pooled {
                give_back(head.cast());
            } else {
                dealloc(head.as_ptr().cast(), Layout::new::<Self>());
            }
        },
    };
}

/// Memory from the pool, which only engines with threads by the thousand are worth.
#[cfg(feature = "_fibers")]
fn pooled(layout: Layout) -> Option<NonNull<u8>> {
    memory::take(layout)
}

#[cfg(not(feature = "_fibers"))]
fn pooled(_: Layout) -> Option<NonNull<u8>> {
    None
}

/// # Safety
///
/// It came from [`pooled`], and is not used any more.
#[cfg(feature = "_fibers")]
unsafe fn give_back(memory: NonNull<u8>) {
    // SAFETY: the caller's promise.
    unsafe { memory::give_back(memory) };
}

#[cfg(not(feature = "_fibers"))]
unsafe fn give_back(_: NonNull<u8>) {
    unreachable!("no memory comes from the pool");
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
