//! Unix datagrams for a socket whose queue is full. To a socket that is not connected to it the kernel says
//! "writable" all the time, and raises an edge by each attempt that fails.

use crate::common::wait;
use crate::support::{Subject, linger};
use crate::usage;
use standin::engine;
use standin::os::unix::net::UnixDatagram;
use standin::thread;
use std::io;
use std::os::unix::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

/// A socket whose queue is full, how many are in it, and its address.
fn full() -> (UnixDatagram, usize, SocketAddr) {
    let receiver = UnixDatagram::bind("").expect("names are free");
    let address = receiver.local_addr().expect("it is bound");
    let filler = UnixDatagram::unbound().expect("descriptors are free");
    filler.set_nonblocking(true).expect("open");
    let queued = (0..)
        .take_while(|_| filler.send_to_addr(b"in the way", &address).is_ok())
        .count();
    (receiver, queued, address)
}

/// Sends to a full socket from a thread of the engine, until one receive makes room.
fn waits(on: &Subject, send: impl Fn(&SocketAddr) -> io::Result<usize> + Sync) {
    on.run(|| {
        for round in 0..20 {
            let (receiver, queued, address) = full();
            let sent = AtomicUsize::new(0);
            thread::scope(|scope| {
                let sender = scope.spawn(|| {
                    let length = send(&address);
                    sent.fetch_add(1, SeqCst);
                    length
                });
                linger(round);
                assert_eq!(sent.load(SeqCst), 0, "there is no room");
                assert_eq!(receiver.recv(&mut [0; 16]).ok(), Some(10));
                // That is all the room it needs.
                assert_eq!(sender.join().expect("no panic").ok(), Some(4));
            });
            for _ in 1..queued {
                assert_eq!(receiver.recv(&mut [0; 16]).ok(), Some(10));
            }
            assert_eq!(receiver.recv(&mut [0; 16]).ok(), Some(4));
        }
    });
}

pub(crate) fn an_unconnected_send_waits_for_room(on: &Subject) {
    waits(on, |address| {
        UnixDatagram::unbound()?.send_to_addr(b"late", address)
    });
    let shared = UnixDatagram::unbound().expect("descriptors are free");
    waits(on, |address| shared.send_to_addr(b"late", address));
}

pub(crate) fn a_connected_send_waits_for_room(on: &Subject) {
    let shared = UnixDatagram::unbound().expect("descriptors are free");
    waits(on, |address| {
        shared.connect_addr(address)?;
        shared.send(b"late")
    });
}

pub(crate) fn a_send_that_waits_uses_no_time(on: &Subject) {
    on.isolated(&[], || {
        let (receiver, _, address) = full();
        let (starting, sent) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let senders: Vec<_> = [false, true, false]
            .map(|connected| {
                let (address, starting, sent) = (address.clone(), starting.clone(), sent.clone());
                on.spawn(move || {
                    let socket = UnixDatagram::unbound().expect("descriptors are free");
                    if connected {
                        socket.connect_addr(&address).expect("it is bound");
                    }
                    starting.fetch_add(1, SeqCst);
                    if connected {
                        socket.send(b"late").expect("it waits for room");
                    } else {
                        socket.send_to_addr(b"late", &address).expect("as above");
                    }
                    sent.fetch_add(1, SeqCst);
                })
            })
            .into();
        while starting.load(SeqCst) < senders.len() {
            std::thread::yield_now();
        }
        usage::others_wait().expect("it waits");
        assert_eq!(sent.load(SeqCst), 0, "there is no room");
        for _ in 0..senders.len() {
            assert_eq!(receiver.recv(&mut [0; 16]).ok(), Some(10));
        }
        for sender in senders {
            sender.join().expect("there is room");
        }
    })
    .succeeds();
}

pub(crate) fn a_send_to_a_full_queue_is_cancelled(on: &Subject) {
    for round in 0..10 {
        for connected in [false, true] {
            let (receiver, queued, address) = full();
            let starting = Arc::new(AtomicUsize::new(0));
            let sender = on.spawn({
                let starting = starting.clone();
                move || {
                    let socket = UnixDatagram::unbound()?;
                    starting.fetch_add(1, SeqCst);
                    if connected {
                        socket.connect_addr(&address)?;
                        return socket.send(b"never");
                    }
                    socket.send_to_addr(b"never", &address)
                }
            });
            wait::until(|| starting.load(SeqCst) == 1);
            linger(round);
            sender.thread().cancel();
            let error = sender.join().expect("no panic").expect_err("cancelled");
            assert!(engine::is_cancelled(&error), "{error}");
            // It was not sent by the way.
            receiver.set_nonblocking(true).expect("open");
            for _ in 0..queued {
                assert_eq!(receiver.recv(&mut [0; 16]).ok(), Some(10));
            }
            assert!(receiver.recv(&mut [0; 16]).is_err());
        }
    }
}

/// Each receive makes room for one of those that wait, and all go through.
pub(crate) fn many_senders_to_one_queue(on: &Subject) {
    const SENDERS: usize = 24;
    const EACH: usize = 50;
    on.run(|| {
        let (receiver, queued, address) = full();
        thread::scope(|scope| {
            for number in 0..SENDERS {
                let address = &address;
                scope.spawn(move || {
                    let socket = UnixDatagram::unbound().expect("descriptors are free");
                    let connected = number % 2 == 0;
                    if connected {
                        socket.connect_addr(address).expect("it is bound");
                    }
                    for _ in 0..EACH {
                        let sent = if connected {
                            socket.send(b"word")
                        } else {
                            socket.send_to_addr(b"word", address)
                        };
                        assert_eq!(sent.ok(), Some(4));
                    }
                });
            }
            thread::yield_now();
            for _ in 0..queued {
                assert_eq!(receiver.recv(&mut [0; 16]).ok(), Some(10));
            }
            for _ in 0..SENDERS * EACH {
                assert_eq!(receiver.recv(&mut [0; 16]).ok(), Some(4));
            }
        });
    });
}
