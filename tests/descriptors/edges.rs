//! An edge comes once: for several that wait, for several events, and for those who only looked.

use crate::common::wait;
use crate::support::{Subject, linger, listen, pair};
use standin::net::{Shutdown, TcpStream, UdpSocket};
use standin::os::unix::net::UnixDatagram;
use standin::thread;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

const WAITERS: usize = 5;

/// Lets five threads wait, and then one OS thread makes five events before any of them can look.
fn one_edge_for_five(on: &Subject, wait: impl Fn() + Sync, events: impl Fn() + Sync) {
    on.run(|| {
        for round in 0..20 {
            let starting = AtomicUsize::new(0);
            let ended = AtomicUsize::new(0);
            thread::scope(|scope| {
                for _ in 0..WAITERS {
                    scope.spawn(|| {
                        starting.fetch_add(1, SeqCst);
                        wait();
                        ended.fetch_add(1, SeqCst);
                    });
                }
                wait::until(|| starting.load(SeqCst) == WAITERS);
                linger(round);
                assert_eq!(ended.load(SeqCst), 0, "it waits");
                events();
            });
            assert_eq!(ended.into_inner(), WAITERS);
        }
    });
}

pub(crate) fn one_edge_for_five_connections(on: &Subject) {
    // One processor: the events come before it looks again.
    on.isolated(&[("STANDIN_WORKERS", "1")], || {
        let (listener, address) = listen();
        let accept = || drop(listener.accept().expect("a connection"));
        one_edge_for_five(on, accept, || {
            let clients = [(); WAITERS].map(|()| std::net::TcpStream::connect(address));
            assert!(clients.iter().all(Result::is_ok));
        });
    })
    .succeeds();
}

pub(crate) fn one_edge_for_five_datagrams(on: &Subject) {
    on.isolated(&[("STANDIN_WORKERS", "1")], || {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        let address = receiver.local_addr().expect("it is bound");
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        let receive = || {
            assert_eq!(receiver.recv(&mut [0; 8]).ok(), Some(1));
        };
        one_edge_for_five(on, receive, || {
            for _ in 0..WAITERS {
                sender.send_to(b"x", address).expect("it is bound");
            }
        });
        let (one, other) = UnixDatagram::pair().expect("descriptors are free");
        let receive = || {
            assert_eq!(one.recv(&mut [0; 8]).ok(), Some(1));
        };
        one_edge_for_five(on, receive, || {
            for _ in 0..WAITERS {
                other.send(b"x").expect("connected");
            }
        });
    })
    .succeeds();
}

/// A stream that gave less than there was room for is empty; a datagram that did says nothing.
pub(crate) fn a_short_datagram_leaves_others(on: &Subject) {
    on.isolated(&[("STANDIN_WORKERS", "1")], || {
        on.run(|| {
            let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
            let address = receiver.local_addr().expect("it is bound");
            let sender = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
            let (one, other) = UnixDatagram::pair().expect("descriptors are free");
            for round in 0..20 {
                thread::scope(|scope| {
                    scope.spawn(|| {
                        for _ in 0..4 {
                            assert_eq!(receiver.recv(&mut [0; 64]).ok(), Some(2));
                        }
                    });
                    scope.spawn(|| {
                        for _ in 0..4 {
                            assert_eq!(one.recv(&mut [0; 64]).ok(), Some(2));
                        }
                    });
                    linger(round);
                    for _ in 0..4 {
                        sender.send_to(b"xy", address).expect("it is bound");
                        other.send(b"xy").expect("connected");
                    }
                });
            }
        });
    })
    .succeeds();
}

pub(crate) fn a_peek_leaves_what_it_sees(on: &Subject) {
    on.run(|| {
        let (mut near, far) = pair();
        for round in 0..30 {
            thread::scope(|scope| {
                scope.spawn(|| {
                    // Waits; sees less than it has room for, and that drains nothing.
                    let seen = far.peek(&mut [0; 64]).expect("connected");
                    assert!((1..=6).contains(&seen));
                    let mut text = [0; 6];
                    (&far).read_exact(&mut text).expect("connected");
                    assert_eq!(&text, b"abcdef");
                });
                linger(round);
                near.write_all(b"abc").expect("connected");
                near.write_all(b"def").expect("connected");
            });
        }
        // The end is seen as well, by whoever only looks.
        drop(near);
        assert_eq!(far.peek(&mut [0; 8]).ok(), Some(0));
        assert_eq!((&far).read(&mut [0; 8]).ok(), Some(0));
    });
}

pub(crate) fn a_peek_leaves_the_datagram(on: &Subject) {
    on.run(|| {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        let address = receiver.local_addr().expect("it is bound");
        let sender = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        let from = sender.local_addr().expect("it is bound");
        for round in 0..30 {
            thread::scope(|scope| {
                scope.spawn(|| {
                    assert_eq!(receiver.peek(&mut [0; 64]).ok(), Some(3));
                    assert_eq!(receiver.peek_from(&mut [0; 1]).ok(), Some((1, from)));
                    assert_eq!(receiver.recv_from(&mut [0; 64]).ok(), Some((3, from)));
                });
                linger(round);
                sender.send_to(b"abc", address).expect("it is bound");
            });
        }
    });
}

/// Under a mark the kernel reports nothing although there are bytes; they are not lost.
pub(crate) fn reads_under_a_low_water_mark(on: &Subject) {
    on.run(|| {
        for round in 0..60 {
            // Its own, or one that its listener had.
            let (mut near, mut far) = if round % 2 == 0 {
                let (near, far) = pair();
                low_water_mark(&far, 4);
                (near, far)
            } else {
                let (listener, address) = listen();
                low_water_mark(&listener, 4);
                let near = TcpStream::connect(address).expect("it listens");
                (near, listener.accept().expect("one has connected").0)
            };
            thread::scope(|scope| {
                let reader = scope.spawn(|| {
                    let mut all = Vec::new();
                    far.read_to_end(&mut all).expect("connected");
                    all
                });
                for piece in [&b"ab"[..], b"cd", b"efghi", b"j"] {
                    linger(round);
                    near.write_all(piece).expect("connected");
                }
                near.shutdown(Shutdown::Write).expect("connected");
                assert_eq!(reader.join().expect("no panic"), b"abcdefghij");
            });
        }
    });
}

fn low_water_mark(socket: &impl AsRawFd, bytes: libc::c_int) {
    // SAFETY: the descriptor is open, and the value is an integer of the length that is told.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVLOWAT,
            (&raw const bytes).cast(),
            size_of_val(&bytes) as libc::socklen_t,
        )
    };
    assert_eq!(result, 0);
}

/// That nobody is there is an error of the socket: an event without anything to receive.
pub(crate) fn an_error_of_a_datagram_wakes_its_receiver(on: &Subject) {
    on.run(|| {
        for round in 0..20 {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
            // Nobody has that port.
            socket.connect("127.0.0.1:1").expect("it is an address");
            thread::scope(|scope| {
                let receiver = scope.spawn(|| socket.recv(&mut [0; 8]));
                linger(round);
                socket.send(b"hello?").expect("the answer comes later");
                let error = receiver.join().expect("no panic").expect_err("refused");
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
            });
        }
    });
}

/// To a receive that may not wait the kernel says "nothing there" after the end of a datagram socket, too.
pub(crate) fn the_end_of_datagrams_wakes_receivers(on: &Subject) {
    on.run(|| {
        for round in 0..20 {
            let (one, other) = UnixDatagram::pair().expect("descriptors are free");
            thread::scope(|scope| {
                let receivers = [(); 3].map(|()| scope.spawn(|| one.recv(&mut [0; 8])));
                linger(round);
                one.shutdown(Shutdown::Read).expect("open");
                for receiver in receivers {
                    assert_eq!(receiver.join().expect("no panic").ok(), Some(0));
                }
                assert_eq!(one.recv(&mut [0; 8]).ok(), Some(0));
            });
            drop(other);
        }
    });
}
