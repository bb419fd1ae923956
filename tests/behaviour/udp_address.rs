//! Where UDP sockets are bound, what they are connected to, and where datagrams go.

use super::net::kind;
use super::shapes::net;
use super::udp::{raw, received, socket};
use net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::io::ErrorKind;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("udp_bind_tries_all", udp_bind_tries_all),
    ("udp_bind_fails", udp_bind_fails),
    ("udp_bind_by_name", udp_bind_by_name),
    ("udp_connect", udp_connect),
    ("udp_connect_filters", udp_connect_filters),
    ("udp_connect_again", udp_connect_again),
    ("udp_connect_tries_all", udp_connect_tries_all),
    ("udp_connect_by_name", udp_connect_by_name),
    ("udp_not_connected", udp_not_connected),
    ("udp_send_to_when_connected", udp_send_to_when_connected),
    ("udp_send_to_first", udp_send_to_first),
    ("udp_send_to_other_version", udp_send_to_other_version),
];

pub fn udp_bind_tries_all() {
    let (_taken, address) = socket();
    let second = UdpSocket::bind(&[address, (Ipv4Addr::LOCALHOST, 0).into()][..]).unwrap();
    let found = second.local_addr().unwrap();
    assert_ne!(found, address);
    assert_ne!(found.port(), 0);
    assert_eq!(found.ip(), Ipv4Addr::LOCALHOST);
}

pub fn udp_bind_fails() {
    let (_taken, address) = socket();
    assert_eq!(kind(UdpSocket::bind(address)), ErrorKind::AddrInUse);
    // The last error is told. This is a documentation address, which no machine has.
    let foreign = (Ipv4Addr::new(192, 0, 2, 1), 0).into();
    assert_eq!(
        kind(UdpSocket::bind(&[address, foreign][..])),
        ErrorKind::AddrNotAvailable
    );
    let none: &[SocketAddr] = &[];
    let error = UdpSocket::bind(none).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "could not resolve to any addresses");
    let error = UdpSocket::bind("127.0.0.1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "invalid socket address");
}

pub fn udp_bind_by_name() {
    let socket = UdpSocket::bind("localhost:0").unwrap();
    assert!(socket.local_addr().unwrap().ip().is_loopback());
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    assert_eq!(socket.local_addr().unwrap().ip(), Ipv4Addr::LOCALHOST);
}

pub fn udp_connect() {
    let ((server, address), (client, own)) = (socket(), socket());
    assert_eq!(kind(client.peer_addr()), ErrorKind::NotConnected);
    client.connect(address).unwrap();
    assert_eq!(client.peer_addr().unwrap(), address);
    assert_eq!(client.local_addr().unwrap(), own);
    assert_eq!(client.send(b"hello").unwrap(), 5);
    let mut bytes = [0; 8];
    assert_eq!(server.recv_from(&mut bytes).unwrap(), (5, own));
    server.send_to(b"you", own).unwrap();
    // `recv_from` is for connected sockets as well.
    assert_eq!(client.recv_from(&mut bytes).unwrap(), (3, address));
}

/// A connected socket hears its peer only.
pub fn udp_connect_filters() {
    let ((peer, address), (stranger, _), (client, own)) = (socket(), socket(), socket());
    client.connect(address).unwrap();
    stranger.send_to(b"stranger", own).unwrap();
    peer.send_to(b"peer", own).unwrap();
    assert_eq!(received(&client), b"peer");
    client.set_nonblocking(true).unwrap();
    assert_eq!(kind(client.recv(&mut [0; 8])), ErrorKind::WouldBlock);
}

pub fn udp_connect_again() {
    let ((first, of_first), (second, of_second), (client, own)) = (socket(), socket(), socket());
    for (server, address) in [(&first, of_first), (&second, of_second), (&first, of_first)] {
        client.connect(address).unwrap();
        assert_eq!(client.peer_addr().unwrap(), address);
        client.send(b"q").unwrap();
        assert_eq!(server.recv_from(&mut [0; 8]).unwrap(), (1, own));
        server.send_to(b"a", own).unwrap();
        assert_eq!(received(&client), b"a");
    }
}

pub fn udp_connect_tries_all() {
    let ((server, address), (client, _)) = (socket(), socket());
    // The first is of the other version, which the kernel refuses.
    let six = SocketAddr::from((Ipv6Addr::LOCALHOST, 9));
    client.connect(&[six, address][..]).unwrap();
    assert_eq!(client.peer_addr().unwrap(), address);
    client.send(b"x").unwrap();
    assert_eq!(received(&server), b"x");
    assert_eq!(raw(client.connect(six)), Some(libc::EAFNOSUPPORT));
    let none: &[SocketAddr] = &[];
    let error = client.connect(none).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "could not resolve to any addresses");
    // None of them changed anything.
    assert_eq!(client.peer_addr().unwrap(), address);
}

pub fn udp_connect_by_name() {
    let ((_server, address), (client, _)) = (socket(), socket());
    client.connect(("localhost", address.port())).unwrap();
    assert_eq!(client.peer_addr().unwrap(), address);
    client.connect(address.to_string()).unwrap();
    let error = client.connect("nothing").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

pub fn udp_not_connected() {
    let ((client, own), (other, _)) = (socket(), socket());
    assert_eq!(raw(client.send(b"to whom")), Some(libc::EDESTADDRREQ));
    // Receiving needs no peer.
    other.send_to(b"from anyone", own).unwrap();
    let mut bytes = [0; 16];
    assert_eq!(client.peek(&mut bytes).unwrap(), 11);
    assert_eq!(client.recv(&mut bytes).unwrap(), 11);
    assert_eq!(&bytes[..11], b"from anyone");
}

pub fn udp_send_to_when_connected() {
    let ((peer, of_peer), (third, of_third), (client, own)) = (socket(), socket(), socket());
    client.connect(of_peer).unwrap();
    client.send_to(b"aside", of_third).unwrap();
    assert_eq!(third.recv_from(&mut [0; 8]).unwrap(), (5, own));
    client.send(b"peer").unwrap();
    assert_eq!(received(&peer), b"peer");
    assert_eq!(client.peer_addr().unwrap(), of_peer);
}

/// Only one address is used, although there may be several.
pub fn udp_send_to_first() {
    let ((first, of_first), (second, of_second), (client, own)) = (socket(), socket(), socket());
    client.send_to(b"one", &[of_first, of_second][..]).unwrap();
    assert_eq!(first.recv_from(&mut [0; 8]).unwrap(), (3, own));
    second.set_nonblocking(true).unwrap();
    assert_eq!(kind(second.recv(&mut [0; 8])), ErrorKind::WouldBlock);
    client
        .send_to(b"name", ("localhost", of_first.port()))
        .unwrap();
    assert_eq!(received(&first), b"name");
    let none: &[SocketAddr] = &[];
    let error = client.send_to(b"x", none).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "no addresses to send data to");
    assert_eq!(
        kind(client.send_to(b"x", "no port")),
        ErrorKind::InvalidInput
    );
}

pub fn udp_send_to_other_version() {
    let (client, _) = socket();
    let six = (Ipv6Addr::LOCALHOST, 9);
    assert_eq!(raw(client.send_to(b"x", six)), Some(libc::EAFNOSUPPORT));
    // No datagram goes to the port that stands for any.
    assert_eq!(
        kind(client.send_to(b"x", (Ipv4Addr::LOCALHOST, 0))),
        ErrorKind::InvalidInput
    );
}
