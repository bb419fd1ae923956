//! Locks, channels and joins that async tasks and threads wait for together (`standin::aio`), and futures that
//! are dropped while they wait: on executors that know nothing of standin.

#![cfg(feature = "_engine")]

mod common;
#[path = "aio_waits/dropped.rs"]
mod dropped;
#[path = "aio_waits/polled.rs"]
mod polled;
#[path = "aio_waits/races.rs"]
mod races;

use common::wait::until;
use common::watch::watch;
use futures_util::FutureExt;
use polled::{Polled, ready};
use smol::Executor;
use smol::future::yield_now;
use standin::aio::{self, MutexExt, ReceiverExt, RwLockExt, SyncSenderExt};
use standin::engine::{self, Engine};
use standin::sync::mpsc::{RecvError, SendError, channel, sync_channel};
use standin::sync::{Arc, Mutex, RwLock};
use std::cell::Cell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

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
