//! Locks, channels and joins that async tasks and threads wait for together (`standin::aio`), and futures that
//! are dropped while they wait: on executors that know nothing of standin.

#![cfg(feature = "_engine")]

mod common;

use common::wait::until;
use common::watch::watch;
use futures_util::FutureExt;
use smol::Executor;
use smol::future::yield_now;
use standin::aio::{self, MutexExt, ReceiverExt, RwLockExt, SyncSenderExt};
use standin::engine::{self, Engine};
use standin::sync::mpsc::{
    Receiver, RecvError, SendError, TryRecvError, TrySendError, channel, sync_channel,
};
use standin::sync::{Arc, Mutex, RwLock};
use std::cell::Cell;
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

/// For tests that race: so often, each time with other timing.
const ROUNDS: usize = if cfg!(debug_assertions) {
    5_000
} else {
    20_000
};

// Threads and tasks together.

#[test]
fn one_channel_joins_threads_of_every_engine_and_tasks() {
    const MESSAGES: usize = 300;
    let _watched = watch("one_channel_joins_threads_of_every_engine_and_tasks");
    for bound in [0, 1, 7] {
        let (sender, mut receiver) = sync_channel(bound);
        let mut senders = 2;
        let from_task = sender.clone();
        let task = smol::spawn(async move {
            for n in 0..MESSAGES {
                from_task.send_async(n).await.unwrap();
            }
        });
        let from_os_thread = sender.clone();
        let os_thread = std::thread::spawn(move || {
            (0..MESSAGES).for_each(|n| from_os_thread.send(n).unwrap());
        });
        let mut threads = Vec::new();
        for engine in engines() {
            let sender = sender.clone();
            let thread = engine.spawn(move || (0..MESSAGES).for_each(|n| sender.send(n).unwrap()));
            threads.push(thread.unwrap());
            senders += 1;
        }
        drop(sender);
        let received = smol::block_on(async {
            // Half of them in a task, the rest in a thread.
            let mut sum = 0;
            for _ in 0..senders * MESSAGES / 2 {
                sum += receiver.recv_async().await.unwrap();
            }
            let thread = engines()[0].spawn(move || receiver.iter().sum::<usize>());
            sum += thread.unwrap().await.unwrap();
            task.await;
            for thread in threads {
                thread.await.unwrap();
            }
            sum
        });
        os_thread.join().unwrap();
        assert_eq!(received, senders * (MESSAGES * (MESSAGES - 1) / 2));
    }
}

#[test]
fn a_task_receives_from_a_channel_without_bound() {
    const MESSAGES: usize = 1_000;
    let _watched = watch("a_task_receives_from_a_channel_without_bound");
    let (sender, mut receiver) = channel();
    let task = smol::spawn(async move {
        for n in 0..MESSAGES {
            assert_eq!(receiver.recv_async().await, Ok(n));
        }
        assert_eq!(receiver.recv_async().await, Err(RecvError));
    });
    let thread = engines()[0].spawn(move || (0..MESSAGES).for_each(|n| sender.send(n).unwrap()));
    smol::block_on(async {
        thread.unwrap().await.unwrap();
        task.await;
    });
}

#[test]
fn tasks_and_threads_exclude_each_other() {
    let _watched = watch("tasks_and_threads_exclude_each_other");
    let total = Arc::new(Mutex::new(0));
    let both = Arc::new(RwLock::new((0, 0)));
    let mut threads = Vec::new();
    for engine in engines() {
        let (total, both) = (total.clone(), both.clone());
        let body = move || {
            for _ in 0..ROUNDS {
                *total.lock().unwrap() += 1;
                let mut pair = both.write().unwrap();
                pair.0 += 1;
                standin::thread::yield_now();
                pair.1 += 1;
            }
        };
        threads.push(engine.spawn(body).unwrap());
    }
    let tasks: Vec<_> = (0..4)
        .map(|index| {
            let (total, both) = (total.clone(), both.clone());
            smol::spawn(async move {
                for _ in 0..ROUNDS {
                    let mut guard = total.lock_async().await.unwrap();
                    let before = *guard;
                    if before % 16 == 0 {
                        yield_now().await;
                    }
                    *guard = before + 1;
                    drop(guard);
                    if index % 2 == 0 {
                        let pair = both.read_async().await.unwrap();
                        assert_eq!(pair.0, pair.1);
                    } else {
                        let mut pair = both.write_async().await.unwrap();
                        pair.0 += 1;
                        yield_now().await;
                        pair.1 += 1;
                    }
                }
            })
        })
        .collect();
    let expected = (threads.len() + tasks.len()) * ROUNDS;
    smol::block_on(async {
        for thread in threads {
            thread.await.unwrap();
        }
        for task in tasks {
            task.await;
        }
    });
    assert_eq!(*total.lock().unwrap(), expected);
    let pair = both.read().unwrap();
    assert_eq!(pair.0, pair.1);
}

#[test]
fn a_guard_goes_from_thread_to_thread_with_its_task() {
    let _watched = watch("a_guard_goes_from_thread_to_thread_with_its_task");
    let done = AtomicBool::new(false);
    // Not `Sync`: only one thread at a time may have it.
    let mutex = Mutex::new(Cell::new(0));
    let lock = RwLock::new(0);
    let executor = Executor::new();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| smol::block_on(executor.run(async { while_not(&done).await })));
        }
        // Takes each executor thread away from the task in turn.
        for _ in 0..2 {
            executor.spawn(while_not(&done)).detach();
        }
        let task = executor.spawn(async {
            let cell = mutex.lock_async().await.unwrap();
            let mut written = lock.write_async().await.unwrap();
            let mut seen = HashSet::new();
            while seen.len() < 2 {
                seen.insert(std::thread::current().id());
                cell.set(cell.get() + 1);
                *written += 1;
                yield_now().await;
            }
            let read = aio::RwLockWriteGuard::downgrade(written);
            assert_eq!(cell.get(), *read);
        });
        smol::block_on(task);
        done.store(true, SeqCst);
    });
    assert!(mutex.try_lock().unwrap().get() >= 2);
    assert!(*lock.try_write().unwrap() >= 2);
}

async fn while_not(done: &AtomicBool) {
    while !done.load(SeqCst) {
        yield_now().await;
    }
}

#[test]
fn guards_show_what_they_guard() {
    let (mutex, lock) = (Mutex::new(7), RwLock::new(8));
    let guard = ready(mutex.lock_async()).unwrap();
    assert_eq!(format!("{guard} {guard:?}"), "7 7");
    let guard = ready(lock.read_async()).unwrap();
    assert_eq!(format!("{guard} {guard:?}"), "8 8");
    drop(guard);
    let guard = ready(lock.write_async()).unwrap();
    assert_eq!(format!("{guard} {guard:?}"), "8 8");
}

#[test]
fn futures_and_guards_can_be_sent() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let mutex = Mutex::new(Cell::new(0));
    let lock = RwLock::new(0);
    drop(sent(
        sent(mutex.lock_async()).now_or_never().unwrap().unwrap(),
    ));
    drop(sent(
        sent(lock.read_async()).now_or_never().unwrap().unwrap(),
    ));
    drop(sent(
        sent(lock.write_async()).now_or_never().unwrap().unwrap(),
    ));
    let (sender, mut receiver) = sync_channel(1);
    sent(sender.send_async(Cell::new(1)))
        .now_or_never()
        .unwrap()
        .unwrap();
    assert!(sent(receiver.recv_async()).now_or_never().unwrap().is_ok());
    drop(sent(standin::thread::spawn(|| 1).into_future()));
}

// Dropped futures, one step at a time.

#[test]
fn a_mutex_goes_past_a_future_that_was_woken_and_dropped() {
    let mutex = Mutex::new(0);
    let held = mutex.lock().unwrap();
    let (mut first, mut second, mut third) = (
        Polled::new(mutex.lock_async()),
        Polled::new(mutex.lock_async()),
        Polled::new(mutex.lock_async()),
    );
    for future in [&mut first, &mut second, &mut third] {
        assert!(future.poll().is_pending());
    }
    drop(held);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first);
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    let guard = second.ready().unwrap();
    drop(guard);
    assert_eq!(third.wakes(), 1);
    drop(third);
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn a_mutex_forgets_a_future_that_was_dropped_before_it_was_woken() {
    let mutex = Mutex::new(0);
    let held = mutex.lock().unwrap();
    let (mut first, mut second) = (
        Polled::new(mutex.lock_async()),
        Polled::new(mutex.lock_async()),
    );
    assert!(first.poll().is_pending());
    assert!(second.poll().is_pending());
    drop(first);
    drop(held);
    assert_eq!(second.wakes(), 1);
    drop(second.ready().unwrap());
}

#[test]
fn readers_come_in_after_a_woken_writer_was_dropped() {
    let lock = RwLock::new(0);
    let held = lock.write().unwrap();
    let mut writer = Polled::new(lock.write_async());
    let mut readers = [(); 2].map(|()| Polled::new(lock.read_async()));
    assert!(writer.poll().is_pending());
    for reader in &mut readers {
        assert!(reader.poll().is_pending());
    }
    drop(held);
    // The writer goes first, and the readers were left to it.
    assert_eq!((writer.wakes(), readers[0].wakes()), (1, 0));
    drop(writer);
    let guards = readers.map(|mut reader| {
        assert_eq!(reader.wakes(), 1);
        reader.ready().unwrap()
    });
    drop(guards);
    assert!(lock.try_write().is_ok());
}

#[test]
fn the_next_writer_comes_in_after_a_woken_writer_was_dropped() {
    let lock = RwLock::new(0);
    let held = lock.read().unwrap();
    let mut writers = [(); 3].map(|()| Polled::new(lock.write_async()));
    let mut reader = Polled::new(lock.read_async());
    for writer in &mut writers {
        assert!(writer.poll().is_pending());
    }
    assert!(reader.poll().is_pending());
    drop(held);
    let [first, mut second, mut third] = writers;
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first);
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    drop(second.ready().unwrap());
    assert_eq!(third.wakes(), 1);
    drop(third.ready().unwrap());
    drop(reader.ready().unwrap());
}

#[test]
fn readers_join_readers_once_the_writer_between_was_dropped() {
    let lock = RwLock::new(0);
    let held = lock.read().unwrap();
    let mut writer = Polled::new(lock.write_async());
    let mut reader = Polled::new(lock.read_async());
    assert!(writer.poll().is_pending());
    assert!(reader.poll().is_pending());
    drop(writer);
    assert_eq!(reader.wakes(), 1);
    drop(reader.ready().unwrap());
    drop(lock.try_read().unwrap());
    drop(held);
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_free_place_goes_past_a_sender_that_was_woken_and_dropped() {
    let (sender, receiver) = sync_channel(1);
    sender.send(0).unwrap();
    let mut senders = [1, 2, 3].map(|n| Polled::new(sender.send_async(n)));
    for future in &mut senders {
        assert!(future.poll().is_pending());
    }
    let [first, second, mut third] = senders;
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first);
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    drop(second);
    assert_eq!(third.wakes(), 1);
    assert_eq!(third.ready(), Ok(()));
    assert_eq!(receiver.try_recv(), Ok(3));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_place_goes_past_a_sender_that_was_dropped_before_it_was_woken() {
    let (sender, receiver) = sync_channel(1);
    sender.send(0).unwrap();
    let mut senders = [1, 2].map(|n| Polled::new(sender.send_async(n)));
    for future in &mut senders {
        assert!(future.poll().is_pending());
    }
    let [first, mut second] = senders;
    drop(first);
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(second.wakes(), 1);
    assert_eq!(second.ready(), Ok(()));
    assert_eq!(receiver.try_recv(), Ok(2));
}

#[test]
fn an_offer_is_taken_back_by_a_drop() {
    let (sender, mut receiver) = sync_channel(0);
    let message = |n: usize| Arc::new(n);
    let kept: Vec<_> = (0..4).map(message).collect();
    let mut offers: Vec<_> = kept
        .iter()
        .map(|message| Polled::new(sender.send_async(message.clone())))
        .collect();
    for offer in &mut offers {
        assert!(offer.poll().is_pending());
    }
    // From the middle, the end and the beginning of the queue.
    for index in [1, 2, 0] {
        drop(offers.remove(index));
    }
    assert!([0, 1, 3].iter().all(|n| Arc::strong_count(&kept[*n]) == 1));
    assert_eq!(receiver.try_recv().as_deref(), Ok(&2));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(offers[0].wakes(), 1);
    assert_eq!(offers[0].ready(), Ok(()));
    // One that was taken was sent, whether its future hears of it or not.
    let mut offer = Polled::new(sender.send_async(message(7)));
    assert!(offer.poll().is_pending());
    assert_eq!(ready(receiver.recv_async()).as_deref(), Ok(&7));
    drop(offer);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_message_that_was_handed_to_a_dropped_future_is_received_next() {
    for by_try in [true, false] {
        let (sender, mut receiver) = sync_channel(0);
        assert_eq!(sender.try_send(0), Err(TrySendError::Full(0)));
        let mut future = Polled::new(receiver.recv_async());
        assert!(future.poll().is_pending());
        assert_eq!(sender.try_send(1), Ok(()));
        assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
        assert_eq!(future.wakes(), 1);
        drop(future);
        let received = if by_try {
            receiver.try_recv().map_err(|_| RecvError)
        } else {
            receiver.recv()
        };
        assert_eq!(received, Ok(1));
    }
}

#[test]
fn nothing_is_handed_to_a_receiver_that_gave_up() {
    let (sender, mut receiver) = sync_channel(0);
    let mut future = Polled::new(receiver.recv_async());
    assert!(future.poll().is_pending());
    drop(future);
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_message_that_nobody_took_goes_with_the_receiver() {
    let (sender, mut receiver) = sync_channel(0);
    let mut future = Polled::new(receiver.recv_async());
    assert!(future.poll().is_pending());
    let message = Arc::new(());
    sender.try_send(message.clone()).unwrap();
    drop(future);
    drop(receiver);
    assert_eq!(Arc::strong_count(&message), 1);
    assert!(matches!(
        sender.try_send(message),
        Err(TrySendError::Disconnected(_))
    ));
}

#[test]
fn a_dropped_receive_leaves_the_messages() {
    let (unbounded, receiver) = channel();
    check_dropped_receive(|n| unbounded.send(n).unwrap(), receiver);
    let (bounded, receiver) = sync_channel(3);
    check_dropped_receive(|n| bounded.send(n).unwrap(), receiver);
}

fn check_dropped_receive(send: impl Fn(usize), mut receiver: Receiver<usize>) {
    let mut future = Polled::new(receiver.recv_async());
    assert!(future.poll().is_pending());
    send(1);
    assert_eq!(future.wakes(), 1);
    drop(future);
    let mut future = Polled::new(receiver.recv_async());
    assert_eq!(future.ready(), Ok(1));
    drop(future);
    let mut future = Polled::new(receiver.recv_async());
    assert!(future.poll().is_pending());
    drop(future);
    send(2);
    assert_eq!(receiver.recv(), Ok(2));
}

// The same as races.

#[test]
fn hasty_lockers_take_no_ones_turn() {
    let mutex = Arc::new(Mutex::new(0));
    let patient = mutex.clone();
    let in_task = mutex.clone();
    race(
        "hasty_lockers_take_no_ones_turn",
        move || *patient.lock().unwrap() += 1,
        move || {
            let mutex = in_task.clone();
            async move { *mutex.lock_async().await.unwrap() += 1 }
        },
        |polls| poll_and_drop(polls, mutex.lock_async()),
    );
}

#[test]
fn hasty_writers_take_no_ones_turn() {
    let lock = Arc::new(RwLock::new(0));
    let (patient, in_task) = (lock.clone(), lock.clone());
    race(
        "hasty_writers_take_no_ones_turn",
        move || {
            *patient.write().unwrap() += 1;
            drop(patient.read().unwrap());
        },
        move || {
            let lock = in_task.clone();
            async move {
                drop(lock.read_async().await.unwrap());
                *lock.write_async().await.unwrap() += 1;
            }
        },
        |polls| poll_and_drop(polls, lock.write_async()),
    );
}

#[test]
fn hasty_readers_take_no_ones_turn() {
    let lock = Arc::new(RwLock::new(0));
    let (patient, in_task) = (lock.clone(), lock.clone());
    race(
        "hasty_readers_take_no_ones_turn",
        move || {
            *patient.write().unwrap() += 1;
            drop(patient.read().unwrap());
        },
        move || {
            let lock = in_task.clone();
            async move {
                drop(lock.read_async().await.unwrap());
                *lock.write_async().await.unwrap() += 1;
            }
        },
        |polls| poll_and_drop(polls, lock.read_async()),
    );
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
        let sent = race(
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

/// Threads of every engine and a task do something that waits, each [`ROUNDS`] times, while others begin to wait
/// for the same and are dropped at any moment, after one poll or two. Returns how often it was done.
fn race<F: Future<Output = ()> + Send + 'static>(
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

// The other side goes.

#[test]
fn the_end_of_the_other_side_wakes_tasks() {
    for bound in [0, 1] {
        let (sender, mut receiver) = sync_channel::<u32>(bound);
        let mut future = Polled::new(receiver.recv_async());
        assert!(future.poll().is_pending());
        drop(sender);
        assert_eq!(future.wakes(), 1);
        assert_eq!(future.ready(), Err(RecvError));
        drop(future);

        let (sender, receiver) = sync_channel(bound);
        (0..bound).for_each(|_| sender.send(0).unwrap());
        let mut futures = [1, 2, 3].map(|n| Polled::new(sender.send_async(n)));
        for future in &mut futures {
            assert!(future.poll().is_pending());
        }
        drop(receiver);
        for (n, mut future) in (1..).zip(futures) {
            assert_eq!(future.wakes(), 1);
            assert_eq!(future.ready(), Err(SendError(n)));
        }
        assert_eq!(ready(sender.send_async(4)), Err(SendError(4)));
    }
    let (sender, mut receiver) = channel::<u32>();
    let mut future = Polled::new(receiver.recv_async());
    assert!(future.poll().is_pending());
    drop(sender);
    assert_eq!(future.wakes(), 1);
    assert_eq!(future.ready(), Err(RecvError));
}

#[test]
fn a_panic_with_a_guard_poisons() {
    let (mutex, lock) = (Arc::new(Mutex::new(0)), Arc::new(RwLock::new(0)));
    for wait in [false, true] {
        mutex.clear_poison();
        lock.clear_poison();
        let held = wait.then(|| (mutex.lock().unwrap(), lock.write().unwrap()));
        let (in_task, also_in_task) = (mutex.clone(), lock.clone());
        let mut task = Polled::new(async move {
            drop(also_in_task.read_async().await.unwrap());
            let _guards = (
                in_task.lock_async().await.unwrap(),
                also_in_task.write_async().await.unwrap(),
            );
            std::panic::resume_unwind(Box::new(()));
        });
        if let Some(held) = held {
            assert!(task.poll().is_pending());
            drop(held);
        }
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| task.poll()));
        assert!(caught.is_err());
        assert!(mutex.is_poisoned() && lock.is_poisoned());
        assert_eq!(*ready(mutex.lock_async()).unwrap_err().into_inner(), 0);
        assert!(ready(lock.read_async()).is_err());
        assert!(ready(lock.write_async()).is_err());
        assert!(mutex.lock().is_err());
    }
}

#[test]
fn readers_do_not_poison() {
    let lock = RwLock::new(0);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _guard = ready(lock.read_async()).unwrap();
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(caught.is_err());
    assert!(!lock.is_poisoned());
}

// Joins.

#[test]
fn threads_are_joined_by_tasks() {
    let _watched = watch("threads_are_joined_by_tasks");
    for engine in engines() {
        let (go, gone) = channel();
        let thread = engine.spawn(move || gone.recv().unwrap()).unwrap();
        let mut join = Polled::new(thread.into_future());
        assert!(join.poll().is_pending());
        go.send(42).unwrap();
        assert_eq!(smol::block_on(join).unwrap(), 42);

        let thread = engine.spawn(|| std::panic::resume_unwind(Box::new(7)));
        let panic = smol::block_on(async { thread.unwrap().await }.map(Result::unwrap_err));
        assert_eq!(panic.downcast_ref(), Some(&7));

        // One that has ended before anybody asks.
        let thread = engine.spawn(|| 8).unwrap();
        until(|| thread.is_finished());
        assert_eq!(ready(thread.into_future()).unwrap(), 8);
    }
}

#[test]
fn a_dropped_join_lets_the_thread_go_on() {
    let _watched = watch("a_dropped_join_lets_the_thread_go_on");
    for engine in engines() {
        for polled in [false, true] {
            let ((go, gone), (done, is_done)) = (channel(), channel());
            let body = move || {
                gone.recv().unwrap();
                done.send(()).unwrap();
            };
            let mut join = Polled::new(engine.spawn(body).unwrap().into_future());
            if polled {
                assert!(join.poll().is_pending());
            }
            drop(join);
            go.send(()).unwrap();
            is_done.recv().unwrap();
        }
    }
}

#[test]
fn a_thread_of_a_scope_is_awaited_in_it() {
    let _watched = watch("a_thread_of_a_scope_is_awaited_in_it");
    let numbers = [1, 2, 3];
    let (sum, panic) = standin::thread::scope(|scope| {
        let sum = scope.spawn(|| numbers.iter().sum::<i32>());
        let panic = scope.spawn(|| -> () { std::panic::resume_unwind(Box::new(7)) });
        smol::block_on(async { (sum.await.unwrap(), panic.await.unwrap_err()) })
    });
    assert_eq!(sum, 6);
    assert_eq!(panic.downcast_ref(), Some(&7));
}

/// Those whose threads may move, or are OS threads: pinned ones need a promise.
fn engines() -> Vec<Engine> {
    let mut engines = engine::all();
    engines.retain(|engine| !engine.name().ends_with("pinned"));
    engines
}

/// A future, polled by hand, that counts its wakes.
struct Polled<F> {
    future: Pin<Box<F>>,
    wakes: Arc<Count>,
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl<F: Future> Polled<F> {
    fn new(future: F) -> Self {
        Self {
            future: Box::pin(future),
            wakes: Arc::new(Count(AtomicUsize::new(0))),
        }
    }

    fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.wakes.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    fn ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it has to wait"),
        }
    }

    fn wakes(&self) -> usize {
        self.wakes.0.load(SeqCst)
    }
}

impl<F: Future> Future for Polled<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.future.as_mut().poll(cx)
    }
}

fn ready<F: Future>(future: F) -> F::Output {
    Polled::new(future).ready()
}
