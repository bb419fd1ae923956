//! What Unix datagram sockets promise: moving datagrams, waiting for them and for room, and how they end.
//! `unix_datagram_address.rs` has addresses, `unix_mode.rs` timeouts and non-blocking mode.

use super::net::kind;
use super::shapes::{net, os, sync, thread};
use super::unix_path::Folder;
use net::Shutdown;
use os::unix::net::UnixDatagram;
use std::io::ErrorKind;
use sync::mpsc::channel;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("unix_datagram_pair", unix_datagram_pair),
    ("unix_datagram_receive_waits", unix_datagram_receive_waits),
    ("unix_datagram_boundaries", unix_datagram_boundaries),
    ("unix_datagram_truncation", unix_datagram_truncation),
    ("unix_datagram_nothing", unix_datagram_nothing),
    (
        "unix_datagram_receive_nothing",
        unix_datagram_receive_nothing,
    ),
    ("unix_datagram_too_large", unix_datagram_too_large),
    ("unix_datagram_send_waits", unix_datagram_send_waits),
    ("unix_datagram_send_to_waits", unix_datagram_send_to_waits),
    (
        "unix_datagram_send_waits_for_nobody",
        unix_datagram_send_waits_for_nobody,
    ),
    ("unix_datagram_shutdown_read", unix_datagram_shutdown_read),
    ("unix_datagram_shutdown_write", unix_datagram_shutdown_write),
    (
        "unix_datagram_shutdown_wakes_receiver",
        unix_datagram_shutdown_wakes_receiver,
    ),
    ("unix_datagram_peer_is_gone", unix_datagram_peer_is_gone),
    ("unix_datagram_clone", unix_datagram_clone),
    ("unix_datagram_many_receivers", unix_datagram_many_receivers),
    ("unix_datagram_many_clients", unix_datagram_many_clients),
    (
        "unix_datagram_moves_between_threads",
        unix_datagram_moves_between_threads,
    ),
];

/// Receives a datagram from whoever sends one.
pub fn received(socket: &UnixDatagram) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 16];
    let length = socket.recv(&mut bytes).unwrap();
    bytes.truncate(length);
    bytes
}

pub fn unix_datagram_pair() {
    let (one, other) = UnixDatagram::pair().unwrap();
    for socket in [&one, &other] {
        assert!(socket.local_addr().unwrap().is_unnamed());
        assert!(socket.peer_addr().unwrap().is_unnamed());
        assert!(socket.take_error().unwrap().is_none());
    }
    assert_eq!(one.send(b"ping").unwrap(), 4);
    let mut bytes = [0; 8];
    let (length, from) = other.recv_from(&mut bytes).unwrap();
    assert_eq!((&bytes[..length], from.is_unnamed()), (&b"ping"[..], true));
    assert_eq!(other.send(b"pong").unwrap(), 4);
    assert_eq!(received(&one), b"pong");
}

pub fn unix_datagram_receive_waits() {
    let (one, other) = UnixDatagram::pair().unwrap();
    let (receives, receiving) = channel();
    let receiver = thread::spawn(move || {
        receives.send(()).unwrap();
        let first = received(&one);
        let mut bytes = [0; 8];
        (first, one.recv_from(&mut bytes).unwrap().0)
    });
    receiving.recv().unwrap();
    thread::yield_now();
    assert!(!receiver.is_finished());
    other.send(b"x").unwrap();
    thread::yield_now();
    other.send(b"yy").unwrap();
    assert_eq!(receiver.join().unwrap(), (b"x".to_vec(), 2));
}

pub fn unix_datagram_boundaries() {
    let (one, other) = UnixDatagram::pair().unwrap();
    let sender = thread::spawn(move || {
        for length in 0..100_u8 {
            one.send(&vec![length; usize::from(length)]).unwrap();
        }
    });
    for length in 0..100_u8 {
        assert_eq!(received(&other), vec![length; usize::from(length)]);
    }
    sender.join().unwrap();
}

/// What a buffer has no room for is lost.
pub fn unix_datagram_truncation() {
    let (one, other) = UnixDatagram::pair().unwrap();
    let mut bytes = [0; 3];
    one.send(b"abcdef").unwrap();
    assert_eq!(other.recv(&mut bytes).unwrap(), 3);
    assert_eq!(&bytes, b"abc");
    one.send(b"ghijkl").unwrap();
    assert_eq!(other.recv_from(&mut bytes).unwrap().0, 3);
    assert_eq!(&bytes, b"ghi");
    one.send(b"end").unwrap();
    assert_eq!(received(&other), b"end");
}

/// A datagram without bytes is one, and not the end of anything.
pub fn unix_datagram_nothing() {
    let (one, other) = UnixDatagram::pair().unwrap();
    assert_eq!(one.send(&[]).unwrap(), 0);
    one.send(b"x").unwrap();
    assert_eq!(other.recv(&mut [0; 4]).unwrap(), 0);
    assert_eq!(received(&other), b"x");
    let folder = Folder::new();
    let path = folder.path("server");
    let server = UnixDatagram::bind(&path).unwrap();
    let receiver = thread::spawn(move || server.recv_from(&mut [0; 4]).unwrap().0);
    thread::yield_now();
    one.send(&[]).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    assert_eq!(sender.send_to(&[], &path).unwrap(), 0);
    assert_eq!(receiver.join().unwrap(), 0);
}

/// A receive into no room waits for a datagram, and takes it.
pub fn unix_datagram_receive_nothing() {
    let (one, other) = UnixDatagram::pair().unwrap();
    let (receives, receiving) = channel();
    let receiver = thread::spawn(move || {
        receives.send(()).unwrap();
        assert_eq!(other.recv(&mut []).unwrap(), 0);
        received(&other)
    });
    receiving.recv().unwrap();
    thread::yield_now();
    assert!(!receiver.is_finished());
    one.send(b"lost").unwrap();
    one.send(b"kept").unwrap();
    assert_eq!(receiver.join().unwrap(), b"kept");
}

/// Larger than all of the buffer for sending.
pub fn unix_datagram_too_large() {
    let (one, other) = UnixDatagram::pair().unwrap();
    let room = rustix::net::sockopt::socket_send_buffer_size(&one).unwrap();
    let error = one.send(&vec![0; room + 1]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    one.send(b"small").unwrap();
    assert_eq!(received(&other), b"small");
}

const MANY: u32 = 2_000;

/// Receives numbers in their order.
fn receive_many(socket: &UnixDatagram) {
    for n in 0..MANY {
        assert_eq!(received(socket), n.to_le_bytes());
        if n % 64 == 0 {
            thread::yield_now();
        }
    }
}

/// The queue of a socket has room for a few only.
pub fn unix_datagram_send_waits() {
    let (one, other) = UnixDatagram::pair().unwrap();
    let (sends, sending) = channel();
    let sender = thread::spawn(move || {
        for n in 0..MANY {
            one.send(&n.to_le_bytes()).unwrap();
            sends.send(()).unwrap();
        }
    });
    sending.recv().unwrap();
    assert!(!sender.is_finished());
    receive_many(&other);
    sender.join().unwrap();
}

pub fn unix_datagram_send_to_waits() {
    const SENDERS: u32 = 4;
    let server = UnixDatagram::bind("").unwrap();
    let address = server.local_addr().unwrap();
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let address = address.clone();
            thread::spawn(move || {
                let socket = UnixDatagram::unbound().unwrap();
                for n in 0..MANY / SENDERS {
                    socket.send_to_addr(&n.to_le_bytes(), &address).unwrap();
                }
            })
        })
        .collect();
    thread::yield_now();
    let mut sum = 0;
    for _ in 0..MANY {
        let number = received(&server).try_into().expect("four bytes");
        sum += u32::from_le_bytes(number);
    }
    assert_eq!(sum, SENDERS * (0..MANY / SENDERS).sum::<u32>());
    senders
        .into_iter()
        .for_each(|sender| sender.join().unwrap());
}

/// Who waits for room learns that nobody will make any.
pub fn unix_datagram_send_waits_for_nobody() {
    let (one, other) = UnixDatagram::pair().unwrap();
    let (sends, sending) = channel();
    let sender = thread::spawn(move || {
        loop {
            if let Err(error) = one.send(b"x") {
                return error.kind();
            }
            sends.send(()).unwrap();
        }
    });
    sending.recv().unwrap();
    thread::yield_now();
    assert!(!sender.is_finished());
    drop(other);
    assert_eq!(sender.join().unwrap(), ErrorKind::ConnectionRefused);
}

pub fn unix_datagram_shutdown_read() {
    let (one, other) = UnixDatagram::pair().unwrap();
    other.send(b"before").unwrap();
    one.shutdown(Shutdown::Read).unwrap();
    assert_eq!(kind(other.send(b"more")), ErrorKind::BrokenPipe);
    // What was there is there, and then it is the end.
    assert_eq!(received(&one), b"before");
    for _ in 0..3 {
        assert_eq!(one.recv(&mut [0; 4]).unwrap(), 0);
        assert_eq!(one.recv_from(&mut [0; 4]).unwrap().0, 0);
    }
    one.send(b"still").unwrap();
    assert_eq!(received(&other), b"still");
}

pub fn unix_datagram_shutdown_write() {
    let (one, other) = UnixDatagram::pair().unwrap();
    one.send(b"before").unwrap();
    one.shutdown(Shutdown::Write).unwrap();
    assert_eq!(kind(one.send(b"more")), ErrorKind::BrokenPipe);
    assert_eq!(received(&other), b"before");
    other.send(b"still").unwrap();
    assert_eq!(received(&one), b"still");
    // Without a peer it is no error, unlike with streams.
    let unconnected = UnixDatagram::bind("").unwrap();
    unconnected.shutdown(Shutdown::Both).unwrap();
    assert_eq!(unconnected.recv(&mut [0; 4]).unwrap(), 0);
}

pub fn unix_datagram_shutdown_wakes_receiver() {
    for how in [Shutdown::Read, Shutdown::Both] {
        let (one, _other) = UnixDatagram::pair().unwrap();
        let clone = one.try_clone().unwrap();
        let (receives, receiving) = channel();
        let receiver = thread::spawn(move || {
            receives.send(()).unwrap();
            clone.recv(&mut [0; 4]).unwrap()
        });
        receiving.recv().unwrap();
        thread::yield_now();
        one.shutdown(how).unwrap();
        assert_eq!(receiver.join().unwrap(), 0);
    }
}

/// The first send says that it is gone, and then there is none. What it has sent is there until then.
pub fn unix_datagram_peer_is_gone() {
    let (one, other) = UnixDatagram::pair().unwrap();
    other.send(b"last").unwrap();
    drop(other);
    assert_eq!(received(&one), b"last");
    assert_eq!(kind(one.send(b"x")), ErrorKind::ConnectionRefused);
    assert_eq!(kind(one.send(b"x")), ErrorKind::NotConnected);
}

pub fn unix_datagram_clone() {
    let (one, other) = UnixDatagram::pair().unwrap();
    let clone = one.try_clone().unwrap();
    other.send(b"one").unwrap();
    other.send(b"two").unwrap();
    assert_eq!(received(&clone), b"one");
    assert_eq!(received(&one), b"two");
    // One is closed; the socket is not.
    drop(one);
    let receiver = thread::spawn(move || received(&clone));
    thread::yield_now();
    other.send(b"three").unwrap();
    assert_eq!(receiver.join().unwrap(), b"three");
}

pub fn unix_datagram_many_receivers() {
    const RECEIVERS: usize = 4;
    const DATAGRAMS: u8 = 200;
    let (one, other) = UnixDatagram::pair().unwrap();
    let mut got = thread::scope(|scope| {
        let receivers = [(); RECEIVERS].map(|()| {
            scope.spawn(|| {
                let mut got = Vec::new();
                let mut bytes = [0; 2];
                while one.recv(&mut bytes).unwrap() == 1 {
                    got.push(bytes[0]);
                }
                got
            })
        });
        for n in 0..DATAGRAMS {
            other.send(&[n]).unwrap();
            if n % 16 == 0 {
                thread::yield_now();
            }
        }
        for _ in 0..RECEIVERS {
            other.send(&[0, 0]).unwrap();
        }
        receivers
            .into_iter()
            .flat_map(|receiver| receiver.join().unwrap())
            .collect::<Vec<_>>()
    });
    got.sort_unstable();
    assert_eq!(got, (0..DATAGRAMS).collect::<Vec<_>>());
}

pub fn unix_datagram_many_clients() {
    const CLIENTS: u32 = 50;
    const ROUNDS: u32 = 10;
    let server = UnixDatagram::bind("").unwrap();
    let address = server.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let mut bytes = [0; 4];
        for _ in 0..CLIENTS * ROUNDS {
            let (length, from) = server.recv_from(&mut bytes).unwrap();
            assert_eq!(length, 4);
            let doubled = u32::from_le_bytes(bytes) * 2;
            server.send_to_addr(&doubled.to_le_bytes(), &from).unwrap();
        }
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let address = address.clone();
            thread::spawn(move || {
                let client = UnixDatagram::bind("").unwrap();
                for round in 0..ROUNDS {
                    let number = (n + round).to_le_bytes();
                    client.send_to_addr(&number, &address).unwrap();
                    let answer = received(&client).try_into().expect("four bytes");
                    assert_eq!(u32::from_le_bytes(answer), 2 * (n + round));
                }
            })
        })
        .collect();
    clients
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    serving.join().unwrap();
}

pub fn unix_datagram_moves_between_threads() {
    let (one, mut socket) = UnixDatagram::pair().unwrap();
    for n in 0..50 {
        let receiver = thread::spawn(move || {
            let bytes = received(&socket);
            (bytes, socket)
        });
        thread::yield_now();
        one.send(&[n]).unwrap();
        let (bytes, back) = receiver.join().unwrap();
        assert_eq!(bytes, [n]);
        socket = back;
    }
}
