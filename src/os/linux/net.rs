//! Sockets on Linux, as [`std::os::linux::net`]: `SocketAddrExt` is std's, [`TcpStreamExt`] is not, because
//! std's is sealed.

pub use std::os::linux::net::*;

use crate::net::TcpStream;
use rustix::net::sockopt;
use std::io;

/// Options of TCP on Linux. This corresponds to [`std::os::linux::net::TcpStreamExt`].
pub trait TcpStreamExt: Sealed {
    /// This corresponds to [`std::os::linux::net::TcpStreamExt::set_quickack`].
    ///
    /// # Errors
    ///
    /// As std's.
    fn set_quickack(&self, quickack: bool) -> io::Result<()>;

    /// This corresponds to [`std::os::linux::net::TcpStreamExt::quickack`].
    ///
    /// # Errors
    ///
    /// As std's.
    fn quickack(&self) -> io::Result<bool>;
}

impl TcpStreamExt for TcpStream {
    fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        Ok(sockopt::set_tcp_quickack(self.std(), quickack)?)
    }

    fn quickack(&self) -> io::Result<bool> {
        Ok(sockopt::tcp_quickack(self.std())?)
    }
}

impl Sealed for TcpStream {}

mod sealed {
    /// More methods may come, as in std.
    pub trait Sealed {}
}

use sealed::Sealed;
