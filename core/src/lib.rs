//! What every part of standin shares, and nothing else: the [`context`] that the calling code runs on,
//! the parking contract ([`Context`](context::Context)), and the [`wait_queue`], the one place where
//! threads of every kind wait for memory.
//!
//! It depends on no engine (engines register with it), and on nothing but the system. Locks of this crate
//! are raw futex calls, never std's: a shim that routes std's locks through the wait queue must not find
//! itself below them.
//!
//! Users want the `standin` crate. This one is for engines and for drop-in replacements of crates that
//! engines themselves depend on.

#![cfg_attr(not(test), warn(missing_docs))]

pub mod context;
#[doc(hidden)]
pub mod fault;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod fork;
mod instant;
mod lock;
mod os;
mod sys;
pub mod wait_queue;

pub use instant::Instant;
pub use lock::{Guard, Lock};
