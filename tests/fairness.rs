//! A green thread whose operations never have to wait lets others run all the same. On one processor that
//! shows as an end: each thread here goes on until another one has run.

#![cfg(all(feature = "green", target_os = "linux"))]

mod common;

use common::isolated;
use standin::engine::{Engine, GREEN, GREEN_PINNED};
use standin::net::{TcpListener, TcpStream};
use standin::sync::mpsc;
use standin::thread;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

/// Calls `busy` over and over on the only processor, until another thread of it has run.
#[track_caller]
fn lets_others_run<F: Fn(&mut dyn FnMut() -> bool) + Sync>(busy: F) {
    let test = isolated::test_of(&busy);
    isolated::named(
        test,
        &[("STANDIN_WORKERS", "1"), ("STANDIN_TEST", "")],
        || {
            // SAFETY: the bodies keep no pointer through a thread-local and no lock of std's across a call that
            // parks.
            unsafe { standin::engine::green::accept_pinned() };
            let on = |engine: Engine| {
                engine.run(|| {
                    let ran = Arc::new(AtomicBool::new(false));
                    let other = ran.clone();
                    let other = thread::spawn(move || other.store(true, Release));
                    busy(&mut || !ran.load(Acquire));
                    other.join().expect("no panic");
                });
            };
            on(GREEN);
            on(GREEN_PINNED);
        },
    )
    .succeeds();
}

#[test]
fn sending_without_end() {
    lets_others_run(|goes_on| {
        let (sender, _receiver) = mpsc::channel();
        while goes_on() {
            sender.send(()).expect("the receiver is there");
        }
    });
}

#[test]
fn receiving_what_is_there() {
    lets_others_run(|goes_on| {
        let (sender, receiver) = mpsc::sync_channel(1);
        while goes_on() {
            sender.send(()).expect("the receiver is there");
            receiver.recv().expect("a message is there");
        }
    });
}

#[test]
fn asking_an_empty_channel() {
    lets_others_run(|goes_on| {
        let (_sender, receiver) = mpsc::channel::<()>();
        while goes_on() {
            assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Empty));
        }
    });
}

#[test]
fn a_stream_that_is_always_ready() {
    lets_others_run(|goes_on| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let mut near = TcpStream::connect(address).expect("it listens");
        let (mut far, _) = listener.accept().expect("a connection waits");
        let mut byte = [0];
        while goes_on() {
            near.write_all(b"x").expect("the peer is there");
            far.read_exact(&mut byte).expect("a byte is there");
        }
    });
}

#[test]
fn asking_a_stream_that_does_not_wait() {
    lets_others_run(|goes_on| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_nonblocking(true).expect("a socket can be");
        while goes_on() {
            let error = stream.read(&mut [0]).expect_err("nobody wrote anything");
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
    });
}

/// A thread that was just spawned runs although the one that spawned it never parks: another processor, which
/// may be about to sleep, takes it.
#[test]
fn spinning_until_a_new_thread_has_run() {
    let body = || {
        GREEN.run(|| {
            for _ in 0..20_000 {
                let ran = Arc::new(AtomicBool::new(false));
                let other = ran.clone();
                let other = thread::spawn(move || other.store(true, Release));
                while !ran.load(Acquire) {
                    std::hint::spin_loop();
                }
                other.join().expect("no panic");
            }
        });
    };
    let environment = [("STANDIN_WORKERS", "2"), ("STANDIN_TEST", "")];
    isolated::named(isolated::test_of(&body), &environment, body).succeeds();
}
