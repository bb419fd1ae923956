//! Who goes on on another OS thread, and who never does.

use super::common::isolated::isolated;
use super::{moved, pinned};
use standin::engine::{self, Engine};
use standin::net::{TcpListener, TcpStream};
use standin::os::unix::net::UnixStream;
use standin::sync::{Barrier, Condvar, Mutex, RwLock, mpsc};
use standin::thread;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The OS thread that the caller runs on. Not inlined: the caller may be on another one at the next call.
#[inline(never)]
fn os_thread() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

#[test]
fn one_worker_never_moves_a_thread() {
    isolated(&[("STANDIN_WORKERS", "")], || {
        assert_eq!(moves(pinned()), 0);
    })
    .succeeds();
}

/// The counter of the test above counts.
#[test]
fn several_workers_move_threads() {
    isolated(&[("STANDIN_WORKERS", "4")], || assert!(moves(moved()) > 0)).succeeds();
}

/// A thread is itself wherever it goes on, and its values of standin's own `thread_local!` are.
#[test]
fn a_thread_that_moves_is_the_same() {
    isolated(&[("STANDIN_WORKERS", "4")], || {
        moved().run(|| {
            standin::thread_local!(static OWN: std::cell::Cell<usize> = const { std::cell::Cell::new(0) });
            let seen = AtomicUsize::new(0);
            thread::scope(|scope| {
                for n in 1..=32 {
                    let seen = &seen;
                    scope.spawn(move || {
                        let (id, mut last) = (thread::current().id(), os_thread());
                        OWN.set(n);
                        for round in 0..200 {
                            match round % 3 {
                                0 => thread::sleep(Duration::from_micros(20)),
                                _ => thread::yield_now(),
                            }
                            assert_eq!((thread::current().id(), OWN.get()), (id, n));
                            let here = os_thread();
                            seen.fetch_add(usize::from(here != last), Relaxed);
                            last = here;
                        }
                    });
                }
            });
            assert!(seen.into_inner() > 0, "this is about those that move");
        });
    })
    .succeeds();
}

/// How often a thread was on another OS thread after a call that parks, of some ten thousands in every way there is.
fn moves(engine: Engine) -> usize {
    const THREADS: usize = 24;
    const ROUNDS: usize = 25;
    let count = Arc::new(AtomicUsize::new(0));
    let shared = Arc::new(Shared {
        mutex: Mutex::new(0),
        changed: Condvar::new(),
        rwlock: RwLock::new(0),
        barrier: Barrier::new(THREADS),
    });
    let threads: Vec<_> = (0..THREADS)
        .map(|n| {
            let (count, shared) = (count.clone(), shared.clone());
            let body = move || {
                let mut last = os_thread();
                for round in 0..ROUNDS {
                    for way in 0..WAYS {
                        park(way, n + round, &shared);
                        let here = os_thread();
                        count.fetch_add(usize::from(here != last), Relaxed);
                        last = here;
                    }
                    // The same number of rounds for each, so that all of them meet.
                    shared.barrier.wait();
                }
            };
            engine.spawn(body).expect("there is room")
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    println!(
        "{} moves on {engine} in {} calls that park",
        count.load(Relaxed),
        THREADS * ROUNDS * (WAYS + 1)
    );
    count.load(Relaxed)
}

struct Shared {
    mutex: Mutex<usize>,
    changed: Condvar,
    rwlock: RwLock<usize>,
    barrier: Barrier,
}

const WAYS: usize = 13;
const SHORT: Duration = Duration::from_micros(30);

/// Parks in one way of many.
fn park(way: usize, n: usize, shared: &Shared) {
    match way {
        0 => thread::yield_now(),
        1 => thread::sleep(SHORT),
        2 => thread::park_timeout(SHORT),
        3 => {
            let mut guard = shared.mutex.lock().expect("no panic");
            *guard += 1;
            thread::yield_now();
            drop(guard);
            *shared.rwlock.write().expect("no panic") += 1;
        }
        4 => {
            let guard = shared.mutex.lock().expect("no panic");
            let waited = shared.changed.wait_timeout(guard, SHORT);
            drop(waited.expect("no panic"));
            shared.changed.notify_one();
        }
        5 => {
            let (sender, receiver) = mpsc::channel();
            let child = thread::spawn(move || sender.send(n).expect("it is received"));
            assert_eq!(receiver.recv(), Ok(n));
            child.join().expect("no panic");
        }
        6 => {
            let (sender, receiver) = mpsc::sync_channel(0);
            let child = thread::spawn(move || receiver.recv());
            sender.send(n).expect("it is received");
            assert_eq!(child.join().expect("no panic"), Ok(n));
        }
        7 => {
            // Woken by an OS thread, as from the inside of a section.
            let own = thread::current();
            let woken = engine::blocking(|| own.unpark());
            woken.expect("OS threads are to be had");
            thread::park();
        }
        8 => {
            let child = thread::spawn(thread::park);
            child.thread().unpark();
            child.join().expect("no panic");
        }
        // A port of its own each time would take the kernel longer than all the rest.
        9 if n.is_multiple_of(8) => talk(tcp_pair(), n),
        9 => talk(unix_pair(), n),
        10 => {
            let (near, _far) = unix_pair();
            near.set_read_timeout(Some(SHORT)).expect("it is not zero");
            (&near).read(&mut [0]).expect_err("nobody writes anything");
        }
        11 => {
            let child = thread::spawn(|| thread::sleep(Duration::from_secs(3600)));
            child.thread().cancel();
            child.join().expect("no panic");
        }
        _ => standin::block_on(std::future::ready(())),
    }
}

fn unix_pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("there are descriptors")
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
    (near, listener.accept().expect("one has connected").0)
}

fn talk<S: Read + Write + Send + 'static>((mut near, mut far): (S, S), n: usize) {
    let child = thread::spawn(move || {
        let mut bytes = [0; 8];
        far.read_exact(&mut bytes).expect("they were sent");
        far.write_all(&bytes).expect("connected");
    });
    let (sent, mut got) = (n.to_ne_bytes(), [0; 8]);
    near.write_all(&sent).expect("connected");
    near.read_exact(&mut got).expect("they are sent back");
    assert_eq!(got, sent);
    child.join().expect("no panic");
}
