//! The bodies with standin's modules.

/// What the bodies are about.
mod shapes {
    pub(crate) use standin::{net, sync};
}

#[path = "bodies.rs"]
pub(crate) mod bodies;
