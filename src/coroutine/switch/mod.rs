//! Going from one stack to another.
//!
//! # Required of each implementation
//!
//! `Continuation`, which lies at the beginning of a fiber's header:
//!
//! - `new`: a stack on which nothing has run; the first who goes there calls `begin`;
//! - `resume`: goes there, and returns when it suspends, or one that was handed over to does;
//! - `suspend`: goes back to whoever resumed this one, or the one that handed over to this one;
//! - `hand_over`: goes to another one in the place of this one, and on the way moves to its thread-local block, if it has
//!   one: while the stack pointer is on the stack of whoever resumed this one, so that a signal handler never finds the
//!   thread-locals of one thread on the stack of another;
//! - `depth`: how far down a suspended stack reaches; 0 while its code runs.
//!
//! Each way takes one word along. A function that is on its way gets the word of whoever goes to its stack next, perhaps on
//! another OS thread. What the processor keeps beside the registers that functions preserve (the rounding mode and the
//! exception mask of floating point) is not switched: a thread of standin that changes it puts it back before it parks,
//! as it does for every function that it calls.

#[cfg(all(
    target_arch = "x86_64",
    target_pointer_width = "64",
    not(standin_portable_switch)
))]
mod x86_64;
#[cfg(all(
    target_arch = "x86_64",
    target_pointer_width = "64",
    not(standin_portable_switch)
))]
pub(super) use x86_64::Continuation;

#[cfg(not(all(
    target_arch = "x86_64",
    target_pointer_width = "64",
    not(standin_portable_switch)
)))]
mod portable;
#[cfg(not(all(
    target_arch = "x86_64",
    target_pointer_width = "64",
    not(standin_portable_switch)
)))]
pub(super) use portable::Continuation;

/// What runs on a stack first: it gets the first word, and the continuation of its own stack. It never returns, and does
/// not unwind.
pub(super) type Begin = extern "C" fn(first: *mut (), own: *const Continuation) -> !;
