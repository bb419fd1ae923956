//! The thread-local block of a free fiber: glibc on x86-64 Linux.
//!
//! All thread-local storage is addressed from the register `fs`, and what it
//! points at (the *thread pointer*) is glibc's `struct pthread`, with the
//! static thread-local storage below it. A free fiber has one of its own at
//! the top of its slot, made by glibc's own allocator for new threads, and
//! [`resume`] switches `fs` together with the stack. So for all code, glibc's
//! included, a free fiber is a thread.
//!
//! What this relies on is found at run time, never assumed from a version:
//! `facts` looks it up and checks it, `trial` then runs a thread on a block.
//! Where anything is not as expected, [`support`] says so and nothing else
//! here is used.
//!
//! - `symbols`: functions and structure offsets that glibc exports privately;
//! - `facts`: everything that is known about this process's glibc;
//! - `images`: how static storage looks on a new thread;
//! - `block`: making a block;
//! - `switch`: running on it;
//! - `exit`: destructors, and making it fresh for the next thread;
//! - `primed`: storage that is not fresh on purpose;
//! - `alone`: the running block in the child of a fork;
//! - `trial`: the self-test.

mod alone;
mod block;
mod exit;
mod facts;
mod images;
#[cfg(feature = "async")]
mod primed;
mod switch;
mod symbols;
mod trial;

use std::sync::{Mutex, PoisonError};

use super::Unsupported;
use crate::switches;

pub(crate) use alone::{stand_in_for, step_back};
pub(in crate::coroutine) use block::{block_size, build_block, first_run, pointer_below, prefetch};
pub(crate) use exit::{reset, run_destructors};
pub(crate) use images::Primed;
pub(crate) use switch::{home, move_to};

/// Whether free threads can run in this process. Tested once, on first use; again if the test itself lacked
/// something.
///
/// # Errors
///
/// What is missing.
pub(crate) fn support() -> Result<(), Unsupported> {
    static SUPPORT: Mutex<Option<Result<(), Unsupported>>> = Mutex::new(None);
    let mut known = SUPPORT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(result) = &*known {
        return result.clone();
    }
    let result = test();
    if !result.as_ref().is_err_and(Unsupported::is_for_now) {
        *known = Some(result.clone());
    }
    result
}

fn test() -> Result<(), Unsupported> {
    if switches::get().is_ok_and(|switches| switches.no_free) {
        return Err(Unsupported::new(
            "the test switch STANDIN_TEST=no-free is set",
        ));
    }
    facts::probe()?;
    trial::run()
}
