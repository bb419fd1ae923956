//! [`std::os`] with standin's Unix sockets, and its own `TcpStreamExt`: std's is sealed.

pub use ::std::os::*;

pub mod unix {
    //! [`std::os::unix`] with standin's sockets.

    pub use ::std::os::unix::*;

    pub mod fs {
        //! [`std::os::unix::fs`]: std's traits, which standin's types implement, and the functions.

        pub use ::std::os::unix::fs::*;
        pub use standin::os::unix::fs::{chown, chroot, fchown, lchown, symlink};
    }

    pub mod process {
        //! [`std::os::unix::process`] with standin's `CommandExt`: std's is sealed.

        pub use ::std::os::unix::process::*;
        pub use standin::os::unix::process::CommandExt;
    }

    pub mod net {
        //! [`std::os::unix::net`] with standin's sockets. `SocketAddr` is std's.

        pub use ::std::os::unix::net::*;
        pub use standin::os::unix::net::{Incoming, UnixDatagram, UnixListener, UnixStream};
    }
}

pub mod linux {
    //! [`std::os::linux`] with the extension of standin's TCP streams.

    pub use ::std::os::linux::*;

    pub mod net {
        //! [`std::os::linux::net`] with standin's `TcpStreamExt`.

        pub use ::std::os::linux::net::*;
        pub use standin::os::linux::net::TcpStreamExt;
    }
}
