//! What only shows under load, or from inside: many senders and a receiver in every way that it can receive, rings of
//! each kind, and what goes when the receiver does.

use super::{Receiver, RecvTimeoutError, SendError, TryRecvError, channel, sync_channel};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const SENDERS: usize = 4;
const MESSAGES: usize = if cfg!(debug_assertions) {
    5_000
} else {
    50_000
};

#[test]
fn each_message_comes_once_and_in_order() {
    let (sender, receiver) = channel();
    all_arrive(|message| sender.send(message), receiver);
    for bound in [1, 3, 64] {
        let (sender, receiver) = sync_channel(bound);
        all_arrive(|message| sender.send(message), receiver);
    }
}

/// Takes the messages of several threads, waiting, with a deadline, and without.
fn all_arrive<E: std::fmt::Debug>(
    send: impl Fn((usize, Box<usize>)) -> Result<(), E> + Sync,
    receiver: Receiver<(usize, Box<usize>)>,
) {
    let mut next = [0; SENDERS];
    thread::scope(|scope| {
        for index in 0..SENDERS {
            let send = &send;
            scope.spawn(move || (0..MESSAGES).for_each(|n| send((index, Box::new(n))).unwrap()));
        }
        for round in 0..SENDERS * MESSAGES {
            let (index, n) = match round % 3 {
                0 => receiver.recv().unwrap(),
                1 => loop {
                    match receiver.recv_timeout(Duration::from_micros(3)) {
                        Ok(message) => break message,
                        Err(error) => assert_eq!(error, RecvTimeoutError::Timeout),
                    }
                },
                _ => loop {
                    match receiver.try_recv() {
                        Ok(message) => break message,
                        Err(error) => assert_eq!(error, TryRecvError::Empty),
                    }
                    thread::yield_now();
                },
            };
            assert_eq!(*n, next[index]);
            next[index] += 1;
        }
    });
    assert_eq!(next, [MESSAGES; SENDERS]);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

/// The receiver goes while others send: each message is dropped once, by whoever has it.
#[test]
fn what_is_sent_while_the_receiver_goes_is_dropped() {
    let live = Arc::new(());
    for round in 0..500 {
        let (unbounded, first) = channel();
        let (bounded, second) = sync_channel(3);
        thread::scope(|scope| {
            for _ in 0..2 {
                let (unbounded, bounded, live) = (unbounded.clone(), bounded.clone(), &live);
                scope.spawn(move || while unbounded.send(Arc::clone(live)).is_ok() {});
                scope.spawn(move || while bounded.send(Arc::clone(live)).is_ok() {});
            }
            for _ in 0..round % 70 {
                first.recv().unwrap();
                second.recv().unwrap();
            }
            drop((first, second));
        });
        assert_eq!(Arc::strong_count(&live), 1);
    }
}

/// A ring with more bytes than are rounded up, that is as long as its bound; and one that is longer.
#[test]
fn rings_hold_their_bound() {
    holds::<[usize; 1_000]>(37, |n| [n; 1_000], |message| message[999]);
    holds(37, |n| n, |message| message);
    holds::<()>(5, |_| (), |()| 0);
}

fn holds<T>(bound: usize, message: impl Fn(usize) -> T, number: impl Fn(T) -> usize) {
    let (sender, receiver) = sync_channel(bound);
    let expected = |n| number(message(n));
    // So many times round that every place has been first and last.
    for start in 0..3 * bound {
        for n in start..start + bound {
            sender
                .try_send(message(n))
                .unwrap_or_else(|_| panic!("{n} has no room"));
        }
        assert!(sender.try_send(message(0)).is_err());
        for n in start..start + bound {
            assert_eq!(receiver.recv().map(&number), Ok(expected(n)));
        }
        assert!(receiver.try_recv().is_err());
        // The next time one place further.
        sender.send(message(0)).unwrap();
        receiver.recv().unwrap();
    }
}

/// Says in which order values are dropped, and unwinds if it is the first.
struct Unwinds(usize, Arc<Mutex<Vec<usize>>>);

impl Drop for Unwinds {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
        if self.0 == 0 {
            std::panic::resume_unwind(Box::new(()));
        }
    }
}

#[test]
fn a_destructor_that_unwinds_leaves_nothing_behind() {
    let drops = Arc::new(Mutex::new(Vec::new()));
    let message = |n| Unwinds(n, Arc::clone(&drops));
    let (sender, receiver) = channel();
    (0..100).for_each(|n| sender.send(message(n)).unwrap());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
    assert!(drops.lock().unwrap().drain(..).eq(0..100));
    let (bounded, receiver) = sync_channel(100);
    (0..100).for_each(|n| bounded.send(message(n)).unwrap());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
    assert!(drops.lock().unwrap().drain(..).eq(0..100));
    let SendError(refused) = sender.send(message(1)).unwrap_err();
    drop(refused);
    drop((sender, bounded));
    assert_eq!(*drops.lock().unwrap(), [1]);
}
