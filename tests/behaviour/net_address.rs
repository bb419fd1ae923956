//! What can be connected to, and what sockets convert to and from.

// On std, conversions into std's types are conversions into themselves.
#![allow(clippy::useless_conversion)]

use super::net::{listen, pair};
use super::shapes::{net, thread, time};
use net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, TcpListener, TcpStream,
    ToSocketAddrs,
};
use rustix::fs::{OFlags, fcntl_getfl};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use time::Duration;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("net_address_forms", net_address_forms),
    ("net_address_errors", net_address_errors),
    ("net_address_names", net_address_names),
    ("net_connect_by_name", net_connect_by_name),
    ("net_stream_through_std", net_stream_through_std),
    (
        "net_stream_through_descriptors",
        net_stream_through_descriptors,
    ),
    ("net_stream_keeps_its_mode", net_stream_keeps_its_mode),
    ("net_stream_used_before", net_stream_used_before),
    ("net_listener_through_std", net_listener_through_std),
    ("net_listener_keeps_its_mode", net_listener_keeps_its_mode),
    ("net_traits", net_traits),
];

fn addresses<A: ToSocketAddrs>(form: A) -> Vec<SocketAddr> {
    form.to_socket_addrs().unwrap().collect()
}

pub fn net_address_forms() {
    let v4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);
    let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 0);
    let (four, six) = (SocketAddr::V4(v4), SocketAddr::V6(v6));
    for found in [
        addresses(four),
        addresses(v4),
        addresses((IpAddr::V4(Ipv4Addr::LOCALHOST), 80)),
        addresses((Ipv4Addr::LOCALHOST, 80)),
        addresses(("127.0.0.1", 80)),
        addresses((String::from("127.0.0.1"), 80)),
        addresses("127.0.0.1:80"),
        addresses(String::from("127.0.0.1:80")),
        addresses::<&&str>(&"127.0.0.1:80"),
        addresses::<&&SocketAddr>(&&four),
    ] {
        assert_eq!(found, [four]);
    }
    for found in [
        addresses(six),
        addresses(v6),
        addresses((Ipv6Addr::LOCALHOST, 80)),
        addresses(("::1", 80)),
        addresses("[::1]:80"),
    ] {
        assert_eq!(found, [six]);
    }
    assert_eq!(addresses(&[four, six][..]), [four, six]);
    assert_eq!(addresses(&[][..]), []);
}

pub fn net_address_errors() {
    for (form, message) in [
        ("", "invalid socket address"),
        ("127.0.0.1", "invalid socket address"),
        ("127.0.0.1:", "invalid port value"),
        ("127.0.0.1:65536", "invalid port value"),
        ("127.0.0.1:port", "invalid port value"),
    ] {
        let error = form.to_socket_addrs().expect_err(form);
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::InvalidInput, message)
        );
        let error = TcpStream::connect(form).expect_err(form);
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::InvalidInput, message)
        );
        let error = TcpListener::bind(form).expect_err(form);
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::InvalidInput, message)
        );
    }
    let null = ("a\0b", 80)
        .to_socket_addrs()
        .expect_err("no name has a null byte");
    assert_eq!(null.kind(), ErrorKind::InvalidInput);
}

pub fn net_address_names() {
    for found in [
        addresses("localhost:80"),
        addresses(("localhost", 80)),
        addresses((String::from("localhost"), 80)),
    ] {
        assert!(!found.is_empty());
        assert!(
            found
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 80)
        );
    }
    // Asking does not stop others, and many can ask at once.
    let threads: Vec<_> = (0..20)
        .map(|_| thread::spawn(|| addresses("localhost:1").len()))
        .collect();
    let counts: Vec<_> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    assert!(counts.iter().all(|count| *count == counts[0]));
}

pub fn net_connect_by_name() {
    let (listener, address) = listen();
    let client = TcpStream::connect(("localhost", address.port())).unwrap();
    assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap());
    let client = TcpStream::connect(address.to_string()).unwrap();
    assert_eq!(client.peer_addr().unwrap(), address);
}

/// A byte each way.
fn check(mut one: &TcpStream, mut other: &TcpStream) {
    let mut byte = [0];
    one.write_all(b"1").unwrap();
    other.read_exact(&mut byte).unwrap();
    other.write_all(b"2").unwrap();
    one.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"2");
}

pub fn net_stream_through_std() {
    let (client, server) = pair();
    let fd = client.as_raw_fd();
    check(&client, &server);
    let std: std::net::TcpStream = client.into();
    assert_eq!(std.as_raw_fd(), fd);
    let client = TcpStream::from(std);
    assert_eq!(client.as_raw_fd(), fd);
    check(&client, &server);
}

pub fn net_stream_through_descriptors() {
    let (client, server) = pair();
    let address = client.local_addr().unwrap();
    assert_eq!(client.as_fd().as_raw_fd(), client.as_raw_fd());
    let owned = OwnedFd::from(client);
    let client = TcpStream::from(owned);
    check(&client, &server);
    let raw = client.into_raw_fd();
    // SAFETY: `into_raw_fd` gave it up.
    let client = unsafe { TcpStream::from_raw_fd(raw) };
    assert_eq!(client.local_addr().unwrap(), address);
    check(&client, &server);
}

pub fn net_stream_keeps_its_mode() {
    let (client, _server) = pair();
    client.set_nonblocking(true).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(7)))
        .unwrap();
    let mut std = std::net::TcpStream::from(client);
    assert_eq!(
        std.read(&mut [0]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    assert_eq!(std.read_timeout().unwrap(), Some(Duration::from_secs(7)));
    let mut client = TcpStream::from(std);
    assert_eq!(
        client.read(&mut [0]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    assert_eq!(client.read_timeout().unwrap(), Some(Duration::from_secs(7)));
    // A short timeout that somebody else set counts as well.
    let std = std::net::TcpStream::from(client);
    std.set_nonblocking(false).unwrap();
    std.set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    let mut client = TcpStream::from(std);
    assert_eq!(
        client.read(&mut [0]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
}

/// Who gets the descriptor gets a blocking one, whatever engines did with it.
pub fn net_stream_used_before() {
    let (client, mut server) = pair();
    let reader = thread::spawn(move || {
        (&client).read_exact(&mut [0]).unwrap();
        client
    });
    thread::yield_now();
    server.write_all(b"x").unwrap();
    let client = std::net::TcpStream::from(reader.join().unwrap());
    assert!(!fcntl_getfl(&client).unwrap().contains(OFlags::NONBLOCK));
    // Known to the engine under the same number once before.
    let client = TcpStream::from(client);
    let reader = thread::spawn(move || (&client).read(&mut [0]).unwrap());
    server.write_all(b"y").unwrap();
    assert_eq!(reader.join().unwrap(), 1);
}

pub fn net_listener_through_std() {
    let (listener, address) = listen();
    let accepting = thread::spawn(move || {
        listener.accept().unwrap();
        listener
    });
    drop(TcpStream::connect(address).unwrap());
    let listener = std::net::TcpListener::from(accepting.join().unwrap());
    assert!(!fcntl_getfl(&listener).unwrap().contains(OFlags::NONBLOCK));
    let listener = TcpListener::from(OwnedFd::from(TcpListener::from(listener)));
    let client = TcpStream::connect(address).unwrap();
    assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap());
}

pub fn net_listener_keeps_its_mode() {
    let (listener, _) = listen();
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let std = std::net::TcpListener::from(listener);
    assert!(fcntl_getfl(&std).unwrap().contains(OFlags::NONBLOCK));
    let listener = TcpListener::from(std);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

pub fn net_traits() {
    fn shared<T: Send + Sync + Unpin + std::fmt::Debug + AsFd + AsRawFd>() {}
    shared::<TcpStream>();
    shared::<TcpListener>();
    fn transfers<T: Read + Write>() {}
    transfers::<TcpStream>();
    transfers::<&TcpStream>();
    fn iterates<I: Iterator<Item = std::io::Result<TcpStream>> + std::iter::FusedIterator>(_: I) {}
    let (listener, _) = listen();
    iterates(listener.incoming());
}
