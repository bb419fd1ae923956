//! The bodies with std's modules.

/// What the bodies are about.
mod shapes {
    pub(crate) use std::{net, sync};
}

#[path = "bodies.rs"]
pub(crate) mod bodies;
