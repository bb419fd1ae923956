//! A crate that is not renamed, as most dependencies of a renamed one.

use std::io;
use std::net::{SocketAddr, TcpStream};

/// Takes std's stream, whatever `std` is to the caller.
pub fn peer(stream: &TcpStream) -> io::Result<SocketAddr> {
    stream.peer_addr()
}

/// Gives one.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(address)
}
