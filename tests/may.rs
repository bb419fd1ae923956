//! The engine `may`: what is different from the other engines, and what it relies on of the crate `may`.
//!
//! may has one scheduler in a process, so nearly every test is in a process of its own. What the engine shares with the
//! others is in `contract.rs`, `behaviour.rs` and `equivalence.rs`.

#![cfg(all(feature = "may", target_os = "linux"))]

mod common;

#[path = "may/fairness.rs"]
mod fairness;
#[path = "may/fork.rs"]
mod fork;
#[path = "may/forms.rs"]
mod forms;
#[path = "may/limits.rs"]
mod limits;
#[path = "may/mixing.rs"]
mod mixing;
#[path = "may/moving.rs"]
mod moving;
#[path = "may/one_an_engine.rs"]
mod one_an_engine;

use standin::engine::{self, Engine, MAY, MAY_PINNED};

/// `may`, after its promise.
fn moved() -> Engine {
    // SAFETY: no test keeps what belongs to its OS thread across a call that parks, but for those that look at just that
    // by functions that are not inlined.
    unsafe { engine::may::accept_moved() };
    MAY
}

/// `may-pinned`, after the promise of pinned threads.
fn pinned() -> Engine {
    // SAFETY: no test keeps a pointer through a thread-local or a lock of std's across a call that parks.
    unsafe { engine::accept_pinned() };
    MAY_PINNED
}
