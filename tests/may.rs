//! The engine `may`: what is different from the other engines, and what it relies on of the crate `may`.
//!
//! may has one scheduler in a process, so nearly every test is in a process of its own. What the engine shares with the
//! others is in `contract.rs`, `behaviour.rs`, `equivalence.rs`, `fairness.rs`, `descriptors.rs`, `soak.rs`, `panics.rs`, and
//! wherever tests run on `engine::all`: on `may-pinned` in the same process, on `may` in one of its own.
//!
//! # What it cannot do
//!
//! These tests of other engines do not run on it:
//!
//! | tests | why |
//! |---|---|
//! | `soundness.rs`; in `contract.rs` the destructors of std's `thread_local!` | thread-local storage is the OS thread's. On `may` it changes with each move, which is what its promise is about |
//! | `monitor.rs`, `examples/culprits.rs`; in `descriptors.rs` large writes outside of a section | nobody takes a worker from a thread that blocks it or computes |
//! | `signals.rs` | the signal handler for overflows is may's, which names no thread; see `limits.rs` here for what it does |
//! | `limits.rs`: too little to start, and enough later | a start of may that the system refused something to cannot be tried again: may panics in its middle. `limits.rs` here |
//! | `limits.rs`: fewer OS threads than workers | the same |
//! | `soak.rs`: five thousand connections in a process that rests | may's workers look for work every 10 ms |
//! | `fork.rs` | `fork.rs` here has what holds; a child's own threads are those of `threads` |
//! | `tests/faults` | what is planted lies in what all engines share |

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
