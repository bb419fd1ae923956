//! Cancellation: a flag that ends socket operations and sleeps, and nothing else.

use super::support::{Subject, full_listener, linger, listen, pair};
use crate::common::wait;
use standin::engine::{self, Control};
use standin::net::TcpStream;
use standin::sync::{Condvar, Mutex, mpsc};
use standin::thread;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// How often a cancellation is tried: each time it comes at another moment.
const ROUNDS: usize = 25;

pub(crate) fn the_flag(on: &Subject) {
    let (sender, receiver) = mpsc::channel();
    let thread = on.spawn(move || {
        assert!(!thread::current().is_cancelled());
        sender.send(()).expect("it is received");
        wait::until(Control::cancellation);
        assert!(Control::check_cancellation().is_err_and(|error| engine::is_cancelled(&error)));
        // What it spawns is not cancelled.
        thread::spawn(Control::cancellation)
            .join()
            .expect("no panic")
    });
    let handle = thread.thread().clone();
    assert!(!handle.is_cancelled());
    receiver.recv().expect("it is sent");
    handle.cancel();
    handle.cancel();
    assert!(handle.is_cancelled());
    assert_eq!(thread.join().ok(), Some(false));
    // After its end it is harmless.
    handle.cancel();
    assert!(!Control::cancellation(), "an OS thread cannot be cancelled");
    assert!(!engine::is_cancelled(&io::Error::other("something else")));
}

/// Spawns `wait`, cancels it, and checks what it returned.
fn ends(on: &Subject, round: usize, wait: impl FnOnce() -> io::Result<()> + Send + 'static) {
    let started = Arc::new(AtomicBool::new(false));
    let thread = on.spawn({
        let started = started.clone();
        move || {
            started.store(true, SeqCst);
            let result = wait();
            assert!(
                Control::cancellation(),
                "it ended before it was cancelled: {result:?}"
            );
            result
        }
    });
    if !round.is_multiple_of(5) {
        wait::until(|| started.load(SeqCst));
    }
    linger(round);
    thread.thread().cancel();
    let error = thread
        .join()
        .expect("no panic")
        .expect_err("it was cancelled");
    assert!(engine::is_cancelled(&error), "{error}");
    assert_ne!(
        error.kind(),
        io::ErrorKind::Interrupted,
        "callers would try again"
    );
    assert!(error.to_string().contains("cancelled"), "{error}");
}

pub(crate) fn sleeping(on: &Subject) {
    for round in 0..ROUNDS {
        ends(on, round, || {
            thread::sleep(Duration::from_secs(100_000));
            Control::check_cancellation()
        });
    }
}

pub(crate) fn reading(on: &Subject) {
    for round in 0..ROUNDS {
        let (mut near, far) = pair();
        ends(on, round, move || near.read(&mut [0; 8]).map(drop));
        let (near, mut other) = pair();
        ends(on, round, move || {
            // With a timeout, after some data, and with another operation.
            near.set_read_timeout(Some(Duration::from_secs(100_000)))?;
            other.write_all(b"a")?;
            (&near).read_exact(&mut [0])?;
            near.peek(&mut [0; 8]).map(drop)
        });
        drop(far);
    }
}

pub(crate) fn writing(on: &Subject) {
    for round in 0..ROUNDS {
        let (mut near, far) = pair();
        ends(on, round, move || {
            loop {
                near.write_all(&[0; 100_000])?;
            }
        });
        drop(far);
    }
}

pub(crate) fn accepting(on: &Subject) {
    for round in 0..ROUNDS {
        let (listener, _) = listen();
        ends(on, round, move || listener.accept().map(drop));
    }
}

pub(crate) fn connecting(on: &Subject) {
    let (listener, _queued, address) = full_listener();
    for round in 0..5 {
        ends(on, round, move || TcpStream::connect(address).map(drop));
        ends(on, round, move || {
            TcpStream::connect_timeout(&address, Duration::from_secs(100_000)).map(drop)
        });
    }
    drop(listener);
}

/// Everything that must not end: it looks, when it returns, whether what it waits for has happened.
pub(crate) fn nothing_else_ends(on: &Subject) {
    let happened = Arc::new(AtomicBool::new(false));
    let mutex = Arc::new(Mutex::new(()));
    let condition = Arc::new((Mutex::new(false), Condvar::new()));
    let (sender, receiver) = mpsc::channel();
    let (bounded_sender, bounded_receiver) = mpsc::sync_channel(0);
    let (section_sender, section_receiver) = std::sync::mpsc::channel::<()>();
    let joined = on.spawn({
        let happened = happened.clone();
        move || wait::until(|| happened.load(SeqCst))
    });

    let held = mutex.lock();
    type Wait = Box<dyn FnOnce() + Send>;
    let mut waiters: Vec<(&str, Wait)> = Vec::new();
    let locked = mutex.clone();
    waiters.push(("a lock", Box::new(move || drop(locked.lock()))));
    let condition_of_waiter = condition.clone();
    waiters.push((
        "a condition variable",
        Box::new(move || {
            let (mutex, condvar) = &*condition_of_waiter;
            let guard = mutex.lock().expect("no panic");
            drop(condvar.wait_while(guard, |true_now| !*true_now));
        }),
    ));
    waiters.push(("a park", Box::new(thread::park)));
    waiters.push((
        "a park with a timeout",
        Box::new(|| thread::park_timeout(Duration::from_secs(100_000))),
    ));
    waiters.push((
        "a receive",
        Box::new(move || receiver.recv().expect("it is sent")),
    ));
    waiters.push((
        "a send",
        Box::new(move || bounded_sender.send(()).expect("it is received")),
    ));
    waiters.push(("a join", Box::new(move || joined.join().expect("no panic"))));
    waiters.push((
        "a blocking section",
        Box::new(move || {
            let received = engine::blocking(move || section_receiver.recv());
            received.expect("an OS thread").expect("it is sent");
        }),
    ));
    let in_scope = happened.clone();
    waiters.push((
        "a scope",
        Box::new(move || {
            thread::scope(|scope| {
                scope.spawn(|| wait::until(|| in_scope.load(SeqCst)));
            });
        }),
    ));
    let threads: Vec<_> = waiters
        .into_iter()
        .map(|(name, wait)| {
            let happened = happened.clone();
            let started = Arc::new(AtomicBool::new(false));
            let thread = on.spawn({
                let started = started.clone();
                move || {
                    started.store(true, SeqCst);
                    wait();
                    assert!(happened.load(SeqCst), "{name} ended early");
                    assert!(Control::cancellation());
                }
            });
            wait::until(|| started.load(SeqCst));
            linger(35);
            thread.thread().cancel();
            thread
        })
        .collect();
    // Time in which those that were cancelled would end.
    on.run(|| (0..20).for_each(linger));
    happened.store(true, SeqCst);
    drop(held);
    *condition.0.lock().expect("no panic") = true;
    condition.1.notify_all();
    sender.send(()).expect("it waits");
    bounded_receiver.recv().expect("it waits");
    section_sender.send(()).expect("it waits");
    for thread in &threads {
        thread.thread().unpark();
    }
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("it ended in time"));
}

pub(crate) fn a_thread_that_ignores_it(on: &Subject) {
    let thread = on.spawn(|| {
        wait::until(Control::cancellation);
        let (mut near, mut far) = pair_on_an_os_thread();
        for _ in 0..3 {
            let error = near.write(b"a").expect_err("every time");
            assert!(engine::is_cancelled(&error), "{error}");
            assert!(
                near.read(&mut [0])
                    .is_err_and(|error| engine::is_cancelled(&error))
            );
            assert!(
                listen()
                    .0
                    .accept()
                    .is_err_and(|error| engine::is_cancelled(&error))
            );
        }
        thread::sleep(Duration::from_secs(100_000));
        thread::yield_now();
        let (sender, receiver) = mpsc::channel();
        // Its children are free to go on.
        let child = thread::spawn(move || {
            far.write_all(b"there").expect("not cancelled");
            let number: u32 = receiver.recv().expect("it is sent");
            number + 1
        });
        sender.send(41).expect("it is received");
        assert_eq!(engine::blocking(|| 1).ok(), Some(1));
        child.join().expect("no panic")
    });
    thread.thread().cancel();
    assert_eq!(thread.join().ok(), Some(42));

    fn pair_on_an_os_thread() -> (TcpStream, TcpStream) {
        engine::blocking(|| std::thread::spawn(pair).join().expect("no panic"))
            .expect("an OS thread")
    }
}

/// A section itself is not ended. What it calls that would end outside does, where the thread is known inside.
pub(crate) fn in_a_blocking_section(on: &Subject) {
    let is_known = on.run(|| engine::blocking(|| Control::current(|control| control.is_some())));
    if !is_known.expect("an OS thread") {
        return;
    }
    for round in 0..ROUNDS {
        ends(on, round, || {
            engine::blocking(|| thread::sleep(Duration::from_secs(100_000)))?;
            Control::check_cancellation()
        });
        let (mut near, far) = pair();
        ends(on, round, move || {
            engine::blocking(|| near.read(&mut [0; 8]))?.map(drop)
        });
        // The section is over, and the thread is woken where it waits now.
        let (mut near, other) = pair();
        ends(on, round, move || {
            engine::blocking(|| ())?;
            near.read(&mut [0; 8]).map(drop)
        });
        drop((far, other));
    }
}
