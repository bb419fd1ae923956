//! What is the engine `async`'s own: the runtimes that its threads are tasks of, and tokio's tasks beside them.
//!
//! What it has in common with every engine, `contract/` and `behaviour/` test.

#![cfg(all(feature = "async", target_os = "linux"))]

mod common;

#[path = "tokio/cancelled.rs"]
mod cancelled;
#[path = "tokio/descriptors.rs"]
mod descriptors;
#[path = "tokio/futures.rs"]
mod futures;
#[path = "tokio/locals.rs"]
mod locals;
#[path = "tokio/panics.rs"]
mod panics;
#[path = "tokio/refused.rs"]
mod refused;
#[path = "tokio/runtimes.rs"]
mod runtimes;
#[path = "tokio/shutdown.rs"]
mod shutdown;
#[path = "tokio/support.rs"]
mod support;
