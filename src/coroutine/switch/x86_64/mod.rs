//! The switch on x86-64, by the System V convention.
//!
//! The stack that is left keeps three words at its end, from the lowest: where to go on, `rbx` and `rbp`. The compiler
//! keeps no other register across the switch. It is inlined wherever a stack is left, and goes on by an indirect jump, so
//! that the processor's predictions of returns stay right: what ran on the one stack was called from the same place as
//! what goes on on the other, more often than not, and a jump at this place goes to this place again.
//!
//! A stack's lowest frame is [`begin`]'s, where every walk of the stack ends.

#[cfg_attr(sanitized, path = "asan.rs")]
#[cfg_attr(not(sanitized), path = "unsanitized.rs")]
mod sanitizer;

use super::Begin;
use sanitizer::{Bounds, Leaving};
use std::arch::{asm, naked_asm};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// # Invariant
///
/// *end*: while the stack is suspended, `end` is the address of its three words. While its code runs `end` is 0, from after
/// the switch to it until before the next one: a signal handler on the OS thread can walk the stack then.
pub(in crate::coroutine) struct Continuation {
    end: AtomicUsize,
    /// Whoever gets control when it suspends.
    caller: Cell<*const Caller>,
    bounds: Bounds,
}

/// What `resume` waits in: on its own stack, and alive until it returns.
struct Caller {
    /// As in `Continuation`.
    end: AtomicUsize,
    bounds: Bounds,
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
        let words: [usize; 4] = [
            begin as *const () as usize,
            first_function as *const () as usize,
            place as usize,
            start as usize,
        ];
        let end = base - size_of_val(&words);
        // SAFETY: the caller's promise.
        unsafe { ptr::with_exposed_provenance_mut::<[usize; 4]>(end).write(words) };
        Self {
            end: AtomicUsize::new(end),
            caller: Cell::new(ptr::null()),
            bounds: Bounds::new(limit, base),
        }
    }

    /// Runs what is on the stack until that suspends; returns what it passes.
    ///
    /// # Safety
    ///
    /// It is suspended, the caller's alone, and expects this word.
    #[inline(always)]
    pub(in crate::coroutine) unsafe fn resume(&self, value: *mut ()) -> *mut () {
        let caller = Caller {
            end: AtomicUsize::new(0),
            bounds: Bounds::unknown(),
        };
        self.caller.set(&caller);
        let leaving = Leaving::to(&self.bounds);
        // SAFETY: the caller's promise, and *end*.
        let value = unsafe { switch(value, &caller.end, self.end.load(Relaxed)) };
        leaving.came_back();
        value
    }

    /// Stops: `resume` returns `value`. Returns the word of whoever resumes it next.
    ///
    /// # Safety
    ///
    /// By code on this stack, which runs.
    #[inline(always)]
    pub(in crate::coroutine) unsafe fn suspend(&self, value: *mut ()) -> *mut () {
        // SAFETY: it waits, since this code runs.
        let caller = unsafe { &*self.caller.get() };
        let leaving = Leaving::to(&caller.bounds);
        // SAFETY: the caller's promise; where `resume` waits, its words are in place.
        let value = unsafe { switch(value, &self.end, caller.end.load(Relaxed)) };
        self.runs(leaving);
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
        let caller = self.caller.get();
        next.caller.set(caller);
        let leaving = Leaving::to(&next.bounds);
        // SAFETY: the caller's promise, and *end*, also of whoever waits for this one.
        let value = unsafe {
            let between = (*caller).end.load(Relaxed);
            switch_blocks(value, &self.end, between, block, next.end.load(Relaxed))
        };
        self.runs(leaving);
        value
    }

    /// The lowest address that the suspended stack uses; 0 while its code runs.
    #[inline]
    pub(in crate::coroutine) fn depth(&self) -> usize {
        self.end.load(Relaxed)
    }

    #[inline(always)]
    fn runs(&self, leaving: Leaving) {
        // SAFETY: whoever gets control when this suspends waits.
        leaving.arrived_from(unsafe { &(*self.caller.get()).bounds });
        self.end.store(0, Relaxed);
    }
}

/// Leaves the running stack, does `$between`, and goes on at `to`, with these operands besides.
macro_rules! leave_stack {
    ($value:ident, $end:ident, $to:ident, [$($between:literal),*], [$($operands:tt)*]) => {{
        let received;
        asm!(
            "lea rax, [rip + 2f]",
            "mov [rsp - 8], rbp",
            "mov [rsp - 16], rbx",
            "mov [rsp - 24], rax",
            "lea rax, [rsp - 24]",
            "mov [rsi], rax",
            $($between,)*
            "mov rsp, rdx",
            "jmp qword ptr [rdx]",
            "2:",
            "mov rbx, [rsp + 8]",
            "mov rbp, [rsp + 16]",
            "add rsp, 24",
            // Where a function has its first argument.
            inlateout("rdi") $value => received,
            in("rsi") $end.as_ptr(),
            in("rdx") $to,
            $($operands)*
            lateout("r12") _,
            lateout("r13") _,
            lateout("r14") _,
            lateout("r15") _,
            clobber_abi("sysv64"),
        );
        received
    }};
}

/// Leaves the running stack, writes its end to `end`, and goes on at the end of another one. Returns when somebody goes to
/// this one.
///
/// # Safety
///
/// `to` is the end of a suspended stack, which is the caller's alone. `end` is not read by another OS thread until this
/// stack was left.
#[inline(always)]
unsafe fn switch(value: *mut (), end: &AtomicUsize, to: usize) -> *mut () {
    // SAFETY: the caller's promise. All registers that may be declared so are, and the other two are kept. The words below
    // the stack pointer are in the red zone, which the compiler does not use here (there is no `nostack`), nor does a
    // signal handler. The pointer itself moves only with the switch, so that until then the stack can be walked.
    unsafe { leave_stack!(value, end, to, [], []) }
}

/// As `switch`, and moves to another thread-local block, unless it is 0: while the stack pointer is at the end of a third
/// stack, so that a signal handler in between runs on neither of the two.
///
/// # Safety
///
/// As for `switch`, and as for `free::move_to`. `between` is the end of a suspended stack that nobody goes to meanwhile.
#[cfg(feature = "green")]
#[inline(always)]
unsafe fn switch_blocks(
    value: *mut (),
    end: &AtomicUsize,
    between: usize,
    block: usize,
    to: usize,
) -> *mut () {
    // SAFETY: as in `switch`. A handler leaves the red zone alone, so the words at the end of the third stack as well, and what
    // lies above.
    unsafe {
        leave_stack!(
            value,
            end,
            to,
            ["test r8, r8", "jz 3f", "mov rsp, rcx", "wrfsbase r8", "3:"],
            [in("rcx") between, in("r8") block,]
        )
    }
}

/// Where a stack goes on on which nothing has run: at its end are its own address, a function to call, and that function's
/// second and third argument. Whoever walks the stack is told that nobody called this (no return address, no frame).
///
/// # Safety
///
/// By `switch` alone.
#[unsafe(naked)]
unsafe extern "sysv64" fn begin() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "mov rax, [rsp + 8]",
        "mov rsi, [rsp + 16]",
        "mov rdx, [rsp + 24]",
        "add rsp, 32",
        "xor ebp, ebp",
        // The base is aligned to 16, as a call wants it.
        "call rax",
        "ud2",
        ".cfi_endproc",
    )
}

/// # Safety
///
/// By `begin` alone, with what `Continuation::new` left there.
unsafe extern "sysv64" fn first_function(
    first: *mut (),
    own: *const Continuation,
    start: Begin,
) -> ! {
    // SAFETY: it lies there since before the first switch.
    unsafe { &*own }.runs(Leaving::nothing());
    start(first, own)
}
