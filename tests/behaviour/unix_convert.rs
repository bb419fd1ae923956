//! What Unix sockets convert to and from, in the middle of a conversation, and how they print.

// On std, conversions into std's types are conversions into themselves.
#![allow(clippy::useless_conversion)]

use super::net::kind;
use super::shapes::{os, thread, time};
use super::unix_datagram::received;
use super::unix_listener::listen;
use os::unix::net::{Incoming, UnixDatagram, UnixListener, UnixStream};
use rustix::fs::{OFlags, fcntl_getfl};
use std::fmt::Debug;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net as std_net;
use std::panic::{RefUnwindSafe, UnwindSafe};
use time::Duration;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("unix_stream_through_std", unix_stream_through_std),
    (
        "unix_stream_through_descriptors",
        unix_stream_through_descriptors,
    ),
    ("unix_stream_keeps_its_mode", unix_stream_keeps_its_mode),
    ("unix_listener_through_std", unix_listener_through_std),
    (
        "unix_listener_through_descriptors",
        unix_listener_through_descriptors,
    ),
    ("unix_listener_keeps_its_mode", unix_listener_keeps_its_mode),
    ("unix_datagram_through_std", unix_datagram_through_std),
    (
        "unix_datagram_through_descriptors",
        unix_datagram_through_descriptors,
    ),
    ("unix_datagram_keeps_its_mode", unix_datagram_keeps_its_mode),
    (
        "unix_datagram_full_through_std",
        unix_datagram_full_through_std,
    ),
    ("unix_text", unix_text),
    ("unix_traits", unix_traits),
];

fn is_blocking(socket: &impl AsFd) -> bool {
    !fcntl_getfl(socket).unwrap().contains(OFlags::NONBLOCK)
}

/// A byte each way; the first is waited for.
fn check_stream(mut one: &UnixStream, mut other: &UnixStream) {
    thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            let mut byte = [0];
            other.read_exact(&mut byte).unwrap();
            other.write_all(&byte).unwrap();
        });
        thread::yield_now();
        one.write_all(b"1").unwrap();
        let mut byte = [0];
        one.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"1");
        waiting.join().unwrap();
    });
}

pub fn unix_stream_through_std() {
    let (mut one, mut other) = UnixStream::pair().unwrap();
    let fd = one.as_raw_fd();
    for _ in 0..5 {
        check_stream(&one, &other);
        check_stream(&other, &one);
        other.write_all(b"for std").unwrap();
        let mut std: std_net::UnixStream = one.into();
        assert_eq!(std.as_raw_fd(), fd);
        assert!(is_blocking(&std));
        let mut text = [0; 7];
        std.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"for std");
        std.write_all(b"by std").unwrap();
        one = UnixStream::from(std);
        assert_eq!(one.as_raw_fd(), fd);
        other.read_exact(&mut [0; 6]).unwrap();
    }
}

pub fn unix_stream_through_descriptors() {
    let (one, other) = UnixStream::pair().unwrap();
    check_stream(&other, &one);
    assert_eq!(one.as_fd().as_raw_fd(), one.as_raw_fd());
    let one = UnixStream::from(OwnedFd::from(one));
    check_stream(&other, &one);
    let raw = one.into_raw_fd();
    // SAFETY: `into_raw_fd` gave it up.
    let one = unsafe { UnixStream::from_raw_fd(raw) };
    check_stream(&other, &one);
}

pub fn unix_stream_keeps_its_mode() {
    let (one, _other) = UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    one.set_read_timeout(Some(Duration::from_secs(7))).unwrap();
    let mut std = std_net::UnixStream::from(one);
    assert!(!is_blocking(&std));
    assert_eq!(kind(std.read(&mut [0])), ErrorKind::WouldBlock);
    assert_eq!(std.read_timeout().unwrap(), Some(Duration::from_secs(7)));
    let mut one = UnixStream::from(std);
    assert_eq!(kind(one.read(&mut [0])), ErrorKind::WouldBlock);
    assert_eq!(one.read_timeout().unwrap(), Some(Duration::from_secs(7)));
    // A short timeout that somebody else set counts as well.
    let std = std_net::UnixStream::from(one);
    std.set_nonblocking(false).unwrap();
    std.set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    let mut one = UnixStream::from(std);
    assert_eq!(kind(one.read(&mut [0])), ErrorKind::WouldBlock);
}

pub fn unix_listener_through_std() {
    let (listener, path, _folder) = listen();
    let accepting = thread::spawn(move || {
        listener.accept().unwrap();
        listener
    });
    thread::yield_now();
    drop(UnixStream::connect(&path).unwrap());
    let std = std_net::UnixListener::from(accepting.join().unwrap());
    // Who gets the descriptor gets a blocking one, whatever engines did with it.
    assert!(is_blocking(&std));
    let client = UnixStream::connect(&path).unwrap();
    let server = UnixStream::from(std.accept().unwrap().0);
    check_stream(&client, &server);
    let listener = UnixListener::from(std);
    let accepting = thread::spawn(move || listener.accept().unwrap().0);
    thread::yield_now();
    let client = UnixStream::connect(&path).unwrap();
    check_stream(&client, &accepting.join().unwrap());
}

pub fn unix_listener_through_descriptors() {
    let (listener, path, _folder) = listen();
    let listener = UnixListener::from(OwnedFd::from(listener));
    assert_eq!(listener.as_fd().as_raw_fd(), listener.as_raw_fd());
    let raw = listener.into_raw_fd();
    // SAFETY: `into_raw_fd` gave it up.
    let listener = unsafe { UnixListener::from_raw_fd(raw) };
    let client = UnixStream::connect(&path).unwrap();
    check_stream(&client, &listener.accept().unwrap().0);
}

pub fn unix_listener_keeps_its_mode() {
    let (listener, _, _folder) = listen();
    listener.set_nonblocking(true).unwrap();
    assert_eq!(kind(listener.accept()), ErrorKind::WouldBlock);
    let std = std_net::UnixListener::from(listener);
    assert!(!is_blocking(&std));
    let listener = UnixListener::from(std);
    assert_eq!(kind(listener.accept()), ErrorKind::WouldBlock);
}

/// A datagram each way; the first is waited for.
fn check_datagrams(one: &UnixDatagram, other: &UnixDatagram) {
    thread::scope(|scope| {
        let waiting = scope.spawn(|| received(other));
        thread::yield_now();
        one.send(b"there").unwrap();
        assert_eq!(waiting.join().unwrap(), b"there");
    });
    other.send(b"back").unwrap();
    assert_eq!(received(one), b"back");
}

pub fn unix_datagram_through_std() {
    let (mut one, other) = UnixDatagram::pair().unwrap();
    let fd = one.as_raw_fd();
    for _ in 0..5 {
        check_datagrams(&one, &other);
        check_datagrams(&other, &one);
        other.send(b"for std").unwrap();
        let std: std_net::UnixDatagram = one.into();
        assert_eq!(std.as_raw_fd(), fd);
        assert!(is_blocking(&std));
        assert_eq!(std.recv(&mut [0; 8]).unwrap(), 7);
        std.send(b"by std").unwrap();
        one = UnixDatagram::from(std);
        assert_eq!(received(&other), b"by std");
    }
}

pub fn unix_datagram_through_descriptors() {
    let (one, other) = UnixDatagram::pair().unwrap();
    check_datagrams(&other, &one);
    assert_eq!(one.as_fd().as_raw_fd(), one.as_raw_fd());
    let one = UnixDatagram::from(OwnedFd::from(one));
    check_datagrams(&other, &one);
    let raw = one.into_raw_fd();
    // SAFETY: `into_raw_fd` gave it up.
    let one = unsafe { UnixDatagram::from_raw_fd(raw) };
    check_datagrams(&other, &one);
}

pub fn unix_datagram_keeps_its_mode() {
    let (one, _other) = UnixDatagram::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    one.set_read_timeout(Some(Duration::from_secs(7))).unwrap();
    let std = std_net::UnixDatagram::from(one);
    assert!(!is_blocking(&std));
    assert_eq!(kind(std.recv(&mut [0])), ErrorKind::WouldBlock);
    assert_eq!(std.read_timeout().unwrap(), Some(Duration::from_secs(7)));
    let one = UnixDatagram::from(std);
    assert_eq!(kind(one.recv(&mut [0])), ErrorKind::WouldBlock);
    assert_eq!(one.read_timeout().unwrap(), Some(Duration::from_secs(7)));
    // A short timeout that somebody else set counts as well.
    let std = std_net::UnixDatagram::from(one);
    std.set_nonblocking(false).unwrap();
    std.set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    let one = UnixDatagram::from(std);
    assert_eq!(kind(one.recv(&mut [0])), ErrorKind::WouldBlock);
}

/// A socket that waited for room goes to std as a blocking one.
pub fn unix_datagram_full_through_std() {
    const COUNT: u32 = 500;
    let (one, other) = UnixDatagram::pair().unwrap();
    let sender = thread::spawn(move || {
        for n in 0..COUNT {
            one.send(&n.to_le_bytes()).unwrap();
        }
        one
    });
    for n in 0..COUNT {
        assert_eq!(received(&other), n.to_le_bytes());
    }
    let std = std_net::UnixDatagram::from(sender.join().unwrap());
    assert!(is_blocking(&std));
    check_datagrams(&UnixDatagram::from(std), &other);
}

pub fn unix_text() {
    let (listener, path, _folder) = listen();
    let client = UnixStream::connect(path).unwrap();
    let (socket, _other) = UnixDatagram::pair().unwrap();
    let unbound = UnixDatagram::unbound().unwrap();
    let text = format!("{listener:?} {client:?} {socket:#?} {unbound:?}");
    let words = [
        format!("fd: {}", client.as_raw_fd()),
        "local: (unnamed)".to_owned(),
        "(pathname)".to_owned(),
        "UnixListener {".to_owned(),
        "UnixStream {".to_owned(),
        "UnixDatagram {".to_owned(),
    ];
    for word in words {
        assert!(text.contains(&word), "{word} in {text}");
    }
    let listener = std_net::UnixListener::from(listener);
    let client = std_net::UnixStream::from(client);
    let socket = std_net::UnixDatagram::from(socket);
    let unbound = std_net::UnixDatagram::from(unbound);
    let of_std = format!("{listener:?} {client:?} {socket:#?} {unbound:?}");
    assert_eq!(text, of_std);
}

pub fn unix_traits() {
    fn shared<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + Debug>() {}
    shared::<UnixStream>();
    shared::<UnixListener>();
    shared::<UnixDatagram>();
    shared::<Incoming<'_>>();
    fn descriptors<T: AsFd + AsRawFd + IntoRawFd + FromRawFd + From<OwnedFd> + Into<OwnedFd>>() {}
    descriptors::<UnixStream>();
    descriptors::<UnixListener>();
    descriptors::<UnixDatagram>();
    fn transfers<T: Read + Write>() {}
    transfers::<UnixStream>();
    transfers::<&UnixStream>();
    fn iterates<'a, I: IntoIterator<Item = io::Result<UnixStream>, IntoIter = Incoming<'a>>>(_: I) {
    }
    let (listener, _, _folder) = listen();
    iterates(&listener);
    iterates(listener.incoming());
}
