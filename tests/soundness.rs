//! Safe code that must work on free threads as it does on OS threads, although each of them goes on on
//! another OS thread after every park: code that borrows from thread-locals, counts panics, holds locks that
//! standin does not know, or looks at `errno`.
//!
//! Each body runs in a process of its own: on `green` once with a switch that moves a thread at every park, and once
//! with work stealing alone; on `async` with the work stealing of a runtime with four workers.

#![cfg(all(
    feature = "green",
    feature = "async",
    feature = "threads",
    target_os = "linux"
))]

mod common;

use common::isolated::{self, isolated};
use standin::engine::{self, ASYNC, Engine, GREEN, GREEN_PINNED};
use standin::sync::mpsc;
use standin::thread;
use std::cell::{Cell, RefCell};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

const THREADS: usize = 24;
const HOPS: usize = 400;

/// Runs `body` on many threads at once, in all three processes.
#[track_caller]
fn on_many_threads<F: Fn(usize) + Sync>(body: F) {
    let run = |engine: Engine| {
        std::panic::set_hook(Box::new(|panic| {
            if panic.payload().downcast_ref() != Some(&EXPECTED) {
                eprintln!("{panic}");
            }
        }));
        thread::scope(|scope| {
            for number in 0..THREADS {
                let body = &body;
                thread::Builder::new()
                    .spawn_scoped_on(engine, scope, move || body(number))
                    .expect("free threads can be spawned here");
            }
        });
        MOVES.load(Relaxed)
    };
    let few = THREADS * HOPS / 4;
    let hopping = [("STANDIN_TEST", "hop"), ("STANDIN_WORKERS", "4")];
    let test = isolated::test_of(&body);
    isolated::named(test, &hopping, || {
        let moves = run(GREEN);
        assert!(moves > few, "only {moves} moves between OS threads");
    })
    .succeeds();
    let stealing = [("STANDIN_TEST", ""), ("STANDIN_WORKERS", "4")];
    isolated::named(test, &stealing, || {
        run(GREEN);
    })
    .succeeds();
    let on_tokio = [
        ("STANDIN_TEST", ""),
        ("STANDIN_WORKERS", "4"),
        ("TEST_ENGINE", "async"),
    ];
    isolated::named(test, &on_tokio, || {
        // Tasks of the same runtime, which keep its workers busy and themselves in other thread-locals.
        let is_over = std::sync::Arc::new(AtomicUsize::new(0));
        let runtime = engine::tokio::default_runtime().expect("there is room");
        for _ in 0..8 {
            let is_over = is_over.clone();
            runtime.spawn(async move {
                while is_over.load(Relaxed) == 0 {
                    tokio::task::yield_now().await;
                }
            });
        }
        // Which worker takes a task is up to them: until one took another one's.
        while run(ASYNC) == 0 {}
        is_over.store(1, Relaxed);
    })
    .succeeds();
}

/// The payload of panics that belong to a test.
const EXPECTED: &str = "a panic that belongs to the test";

/// How often a thread was on another OS thread after it parked.
static MOVES: AtomicUsize = AtomicUsize::new(0);

/// Parks in one of several ways, and notes whether the OS thread is another one afterwards.
fn hop(n: usize) {
    let before = rustix::thread::gettid();
    match n % 16 {
        7 => thread::sleep(Duration::from_micros(20)),
        11 => {
            let (sender, receiver) = mpsc::channel();
            thread::spawn(move || sender.send(n).expect("the receiver waits"));
            assert_eq!(receiver.recv(), Ok(n));
        }
        _ => thread::yield_now(),
    }
    if rustix::thread::gettid() != before {
        MOVES.fetch_add(1, Relaxed);
    }
}

/// What the crate `scoped_tls` does: a thread-local holds a pointer to a value on the stack of whoever called
/// `set`, until `set` returns.
mod scoped_tls {
    use std::cell::Cell;
    use std::marker::PhantomData;
    use std::ptr;
    use std::thread::LocalKey;

    pub(crate) struct ScopedKey<T> {
        pub(crate) inner: &'static LocalKey<Cell<*const ()>>,
        pub(crate) marker: PhantomData<fn(T)>,
    }

    impl<T> ScopedKey<T> {
        pub(crate) fn set<R>(&'static self, value: &T, f: impl FnOnce() -> R) -> R {
            struct Reset(&'static LocalKey<Cell<*const ()>>, *const ());
            impl Drop for Reset {
                fn drop(&mut self) {
                    self.0.set(self.1);
                }
            }
            let before = self.inner.replace(ptr::from_ref(value).cast());
            let _reset = Reset(self.inner, before);
            f()
        }

        pub(crate) fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
            let value = self.inner.get();
            assert!(!value.is_null(), "called `with` outside of `set`");
            // SAFETY: the caller of `set` has lent the value until `set` returns, which takes the pointer
            // back; this thread is inside of it.
            f(unsafe { &*value.cast::<T>() })
        }
    }
}

#[test]
fn scoped_thread_locals() {
    thread_local!(static INNER: Cell<*const ()> = const { Cell::new(std::ptr::null()) });
    static KEY: scoped_tls::ScopedKey<[usize; 8]> = scoped_tls::ScopedKey {
        inner: &INNER,
        marker: std::marker::PhantomData,
    };
    on_many_threads(|number| {
        for round in 0..HOPS / 10 {
            let outer = [number; 8];
            KEY.set(&outer, || {
                for n in 0..5 {
                    hop(n + round);
                    KEY.with(|value| assert_eq!(value, &[number; 8]));
                }
                let inner = [number + 1000; 8];
                KEY.set(&inner, || {
                    for n in 0..5 {
                        hop(n + round);
                        KEY.with(|value| assert_eq!(value, &[number + 1000; 8]));
                    }
                });
                KEY.with(|value| assert_eq!(value, &[number; 8]));
            });
        }
    });
}

#[test]
fn parked_while_unwinding() {
    struct ParksInDrop<'a>(&'a Cell<usize>);
    impl Drop for ParksInDrop<'_> {
        fn drop(&mut self) {
            for n in 0..10 {
                assert!(
                    std::thread::panicking(),
                    "the panic count is not this thread's"
                );
                hop(n);
                // A second panic while the first one is under way, caught where it is.
                let caught = catch_unwind(|| {
                    hop(n + 1);
                    resume_unwind(Box::new(EXPECTED));
                });
                assert!(caught.is_err());
                self.0.set(self.0.get() + 1);
            }
            assert!(
                std::thread::panicking(),
                "the panic count is not this thread's"
            );
        }
    }
    on_many_threads(|number| {
        for round in 0..HOPS / 10 {
            if number % 2 == 0 {
                let drops = Cell::new(0);
                let poisoned = std::sync::Mutex::new(());
                let payload = catch_unwind(AssertUnwindSafe(|| {
                    let _guard = poisoned.lock();
                    let _parks = ParksInDrop(&drops);
                    std::panic::panic_any(EXPECTED);
                }));
                assert_eq!(payload.unwrap_err().downcast_ref(), Some(&EXPECTED));
                assert_eq!(drops.get(), 10);
                assert!(
                    poisoned.is_poisoned(),
                    "a guard dropped in an unwinding poisons"
                );
                assert!(!std::thread::panicking());
            } else {
                let healthy = std::sync::Mutex::new(0);
                for n in 0..10 {
                    let mut guard = healthy.lock().expect("nobody panicked with this lock");
                    hop(n + round);
                    assert!(
                        !std::thread::panicking(),
                        "another thread's panic shows here"
                    );
                    *guard += 1;
                }
                assert!(!healthy.is_poisoned());
            }
        }
    });
}

#[test]
fn a_count_without_atomics() {
    on_many_threads(|number| {
        let value = Rc::new(Cell::new(number));
        let mut clones = Vec::new();
        for n in 0..HOPS {
            clones.push(value.clone());
            hop(n);
            value.set(value.get() + 1);
            if n % 3 == 0 {
                clones.pop();
            }
        }
        assert_eq!(value.get(), number + HOPS);
        assert_eq!(Rc::strong_count(&value), clones.len() + 1);
    });
}

#[test]
fn guards_of_std_held_across_parks() {
    on_many_threads(|number| {
        let (mutex, lock) = (
            std::sync::Mutex::new(number),
            std::sync::RwLock::new(number),
        );
        for n in 0..HOPS / 3 {
            let mut guard = mutex.lock().expect("not poisoned");
            hop(n);
            assert!(mutex.try_lock().is_err(), "the lock is held");
            *guard += 1;
            drop(guard);
            let reader = lock.read().expect("not poisoned");
            hop(n + 5);
            assert!(lock.try_write().is_err(), "a reader is there");
            drop(reader);
            let mut writer = lock.write().expect("not poisoned");
            hop(n + 9);
            assert!(lock.try_read().is_err(), "a writer is there");
            *writer += 1;
        }
        assert_eq!(mutex.into_inner().ok(), Some(number + HOPS / 3));
        assert_eq!(lock.into_inner().ok(), Some(number + HOPS / 3));
    });
}

/// A mutex of pthreads that knows its owner. On the heap, since it must not move.
struct OwnedMutex(Box<std::cell::UnsafeCell<libc::pthread_mutex_t>>);

// SAFETY: mutexes of pthreads are made to be used by several threads.
unsafe impl Sync for OwnedMutex {}
// SAFETY: as above; it lies on the heap.
unsafe impl Send for OwnedMutex {}

impl OwnedMutex {
    fn new(kind: i32) -> Self {
        let mutex = Self(Box::new(std::cell::UnsafeCell::new(
            libc::PTHREAD_MUTEX_INITIALIZER,
        )));
        let mut attributes = std::mem::MaybeUninit::uninit();
        // SAFETY: the attributes are initialised by the first call, and the mutex is in its place.
        let result = unsafe {
            libc::pthread_mutexattr_init(attributes.as_mut_ptr());
            libc::pthread_mutexattr_settype(attributes.as_mut_ptr(), kind);
            libc::pthread_mutex_init(mutex.0.get(), attributes.as_ptr())
        };
        assert_eq!(result, 0);
        mutex
    }

    fn lock(&self) -> i32 {
        // SAFETY: initialised, and alive.
        unsafe { libc::pthread_mutex_lock(self.0.get()) }
    }

    fn unlock(&self) -> i32 {
        // SAFETY: initialised, and alive.
        unsafe { libc::pthread_mutex_unlock(self.0.get()) }
    }
}

#[test]
fn mutexes_that_know_their_owner() {
    on_many_threads(|_| {
        let checked = OwnedMutex::new(libc::PTHREAD_MUTEX_ERRORCHECK);
        let recursive = OwnedMutex::new(libc::PTHREAD_MUTEX_RECURSIVE);
        for n in 0..HOPS / 3 {
            assert_eq!(checked.lock(), 0);
            assert_eq!(recursive.lock(), 0);
            hop(n);
            assert_eq!(checked.lock(), libc::EDEADLK, "this thread holds it");
            assert_eq!(recursive.lock(), 0, "its owner takes it again");
            hop(n + 3);
            if n % 10 == 0 {
                let other = thread::scope(|scope| {
                    let thread = scope.spawn(|| (checked.unlock(), recursive.unlock()));
                    thread.join().expect("it does not panic")
                });
                assert_eq!(
                    other,
                    (libc::EPERM, libc::EPERM),
                    "another thread is not the owner"
                );
            }
            assert_eq!(recursive.unlock(), 0);
            hop(n + 5);
            assert_eq!(recursive.unlock(), 0);
            assert_eq!(checked.unlock(), 0);
            assert_eq!(checked.unlock(), libc::EPERM, "nobody holds it");
        }
    });
}

#[test]
fn the_lock_of_standard_output() {
    on_many_threads(|number| {
        if number == 0 {
            let lock = io::stdout().lock();
            for n in 0..HOPS * THREADS {
                hop(n % 7);
                // Taken again by its owner: whoever is not would wait for ever.
                drop(io::stdout().lock());
            }
            drop(lock);
        }
    });
}

#[test]
fn the_error_number() {
    on_many_threads(|number| {
        for n in 0..HOPS {
            let mine = 1 + (number * HOPS + n) as i32 % 100;
            // SAFETY: it is the calling thread's.
            unsafe { *libc::__errno_location() = mine };
            let before = rustix::thread::gettid();
            thread::yield_now();
            // SAFETY: as above.
            assert_eq!(unsafe { *libc::__errno_location() }, mine);
            MOVES.fetch_add(usize::from(rustix::thread::gettid() != before), Relaxed);
        }
    });
}

#[test]
fn who_the_thread_is() {
    static SEEN: std::sync::Mutex<Vec<std::thread::ThreadId>> = std::sync::Mutex::new(Vec::new());
    on_many_threads(|_| {
        let (id, own) = (std::thread::current().id(), thread::current().id());
        for n in 0..HOPS {
            hop(n);
            assert_eq!(std::thread::current().id(), id);
            assert_eq!(thread::current().id(), own);
        }
        let mut seen = SEEN.lock().expect("not poisoned");
        assert!(!seen.contains(&id), "two threads have one id");
        seen.push(id);
    });
}

/// Made and dropped by one and the same thread, and counted.
struct Local {
    thread: std::thread::ThreadId,
    values: RefCell<Vec<usize>>,
}

static ALIVE: AtomicUsize = AtomicUsize::new(0);

impl Local {
    fn new() -> Self {
        ALIVE.fetch_add(1, Relaxed);
        Self {
            thread: std::thread::current().id(),
            values: RefCell::default(),
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let thread = thread::current().id();
        for n in 0..4 {
            hop(n);
        }
        assert_eq!(thread::current().id(), thread);
        assert_eq!(
            self.values.borrow().len(),
            HOPS / 2,
            "the values of another thread"
        );
        ALIVE.fetch_sub(1, Relaxed);
    }
}

#[test]
fn thread_locals_with_destructors() {
    /// As a key of the `const` kind has to be initialised without code, it holds the value in a cell.
    struct Slot(Cell<Option<Box<Local>>>);
    impl Drop for Slot {
        fn drop(&mut self) {
            drop(self.0.take().expect("every thread filled it"));
        }
    }
    thread_local! {
        static LAZY: Local = Local::new();
        static CONST: Slot = const { Slot(Cell::new(None)) };
        static PLAIN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    on_many_threads(|number| {
        // Several threads one after another, so that storage is used again.
        for _ in 0..4 {
            let thread = thread::spawn(move || {
                assert_eq!(
                    PLAIN.replace(number),
                    usize::MAX,
                    "the storage is not fresh"
                );
                CONST.with(|slot| {
                    assert!(
                        slot.0.replace(Some(Box::new(Local::new()))).is_none(),
                        "not fresh"
                    );
                });
                // References into the storage that are used after the thread has moved.
                LAZY.with(|lazy| {
                    for n in 0..HOPS / 2 {
                        let mut values = lazy.values.borrow_mut();
                        hop(n);
                        values.push(n);
                        drop(values);
                        assert_eq!(lazy.thread, std::thread::current().id());
                        assert!(
                            LAZY.with(|again| std::ptr::eq(again, lazy)),
                            "the storage has moved"
                        );
                        CONST.with(|slot| {
                            let local = slot.0.take().expect("filled above");
                            local.values.borrow_mut().push(n);
                            slot.0.set(Some(local));
                        });
                        assert_eq!(PLAIN.get(), number);
                    }
                });
            });
            thread.join().expect("nothing fails");
        }
    });
    assert_eq!(
        ALIVE.load(Relaxed),
        0,
        "each destructor has run before its thread was joined"
    );
}

#[test]
fn without_free_threads() {
    isolated(
        &[("STANDIN_TEST", "no-free"), ("STANDIN_ENGINE", "")],
        || {
            let error = thread::Builder::new()
                .spawn(|| ())
                .expect_err("free threads cannot run");
            assert_eq!(error.kind(), io::ErrorKind::Unsupported);
            let message = error.to_string();
            assert!(
                message.contains("accept_pinned") && message.contains("no-free"),
                "{message}"
            );
            let panic = catch_unwind(|| thread::spawn(|| ())).expect_err("there is no fall-back");
            let panic = panic.downcast_ref::<String>().expect("a message");
            assert!(panic.contains("accept_pinned"), "{panic}");
            let error = GREEN_PINNED.spawn(|| ()).expect_err("not accepted yet");
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            assert!(error.to_string().contains("accept_pinned"), "{error}");
            assert!(engine::set_default(GREEN_PINNED).is_err());

            // SAFETY: nothing in this process keeps a pointer through a thread-local, or holds a lock that
            // standin does not know, across a call that parks.
            unsafe { engine::green::accept_pinned() };
            let thread = GREEN_PINNED.spawn(|| {
                thread::sleep(Duration::from_millis(1));
                thread::spawn(|| 7).join().expect("it does not panic")
            });
            assert_eq!(
                thread.expect("accepted").join().expect("it does not panic"),
                7
            );
            // What said no before says no still.
            assert!(GREEN.spawn(|| ()).is_err());
        },
    )
    .succeeds();
    isolated(
        &[("STANDIN_TEST", "no-free"), ("STANDIN_ENGINE", "")],
        || {
            // SAFETY: as above.
            unsafe { engine::green::accept_pinned() };
            engine::set_default(GREEN_PINNED).expect("nothing was chosen before");
            assert_eq!(
                thread::spawn(|| thread::spawn(|| 8).join())
                    .join()
                    .expect("no panic")
                    .ok(),
                Some(8)
            );
        },
    )
    .succeeds();
    // Nor does the other engine's kind need what is missing.
    #[cfg(feature = "async")]
    isolated(&[("STANDIN_TEST", "no-free")], || {
        // SAFETY: as above.
        unsafe { engine::tokio::accept_pinned() };
        let thread = engine::ASYNC_PINNED.spawn(|| {
            thread::sleep(Duration::from_millis(1));
            9
        });
        assert_eq!(
            thread.expect("accepted").join().expect("it does not panic"),
            9
        );
    })
    .succeeds();
}
