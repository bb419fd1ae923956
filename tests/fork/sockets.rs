//! Sockets of a child: they work by blocking it, and do not reach what the parent waits by.

use crate::child::{in_child, shared_numbers};
use crate::common::wait;
use crate::contexts::on_each_context;
use crate::{ROUNDS, SHORT, connect, converse, listen, not_early};
use standin::engine::{self, GREEN, THREADS};
use standin::net::TcpStream;
use standin::thread;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

#[test]
fn sockets_block_the_child() {
    on_each_context(|_| {
        let listener = listen();
        // Waited for before, so that the engine knows them.
        let (near, far) = connect(&listener);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| (&far).read_exact(&mut [0]));
            (&near).write_all(b"a").expect("connected");
            waiter.join().expect("no panic").expect("it was sent");
        });
        let child = in_child(|| {
            // Their peer is the parent, which writes when the child has said that it is there.
            (&far).write_all(b"b").expect("connected");
            let mut got = [0; 2];
            (&far).read_exact(&mut got).expect("it was sent");
            assert_eq!(&got, b"cd");
            far.set_read_timeout(Some(SHORT)).expect("a socket");
            let error = not_early(SHORT, || (&far).read(&mut [0])).expect_err("nothing comes");
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            // All its own, also from the listener of before.
            let more = listen();
            for listener in [&listener, &more] {
                let address = listener.local_addr().expect("bound");
                let client = THREADS.spawn(move || {
                    let stream = TcpStream::connect(address).expect("it listens");
                    (&stream).write_all(&vec![7; 3 << 20]).expect("connected");
                });
                let mut stream = listener.accept().expect("one connects").0;
                let mut all = Vec::new();
                stream.read_to_end(&mut all).expect("connected");
                assert!(all == vec![7; 3 << 20]);
                client.expect("an OS thread").join().expect("no panic");
            }
        });
        let mut near = &near;
        near.read_exact(&mut [0]).expect("the child wrote it");
        near.write_all(b"c").expect("connected");
        thread::yield_now();
        near.write_all(b"d").expect("connected");
        child.ends_well();
    });
}

/// The parent's events come to the parent, whatever the child does with its copies of the descriptors.
#[test]
fn the_childs_sockets_are_not_the_parents() {
    on_each_context(|context| {
        const COUNT: usize = 20;
        let listener = listen();
        let streams: Vec<_> = (0..COUNT).map(|_| connect(&listener)).collect();
        let counts: &[AtomicUsize; COUNT] =
            Box::leak(Box::new([const { AtomicUsize::new(0) }; COUNT]));
        let (nears, fars): (Vec<_>, Vec<_>) = streams.into_iter().unzip();
        let fars: Vec<_> = fars.into_iter().map(Arc::new).collect();
        // Green threads that wait all the time.
        let engine = context.engine().unwrap_or(GREEN);
        for (far, count) in fars.iter().zip(counts) {
            let far = far.clone();
            let reader = engine.spawn(move || {
                while (&*far).read(&mut [0]).expect("connected") > 0 {
                    count.fetch_add(1, SeqCst);
                }
            });
            drop(reader.expect("there is room"));
        }
        for round in 1..=ROUNDS {
            let clones: Vec<_> = fars
                .iter()
                .map(|far| far.try_clone().expect("a descriptor"))
                .collect();
            let child = in_child(|| {
                for (n, (far, clone)) in fars.iter().zip(clones).enumerate() {
                    match n % 4 {
                        // To std, which takes it out of an engine's hands.
                        0 => drop(std::net::TcpStream::from(clone)),
                        1 => drop(clone),
                        2 => {
                            far.set_nonblocking(true).expect("a socket");
                            let _ = (&**far).read(&mut [0]);
                            far.set_nonblocking(false).expect("a socket");
                        }
                        _ => {
                            // SAFETY: the child ends without dropping it once more.
                            let copy: TcpStream = unsafe { std::ptr::read(&**far) };
                            drop(std::net::TcpStream::from(copy));
                        }
                    }
                }
                let (near, far) = connect(&listener);
                converse(&near, &far, 1);
                thread::sleep(SHORT);
            });
            child.ends_well();
            for near in &nears {
                (&*near).write_all(b"a").expect("connected");
            }
            wait::until(|| counts.iter().all(|count| count.load(SeqCst) == round));
            // New ones get theirs as well.
            let (near, far) = connect(&listener);
            converse(&near, &far, round as u8);
        }
    });
}

/// Cancelling ends what an OS thread of the child waits for, also if threads of the parent waited at the fork,
/// and does nothing to those.
#[test]
fn threads_of_the_child_are_cancelled_there() {
    on_each_context(|_| {
        let listener = listen();
        let (near, far) = connect(&listener);
        let numbers: &[AtomicUsize; 1] = shared_numbers();
        let reader = THREADS.spawn(move || {
            numbers[0].store(1, SeqCst);
            (&far).read(&mut [0])
        });
        let reader = reader.expect("an OS thread");
        wait::until(|| numbers[0].load(SeqCst) == 1);
        for _ in 0..ROUNDS {
            let child = in_child(|| {
                let (_near, far) = connect(&listener);
                let mine = THREADS
                    .spawn(move || (&far).read(&mut [0]))
                    .expect("an OS thread");
                mine.thread().cancel();
                let error = mine
                    .join()
                    .expect("no panic")
                    .expect_err("nothing was sent");
                assert!(engine::is_cancelled(&error), "{error}");
                // A thread of the parent: nothing happens.
                reader.thread().cancel();
            });
            child.ends_well();
            assert!(!reader.is_finished());
        }
        (&near).write_all(b"a").expect("connected");
        assert_eq!(reader.join().expect("no panic").expect("it was sent"), 1);
    });
}
