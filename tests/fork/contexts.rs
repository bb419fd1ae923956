//! Where a fork can happen, while green threads of both kinds run.

use super::child::shared_numbers;
use crate::common::isolated;
use standin::engine::{self, ASYNC, ASYNC_PINNED, Engine, GREEN, GREEN_PINNED, THREADS};
use standin::thread;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// Both kinds of threads on fibers, of both engines, after the promise that pinned ones ask for.
pub(crate) fn kinds() -> [Engine; 4] {
    // SAFETY: no part of these tests keeps a pointer through a thread-local, or holds a lock of std's, across
    // a call that parks.
    unsafe { engine::green::accept_pinned() };
    [GREEN, GREEN_PINNED, ASYNC, ASYNC_PINNED]
}

/// Runs `body` in each kind of thread, in a process of its own in which other green threads are busy, and
/// makes sure that those never run in a child.
#[track_caller]
pub(crate) fn on_each_context<F: Fn(Context) + Sync>(body: F) {
    let test = isolated::test_of(&body);
    let contexts = [
        Context::OsThread,
        Context::Threads,
        Context::Free,
        Context::Section,
        Context::Pinned,
        Context::Async,
        Context::AsyncSection,
        Context::AsyncPinned,
    ];
    for context in contexts {
        let name = format!("{context:?}");
        let environment = [
            ("TEST_CONTEXT", &*name),
            ("STANDIN_TEST", ""),
            ("STANDIN_ENGINE", ""),
            ("STANDIN_WORKERS", "3"),
        ];
        isolated::named(test, &environment, || {
            let others = Others::begin();
            context.run(&|| body(context));
            others.never_ran_elsewhere();
        })
        .succeeds();
    }
}

/// A kind of thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Context {
    OsThread,
    Threads,
    Free,
    /// A free thread in a blocking section.
    Section,
    Pinned,
    /// The same of the engine `async`.
    Async,
    AsyncSection,
    AsyncPinned,
}

impl Context {
    /// The engine whose threads it is about; for an OS thread that of none.
    pub(crate) fn engine(self) -> Option<Engine> {
        match self {
            Self::OsThread => None,
            Self::Threads => Some(THREADS),
            Self::Free | Self::Section => Some(GREEN),
            Self::Pinned => Some(GREEN_PINNED),
            Self::Async | Self::AsyncSection => Some(ASYNC),
            Self::AsyncPinned => Some(ASYNC_PINNED),
        }
    }

    /// Runs `body` in such a thread.
    pub(crate) fn run(self, body: &(dyn Fn() + Sync)) {
        match (self, self.engine()) {
            (_, None) => body(),
            (Self::Section | Self::AsyncSection, Some(engine)) => {
                engine.run(|| engine::blocking(body).expect("an OS thread"));
            }
            (_, Some(engine)) => engine.run(body),
        }
    }
}

/// Green threads that count in shared memory, by process.
struct Others {
    /// In the process that they were started in, and elsewhere.
    counts: &'static [AtomicUsize; 2],
}

impl Others {
    fn begin() -> Self {
        let counts = shared_numbers();
        let here = std::process::id();
        for engine in kinds() {
            for n in 0..10 {
                let thread = engine.spawn(move || {
                    loop {
                        let is_here = std::process::id() == here;
                        let counter: &AtomicUsize = &counts[usize::from(!is_here)];
                        counter.fetch_add(1, SeqCst);
                        match n % 2 {
                            0 => thread::sleep(Duration::from_micros(200)),
                            _ => {
                                thread::yield_now();
                                thread::sleep(Duration::from_micros(50));
                            }
                        }
                    }
                });
                drop(thread.expect("there is room"));
            }
        }
        let others = Self { counts };
        others.go_on();
        others
    }

    /// Returns once they ran.
    fn go_on(&self) {
        let before = self.counts[0].load(SeqCst);
        while self.counts[0].load(SeqCst) < before + 100 {
            std::thread::yield_now();
        }
    }

    fn never_ran_elsewhere(&self) {
        self.go_on();
        assert_eq!(self.counts[1].load(SeqCst), 0, "they ran in a child");
    }
}
