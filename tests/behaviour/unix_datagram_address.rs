//! Where Unix datagram sockets are bound, what they are connected to, and where datagrams go.

use super::net::kind;
use super::shapes::{os, thread};
use super::unix_datagram::received;
use super::unix_path::{Folder, abstract_address};
use os::linux::net::SocketAddrExt as _;
use os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("unix_datagram_exchange", unix_datagram_exchange),
    ("unix_datagram_by_name", unix_datagram_by_name),
    ("unix_datagram_connect", unix_datagram_connect),
    ("unix_datagram_connect_again", unix_datagram_connect_again),
    ("unix_datagram_connect_fails", unix_datagram_connect_fails),
    ("unix_datagram_not_connected", unix_datagram_not_connected),
    ("unix_datagram_send_to_fails", unix_datagram_send_to_fails),
];

pub fn unix_datagram_exchange() {
    let folder = Folder::new();
    let (of_server, of_client) = (folder.path("server"), folder.path("client"));
    let server = UnixDatagram::bind(&of_server).unwrap();
    assert_eq!(
        server.local_addr().unwrap().as_pathname(),
        Some(&*of_server)
    );
    let client = UnixDatagram::bind(&of_client).unwrap();
    let serving = thread::spawn(move || {
        let mut question = [0; 16];
        let (length, from) = server.recv_from(&mut question).unwrap();
        assert_eq!(&question[..length], b"ping");
        assert_eq!(server.send_to_addr(b"pong", &from).unwrap(), 4);
        // By its path as well.
        server
            .send_to(b"again", from.as_pathname().unwrap())
            .unwrap();
        from
    });
    assert_eq!(client.send_to(b"ping", &of_server).unwrap(), 4);
    let mut answer = [0; 16];
    let (length, from) = client.recv_from(&mut answer).unwrap();
    assert_eq!(&answer[..length], b"pong");
    assert_eq!(from.as_pathname(), Some(&*of_server));
    assert_eq!(received(&client), b"again");
    assert_eq!(serving.join().unwrap().as_pathname(), Some(&*of_client));
    // Who has no name is nobody.
    let server = UnixDatagram::bind(folder.path("other")).unwrap();
    let unnamed = UnixDatagram::unbound().unwrap();
    assert!(unnamed.local_addr().unwrap().is_unnamed());
    unnamed.send_to(b"x", folder.path("other")).unwrap();
    assert!(server.recv_from(&mut answer).unwrap().1.is_unnamed());
}

pub fn unix_datagram_by_name() {
    let (address, _holder) = abstract_address("datagrams");
    let server = UnixDatagram::bind_addr(&address).unwrap();
    let client = UnixDatagram::bind("").unwrap();
    let own = client.local_addr().unwrap();
    client.send_to_addr(b"ping", &address).unwrap();
    let (length, from) = server.recv_from(&mut [0; 8]).unwrap();
    assert_eq!(length, 4);
    assert_eq!(from.as_abstract_name(), own.as_abstract_name());
    server.connect_addr(&from).unwrap();
    server.send(b"pong").unwrap();
    let (length, from) = client.recv_from(&mut [0; 8]).unwrap();
    assert_eq!(length, 4);
    assert_eq!(from.as_abstract_name(), address.as_abstract_name());
}

/// A bound socket, and its path.
fn bound(folder: &Folder, name: &str) -> (UnixDatagram, PathBuf) {
    let path = folder.path(name);
    (UnixDatagram::bind(&path).unwrap(), path)
}

pub fn unix_datagram_connect() {
    let folder = Folder::new();
    let ((server, of_server), (client, own)) = (bound(&folder, "server"), bound(&folder, "client"));
    assert_eq!(kind(client.peer_addr()), ErrorKind::NotConnected);
    client.connect(&of_server).unwrap();
    let peer = client.peer_addr().unwrap();
    assert_eq!(peer.as_pathname(), Some(&*of_server));
    client.send(b"hello").unwrap();
    let (length, from) = server.recv_from(&mut [0; 8]).unwrap();
    assert_eq!((length, from.as_pathname()), (5, Some(&*own)));
    server.send_to(b"you", &own).unwrap();
    assert_eq!(received(&client), b"you");
    // Only the peer may send to a connected socket.
    let stranger = UnixDatagram::unbound().unwrap();
    assert_eq!(
        kind(stranger.send_to(b"x", &own)),
        ErrorKind::PermissionDenied
    );
    assert_eq!(kind(stranger.connect(&own)), ErrorKind::PermissionDenied);
}

pub fn unix_datagram_connect_again() {
    let folder = Folder::new();
    let client = UnixDatagram::unbound().unwrap();
    let servers = [bound(&folder, "first"), bound(&folder, "second")];
    for round in 0..4 {
        let (server, path) = &servers[round % 2];
        let address = SocketAddr::from_pathname(path).unwrap();
        client.connect_addr(&address).unwrap();
        let peer = client.peer_addr().unwrap();
        assert_eq!(peer.as_pathname(), Some(&**path));
        client.send(&[round as u8]).unwrap();
        assert_eq!(received(server), [round as u8]);
    }
    // Aside, while connected.
    client.send_to(b"aside", &servers[0].1).unwrap();
    assert_eq!(received(&servers[0].0), b"aside");
}

/// Where nobody receives, and what each of the calls says to it.
fn wrong_paths(folder: &Folder) -> [(PathBuf, ErrorKind); 3] {
    let (nobody, file) = (folder.path("nobody"), folder.path("file"));
    drop(UnixDatagram::bind(&nobody).unwrap());
    fs::write(&file, "no socket").unwrap();
    [
        (folder.path("nothing"), ErrorKind::NotFound),
        (nobody, ErrorKind::ConnectionRefused),
        (file, ErrorKind::ConnectionRefused),
    ]
}

pub fn unix_datagram_connect_fails() {
    let folder = Folder::new();
    let client = UnixDatagram::unbound().unwrap();
    for (path, expected) in wrong_paths(&folder) {
        assert_eq!(kind(client.connect(&path)), expected);
        let address = SocketAddr::from_pathname(&path).unwrap();
        assert_eq!(kind(client.connect_addr(&address)), expected);
    }
    let streams = folder.path("streams");
    let _listener = UnixListener::bind(&streams).unwrap();
    let error = client.connect(&streams).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EPROTOTYPE));
    assert_eq!(kind(client.peer_addr()), ErrorKind::NotConnected);
}

pub fn unix_datagram_not_connected() {
    let socket = UnixDatagram::unbound().unwrap();
    assert_eq!(kind(socket.send(b"to whom")), ErrorKind::NotConnected);
    assert_eq!(kind(socket.send(&[])), ErrorKind::NotConnected);
    assert_eq!(kind(socket.peer_addr()), ErrorKind::NotConnected);
}

pub fn unix_datagram_send_to_fails() {
    let folder = Folder::new();
    let client = UnixDatagram::unbound().unwrap();
    for (path, expected) in wrong_paths(&folder) {
        assert_eq!(kind(client.send_to(b"x", &path)), expected);
        let address = SocketAddr::from_pathname(&path).unwrap();
        assert_eq!(kind(client.send_to_addr(b"x", &address)), expected);
    }
    let (name, _holder) = abstract_address("nobody");
    assert_eq!(
        kind(client.send_to_addr(b"x", &name)),
        ErrorKind::ConnectionRefused
    );
    // It is as good as before.
    let (server, path) = bound(&folder, "server");
    client.send_to(b"x", path).unwrap();
    assert_eq!(received(&server), b"x");
}
