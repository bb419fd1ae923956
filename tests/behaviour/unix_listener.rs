//! What listeners of Unix sockets promise: connecting, accepting, who it was, and the queue between them.

use super::net::{kind, rest};
use super::shapes::{os, sync, thread};
use super::unix_path::{Folder, abstract_address};
use os::linux::net::SocketAddrExt as _;
use os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use sync::mpsc::channel;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("unix_listener_exchange", unix_listener_exchange),
    ("unix_listener_says_who", unix_listener_says_who),
    ("unix_listener_by_name", unix_listener_by_name),
    ("unix_listener_accept_waits", unix_listener_accept_waits),
    ("unix_listener_incoming", unix_listener_incoming),
    ("unix_listener_iterates", unix_listener_iterates),
    ("unix_listener_shared", unix_listener_shared),
    ("unix_listener_clone", unix_listener_clone),
    ("unix_listener_nonblocking", unix_listener_nonblocking),
    (
        "unix_listener_nonblocking_and_back",
        unix_listener_nonblocking_and_back,
    ),
    ("unix_connect_fails", unix_connect_fails),
    ("unix_connect_before_accept", unix_connect_before_accept),
    ("unix_connect_waits_for_room", unix_connect_waits_for_room),
    (
        "unix_connect_waits_for_room_by_name",
        unix_connect_waits_for_room_by_name,
    ),
    (
        "unix_connect_waits_for_nobody",
        unix_connect_waits_for_nobody,
    ),
    ("unix_many_connections", unix_many_connections),
];

/// A listener, and the folder in which its file lies.
pub fn listen() -> (UnixListener, PathBuf, Folder) {
    let folder = Folder::new();
    let path = folder.path("socket");
    (UnixListener::bind(&path).unwrap(), path, folder)
}

pub fn unix_listener_exchange() {
    let (listener, path, _folder) = listen();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut question = [0; 4];
        stream.read_exact(&mut question).unwrap();
        stream.write_all(b"pong").unwrap();
        question
    });
    let mut client = UnixStream::connect(path).unwrap();
    client.write_all(b"ping").unwrap();
    assert_eq!(rest(&client), b"pong");
    assert_eq!(&server.join().unwrap(), b"ping");
}

pub fn unix_listener_says_who() {
    let (listener, path, _folder) = listen();
    assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
    assert!(listener.take_error().unwrap().is_none());
    let client = UnixStream::connect(&path).unwrap();
    let (server, from) = listener.accept().unwrap();
    // Clients have no name.
    assert!(from.is_unnamed());
    assert!(client.local_addr().unwrap().is_unnamed());
    assert!(server.peer_addr().unwrap().is_unnamed());
    assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path));
    assert_eq!(server.local_addr().unwrap().as_pathname(), Some(&*path));
    // By the address as well as by the path.
    let address = SocketAddr::from_pathname(&path).unwrap();
    let client = UnixStream::connect_addr(&address).unwrap();
    assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path));
    assert_eq!(
        kind(UnixListener::bind_addr(&address)),
        ErrorKind::AddrInUse
    );
}

pub fn unix_listener_by_name() {
    let (address, _holder) = abstract_address("listener");
    let name = address.as_abstract_name();
    let listener = UnixListener::bind_addr(&address).unwrap();
    let server = thread::spawn(move || rest(listener.accept().unwrap().0));
    let mut client = UnixStream::connect_addr(&address).unwrap();
    assert_eq!(client.peer_addr().unwrap().as_abstract_name(), name);
    client.write_all(b"hello").unwrap();
    drop(client);
    assert_eq!(server.join().unwrap(), b"hello");
}

pub fn unix_listener_accept_waits() {
    let (listener, path, _folder) = listen();
    let (accepts, accepting) = channel();
    let server = thread::spawn(move || {
        accepts.send(()).unwrap();
        rest(listener.accept().unwrap().0)
    });
    accepting.recv().unwrap();
    thread::yield_now();
    assert!(!server.is_finished());
    UnixStream::connect(path).unwrap().write_all(b"x").unwrap();
    assert_eq!(server.join().unwrap(), b"x");
}

/// Connects `count` times, with the number in a byte.
fn connect_all(path: &PathBuf, count: u8) {
    for n in 0..count {
        UnixStream::connect(path).unwrap().write_all(&[n]).unwrap();
    }
}

pub fn unix_listener_incoming() {
    let (listener, path, _folder) = listen();
    let server = thread::spawn(move || {
        let streams = listener.incoming().take(5);
        streams
            .map(|stream| rest(stream.unwrap()))
            .collect::<Vec<_>>()
    });
    connect_all(&path, 5);
    assert_eq!(server.join().unwrap(), [[0], [1], [2], [3], [4]]);
}

pub fn unix_listener_iterates() {
    let (listener, path, _folder) = listen();
    let server = thread::spawn(move || {
        let mut got = Vec::new();
        for stream in &listener {
            got.extend(rest(stream.unwrap()));
            if got.len() == 3 {
                break;
            }
        }
        got
    });
    connect_all(&path, 3);
    assert_eq!(server.join().unwrap(), [0, 1, 2]);
}

pub fn unix_listener_shared() {
    const CONNECTIONS: u8 = 40;
    let (listener, path, _folder) = listen();
    let mut got = thread::scope(|scope| {
        let servers = [(); 4].map(|()| {
            scope.spawn(|| {
                let accepted = (0..CONNECTIONS / 4).map(|_| listener.accept().unwrap().0);
                accepted.map(|stream| rest(stream)[0]).collect::<Vec<_>>()
            })
        });
        connect_all(&path, CONNECTIONS);
        servers
            .into_iter()
            .flat_map(|server| server.join().unwrap())
            .collect::<Vec<_>>()
    });
    got.sort_unstable();
    assert_eq!(got, (0..CONNECTIONS).collect::<Vec<_>>());
}

pub fn unix_listener_clone() {
    let (listener, path, _folder) = listen();
    let clone = listener.try_clone().unwrap();
    assert_eq!(clone.local_addr().unwrap().as_pathname(), Some(&*path));
    let accepting = thread::spawn(move || rest(clone.accept().unwrap().0));
    thread::yield_now();
    UnixStream::connect(&path).unwrap().write_all(b"1").unwrap();
    assert_eq!(accepting.join().unwrap(), b"1");
    // The clone is closed; the socket is not.
    UnixStream::connect(&path).unwrap().write_all(b"2").unwrap();
    assert_eq!(rest(listener.accept().unwrap().0), b"2");
}

pub fn unix_listener_nonblocking() {
    let (listener, path, _folder) = listen();
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
    let mut client = UnixStream::connect(path).unwrap();
    let mut server = listener.accept().unwrap().0;
    assert_eq!(kind(listener.accept()), ErrorKind::WouldBlock);
    // What it accepts is blocking, on Linux.
    let reader = thread::spawn(move || server.read(&mut [0; 4]).unwrap());
    thread::yield_now();
    client.write_all(b"abc").unwrap();
    assert_eq!(reader.join().unwrap(), 3);
}

pub fn unix_listener_nonblocking_and_back() {
    let (listener, path, _folder) = listen();
    // What accept did before must not matter.
    for n in 0..3 {
        let accepting = listener.try_clone().unwrap();
        let server = thread::spawn(move || rest(accepting.accept().unwrap().0));
        thread::yield_now();
        UnixStream::connect(&path).unwrap().write_all(&[n]).unwrap();
        assert_eq!(server.join().unwrap(), [n]);
        listener.set_nonblocking(true).unwrap();
        assert_eq!(kind(listener.accept()), ErrorKind::WouldBlock);
        listener.set_nonblocking(false).unwrap();
    }
}

pub fn unix_connect_fails() {
    let folder = Folder::new();
    let (nobody, file) = (folder.path("nobody"), folder.path("file"));
    let datagrams = folder.path("datagrams");
    drop(UnixListener::bind(&nobody).unwrap());
    let _socket = UnixDatagram::bind(&datagrams).unwrap();
    fs::write(&file, "no socket").unwrap();
    for (path, expected) in [
        (folder.path("nothing"), ErrorKind::NotFound),
        (nobody, ErrorKind::ConnectionRefused),
        (file.clone(), ErrorKind::ConnectionRefused),
        (file.join("beneath"), ErrorKind::NotADirectory),
    ] {
        assert_eq!(kind(UnixStream::connect(&path)), expected);
        let address = SocketAddr::from_pathname(&path).unwrap();
        assert_eq!(kind(UnixStream::connect_addr(&address)), expected);
    }
    let error = UnixStream::connect(&datagrams).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EPROTOTYPE));
    let (name, _holder) = abstract_address("nobody");
    assert_eq!(
        kind(UnixStream::connect_addr(&name)),
        ErrorKind::ConnectionRefused
    );
}

/// A connection is complete before it is accepted.
pub fn unix_connect_before_accept() {
    let (listener, path, _folder) = listen();
    let mut client = UnixStream::connect(path).unwrap();
    client.write_all(b"early").unwrap();
    drop(client);
    assert_eq!(rest(listener.accept().unwrap().0), b"early");
}

/// Connects more clients than the queue has room for, and accepts them when some wait.
fn crowd(listener: &UnixListener, connect: impl Fn() -> UnixStream + Sync) {
    const CLIENTS: usize = 12;
    // Room for one more than that.
    rustix::net::listen(listener, 0).unwrap();
    let (connects, connected) = channel();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            let connects = connects.clone();
            let connect = &connect;
            scope.spawn(move || {
                let mut stream = connect();
                connects.send(()).unwrap();
                stream.write_all(b"x").unwrap();
                stream.read_exact(&mut [0]).unwrap();
            });
        }
        connected.recv().unwrap();
        thread::yield_now();
        // One is in the queue, and the others wait.
        assert!(connected.try_recv().is_err());
        for _ in 0..CLIENTS {
            let mut stream = listener.accept().unwrap().0;
            stream.read_exact(&mut [0]).unwrap();
            stream.write_all(b"y").unwrap();
        }
    });
    assert_eq!(connected.try_iter().count(), CLIENTS - 1);
}

pub fn unix_connect_waits_for_room() {
    let (listener, path, _folder) = listen();
    crowd(&listener, || UnixStream::connect(&path).unwrap());
}

pub fn unix_connect_waits_for_room_by_name() {
    let (address, _holder) = abstract_address("crowd");
    let listener = UnixListener::bind_addr(&address).unwrap();
    crowd(&listener, || UnixStream::connect_addr(&address).unwrap());
}

/// Who waits for room in the queue learns that the listener is gone.
pub fn unix_connect_waits_for_nobody() {
    let (listener, path, _folder) = listen();
    rustix::net::listen(&listener, 0).unwrap();
    let first = UnixStream::connect(&path).unwrap();
    let (connects, connecting) = channel();
    let second = thread::spawn(move || {
        connects.send(()).unwrap();
        kind(UnixStream::connect(path))
    });
    connecting.recv().unwrap();
    thread::yield_now();
    assert!(!second.is_finished());
    drop(listener);
    assert_eq!(second.join().unwrap(), ErrorKind::ConnectionRefused);
    // What was in the queue is reset.
    assert_eq!(kind((&first).read(&mut [0])), ErrorKind::ConnectionReset);
}

pub fn unix_many_connections() {
    const COUNT: u32 = 100;
    let (listener, path, _folder) = listen();
    let server = thread::spawn(move || {
        let serve = |mut stream: UnixStream| {
            thread::spawn(move || {
                let mut bytes = [0; 4];
                for _ in 0..10 {
                    stream.read_exact(&mut bytes).unwrap();
                    let doubled = u32::from_le_bytes(bytes) * 2;
                    stream.write_all(&doubled.to_le_bytes()).unwrap();
                }
            })
        };
        let served: Vec<_> = (0..COUNT)
            .map(|_| serve(listener.accept().unwrap().0))
            .collect();
        served.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let clients: Vec<_> = (0..COUNT)
        .map(|n| {
            let path = path.clone();
            thread::spawn(move || {
                let mut stream = UnixStream::connect(path).unwrap();
                let mut bytes = [0; 4];
                for round in 0..10 {
                    stream.write_all(&(n + round).to_le_bytes()).unwrap();
                    stream.read_exact(&mut bytes).unwrap();
                    assert_eq!(u32::from_le_bytes(bytes), 2 * (n + round));
                }
            })
        })
        .collect();
    clients
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    server.join().unwrap();
}
