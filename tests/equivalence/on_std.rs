//! The interpreter on std itself.

pub mod shapes {
    pub use std::{net, sync, thread, thread_local, time};
}

#[path = "interpret/mod.rs"]
pub mod interpret;
