//! The switch by `corosensei`, for processors that have none of their own here. It knows a way to a stack and a way back
//! from it, so one that hands over goes back as well, with the order to resume the other.

use super::Begin;
use crate::coroutine::free;
use corosensei::stack::{Stack, StackPointer};
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::cell::{Cell, UnsafeCell};
use std::convert::Infallible;
use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How far below the address that a stack records the frames of the suspension itself may reach.
const MARGIN: usize = 1024;

pub(in crate::coroutine) struct Continuation {
    /// Never dropped: it is suspended for ever.
    coroutine: UnsafeCell<ManuallyDrop<Routine>>,
    /// At the base of the stack; null before the first switch.
    yielder: Cell<*const Yielder<*mut (), *mut ()>>,
    /// Whoever gets control when it suspends.
    caller: Cell<*const Caller>,
    /// About where the stack ended when it was suspended; 0 while its code runs, from after the switch to it until before the
    /// next one.
    depth: AtomicUsize,
}

type Routine = Coroutine<*mut (), *mut (), Infallible, Memory>;

/// What `resume` waits in: on its own stack, and alive until it returns.
struct Caller {
    /// The order to resume this one; null for none.
    next: Cell<*const Continuation>,
    /// On this thread-local block; 0 for the one that it is on.
    block: Cell<usize>,
}

impl Continuation {
    /// A stack below `base` down to `limit`, for a continuation that will lie at `place`.
    ///
    /// # Safety
    ///
    /// The memory is the caller's, and stays mapped; `base` is aligned to 16.
    pub(in crate::coroutine) unsafe fn new(
        base: usize,
        limit: usize,
        place: *const Self,
        start: Begin,
    ) -> Self {
        let coroutine = Coroutine::with_stack(Memory { base, limit }, move |yielder, first| {
            // SAFETY: it lies there since before the first switch.
            let own = unsafe { &*place };
            own.yielder.set(yielder);
            own.depth.store(0, Relaxed);
            start(first, place)
        });
        Self {
            coroutine: UnsafeCell::new(ManuallyDrop::new(coroutine)),
            yielder: Cell::new(ptr::null()),
            caller: Cell::new(ptr::null()),
            depth: AtomicUsize::new(base),
        }
    }

    /// Runs what is on the stack until that suspends; returns what it passes.
    ///
    /// # Safety
    ///
    /// It is suspended, the caller's alone, and expects this word.
    pub(in crate::coroutine) unsafe fn resume(&self, value: *mut ()) -> *mut () {
        let caller = Caller {
            next: Cell::new(ptr::null()),
            block: Cell::new(0),
        };
        let (mut running, mut value) = (self, value);
        loop {
            running.caller.set(&caller);
            // SAFETY: the caller's promise, or that of `hand_over`: nobody else has it.
            let coroutine = unsafe { &mut *running.coroutine.get() };
            value = match coroutine.resume(value) {
                CoroutineResult::Yield(value) => value,
                CoroutineResult::Return(never) => match never {},
            };
            // SAFETY: as above; it stays where it is.
            running = match unsafe { caller.next.replace(ptr::null()).as_ref() } {
                Some(next) => next,
                None => return value,
            };
            let block = caller.block.get();
            if block != 0 {
                // SAFETY: the promise of `hand_over`: nobody else runs on it.
                unsafe { free::move_to(block) };
            }
        }
    }

    /// Stops: `resume` returns `value`. Returns the word of whoever resumes it next.
    ///
    /// # Safety
    ///
    /// By code on this stack, which runs.
    #[inline(always)]
    pub(in crate::coroutine) unsafe fn suspend(&self, value: *mut ()) -> *mut () {
        self.depth.store(stack_pointer() - MARGIN, Relaxed);
        // SAFETY: the yielder is at the base of this stack, whose code is running right here.
        let value = unsafe { (*self.yielder.get()).suspend(value) };
        self.depth.store(0, Relaxed);
        value
    }

    /// Stops, and runs `next` in its place: whoever resumed this one gets control when that one suspends. Returns the word of
    /// whoever goes to this one next.
    ///
    /// # Safety
    ///
    /// By code on this stack, which runs. `next` is suspended, another one than this, the caller's alone, and expects this
    /// word. `block` is its thread-local block, or 0.
    #[cfg(feature = "green")]
    #[inline(always)]
    pub(in crate::coroutine) unsafe fn hand_over(
        &self,
        next: &Self,
        block: usize,
        value: *mut (),
    ) -> *mut () {
        // SAFETY: it waits, since this code runs.
        let caller = unsafe { &*self.caller.get() };
        caller.next.set(next);
        caller.block.set(block);
        // SAFETY: the caller's promise.
        unsafe { self.suspend(value) }
    }

    /// At or below the lowest address that the suspended stack uses; 0 while its code runs.
    pub(in crate::coroutine) fn depth(&self) -> usize {
        self.depth.load(Relaxed)
    }
}

/// An address at or below everything that the caller and its callers keep on the stack: that of a local in a function that is
/// not inlined.
#[inline(never)]
fn stack_pointer() -> usize {
    let here = 0u8;
    black_box(&raw const here) as usize
}

/// A stack's memory, in `corosensei`'s terms. It owns nothing: slots are for ever.
struct Memory {
    base: usize,
    limit: usize,
}

// SAFETY: the slot has a guard at its bottom and, by the choice of class, far more than the required 4 KiB below the base,
// which is aligned to 64.
unsafe impl Stack for Memory {
    #[inline]
    fn base(&self) -> StackPointer {
        NonZeroUsize::new(self.base).expect("a slot is not at address 0")
    }

    #[inline]
    fn limit(&self) -> StackPointer {
        NonZeroUsize::new(self.limit).expect("a slot is not at address 0")
    }
}
