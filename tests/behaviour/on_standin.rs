//! The bodies with standin's modules.

/// What the bodies are about.
pub mod shapes {
    pub use standin::{fs, io, net, os, process, sync, thread, thread_local, time};
}

#[path = "mod.rs"]
pub mod bodies;
