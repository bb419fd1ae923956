//! How far down the running stack reaches.
//!
//! A suspending fiber records it, and the pool discards what lies below when
//! the fiber rests.
//!
//! # Required of each implementation
//!
//! `stack_pointer()`: an address at or below everything that the calling
//! function and its callers keep on the stack.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::stack_pointer;

#[cfg(not(target_arch = "x86_64"))]
mod portable;
#[cfg(not(target_arch = "x86_64"))]
pub(super) use portable::stack_pointer;
