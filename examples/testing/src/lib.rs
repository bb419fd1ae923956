//! Two small things in plain blocking style, a pool of threads and a server, to show how such code is tested on
//! every engine: the tests stand below each, and the properties in `tests/properties.rs`.
//!
//! ```sh
//! cargo test                  # on std
//! cargo test --all-features   # on every engine
//! ```

pub mod pool;
pub mod server;
