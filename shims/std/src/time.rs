//! [`std::time`] with standin's `Instant`: an engine can have a clock of its own.

pub use ::std::time::*;
pub use standin::time::Instant;
