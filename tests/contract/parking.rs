//! The token of a thread, through its context and through `thread::park`.

use super::support::Subject;
use standin::engine::context;
use standin::engine::{GREEN, Instant, THREADS};
use standin::sync::mpsc;
use standin::thread;
use standin_core::wait_queue::{self, Wait};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};
use std::time::Duration;

pub(crate) fn the_token_stays(on: &Subject) {
    on.run(|| {
        for _ in 0..100 {
            context::parking(|own| {
                own.waker().wake();
                // Nobody else wakes it: it hangs if the token is lost.
                own.park(None);
            });
            thread::yield_now();
        }
        // The same one layer up. There the token is one, however often it is left.
        thread::current().unpark();
        thread::current().unpark();
        thread::park();
    });
}

pub(crate) fn wakes_from_everywhere(on: &Subject) {
    const WAKES: usize = 200;
    let engines = [None, Some(GREEN), Some(THREADS), Some(on.engine)];
    for from in engines {
        let data = Arc::new(AtomicUsize::new(0));
        let turn = Arc::new(AtomicUsize::new(0));
        let (send, wakers) = mpsc::channel();
        let waiter = on.spawn({
            let (data, turn) = (data.clone(), turn.clone());
            move || {
                context::parking(|own| send.send(own.waker()).expect("the other one waits for it"));
                for expected in 1..=WAKES {
                    context::parking(|own| {
                        while turn.load(Relaxed) < expected {
                            own.park(None);
                        }
                    });
                    // Written before the wake, so visible after the park that the wake ended.
                    assert!(data.load(Relaxed) >= expected);
                }
            }
        });
        let wake = move || {
            let waker = wakers.recv().expect("it is sent first of all");
            for n in 1..=WAKES {
                data.store(n, Relaxed);
                turn.store(n, SeqCst);
                waker.wake_by_ref();
                if n % 3 == 0 {
                    thread::yield_now();
                }
            }
        };
        match from {
            Some(engine) => engine
                .spawn(wake)
                .expect("there is room")
                .join()
                .expect("no panic"),
            None => std::thread::spawn(wake).join().expect("no panic"),
        }
        waiter.join().expect("it saw what it should");
    }
}

pub(crate) fn a_deadline_is_never_early(on: &Subject) {
    on.run(|| {
        let threads: Vec<_> = (0..40_u64)
            .map(|n| {
                thread::spawn(move || {
                    let word = AtomicU32::new(0);
                    let deadline = context::now().checked_add(Duration::from_micros(n * 150));
                    assert_eq!(wait_queue::wait(&word, 0, deadline), Wait::TimedOut);
                    assert!(Some(context::now()) >= deadline, "early");
                    // A deadline that has passed already is no reason to wait.
                    assert_eq!(wait_queue::wait(&word, 0, deadline), Wait::TimedOut);
                    // Parks may end for no reason, but do end.
                    let deadline = context::now().checked_add(Duration::from_micros(n * 100));
                    while Some(context::now()) < deadline {
                        context::parking(|own| own.park(deadline));
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("never early"));
        // So far away that it cannot be represented in smaller units.
        let far = Instant::from_origin(Duration::MAX);
        context::parking(|own| {
            own.waker().wake();
            own.park(Some(far));
        });
    });
}

pub(crate) fn a_waker_outlives_its_thread(on: &Subject) {
    for round in 0..50 {
        let (send, wakers) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = on.spawn(move || {
            let waker = context::parking(|own| own.waker());
            send.send(waker.clone()).expect("the receiver is there");
            super::support::linger(round);
            waker
        });
        let waker = wakers.recv().expect("it is sent");
        let waking = std::thread::spawn({
            let (waker, stop) = (waker.clone(), stop.clone());
            move || {
                while !stop.load(SeqCst) {
                    // Before, at and after the end of the thread.
                    waker.wake_by_ref();
                    std::thread::yield_now();
                }
            }
        });
        let own = thread.join().expect("no panic");
        own.wake();
        waker.wake_by_ref();
        stop.store(true, SeqCst);
        waking.join().expect("no panic");
        waker.wake();
    }
}

pub(crate) fn parks_and_unparks(on: &Subject) {
    on.run(|| {
        let turn = AtomicUsize::new(0);
        let main = thread::current();
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                for n in (1..200).step_by(2) {
                    while turn.load(SeqCst) < n {
                        thread::park();
                    }
                    turn.store(n + 1, SeqCst);
                    main.unpark();
                }
            });
            for n in (0..200).step_by(2) {
                while turn.load(SeqCst) < n {
                    thread::park_timeout(Duration::from_secs(3600));
                }
                turn.store(n + 1, SeqCst);
                other.thread().unpark();
            }
        });
        let waited = Cell::new(Duration::ZERO);
        let start = standin::time::Instant::now();
        while waited.get() < Duration::from_millis(2) {
            thread::park_timeout(Duration::from_millis(2));
            waited.set(start.elapsed());
        }
    });
}
