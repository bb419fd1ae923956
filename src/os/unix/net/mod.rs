//! Unix sockets, as [`std::os::unix::net`], for every context: on a green thread an operation parks the
//! thread, on an OS thread it blocks it as std's would.
//!
//! [`SocketAddr`] is std's own.

mod datagram;
mod listener;
mod stream;

pub use datagram::UnixDatagram;
pub use listener::{Incoming, UnixListener};
pub use std::os::unix::net::SocketAddr;
pub use stream::UnixStream;
