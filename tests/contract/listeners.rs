//! Listeners: several acceptors, of every context, and what is no connection.

use super::support::{Subject, linger, listen};
use super::waiting::is_blocking;
use crate::common::{limit, wait};
use standin::engine::{GREEN, THREADS};
use standin::net::TcpStream;
use standin::thread;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};

pub(crate) fn two_acceptors(on: &Subject) {
    on.run(|| {
        for round in 0..20 {
            let (listener, address) = listen();
            let clone = listener.try_clone().expect("descriptors are free");
            let accept = move |listener: standin::net::TcpListener| {
                thread::spawn(move || listener.accept().map(|(stream, _)| is_blocking(&stream)))
            };
            let acceptors = [accept(listener), accept(clone)];
            linger(round);
            // One connection lets one of them go; the other waits on.
            let clients: Vec<_> = (0..2)
                .map(|n| {
                    let client = TcpStream::connect(address).expect("it listens");
                    wait::until(|| {
                        acceptors
                            .iter()
                            .filter(|acceptor| acceptor.is_finished())
                            .count()
                            > n
                    });
                    client
                })
                .collect();
            for acceptor in acceptors {
                assert_eq!(acceptor.join().expect("no panic").ok(), Some(true));
            }
            drop(clients);
        }
    });
}

/// One listener, and threads of this engine, of others, and of none that accept from it at the same time.
pub(crate) fn every_context_at_once(on: &Subject) {
    const CONNECTIONS: usize = 150;
    let (listener, address) = listen();
    let listener = Arc::new(listener);
    let accepted = Arc::new(AtomicUsize::new(0));
    let accept = || {
        let (listener, accepted) = (listener.clone(), accepted.clone());
        move || {
            loop {
                let (mut stream, _) = listener.accept().expect("a connection");
                let mut word = [0];
                stream.read_exact(&mut word).expect("a byte");
                if word == [0] {
                    return;
                }
                accepted.fetch_add(1, SeqCst);
                stream.write_all(&word).expect("the client waits");
            }
        }
    };
    // First an OS thread, which waits in the kernel when the others come.
    let mut os = vec![std::thread::spawn(accept())];
    let mut threads: Vec<_> = (0..2).map(|_| on.spawn(accept())).collect();
    threads.push(GREEN.spawn(accept()).expect("there is room"));
    threads.push(THREADS.spawn(accept()).expect("there is room"));
    os.push(std::thread::spawn(accept()));
    let ask = move |word: u8| {
        let mut client = TcpStream::connect(address).expect("it listens");
        client.write_all(&[word]).expect("connected");
        assert_eq!(client.read(&mut [0]).ok(), Some(usize::from(word != 0)));
    };
    on.run(|| {
        thread::scope(|scope| {
            for _ in 0..5 {
                scope.spawn(|| (0..CONNECTIONS / 5).for_each(|_| ask(1)));
            }
        });
    });
    assert_eq!(accepted.load(SeqCst), CONNECTIONS);
    (0..os.len() + threads.len()).for_each(|_| ask(0));
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("no panic"));
    os.into_iter()
        .for_each(|thread| thread.join().expect("no panic"));
}

pub(crate) fn without_descriptors(on: &Subject) {
    on.isolated(&[], || {
        let (listener, address) = listen();
        // Whatever the engine needs for itself it has by now.
        on.run(|| {
            let client = thread::spawn(move || TcpStream::connect(address).expect("it listens"));
            let (stream, _) = listener.accept().expect("a connection");
            drop((client.join().expect("no panic"), stream));
        });
        on.run(|| {
            let mut client = TcpStream::connect(address).expect("it listens");
            let limited = limit::no_descriptors();
            for _ in 0..3 {
                // It says so each time, rather than wait for an edge that need not come.
                let error = listener.accept().expect_err("no descriptor is left");
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
                thread::yield_now();
            }
            assert!(TcpStream::connect(address).is_err());
            drop(limited);
            // The connection has waited in the queue.
            let (mut stream, _) = listener.accept().expect("it is there");
            stream.write_all(b"late").expect("connected");
            let mut text = [0; 4];
            client.read_exact(&mut text).expect("connected");
            assert_eq!(&text, b"late");
        });
    })
    .succeeds();
}

pub(crate) fn not_waiting(on: &Subject) {
    on.run(|| {
        let (listener, address) = listen();
        listener.set_nonblocking(true).expect("open");
        let refused = || {
            listener
                .accept()
                .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        };
        assert!(refused());
        let client = TcpStream::connect(address).expect("it listens");
        let (stream, _) = loop {
            match listener.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                result => break result.expect("a connection"),
            }
        };
        assert!(is_blocking(&stream), "the mode is not handed on");
        assert!(refused());
        listener.set_nonblocking(false).expect("open");
        let clients = AtomicBool::new(false);
        thread::scope(|scope| {
            let acceptor = scope.spawn(|| {
                let accepted = listener.accept();
                assert!(clients.load(SeqCst), "it did not wait: {accepted:?}");
            });
            linger(13);
            clients.store(true, SeqCst);
            let client = TcpStream::connect(address).expect("it listens");
            acceptor.join().expect("it waited");
            drop(client);
        });
        drop((client, stream));
    });
}

/// Nobody stands still because a clone of a listener is in another mode: the conversion makes the descriptor,
/// which is the same socket, a blocking one again.
pub(crate) fn a_clone_that_went_to_std(on: &Subject) {
    on.isolated(&[("STANDIN_WORKERS", "1")], || {
        on.run(|| {
            let (listener, address) = listen();
            let clone = listener.try_clone().expect("descriptors are free");
            let accepted = AtomicUsize::new(0);
            thread::scope(|scope| {
                let acceptors: Vec<_> = (0..3)
                    .map(|_| {
                        scope.spawn(|| {
                            let result = listener.accept().map(drop);
                            accepted.fetch_add(1, SeqCst);
                            result
                        })
                    })
                    .collect();
                linger(33);
                let std = std::net::TcpListener::from(clone);
                for n in 1..=3 {
                    // Wakes all that are left, and one of them gets it. This thread goes on to see it.
                    let client = TcpStream::connect(address).expect("it listens");
                    wait::until(|| accepted.load(SeqCst) >= n);
                    drop(client);
                }
                for acceptor in acceptors {
                    acceptor.join().expect("no panic").expect("a connection");
                }
                drop(std);
            });
        });
    })
    .succeeds();
}
