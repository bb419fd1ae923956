//! Where the servers of the examples listen.

use std::io;
use std::net::Ipv4Addr;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};

/// Connections that the kernel may hold until they are accepted.
const BACKLOG: u32 = 4096;

/// A listener on a free port of the loopback address, and a runtime for one OS thread that
/// serves it.
pub(crate) fn listen() -> io::Result<(Runtime, TcpListener)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        socket.listen(BACKLOG)
    })?;
    Ok((runtime, listener))
}
