//! [`std::net`] with standin's TCP and name resolution. `UdpSocket` is std's, and blocks.

pub use ::std::net::*;
pub use standin::net::{Incoming, TcpListener, TcpStream, ToSocketAddrs};
