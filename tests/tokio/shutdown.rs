//! A runtime that ends while threads are parked on it: they go on with their cancellation flag up, and leave their
//! frames by ordinary returns.

use crate::common::watch::watch;
use crate::support::{KINDS, Kind, drive, message, pair, spawn};
use standin::engine::{self, ASYNC, Control, is_cancelled};
use standin::net::{TcpListener, TcpStream, UdpSocket};
use standin::sync::{Barrier, Condvar, Mutex, mpsc};
use standin::{block_on, thread, try_block_on};
use std::cell::RefCell;
use std::future::pending;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

const FOR_EVER: Duration = Duration::from_secs(100_000);

/// The ways in which a runtime ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Drop,
    Background,
    Timeout,
}

const ENDS: [End; 3] = [End::Drop, End::Background, End::Timeout];

impl End {
    fn of(self, runtime: Runtime) {
        match self {
            Self::Drop => drop(runtime),
            Self::Background => runtime.shutdown_background(),
            Self::Timeout => runtime.shutdown_timeout(Duration::from_millis(1)),
        }
    }
}

/// Calls `body` for each kind of runtime and each end.
fn each(test: &'static str, body: impl Fn(Kind, End)) {
    let _watch = watch(test);
    for kind in KINDS {
        for end in ENDS {
            body(kind, end);
        }
    }
}

/// What a thread leaves behind: that its frames and its thread-local values are gone.
#[derive(Clone, Default)]
struct Traces(Arc<AtomicUsize>);

/// Counts when it is dropped.
struct Trace(Traces);

impl Drop for Trace {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, SeqCst);
    }
}

std::thread_local!(static LOCAL: RefCell<Option<Trace>> = const { RefCell::new(None) });

impl Traces {
    /// Two for each thread: a value in its frame and one in its thread-local storage.
    fn are(&self, threads: usize) {
        assert_eq!(self.0.load(SeqCst), 2 * threads);
    }
}

/// Starts a thread that waits by `wait`; returns once it is about to, or does already: where the runtime is driven
/// by this call alone, it does.
fn waiting<T: Send + 'static>(
    runtime: &Runtime,
    traces: &Traces,
    wait: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let started = Arc::new(AtomicUsize::new(0));
    let (says, traces) = (started.clone(), traces.clone());
    let thread = spawn(runtime, move || {
        LOCAL.set(Some(Trace(traces.clone())));
        let _frame = Trace(traces);
        says.store(1, SeqCst);
        wait()
    });
    drive(runtime, || started.load(SeqCst) == 1);
    thread
}

#[test]
fn in_a_sleep() {
    each("in_a_sleep", |kind, end| {
        let (runtime, traces) = (kind.runtime(), Traces::default());
        let threads: Vec<_> = (0..20)
            .map(|_| waiting(&runtime, &traces, || thread::sleep(FOR_EVER)))
            .collect();
        end.of(runtime);
        for thread in threads {
            thread.join().expect("it only sleeps");
        }
        traces.are(20);
    });
}

#[test]
fn in_socket_operations() {
    each("in_socket_operations", |kind, end| {
        let (runtime, traces) = (kind.runtime(), Traces::default());
        let (mut near, far) = pair();
        let read = waiting(&runtime, &traces, move || near.read(&mut [0]).map(drop));
        let (mut full, other) = pair();
        let write = waiting(&runtime, &traces, move || {
            full.write_all(&vec![0; 64 << 20])
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let accept = waiting(&runtime, &traces, move || listener.accept().map(drop));
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        let receive = waiting(&runtime, &traces, move || socket.recv(&mut [0]).map(drop));
        end.of(runtime);
        for (name, thread) in [
            ("read", read),
            ("write", write),
            ("accept", accept),
            ("receive", receive),
        ] {
            let error = thread
                .join()
                .expect("no panic")
                .expect_err("it is cancelled");
            assert!(is_cancelled(&error), "{name}: {error}");
        }
        traces.are(4);
        drop((far, other));
    });
}

/// Whoever waits for memory waits on, and gets what it waits for.
#[test]
fn in_waits_that_do_not_end_early() {
    each("in_waits_that_do_not_end_early", |kind, end| {
        let (runtime, traces) = (kind.runtime(), Traces::default());
        let mutex = Arc::new((Mutex::new(0), Condvar::new()));
        let held = mutex.0.lock().expect("no panic");
        let lock = waiting(&runtime, &traces, {
            let mutex = mutex.clone();
            move || *mutex.0.lock().expect("no panic")
        });
        let (sender, receiver) = mpsc::channel();
        let receive = waiting(&runtime, &traces, move || receiver.recv().expect("sent"));
        let (full, empty) = mpsc::sync_channel(0);
        let send = waiting(&runtime, &traces, move || full.send(3).map_or(0, |()| 3));
        let barrier = Arc::new(Barrier::new(2));
        let meet = waiting(&runtime, &traces, {
            let barrier = barrier.clone();
            move || {
                barrier.wait();
                4
            }
        });
        let token = Arc::new(AtomicUsize::new(0));
        let park = waiting(&runtime, &traces, {
            let token = token.clone();
            move || {
                while token.load(SeqCst) == 0 {
                    thread::park();
                }
                5
            }
        });
        let children = Arc::new(Barrier::new(2));
        let join = waiting(&runtime, &traces, {
            let children = children.clone();
            move || {
                let child = thread::spawn(move || {
                    children.wait();
                    6
                });
                child.join().expect("no panic")
            }
        });
        let (answer, question) = oneshot::channel();
        let future = waiting(&runtime, &traces, move || {
            block_on(question).expect("it is sent")
        });
        end.of(runtime);
        let threads = [&lock, &receive, &send, &meet, &park, &join, &future];
        for (n, thread) in threads.iter().enumerate() {
            assert!(!thread.is_finished(), "the wait of thread {n} is not over");
        }
        drop(held);
        sender.send(2).expect("it is received");
        assert_eq!(empty.recv(), Ok(3));
        barrier.wait();
        token.store(1, SeqCst);
        park.thread().unpark();
        children.wait();
        answer.send(7).expect("it is received");
        let results = [lock, receive, send, meet, park, join, future]
            .map(|thread| thread.join().expect("no panic"));
        assert_eq!(results, [0, 2, 3, 4, 5, 6, 7]);
        traces.are(7);
    });
}

#[test]
fn in_a_wait_for_a_condition() {
    each("in_a_wait_for_a_condition", |kind, end| {
        let (runtime, traces) = (kind.runtime(), Traces::default());
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let shared = shared.clone();
                waiting(&runtime, &traces, move || {
                    let guard = shared.0.lock().expect("no panic");
                    drop(shared.1.wait_while(guard, |is_over| !*is_over));
                })
            })
            .collect();
        end.of(runtime);
        *shared.0.lock().expect("nobody holds it while it waits") = true;
        shared.1.notify_all();
        for thread in threads {
            thread.join().expect("no panic");
        }
        traces.are(4);
    });
}

/// A future of the runtime's own ends with it, as a task would see it.
#[test]
fn in_a_wait_for_a_future() {
    each("in_a_wait_for_a_future", |kind, end| {
        let (runtime, traces) = (kind.runtime(), Traces::default());
        let sleep = waiting(&runtime, &traces, || block_on(tokio::time::sleep(FOR_EVER)));
        let task = waiting(&runtime, &traces, || {
            block_on(tokio::spawn(pending::<()>())).map_err(|error| error.is_cancelled())
        });
        let cancelled = waiting(&runtime, &traces, || try_block_on(pending::<()>()));
        end.of(runtime);
        let panic = sleep.join().expect_err("a timer of a runtime that is gone");
        assert!(message(&*panic).contains("shut"), "{}", message(&*panic));
        assert_eq!(task.join().expect("no panic"), Err(true));
        let error = cancelled.join().expect("no panic").expect_err("cancelled");
        assert!(is_cancelled(&error), "{error}");
        traces.are(3);
    });
}

#[test]
fn in_a_blocking_section() {
    each("in_a_blocking_section", |kind, end| {
        let (runtime, traces) = (kind.runtime(), Traces::default());
        let (entered, enters) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel();
        let thread = waiting(&runtime, &traces, move || {
            let number = engine::blocking(move || {
                entered.send(()).expect("it is received");
                released.recv().expect("it is sent")
            });
            // What parks works afterwards, and this ends at once.
            thread::sleep(FOR_EVER);
            thread::yield_now();
            number.expect("an OS thread")
        });
        drive(&runtime, || enters.try_recv().is_ok());
        // To drop a runtime is to wait for what its blocking pool does.
        if let End::Drop = end {
            let releases = std::thread::spawn(move || release.send(8));
            end.of(runtime);
            releases.join().expect("no panic").expect("it is received");
        } else {
            end.of(runtime);
            release.send(8).expect("it is received");
        }
        assert_eq!(thread.join().ok(), Some(8));
        traces.are(1);
    });
}

/// Threads that are ready, or have not run yet, are not parked: they go on as well.
#[test]
fn not_parked() {
    each("not_parked", |kind, end| {
        let (runtime, traces) = (kind.runtime(), Traces::default());
        let busy: Vec<_> = (0..4)
            .map(|_| {
                waiting(&runtime, &traces, || {
                    while !Control::cancellation() {
                        thread::yield_now();
                    }
                })
            })
            .collect();
        let fresh: Vec<_> = (0..10).map(|n| spawn(&runtime, move || n)).collect();
        end.of(runtime);
        for thread in busy {
            thread.join().expect("no panic");
        }
        for (n, thread) in fresh.into_iter().enumerate() {
            assert_eq!(thread.join().ok(), Some(n));
        }
        traces.are(4);
    });
}

/// A context outlives its runtime.
#[test]
fn before_the_spawn() {
    each("before_the_spawn", |kind, end| {
        let runtime = kind.runtime();
        let handle = runtime.handle().clone();
        end.of(runtime);
        let _entered = handle.enter();
        let thread = ASYNC.spawn(|| {
            thread::sleep(FOR_EVER);
            thread::spawn(|| 9).join().ok()
        });
        assert_eq!(thread.expect("there is room").join().ok(), Some(Some(9)));
    });
}

/// A lock is not released by the end of a runtime, but by whoever has it, who is told to end.
#[test]
fn with_locks() {
    each("with_locks", |kind, end| {
        let (runtime, traces) = (kind.runtime(), Traces::default());
        let own = Arc::new(Mutex::new(0));
        let of_std = Arc::new(std::sync::Mutex::new(0));
        let (mut near, _far) = pair();
        let holder = waiting(&runtime, &traces, {
            let (own, of_std) = (own.clone(), of_std.clone());
            move || {
                let (mut own, mut of_std) =
                    (own.lock().expect("free"), of_std.lock().expect("free"));
                near.read(&mut [0]).expect_err("it is cancelled");
                *own += 1;
                *of_std += 1;
            }
        });
        end.of(runtime);
        holder.join().expect("no panic");
        assert_eq!(*own.lock().expect("not poisoned"), 1);
        assert_eq!(*of_std.lock().expect("not poisoned"), 1);
        traces.are(1);
    });
}

/// Children borrow from a frame of their parent, and all of them lose their runtime.
#[test]
fn in_a_scope() {
    each("in_a_scope", |kind, end| {
        let (runtime, traces) = (kind.runtime(), Traces::default());
        let running = Arc::new(AtomicUsize::new(0));
        let parent = waiting(&runtime, &traces, {
            let running = running.clone();
            move || {
                let mut numbers = [0_u64; 16];
                thread::scope(|scope| {
                    for (n, number) in numbers.iter_mut().enumerate() {
                        let running = &running;
                        scope.spawn(move || {
                            running.fetch_add(1, SeqCst);
                            thread::sleep(FOR_EVER);
                            thread::yield_now();
                            *number = n as u64;
                        });
                    }
                });
                numbers.iter().sum::<u64>()
            }
        });
        drive(&runtime, || running.load(SeqCst) == 16);
        end.of(runtime);
        assert_eq!(parent.join().ok(), Some(120));
        traces.are(1);
    });
}

/// A scope of an OS thread, whose runtime ends within it.
#[test]
fn in_a_scope_of_an_os_thread() {
    each("in_a_scope_of_an_os_thread", |kind, end| {
        let runtime = kind.runtime();
        let mut text = String::from("borrowed");
        thread::scope(|scope| {
            let text = &mut text;
            let running = AtomicUsize::new(0);
            thread::scope(|inner| {
                let entered = runtime.enter();
                let running = &running;
                let child = thread::Builder::new().spawn_scoped_on(ASYNC, inner, move || {
                    running.store(1, SeqCst);
                    thread::sleep(FOR_EVER);
                    text.push_str(" and given back");
                });
                child.expect("there is room for it");
                drop(entered);
                drive(&runtime, || running.load(SeqCst) == 1);
                end.of(runtime);
            });
            let _ = scope;
        });
        assert_eq!(text, "borrowed and given back");
    });
}

/// A thread ends the runtime that it is a task of.
#[test]
fn by_one_of_its_threads() {
    let _watch = watch("by_one_of_its_threads");
    for _ in 0..20 {
        let (runtime, traces) = (Kind::MultiThread.runtime(), Traces::default());
        let sleeper = waiting(&runtime, &traces, || thread::sleep(FOR_EVER));
        let handle = runtime.handle().clone();
        let entered = handle.enter();
        let last = ASYNC.spawn(move || {
            runtime.shutdown_background();
            // Its workers see that when they next look.
            while !Control::cancellation() {
                thread::yield_now();
                thread::sleep(Duration::from_micros(10));
            }
            true
        });
        assert_eq!(last.expect("there is room").join().ok(), Some(true));
        drop(entered);
        sleeper.join().expect("it only sleeps");
        traces.are(1);
    }
}

/// Threads that spawn, talk and end while their runtime ends under them, at any moment.
#[test]
fn at_any_moment() {
    let _watch = watch("at_any_moment");
    for round in 0..60 {
        let (runtime, traces) = (Kind::MultiThread.runtime(), Traces::default());
        let threads: Vec<_> = (0..8)
            .map(|n| {
                waiting(&runtime, &traces, move || {
                    let mut sum = 0;
                    while !Control::cancellation() {
                        let (sender, receiver) = mpsc::channel();
                        let child = thread::spawn(move || sender.send(n).is_ok());
                        sum += receiver.recv().expect("it is sent") - n;
                        assert!(child.join().expect("no panic"));
                        let talk = || {
                            let listener = TcpListener::bind("127.0.0.1:0")?;
                            let mut near = TcpStream::connect(listener.local_addr()?)?;
                            let mut far = listener.accept()?.0;
                            near.write_all(b"a")?;
                            far.read_exact(&mut [0])
                        };
                        if let Err(error) = talk() {
                            assert!(is_cancelled(&error), "{error}");
                        }
                        if n % 2 == 0 {
                            let section = engine::blocking(|| 0);
                            sum += section.unwrap_or(0);
                        } else {
                            thread::sleep(Duration::from_micros(20));
                        }
                    }
                    sum
                })
            })
            .collect();
        ENDS[round % 3].of(runtime);
        for thread in threads {
            assert_eq!(thread.join().expect("no panic"), 0);
        }
        traces.are(8);
    }
}
