//! One descriptor that threads of several runtimes wait for.

use crate::common::wait::until;
use crate::common::watch::watch;
use crate::support::{Kind, drive, pair, spawn};
use standin::engine::{ASYNC, is_cancelled};
use standin::net::{TcpListener, TcpStream, UdpSocket};
use standin::thread;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

/// A runtime that nobody drives any more takes nobody's wake-ups along.
#[test]
fn of_a_runtime_that_stands_still() {
    let _watch = watch("of_a_runtime_that_stands_still");
    for _ in 0..20 {
        let still = Kind::CurrentThread.runtime();
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").expect("a port is free"));
        let address = listener.local_addr().expect("bound");
        let accepts = |listener: &Arc<TcpListener>, waiting: &Arc<AtomicUsize>| {
            let (listener, waiting) = (listener.clone(), waiting.clone());
            move || {
                waiting.fetch_add(1, SeqCst);
                listener.accept().map(drop)
            }
        };
        // The first to wait is the one that stands still; it was driven until it waited.
        let waiting = Arc::new(AtomicUsize::new(0));
        let first = spawn(&still, accepts(&listener, &waiting));
        drive(&still, || waiting.load(SeqCst) == 1);
        let live = Kind::MultiThread.runtime();
        let second = spawn(&live, accepts(&listener, &waiting));
        until(|| waiting.load(SeqCst) == 2);
        let _one = TcpStream::connect(address).expect("it listens");
        second.join().expect("no panic").expect("one has connected");
        assert!(!first.is_finished());
        // Driven again, it goes on where it was.
        let _other = TcpStream::connect(address).expect("it listens");
        drive(&still, || first.is_finished());
        first.join().expect("no panic").expect("one has connected");
    }
}

/// Both directions of one connection, by three runtimes and an OS thread at once.
#[test]
fn of_several_runtimes_at_once() {
    const BYTES: usize = 4 << 20;
    let _watch = watch("of_several_runtimes_at_once");
    let runtimes = [(); 3].map(|()| Kind::MultiThread.runtime());
    let (near, far) = pair();
    let (near, far) = (Arc::new(near), Arc::new(far));
    let received = Arc::new(AtomicUsize::new(0));
    let read = |stream: Arc<TcpStream>, received: Arc<AtomicUsize>| {
        move || {
            let mut buffer = [0; 3000];
            while let Ok(count @ 1..) = (&*stream).read(&mut buffer) {
                received.fetch_add(count, SeqCst);
            }
        }
    };
    let readers: Vec<_> = (0..6)
        .map(|n| spawn(&runtimes[n % 3], read(far.clone(), received.clone())))
        .collect();
    let beside = std::thread::spawn(read(far.clone(), received.clone()));
    let writers: Vec<_> = (0..4)
        .map(|n| {
            let near = near.clone();
            spawn(&runtimes[n % 3], move || {
                for _ in 0..16 {
                    (&*near)
                        .write_all(&[n as u8; BYTES / 64])
                        .expect("it is read");
                    thread::yield_now();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().expect("no panic");
    }
    near.shutdown(std::net::Shutdown::Write).expect("connected");
    for reader in readers {
        reader.join().expect("no panic");
    }
    beside.join().expect("no panic");
    assert_eq!(received.load(SeqCst), BYTES);
}

/// A socket of a runtime that is gone is as good as any other.
#[test]
fn of_a_runtime_that_is_gone() {
    let _watch = watch("of_a_runtime_that_is_gone");
    for round in 0..40 {
        let gone = [Kind::MultiThread, Kind::CurrentThread][round % 2].runtime();
        let (near, far) = pair();
        let (near, far) = (Arc::new(near), Arc::new(far));
        let datagrams = Arc::new(UdpSocket::bind("127.0.0.1:0").expect("a port is free"));
        let waiting = Arc::new(AtomicUsize::new(0));
        let reader = spawn(&gone, {
            let (far, waiting) = (far.clone(), waiting.clone());
            move || {
                waiting.fetch_add(1, SeqCst);
                (&*far).read(&mut [0])
            }
        });
        let receiver = spawn(&gone, {
            let (datagrams, waiting) = (datagrams.clone(), waiting.clone());
            move || {
                waiting.fetch_add(1, SeqCst);
                datagrams.recv(&mut [0])
            }
        });
        drive(&gone, || waiting.load(SeqCst) == 2);
        drop(gone);
        let error = reader
            .join()
            .expect("no panic")
            .expect_err("its runtime is gone");
        assert!(is_cancelled(&error), "{error}");
        assert!(receiver.join().expect("no panic").is_err());
        // By another runtime, and without.
        let address = datagrams.local_addr().expect("bound");
        let waits = {
            let far = far.clone();
            let datagrams = datagrams.clone();
            move || {
                let mut bytes = [0; 2];
                (&*far).read_exact(&mut bytes[..1]).expect("it is sent");
                datagrams.recv(&mut bytes[1..]).expect("it is sent");
                bytes
            }
        };
        let again = ASYNC.spawn(waits.clone()).expect("there is room");
        (&*near).write_all(b"a").expect("connected");
        datagrams.send_to(b"b", address).expect("bound");
        assert_eq!(again.join().ok(), Some(*b"ab"));
        let outside = std::thread::spawn(waits);
        (&*near).write_all(b"c").expect("connected");
        datagrams.send_to(b"d", address).expect("bound");
        assert_eq!(outside.join().ok(), Some(*b"cd"));
    }
}
