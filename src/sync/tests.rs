//! The moment before a thread falls asleep, held still.
//!
//! A wake-up is lost, if at all, between a thread's decision to wait and its sleep; threads that race hardly
//! ever hit that moment. The wait queue asks the context for a waker exactly then. So this context does there
//! what the thread waits for, on the same thread, and a thread that goes to sleep all the same has missed it.

use super::mpsc::{RecvError, SendError, channel, sync_channel};
use super::{Arc, Condvar, Mutex, Once, RwLock};
use standin_core::{Instant, context};
use std::cell::RefCell;
use std::process;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

struct BeforeSleep {
    action: RefCell<Option<Box<dyn FnOnce()>>>,
    /// Other threads take part, so that it may have to wait for them afterwards.
    with_others: bool,
    thread: Arc<ThisThread>,
}

struct ThisThread(Thread);

impl Wake for ThisThread {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl context::Context for BeforeSleep {
    fn park(&self, _deadline: Option<Instant>) -> bool {
        if self.with_others {
            thread::park();
            false
        } else {
            // Parking must not unwind, and whoever could wake this thread has come and gone.
            eprintln!("the thread fell asleep after what it waits for had happened");
            process::abort();
        }
    }

    fn waker(&self) -> Waker {
        let action = self.action.take();
        if let Some(action) = action {
            action();
        }
        Arc::clone(&self.thread).into()
    }
}

/// Runs `waiting`, which must come to the point of falling asleep, and runs `action` there.
pub(super) fn before_sleep<R>(action: impl FnOnce() + 'static, waiting: impl FnOnce() -> R) -> R {
    run(false, Box::new(action), waiting)
}

/// The same where other threads take part.
fn before_sleep_among<R>(action: impl FnOnce() + 'static, waiting: impl FnOnce() -> R) -> R {
    run(true, Box::new(action), waiting)
}

fn run<R>(with_others: bool, action: Box<dyn FnOnce()>, waiting: impl FnOnce() -> R) -> R {
    struct Restore(Option<NonNull<dyn context::Context>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: this was the thread's context when it was replaced, and the thread is the same.
            unsafe { context::replace(self.0) };
        }
    }
    let context = BeforeSleep {
        action: RefCell::new(Some(action)),
        with_others,
        thread: Arc::new(ThisThread(thread::current())),
    };
    // SAFETY: `context` lives until `restore` has replaced it again, and describes this thread.
    let restore = Restore(unsafe { context::replace(Some(NonNull::from(&context))) });
    let result = waiting();
    drop(restore);
    assert!(context.action.take().is_none(), "it did not have to wait");
    result
}

pub(super) fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

#[test]
fn mutex_unlock() {
    let mutex = leak(Mutex::new(1));
    let guard = mutex.lock().unwrap();
    assert_eq!(*before_sleep(|| drop(guard), || mutex.lock().unwrap()), 1);
}

#[test]
fn condvar_notify() {
    for all in [false, true] {
        let (mutex, condvar) = leak((Mutex::new(false), Condvar::new()));
        let notify = move || {
            *mutex.lock().unwrap() = true;
            if all {
                condvar.notify_all();
            } else {
                condvar.notify_one();
            }
        };
        let guard = mutex.lock().unwrap();
        let guard = before_sleep(notify, || condvar.wait(guard).unwrap());
        assert!(*guard);
    }
}

/// One of two that wait is not asleep yet when all are notified.
#[test]
fn condvar_notify_all_moves_the_other() {
    let (mutex, condvar) = leak((Mutex::new(0), Condvar::new()));
    let asleep: Vec<_> = (0..2)
        .map(|_| {
            thread::spawn(|| {
                let mut guard = mutex.lock().unwrap();
                *guard += 1;
                drop(condvar.wait_while(guard, |value| *value < 3).unwrap());
            })
        })
        .collect();
    while *mutex.lock().unwrap() < 2 {
        thread::yield_now();
    }
    let notify = || {
        let mut guard = mutex.lock().unwrap();
        *guard = 3;
        condvar.notify_all();
    };
    let guard = mutex.lock().unwrap();
    drop(before_sleep_among(notify, || condvar.wait(guard).unwrap()));
    for thread in asleep {
        thread.join().unwrap();
    }
}

#[test]
fn channel_send_and_disconnect() {
    let (sender, receiver) = channel();
    let clone = sender.clone();
    let send = move || clone.send(1).unwrap();
    assert_eq!(before_sleep(send, || receiver.recv()), Ok(1));
    let gone = before_sleep(|| drop(sender), || receiver.recv());
    assert_eq!(gone, Err(RecvError));
}

#[test]
fn bounded_send_and_disconnect() {
    let (sender, receiver) = sync_channel(1);
    let clone = sender.clone();
    let send = move || clone.send(1).unwrap();
    assert_eq!(before_sleep(send, || receiver.recv()), Ok(1));
    let gone = before_sleep(|| drop(sender), || receiver.recv());
    assert_eq!(gone, Err(RecvError));
}

#[test]
fn bounded_receive_and_disconnect() {
    let (sender, receiver) = sync_channel(1);
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    sender.send(1).unwrap();
    let shared = Arc::clone(&receiver);
    let receive = move || {
        let receiver = shared.lock().unwrap();
        assert_eq!(receiver.as_ref().unwrap().recv(), Ok(1));
    };
    assert_eq!(before_sleep(receive, || sender.send(2)), Ok(()));
    let gone = move || drop(receiver.lock().unwrap().take());
    assert_eq!(before_sleep(gone, || sender.send(3)), Err(SendError(3)));
}

#[test]
fn rendezvous_send_and_disconnect() {
    let (sender, receiver) = sync_channel(0);
    let clone = sender.clone();
    let send = move || clone.try_send(1).unwrap();
    assert_eq!(before_sleep(send, || receiver.recv()), Ok(1));
    let gone = before_sleep(|| drop(sender), || receiver.recv());
    assert_eq!(gone, Err(RecvError));
}

#[test]
fn rendezvous_receive_and_disconnect() {
    let (sender, receiver) = sync_channel(0);
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let shared = Arc::clone(&receiver);
    let receive = move || {
        let receiver = shared.lock().unwrap();
        assert_eq!(receiver.as_ref().unwrap().try_recv(), Ok(1));
    };
    assert_eq!(before_sleep(receive, || sender.send(1)), Ok(()));
    let gone = move || drop(receiver.lock().unwrap().take());
    assert_eq!(before_sleep(gone, || sender.send(2)), Err(SendError(2)));
}

#[test]
fn once_completes() {
    let once = leak(Once::new());
    let running = leak(AtomicBool::new(false));
    let finish = leak(AtomicBool::new(false));
    let first = thread::spawn(|| {
        once.call_once(|| {
            running.store(true, SeqCst);
            while !finish.load(SeqCst) {
                thread::yield_now();
            }
        });
    });
    while !running.load(SeqCst) {
        thread::yield_now();
    }
    let complete = move || {
        finish.store(true, SeqCst);
        first.join().unwrap();
    };
    before_sleep_among(complete, || once.call_once(|| unreachable!()));
}

#[test]
fn rwlock_unlock() {
    let lock = leak(RwLock::new(1));
    let write = lock.write().unwrap();
    drop(before_sleep(|| drop(write), || lock.read().unwrap()));
    let write = lock.write().unwrap();
    drop(before_sleep(|| drop(write), || lock.write().unwrap()));
    let reads = [lock.read().unwrap(), lock.read().unwrap()];
    drop(before_sleep(|| drop(reads), || lock.write().unwrap()));
    assert!(lock.try_write().is_ok());
}

/// The writer for whom the bit stands is the one that unlocks: the readers must not be left to it again.
#[test]
fn rwlock_writer_that_did_not_sleep() {
    let lock = leak(RwLock::new(1));
    let write = lock.write().unwrap();
    let reader = Arc::new(Mutex::new(None));
    let shared = Arc::clone(&reader);
    let unlock = move || {
        let thread = thread::spawn(|| *lock.read().unwrap());
        while !lock.raw.readers_wait() {
            thread::yield_now();
        }
        *shared.lock().unwrap() = Some(thread);
        drop(write);
    };
    drop(before_sleep_among(unlock, || lock.write().unwrap()));
    let reader = reader.lock().unwrap().take().unwrap();
    assert_eq!(reader.join().unwrap(), 1);
}
