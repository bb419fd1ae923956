//! std's sockets, with faults. What is not here is std's.

use super::{Fault, has};
use std::io::{self, Read, Write};
use std::net;
pub use std::net::{Shutdown, SocketAddr};
use std::ops::Deref;

pub struct TcpListener(net::TcpListener);

impl TcpListener {
    pub fn bind(address: &str) -> io::Result<Self> {
        net::TcpListener::bind(address).map(Self)
    }

    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, from) = self.0.accept()?;
        Ok((TcpStream(stream), from))
    }
}

impl Deref for TcpListener {
    type Target = net::TcpListener;

    fn deref(&self) -> &net::TcpListener {
        &self.0
    }
}

pub struct TcpStream(net::TcpStream);

impl TcpStream {
    pub fn connect(address: impl net::ToSocketAddrs) -> io::Result<Self> {
        net::TcpStream::connect(address).map(Self)
    }
}

impl Deref for TcpStream {
    type Target = net::TcpStream;

    fn deref(&self) -> &net::TcpStream {
        &self.0
    }
}

impl Read for &TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !has(Fault::LosesTheRest) {
            return (&self.0).read(buffer);
        }
        let mut all = vec![0; 4_096];
        let got = (&self.0).read(&mut all)?.min(buffer.len());
        buffer[..got].copy_from_slice(&all[..got]);
        Ok(got)
    }
}

impl Read for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for &TcpStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        (&self.0).write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for TcpStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        (&*self).write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub struct UdpSocket(net::UdpSocket);

impl UdpSocket {
    pub fn bind(address: &str) -> io::Result<Self> {
        net::UdpSocket::bind(address).map(Self)
    }

    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        if has(Fault::PeekTakes) {
            self.0.recv_from(buffer)
        } else {
            self.0.peek_from(buffer)
        }
    }
}

impl Deref for UdpSocket {
    type Target = net::UdpSocket;

    fn deref(&self) -> &net::UdpSocket {
        &self.0
    }
}
