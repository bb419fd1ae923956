//! Futures that are dropped at the very moment at which a wake chooses them. Nobody else comes along who could
//! make good what was lost.

use super::polled::{Polled, ready};
use super::{ROUNDS, engines, watch};
use standin::aio::{MutexExt, ReceiverExt, RwLockExt, SyncSenderExt};
use standin::sync::mpsc::{RecvError, TryRecvError, channel, sync_channel};
use standin::sync::{Mutex, RwLock};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Poll;

#[test]
fn a_mutex_reaches_who_stays() {
    let mutex = Mutex::new(0);
    race(|meet| {
        let held = ready(mutex.lock_async()).unwrap();
        let mut leaves = Polled::new(mutex.lock_async());
        let mut stays = Polled::new(mutex.lock_async());
        assert!(leaves.poll().is_pending());
        assert!(stays.poll().is_pending());
        meet(Box::new(|| drop(held)), Box::new(|| drop(leaves)));
        assert_eq!(stays.wakes(), 1);
        drop(stays.ready().unwrap());
    });
}

#[test]
fn a_write_lock_reaches_the_writer_who_stays() {
    let lock = RwLock::new(0);
    race(|meet| {
        let held = ready(lock.write_async()).unwrap();
        let mut leaves = Polled::new(lock.write_async());
        let mut stays = Polled::new(lock.write_async());
        assert!(leaves.poll().is_pending());
        assert!(stays.poll().is_pending());
        meet(Box::new(|| drop(held)), Box::new(|| drop(leaves)));
        drop(stays.ready().unwrap());
    });
}

#[test]
fn readers_come_in_whenever_the_writer_leaves() {
    let lock = RwLock::new(0);
    for held_by_reader in [false, true] {
        race(|meet| {
            let mut read = held_by_reader.then(|| ready(lock.read_async()).unwrap());
            let mut written = (!held_by_reader).then(|| ready(lock.write_async()).unwrap());
            let mut leaves = Polled::new(lock.write_async());
            let mut stays = Polled::new(lock.read_async());
            assert!(leaves.poll().is_pending());
            assert!(stays.poll().is_pending());
            meet(
                Box::new(|| drop((read.take(), written.take()))),
                Box::new(|| drop(leaves)),
            );
            drop(stays.ready().unwrap());
        });
    }
}

#[test]
fn nobody_is_left_by_a_writer_that_was_woken_and_overtaken() {
    let lock = RwLock::new(0);
    race(|meet| {
        let held = ready(lock.write_async()).unwrap();
        let mut leaves = Polled::new(lock.write_async());
        let mut reader = Polled::new(lock.read_async());
        let mut writer = Polled::new(lock.write_async());
        assert!(leaves.poll().is_pending());
        assert!(reader.poll().is_pending());
        drop(held);
        assert_eq!((leaves.wakes(), reader.wakes()), (1, 0));
        let overtakes = ready(lock.write_async()).unwrap();
        let mut written = None;
        meet(
            Box::new(|| {
                if let Poll::Ready(guard) = writer.poll() {
                    written = Some(guard.unwrap());
                }
                drop(overtakes);
            }),
            Box::new(|| drop(leaves)),
        );
        assert!(written.is_none());
        // Either may be the first; it lets the other in.
        match reader.poll() {
            Poll::Ready(guard) => {
                drop(guard.unwrap());
                drop(writer.ready().unwrap());
            }
            Poll::Pending => {
                drop(writer.ready().unwrap());
                drop(reader.ready().unwrap());
            }
        }
    });
}

#[test]
fn a_free_place_reaches_who_stays() {
    let (sender, mut receiver) = sync_channel(1);
    race(|meet| {
        sender.send(0).unwrap();
        let mut leaves = Polled::new(sender.send_async(1));
        let mut stays = Polled::new(sender.send_async(2));
        assert!(leaves.poll().is_pending());
        assert!(stays.poll().is_pending());
        let receiving = &mut receiver;
        meet(
            Box::new(move || assert_eq!(receiving.try_recv(), Ok(0))),
            Box::new(|| drop(leaves)),
        );
        assert_eq!(stays.ready(), Ok(()));
        assert_eq!(receiver.try_recv(), Ok(2));
    });
}

#[test]
fn an_offer_is_taken_or_taken_back() {
    let (sender, mut receiver) = sync_channel(0);
    race(|meet| {
        let mut leaves = Polled::new(sender.send_async(1));
        let mut stays = Polled::new(sender.send_async(2));
        assert!(leaves.poll().is_pending());
        assert!(stays.poll().is_pending());
        let mut received = Err(TryRecvError::Empty);
        let (receiving, answer) = (&mut receiver, &mut received);
        meet(
            Box::new(move || *answer = receiving.try_recv()),
            Box::new(|| drop(leaves)),
        );
        if received == Ok(1) {
            received = receiver.try_recv();
        }
        assert_eq!(received, Ok(2));
        assert_eq!(stays.ready(), Ok(()));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn a_message_is_there_for_the_next_receive() {
    let (sender, mut receiver) = sync_channel(0);
    race(|meet| {
        let mut leaves = Polled::new(receiver.recv_async());
        assert!(leaves.poll().is_pending());
        let mut sent = Ok(());
        meet(
            Box::new(|| sent = sender.try_send(1)),
            Box::new(|| drop(leaves)),
        );
        let expected = sent.map(|()| 1).map_err(|_| TryRecvError::Empty);
        assert_eq!(receiver.try_recv(), expected);
    });
}

#[test]
fn hasty_senders_take_no_ones_place() {
    for (name, bound) in [
        ("hasty_senders_take_no_ones_place, bound 1", 1),
        ("hasty_senders_take_no_ones_place, bound 0", 0),
    ] {
        // A patient sender says 1, a hasty one 0.
        let (sender, mut receiver) = sync_channel(bound);
        let received = std::thread::spawn(move || {
            smol::block_on(async {
                let mut sum = 0;
                while let Ok(n) = receiver.recv_async().await {
                    sum += n;
                }
                sum
            })
        });
        let (patient, in_task) = (sender.clone(), sender.clone());
        let sent = sent_among(
            name,
            move || patient.send(1).unwrap(),
            move || {
                let sender = in_task.clone();
                async move { sender.send_async(1).await.unwrap() }
            },
            |polls| poll_and_drop(polls, sender.send_async(0)),
        );
        drop(sender);
        assert_eq!(received.join().unwrap(), sent);
    }
}

#[test]
fn hasty_receives_lose_no_message() {
    let _watched = watch("hasty_receives_lose_no_message");
    for bound in [None, Some(0), Some(1)] {
        let (send, mut receiver): (Box<dyn Fn(usize) + Send>, _) = match bound {
            None => {
                let (sender, receiver) = channel();
                (Box::new(move |n| sender.send(n).unwrap()), receiver)
            }
            Some(bound) => {
                let (sender, receiver) = sync_channel(bound);
                (Box::new(move |n| sender.send(n).unwrap()), receiver)
            }
        };
        let thread = std::thread::spawn(move || (0..ROUNDS).for_each(send));
        let mut next = 0;
        while next < ROUNDS {
            // Polled twice and dropped, then one that waits.
            for patient in [false, true] {
                let mut future = Polled::new(receiver.recv_async());
                let mut polled = future.poll();
                if polled.is_pending() {
                    std::thread::yield_now();
                    polled = future.poll();
                }
                if polled.is_pending() && patient && next < ROUNDS {
                    polled = Poll::Ready(smol::block_on(future));
                }
                if let Poll::Ready(received) = polled {
                    if next == ROUNDS {
                        assert_eq!(received, Err(RecvError));
                    } else {
                        assert_eq!(received, Ok(next));
                        next += 1;
                    }
                }
            }
        }
        thread.join().unwrap();
        assert_eq!(smol::block_on(receiver.recv_async()), Err(RecvError));
    }
}

/// Two things that one thread each does, at the same time as nearly as can be.
type Meet<'m> = dyn for<'a> Fn(Box<dyn FnOnce() + Send + 'a>, Box<dyn FnOnce() + Send + 'a>) + 'm;

/// Calls `round` so often, with the means to let two things happen at once.
fn race(mut round: impl FnMut(&Meet<'_>)) {
    for _ in 0..ROUNDS {
        round(&|one, other| {
            let arrived = AtomicUsize::new(0);
            let meet = || {
                arrived.fetch_add(1, SeqCst);
                while arrived.load(SeqCst) < 2 {
                    // The other may need this processor to get here.
                    std::thread::yield_now();
                }
            };
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    meet();
                    one();
                });
                meet();
                other();
            });
        });
    }
}

/// Threads of every engine and a task do something that waits, each [`ROUNDS`] times, while others begin to wait
/// for the same and are dropped at any moment, after one poll or two. Returns how often it was done.
fn sent_among<F: Future<Output = ()> + Send + 'static>(
    name: &'static str,
    patient: impl Fn() + Clone + Send + 'static,
    in_task: impl Fn() -> F + Send + 'static,
    hasty: impl Fn(usize) + Sync,
) -> usize {
    let _watched = watch(name);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for polls in [1, 2] {
            let (hasty, done) = (&hasty, &done);
            scope.spawn(move || {
                while !done.load(SeqCst) {
                    hasty(polls);
                }
            });
        }
        let mut count = 0;
        let mut threads = Vec::new();
        for engine in engines() {
            let patient = patient.clone();
            threads.push(
                engine
                    .spawn(move || (0..ROUNDS).for_each(|_| patient()))
                    .unwrap(),
            );
            count += ROUNDS;
        }
        let task = smol::spawn(async move {
            for _ in 0..ROUNDS {
                in_task().await;
            }
        });
        count += ROUNDS;
        smol::block_on(async {
            for thread in threads {
                thread.await.unwrap();
            }
            task.await;
        });
        done.store(true, SeqCst);
        count
    })
}

/// Polls up to so many times, lets others run in between, and drops.
fn poll_and_drop<F: Future>(polls: usize, future: F) {
    let mut future = Polled::new(future);
    for _ in 0..polls {
        if future.poll().is_ready() {
            break;
        }
        std::thread::yield_now();
    }
}
