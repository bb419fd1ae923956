//! What Unix sockets promise about timeouts and non-blocking mode: streams and datagrams, with the same words.

use super::net::{kind, rest};
use super::shapes::{os, thread, time};
use os::unix::net::{UnixDatagram, UnixStream};
use std::io::{self, ErrorKind, Read, Write};
use time::{Duration, Instant};

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    (
        "unix_stream_timeouts_are_kept",
        unix_stream_timeouts_are_kept,
    ),
    ("unix_stream_timeout_zero", unix_stream_timeout_zero),
    ("unix_stream_read_times_out", unix_stream_read_times_out),
    (
        "unix_stream_read_before_timeout",
        unix_stream_read_before_timeout,
    ),
    ("unix_stream_timeout_of_clone", unix_stream_timeout_of_clone),
    ("unix_stream_timeout_longest", unix_stream_timeout_longest),
    ("unix_stream_write_times_out", unix_stream_write_times_out),
    (
        "unix_stream_write_in_part_times_out",
        unix_stream_write_in_part_times_out,
    ),
    ("unix_stream_nonblocking", unix_stream_nonblocking),
    (
        "unix_stream_nonblocking_write",
        unix_stream_nonblocking_write,
    ),
    (
        "unix_stream_nonblocking_and_back",
        unix_stream_nonblocking_and_back,
    ),
    (
        "unix_datagram_timeouts_are_kept",
        unix_datagram_timeouts_are_kept,
    ),
    ("unix_datagram_timeout_zero", unix_datagram_timeout_zero),
    (
        "unix_datagram_receive_times_out",
        unix_datagram_receive_times_out,
    ),
    (
        "unix_datagram_receive_before_timeout",
        unix_datagram_receive_before_timeout,
    ),
    (
        "unix_datagram_timeout_of_clone",
        unix_datagram_timeout_of_clone,
    ),
    (
        "unix_datagram_timeout_longest",
        unix_datagram_timeout_longest,
    ),
    ("unix_datagram_send_times_out", unix_datagram_send_times_out),
    ("unix_datagram_nonblocking", unix_datagram_nonblocking),
    (
        "unix_datagram_nonblocking_send",
        unix_datagram_nonblocking_send,
    ),
    (
        "unix_datagram_nonblocking_and_back",
        unix_datagram_nonblocking_and_back,
    ),
];

const SHORT: Duration = Duration::from_millis(10);

pub fn unix_stream_timeouts_are_kept() {
    let (one, other) = UnixStream::pair().unwrap();
    assert_eq!(one.read_timeout().unwrap(), None);
    assert_eq!(one.write_timeout().unwrap(), None);
    let (read, write) = (Duration::from_secs(3), Duration::from_secs(5));
    one.set_read_timeout(Some(read)).unwrap();
    one.set_write_timeout(Some(write)).unwrap();
    let clone = one.try_clone().unwrap();
    for end in [&one, &clone] {
        assert_eq!(end.read_timeout().unwrap(), Some(read));
        assert_eq!(end.write_timeout().unwrap(), Some(write));
    }
    clone.set_read_timeout(None).unwrap();
    assert_eq!(one.read_timeout().unwrap(), None);
    assert_eq!(one.write_timeout().unwrap(), Some(write));
    assert_eq!(other.read_timeout().unwrap(), None);
}

pub fn unix_stream_timeout_zero() {
    let (one, _other) = UnixStream::pair().unwrap();
    for error in [
        one.set_read_timeout(Some(Duration::ZERO)).unwrap_err(),
        one.set_write_timeout(Some(Duration::ZERO)).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "cannot set a 0 duration timeout");
    }
    assert_eq!(one.read_timeout().unwrap(), None);
    // The shortest is not none.
    one.set_read_timeout(Some(Duration::from_nanos(1))).unwrap();
    assert!(one.read_timeout().unwrap().is_some());
    assert_eq!(kind((&one).read(&mut [0])), ErrorKind::WouldBlock);
}

pub fn unix_stream_read_times_out() {
    let (mut one, mut other) = UnixStream::pair().unwrap();
    one.set_read_timeout(Some(SHORT)).unwrap();
    for _ in 0..3 {
        let start = Instant::now();
        let error = one.read(&mut [0; 4]).unwrap_err();
        assert!(start.elapsed() >= SHORT);
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(error.raw_os_error().is_some());
    }
    let mut bytes = [0; 4];
    let buffers = &mut [io::IoSliceMut::new(&mut bytes)];
    let start = Instant::now();
    assert_eq!(kind(one.read_vectored(buffers)), ErrorKind::WouldBlock);
    assert_eq!(kind(one.read(&mut [])), ErrorKind::WouldBlock);
    assert!(start.elapsed() >= 2 * SHORT);
    // A timeout breaks nothing.
    one.set_read_timeout(None).unwrap();
    let reader = thread::spawn(move || rest(one));
    thread::yield_now();
    other.write_all(b"ab").unwrap();
    drop(other);
    assert_eq!(reader.join().unwrap(), b"ab");
}

pub fn unix_stream_read_before_timeout() {
    let (mut one, mut other) = UnixStream::pair().unwrap();
    one.set_read_timeout(Some(Duration::from_secs(1_000)))
        .unwrap();
    let reader = thread::spawn(move || {
        let mut byte = [0];
        one.read_exact(&mut byte).unwrap();
        (byte, one.read(&mut [0]).unwrap())
    });
    other.write_all(b"x").unwrap();
    drop(other);
    assert_eq!(reader.join().unwrap(), (*b"x", 0));
}

pub fn unix_stream_timeout_of_clone() {
    let (one, _other) = UnixStream::pair().unwrap();
    let mut clone = one.try_clone().unwrap();
    one.set_read_timeout(Some(SHORT)).unwrap();
    let start = Instant::now();
    assert_eq!(kind(clone.read(&mut [0])), ErrorKind::WouldBlock);
    assert!(start.elapsed() >= SHORT);
}

pub fn unix_stream_timeout_longest() {
    let (mut one, mut other) = UnixStream::pair().unwrap();
    one.set_read_timeout(Some(Duration::MAX)).unwrap();
    let reader = thread::spawn(move || one.read(&mut [0; 4]).unwrap());
    thread::sleep(Duration::from_millis(2));
    assert!(!reader.is_finished());
    other.write_all(b"x").unwrap();
    assert_eq!(reader.join().unwrap(), 1);
}

/// Writes until there is no room left; returns how much that was, and what the last write said.
fn fill(stream: &mut UnixStream) -> (usize, ErrorKind) {
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

pub fn unix_stream_write_times_out() {
    let (mut one, other) = UnixStream::pair().unwrap();
    one.set_write_timeout(Some(SHORT)).unwrap();
    let start = Instant::now();
    let (written, kind) = fill(&mut one);
    assert!(start.elapsed() >= SHORT);
    assert_eq!(kind, ErrorKind::WouldBlock);
    drop(one);
    assert_eq!(rest(other).len(), written);
}

/// What was written before the time was over counts.
pub fn unix_stream_write_in_part_times_out() {
    const LENGTH: usize = 64 << 20;
    let (mut one, other) = UnixStream::pair().unwrap();
    one.set_write_timeout(Some(SHORT)).unwrap();
    let start = Instant::now();
    let written = one.write(&vec![1; LENGTH]).unwrap();
    assert!(start.elapsed() >= SHORT);
    assert!(written > 0 && written < LENGTH, "{written}");
    drop(one);
    assert_eq!(rest(other).len(), written);
}

pub fn unix_stream_nonblocking() {
    let (mut one, mut other) = UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    assert_eq!(kind(one.read(&mut [0; 4])), ErrorKind::WouldBlock);
    assert_eq!(kind(one.read(&mut [])), ErrorKind::WouldBlock);
    // It belongs to the socket, so clones have it too.
    let mut clone = one.try_clone().unwrap();
    assert_eq!(kind(clone.read(&mut [0; 4])), ErrorKind::WouldBlock);
    other.write_all(b"x").unwrap();
    assert_eq!(one.read(&mut [0; 4]).unwrap(), 1);
    // A timeout does not make it wait.
    one.set_read_timeout(Some(Duration::from_secs(1_000)))
        .unwrap();
    assert_eq!(kind(one.read(&mut [0; 4])), ErrorKind::WouldBlock);
    drop(other);
    assert_eq!(one.read(&mut [0; 4]).unwrap(), 0);
}

pub fn unix_stream_nonblocking_write() {
    let (mut one, other) = UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    let (written, kind) = fill(&mut one);
    assert!(written > 0);
    assert_eq!(kind, ErrorKind::WouldBlock);
    drop(one);
    assert_eq!(rest(other).len(), written);
}

pub fn unix_stream_nonblocking_and_back() {
    let (one, mut other) = UnixStream::pair().unwrap();
    let mut clone = one.try_clone().unwrap();
    for _ in 0..3 {
        one.set_nonblocking(true).unwrap();
        assert_eq!(kind(clone.read(&mut [0])), ErrorKind::WouldBlock);
        clone.set_nonblocking(false).unwrap();
        thread::scope(|scope| {
            let reader = scope.spawn(|| (&one).read(&mut [0; 4]).unwrap());
            thread::yield_now();
            assert!(!reader.is_finished());
            other.write_all(b"x").unwrap();
            assert_eq!(reader.join().unwrap(), 1);
        });
    }
}

pub fn unix_datagram_timeouts_are_kept() {
    let (one, other) = UnixDatagram::pair().unwrap();
    assert_eq!(one.read_timeout().unwrap(), None);
    assert_eq!(one.write_timeout().unwrap(), None);
    let (read, write) = (Duration::from_secs(3), Duration::from_secs(5));
    one.set_read_timeout(Some(read)).unwrap();
    one.set_write_timeout(Some(write)).unwrap();
    let clone = one.try_clone().unwrap();
    for socket in [&one, &clone] {
        assert_eq!(socket.read_timeout().unwrap(), Some(read));
        assert_eq!(socket.write_timeout().unwrap(), Some(write));
    }
    clone.set_write_timeout(None).unwrap();
    assert_eq!(one.write_timeout().unwrap(), None);
    assert_eq!(one.read_timeout().unwrap(), Some(read));
    assert_eq!(other.read_timeout().unwrap(), None);
}

pub fn unix_datagram_timeout_zero() {
    let socket = UnixDatagram::unbound().unwrap();
    for error in [
        socket.set_read_timeout(Some(Duration::ZERO)).unwrap_err(),
        socket.set_write_timeout(Some(Duration::ZERO)).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "cannot set a 0 duration timeout");
    }
    socket
        .set_read_timeout(Some(Duration::from_nanos(1)))
        .unwrap();
    assert!(socket.read_timeout().unwrap().is_some());
    assert_eq!(kind(socket.recv(&mut [0])), ErrorKind::WouldBlock);
}

/// Every way of receiving.
fn all_would_block(socket: &UnixDatagram) {
    assert_eq!(kind(socket.recv(&mut [0; 4])), ErrorKind::WouldBlock);
    assert_eq!(kind(socket.recv_from(&mut [0; 4])), ErrorKind::WouldBlock);
    assert_eq!(kind(socket.recv(&mut [])), ErrorKind::WouldBlock);
}

pub fn unix_datagram_receive_times_out() {
    let (one, other) = UnixDatagram::pair().unwrap();
    one.set_read_timeout(Some(SHORT)).unwrap();
    for _ in 0..3 {
        let start = Instant::now();
        let error = one.recv(&mut [0; 4]).unwrap_err();
        assert!(start.elapsed() >= SHORT);
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(error.raw_os_error().is_some());
    }
    let start = Instant::now();
    all_would_block(&one);
    assert!(start.elapsed() >= 3 * SHORT);
    // A timeout breaks nothing.
    one.set_read_timeout(None).unwrap();
    let receiver = thread::spawn(move || one.recv(&mut [0; 4]).unwrap());
    thread::yield_now();
    other.send(b"ab").unwrap();
    assert_eq!(receiver.join().unwrap(), 2);
}

pub fn unix_datagram_receive_before_timeout() {
    let (one, other) = UnixDatagram::pair().unwrap();
    one.set_read_timeout(Some(Duration::from_secs(1_000)))
        .unwrap();
    let receiver = thread::spawn(move || one.recv(&mut [0; 4]).unwrap());
    thread::yield_now();
    other.send(b"abc").unwrap();
    assert_eq!(receiver.join().unwrap(), 3);
}

pub fn unix_datagram_timeout_of_clone() {
    let (one, _other) = UnixDatagram::pair().unwrap();
    let clone = one.try_clone().unwrap();
    one.set_read_timeout(Some(SHORT)).unwrap();
    let start = Instant::now();
    assert_eq!(kind(clone.recv(&mut [0])), ErrorKind::WouldBlock);
    assert_eq!(kind(clone.recv_from(&mut [0])), ErrorKind::WouldBlock);
    assert!(start.elapsed() >= 2 * SHORT);
}

pub fn unix_datagram_timeout_longest() {
    let (one, other) = UnixDatagram::pair().unwrap();
    one.set_read_timeout(Some(Duration::MAX)).unwrap();
    let receiver = thread::spawn(move || one.recv(&mut [0; 4]).unwrap());
    thread::sleep(Duration::from_millis(2));
    assert!(!receiver.is_finished());
    other.send(b"x").unwrap();
    assert_eq!(receiver.join().unwrap(), 1);
}

/// Sends until there is no room left; returns how many those were, and what the last one said.
fn fill_datagrams(mut send: impl FnMut() -> io::Result<usize>) -> (usize, ErrorKind) {
    for sent in 0.. {
        if let Err(error) = send() {
            return (sent, error.kind());
        }
        assert!(sent < 1 << 20, "nobody receives, so room must end");
    }
    unreachable!("numbers do not end")
}

/// Receives all that is there.
fn drain(socket: &UnixDatagram) -> usize {
    socket.set_nonblocking(true).unwrap();
    let received = (0..)
        .take_while(|_| socket.recv(&mut [0; 8]).is_ok())
        .count();
    socket.set_nonblocking(false).unwrap();
    received
}

pub fn unix_datagram_send_times_out() {
    let (one, other) = UnixDatagram::pair().unwrap();
    one.set_write_timeout(Some(SHORT)).unwrap();
    let start = Instant::now();
    let (sent, kind) = fill_datagrams(|| one.send(b"x"));
    assert!(start.elapsed() >= SHORT);
    assert_eq!(kind, ErrorKind::WouldBlock);
    assert!(sent > 0);
    assert_eq!(drain(&other), sent);
    // The same without a connection.
    let receiver = UnixDatagram::bind("").unwrap();
    let address = receiver.local_addr().unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_write_timeout(Some(SHORT)).unwrap();
    let start = Instant::now();
    let (sent, kind) = fill_datagrams(|| sender.send_to_addr(b"x", &address));
    assert!(start.elapsed() >= SHORT);
    assert_eq!(kind, ErrorKind::WouldBlock);
    assert_eq!(drain(&receiver), sent);
    // A timeout breaks nothing.
    assert_eq!(sender.send_to_addr(b"y", &address).unwrap(), 1);
    assert_eq!(drain(&receiver), 1);
}

pub fn unix_datagram_nonblocking() {
    let (one, other) = UnixDatagram::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    all_would_block(&one);
    // It belongs to the socket, so clones have it too.
    let clone = one.try_clone().unwrap();
    all_would_block(&clone);
    other.send(b"x").unwrap();
    assert_eq!(clone.recv(&mut [0; 4]).unwrap(), 1);
    // A timeout does not make it wait.
    one.set_read_timeout(Some(Duration::from_secs(1_000)))
        .unwrap();
    all_would_block(&one);
}

pub fn unix_datagram_nonblocking_send() {
    let (one, other) = UnixDatagram::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    for _ in 0..3 {
        let (sent, kind) = fill_datagrams(|| one.send(b"x"));
        assert!(sent > 0);
        assert_eq!(kind, ErrorKind::WouldBlock);
        assert_eq!(drain(&other), sent);
    }
    let receiver = UnixDatagram::bind("").unwrap();
    let address = receiver.local_addr().unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    for _ in 0..3 {
        let (sent, kind) = fill_datagrams(|| sender.send_to_addr(b"x", &address));
        assert_eq!(kind, ErrorKind::WouldBlock);
        assert_eq!(drain(&receiver), sent);
    }
}

pub fn unix_datagram_nonblocking_and_back() {
    let (one, other) = UnixDatagram::pair().unwrap();
    let clone = one.try_clone().unwrap();
    for n in 0..3 {
        one.set_nonblocking(true).unwrap();
        all_would_block(&clone);
        clone.set_nonblocking(false).unwrap();
        thread::scope(|scope| {
            let receiver = scope.spawn(|| {
                let mut byte = [9];
                one.recv(&mut byte).unwrap();
                byte[0]
            });
            thread::yield_now();
            assert!(!receiver.is_finished());
            other.send(&[n]).unwrap();
            assert_eq!(receiver.join().unwrap(), n);
        });
    }
}
