//! [`std::net`] with standin's TCP, UDP and name resolution.

pub use ::std::net::*;
pub use standin::net::{Incoming, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
