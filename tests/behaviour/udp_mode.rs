//! What UDP sockets promise about timeouts, non-blocking mode, options, broadcast and multicast.

use super::net::kind;
use super::shapes::{net, thread, time};
use super::udp::{connected, received, socket};
use net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::io::ErrorKind;
use time::{Duration, Instant};

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("udp_timeouts_are_kept", udp_timeouts_are_kept),
    ("udp_timeout_zero", udp_timeout_zero),
    ("udp_receive_times_out", udp_receive_times_out),
    ("udp_receive_before_timeout", udp_receive_before_timeout),
    ("udp_timeout_of_clone", udp_timeout_of_clone),
    ("udp_timeout_longest", udp_timeout_longest),
    ("udp_timeout_of_send", udp_timeout_of_send),
    ("udp_nonblocking", udp_nonblocking),
    ("udp_nonblocking_and_back", udp_nonblocking_and_back),
    ("udp_options", udp_options),
    ("udp_options_version_6", udp_options_version_6),
    ("udp_broadcast", udp_broadcast),
    ("udp_multicast_version_4", udp_multicast_version_4),
    ("udp_multicast_version_6", udp_multicast_version_6),
    ("udp_multicast_fails", udp_multicast_fails),
];

const SHORT: Duration = Duration::from_millis(10);

pub fn udp_timeouts_are_kept() {
    let (one, other) = connected();
    assert_eq!(one.read_timeout().unwrap(), None);
    assert_eq!(one.write_timeout().unwrap(), None);
    let (read, write) = (Duration::from_secs(3), Duration::from_secs(5));
    one.set_read_timeout(Some(read)).unwrap();
    one.set_write_timeout(Some(write)).unwrap();
    assert_eq!(one.read_timeout().unwrap(), Some(read));
    assert_eq!(one.write_timeout().unwrap(), Some(write));
    let clone = one.try_clone().unwrap();
    assert_eq!(clone.read_timeout().unwrap(), Some(read));
    assert_eq!(clone.write_timeout().unwrap(), Some(write));
    clone.set_read_timeout(None).unwrap();
    assert_eq!(one.read_timeout().unwrap(), None);
    assert_eq!(one.write_timeout().unwrap(), Some(write));
    assert_eq!(other.read_timeout().unwrap(), None);
}

pub fn udp_timeout_zero() {
    let (socket, _) = socket();
    let error = socket.set_read_timeout(Some(Duration::ZERO)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "cannot set a 0 duration timeout");
    assert_eq!(
        kind(socket.set_write_timeout(Some(Duration::ZERO))),
        ErrorKind::InvalidInput
    );
    assert_eq!(socket.read_timeout().unwrap(), None);
    assert_eq!(socket.write_timeout().unwrap(), None);
    // The shortest is not none.
    socket
        .set_read_timeout(Some(Duration::from_nanos(1)))
        .unwrap();
    assert!(socket.read_timeout().unwrap().is_some());
    assert_eq!(kind(socket.recv(&mut [0])), ErrorKind::WouldBlock);
}

/// Every way of receiving.
fn all_would_block(socket: &UdpSocket) {
    assert_eq!(kind(socket.recv(&mut [0; 4])), ErrorKind::WouldBlock);
    assert_eq!(kind(socket.recv_from(&mut [0; 4])), ErrorKind::WouldBlock);
    assert_eq!(kind(socket.peek(&mut [0; 4])), ErrorKind::WouldBlock);
    assert_eq!(kind(socket.peek_from(&mut [0; 4])), ErrorKind::WouldBlock);
    assert_eq!(kind(socket.recv(&mut [])), ErrorKind::WouldBlock);
}

pub fn udp_receive_times_out() {
    let (one, other) = connected();
    one.set_read_timeout(Some(SHORT)).unwrap();
    for _ in 0..3 {
        let start = Instant::now();
        let error = one.recv(&mut [0; 4]).unwrap_err();
        assert!(start.elapsed() >= SHORT);
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(error.raw_os_error().is_some());
        let start = Instant::now();
        assert_eq!(kind(one.recv_from(&mut [0; 4])), ErrorKind::WouldBlock);
        assert!(start.elapsed() >= SHORT);
    }
    let start = Instant::now();
    all_would_block(&one);
    assert!(start.elapsed() >= 5 * SHORT);
    // A timeout breaks nothing.
    one.set_read_timeout(None).unwrap();
    let receiver = thread::spawn(move || received(&one));
    thread::yield_now();
    other.send(b"ab").unwrap();
    assert_eq!(receiver.join().unwrap(), b"ab");
}

pub fn udp_receive_before_timeout() {
    let (one, other) = connected();
    one.set_read_timeout(Some(Duration::from_secs(1_000)))
        .unwrap();
    let receiver = thread::spawn(move || {
        let first = received(&one);
        // Waits until the second is there, and leaves it there.
        one.peek(&mut [0]).unwrap();
        // What is there is received, however short the time.
        one.set_read_timeout(Some(Duration::from_nanos(1))).unwrap();
        (first, received(&one))
    });
    other.send(b"x").unwrap();
    thread::yield_now();
    other.send(b"y").unwrap();
    assert_eq!(receiver.join().unwrap(), (b"x".to_vec(), b"y".to_vec()));
}

pub fn udp_timeout_of_clone() {
    let (one, _other) = connected();
    let clone = one.try_clone().unwrap();
    one.set_read_timeout(Some(SHORT)).unwrap();
    let start = Instant::now();
    assert_eq!(kind(clone.recv(&mut [0])), ErrorKind::WouldBlock);
    assert_eq!(kind(clone.recv_from(&mut [0])), ErrorKind::WouldBlock);
    assert!(start.elapsed() >= 2 * SHORT);
}

pub fn udp_timeout_longest() {
    let (one, other) = connected();
    one.set_read_timeout(Some(Duration::MAX)).unwrap();
    let receiver = thread::spawn(move || received(&one));
    thread::sleep(Duration::from_millis(2));
    assert!(!receiver.is_finished());
    other.send(b"x").unwrap();
    assert_eq!(receiver.join().unwrap(), b"x");
}

/// There is room for a datagram again at once, on loopback: a short timeout does not show.
pub fn udp_timeout_of_send() {
    let (one, other) = connected();
    other
        .set_write_timeout(Some(Duration::from_secs(1_000)))
        .unwrap();
    for n in 0..100 {
        other.send(&[n; 1_000]).unwrap();
        assert_eq!(received(&one), [n; 1_000]);
    }
}

/// The next datagram, from a socket that does not wait for it.
fn arrived(socket: &UdpSocket) -> Vec<u8> {
    let mut bytes = [0; 8];
    loop {
        match socket.recv(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            length => return bytes[..length.unwrap()].to_vec(),
        }
    }
}

pub fn udp_nonblocking() {
    let (one, other) = connected();
    one.set_nonblocking(true).unwrap();
    all_would_block(&one);
    // It belongs to the socket, so clones have it too.
    let clone = one.try_clone().unwrap();
    all_would_block(&clone);
    other.send(b"x").unwrap();
    other.send(b"y").unwrap();
    assert_eq!(arrived(&clone), b"x");
    assert_eq!(arrived(&one), b"y");
    // A timeout does not make it wait.
    one.set_read_timeout(Some(Duration::from_secs(1_000)))
        .unwrap();
    all_would_block(&one);
    // Sending is as before.
    one.send(b"z").unwrap();
    assert_eq!(received(&other), b"z");
}

pub fn udp_nonblocking_and_back() {
    let (one, other) = connected();
    let clone = one.try_clone().unwrap();
    // What a receive did before must not matter.
    for n in 0..3 {
        one.set_nonblocking(true).unwrap();
        all_would_block(&clone);
        clone.set_nonblocking(false).unwrap();
        let receiver = one.try_clone().unwrap();
        let receiver = thread::spawn(move || received(&receiver));
        thread::yield_now();
        assert!(!receiver.is_finished());
        other.send(&[n]).unwrap();
        assert_eq!(receiver.join().unwrap(), [n]);
    }
}

pub fn udp_options() {
    let (socket, _) = socket();
    socket.set_ttl(42).unwrap();
    assert_eq!(socket.ttl().unwrap(), 42);
    assert_eq!(kind(socket.set_ttl(1_000)), ErrorKind::InvalidInput);
    assert_eq!(socket.ttl().unwrap(), 42);
    assert!(!socket.broadcast().unwrap());
    socket.set_broadcast(true).unwrap();
    assert!(socket.broadcast().unwrap());
    assert!(socket.multicast_loop_v4().unwrap());
    socket.set_multicast_loop_v4(false).unwrap();
    assert!(!socket.multicast_loop_v4().unwrap());
    assert_eq!(socket.multicast_ttl_v4().unwrap(), 1);
    socket.set_multicast_ttl_v4(7).unwrap();
    assert_eq!(socket.multicast_ttl_v4().unwrap(), 7);
    assert!(socket.take_error().unwrap().is_none());
    // Options are the socket's.
    let clone = socket.try_clone().unwrap();
    assert_eq!(clone.ttl().unwrap(), 42);
    assert!(clone.broadcast().unwrap());
}

pub fn udp_options_version_6() {
    // Some machines have none.
    let Ok(socket) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return;
    };
    assert!(socket.multicast_loop_v6().unwrap());
    socket.set_multicast_loop_v6(false).unwrap();
    assert!(!socket.multicast_loop_v6().unwrap());
}

pub fn udp_broadcast() {
    let receiver = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = receiver.local_addr().unwrap().port();
    let (sender, from) = socket();
    // The broadcast address of the loopback interface.
    let all = (Ipv4Addr::new(127, 255, 255, 255), port);
    assert_eq!(
        kind(sender.send_to(b"all", all)),
        ErrorKind::PermissionDenied
    );
    sender.set_broadcast(true).unwrap();
    let receiving = thread::spawn(move || {
        let mut bytes = [0; 8];
        (receiver.recv_from(&mut bytes).unwrap(), bytes)
    });
    assert_eq!(sender.send_to(b"all", all).unwrap(), 3);
    let (received, bytes) = receiving.join().unwrap();
    assert_eq!(received, (3, from));
    assert_eq!(&bytes[..3], b"all");
}

/// An address of the block for documentation.
const GROUP: Ipv4Addr = Ipv4Addr::new(233, 252, 0, 77);

pub fn udp_multicast_version_4() {
    let receiver = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = receiver.local_addr().unwrap().port();
    receiver
        .join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST)
        .unwrap();
    // Bound to the interface over which it is to go.
    let (sender, from) = socket();
    let receiving = thread::spawn(move || {
        let mut bytes = [0; 8];
        (receiver.recv_from(&mut bytes).unwrap(), bytes, receiver)
    });
    sender.send_to(b"group", (GROUP, port)).unwrap();
    let (received, bytes, receiver) = receiving.join().unwrap();
    assert_eq!(received, (5, from));
    assert_eq!(&bytes[..5], b"group");
    let join = receiver.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST);
    assert_eq!(kind(join), ErrorKind::AddrInUse);
    receiver
        .leave_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST)
        .unwrap();
    let leave = receiver.leave_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST);
    assert_eq!(kind(leave), ErrorKind::AddrNotAvailable);
}

pub fn udp_multicast_version_6() {
    /// The first interface of every machine is loopback.
    const LOOPBACK: u32 = 1;
    // Some machines have none.
    let Ok(receiver) = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)) else {
        return;
    };
    // Of the scope that does not leave its interface.
    let group = Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0xdb8, 0x77);
    receiver.join_multicast_v6(&group, LOOPBACK).unwrap();
    assert_eq!(
        kind(receiver.join_multicast_v6(&group, LOOPBACK)),
        ErrorKind::AddrInUse
    );
    let port = receiver.local_addr().unwrap().port();
    let sender = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let from = sender.local_addr().unwrap();
    let to = net::SocketAddrV6::new(group, port, 0, LOOPBACK);
    match sender.send_to(b"group", to) {
        Ok(_) => assert_eq!(receiver.recv_from(&mut [0; 8]).unwrap(), (5, from)),
        // Loopback seldom has a route for groups.
        Err(error) => assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{error}"),
    }
    receiver.leave_multicast_v6(&group, LOOPBACK).unwrap();
    assert_eq!(
        kind(receiver.leave_multicast_v6(&group, LOOPBACK)),
        ErrorKind::AddrNotAvailable
    );
}

pub fn udp_multicast_fails() {
    let (socket, _) = socket();
    let no_group = socket.join_multicast_v4(&Ipv4Addr::LOCALHOST, &Ipv4Addr::LOCALHOST);
    assert_eq!(kind(no_group), ErrorKind::InvalidInput);
    // A documentation address, which no machine has.
    let foreign = socket.join_multicast_v4(&GROUP, &Ipv4Addr::new(192, 0, 2, 1));
    assert!(foreign.unwrap_err().raw_os_error().is_some());
    assert_eq!(
        kind(socket.leave_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST)),
        ErrorKind::AddrNotAvailable
    );
    // An option of the other version.
    assert!(socket.multicast_loop_v6().is_err());
    let six = Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0xdb8, 0x77);
    assert!(socket.join_multicast_v6(&six, 1).is_err());
    assert!(socket.leave_multicast_v6(&six, 1).is_err());
}
