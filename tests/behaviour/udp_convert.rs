//! What UDP sockets convert to and from, in the middle of a conversation, and how they print.

// On std, conversions into std's types are conversions into themselves.
#![allow(clippy::useless_conversion)]

use super::net::kind;
use super::shapes::{net, thread, time};
use super::udp::{connected, received, socket};
use net::UdpSocket;
use rustix::fs::{OFlags, fcntl_getfl};
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use time::Duration;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("udp_through_std", udp_through_std),
    ("udp_through_descriptors", udp_through_descriptors),
    ("udp_keeps_its_mode", udp_keeps_its_mode),
    ("udp_used_before", udp_used_before),
    ("udp_text", udp_text),
    ("udp_traits", udp_traits),
];

/// A datagram each way; the first is waited for.
fn check(one: &UdpSocket, other: &UdpSocket) {
    thread::scope(|scope| {
        let waiting = scope.spawn(|| received(other));
        thread::yield_now();
        one.send(b"there").unwrap();
        assert_eq!(waiting.join().unwrap(), b"there");
    });
    other.send(b"back").unwrap();
    assert_eq!(received(one), b"back");
}

pub fn udp_through_std() {
    let (mut one, other) = connected();
    let fd = one.as_raw_fd();
    for _ in 0..5 {
        check(&one, &other);
        check(&other, &one);
        other.send(b"for std").unwrap();
        let std: std::net::UdpSocket = one.into();
        assert_eq!(std.as_raw_fd(), fd);
        assert!(!fcntl_getfl(&std).unwrap().contains(OFlags::NONBLOCK));
        let mut bytes = [0; 7];
        assert_eq!(std.recv(&mut bytes).unwrap(), 7);
        std.send(b"from std").unwrap();
        one = UdpSocket::from(std);
        assert_eq!(one.as_raw_fd(), fd);
        assert_eq!(received(&other), b"from std");
    }
}

pub fn udp_through_descriptors() {
    let (one, other) = connected();
    let address = one.local_addr().unwrap();
    check(&other, &one);
    assert_eq!(one.as_fd().as_raw_fd(), one.as_raw_fd());
    let one = UdpSocket::from(OwnedFd::from(one));
    check(&other, &one);
    let raw = one.into_raw_fd();
    // SAFETY: `into_raw_fd` gave it up.
    let one = unsafe { UdpSocket::from_raw_fd(raw) };
    assert_eq!(one.local_addr().unwrap(), address);
    check(&other, &one);
}

pub fn udp_keeps_its_mode() {
    let (one, _other) = connected();
    one.set_nonblocking(true).unwrap();
    one.set_read_timeout(Some(Duration::from_secs(7))).unwrap();
    let std = std::net::UdpSocket::from(one);
    assert!(fcntl_getfl(&std).unwrap().contains(OFlags::NONBLOCK));
    assert_eq!(kind(std.recv(&mut [0])), ErrorKind::WouldBlock);
    assert_eq!(std.read_timeout().unwrap(), Some(Duration::from_secs(7)));
    let one = UdpSocket::from(std);
    assert_eq!(kind(one.recv(&mut [0])), ErrorKind::WouldBlock);
    assert_eq!(one.read_timeout().unwrap(), Some(Duration::from_secs(7)));
    // A short timeout that somebody else set counts as well.
    let std = std::net::UdpSocket::from(one);
    std.set_nonblocking(false).unwrap();
    std.set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    let one = UdpSocket::from(std);
    assert_eq!(kind(one.recv_from(&mut [0])), ErrorKind::WouldBlock);
}

/// Who gets the descriptor gets a blocking one, whatever engines did with it.
pub fn udp_used_before() {
    let (one, other) = connected();
    let receiver = thread::spawn(move || {
        received(&one);
        one
    });
    thread::yield_now();
    other.send(b"x").unwrap();
    let one = std::net::UdpSocket::from(receiver.join().unwrap());
    assert!(!fcntl_getfl(&one).unwrap().contains(OFlags::NONBLOCK));
    // Known to the engine under the same number once before.
    let one = UdpSocket::from(one);
    let receiver = thread::spawn(move || received(&one));
    thread::yield_now();
    other.send(b"y").unwrap();
    assert_eq!(receiver.join().unwrap(), b"y");
}

pub fn udp_text() {
    let (socket, address) = socket();
    let fd = socket.as_raw_fd();
    let text = format!("UdpSocket {{ addr: {address}, fd: {fd} }}");
    assert_eq!(format!("{socket:?}"), text);
    socket.connect(address).unwrap();
    let text = format!("{socket:?} {socket:#?}");
    let std = std::net::UdpSocket::from(socket);
    assert_eq!(text, format!("{std:?} {std:#?}"));
}

pub fn udp_traits() {
    fn shared<
        T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + std::fmt::Debug + AsFd + AsRawFd,
    >() {
    }
    shared::<UdpSocket>();
}
