//! Waiting for memory and for time: locks, conditions, channels, parking.

use super::kinds::Kind;
use super::world::{Planned, User, assert_planned, panic_as_planned};
use standin::sync::mpsc::{self, RecvTimeoutError, TryRecvError, TrySendError};
use standin::sync::{Barrier, Condvar, Mutex, Once, RwLock, TryLockError};
use standin::thread;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

const TOKENS: usize = 3;

/// What all users lock.
pub(crate) struct Shared {
    /// Equal, while nobody holds the lock, unless it is poisoned.
    pair: Mutex<(u64, u64)>,
    /// As above.
    table: RwLock<[u64; 4]>,
    tokens: Mutex<usize>,
    returned: Condvar,
    readers: AtomicUsize,
    writers: AtomicUsize,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            pair: Mutex::new((0, 0)),
            table: RwLock::new([0; 4]),
            tokens: Mutex::new(TOKENS),
            returned: Condvar::new(),
            readers: AtomicUsize::new(0),
            writers: AtomicUsize::new(0),
        }
    }

    /// When nobody is left.
    pub(crate) fn assert_at_rest(&self) {
        assert_eq!(*self.tokens.lock().expect("nobody panics here"), TOKENS);
        assert_eq!(self.readers.load(SeqCst), 0);
        assert_eq!(self.writers.load(SeqCst), 0);
        let pair = self.pair.try_lock().map(drop);
        let table = self.table.try_write().map(drop);
        for result in [pair.err().map(is_locked), table.err().map(is_locked)] {
            assert_ne!(result, Some(true), "it is still locked");
        }
    }
}

fn is_locked<G>(error: TryLockError<G>) -> bool {
    matches!(error, TryLockError::WouldBlock)
}

/// Something that takes a while, or not.
fn linger(user: &mut User) {
    match user.random.below(6) {
        0 => thread::yield_now(),
        1 => user.pause(100),
        _ => {}
    }
}

pub(crate) fn mutex(user: &mut User) {
    user.count(Kind::Mutex);
    let shared = &user.world.shared;
    let locked = if user.random.one_in(4) {
        match shared.pair.try_lock() {
            Err(TryLockError::WouldBlock) => return,
            Err(TryLockError::Poisoned(poisoned)) => Err(poisoned),
            Ok(guard) => Ok(guard),
        }
    } else {
        shared.pair.lock()
    };
    let mut pair = locked.unwrap_or_else(|poisoned| {
        user.count(Kind::MutexPoisoned);
        let mut guard = poisoned.into_inner();
        guard.1 = guard.0;
        shared.pair.clear_poison();
        guard
    });
    assert_eq!(pair.0, pair.1, "two threads hold one lock");
    pair.0 += 1;
    linger(user);
    pair.1 += 1;
}

pub(crate) fn rwlock(user: &mut User) {
    user.count(Kind::RwLock);
    let shared = &user.world.shared;
    let repair = |user: &User| {
        user.count(Kind::RwLockPoisoned);
        let mut table = shared
            .table
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        *table = [table[0]; 4];
        shared.table.clear_poison();
    };
    if user.random.one_in(3) {
        let Ok(mut table) = shared.table.write() else {
            return repair(user);
        };
        assert_eq!(shared.writers.fetch_add(1, SeqCst), 0, "two writers");
        assert_eq!(shared.readers.load(SeqCst), 0, "a writer among readers");
        for n in 0..4 {
            table[n] += 1;
            linger(user);
        }
        shared.writers.fetch_sub(1, SeqCst);
    } else {
        let Ok(table) = shared.table.read() else {
            return repair(user);
        };
        shared.readers.fetch_add(1, SeqCst);
        linger(user);
        assert_eq!(shared.writers.load(SeqCst), 0, "a reader beside a writer");
        assert_eq!(*table, [table[0]; 4]);
        shared.readers.fetch_sub(1, SeqCst);
    }
}

/// A panic with a lock held poisons it, and what was half done is seen by whoever comes next.
pub(crate) fn panic_with_lock(user: &mut User) {
    user.count(Kind::PanicWithLock);
    let shared = &user.world.shared;
    let writes = user.random.one_in(2);
    let result = catch_unwind(AssertUnwindSafe(|| {
        if writes {
            let mut table = shared
                .table
                .write()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            table[0] += 1;
            linger(user);
            panic_as_planned();
        }
        let mut pair = shared
            .pair
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        pair.0 += 1;
        linger(user);
        panic_as_planned();
    }));
    assert_planned::<()>(result);
}

/// One of a few tokens is taken for a while, if one is returned in time.
pub(crate) fn condvar(user: &mut User) {
    user.count(Kind::Condvar);
    let shared = &user.world.shared;
    let timeout = user.random.microseconds(2_000);
    let tokens = shared.tokens.lock().expect("nobody panics here");
    let (mut tokens, waited) = shared
        .returned
        .wait_timeout_while(tokens, timeout, |tokens| *tokens == 0)
        .expect("nobody panics here");
    if waited.timed_out() {
        assert_eq!(*tokens, 0, "it was there in time");
        user.count(Kind::CondvarTimedOut);
        return;
    }
    *tokens -= 1;
    drop(tokens);
    user.pause(300);
    *shared.tokens.lock().expect("nobody panics here") += 1;
    match user.random.below(2) {
        0 => shared.returned.notify_one(),
        _ => shared.returned.notify_all(),
    }
}

/// Messages to this thread from another, either of which may leave.
pub(crate) fn channel(user: &mut User) {
    user.count(Kind::Channel);
    let (sender, receiver) = mpsc::channel();
    let count = user.random.length(60);
    let panics = user.random.one_in(8);
    let sending = user.child(move |user| {
        for n in 0..count {
            if sender.send(n).is_err() {
                return user.count(Kind::ChannelLeft);
            }
            linger(user);
        }
        if panics {
            panic_as_planned();
        }
    });
    let leaves = user.random.one_in(5).then(|| user.random.below(count));
    let mut next = 0;
    loop {
        let timeout = user.random.microseconds(500);
        let received = match user.random.below(3) {
            0 => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            1 => receiver.try_recv().map_err(|error| match error {
                TryRecvError::Empty => RecvTimeoutError::Timeout,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            }),
            _ => receiver.recv_timeout(timeout),
        };
        match received {
            Ok(n) => {
                assert_eq!(n, next, "lost, or out of order");
                next += 1;
                if leaves == Some(next) {
                    break;
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                user.count(Kind::ChannelTimedOut);
                thread::yield_now();
            }
            Err(RecvTimeoutError::Disconnected) => {
                assert_eq!(next, count, "lost");
                break;
            }
        }
    }
    drop(receiver);
    if let Err(payload) = sending.join() {
        assert!(panics && payload.is::<Planned>());
    }
}

/// As above, with room for a few messages, or for none: then each is handed over.
pub(crate) fn bounded(user: &mut User) {
    user.count(Kind::Bounded);
    let room = user.random.below(4);
    let (sender, receiver) = mpsc::sync_channel(room);
    let count = user.random.length(40);
    let leaves = user.random.one_in(5).then(|| user.random.below(count));
    let receiving = user.child(move |user| {
        let mut next = 0;
        while leaves != Some(next) {
            let timeout = user.random.microseconds(500);
            match receiver.recv_timeout(timeout) {
                Ok(n) => {
                    assert_eq!(n, next, "lost, or out of order");
                    next += 1;
                    linger(user);
                }
                Err(RecvTimeoutError::Timeout) => user.count(Kind::ChannelTimedOut),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        next
    });
    let mut sent = 0;
    while sent < count {
        if user.random.one_in(3) {
            match sender.try_send(sent) {
                Ok(()) => sent += 1,
                Err(TrySendError::Full(_)) => thread::yield_now(),
                Err(TrySendError::Disconnected(_)) => break,
            }
        } else if sender.send(sent).is_ok() {
            sent += 1;
        } else {
            break;
        }
    }
    drop(sender);
    let received = receiving.join().expect("it only receives");
    match leaves {
        None => assert_eq!(received, count),
        Some(leaves) => {
            user.count(Kind::ChannelLeft);
            assert!(
                received == leaves && sent <= leaves + room.max(1),
                "{sent} were sent"
            );
        }
    }
}

/// Some threads that wait for each other, and do one thing once.
pub(crate) fn barrier(user: &mut User) {
    user.count(Kind::Barrier);
    user.count(Kind::Once);
    let count = 2 + user.random.below(5);
    let shared = Arc::new((
        Barrier::new(count),
        Once::new(),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    ));
    let threads: Vec<_> = (0..count)
        .map(|_| {
            let shared = shared.clone();
            user.child(move |user| {
                let (barrier, once, arrived, calls) = &*shared;
                linger(user);
                arrived.fetch_add(1, SeqCst);
                let is_leader = barrier.wait().is_leader();
                assert_eq!(arrived.load(SeqCst), count);
                once.call_once(|| {
                    linger(user);
                    calls.fetch_add(1, SeqCst);
                });
                assert_eq!(calls.load(SeqCst), 1);
                is_leader
            })
        })
        .collect();
    let leaders: usize = threads
        .into_iter()
        .map(|thread| usize::from(thread.join().expect("it only waits")))
        .sum();
    assert_eq!(leaders, 1);
}

/// A thread that parks until it is told to go on, with others around that unpark anybody.
pub(crate) fn park(user: &mut User) {
    user.count(Kind::Park);
    let told = Arc::new(AtomicBool::new(false));
    let begun = Arc::new(AtomicBool::new(false));
    let (is_told, has_begun) = (told.clone(), begun.clone());
    let parked = user.spawn(thread::Builder::new(), true, move |user| {
        has_begun.store(true, Relaxed);
        while !is_told.load(Relaxed) {
            if user.random.one_in(3) {
                user.count(Kind::ParkTimeout);
                let timeout = user.random.microseconds(500);
                thread::park_timeout(timeout);
            } else {
                thread::park();
            }
        }
    });
    // On some engines a new thread comes after all that are ready, and would seldom park at all.
    while !user.random.one_in(8) && !begun.load(Relaxed) {
        thread::yield_now();
    }
    linger(user);
    told.store(true, Relaxed);
    parked.thread().unpark();
    parked.join().expect("it only parks");
    if user.random.one_in(4) {
        thread::park_timeout(Duration::from_micros(100));
    }
}
