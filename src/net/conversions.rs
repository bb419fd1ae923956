//! The ways in and out of a socket type: std's type, and descriptors.

/// For a tuple struct around a [`Handle`](crate::engine::socket::Handle) of std's type.
macro_rules! conversions {
    ($own:ident, $std:ident) => {
        impl From<$std> for $own {
            /// Keeps the mode and the timeouts that the socket has.
            fn from(socket: $std) -> Self {
                Self($crate::engine::socket::Handle::adopt(socket))
            }
        }

        impl From<$own> for $std {
            /// The socket is in the mode that its user gave it, and has its timeouts.
            fn from(socket: $own) -> Self {
                socket.0.into_std()
            }
        }

        impl From<std::os::fd::OwnedFd> for $own {
            fn from(fd: std::os::fd::OwnedFd) -> Self {
                $std::from(fd).into()
            }
        }

        impl From<$own> for std::os::fd::OwnedFd {
            fn from(socket: $own) -> Self {
                $std::from(socket).into()
            }
        }

        impl std::os::fd::AsFd for $own {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                std::os::fd::AsFd::as_fd(self.0.lend())
            }
        }

        impl std::os::fd::AsRawFd for $own {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                std::os::fd::AsRawFd::as_raw_fd(self.0.lend())
            }
        }

        impl std::os::fd::FromRawFd for $own {
            unsafe fn from_raw_fd(fd: std::os::fd::RawFd) -> Self {
                // SAFETY: the caller owns an open descriptor.
                let std = unsafe { <$std as std::os::fd::FromRawFd>::from_raw_fd(fd) };
                std.into()
            }
        }

        impl std::os::fd::IntoRawFd for $own {
            fn into_raw_fd(self) -> std::os::fd::RawFd {
                std::os::fd::IntoRawFd::into_raw_fd($std::from(self))
            }
        }

        #[cfg(feature = "async")]
        impl $crate::aio::AsSocket for $own {
            fn as_socket(&self) -> $crate::engine::SocketRef<'_> {
                self.0.as_ref()
            }
        }

        // As std's: a panic in an operation leaves the socket as the kernel has it, and what is known of it
        // beside that is changed in single steps.
        impl std::panic::UnwindSafe for $own {}
        impl std::panic::RefUnwindSafe for $own {}
    };
}

pub(crate) use conversions;
