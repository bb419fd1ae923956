//! Input and output, as [`std::io`], for every context: pipes that park the green thread they are used on, and block
//! an OS thread as std's do.
//!
//! Everything else is std's own: the traits, the errors, the adapters, and the functions that are written above the
//! traits, [`copy`] and [`read_to_string`] among them.

mod pipe;

pub use pipe::{PipeReader, PipeWriter, pipe};
pub use std::io::*;
