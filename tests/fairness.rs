//! A thread whose operations never have to wait lets others run all the same: threads of its engine, and tasks of its
//! runtime. On one processor that shows as an end: each thread here goes on until another one has run.

#![cfg(all(feature = "green", feature = "async", target_os = "linux"))]

mod common;

use common::{current, isolated};
use standin::engine::{ASYNC, ASYNC_PINNED, Engine, GREEN, GREEN_PINNED};
use standin::net::{TcpListener, TcpStream};
use standin::sync::{Mutex, mpsc};
use standin::thread;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

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
            for engine in [GREEN, GREEN_PINNED, ASYNC, ASYNC_PINNED] {
                beside_a_thread(engine, &busy);
            }
            #[cfg(feature = "may")]
            beside_a_thread(standin::engine::MAY_PINNED, &busy);
            beside_a_task(ASYNC, &busy);
            beside_a_task(ASYNC_PINNED, &busy);
            let _entered = current::enter();
            beside_a_thread(ASYNC, &busy);
            beside_a_task(ASYNC, &busy);
        },
    )
    .succeeds();
}

/// As above, for what counts as computing: none of it can wait, so it gives nothing up by itself. The monitor takes
/// the processor from it on `green`; the other engines of fibers have none, and there others wait until it is done.
#[track_caller]
fn is_taken_off<F: Fn(&mut dyn FnMut() -> bool) + Sync>(busy: F) {
    let test = isolated::test_of(&busy);
    let environment = [("STANDIN_WORKERS", "1"), ("STANDIN_TEST", "")];
    isolated::named(test, &environment, || beside_a_thread(GREEN, &busy)).succeeds();
}

/// Calls `busy` until another thread of the engine has had its turns.
fn beside_a_thread(engine: Engine, busy: &(impl Fn(&mut dyn FnMut() -> bool) + Sync)) {
    engine.run(|| {
        let ran = Arc::new(AtomicBool::new(false));
        let other = ran.clone();
        let other = thread::spawn(move || {
            // More than once.
            (0..STEPS).for_each(|_| thread::yield_now());
            other.store(true, Release);
        });
        busy(&mut || !ran.load(Acquire));
        other.join().expect("no panic");
    });
}

/// Calls `busy` until a task of the same runtime, which is tokio's alone, has had its turns.
fn beside_a_task(engine: Engine, busy: &(impl Fn(&mut dyn FnMut() -> bool) + Sync)) {
    engine.run(|| {
        let ran = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(steps(ran.clone()));
        busy(&mut || !ran.load(Acquire));
        standin::block_on(task).expect("no panic");
    });
}

/// How often what runs beside a busy thread has its turn until it is done.
const STEPS: usize = 20;

/// What a task does beside a busy thread.
async fn steps(done: Arc<AtomicBool>) {
    for _ in 0..STEPS {
        tokio::task::yield_now().await;
    }
    done.store(true, Release);
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

#[test]
fn yielding_without_end() {
    lets_others_run(|goes_on| {
        while goes_on() {
            thread::yield_now();
        }
    });
}

#[test]
fn spawning_without_end() {
    lets_others_run(|goes_on| {
        while goes_on() {
            thread::spawn(|| ()).join().expect("no panic");
        }
    });
}

/// The other way round: tasks that never wait, until a thread of the runtime has had its turns.
#[test]
fn tasks_that_are_always_ready() {
    let body = || {
        let beside = |busy: fn(Arc<AtomicBool>) -> tokio::task::JoinHandle<()>| {
            ASYNC.run(|| {
                let ran = Arc::new(AtomicBool::new(false));
                let tasks: Vec<_> = (0..3).map(|_| busy(ran.clone())).collect();
                let (sender, receiver) = mpsc::channel();
                let other = thread::spawn(move || receiver.iter().count());
                for _ in 0..STEPS {
                    thread::yield_now();
                    sender.send(()).expect("it is received");
                    thread::sleep(Duration::from_micros(10));
                }
                drop(sender);
                assert_eq!(other.join().ok(), Some(STEPS));
                ran.store(true, Release);
                for task in tasks {
                    standin::block_on(task).expect("no panic");
                }
            });
        };
        let both = || {
            beside(|ran| {
                tokio::spawn(async move {
                    while !ran.load(Acquire) {
                        tokio::task::yield_now().await;
                    }
                })
            });
            beside(|ran| {
                tokio::spawn(async move {
                    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
                    while !ran.load(Acquire) {
                        sender.send(()).await.expect("it is received");
                        receiver.recv().await.expect("it was sent");
                    }
                })
            });
        };
        both();
        let _entered = current::enter();
        both();
    };
    let environment = [("STANDIN_WORKERS", "1"), ("STANDIN_TEST", "")];
    isolated::named(isolated::test_of(&body), &environment, body).succeeds();
}

#[test]
fn locking_without_end() {
    is_taken_off(|goes_on| {
        let mutex = Mutex::new(0);
        while goes_on() {
            *mutex.lock().expect("no panic") += 1;
        }
    });
}

#[test]
fn waking_without_end() {
    lets_others_run(|goes_on| {
        let own = thread::current();
        while goes_on() {
            own.unpark();
            thread::park();
        }
    });
}

#[test]
fn waiting_for_futures_that_are_ready() {
    lets_others_run(|goes_on| {
        while goes_on() {
            assert_eq!(standin::block_on(async { 1 }), 1);
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
