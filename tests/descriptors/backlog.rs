//! Listeners of Unix sockets whose queue is full. The kernel refuses a `connect` that may not wait, and there is
//! no event when there is room again.

use crate::common::{limit, wait};
use crate::support::{Subject, linger};
use crate::usage;
use standin::engine;
use standin::os::unix::net::{UnixListener, UnixStream};
use standin::thread;
use std::io::{Read, Write};
use std::os::unix::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

/// A listener with room for one connection in its queue, under a name that the kernel chose.
fn listen() -> (UnixListener, SocketAddr) {
    let listener = UnixListener::bind("").expect("names are free");
    rustix::net::listen(&listener, 0).expect("it is bound");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

pub(crate) fn connects_wait_for_room_in_a_queue(on: &Subject) {
    const CLIENTS: usize = 20;
    on.run(|| {
        let (listener, address) = listen();
        let (starting, connected) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    starting.fetch_add(1, SeqCst);
                    let mut stream = UnixStream::connect_addr(&address).expect("it listens");
                    connected.fetch_add(1, SeqCst);
                    stream.write_all(b"a").expect("connected");
                    stream.read_exact(&mut [0]).expect("an answer");
                });
            }
            wait::until(|| starting.load(SeqCst) == CLIENTS && connected.load(SeqCst) == 1);
            for accepted in 1..=CLIENTS {
                linger(accepted);
                assert!(
                    connected.load(SeqCst) <= accepted,
                    "the queue has room for one"
                );
                let (mut stream, _) = listener.accept().expect("a connection");
                stream.read_exact(&mut [0]).expect("a byte");
                stream.write_all(b"b").expect("connected");
                // Whoever waits for room takes it.
                wait::until(|| connected.load(SeqCst) >= (accepted + 1).min(CLIENTS));
            }
        });
        assert_eq!(connected.into_inner(), CLIENTS);
    });
}

pub(crate) fn connects_that_wait_use_no_time(on: &Subject) {
    const CLIENTS: usize = 4;
    on.isolated(&[], || {
        let (listener, address) = listen();
        let (starting, connected) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (address, starting, connected) =
                    (address.clone(), starting.clone(), connected.clone());
                on.spawn(move || {
                    starting.fetch_add(1, SeqCst);
                    let stream = UnixStream::connect_addr(&address).expect("it listens");
                    connected.fetch_add(1, SeqCst);
                    stream
                })
            })
            .collect();
        while starting.load(SeqCst) < CLIENTS || connected.load(SeqCst) < 1 {
            std::thread::yield_now();
        }
        usage::others_wait().expect("it waits");
        assert_eq!(connected.load(SeqCst), 1, "the others wait for room");
        let accepted: Vec<_> = (0..CLIENTS)
            .map(|_| listener.accept().expect("a connection"))
            .collect();
        for client in clients {
            client.join().expect("it has connected");
        }
        drop(accepted);
    })
    .succeeds();
}

pub(crate) fn a_connect_to_a_full_queue_is_cancelled(on: &Subject) {
    for round in 0..10 {
        let (listener, address) = listen();
        let queued = std::os::unix::net::UnixStream::connect_addr(&address);
        let starting = Arc::new(AtomicUsize::new(0));
        let client = on.spawn({
            let (starting, address) = (starting.clone(), address.clone());
            move || {
                starting.fetch_add(1, SeqCst);
                UnixStream::connect_addr(&address)
            }
        });
        wait::until(|| starting.load(SeqCst) == 1);
        linger(round);
        client.thread().cancel();
        let error = client.join().expect("no panic").expect_err("cancelled");
        assert!(engine::is_cancelled(&error), "{error}");
        // The queue is as it was, and others get in.
        let next = on.spawn(move || UnixStream::connect_addr(&address));
        drop(listener.accept().expect("a connection"));
        drop(listener.accept().expect("the next one"));
        assert!(next.join().expect("no panic").is_ok());
        drop(queued);
    }
}

/// As with TCP: no further event need come, so the call says so each time.
pub(crate) fn accepts_without_descriptors(on: &Subject) {
    on.isolated(&[], || {
        let listener = UnixListener::bind("").expect("names are free");
        let address = listener.local_addr().expect("it is bound");
        // Whatever the engine needs for itself it has by now.
        on.run(|| {
            thread::scope(|scope| {
                scope.spawn(|| UnixStream::connect_addr(&address).expect("it listens"));
                drop(listener.accept().expect("a connection"));
            });
        });
        on.run(|| {
            let mut client = UnixStream::connect_addr(&address).expect("it listens");
            let limited = limit::no_descriptors();
            for _ in 0..3 {
                let error = listener.accept().expect_err("no descriptor is left");
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
                thread::yield_now();
            }
            assert!(UnixStream::connect_addr(&address).is_err());
            drop(limited);
            let (mut stream, _) = listener.accept().expect("it has waited in the queue");
            stream.write_all(b"late").expect("connected");
            let mut text = [0; 4];
            client.read_exact(&mut text).expect("connected");
            assert_eq!(&text, b"late");
        });
    })
    .succeeds();
}
