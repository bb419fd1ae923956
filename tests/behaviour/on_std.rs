//! The bodies with std's own modules.

/// What the bodies are about.
pub mod shapes {
    pub use std::{fs, io, net, os, process, sync, thread, thread_local, time};
}

#[path = "mod.rs"]
pub mod bodies;
