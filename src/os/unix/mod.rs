//! What only Unix has, as [`std::os::unix`].

pub use std::os::unix::*;

pub mod fs;
pub mod net;
pub mod process;
pub mod thread;
