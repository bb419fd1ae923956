//! Descriptor numbers that are used again at once, by a socket of another kind.

use crate::support::{Subject, linger, pair};
use standin::net::UdpSocket;
use standin::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use standin::thread;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;

/// Waits for a word on a socket, in a thread of its own, so that the engine knows the number.
fn waits(round: usize, receive: impl FnOnce() -> usize + Send, send: impl FnOnce()) {
    thread::scope(|scope| {
        let receiver = scope.spawn(receive);
        linger(round);
        send();
        assert_eq!(receiver.join().expect("no panic"), 4);
    });
}

/// What the number was before must not matter: a stream that was drained, a listener, a datagram socket.
pub(crate) fn a_number_of_another_kind(on: &Subject) {
    on.isolated(&[], || {
        on.run(|| {
            let mut number = None;
            let mut again = 0;
            for round in 0..200 {
                let used = match round % 5 {
                    0 => {
                        let (near, mut far) = pair();
                        let read = || (&near).read(&mut [0; 8]).expect("connected");
                        waits(round, read, || far.write_all(b"word").expect("connected"));
                        near.as_raw_fd()
                    }
                    1 => {
                        let near = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
                        let address = near.local_addr().expect("it is bound");
                        let receive = || near.recv(&mut [0; 8]).expect("open");
                        waits(round, receive, || {
                            near.send_to(b"word", address).expect("it is bound");
                        });
                        near.as_raw_fd()
                    }
                    2 => {
                        let (near, mut far) = UnixStream::pair().expect("descriptors are free");
                        let read = || (&near).read(&mut [0; 8]).expect("connected");
                        waits(round, read, || far.write_all(b"word").expect("connected"));
                        near.as_raw_fd()
                    }
                    3 => {
                        let near = UnixListener::bind("").expect("names are free");
                        let address = near.local_addr().expect("it is bound");
                        let accept = || near.accept().map(|_| 4).expect("a connection");
                        waits(round, accept, || {
                            drop(UnixStream::connect_addr(&address).expect("it listens"));
                        });
                        near.as_raw_fd()
                    }
                    _ => {
                        let (near, far) = UnixDatagram::pair().expect("descriptors are free");
                        let receive = || near.recv(&mut [0; 8]).expect("connected");
                        waits(round, receive, || {
                            far.send(b"word").expect("connected");
                        });
                        near.as_raw_fd()
                    }
                };
                again += usize::from(number.replace(used) == Some(used));
            }
            assert!(again > 50, "the numbers are not used again, {again} of 200");
        });
    })
    .succeeds();
}

/// Closed with an event on its way, which must not reach the next one with the number.
pub(crate) fn a_number_while_a_datagram_is_on_its_way(on: &Subject) {
    on.isolated(&[], || {
        on.run(|| {
            let mut number = None;
            let mut again = 0;
            for round in 0..200 {
                let (near, far) = UnixDatagram::pair().expect("descriptors are free");
                let receive = || near.recv(&mut [0; 8]).expect("connected");
                waits(round, receive, || {
                    far.send(b"word").expect("connected");
                });
                again += usize::from(number.replace(near.as_raw_fd()) == Some(near.as_raw_fd()));
                far.send(b"nobody receives it").expect("connected");
                if round % 2 == 0 {
                    drop(near);
                } else {
                    // The clone keeps the socket open under another number.
                    let clone = near.try_clone().expect("descriptors are free");
                    drop(near);
                    far.send(b"again").expect("connected");
                    drop(clone);
                }
            }
            assert!(
                again > 100,
                "the numbers are not used again, {again} of 200"
            );
        });
    })
    .succeeds();
}
