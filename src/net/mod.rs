//! TCP and UDP, as [`std::net`], for every context: on a green thread an operation parks the thread, on an OS thread
//! it blocks it as std's would.
//!
//! Addresses, [`Shutdown`] and the errors are std's own.

mod address;
pub(crate) mod conversions;
mod listener;
mod stream;
mod udp;

pub use address::ToSocketAddrs;
pub use listener::{Incoming, TcpListener};
pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
};
pub use stream::TcpStream;
pub use udp::UdpSocket;
