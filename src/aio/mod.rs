//! Sync-style code and async code in one program, neither of them rewritten.

#[cfg(feature = "async")]
mod ambient;
mod block_on;

pub use block_on::{block_on, block_on_local, try_block_on};

pub(crate) use block_on::poll_here;
