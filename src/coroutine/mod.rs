//! Coroutines: stacks, thread-local blocks, and switching between them.
//!
//! The green engine stands on this. It relies on the system, on the lock of
//! `standin-core` and, for free fibers, on glibc (see [`free`]). It knows
//! nothing about scheduling: a [`Fiber`] runs when somebody resumes it and
//! stops when its code suspends.
//!
//! - [`fiber`]: one stack with the coroutine that lives on it;
//! - [`pool`]: where fibers come from and go to;
//! - `switch`: going from one stack to another;
//! - [`free`]: the thread-local block of a free fiber;
//! - [`overflow`]: what happens when a stack is too small;
//! - `resting`, `slab`, `class`, `memory`, `exhausted`: what the pool is made of.
//!
//! `README.md` beside this file argues why all of it is sound.

#[cfg(not(unix))]
compile_error!(
    "standin's green threads need a Unix system (memory mappings and signals for their stacks); \
     build without the feature `green`, the others work here"
);

mod class;
mod exhausted;
pub(crate) mod fiber;
#[cfg_attr(
    all(
        target_os = "linux",
        target_env = "gnu",
        target_arch = "x86_64",
        target_pointer_width = "64"
    ),
    path = "free/glibc/mod.rs"
)]
#[cfg_attr(
    not(all(
        target_os = "linux",
        target_env = "gnu",
        target_arch = "x86_64",
        target_pointer_width = "64"
    )),
    path = "free/elsewhere.rs"
)]
pub(crate) mod free;
mod memory;
pub(crate) mod overflow;
pub(crate) mod pool;
mod resting;
mod slab;
mod switch;
#[cfg(all(
    test,
    target_os = "linux",
    target_env = "gnu",
    target_arch = "x86_64",
    target_pointer_width = "64"
))]
mod tests;
mod unsupported;

pub(crate) use class::SizeClass;
pub(crate) use fiber::{Fiber, Hot, Suspender};
pub(crate) use pool::Pool;
pub(crate) use unsupported::Unsupported;

/// Whose thread-local storage the code on a fiber sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The fiber's own block: it may move between OS threads.
    Free,
    /// That of the OS thread which resumes it: it must stay there.
    Pinned,
}
