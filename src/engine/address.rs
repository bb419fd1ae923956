//! Where sockets are: the address type of the contract, and how the kernel writes it.

use rustix::net::addr::SocketAddrArg;
use rustix::net::{AddressFamily, SocketAddrAny, SocketAddrUnix};
use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr as UnixSocketAddr;

/// The address of a socket, in std's own types.
#[derive(Clone, Debug)]
pub enum Address {
    /// An IP address and a port.
    Inet(SocketAddr),
    /// A path, an abstract name, or none: [`SocketAddr::from_pathname`](UnixSocketAddr::from_pathname) of an
    /// empty path is the unnamed address.
    Unix(UnixSocketAddr),
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Inet(address)
    }
}

impl From<UnixSocketAddr> for Address {
    fn from(address: UnixSocketAddr) -> Self {
        Self::Unix(address)
    }
}

impl Address {
    /// For a socket type that has no other addresses; one that was made from a foreign descriptor can meet
    /// them all the same.
    pub(crate) fn into_inet(self) -> io::Result<SocketAddr> {
        match self {
            Self::Inet(address) => Ok(address),
            Self::Unix(_) => Err(invalid(
                "the descriptor is not that of an IP socket: its peer has no IP address",
            )),
        }
    }

    /// As [`into_inet`](Self::into_inet).
    pub(crate) fn into_unix(self) -> io::Result<UnixSocketAddr> {
        match self {
            Self::Unix(address) => Ok(address),
            Self::Inet(_) => Err(invalid(
                "the descriptor is not that of a Unix socket: its peer has an IP address",
            )),
        }
    }

    pub(super) fn family(&self) -> AddressFamily {
        match self {
            Self::Inet(SocketAddr::V4(_)) => AddressFamily::INET,
            Self::Inet(SocketAddr::V6(_)) => AddressFamily::INET6,
            Self::Unix(_) => AddressFamily::UNIX,
        }
    }

    pub(super) fn to_kernel(&self) -> io::Result<SocketAddrAny> {
        let address = match self {
            Self::Inet(address) => address.as_any(),
            Self::Unix(address) => {
                let address = if let Some(path) = address.as_pathname() {
                    SocketAddrUnix::new(path)?
                } else if let Some(name) = address.as_abstract_name() {
                    SocketAddrUnix::new_abstract_name(name)?
                } else {
                    SocketAddrUnix::new_unnamed()
                };
                address.as_any()
            }
        };
        Ok(address)
    }

    /// What the kernel says of a peer. It says nothing of a Unix socket that has no name.
    pub(super) fn of_kernel(address: Option<SocketAddrAny>) -> io::Result<Self> {
        let Some(address) = address else {
            return unnamed();
        };
        match address.address_family() {
            AddressFamily::INET | AddressFamily::INET6 => Ok(Self::Inet(address.try_into()?)),
            AddressFamily::UNIX => unix(address),
            family => Err(invalid(format!(
                "the peer's address is of family {}, neither IP nor Unix",
                family.as_raw()
            ))),
        }
    }
}

fn unix(address: SocketAddrAny) -> io::Result<Address> {
    let length = address.addr_len() as usize;
    if length <= size_of::<u16>() {
        return unnamed();
    }
    if length > LONGEST {
        // The path takes the whole field, without the zero at its end; std makes no such address.
        return Err(invalid(
            "the peer is bound to a path of 108 bytes, one more than std's address can hold",
        ));
    }
    let address = SocketAddrUnix::try_from(address)?;
    let address = match (address.path_bytes(), address.abstract_name()) {
        (Some(path), _) => UnixSocketAddr::from_pathname(OsStr::from_bytes(path))?,
        (None, Some(name)) => UnixSocketAddr::from_abstract_name(name)?,
        (None, None) => return unnamed(),
    };
    Ok(Address::Unix(address))
}

/// The length of `sockaddr_un`: the family, and 108 bytes.
const LONGEST: usize = size_of::<u16>() + 108;

fn unnamed() -> io::Result<Address> {
    UnixSocketAddr::from_pathname("").map(Address::Unix)
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}
