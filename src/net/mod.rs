//! TCP, as [`std::net`], for every context: on a green thread an operation parks the thread, on an OS thread
//! it blocks it as std's would.
//!
//! Addresses, [`Shutdown`] and the errors are std's own.

/// The ways in and out of a socket type: std's type, and descriptors.
macro_rules! conversions {
    ($own:ident, $std:ident) => {
        impl From<$std> for $own {
            /// Keeps the mode and the timeouts that the socket has.
            fn from(socket: $std) -> Self {
                Self(Handle::adopt(socket))
            }
        }

        impl From<$own> for $std {
            /// The socket is in the mode that its user gave it, and has its timeouts.
            fn from(socket: $own) -> Self {
                socket.0.into_std()
            }
        }

        impl From<OwnedFd> for $own {
            fn from(fd: OwnedFd) -> Self {
                $std::from(fd).into()
            }
        }

        impl From<$own> for OwnedFd {
            fn from(socket: $own) -> Self {
                $std::from(socket).into()
            }
        }

        impl AsFd for $own {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.std().as_fd()
            }
        }

        impl AsRawFd for $own {
            fn as_raw_fd(&self) -> RawFd {
                self.0.std().as_raw_fd()
            }
        }

        impl FromRawFd for $own {
            unsafe fn from_raw_fd(fd: RawFd) -> Self {
                // SAFETY: the caller owns an open descriptor.
                unsafe { $std::from_raw_fd(fd) }.into()
            }
        }

        impl IntoRawFd for $own {
            fn into_raw_fd(self) -> RawFd {
                $std::from(self).into_raw_fd()
            }
        }

        // As std's: a panic in an operation leaves the socket as the kernel has it, and what is known of it
        // beside that is changed in single steps.
        impl UnwindSafe for $own {}
        impl RefUnwindSafe for $own {}
    };
}

mod address;
mod listener;
mod stream;

pub use address::ToSocketAddrs;
pub use listener::{Incoming, TcpListener};
pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
};
pub use stream::TcpStream;
