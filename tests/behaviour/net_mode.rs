//! What TCP sockets promise about timeouts, non-blocking mode, options and text.

use super::net::{kind, listen, pair};
use super::shapes::{net, thread, time};
use net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::io::{self, ErrorKind, Read, Write};
use time::{Duration, Instant};

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("net_timeouts_are_kept", net_timeouts_are_kept),
    ("net_timeout_zero", net_timeout_zero),
    ("net_read_times_out", net_read_times_out),
    ("net_read_before_timeout", net_read_before_timeout),
    ("net_read_timeout_of_clone", net_read_timeout_of_clone),
    ("net_read_timeout_longest", net_read_timeout_longest),
    ("net_write_times_out", net_write_times_out),
    ("net_nonblocking_stream", net_nonblocking_stream),
    ("net_nonblocking_write", net_nonblocking_write),
    ("net_nonblocking_and_back", net_nonblocking_and_back),
    ("net_nonblocking_listener", net_nonblocking_listener),
    (
        "net_nonblocking_listener_and_back",
        net_nonblocking_listener_and_back,
    ),
    ("net_options", net_options),
    ("net_bind_fails", net_bind_fails),
    ("net_version_6", net_version_6),
    ("net_text", net_text),
];

const SHORT: Duration = Duration::from_millis(10);

pub fn net_timeouts_are_kept() {
    let (client, server) = pair();
    assert_eq!(client.read_timeout().unwrap(), None);
    assert_eq!(client.write_timeout().unwrap(), None);
    let (read, write) = (Duration::from_secs(3), Duration::from_secs(5));
    client.set_read_timeout(Some(read)).unwrap();
    client.set_write_timeout(Some(write)).unwrap();
    assert_eq!(client.read_timeout().unwrap(), Some(read));
    assert_eq!(client.write_timeout().unwrap(), Some(write));
    assert_eq!(
        client.try_clone().unwrap().read_timeout().unwrap(),
        Some(read)
    );
    client.set_read_timeout(None).unwrap();
    assert_eq!(client.read_timeout().unwrap(), None);
    assert_eq!(client.write_timeout().unwrap(), Some(write));
    assert_eq!(server.read_timeout().unwrap(), None);
}

pub fn net_timeout_zero() {
    let (client, _server) = pair();
    let read = client.set_read_timeout(Some(Duration::ZERO)).unwrap_err();
    assert_eq!(read.kind(), ErrorKind::InvalidInput);
    assert_eq!(read.to_string(), "cannot set a 0 duration timeout");
    assert_eq!(
        kind(client.set_write_timeout(Some(Duration::ZERO))),
        ErrorKind::InvalidInput
    );
    assert_eq!(client.read_timeout().unwrap(), None);
    // The shortest is not none.
    client
        .set_read_timeout(Some(Duration::from_nanos(1)))
        .unwrap();
    assert!(client.read_timeout().unwrap().is_some());
    assert_eq!(kind((&client).read(&mut [0])), ErrorKind::WouldBlock);
}

pub fn net_read_times_out() {
    let (mut client, mut server) = pair();
    client.set_read_timeout(Some(SHORT)).unwrap();
    for _ in 0..3 {
        let start = Instant::now();
        let error = client.read(&mut [0; 4]).unwrap_err();
        assert!(start.elapsed() >= SHORT);
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(error.raw_os_error().is_some());
    }
    assert_eq!(kind(client.peek(&mut [0; 4])), ErrorKind::WouldBlock);
    let mut bytes = [0; 4];
    let buffers = &mut [io::IoSliceMut::new(&mut bytes)];
    assert_eq!(kind(client.read_vectored(buffers)), ErrorKind::WouldBlock);
    // A timeout breaks nothing.
    server.write_all(b"ab").unwrap();
    client.set_read_timeout(None).unwrap();
    let mut bytes = [0; 2];
    client.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"ab");
}

pub fn net_read_before_timeout() {
    let (mut client, mut server) = pair();
    client
        .set_read_timeout(Some(Duration::from_secs(1_000)))
        .unwrap();
    let reader = thread::spawn(move || {
        let mut bytes = [0; 1];
        client.read_exact(&mut bytes).unwrap();
        (bytes, client.read(&mut [0]).unwrap())
    });
    server.write_all(b"x").unwrap();
    drop(server);
    assert_eq!(reader.join().unwrap(), (*b"x", 0));
}

pub fn net_read_timeout_of_clone() {
    let (client, _server) = pair();
    let mut clone = client.try_clone().unwrap();
    client.set_read_timeout(Some(SHORT)).unwrap();
    assert_eq!(kind(clone.read(&mut [0])), ErrorKind::WouldBlock);
}

pub fn net_read_timeout_longest() {
    let (mut client, mut server) = pair();
    client.set_read_timeout(Some(Duration::MAX)).unwrap();
    let reader = thread::spawn(move || {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        byte
    });
    thread::sleep(Duration::from_millis(2));
    assert!(!reader.is_finished());
    server.write_all(b"x").unwrap();
    assert_eq!(&reader.join().unwrap(), b"x");
}

/// Writes until there is no room left; returns how much that was, and what the last write said.
fn fill(stream: &mut TcpStream) -> (usize, ErrorKind) {
    let chunk = vec![1; 1 << 16];
    let mut written = 0;
    loop {
        match stream.write(&chunk) {
            Ok(some) => written += some,
            Err(error) => return (written, error.kind()),
        }
        assert!(written < 1 << 30, "nobody reads, so room must end");
    }
}

fn count(mut stream: TcpStream) -> usize {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes.len()
}

pub fn net_write_times_out() {
    let (mut client, server) = pair();
    client.set_write_timeout(Some(SHORT)).unwrap();
    let start = Instant::now();
    let (written, kind) = fill(&mut client);
    assert!(start.elapsed() >= SHORT);
    assert_eq!(kind, ErrorKind::WouldBlock);
    drop(client);
    assert_eq!(count(server), written);
}

pub fn net_nonblocking_stream() {
    let (mut client, mut server) = pair();
    client.set_nonblocking(true).unwrap();
    assert_eq!(kind(client.read(&mut [0; 4])), ErrorKind::WouldBlock);
    assert_eq!(kind(client.peek(&mut [0; 4])), ErrorKind::WouldBlock);
    // It belongs to the socket, so clones have it too.
    let mut clone = client.try_clone().unwrap();
    assert_eq!(kind(clone.read(&mut [0; 4])), ErrorKind::WouldBlock);
    server.write_all(b"x").unwrap();
    let got = loop {
        match client.read(&mut [0; 4]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            other => break other.unwrap(),
        }
    };
    assert_eq!(got, 1);
    // A timeout does not make it wait.
    client
        .set_read_timeout(Some(Duration::from_secs(1_000)))
        .unwrap();
    assert_eq!(kind(client.read(&mut [0; 4])), ErrorKind::WouldBlock);
}

pub fn net_nonblocking_write() {
    let (mut client, server) = pair();
    client.set_nonblocking(true).unwrap();
    let (written, kind) = fill(&mut client);
    assert!(written > 0);
    assert_eq!(kind, ErrorKind::WouldBlock);
    drop(client);
    assert_eq!(count(server), written);
}

pub fn net_nonblocking_and_back() {
    let (client, mut server) = pair();
    client.set_nonblocking(true).unwrap();
    let mut clone = client.try_clone().unwrap();
    clone.set_nonblocking(false).unwrap();
    let reader = thread::spawn(move || (&client).read(&mut [0; 4]).unwrap());
    thread::sleep(Duration::from_millis(2));
    server.write_all(b"x").unwrap();
    assert_eq!(reader.join().unwrap(), 1);
    clone.write_all(b"y").unwrap();
    assert_eq!(server.read(&mut [0; 4]).unwrap(), 1);
}

pub fn net_nonblocking_listener() {
    let (listener, address) = listen();
    listener.set_nonblocking(true).unwrap();
    assert_eq!(kind(listener.accept()), ErrorKind::WouldBlock);
    assert_eq!(
        kind(listener.try_clone().unwrap().accept()),
        ErrorKind::WouldBlock
    );
    assert_eq!(
        kind(listener.incoming().next().unwrap()),
        ErrorKind::WouldBlock
    );
    let mut client = TcpStream::connect(address).unwrap();
    let mut server = loop {
        match listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            other => break other.unwrap().0,
        }
    };
    // What it accepts is blocking, on Linux.
    let reader = thread::spawn(move || server.read(&mut [0; 4]).unwrap());
    client.write_all(b"abc").unwrap();
    assert_eq!(reader.join().unwrap(), 3);
}

pub fn net_nonblocking_listener_and_back() {
    let (listener, address) = listen();
    // Blocking, non-blocking, and blocking again: what accept did before must not matter.
    for _ in 0..3 {
        let accepting = listener.try_clone().unwrap();
        let server = thread::spawn(move || accepting.accept().unwrap().1);
        let client = TcpStream::connect(address).unwrap();
        assert_eq!(server.join().unwrap(), client.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        assert_eq!(kind(listener.accept()), ErrorKind::WouldBlock);
        listener.set_nonblocking(false).unwrap();
    }
}

pub fn net_options() {
    let (client, _server) = pair();
    assert!(!client.nodelay().unwrap());
    client.set_nodelay(true).unwrap();
    assert!(client.nodelay().unwrap());
    client.set_ttl(42).unwrap();
    assert_eq!(client.ttl().unwrap(), 42);
    assert!(client.set_ttl(1_000).is_err());
    assert!(client.take_error().unwrap().is_none());
    let (listener, _) = listen();
    listener.set_ttl(43).unwrap();
    assert_eq!(listener.ttl().unwrap(), 43);
    assert!(listener.take_error().unwrap().is_none());
}

pub fn net_bind_fails() {
    let (_listener, address) = listen();
    assert_eq!(kind(TcpListener::bind(address)), ErrorKind::AddrInUse);
    // A documentation address, which no machine has.
    let foreign = (Ipv4Addr::new(192, 0, 2, 1), 0);
    assert_eq!(
        kind(TcpListener::bind(foreign)),
        ErrorKind::AddrNotAvailable
    );
    let second = TcpListener::bind(&[address, (Ipv4Addr::LOCALHOST, 0).into()][..]);
    assert_ne!(second.unwrap().local_addr().unwrap(), address);
}

pub fn net_version_6() {
    // Some machines have none.
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return;
    };
    let address = listener.local_addr().unwrap();
    assert!(address.is_ipv6());
    let mut client = TcpStream::connect(address).unwrap();
    let (mut server, from) = listener.accept().unwrap();
    assert_eq!(from, client.local_addr().unwrap());
    client.write_all(b"six").unwrap();
    let mut bytes = [0; 3];
    server.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"six");
}

pub fn net_text() {
    use std::os::fd::AsRawFd;
    let (listener, address) = listen();
    let fd = listener.as_raw_fd();
    assert_eq!(
        format!("{listener:?}"),
        format!("TcpListener {{ addr: {address}, fd: {fd} }}")
    );
    let client = TcpStream::connect(address).unwrap();
    let (fd, own) = (client.as_raw_fd(), client.local_addr().unwrap());
    assert_eq!(
        format!("{client:?}"),
        format!("TcpStream {{ addr: {own}, peer: {address}, fd: {fd} }}")
    );
}
