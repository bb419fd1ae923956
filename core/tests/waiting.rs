//! Waiting futures on real threads: what a poll answers, whom a drop wakes, and what wakers may do.

#![cfg(not(loom))]

mod common;

use common::{Leave, Release, until_waiting, waiting_on};
use standin_core::wait_queue::{self, Wait, Waiting};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

/// More than one section of a bucket's lock ends, several times.
const MANY: usize = 40;

#[test]
fn a_changed_word_is_not_waited_on() {
    let word = AtomicU32::new(7);
    let mut waiting = Box::pin(Waiting::new());
    for _ in 0..2 {
        assert_eq!(
            poll(&mut waiting, Waker::noop(), &word, 8),
            Poll::Ready(Wait::Changed)
        );
    }
    assert_eq!(waiting_on(&word), 0);
}

#[test]
fn one_that_is_ready_waits_again_on_another_word() {
    let words: [AtomicU32; 3] = Default::default();
    let mut waiting = Box::pin(Waiting::new());
    for word in &words {
        assert!(poll(&mut waiting, Waker::noop(), word, 0).is_pending());
        assert!(poll(&mut waiting, Waker::noop(), word, 0).is_pending());
        assert_eq!(waiting_on(word), 1);
        assert_eq!(wait_queue::wake(word, 2), 1);
        assert_eq!(
            poll(&mut waiting, Waker::noop(), word, 0),
            Poll::Ready(Wait::Woken)
        );
    }
}

#[test]
fn one_that_waits_looks_at_the_word_no_more() {
    let word = AtomicU32::new(0);
    let mut waiting = linked(&word);
    word.store(1, Relaxed);
    assert!(poll(&mut waiting, Waker::noop(), &word, 0).is_pending());
    assert_eq!(wait_queue::wake(&word, 1), 1);
    assert!(is_woken(waiting, &word));
}

#[test]
fn futures_and_threads_are_woken_in_the_order_in_which_they_came() {
    let word = AtomicU32::new(0);
    thread::scope(|scope| {
        let _release = Release([&word]);
        let mut first = linked(&word);
        let thread = scope.spawn(|| wait_queue::wait(&word, 0, None));
        until_waiting(&word, 2);
        let last = linked(&word);
        assert_eq!(wait_queue::wake(&word, 1), 1);
        assert_eq!(
            poll(&mut first, Waker::noop(), &word, 0),
            Poll::Ready(Wait::Woken)
        );
        assert_eq!(wait_queue::wake(&word, 1), 1);
        assert_eq!(thread.join().unwrap(), Wait::Woken);
        assert_eq!(wait_queue::wake(&word, 1), 1);
        assert!(is_woken(last, &word));
    });
}

#[test]
fn a_drop_leaves_the_queue() {
    let word = AtomicU32::new(0);
    let mut waiting: Vec<_> = (0..5).map(|_| linked(&word)).collect();
    for (index, left) in [(2, 4), (3, 3), (0, 2)] {
        waiting.remove(index);
        assert_eq!(waiting_on(&word), left);
    }
    assert_eq!(wait_queue::wake(&word, usize::MAX), 2);
    for waiting in waiting {
        assert!(is_woken(waiting, &word));
    }
    // Never polled, or ready: nothing to leave.
    drop(Waiting::default());
}

#[test]
fn a_drop_passes_on_a_wake_that_nobody_saw() {
    let word = AtomicU32::new(0);
    let (first, second, third) = (linked(&word), linked(&word), linked(&word));
    assert_eq!(wait_queue::wake(&word, 1), 1);
    drop(first);
    assert_eq!(waiting_on(&word), 1);
    drop(second);
    assert!(is_woken(third, &word));
}

#[test]
fn a_drop_passes_the_wake_on_to_those_it_was_moved_with() {
    let (from, to) = (AtomicU32::new(0), AtomicU32::new(0));
    let (first, second) = (linked(&from), linked(&from));
    assert_eq!(wait_queue::requeue(&from, 0, &to, 0), Some((0, 2)));
    let late = linked(&from);
    assert_eq!(wait_queue::wake(&to, 1), 1);
    drop(first);
    assert!(is_woken(second, &to));
    assert_eq!(waiting_on(&from), 1);
    drop(late);
}

#[test]
fn one_that_leaves_passes_no_wake_on_and_waits_again() {
    let word = AtomicU32::new(0);
    let (mut first, second) = (linked(&word), linked(&word));
    assert!(!first.as_mut().leave());
    assert!(!first.as_mut().leave());
    assert_eq!(waiting_on(&word), 1);
    assert!(poll(&mut first, Waker::noop(), &word, 0).is_pending());
    assert_eq!(wait_queue::wake(&word, 2), 2);
    assert!(first.as_mut().leave());
    let third = linked(&word);
    drop(first);
    assert_eq!(waiting_on(&word), 1);
    assert!(is_woken(second, &word));
    drop(third);
}

#[test]
fn a_wake_that_was_seen_is_not_passed_on() {
    let word = AtomicU32::new(0);
    let (mut first, _second) = (linked(&word), linked(&word));
    assert_eq!(wait_queue::wake(&word, 1), 1);
    assert!(poll(&mut first, Waker::noop(), &word, 0).is_ready());
    drop(first);
    assert_eq!(waiting_on(&word), 1);
}

#[test]
fn the_last_poll_says_who_is_woken() {
    let word = AtomicU32::new(0);
    let (earlier, later) = (Count::new(), Count::new());
    let mut waiting = Box::pin(Waiting::new());
    for count in [&earlier, &later, &earlier, &later] {
        assert!(poll(&mut waiting, &count.waker(), &word, 0).is_pending());
    }
    assert_eq!(wait_queue::wake(&word, 1), 1);
    assert_eq!((earlier.get(), later.get()), (0, 1));
}

#[test]
fn wakers_are_dropped_and_woken_without_a_lock() {
    /// Comes back into the wait queue, at the same address, when it is woken and when it is dropped.
    struct Reenters(Arc<AtomicU32>);

    impl Wake for Reenters {
        fn wake(self: Arc<Self>) {
            assert_eq!(waiting_on(&self.0), 0);
        }
    }

    impl Drop for Reenters {
        fn drop(&mut self) {
            waiting_on(&self.0);
        }
    }

    let word = Arc::new(AtomicU32::new(0));
    let waker = || Waker::from(Arc::new(Reenters(word.clone())));
    let mut waiting = Box::pin(Waiting::new());
    for _ in 0..3 {
        assert!(poll(&mut waiting, &waker(), &word, 0).is_pending());
    }
    assert_eq!(wait_queue::wake(&*word, 1), 1);
    assert!(poll(&mut waiting, &waker(), &word, 0).is_ready());
    assert!(poll(&mut waiting, &waker(), &word, 0).is_pending());
    drop(waiting);
    assert!(poll(&mut Box::pin(Waiting::new()), &waker(), &word, 1).is_ready());
}

/// What an executor does that was shut down: the wake of a task drops it.
#[test]
fn a_waker_may_drop_those_who_were_chosen_with_it() {
    type Others = Mutex<Vec<Pin<Box<Waiting>>>>;
    struct Drops(Arc<Others>);

    impl Wake for Drops {
        fn wake(self: Arc<Self>) {
            drop(std::mem::take(&mut *self.0.lock().unwrap()));
        }
    }

    let word = AtomicU32::new(0);
    let others = Arc::new(Others::default());
    let mut first = Box::pin(Waiting::new());
    let waker = Waker::from(Arc::new(Drops(others.clone())));
    assert!(poll(&mut first, &waker, &word, 0).is_pending());
    others
        .lock()
        .unwrap()
        .extend((1..MANY).map(|_| linked(&word)));
    assert_eq!(wait_queue::wake(&word, usize::MAX), MANY);
    assert!(is_woken(first, &word));
    assert_eq!(waiting_on(&word), 0);
}

/// What an executor does that polls in the wake.
#[test]
fn a_waker_may_poll_those_who_were_chosen_with_it() {
    struct Polls {
        word: Arc<AtomicU32>,
        last: Mutex<Option<Pin<Box<Waiting>>>>,
    }

    impl Wake for Polls {
        fn wake(self: Arc<Self>) {
            let last = self.last.lock().unwrap().take();
            assert!(is_woken(last.unwrap(), &self.word));
        }
    }

    let word = Arc::new(AtomicU32::new(0));
    let polls = Arc::new(Polls {
        word: word.clone(),
        last: Mutex::default(),
    });
    let mut first = Box::pin(Waiting::new());
    assert!(poll(&mut first, &polls.clone().into(), &word, 0).is_pending());
    let _others: Vec<_> = (2..MANY).map(|_| linked(&word)).collect();
    *polls.last.lock().unwrap() = Some(linked(&word));
    assert_eq!(wait_queue::wake(&*word, usize::MAX), MANY);
}

#[test]
fn a_waker_that_unwinds_takes_nobodys_wake_with_it() {
    struct Unwinds;

    impl Wake for Unwinds {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new(()));
        }
    }

    let word = AtomicU32::new(0);
    let count = Count::new();
    let mut waiting: Vec<_> = (0..MANY).map(|_| Box::pin(Waiting::new())).collect();
    for (index, waiting) in waiting.iter_mut().enumerate() {
        let waker = if index == 1 {
            Arc::new(Unwinds).into()
        } else {
            count.waker()
        };
        assert!(poll(waiting, &waker, &word, 0).is_pending());
    }
    let caught = catch_unwind(AssertUnwindSafe(|| wait_queue::wake(&word, usize::MAX)));
    assert!(caught.is_err());
    assert_eq!(count.get(), MANY - 1);
    for waiting in waiting {
        assert!(is_woken(waiting, &word));
    }
}

/// One permit goes round. Futures that ask for it and are dropped at any moment must not take its wake with them.
#[test]
fn dropped_futures_lose_no_wake_of_a_thread() {
    const ROUNDS: usize = if cfg!(debug_assertions) {
        20_000
    } else {
        100_000
    };
    const HASTY: usize = 3;

    let permits = AtomicU32::new(0);
    let taken = AtomicUsize::new(0);
    let at_work = AtomicUsize::new(1);
    thread::scope(|scope| {
        let (permits, taken, at_work) = (&permits, &taken, &at_work);
        for _ in 0..HASTY {
            scope.spawn(move || {
                while at_work.load(Relaxed) > 0 {
                    let mut waiting = Box::pin(Waiting::new());
                    let _ = poll(&mut waiting, Waker::noop(), permits, 0);
                    thread::yield_now();
                }
            });
        }
        scope.spawn(move || {
            let _leave = Leave(at_work);
            for _ in 0..ROUNDS {
                while permits.load(Relaxed) == 0 {
                    let _ = wait_queue::wait(permits, 0, None);
                }
                permits.store(0, Relaxed);
                taken.fetch_add(1, SeqCst);
            }
        });
        for round in 0..ROUNDS {
            permits.store(1, Relaxed);
            wait_queue::wake(permits, 1);
            while taken.load(SeqCst) == round {
                thread::yield_now();
            }
        }
    });
    assert_eq!(waiting_on(&permits), 0);
}

#[test]
fn it_may_be_polled_and_dropped_on_any_thread() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Waiting>();
    let word = AtomicU32::new(0);
    let mut waiting = linked(&word);
    thread::scope(|scope| {
        let word = &word;
        scope.spawn(move || {
            assert!(poll(&mut waiting, Waker::noop(), word, 0).is_pending());
            scope.spawn(move || drop(waiting));
        });
    });
    assert_eq!(waiting_on(&word), 0);
}

/// The queue of a forked child is empty, and what it inherited must not touch nodes that are gone.
#[test]
fn a_forked_child_waits_anew() {
    unsafe extern "C" {
        fn fork() -> i32;
        fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
        fn _exit(status: i32) -> !;
    }

    let words: [AtomicU32; 2] = Default::default();
    // In the child, the one in the middle would join its neighbours, which nothing links any more.
    let [first, mut second, third] = [(); 3].map(|()| linked(&words[0]));
    let woken = linked(&words[1]);
    assert_eq!(wait_queue::wake(&words[1], 1), 1);
    // SAFETY: the child runs the wait queue alone, which is made for that, and exits.
    let child = unsafe { fork() };
    assert!(child >= 0, "fork failed");
    if child == 0 {
        let as_it_should = catch_unwind(AssertUnwindSafe(|| {
            waiting_on(&words[0]) == 0
                && poll(&mut second, Waker::noop(), &words[0], 0).is_pending()
                && waiting_on(&words[0]) == 1
                && {
                    drop((first, third, woken));
                    waiting_on(&words[0]) == 1
                }
                && wait_queue::wake(&words[0], usize::MAX) == 1
                && is_woken(second, &words[0])
        }));
        // SAFETY: ends the process, without what the parent has to do at its end.
        unsafe { _exit(i32::from(as_it_should.ok() != Some(true))) };
    }
    let mut status = -1;
    // SAFETY: `status` is where the answer goes.
    assert_eq!(unsafe { waitpid(child, &mut status, 0) }, child);
    assert_eq!(
        status, 0,
        "what failed in the child stands above, if it panicked"
    );
    assert_eq!(waiting_on(&words[0]), 3);
    assert!(is_woken(woken, &words[1]));
}

/// Counts its wakes.
struct Count(AtomicUsize);

impl Count {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(0)))
    }

    fn waker(self: &Arc<Self>) -> Waker {
        self.clone().into()
    }

    fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn poll(
    waiting: &mut Pin<Box<Waiting>>,
    waker: &Waker,
    word: &AtomicU32,
    expected: u32,
) -> Poll<Wait> {
    waiting
        .as_mut()
        .poll(&mut Context::from_waker(waker), word, expected)
}

/// One that waits on `word`.
fn linked(word: &AtomicU32) -> Pin<Box<Waiting>> {
    let mut waiting = Box::pin(Waiting::new());
    assert!(poll(&mut waiting, Waker::noop(), word, 0).is_pending());
    waiting
}

fn is_woken(mut waiting: Pin<Box<Waiting>>, word: &AtomicU32) -> bool {
    poll(&mut waiting, Waker::noop(), word, 0) == Poll::Ready(Wait::Woken)
}
