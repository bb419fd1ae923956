//! Datagrams between two threads: none is lost, since fewer are on their way than a queue takes, none comes
//! twice, and each is what was sent.

use super::kinds::Kind;
use super::world::User;
use standin::engine::is_cancelled;
use standin::net::UdpSocket;
use standin::os::unix::net::UnixDatagram;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// The sender is still at it.
const UNKNOWN: usize = usize::MAX;

/// The datagram of this number.
fn datagram(key: u64, number: usize) -> Vec<u8> {
    let length = 9 + (key as usize + number * 131) % 1200;
    let mut bytes: Vec<u8> = (0..length)
        .map(|at| (at ^ number ^ key as usize) as u8)
        .collect();
    bytes[..8].copy_from_slice(&key.to_le_bytes());
    bytes[8] = number as u8;
    bytes
}

pub(crate) fn udp(user: &mut User) {
    user.count(Kind::UdpExchange);
    let bind = || UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let (here, there) = (bind(), bind());
    let (from, to) = (
        here.local_addr().expect("bound"),
        there.local_addr().expect("bound"),
    );
    let key = user.random.next();
    let expected = Arc::new(AtomicUsize::new(UNKNOWN));
    let receiver = {
        let expected = expected.clone();
        user.child(move |user| {
            let other = there.try_clone().expect("descriptors are free");
            receive_all(user, Kind::UdpReceived, key, &expected, |user, buffer| {
                let socket = [&there, &other][user.random.below(2)];
                let nonblocking = user.random.one_in(4);
                socket.set_nonblocking(nonblocking).expect("it is open");
                let timeout = user.random.microseconds(1_000);
                socket
                    .set_read_timeout(Some(timeout))
                    .expect("it is not zero");
                if user.random.one_in(4) {
                    let (count, sender) = socket.peek_from(buffer)?;
                    assert_eq!(sender, from);
                    let peeked = buffer[..count].to_vec();
                    let again = socket.recv_from(buffer)?;
                    assert_eq!((again, &buffer[..count]), ((count, from), &peeked[..]));
                    return Ok(count);
                }
                let (count, sender) = socket.recv_from(buffer)?;
                assert_eq!(sender, from);
                Ok(count)
            });
        })
    };
    let connects = user.random.one_in(2);
    if connects {
        here.connect(to).expect("it is an address");
    }
    let sent = send_all(user, key, 12, |bytes| match connects {
        true => here.send(bytes),
        false => here.send_to(bytes, to),
    });
    expected.store(sent, SeqCst);
    receiver.join().expect("all have come");
    if connects && !user.is_cancelled() {
        is_refused(user, &here);
    }
}

/// Nobody is there any more: the peer's socket was closed with its thread.
fn is_refused(user: &User, socket: &UdpSocket) {
    user.count(Kind::UdpRefused);
    socket.set_nonblocking(false).expect("it is open");
    match socket
        .send(b"anybody?")
        .and_then(|_| socket.recv(&mut [0; 8]))
    {
        Ok(count) => panic!("{count} bytes from nobody"),
        Err(error) if is_cancelled(&error) => assert!(user.is_cancelled()),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}"),
    }
}

pub(crate) fn unix(user: &mut User) {
    user.count(Kind::UnixDatagrams);
    let (here, there) = UnixDatagram::pair().expect("descriptors are free");
    let key = user.random.next();
    let expected = Arc::new(AtomicUsize::new(UNKNOWN));
    let receiver = {
        let expected = expected.clone();
        user.child(move |user| {
            receive_all(
                user,
                Kind::UnixDatagramReceived,
                key,
                &expected,
                |user, buffer| {
                    let timeout = user.random.microseconds(1_000);
                    there
                        .set_read_timeout(Some(timeout))
                        .expect("it is not zero");
                    if user.random.one_in(6) {
                        user.pause(300);
                    }
                    there.recv(buffer)
                },
            );
        })
    };
    // More than the queue takes: the sender waits for the receiver.
    let sent = send_all(user, key, 40, |bytes| here.send(bytes));
    expected.store(sent, SeqCst);
    receiver.join().expect("all have come");
}

/// Returns how many were sent.
fn send_all(
    user: &mut User,
    key: u64,
    most: usize,
    send: impl Fn(&[u8]) -> io::Result<usize>,
) -> usize {
    let all = user.random.length(most);
    for number in 0..all {
        let bytes = datagram(key, number);
        match send(&bytes) {
            Ok(count) => assert_eq!(count, bytes.len()),
            Err(error) if is_cancelled(&error) => {
                assert!(user.is_cancelled(), "nobody has cancelled it");
                user.count(Kind::SawItsCancellation);
                return number;
            }
            Err(error) => panic!("{error} ({:?})", error.kind()),
        }
        if user.random.one_in(5) {
            user.pause(200);
        }
    }
    all
}

/// Receives what was sent, until it knows that this was all.
fn receive_all(
    user: &mut User,
    kind: Kind,
    key: u64,
    expected: &AtomicUsize,
    mut receive: impl FnMut(&mut User, &mut [u8]) -> io::Result<usize>,
) {
    let mut buffer = [0; 2000];
    let mut number = 0;
    while number != expected.load(SeqCst) {
        match receive(user, &mut buffer) {
            Ok(count) => {
                assert!(
                    buffer[..count] == datagram(key, number),
                    "datagram {number} is another"
                );
                user.count(kind);
                number += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                // Without a timeout it returns at once.
                standin::thread::sleep(Duration::from_micros(20));
            }
        }
    }
}
