//! How long socket operations wait: timeouts, and not at all.

use super::support::{Subject, full_listener, linger, pair};
use rustix::event::{PollFd, PollFlags, poll};
use standin::net::{Shutdown, TcpStream};
use standin::thread;
use standin::time::Instant;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

pub(crate) fn read_timeouts(on: &Subject) {
    on.run(|| {
        let (mut near, mut far) = pair();
        let timeout = Duration::from_millis(12);
        assert!(near.set_read_timeout(Some(Duration::ZERO)).is_err());
        near.set_read_timeout(Some(timeout)).expect("not zero");
        for _ in 0..3 {
            let start = Instant::now();
            let error = near.read(&mut [0; 8]).expect_err("nothing is sent");
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            assert!(start.elapsed() >= timeout, "early");
            assert!(
                near.peek(&mut [0])
                    .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
            );
            // The stream is as good as before.
            far.write_all(b"a").expect("connected");
            near.set_read_timeout(None).expect("open");
            assert_eq!(near.read(&mut [0; 8]).ok(), Some(1));
            near.set_read_timeout(Some(timeout)).expect("not zero");
        }
        assert!(
            near.read_timeout()
                .is_ok_and(|kept| kept.is_some_and(|kept| kept >= timeout))
        );
        // As long as std's type can say, and longer than a clock counts.
        near.set_read_timeout(Some(Duration::from_secs(1 << 33)))
            .expect("not zero");
        far.write_all(b"a").expect("connected");
        assert_eq!(near.read(&mut [0; 8]).ok(), Some(1));
    });
}

/// As the kernel's: the parts of one write do not have a timeout each.
pub(crate) fn write_timeouts_are_for_the_whole_write(on: &Subject) {
    on.run(|| {
        let (mut near, mut far) = pair();
        let timeout = Duration::from_millis(20);
        near.set_write_timeout(Some(timeout)).expect("not zero");
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            // Takes at least 1 s for all of it, and never lets the writer wait for long.
            scope.spawn(|| {
                let mut buffer = vec![0; 64 << 10];
                while far.read(&mut buffer).expect("whole") > 0 {
                    if !over.load(SeqCst) {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
            });
            let (start, all) = (Instant::now(), vec![0; 64 << 20]);
            let written = near.write(&all).expect("the first part fits");
            assert!(start.elapsed() >= timeout, "early");
            assert!(written < all.len(), "the timeout began anew with each part");
            over.store(true, SeqCst);
            near.shutdown(Shutdown::Write).expect("connected");
        });
        let (mut near, far) = pair();
        near.set_write_timeout(Some(timeout)).expect("not zero");
        let error = loop {
            if let Err(error) = near.write(&[0; 1 << 20]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        drop(far);
    });
}

pub(crate) fn connect_timeouts(on: &Subject) {
    let (listener, _queued, address) = full_listener();
    on.run(|| {
        let (start, timeout) = (Instant::now(), Duration::from_millis(15));
        let error = TcpStream::connect_timeout(&address, timeout).expect_err("the queue is full");
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        assert!(start.elapsed() >= timeout, "early");
        let error = TcpStream::connect_timeout(&address, Duration::ZERO).expect_err("as std's");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
    drop(listener);
    on.run(|| {
        let (listener, address) = super::support::listen();
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(100));
        assert!(is_blocking(&stream.expect("it listens")));
        drop(listener);
    });
}

pub(crate) fn not_at_all(on: &Subject) {
    on.run(|| {
        let (mut near, mut far) = pair();
        near.set_nonblocking(true).expect("open");
        assert!(
            near.read(&mut [0; 8])
                .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        );
        far.write_all(b"abc").expect("connected");
        let mut got = 0;
        while got < 3 {
            match near.read(&mut [0; 8]) {
                Ok(some) => got += some,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        let mut sent = 0;
        let error = loop {
            match near.write(&[0; 1 << 20]) {
                Ok(some) => sent += some,
                Err(error) => break error,
            }
        };
        assert!(sent > 0);
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        near.set_nonblocking(false).expect("open");
        thread::scope(|scope| {
            let reader = scope.spawn(|| near.read(&mut [0; 8]));
            linger(9);
            far.write_all(b"z").expect("connected");
            assert_eq!(reader.join().expect("no panic").ok(), Some(1));
        });
    });
}

/// Whoever does not wait, and so never lets the engine look, must see what the kernel has.
pub(crate) fn what_the_kernel_has_is_seen_at_once(on: &Subject) {
    // With one processor, so that no other one looks meanwhile.
    on.isolated(&[("STANDIN_WORKERS", "1")], || {
        on.run(|| {
            let (mut near, mut far) = pair();
            for round in 0..20 {
                thread::scope(|scope| {
                    let near = &mut near;
                    let reader = scope.spawn(move || {
                        // Waits, and then takes less than it has room for: the stream counts as drained.
                        assert_eq!(near.read(&mut [0; 8]).ok(), Some(1));
                    });
                    linger(round);
                    far.write_all(b"a").expect("connected");
                    reader.join().expect("no panic");
                });
                near.set_nonblocking(true).expect("open");
                far.write_all(b"b").expect("connected");
                // Blocks the OS thread until the kernel has it, without the knowledge of the engine.
                let mut polled = [PollFd::new(&near, PollFlags::IN)];
                poll(&mut polled, None).expect("open");
                assert_eq!(near.read(&mut [0; 8]).ok(), Some(1));
                near.set_nonblocking(false).expect("open");
            }
        });
    })
    .succeeds();
}

/// Linux hands a listener's timeouts on to what it accepts.
pub(crate) fn accepted_streams_have_the_timeouts(on: &Subject) {
    use rustix::net::sockopt::{Timeout, set_socket_timeout};
    on.run(|| {
        let (listener, address) = super::support::listen();
        let listener = std::net::TcpListener::from(listener);
        let timeout = Duration::from_millis(8);
        set_socket_timeout(&listener, Timeout::Recv, Some(timeout)).expect("open");
        let listener = standin::net::TcpListener::from(listener);
        let start = Instant::now();
        let error = listener.accept().expect_err("nobody has connected");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(start.elapsed() >= timeout, "early");
        let client = TcpStream::connect(address).expect("it listens");
        let (mut stream, _) = listener.accept().expect("one has connected");
        assert!(stream.read_timeout().is_ok_and(|timeout| timeout.is_some()));
        assert!(
            stream
                .read(&mut [0])
                .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        );
        drop(client);
    });
}

pub(crate) fn clones_share_it(on: &Subject) {
    on.run(|| {
        let (near, far) = pair();
        let mut clone = near.try_clone().expect("descriptors are free");
        near.set_read_timeout(Some(Duration::from_millis(3)))
            .expect("not zero");
        assert!(clone.read_timeout().is_ok_and(|timeout| timeout.is_some()));
        assert!(
            clone
                .read(&mut [0])
                .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        );
        clone.set_read_timeout(None).expect("open");
        clone.set_nonblocking(true).expect("open");
        assert!(
            (&near)
                .read(&mut [0])
                .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        );
        near.set_nonblocking(false).expect("open");
        thread::scope(|scope| {
            let reader = scope.spawn(|| clone.read(&mut [0]));
            linger(6);
            (&far).write_all(b"a").expect("connected");
            assert_eq!(reader.join().expect("no panic").ok(), Some(1));
        });
    });
}

pub(crate) fn is_blocking(socket: &impl AsFd) -> bool {
    let flags = rustix::fs::fcntl_getfl(socket.as_fd()).expect("open");
    !flags.contains(rustix::fs::OFlags::NONBLOCK)
}
