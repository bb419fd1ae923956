//! What TCP connections promise when one end, or both, or one direction is closed, and what clones share.

use super::net::{kind, listen, pair, pattern, rest};
use super::shapes::{net, sync, thread};
use net::{Shutdown, TcpStream};
use std::io::{self, ErrorKind, Read, Write};
use sync::mpsc::channel;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("net_peek", net_peek),
    ("net_half_close", net_half_close),
    ("net_shutdown_read", net_shutdown_read),
    ("net_shutdown_wakes_reader", net_shutdown_wakes_reader),
    ("net_drop_is_the_end", net_drop_is_the_end),
    ("net_reset", net_reset),
    ("net_broken_pipe", net_broken_pipe),
    ("net_clone", net_clone),
    ("net_clone_reads_and_writes", net_clone_reads_and_writes),
    ("net_many_connections", net_many_connections),
    ("net_moves_between_threads", net_moves_between_threads),
];

pub fn net_peek() {
    let (mut client, mut server) = pair();
    let peeker = thread::spawn(move || {
        let mut bytes = [0; 8];
        // It waits, as a read does.
        let got = server.peek(&mut bytes).unwrap();
        assert!(b"abc".starts_with(&bytes[..got]) && got > 0);
        while server.peek(&mut bytes).unwrap() < 3 {}
        assert_eq!(&bytes[..3], b"abc");
        assert_eq!(server.read(&mut bytes[..2]).unwrap(), 2);
        assert_eq!(server.peek(&mut bytes).unwrap(), 1);
        rest(server)
    });
    client.write_all(b"abc").unwrap();
    drop(client);
    assert_eq!(peeker.join().unwrap(), b"c");
}

pub fn net_half_close() {
    let (mut client, mut server) = pair();
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(kind(client.write_all(b"more")), ErrorKind::BrokenPipe);
    assert_eq!(rest(&server), b"question");
    // The other direction is open.
    server.write_all(b"answer").unwrap();
    let mut bytes = [0; 6];
    client.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"answer");
    drop(server);
    assert_eq!(client.read(&mut bytes).unwrap(), 0);
}

pub fn net_shutdown_read() {
    let (mut client, mut server) = pair();
    client.shutdown(Shutdown::Read).unwrap();
    assert_eq!(client.read(&mut [0; 4]).unwrap(), 0);
    client.write_all(b"still").unwrap();
    client.shutdown(Shutdown::Both).unwrap();
    assert_eq!(rest(&mut server), b"still");
}

pub fn net_shutdown_wakes_reader() {
    let (client, _server) = pair();
    let mut clone = client.try_clone().unwrap();
    let (reads, reading) = channel();
    let reader = thread::spawn(move || {
        reads.send(()).unwrap();
        clone.read(&mut [0; 4]).unwrap()
    });
    reading.recv().unwrap();
    client.shutdown(Shutdown::Both).unwrap();
    assert_eq!(reader.join().unwrap(), 0);
}

pub fn net_drop_is_the_end() {
    let (client, server) = pair();
    let reader = thread::spawn(move || rest(server));
    drop(client);
    assert_eq!(reader.join().unwrap(), b"");
}

pub fn net_reset() {
    let (mut client, server) = pair();
    client.write_all(b"never read").unwrap();
    // Wait until it is there: closing with unread bytes resets.
    assert_eq!(server.peek(&mut [0]).unwrap(), 1);
    let reader = thread::spawn(move || {
        let error = client.read(&mut [0; 4]).unwrap_err();
        (
            error.kind(),
            kind(client.write_all(b"x")),
            client.read(&mut [0; 4]).unwrap(),
        )
    });
    server.shutdown(Shutdown::Read).unwrap();
    drop(server.try_clone().unwrap());
    drop(server);
    assert_eq!(
        reader.join().unwrap(),
        (ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, 0)
    );
}

pub fn net_broken_pipe() {
    let (mut client, server) = pair();
    drop(server);
    let chunk = vec![0; 1 << 16];
    // The first writes may still find room.
    let error = (0..1_000)
        .find_map(|_| client.write_all(&chunk).err())
        .expect("nobody reads");
    assert!(
        matches!(
            error.kind(),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
        ),
        "{error}"
    );
    assert_eq!(kind(client.write(&chunk)), ErrorKind::BrokenPipe);
}

pub fn net_clone() {
    let (client, mut server) = pair();
    let mut clone = client.try_clone().unwrap();
    assert_eq!(clone.peer_addr().unwrap(), client.peer_addr().unwrap());
    drop(client);
    clone.write_all(b"open").unwrap();
    let mut bytes = [0; 4];
    server.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"open");
    drop(clone);
    assert_eq!(server.read(&mut bytes).unwrap(), 0);
}

pub fn net_clone_reads_and_writes() {
    let (client, server) = pair();
    let echo = thread::spawn(move || {
        let mut clone = server.try_clone().unwrap();
        io::copy(&mut &server, &mut clone).unwrap();
        clone.shutdown(Shutdown::Write).unwrap();
    });
    let mut writer = client.try_clone().unwrap();
    let bytes = pattern(1 << 20);
    let expected = bytes.clone();
    let writer = thread::spawn(move || {
        writer.write_all(&bytes).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    assert!(rest(&client) == expected);
    writer.join().unwrap();
    echo.join().unwrap();
}

pub fn net_many_connections() {
    const COUNT: u32 = 100;
    let (listener, address) = listen();
    let server = thread::spawn(move || {
        let serve = |mut stream: TcpStream| {
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
            thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
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

pub fn net_moves_between_threads() {
    let (mut client, server) = pair();
    let mut stream = server;
    for n in 0..50 {
        let reader = thread::spawn(move || {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            (byte[0], stream)
        });
        thread::yield_now();
        client.write_all(&[n]).unwrap();
        let (byte, back) = reader.join().unwrap();
        assert_eq!(byte, n);
        stream = back;
    }
}
