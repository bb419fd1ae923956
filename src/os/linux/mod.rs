//! What only Linux has, as [`std::os::linux`].

pub use std::os::linux::*;

pub mod net;
