//! `unblock`: sync-style code awaited by async code, on executors that know nothing of standin.

#![cfg(all(
    feature = "green",
    feature = "async",
    feature = "threads",
    target_os = "linux"
))]

mod common;

use common::watch::watch;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all, poll_immediate};
use standin::engine::{self, Engine, is_cancelled};
use standin::net::{TcpListener, TcpStream};
use standin::sync::mpsc::{channel, sync_channel};
use standin::{block_on, block_on_local, thread, unblock, unblock_on};
use std::future::ready;
use std::io::{Read, Write};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// Drives a future to its end.
type Drive = fn(BoxFuture<'static, ()>);

/// What drives futures, by name.
const EXECUTORS: [(&str, Drive); 6] = [
    ("tokio multi-thread", |future| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        // In a task, so that workers drive it, and not the calling thread.
        let runtime = runtime.expect("a runtime");
        let task = runtime.spawn(future);
        runtime.block_on(task).expect("it does not panic");
    }),
    ("tokio current-thread", |future| {
        current_thread().block_on(future);
    }),
    ("tokio LocalSet", |future| {
        let local = tokio::task::LocalSet::new();
        let task = local.spawn_local(future);
        current_thread()
            .block_on(local.run_until(task))
            .expect("it does not panic");
    }),
    ("smol", |future| smol::block_on(smol::spawn(future))),
    ("futures", |future| futures_executor::block_on(future)),
    ("standin", |future| standin::block_on(future)),
];

fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Every engine that there is.
fn engines() -> Vec<Engine> {
    // SAFETY: between two parking calls no test keeps a pointer through a thread-local or a lock that standin does not
    // know, and none parks while it unwinds.
    unsafe { engine::green::accept_pinned() };
    engine::all()
}

/// Runs `test` on every executor, with every engine for what it unblocks.
fn on_each(test: fn(Engine) -> BoxFuture<'static, ()>) {
    let _watched = watch("a future on some executor");
    for (executor, drive) in EXECUTORS {
        for engine in engines() {
            eprintln!("{executor}, {engine}");
            drive(test(engine));
        }
    }
}

/// Runs what blocks on an OS thread of its own: the executor may have only the one that the test is on.
async fn aside<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    unblock_on(engine::THREADS, f).await
}

#[test]
fn many_at_once() {
    on_each(|engine| {
        async move {
            // Each waits for the next one: no number of them may need all the executor's threads.
            let (first, mut before) = sync_channel::<usize>(0);
            let mut chain = Vec::new();
            for n in 0..50 {
                let (to, from) = sync_channel(0);
                chain.push(unblock_on(engine, move || {
                    let value = before.recv().expect("the one before sends");
                    to.send(value + 1).expect("the one after receives");
                    n
                }));
                before = from;
            }
            let last = unblock_on(engine, move || before.recv().expect("the last sends"));
            let start = unblock_on(engine, move || first.send(0).expect("the first receives"));
            let (values, last, ()) = futures_util::join!(join_all(chain), last, start);
            assert_eq!(values, (0..50).collect::<Vec<_>>());
            assert_eq!(last, 50);
        }
        .boxed()
    });
}

#[test]
fn a_panic_is_the_awaiting_tasks() {
    on_each(|engine| {
        async move {
            let unblocked = unblock_on(engine, || -> u32 { panic!("not today") });
            let panic = AssertUnwindSafe(unblocked).catch_unwind().await;
            let payload = panic.expect_err("it panics");
            assert_eq!(payload.downcast_ref(), Some(&"not today"));
            assert_eq!(unblock_on(engine, || 1).await, 1);
        }
        .boxed()
    });
}

/// A dropped future cancels what it runs: its read fails, and it leaves by its own returns, with all destructors.
#[test]
fn a_dropped_one_fails_its_io() {
    struct Left(standin::sync::mpsc::Sender<Option<bool>>);
    impl Drop for Left {
        fn drop(&mut self) {
            let _ = self.0.send(None);
        }
    }

    on_each(|engine| {
        async move {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let address = listener.local_addr().expect("it is bound");
            let (report, reports) = channel();
            let (reads, is_reading) = channel();
            let mut unblocked = Box::pin(unblock_on(engine, move || {
                let _left = Left(report.clone());
                let mut stream = TcpStream::connect(address).expect("it listens");
                stream.write_all(b"?").expect("connected");
                reads.send(()).expect("it is waited for");
                let error = stream.read(&mut [0; 8]).expect_err("nobody answers");
                report
                    .send(Some(is_cancelled(&error)))
                    .expect("it is waited for");
            }));
            assert!(poll_immediate(&mut unblocked).await.is_none());
            let (mut peer, ()) = aside(move || {
                let (mut peer, _) = listener.accept().expect("it connects");
                peer.read_exact(&mut [0; 1]).expect("it asks");
                (peer, is_reading.recv().expect("it goes on"))
            })
            .await;
            drop(unblocked);
            let reports = aside(move || [reports.recv(), reports.recv()]).await;
            assert_eq!(reports, [Ok(Some(true)), Ok(None)]);
            // Its socket is closed.
            let end = aside(move || peer.read(&mut [0; 1])).await;
            assert_eq!(end.expect("no error"), 0);
        }
        .boxed()
    });
}

/// Whoever ignores the flag runs on, and is waited for by nobody.
#[test]
fn a_dropped_one_that_does_not_care() {
    on_each(|engine| {
        async move {
            let (go, may_go) = channel::<()>();
            let (done, is_done) = channel();
            let mut unblocked = Box::pin(unblock_on(engine, move || {
                may_go.recv().expect("a receive does not end early");
                done.send(thread::current().is_cancelled())
                    .expect("it is waited for");
            }));
            assert!(poll_immediate(&mut unblocked).await.is_none());
            drop(unblocked);
            go.send(()).expect("it waits");
            let is_cancelled = aside(move || is_done.recv()).await;
            assert_eq!(is_cancelled, Ok(true));
        }
        .boxed()
    });
}

#[test]
fn nothing_runs_before_the_first_poll() {
    let _watched = watch("nothing_runs_before_the_first_poll");
    let (ran, has_run) = channel();
    drop(unblock(move || ran.send(())));
    assert!(has_run.recv().is_err(), "the closure was dropped, not run");
}

/// Async code in sync-style code in async code, and so on, some levels deep; each engine at each level.
#[test]
fn through_both_worlds() {
    fn down(level: u32) -> BoxFuture<'static, u32> {
        async move {
            let Some(next) = level.checked_sub(1) else {
                return ready(0).await;
            };
            let engines = engine::all();
            let engine = engines[level as usize % engines.len()];
            unblock_on(engine, move || {
                thread::sleep(Duration::from_micros(50));
                let below = match level % 2 {
                    0 => block_on(down(next)),
                    _ => block_on_local(down(next)),
                };
                below + thread::spawn(|| 1).join().expect("no panic")
            })
            .await
        }
        .boxed()
    }
    on_each(|_| async { assert_eq!(down(12).await, 12) }.boxed());
}

#[test]
#[should_panic = "polled after it was ready"]
fn not_twice() {
    let mut unblocked = Box::pin(unblock(|| ()));
    block_on(&mut unblocked);
    let _ = poll_immediate(unblocked).now_or_never();
}
