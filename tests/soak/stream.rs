//! What a conversation needs of a stream, for both families.

use rustix::fs::{OFlags, fcntl_getfl};
use standin::net::{Shutdown, TcpStream};
use standin::os::unix::net::UnixStream;
use std::io::{self, Read, Write};
use std::time::Duration;

pub(crate) trait Stream: Send + Sync + Sized + 'static {
    /// The std type that it converts to.
    type Std;

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;
    /// `None` where std has none.
    fn peek(&self, buffer: &mut [u8]) -> Option<io::Result<usize>>;
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
    fn try_clone(&self) -> io::Result<Self>;
    fn set_timeouts(&self, read: Option<Duration>, write: Option<Duration>) -> io::Result<()>;
    fn timeouts(&self) -> io::Result<[Option<Duration>; 2]>;
    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()>;
    fn into_std(self) -> Self::Std;
    fn from_std(std: Self::Std) -> Self;
    /// One read by std, and whether the descriptor is non-blocking.
    fn receive_by_std(std: &Self::Std, buffer: &mut [u8]) -> (io::Result<usize>, bool);
    fn set_timeouts_of_std(std: &Self::Std, both: Duration) -> io::Result<()>;
}

macro_rules! stream {
    ($stream:ty, $std:ty, $peek:expr) => {
        impl Stream for $stream {
            type Std = $std;

            fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
                (&*self).read(buffer)
            }
            fn send(&self, bytes: &[u8]) -> io::Result<usize> {
                (&*self).write(bytes)
            }
            fn peek(&self, buffer: &mut [u8]) -> Option<io::Result<usize>> {
                $peek(self, buffer)
            }
            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.shutdown(how)
            }
            fn try_clone(&self) -> io::Result<Self> {
                self.try_clone()
            }
            fn set_timeouts(
                &self,
                read: Option<Duration>,
                write: Option<Duration>,
            ) -> io::Result<()> {
                self.set_read_timeout(read)?;
                self.set_write_timeout(write)
            }
            fn timeouts(&self) -> io::Result<[Option<Duration>; 2]> {
                Ok([self.read_timeout()?, self.write_timeout()?])
            }
            fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
                self.set_nonblocking(nonblocking)
            }
            fn into_std(self) -> $std {
                self.into()
            }
            fn from_std(std: $std) -> Self {
                std.into()
            }
            fn receive_by_std(mut std: &$std, buffer: &mut [u8]) -> (io::Result<usize>, bool) {
                let flags = fcntl_getfl(std).expect("it is open");
                let result = loop {
                    match std.read(buffer) {
                        // A signal, which std tells its callers of.
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        result => break result,
                    }
                };
                (result, flags.contains(OFlags::NONBLOCK))
            }
            fn set_timeouts_of_std(std: &$std, both: Duration) -> io::Result<()> {
                std.set_read_timeout(Some(both))?;
                std.set_write_timeout(Some(both))
            }
        }
    };
}

stream!(
    TcpStream,
    std::net::TcpStream,
    |stream: &TcpStream, buffer| Some(stream.peek(buffer))
);
stream!(
    UnixStream,
    std::os::unix::net::UnixStream,
    |_: &UnixStream, _: &mut [u8]| None
);
