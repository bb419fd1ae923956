//! What TCP connections promise: connecting, accepting, moving bytes. `net_end.rs` has how they end, and
//! clones; `net_mode.rs` timeouts, non-blocking mode and options; `net_address.rs` addresses and conversions.

use super::shapes::{net, sync, thread, time};
use net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::io::{self, BufRead, BufReader, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use sync::mpsc::channel;
use time::Duration;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("net_exchange", net_exchange),
    ("net_accept_says_who", net_accept_says_who),
    ("net_accept_waits", net_accept_waits),
    ("net_incoming", net_incoming),
    ("net_listener_shared", net_listener_shared),
    ("net_listener_clone", net_listener_clone),
    ("net_connect_refused", net_connect_refused),
    ("net_connect_tries_all", net_connect_tries_all),
    ("net_connect_timeout", net_connect_timeout),
    ("net_connect_times_out", net_connect_times_out),
    ("net_read_waits", net_read_waits),
    ("net_read_partial", net_read_partial),
    ("net_read_exact_and_end", net_read_exact_and_end),
    ("net_read_nothing", net_read_nothing),
    (
        "net_read_nothing_waits_for_something",
        net_read_nothing_waits_for_something,
    ),
    ("net_write_nothing", net_write_nothing),
    ("net_large", net_large),
    ("net_both_ways_at_once", net_both_ways_at_once),
    ("net_lines", net_lines),
    ("net_vectored", net_vectored),
    ("net_vectored_nothing", net_vectored_nothing),
    ("net_vectored_many", net_vectored_many),
];

pub fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Both ends of a connection.
pub fn pair() -> (TcpStream, TcpStream) {
    let (listener, address) = listen();
    let client = TcpStream::connect(address).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Everything up to the end.
pub fn rest(mut stream: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

pub fn kind<T>(result: io::Result<T>) -> ErrorKind {
    result.err().expect("an error").kind()
}

/// The error of the first call that fails, after the other end was dropped: a child that another test starts has a
/// copy of it until it executes its program.
pub fn kind_at_last<T>(mut call: impl FnMut() -> io::Result<T>) -> ErrorKind {
    loop {
        if let Err(error) = call() {
            return error.kind();
        }
    }
}

pub fn net_exchange() {
    let (listener, address) = listen();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut question = [0; 4];
        stream.read_exact(&mut question).unwrap();
        stream.write_all(b"pong").unwrap();
        question
    });
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"ping").unwrap();
    client.flush().unwrap();
    assert_eq!(rest(&client), b"pong");
    assert_eq!(&server.join().unwrap(), b"ping");
}

pub fn net_accept_says_who() {
    let (listener, address) = listen();
    let client = TcpStream::connect(address).unwrap();
    let (server, from) = listener.accept().unwrap();
    assert_eq!(from, client.local_addr().unwrap());
    assert_eq!(from, server.peer_addr().unwrap());
    assert_eq!(client.peer_addr().unwrap(), address);
    assert_eq!(server.local_addr().unwrap(), address);
}

pub fn net_accept_waits() {
    let (listener, address) = listen();
    let (accepts, accepting) = channel();
    let server = thread::spawn(move || {
        accepts.send(()).unwrap();
        listener.accept().unwrap().1
    });
    accepting.recv().unwrap();
    thread::sleep(Duration::from_millis(2));
    assert!(!server.is_finished());
    let client = TcpStream::connect(address).unwrap();
    assert_eq!(server.join().unwrap(), client.local_addr().unwrap());
}

pub fn net_incoming() {
    let (listener, address) = listen();
    let server = thread::spawn(move || {
        let streams = listener.incoming().take(5);
        streams
            .map(|stream| rest(stream.unwrap()))
            .collect::<Vec<_>>()
    });
    for n in 0..5 {
        TcpStream::connect(address)
            .unwrap()
            .write_all(&[n])
            .unwrap();
    }
    assert_eq!(server.join().unwrap(), [[0], [1], [2], [3], [4]]);
}

pub fn net_listener_shared() {
    const CONNECTIONS: usize = 40;
    let (listener, address) = listen();
    let mut got = thread::scope(|scope| {
        let servers = [(); 4].map(|()| {
            scope.spawn(|| {
                let accepted = (0..CONNECTIONS / 4).map(|_| listener.accept().unwrap().0);
                accepted.map(|stream| rest(stream)[0]).collect::<Vec<_>>()
            })
        });
        for n in 0..CONNECTIONS {
            TcpStream::connect(address)
                .unwrap()
                .write_all(&[n as u8])
                .unwrap();
        }
        servers
            .into_iter()
            .flat_map(|server| server.join().unwrap())
            .collect::<Vec<_>>()
    });
    got.sort_unstable();
    assert_eq!(got, (0..CONNECTIONS as u8).collect::<Vec<_>>());
}

pub fn net_listener_clone() {
    let (listener, address) = listen();
    let clone = listener.try_clone().unwrap();
    assert_eq!(clone.local_addr().unwrap(), address);
    let accepting = thread::spawn(move || clone.accept().unwrap().1);
    let first = TcpStream::connect(address).unwrap();
    assert_eq!(accepting.join().unwrap(), first.local_addr().unwrap());
    // The clone is closed; the socket is not.
    let second = TcpStream::connect(address).unwrap();
    assert_eq!(listener.accept().unwrap().1, second.local_addr().unwrap());
}

/// A port of loopback at which nobody listens: one that is bound, and does not listen any more, could be
/// given to another test.
fn nobody() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 1).into()
}

pub fn net_connect_refused() {
    assert_eq!(
        kind(TcpStream::connect(nobody())),
        ErrorKind::ConnectionRefused
    );
    let limited = TcpStream::connect_timeout(&nobody(), Duration::from_secs(100));
    assert_eq!(kind(limited), ErrorKind::ConnectionRefused);
}

pub fn net_connect_tries_all() {
    let (listener, address) = listen();
    let client = TcpStream::connect(&[nobody(), address][..]).unwrap();
    assert_eq!(client.peer_addr().unwrap(), address);
    drop(listener);
    let none: &[SocketAddr] = &[];
    let error = TcpStream::connect(none).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "could not resolve to any addresses");
}

pub fn net_connect_timeout() {
    let (listener, address) = listen();
    let client = TcpStream::connect_timeout(&address, Duration::from_secs(100)).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    // The stream has no timeout of its own from that, and is a blocking one.
    assert_eq!(client.read_timeout().unwrap(), None);
    let reader = thread::spawn(move || rest(client));
    server.write_all(b"late").unwrap();
    drop(server);
    assert_eq!(reader.join().unwrap(), b"late");
    let zero = TcpStream::connect_timeout(&address, Duration::ZERO).unwrap_err();
    assert_eq!(zero.kind(), ErrorKind::InvalidInput);
    assert_eq!(zero.to_string(), "cannot set a 0 duration timeout");
    assert!(TcpStream::connect_timeout(&address, Duration::MAX).is_ok());
}

pub fn net_connect_times_out() {
    // A listener that does not accept takes connections until its queue is full.
    let (_listener, address) = listen();
    let mut waiting = Vec::new();
    let error = loop {
        match TcpStream::connect_timeout(&address, Duration::from_millis(20)) {
            Ok(stream) => waiting.push(stream),
            Err(error) => break error,
        }
        assert!(waiting.len() < 10_000);
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "connection timed out");
}

pub fn net_read_waits() {
    let (mut client, mut server) = pair();
    let (reads, reading) = channel();
    let reader = thread::spawn(move || {
        reads.send(()).unwrap();
        let mut bytes = [0; 8];
        let got = server.read(&mut bytes).unwrap();
        bytes[..got].to_vec()
    });
    reading.recv().unwrap();
    thread::sleep(Duration::from_millis(2));
    assert!(!reader.is_finished());
    client.write_all(b"x").unwrap();
    assert_eq!(reader.join().unwrap(), b"x");
}

pub fn net_read_partial() {
    let (mut client, mut server) = pair();
    client.write_all(b"abcdef").unwrap();
    let mut bytes = [0; 4];
    server.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"abcd");
    assert_eq!(server.read(&mut bytes).unwrap(), 2);
    assert_eq!(&bytes[..2], b"ef");
    // What came after the stream was read empty is found as well.
    client.write_all(b"g").unwrap();
    assert_eq!(server.read(&mut bytes).unwrap(), 1);
    client.write_all(b"hi").unwrap();
    drop(client);
    assert_eq!(rest(&server), b"hi");
}

pub fn net_read_exact_and_end() {
    let (mut client, mut server) = pair();
    client.write_all(b"abc").unwrap();
    drop(client);
    assert_eq!(
        kind(server.read_exact(&mut [0; 4])),
        ErrorKind::UnexpectedEof
    );
    for _ in 0..3 {
        assert_eq!(server.read(&mut [0; 4]).unwrap(), 0);
    }
    assert_eq!(server.peek(&mut [0; 4]).unwrap(), 0);
}

pub fn net_read_nothing() {
    let (mut client, mut server) = pair();
    client.write_all(b"x").unwrap();
    let mut byte = [0];
    assert_eq!(server.peek(&mut byte).unwrap(), 1);
    assert_eq!(server.read(&mut []).unwrap(), 0);
    assert_eq!(server.peek(&mut []).unwrap(), 0);
    assert_eq!(server.read(&mut byte).unwrap(), 1);
    assert_eq!(&byte, b"x");
    drop(client);
    assert_eq!(server.read(&mut byte).unwrap(), 0);
    assert_eq!(server.read(&mut []).unwrap(), 0);
}

/// Linux waits for a byte although none is wanted.
pub fn net_read_nothing_waits_for_something() {
    let (mut client, mut server) = pair();
    let reader = thread::spawn(move || {
        assert_eq!(server.read(&mut []).unwrap(), 0);
        rest(server)
    });
    client.write_all(b"something").unwrap();
    drop(client);
    assert_eq!(reader.join().unwrap(), b"something");
}

pub fn net_write_nothing() {
    let (mut client, server) = pair();
    assert_eq!(client.write(&[]).unwrap(), 0);
    client.write_all(&[]).unwrap();
    drop(client);
    assert_eq!(rest(server), b"");
}

/// Bytes that are not all the same.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * 31 % 251) as u8).collect()
}

pub fn net_large() {
    const LENGTH: usize = 8 << 20;
    let (mut client, server) = pair();
    let reader = thread::spawn(move || rest(server));
    let bytes = pattern(LENGTH);
    // A blocking write takes all, as the kernel's does.
    assert_eq!(client.write(&bytes).unwrap(), LENGTH);
    drop(client);
    assert!(reader.join().unwrap() == bytes);
}

pub fn net_both_ways_at_once() {
    const LENGTH: usize = 4 << 20;
    let (client, server) = pair();
    let bytes = pattern(LENGTH);
    thread::scope(|scope| {
        for mut end in [&client, &server] {
            let bytes = &bytes;
            scope.spawn(move || {
                end.write_all(bytes).unwrap();
                end.shutdown(Shutdown::Write).unwrap();
            });
            scope.spawn(move || assert!(rest(end) == *bytes));
        }
    });
}

pub fn net_lines() {
    let (client, server) = pair();
    let echo = thread::spawn(move || {
        for line in BufReader::new(&server).lines() {
            // In one piece: otherwise Nagle's algorithm holds the end back.
            (&server)
                .write_all(format!("<{}>\n", line.unwrap()).as_bytes())
                .unwrap();
        }
    });
    let mut answers = BufReader::new(&client).lines();
    for n in 0..100 {
        (&client).write_all(format!("{n}\n").as_bytes()).unwrap();
        assert_eq!(answers.next().unwrap().unwrap(), format!("<{n}>"));
    }
    client.shutdown(Shutdown::Write).unwrap();
    assert!(answers.next().is_none());
    echo.join().unwrap();
}

pub fn net_vectored() {
    let (mut client, mut server) = pair();
    let sent =
        client.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")]);
    assert_eq!(sent.unwrap(), 5);
    let (mut first, mut second) = ([0; 3], [0; 9]);
    let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(server.read_vectored(&mut buffers).unwrap(), 5);
    assert_eq!((&first, &second[..2]), (b"abc", &b"de"[..]));
    let reader = thread::spawn(move || {
        let mut bytes = [0; 4];
        let got = server
            .read_vectored(&mut [IoSliceMut::new(&mut bytes)])
            .unwrap();
        (
            bytes[..got].to_vec(),
            server
                .read_vectored(&mut [IoSliceMut::new(&mut bytes)])
                .unwrap(),
        )
    });
    client.write_all(b"f").unwrap();
    drop(client);
    assert_eq!(reader.join().unwrap(), (b"f".to_vec(), 0));
}

/// Unlike `read`, the vectored calls return at once if nothing is wanted.
pub fn net_vectored_nothing() {
    let (mut client, mut server) = pair();
    assert_eq!(server.read_vectored(&mut []).unwrap(), 0);
    assert_eq!(
        server
            .read_vectored(&mut [IoSliceMut::new(&mut [])])
            .unwrap(),
        0
    );
    assert_eq!(client.write_vectored(&[]).unwrap(), 0);
    assert_eq!(client.write_vectored(&[IoSlice::new(&[])]).unwrap(), 0);
    drop(client);
    assert_eq!(rest(server), b"");
}

/// More buffers than one call of the kernel takes.
pub fn net_vectored_many() {
    const COUNT: usize = 3_000;
    let (mut client, mut server) = pair();
    let parts = vec![IoSlice::new(b"z"); COUNT];
    assert_eq!(client.write_vectored(&parts).unwrap(), 1_024);
    let mut bytes = vec![0; COUNT];
    let mut buffers: Vec<_> = bytes.chunks_mut(1).map(IoSliceMut::new).collect();
    assert_eq!(server.read_vectored(&mut buffers).unwrap(), 1_024);
}
