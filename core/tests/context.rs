//! The current context: who sets it, who sees it, and that a wait parks by it.

#![cfg(not(loom))]

mod common;

use common::{until_waiting, with_context};
use standin_core::Instant;
use standin_core::context::{self, Context, OsThread};
use standin_core::wait_queue::{self, Wait};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::sync::atomic::AtomicU32;
use std::sync::mpsc;
use std::task::Waker;
use std::thread;
use std::time::Duration;

#[test]
fn a_context_is_seen_until_it_is_replaced() {
    let name = || {
        context::current(|context| {
            context.and_then(|context| context.local()?.downcast_ref::<u32>().copied())
        })
    };
    assert_eq!(name(), None);
    with_context(&Virtual::new(1), || {
        assert_eq!(name(), Some(1));
        with_context(&Virtual::new(2), || assert_eq!(name(), Some(2)));
        assert_eq!(name(), Some(1));
        // SAFETY: `None` is always valid.
        let before = unsafe { context::replace(None) };
        assert_eq!(name(), None);
        // SAFETY: the same context on the same thread; it is still alive.
        assert!(unsafe { context::replace(before) }.is_none());
        assert_eq!(name(), Some(1));
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(name(), None, "another thread sees it"));
        });
    });
    assert_eq!(name(), None);
}

#[test]
fn a_wait_goes_by_the_clock_of_its_context() {
    let context = Virtual::new(0);
    let word = AtomicU32::new(0);
    let deadline = Instant::from_origin(Duration::from_secs(1_000_000));
    with_context(&context, || {
        assert_eq!(context::now(), Instant::from_origin(Duration::ZERO));
        assert_eq!(wait_queue::wait(&word, 0, Some(deadline)), Wait::TimedOut);
        assert_eq!(context::now(), deadline);
    });
    assert_ne!(context::now(), deadline);
    // A quarter of the way each time, so three ends for no reason.
    assert_eq!(context.parks.get(), 4);
}

#[test]
fn a_park_that_ends_for_no_reason_ends_no_wait() {
    /// Ends the first hundred parks at once.
    struct Spurious(OsThread, Cell<u32>);
    impl Context for Spurious {
        fn park(&self, deadline: Option<Instant>) -> bool {
            self.1.set(self.1.get() + 1);
            if self.1.get() > 100 {
                self.0.park(deadline);
            }
            false
        }

        fn waker(&self) -> Waker {
            self.0.waker()
        }
    }

    let word = AtomicU32::new(0);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let context = Spurious(OsThread::new(), Cell::new(0));
            let result = with_context(&context, || wait_queue::wait(&word, 0, None));
            (result, context.1.get())
        });
        until_waiting(&word, 1);
        // Until the wake it can only be in the queue, whatever its parks do.
        assert_eq!(wait_queue::wake(&word, 1), 1);
        assert_eq!(waiter.join().unwrap().0, Wait::Woken);
    });
}

#[test]
fn a_waker_outlives_its_thread() {
    let waker = thread::spawn(|| context::parking(|context| context.waker()))
        .join()
        .unwrap();
    waker.wake_by_ref();
    waker.wake();
}

#[test]
fn a_token_that_came_first_ends_the_next_park() {
    context::parking(|context| {
        context.waker().wake();
        context.waker().wake();
        // Would not return otherwise.
        context.park(None);
    });
}

#[test]
fn threads_wait_while_their_locals_are_destroyed() {
    /// Waits when it is destroyed, and says how that ended.
    struct Late {
        word: &'static AtomicU32,
        ended: mpsc::Sender<Wait>,
    }
    impl Drop for Late {
        fn drop(&mut self) {
            self.ended
                .send(wait_queue::wait(self.word, 0, None))
                .unwrap();
        }
    }
    thread_local! {
        static BEFORE: RefCell<Option<Late>> = const { RefCell::new(None) };
        static AFTER: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    static WORD: AtomicU32 = AtomicU32::new(0);

    let (ended, results) = mpsc::channel();
    let thread = thread::spawn(move || {
        // One local is registered before that of the parking place and one after it, so that one of the two
        // is destroyed after it, whichever way round the system goes.
        BEFORE.set(Some(Late {
            word: &WORD,
            ended: ended.clone(),
        }));
        context::parking(|_| ());
        AFTER.set(Some(Late { word: &WORD, ended }));
    });
    for _ in 0..2 {
        until_waiting(&WORD, 1);
        assert_eq!(wait_queue::wake(&WORD, 1), 1);
        assert_eq!(results.recv().unwrap(), Wait::Woken);
    }
    thread.join().unwrap();
}

/// Runs itself again as a process that must not survive.
#[test]
fn a_park_that_unwinds_while_its_thread_waits_ends_the_process() {
    const CHILD: &str = "STANDIN_TEST_UNWINDING_PARK";

    struct Unwinding;
    impl Context for Unwinding {
        fn park(&self, _: Option<Instant>) -> bool {
            panic!("a park that breaks the contract");
        }

        fn waker(&self) -> Waker {
            Waker::noop().clone()
        }
    }

    if std::env::var_os(CHILD).is_some() {
        let word = AtomicU32::new(0);
        let result = std::panic::catch_unwind(|| {
            with_context(&Unwinding, || wait_queue::wait(&word, 0, None))
        });
        // Reached only without the guard: says so by ending well.
        assert!(result.is_err());
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_park_that_unwinds_while_its_thread_waits_ends_the_process",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
    assert_eq!(signal, Some(6), "not aborted: {output:?}");
}

/// A context with a name and a clock of its own: a park takes it a quarter of the way to the deadline that
/// the first one had.
struct Virtual {
    name: u32,
    now: Cell<Duration>,
    parks: Cell<u32>,
}

impl Virtual {
    fn new(name: u32) -> Self {
        Self {
            name,
            now: Cell::new(Duration::ZERO),
            parks: Cell::new(0),
        }
    }
}

impl Context for Virtual {
    fn park(&self, deadline: Option<Instant>) -> bool {
        let deadline = deadline.expect("nobody wakes this context");
        self.parks.set(self.parks.get() + 1);
        self.now.set(self.now.get() + deadline.since_origin() / 4);
        false
    }

    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }

    fn now(&self) -> Instant {
        Instant::from_origin(self.now.get())
    }

    fn local(&self) -> Option<&(dyn Any + Send + Sync)> {
        Some(&self.name)
    }
}
