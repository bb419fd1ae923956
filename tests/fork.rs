//! A fork without exec: the thread that forked goes on in the child, with an OS thread for itself, and no
//! other. And children that do exec: they inherit nothing that is the library's.

#![cfg(all(
    feature = "green",
    feature = "async",
    feature = "threads",
    target_os = "linux"
))]

mod common;

#[path = "fork/child.rs"]
mod child;
#[path = "fork/contexts.rs"]
mod contexts;
#[path = "fork/exec.rs"]
mod exec;
#[path = "fork/sockets.rs"]
mod sockets;
#[path = "fork/waiting.rs"]
mod waiting;

use child::{exit, fork, in_child, shared_numbers};
use common::isolated::isolated;
use contexts::{Context, kinds, on_each_context};
use standin::engine::{self, GREEN, THREADS};
use standin::net::{TcpListener, TcpStream};
use standin::sync::{Barrier, Condvar, Mutex, OnceLock, RwLock, mpsc};
use standin::thread::{self, Builder};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

/// How often a fork is repeated where it depends on the moment.
const ROUNDS: usize = 20;
const SHORT: Duration = Duration::from_micros(700);
const LONG: Duration = Duration::from_secs(3600);

fn listen() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free")
}

fn connect(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
    (near, listener.accept().expect("one has connected").0)
}

/// Sends a byte one way and back.
fn converse(mut near: &TcpStream, mut far: &TcpStream, byte: u8) {
    let mut got = [0];
    near.write_all(&[byte]).expect("connected");
    far.read_exact(&mut got).expect("it was sent");
    far.write_all(&got).expect("connected");
    near.read_exact(&mut got).expect("it was sent");
    assert_eq!(got, [byte]);
}

/// Fails if less time passes than was asked for.
fn not_early<T>(least: Duration, operation: impl FnOnce() -> T) -> T {
    let before = Instant::now();
    let result = operation();
    let passed = before.elapsed();
    assert!(passed >= least, "{passed:?} of {least:?}");
    result
}

/// Everything at once: threads of an engine that talk by a channel and a connection, sleep, and end.
fn use_everything(engine: engine::Engine) {
    let sum = engine.run(|| {
        let listener = listen();
        let (sender, receiver) = mpsc::channel();
        let threads: Vec<_> = (0..20)
            .map(|n| {
                let sender = sender.clone();
                thread::spawn(move || {
                    thread::sleep(Duration::from_micros(50));
                    engine::blocking(|| ()).expect("an OS thread");
                    sender.send(n).expect("it is received");
                    n
                })
            })
            .collect();
        drop(sender);
        let (near, far) = connect(&listener);
        converse(&near, &far, 1);
        let received: u32 = receiver.iter().sum();
        let returned: u32 = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .sum();
        assert_eq!(received, returned);
        received
    });
    assert_eq!(sum, 190);
}

/// Where no green thread was ever started, a child is a process like any other.
#[test]
fn before_the_first_green_thread_a_child_may_do_everything() {
    for context in [Context::OsThread, Context::Threads] {
        let name = format!("{context:?}");
        isolated(&[("TEST_CONTEXT", &*name), ("STANDIN_TEST", "")], || {
            // What is not green may have been used.
            THREADS.run(|| {
                let (near, far) = connect(&listen());
                converse(&near, &far, 1);
            });
            context.run(&|| {
                for _ in 0..3 {
                    let child = in_child(|| {
                        for engine in kinds() {
                            use_everything(engine);
                        }
                        use_everything(THREADS);
                        // A grandchild is the child of a process with green threads.
                        in_child(|| {
                            assert!(GREEN.spawn(|| ()).is_err());
                            use_everything(THREADS);
                        })
                        .ends_well();
                    });
                    child.ends_well();
                }
                let child = in_child(|| {
                    GREEN.run(|| ());
                    std::process::exit(0);
                });
                child.ends_well();
            });
            for engine in kinds() {
                use_everything(engine);
            }
        })
        .succeeds();
    }
}

#[test]
fn only_the_thread_that_forked_goes_on() {
    on_each_context(|_| {
        for _ in 0..ROUNDS {
            let child = in_child(|| {
                for _ in 0..100 {
                    thread::yield_now();
                }
                for _ in 0..5 {
                    not_early(SHORT, || thread::sleep(SHORT));
                    thread::park_timeout(SHORT);
                }
                engine::blocking(|| std::thread::sleep(SHORT)).expect("it is just called");
            });
            child.ends_well();
        }
    });
}

#[test]
fn locks_and_channels_of_the_child_work() {
    on_each_context(|_| {
        let child = in_child(|| {
            let count = Arc::new((Mutex::new(0), Condvar::new()));
            let all_there = Arc::new(Barrier::new(4));
            let once = Arc::new(OnceLock::new());
            let (sender, receiver) = mpsc::channel();
            let (back, forth) = mpsc::sync_channel(0);
            let back_again = back.clone();
            let echo = THREADS.spawn(move || {
                receiver
                    .iter()
                    .for_each(|n| back.send(n).expect("it is received"))
            });
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let (count, all_there, once) = (count.clone(), all_there.clone(), once.clone());
                    THREADS.spawn(move || {
                        all_there.wait();
                        for _ in 0..500 {
                            *count.0.lock().expect("no panic") += 1;
                            count.1.notify_one();
                        }
                        *once.get_or_init(|| 5)
                    })
                })
                .collect();
            all_there.wait();
            let mut now = count.0.lock().expect("no panic");
            while *now < 1500 {
                now = count.1.wait(now).expect("no panic");
            }
            drop(now);
            for n in 0..500 {
                sender.send(n).expect("it is received");
                assert_eq!(forth.recv(), Ok(n));
            }
            drop(sender);
            echo.expect("an OS thread").join().expect("no panic");
            for thread in threads {
                assert_eq!(thread.expect("an OS thread").join().ok(), Some(5));
            }
            let (guarded, timed_out) = {
                let result = not_early(SHORT, || {
                    let now = count.0.lock().expect("no panic");
                    count.1.wait_timeout_while(now, SHORT, |_| true)
                });
                let (now, result) = result.expect("no panic");
                (*now, result.timed_out())
            };
            assert!(timed_out && guarded == 1500);
            drop(back_again);
            assert_eq!(
                forth.recv_timeout(LONG),
                Err(mpsc::RecvTimeoutError::Disconnected)
            );
            let lock = RwLock::new(1);
            assert_eq!(*lock.read().expect("no panic"), 1);
            *lock.write().expect("no panic") = 2;
            // Unparked by a thread of the child.
            let me = thread::current();
            let is_time = Arc::new(AtomicUsize::new(0));
            let sees = is_time.clone();
            let waker = THREADS.spawn(move || {
                is_time.store(1, SeqCst);
                me.unpark();
            });
            while sees.load(SeqCst) == 0 {
                thread::park();
            }
            waker.expect("an OS thread").join().expect("no panic");
            // A scope, and a child of the child.
            let in_scope = thread::scope(|scope| {
                Builder::new()
                    .spawn_scoped_on(THREADS, scope, || 3)
                    .expect("an OS thread")
                    .join()
            });
            assert_eq!(in_scope.ok(), Some(3));
            in_child(|| use_everything(THREADS)).ends_well();
        });
        child.ends_well();
    });
}

#[test]
fn green_threads_are_refused_in_the_child() {
    on_each_context(|context| {
        let child = in_child(|| {
            for engine in kinds() {
                for _ in 0..3 {
                    let error = engine
                        .spawn(|| ())
                        .expect_err("its machines are in the parent");
                    let text = error.to_string();
                    for word in ["forked", "exec", "threads"] {
                        assert!(text.contains(word), "{word:?} is not in: {text}");
                    }
                    let panic = catch_unwind(|| engine.run(|| ())).expect_err("nothing falls back");
                    let panic = panic.downcast_ref::<String>().expect("a message");
                    assert!(panic.contains(&text), "{panic}");
                }
            }
            // What `spawn` makes here: on an OS thread the default, which is green as well.
            if context != Context::Threads {
                assert!(Builder::new().spawn(|| ()).is_err());
                let panic = catch_unwind(|| thread::spawn(|| ())).expect_err("nothing falls back");
                assert!(
                    panic
                        .downcast_ref::<String>()
                        .expect("a message")
                        .contains("forked")
                );
            }
            use_everything(THREADS);
        });
        child.ends_well();
    });
}

/// A thread that returns in the child ends its OS thread, and the process if that was the last one.
#[test]
fn a_thread_that_returns_in_the_child_ends() {
    struct Counted(&'static AtomicUsize);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    thread_local! {
        static LOCAL: Cell<Option<Counted>> = const { Cell::new(None) };
    }
    on_each_context(|context| {
        // What an OS thread does that no engine made is std's.
        let Some(engine) = context.engine() else {
            return;
        };
        let numbers: &[AtomicUsize; 3] = shared_numbers();
        let here = std::process::id();
        for how in 0..3 {
            for _ in 0..ROUNDS {
                let forker = engine.spawn(move || {
                    LOCAL.set(Some(Counted(&numbers[0])));
                    let child = match context {
                        Context::Section | Context::AsyncSection => {
                            engine::blocking(fork).expect("an OS thread")
                        }
                        _ => fork(),
                    };
                    if child.is_none() {
                        // An OS thread that takes longer is waited for, as after the end of a std thread.
                        let later = || {
                            std::thread::sleep(SHORT);
                            numbers[1].fetch_add(1, SeqCst);
                        };
                        match how {
                            0 => {}
                            1 => drop(THREADS.spawn(later).expect("an OS thread")),
                            // Silent: its message would be on the parent's output.
                            _ => std::panic::resume_unwind(Box::new(())),
                        }
                    }
                    child
                });
                let joined = forker.expect("there is room").join();
                if std::process::id() != here {
                    // Who waits for the thread is in the parent.
                    exit(9);
                }
                joined
                    .expect("no panic here")
                    .expect("the parent")
                    .ends_well();
            }
        }
        let expected = match context {
            // Pinned threads share the OS thread's locals, which end with it.
            Context::Pinned | Context::AsyncPinned => numbers[0].load(SeqCst),
            // Each thread in both processes.
            _ => 2 * 3 * ROUNDS,
        };
        assert_eq!(numbers[0].load(SeqCst), expected);
        assert_eq!(numbers[1].load(SeqCst), ROUNDS);
    });
}
