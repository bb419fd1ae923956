//! A fiber: a stack, the coroutine suspended on it, and, if it is free, a
//! thread-local block. One fiber runs many threads, one after another.
//!
//! The pool makes fibers, the scheduler resumes them. The stack switch itself
//! is in `switch`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::class::SizeClass;
use super::memory::{self, Range, page_size};
use super::switch::Continuation;
use super::{Kind, free};
use crate::prefetch;

/// What runs on every fiber: called at the first resume with the first value.
/// It serves one thread after another and never returns. It must not unwind
/// either: a panic that leaves it aborts the process.
///
/// It may be resumed by another OS thread after each suspension, also on a
/// pinned fiber that rests between two threads. So on pinned fibers the loop
/// itself must not touch thread-locals; what it calls for a thread may.
pub(crate) type Entry = fn(&Suspender, first: *mut ()) -> !;

/// A suspended fiber, owned.
///
/// There is no `Drop`: a fiber that is dropped keeps its slot, and what is on
/// its stack is neither run nor unwound nor freed, ever. That is right for a
/// thread that will never be resumed (others may hold pointers into its
/// frames), and a leak in all other cases: give fibers back to their pool.
pub(crate) struct Fiber {
    header: NonNull<Header>,
}

// SAFETY: *exclusive*: the handle is the only way to the header and to the
// stack while the fiber is suspended, so they go where it goes. Whether the
// frames on the stack may move is the contract of `Fiber::resume`.
unsafe impl Send for Fiber {}

/// What lies directly above the stack.
///
/// # Invariants
///
/// - *exclusive*: a header is reached through its one `Fiber`, and by the code on the fiber itself
///   while that runs. The `owner` alone is also read by the signal handler.
/// - *suspended*: while no resume is in progress, the continuation is suspended,
///   never finished: [`Entry`] does not return.
/// - *first*: the continuation is at the header's own address.
#[repr(C, align(64))]
struct Header {
    continuation: Continuation,
    /// The thread pointer of the block; 0 on a pinned fiber.
    block: usize,
    entry: Entry,
    owner: Owner,
    /// The lowest usable address of the stack.
    limit: usize,
    class: SizeClass,
}

/// The name that the overflow handler prints.
struct Owner {
    name: AtomicPtr<u8>,
    len: AtomicUsize,
}

impl Fiber {
    /// From the top of a slot down to the header, in bytes.
    pub(super) fn header_offset(kind: Kind) -> usize {
        let header = size_of::<Header>();
        match kind {
            Kind::Free => (free::block_size() + header).next_multiple_of(align_of::<Header>()),
            Kind::Pinned => header,
        }
    }

    /// Makes a fiber in a fresh slot.
    ///
    /// Aborts like any failed allocation if there is no memory for the
    /// thread-local block's table.
    ///
    /// # Safety
    ///
    /// The slot belongs to the caller, is guarded at its bottom, has the size
    /// of its class, holds zeros, and stays mapped for ever. If `kind` is
    /// free, `free::support` returned `Ok`, or its trial calls this.
    pub(super) unsafe fn build(slot: Range, class: SizeClass, kind: Kind, entry: Entry) -> Fiber {
        let top = slot.start + slot.len;
        let header = (top - Fiber::header_offset(kind)) as *mut Header;
        let block = match kind {
            // SAFETY: the caller's promise; the header lies below the block.
            Kind::Free => unsafe { free::build_block(top) },
            Kind::Pinned => 0,
        };
        let place = header.cast::<Continuation>();
        // SAFETY: the slot is the caller's, and the header is aligned to more.
        let continuation = unsafe { Continuation::new(header as usize, slot.start, place, begin) };
        // SAFETY: the header's place is part of the slot, aligned because
        // the offset is and slots are page-aligned, and nobody else knows it.
        unsafe {
            header.write(Header {
                continuation,
                block,
                entry,
                owner: Owner {
                    name: AtomicPtr::new(ptr::null_mut()),
                    len: AtomicUsize::new(0),
                },
                limit: slot.start + class.guard_size(),
                class,
            });
        }
        Fiber {
            // SAFETY: an address inside a mapping is not null.
            header: unsafe { NonNull::new_unchecked(header) },
        }
    }

    /// Runs the fiber until it suspends; returns what it passed to
    /// [`Suspender::suspend`].
    ///
    /// # Safety
    ///
    /// - `value` is what the code on the fiber expects at this point.
    /// - The OS thread has an alternate signal stack (see
    ///   `overflow::prepare_os_thread`).
    /// - A pinned fiber that is in the middle of a thread is resumed by the OS
    ///   thread that resumed it first for that thread. A free one by any.
    pub(crate) unsafe fn resume(&mut self, value: *mut ()) -> *mut () {
        let home = free::home();
        // SAFETY: the caller's promise, and *exclusive*: nobody else runs on
        // the fiber's block, if it has one. Between the moves there is the
        // switch and nothing else.
        unsafe {
            self.enter();
            let value = self.switch(value);
            if self.block() != 0 {
                free::move_to(home);
            }
            value
        }
    }

    /// What tells [`Hot::at`] where it is. Not 0.
    #[cfg(feature = "green")]
    pub(crate) fn address(&self) -> usize {
        self.header.addr().get()
    }

    /// Where the memory is that a thread touches first when it is resumed.
    /// `kind` is that of the fiber.
    pub(crate) fn hot(&self, kind: Kind) -> Hot {
        Hot::of(self.header.as_ptr(), kind)
    }

    /// The first half of `resume`: moves to the block of a free fiber.
    ///
    /// # Safety
    ///
    /// As for [`free::move_to`].
    #[inline]
    pub(crate) unsafe fn enter(&self) {
        let block = self.block();
        if block != 0 {
            // SAFETY: the caller's promise; the block was built for this fiber.
            unsafe { free::move_to(block) };
        }
    }

    /// The second half of `resume`: runs the fiber until it suspends. The
    /// caller then still runs on the fiber's block, and as long as it has the
    /// fiber that block is nobody else's.
    ///
    /// # Safety
    ///
    /// As for `resume`, and `enter` was called.
    #[inline]
    pub(crate) unsafe fn switch(&mut self, value: *mut ()) -> *mut () {
        // SAFETY: *exclusive*: `self` is the only handle; by *suspended* there
        // is somewhere to go on.
        unsafe { self.header.as_ref().continuation.resume(value) }
    }

    /// Says whose thread runs on the fiber from now on; the overflow handler
    /// prints it. `None` is printed as std prints a thread without a name.
    ///
    /// # Safety
    ///
    /// The bytes, a name in UTF-8, stay valid and unchanged until the next call.
    #[inline]
    pub(crate) unsafe fn set_owner(&self, name: Option<NonNull<[u8]>>) {
        // SAFETY: *exclusive*; the owner's fields are atomics.
        let owner = unsafe { &self.header.as_ref().owner };
        let (start, len) = match name {
            Some(name) => (name.as_ptr().cast::<u8>(), name.len()),
            None => (ptr::null_mut(), 0),
        };
        // The reader is a handler that interrupts this fiber, so it runs
        // after these stores, in the same order of events. An overflow between
        // them is impossible: the fiber does not run.
        owner.name.store(start, Ordering::Relaxed);
        owner.len.store(len, Ordering::Relaxed);
    }

    /// The thread pointer of its block; 0 if it is pinned.
    pub(crate) fn block(&self) -> usize {
        // SAFETY: *exclusive*.
        unsafe { self.header.as_ref().block }
    }

    /// The class of the fiber's slot.
    pub(crate) fn class(&self) -> SizeClass {
        // SAFETY: *exclusive*.
        unsafe { self.header.as_ref().class }
    }

    /// The addresses that the stack may use: its lowest, and one past its
    /// highest.
    #[cfg(test)]
    pub(crate) fn stack_bounds(&self) -> (usize, usize) {
        // SAFETY: *exclusive*.
        let stack = unsafe { bounds(self.header.as_ref()) };
        (stack.start, stack.start + stack.len)
    }

    /// Gives the pages below the suspended frames back; returns how many
    /// bytes that were.
    ///
    /// # Safety
    ///
    /// The fiber is suspended, and no code but its own uses its stack below
    /// the suspended frames.
    pub(super) unsafe fn discard_unused_stack(&self) -> usize {
        // SAFETY: *exclusive*.
        let header = unsafe { self.header.as_ref() };
        let stack = bounds(header);
        let end = header.continuation.depth() & !(page_size() - 1);
        if end <= stack.start {
            return 0;
        }
        let unused = Range {
            start: stack.start,
            len: end - stack.start,
        };
        // SAFETY: the caller's promise: below the suspended frames there is
        // nothing that anybody will read.
        unsafe { memory::discard(unused) }
    }
}

/// The memory that a fiber's thread touches first when it is resumed. It stays mapped for ever.
#[derive(Clone, Copy)]
pub(crate) struct Hot {
    header: usize,
    /// The thread pointer of the block; 0 if there is none.
    block: usize,
}

impl Hot {
    /// Of the fiber of this kind with this [`Fiber::address`], which may be anywhere, and run; `None` at 0.
    #[cfg(feature = "green")]
    pub(crate) fn at(address: usize, kind: Kind) -> Option<Self> {
        (address != 0).then(|| Self::of(ptr::without_provenance(address), kind))
    }

    fn of(header: *const Header, kind: Kind) -> Self {
        let header = header.addr();
        let block = match kind {
            Kind::Free => free::pointer_below(header + Fiber::header_offset(kind)),
            Kind::Pinned => 0,
        };
        Self { header, block }
    }

    /// Asks for all of it at once: where it has left the caches, the waits for each line overlap.
    #[inline]
    pub(crate) fn prefetch(self) {
        /// How much of its stack a thread uses that parks near its beginning, in bytes.
        const SHALLOW: usize = 1024;
        prefetch::lines(self.header - SHALLOW, SHALLOW + size_of::<Header>());
        if self.block != 0 {
            free::prefetch(self.block);
        }
    }
}

fn bounds(header: &Header) -> Range {
    // The stack grows down from the header.
    let base = ptr::from_ref(header) as usize;
    Range {
        start: header.limit,
        len: base - header.limit,
    }
}

/// The name of the thread on the fiber with this header, for the overflow
/// handler. `None` if it has none.
///
/// # Safety
///
/// The header comes from a slab, and the calling code interrupted the fiber
/// or ends the process.
pub(super) unsafe fn owner_name<'a>(header: usize) -> Option<&'a [u8]> {
    // SAFETY: a slot's header stays mapped; before the first use it holds
    // zeros, which the atomics read as "no name".
    let owner = unsafe { &raw const (*(header as *const Header)).owner };
    // SAFETY: as above.
    let owner = unsafe { &*owner };
    let start = owner.name.load(Ordering::Relaxed);
    if start.is_null() {
        return None;
    }
    // SAFETY: the contract of `Fiber::set_owner`.
    Some(unsafe { std::slice::from_raw_parts(start, owner.len.load(Ordering::Relaxed)) })
}

/// The code on a fiber stops through this. It is valid as long as the fiber.
#[repr(transparent)]
pub(crate) struct Suspender(Header);

impl Suspender {
    /// Stops the fiber: its `resume` returns `value`. Returns what the next
    /// `resume` is given, then on whichever OS thread called that.
    ///
    /// Call it only on the fiber itself.
    // Inlined: a return that crosses a switch is one that the processor may
    // predict wrongly.
    #[inline(always)]
    pub(crate) fn suspend(&self, value: *mut ()) -> *mut () {
        // SAFETY: the fiber's own code runs, as the caller knows.
        unsafe { self.0.continuation.suspend(value) }
    }

    /// Stops the fiber, and runs another one in its place: the `resume` of
    /// this one goes on when that one suspends. Returns what the next who goes
    /// to this fiber passes, then on whichever OS thread that is.
    ///
    /// Call it only on the fiber itself, which is another one than `next`. It
    /// moves to the block of `next`, if that is free.
    ///
    /// # Safety
    ///
    /// As for [`Fiber::enter`] and [`Fiber::switch`] of `next`, which the
    /// caller has until the switch. Whoever runs then may not give this fiber to others before that.
    #[cfg(feature = "green")]
    #[inline(always)]
    pub(crate) unsafe fn hand_over(&self, next: &Fiber, value: *mut ()) -> *mut () {
        // SAFETY: *exclusive*: nobody else has the other fiber, and the caller
        // has no second handle.
        let next = unsafe { next.header.as_ref() };
        // SAFETY: the fiber's own code runs, as the caller knows, and by
        // *suspended* there is somewhere to go on. The block is the other's.
        unsafe { (self.0.continuation).hand_over(&next.continuation, next.block, value) }
    }

    /// Whether code of the fiber runs, and no switch to or from it has begun.
    /// For a signal handler on the OS thread that the fiber is on: in the
    /// middle of a switch the stack cannot be unwound.
    #[cfg(feature = "green")]
    pub(crate) fn is_running(&self) -> bool {
        self.0.continuation.depth() == 0
    }
}

/// The first code on a fiber, which its `own` continuation is of.
extern "C" fn begin(first: *mut (), own: *const Continuation) -> ! {
    // SAFETY: *first*; the header stays where it is, and only what is atomic
    // or this code's own is changed in it.
    let suspender = unsafe { &*own.cast::<Suspender>() };
    let header = &suspender.0;
    // Above this there is nothing that a panic could look for who catches it.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        if header.block != 0 {
            // SAFETY: this is the first code on a free fiber, running on its
            // block.
            unsafe { free::first_run() };
        }
        (header.entry)(suspender, first);
    }));
    abort()
}

fn abort() -> ! {
    let message = b"fatal runtime error: a panic left the code that runs green threads, aborting\n";
    // SAFETY: the buffer is valid for its length.
    unsafe { libc::write(2, message.as_ptr().cast(), message.len()) };
    std::process::abort()
}
