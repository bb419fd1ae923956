//! What UDP sockets promise: moving datagrams, and waiting for them. `udp_address.rs` has addresses; `udp_mode.rs`
//! timeouts, non-blocking mode and options; `udp_convert.rs` conversions and text.

use super::net::kind;
use super::shapes::{net, sync, thread};
use net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::io::{self, ErrorKind};
use sync::mpsc::channel;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("udp_exchange", udp_exchange),
    ("udp_receive_waits", udp_receive_waits),
    ("udp_receive_waits_connected", udp_receive_waits_connected),
    ("udp_peek", udp_peek),
    ("udp_peek_waits", udp_peek_waits),
    ("udp_truncation", udp_truncation),
    ("udp_nothing", udp_nothing),
    ("udp_receive_nothing", udp_receive_nothing),
    (
        "udp_receive_nothing_waits_for_something",
        udp_receive_nothing_waits_for_something,
    ),
    ("udp_boundaries", udp_boundaries),
    ("udp_too_large", udp_too_large),
    ("udp_refused", udp_refused),
    ("udp_refused_wakes_receiver", udp_refused_wakes_receiver),
    ("udp_refused_is_an_error_once", udp_refused_is_an_error_once),
    ("udp_clone", udp_clone),
    ("udp_many_receivers", udp_many_receivers),
    ("udp_many_clients", udp_many_clients),
    ("udp_both_ways_at_once", udp_both_ways_at_once),
    ("udp_moves_between_threads", udp_moves_between_threads),
    ("udp_version_6", udp_version_6),
];

pub fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Two sockets that are connected to each other.
pub fn connected() -> (UdpSocket, UdpSocket) {
    let ((one, of_one), (other, of_other)) = (socket(), socket());
    one.connect(of_other).unwrap();
    other.connect(of_one).unwrap();
    (one, other)
}

/// Receives a datagram from whoever sends one.
pub fn received(socket: &UdpSocket) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 16];
    let length = socket.recv(&mut bytes).unwrap();
    bytes.truncate(length);
    bytes
}

/// A port of loopback that nobody has: one that was bound could be given to another test.
fn nobody() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 1).into()
}

pub fn raw<T>(result: io::Result<T>) -> Option<i32> {
    result.err().expect("an error").raw_os_error()
}

pub fn udp_exchange() {
    let ((server, address), (client, own)) = (socket(), socket());
    let serving = thread::spawn(move || {
        let mut question = [0; 16];
        let (length, from) = server.recv_from(&mut question).unwrap();
        assert_eq!(&question[..length], b"ping");
        assert_eq!(server.send_to(b"pong", from).unwrap(), 4);
        from
    });
    assert_eq!(client.send_to(b"ping", address).unwrap(), 4);
    let mut answer = [0; 16];
    assert_eq!(client.recv_from(&mut answer).unwrap(), (4, address));
    assert_eq!(&answer[..4], b"pong");
    assert_eq!(serving.join().unwrap(), own);
}

pub fn udp_receive_waits() {
    let ((server, address), (client, own)) = (socket(), socket());
    let (receives, receiving) = channel();
    let receiver = thread::spawn(move || {
        receives.send(()).unwrap();
        let mut bytes = [0; 8];
        (server.recv_from(&mut bytes).unwrap(), bytes[0])
    });
    receiving.recv().unwrap();
    thread::yield_now();
    assert!(!receiver.is_finished());
    client.send_to(b"x", address).unwrap();
    assert_eq!(receiver.join().unwrap(), ((1, own), b'x'));
}

pub fn udp_receive_waits_connected() {
    let (one, other) = connected();
    let (receives, receiving) = channel();
    let receiver = thread::spawn(move || {
        receives.send(()).unwrap();
        (received(&one), received(&one))
    });
    receiving.recv().unwrap();
    thread::yield_now();
    assert!(!receiver.is_finished());
    assert_eq!(other.send(b"first").unwrap(), 5);
    assert_eq!(other.send(b"second").unwrap(), 6);
    assert_eq!(
        receiver.join().unwrap(),
        (b"first".to_vec(), b"second".to_vec())
    );
}

pub fn udp_peek() {
    let (one, other) = connected();
    let from = other.local_addr().unwrap();
    other.send(b"abc").unwrap();
    other.send(b"de").unwrap();
    for _ in 0..3 {
        let mut bytes = [0; 8];
        assert_eq!(one.peek(&mut bytes).unwrap(), 3);
        assert_eq!(&bytes[..3], b"abc");
        let mut bytes = [0; 8];
        assert_eq!(one.peek_from(&mut bytes).unwrap(), (3, from));
        assert_eq!(&bytes[..3], b"abc");
    }
    assert_eq!(received(&one), b"abc");
    assert_eq!(one.peek(&mut [0; 8]).unwrap(), 2);
    assert_eq!(received(&one), b"de");
    one.set_nonblocking(true).unwrap();
    assert_eq!(kind(one.peek(&mut [0; 8])), ErrorKind::WouldBlock);
    assert_eq!(kind(one.peek_from(&mut [0; 8])), ErrorKind::WouldBlock);
}

/// What a peek waited for, the next receive finds, and the one after it waits again.
pub fn udp_peek_waits() {
    let (one, other) = connected();
    let from = other.local_addr().unwrap();
    let (peeked, peeks) = channel();
    let receiver = thread::spawn(move || {
        for round in 0..20_u8 {
            let mut byte = [0];
            if round % 2 == 0 {
                assert_eq!(one.peek(&mut byte).unwrap(), 1);
            } else {
                assert_eq!(one.peek_from(&mut byte).unwrap(), (1, from));
            }
            assert_eq!(byte[0], round);
            assert_eq!(received(&one), [round]);
            peeked.send(()).unwrap();
        }
    });
    for round in 0..20 {
        thread::yield_now();
        other.send(&[round]).unwrap();
        peeks.recv().unwrap();
    }
    receiver.join().unwrap();
}

/// What a buffer has no room for is lost, with every way of receiving.
pub fn udp_truncation() {
    let (one, other) = connected();
    let from = other.local_addr().unwrap();
    let mut bytes = [0; 3];
    other.send(b"abcdef").unwrap();
    assert_eq!(one.peek(&mut bytes).unwrap(), 3);
    assert_eq!(one.peek_from(&mut bytes).unwrap(), (3, from));
    assert_eq!(one.recv(&mut bytes).unwrap(), 3);
    assert_eq!(&bytes, b"abc");
    other.send(b"ghijkl").unwrap();
    assert_eq!(one.recv_from(&mut bytes).unwrap(), (3, from));
    assert_eq!(&bytes, b"ghi");
    other.send(b"end").unwrap();
    assert_eq!(received(&one), b"end");
}

/// A datagram without bytes is one, and not the end of anything.
pub fn udp_nothing() {
    let (one, other) = connected();
    let from = other.local_addr().unwrap();
    assert_eq!(other.send(&[]).unwrap(), 0);
    assert_eq!(other.send_to(&[], one.local_addr().unwrap()).unwrap(), 0);
    other.send(b"x").unwrap();
    assert_eq!(one.peek(&mut [0; 4]).unwrap(), 0);
    assert_eq!(one.recv_from(&mut [0; 4]).unwrap(), (0, from));
    assert_eq!(one.recv(&mut [0; 4]).unwrap(), 0);
    assert_eq!(received(&one), b"x");
    let receiver = thread::spawn(move || received(&one));
    thread::yield_now();
    other.send(&[]).unwrap();
    assert_eq!(receiver.join().unwrap(), b"");
}

/// A receive into no room takes a datagram all the same.
pub fn udp_receive_nothing() {
    let (one, other) = connected();
    let from = other.local_addr().unwrap();
    for text in ["lost", "lost too", "kept"] {
        other.send(text.as_bytes()).unwrap();
    }
    assert_eq!(one.peek(&mut []).unwrap(), 0);
    assert_eq!(one.recv(&mut []).unwrap(), 0);
    assert_eq!(one.recv_from(&mut []).unwrap(), (0, from));
    assert_eq!(received(&one), b"kept");
}

pub fn udp_receive_nothing_waits_for_something() {
    let (one, other) = connected();
    let (receives, receiving) = channel();
    let receiver = thread::spawn(move || {
        receives.send(()).unwrap();
        assert_eq!(one.recv(&mut []).unwrap(), 0);
        received(&one)
    });
    receiving.recv().unwrap();
    thread::yield_now();
    assert!(!receiver.is_finished());
    other.send(b"lost").unwrap();
    other.send(b"kept").unwrap();
    assert_eq!(receiver.join().unwrap(), b"kept");
}

pub fn udp_boundaries() {
    let (one, other) = connected();
    for length in 0..100_u8 {
        other.send(&vec![length; usize::from(length)]).unwrap();
    }
    for length in 0..100_u8 {
        assert_eq!(received(&one), vec![length; usize::from(length)]);
    }
}

pub fn udp_too_large() {
    /// What 16 bits of length leave for the bytes.
    const LARGEST: usize = 65_507;
    let (one, other) = connected();
    let address = one.local_addr().unwrap();
    let bytes = super::net::pattern(LARGEST + 1);
    assert_eq!(raw(other.send(&bytes)), Some(libc::EMSGSIZE));
    assert_eq!(raw(other.send_to(&bytes, address)), Some(libc::EMSGSIZE));
    assert_eq!(other.send(&bytes[..LARGEST]).unwrap(), LARGEST);
    assert!(received(&one) == bytes[..LARGEST]);
}

/// Nobody is there, as the peer's machine says, which the next operation tells.
pub fn udp_refused() {
    let (client, _) = socket();
    client.connect(nobody()).unwrap();
    client.send(b"hello?").unwrap();
    let error = client.recv(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
    // The answer may take longer than a call.
    let error = (0..1_000_000).find_map(|_| client.send(b"hello?").err());
    let error = error.expect("nobody is there");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    client.send(b"hello?").unwrap();
    let error = loop {
        match client.take_error().unwrap() {
            Some(error) => break error,
            None => thread::yield_now(),
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    // A socket that is not connected hears nothing of that.
    let (client, _) = socket();
    client.send_to(b"hello?", nobody()).unwrap();
    client.send_to(b"hello?", nobody()).unwrap();
    assert!(client.take_error().unwrap().is_none());
}

pub fn udp_refused_wakes_receiver() {
    for _ in 0..10 {
        let (client, _) = socket();
        client.connect(nobody()).unwrap();
        let sender = client.try_clone().unwrap();
        let (receives, receiving) = channel();
        let receiver = thread::spawn(move || {
            receives.send(()).unwrap();
            kind(client.recv_from(&mut [0; 8]))
        });
        receiving.recv().unwrap();
        thread::yield_now();
        sender.send(b"hello?").unwrap();
        assert_eq!(receiver.join().unwrap(), ErrorKind::ConnectionRefused);
    }
}

/// After it was told, the socket is as good as before.
pub fn udp_refused_is_an_error_once() {
    let (client, own) = socket();
    client.connect(nobody()).unwrap();
    client.send(b"hello?").unwrap();
    assert_eq!(kind(client.peek(&mut [0])), ErrorKind::ConnectionRefused);
    let (server, address) = socket();
    client.connect(address).unwrap();
    assert!(client.take_error().unwrap().is_none());
    let receiver = thread::spawn(move || received(&client));
    thread::yield_now();
    server.send_to(b"here", own).unwrap();
    assert_eq!(receiver.join().unwrap(), b"here");
}

pub fn udp_clone() {
    let ((server, address), (client, own)) = (socket(), socket());
    let clone = server.try_clone().unwrap();
    assert_eq!(clone.local_addr().unwrap(), address);
    client.send_to(b"one", address).unwrap();
    client.send_to(b"two", address).unwrap();
    assert_eq!(received(&clone), b"one");
    assert_eq!(received(&server), b"two");
    // One is closed; the socket is not.
    drop(server);
    client.send_to(b"three", address).unwrap();
    assert_eq!(received(&clone), b"three");
    // A peer is the socket's, too.
    let other = clone.try_clone().unwrap();
    clone.connect(own).unwrap();
    assert_eq!(other.peer_addr().unwrap(), own);
}

pub fn udp_many_receivers() {
    const RECEIVERS: usize = 4;
    const DATAGRAMS: u8 = 80;
    let ((server, address), (client, own)) = (socket(), socket());
    let mut got = thread::scope(|scope| {
        let receivers = [(); RECEIVERS].map(|()| {
            scope.spawn(|| {
                let mut got = Vec::new();
                let mut bytes = [0; 2];
                while let (1, from) = server.recv_from(&mut bytes).unwrap() {
                    got.push(bytes[0]);
                    // Whoever sent it may go on.
                    server.send_to(&bytes[..1], from).unwrap();
                }
                got
            })
        });
        client.connect(address).unwrap();
        for n in 0..DATAGRAMS {
            client.send(&[n]).unwrap();
            if n % 8 == 7 {
                for _ in 0..8 {
                    client.recv(&mut [0]).unwrap();
                }
            }
        }
        for _ in 0..RECEIVERS {
            client.send(&[0, 0]).unwrap();
        }
        receivers
            .into_iter()
            .flat_map(|receiver| receiver.join().unwrap())
            .collect::<Vec<_>>()
    });
    got.sort_unstable();
    assert_eq!(got, (0..DATAGRAMS).collect::<Vec<_>>());
    assert_eq!(client.local_addr().unwrap(), own);
}

pub fn udp_many_clients() {
    const CLIENTS: u32 = 50;
    const ROUNDS: u32 = 10;
    let (server, address) = socket();
    let serving = thread::spawn(move || {
        let mut bytes = [0; 4];
        for _ in 0..CLIENTS * ROUNDS {
            let (length, from) = server.recv_from(&mut bytes).unwrap();
            assert_eq!(length, 4);
            let doubled = u32::from_le_bytes(bytes) * 2;
            server.send_to(&doubled.to_le_bytes(), from).unwrap();
        }
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            thread::spawn(move || {
                let (client, _) = socket();
                client.connect(address).unwrap();
                for round in 0..ROUNDS {
                    client.send(&(n + round).to_le_bytes()).unwrap();
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

pub fn udp_both_ways_at_once() {
    const ROUNDS: u32 = 200;
    let (one, other) = connected();
    thread::scope(|scope| {
        for socket in [&one, &other] {
            // A datagram on its way for each end, at any time.
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    socket.send(&round.to_le_bytes()).unwrap();
                    assert_eq!(received(socket), round.to_le_bytes());
                }
            });
        }
    });
}

pub fn udp_moves_between_threads() {
    let (one, other) = connected();
    let mut socket = one;
    for n in 0..50 {
        let receiver = thread::spawn(move || {
            let bytes = received(&socket);
            (bytes, socket)
        });
        thread::yield_now();
        other.send(&[n]).unwrap();
        let (bytes, back) = receiver.join().unwrap();
        assert_eq!(bytes, [n]);
        socket = back;
    }
}

pub fn udp_version_6() {
    // Some machines have none.
    let Ok(server) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return;
    };
    let address = server.local_addr().unwrap();
    assert!(address.is_ipv6());
    let client = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    client.connect(address).unwrap();
    let receiver = thread::spawn(move || {
        let mut bytes = [0; 8];
        let (length, from) = server.recv_from(&mut bytes).unwrap();
        server.send_to(&bytes[..length], from).unwrap();
        from
    });
    client.send(b"six").unwrap();
    assert_eq!(received(&client), b"six");
    assert_eq!(receiver.join().unwrap(), client.local_addr().unwrap());
}
