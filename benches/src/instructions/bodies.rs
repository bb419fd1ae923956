//! What is counted, once for std and once for standin: so many operations.
//!
//! Those that no thread waits in are what an OS thread pays as well. The others are counted on one
//! processor of green threads, where every wait is a switch to the other thread.

// What waits is not counted on std: OS threads wait in the kernel.
#![allow(dead_code)]

use super::shapes::{sync, thread};
use std::hint::black_box;
use sync::{Mutex, mpsc};
use thread::JoinHandle;

/// How many threads there are at once in `spawn_and_join`.
pub(crate) const AT_ONCE: u64 = 1_000;

/// Locks and unlocks. No thread waits.
pub(crate) fn lock(n: u64) {
    let mutex = Mutex::new(0);
    for _ in 0..n {
        *black_box(&mutex).lock().expect("no thread panics") += 1;
    }
}

/// Sends a message through a channel with a capacity, and receives it. No thread waits.
pub(crate) fn bounded(n: u64) {
    let (sender, receiver) = mpsc::sync_channel(1);
    for i in 0..n {
        black_box(&sender).send(i).expect("the receiver is here");
        assert_eq!(black_box(&receiver).recv(), Ok(i));
    }
}

/// Sends a message through a channel without, and receives it. No thread waits.
pub(crate) fn unbounded(n: u64) {
    let (sender, receiver) = mpsc::channel();
    for i in 0..n {
        black_box(&sender).send(i).expect("the receiver is here");
        assert_eq!(black_box(&receiver).recv(), Ok(i));
    }
}

/// Spawns threads that do nothing, and joins them.
pub(crate) fn spawn_and_join(n: u64) {
    for _ in 0..n / AT_ONCE {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| thread::spawn(|| ())).collect();
        threads.into_iter().for_each(join);
    }
}

/// Two threads that yield to each other, `n` times in all.
pub(crate) fn yield_in_turn(n: u64) {
    let yielding = move || (0..n / 2).for_each(|_| thread::yield_now());
    let threads = [thread::spawn(yielding), thread::spawn(yielding)];
    threads.into_iter().for_each(join);
}

/// Two threads that send a number there and back through channels of capacity 1, `n` messages in
/// all.
pub(crate) fn bounded_in_turn(n: u64) {
    let (ask, asked) = mpsc::sync_channel(1);
    let (answer, answered) = mpsc::sync_channel(1);
    let answering = thread::spawn(move || {
        for message in asked {
            answer.send(message).expect("the asker waits for it");
        }
    });
    for i in 0..n / 2 {
        ask.send(i)
            .expect("the answering thread receives to the end");
        assert_eq!(answered.recv(), Ok(i));
    }
    drop(ask);
    join(answering);
}

/// As `bounded_in_turn`, without a capacity.
pub(crate) fn unbounded_in_turn(n: u64) {
    let (ask, asked) = mpsc::channel();
    let (answer, answered) = mpsc::channel();
    let answering = thread::spawn(move || {
        for message in asked {
            answer.send(message).expect("the asker waits for it");
        }
    });
    for i in 0..n / 2 {
        ask.send(i)
            .expect("the answering thread receives to the end");
        assert_eq!(answered.recv(), Ok(i));
    }
    drop(ask);
    join(answering);
}

/// Two threads that unpark each other, and park: each `n / 2` times.
pub(crate) fn park_in_turn(n: u64) {
    let this = thread::current();
    let other = thread::spawn(move || {
        for _ in 0..n / 2 {
            thread::park();
            this.unpark();
        }
    });
    for _ in 0..n / 2 {
        other.thread().unpark();
        thread::park();
    }
    join(other);
}

fn join(thread: JoinHandle<()>) {
    thread.join().expect("no thread panics");
}
