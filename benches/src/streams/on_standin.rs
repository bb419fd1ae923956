//! The bodies with standin's modules.

/// What the bodies are about.
mod shapes {
    pub(crate) use standin::{fs, io, net, thread};
}

#[path = "bodies.rs"]
pub(crate) mod bodies;
