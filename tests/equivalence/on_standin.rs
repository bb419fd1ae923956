//! The interpreter on standin.

pub mod shapes {
    pub use standin::{net, sync, thread, thread_local, time};
}

#[path = "interpret/mod.rs"]
pub mod interpret;
