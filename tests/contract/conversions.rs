//! Sockets that go out to std and come back, and descriptor numbers that are used again.

use super::support::{Subject, linger, listen, pair};
use super::waiting::is_blocking;
use standin::net::{TcpListener, TcpStream};
use standin::thread;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// Sends bytes to a stream that waits for them, so that the engine knows its descriptor.
fn converse(near: &mut TcpStream, far: &mut TcpStream, round: usize) {
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut text = [0; 5];
            near.read_exact(&mut text).expect("whole");
            near.write_all(&text).expect("connected");
        });
        linger(round);
        far.write_all(b"words").expect("connected");
        let mut text = [0; 5];
        far.read_exact(&mut text).expect("whole");
        assert_eq!(&text, b"words");
        reader.join().expect("no panic");
    });
}

pub(crate) fn to_std_and_back(on: &Subject) {
    on.run(|| {
        let (mut near, mut far) = pair();
        for round in 0..30 {
            converse(&mut near, &mut far, round);
            far.write_all(b"for std").expect("connected");
            let mut std = std::net::TcpStream::from(near);
            assert!(is_blocking(&std));
            let mut text = [0; 7];
            std.read_exact(&mut text).expect("what was sent");
            assert_eq!(&text, b"for std");
            std.write_all(b"from std").expect("connected");
            near = match round % 3 {
                0 => TcpStream::from(std),
                1 => TcpStream::from(OwnedFd::from(std)),
                _ => OwnedFd::from(TcpStream::from(std)).into(),
            };
            far.read_exact(&mut [0; 8]).expect("whole");
        }
    });
}

pub(crate) fn a_listener_to_std_and_back(on: &Subject) {
    on.run(|| {
        let (mut listener, address) = listen();
        for round in 0..20 {
            thread::scope(|scope| {
                let acceptor = scope.spawn(|| listener.accept().map(drop));
                linger(round);
                let client = TcpStream::connect(address).expect("it listens");
                acceptor.join().expect("no panic").expect("a connection");
                drop(client);
            });
            let std = std::net::TcpListener::from(listener);
            assert!(is_blocking(&std), "the mode that its user sees");
            let client = TcpStream::connect(address).expect("it listens");
            drop(std.accept().expect("it is in the queue"));
            drop(client);
            listener = TcpListener::from(std);
        }
    });
}

pub(crate) fn the_mode_is_kept(on: &Subject) {
    on.run(|| {
        let (near, far) = pair();
        near.set_nonblocking(true).expect("open");
        near.set_read_timeout(Some(Duration::from_millis(4)))
            .expect("not zero");
        let std = std::net::TcpStream::from(near);
        assert!(!is_blocking(&std));
        let mut near = TcpStream::from(std);
        assert!(
            near.read(&mut [0])
                .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        );
        near.set_nonblocking(false).expect("open");
        // The timeout holds now, as the kernel's does.
        assert!(
            near.read(&mut [0])
                .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        );
        let mut near = TcpStream::from(std::net::TcpStream::from(near));
        assert!(
            near.read(&mut [0])
                .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        );
        drop(far);

        let (listener, _) = listen();
        listener.set_nonblocking(true).expect("open");
        assert!(listener.accept().is_err());
        let std = std::net::TcpListener::from(listener);
        assert!(!is_blocking(&std));
        assert!(
            TcpListener::from(std)
                .accept()
                .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        );
    });
}

pub(crate) fn a_number_used_again(on: &Subject) {
    on.isolated(&[], || {
        on.run(|| {
            let (listener, address) = listen();
            let mut number = None;
            let mut again = 0;
            for round in 0..200 {
                let mut client = TcpStream::connect(address).expect("it listens");
                let (mut stream, _) = listener.accept().expect("one has connected");
                again +=
                    usize::from(number.replace(client.as_raw_fd()) == Some(client.as_raw_fd()));
                converse(&mut client, &mut stream, round);
                match round % 4 {
                    // Closed with an event on its way.
                    0 => drop((stream, client)),
                    1 => drop((client, stream)),
                    2 => {
                        stream.write_all(b"nobody reads it").expect("connected");
                        drop(client);
                    }
                    _ => drop(OwnedFd::from(client)),
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

/// The kernel knows a registration by socket and number. Where another descriptor keeps the socket open, the
/// number can come back for the same socket.
pub(crate) fn a_number_of_the_same_socket_used_again(on: &Subject) {
    on.isolated(&[], || {
        on.run(|| {
            let mut again = 0;
            for round in 0..30 {
                let (near, mut far) = pair();
                let std = std::net::TcpStream::from(near);
                // Two handles that know nothing of each other.
                let mut first = TcpStream::from(std.try_clone().expect("descriptors are free"));
                let second = TcpStream::from(std);
                let number = first.as_raw_fd();
                converse(&mut first, &mut far, round);
                drop(first);
                let mut third = second.try_clone().expect("descriptors are free");
                // The lowest that is free, unless another OS thread (one that prints a backtrace reads
                // files) was quicker.
                again += usize::from(third.as_raw_fd() == number);
                converse(&mut third, &mut far, round + 1);
                drop(second);
                converse(&mut third, &mut far, round + 2);
            }
            assert!(again > 15, "the number is not used again, {again} of 30");
        });
    })
    .succeeds();
}
