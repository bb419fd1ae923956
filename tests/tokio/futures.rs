//! Futures of tokio's own, waited for by threads; and threads, waited for by tasks.

use crate::common::watch::watch;
use crate::support::{KINDS, message, spawn};
use standin::engine::{self, ASYNC};
use standin::{block_on, thread, unblock};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, oneshot};

/// Runs `body` in a thread of each kind of runtime.
fn on_each<T: Send + 'static>(test: &'static str, body: fn() -> T) {
    let _watch = watch(test);
    for kind in KINDS {
        let runtime = kind.runtime();
        finish(&runtime, spawn(&runtime, body));
    }
}

/// Drives the runtime until the thread has ended.
fn finish<T>(runtime: &Runtime, thread: thread::JoinHandle<T>) -> T {
    crate::support::drive(runtime, || thread.is_finished());
    thread.join().expect("no panic")
}

#[test]
fn of_every_sort() {
    on_each("of_every_sort", || {
        assert_eq!(block_on(async { 1 }), 1);
        let before = Instant::now();
        block_on(tokio::time::sleep(Duration::from_millis(2)));
        assert!(before.elapsed() >= Duration::from_millis(2));
        let late = block_on(tokio::time::timeout(
            Duration::from_micros(10),
            std::future::pending::<()>(),
        ));
        assert!(late.is_err());
        assert_eq!(block_on(tokio::spawn(async { 2 })).ok(), Some(2));
        let pooled = block_on(tokio::task::spawn_blocking(|| 3));
        assert_eq!(pooled.ok(), Some(3));
        for _ in 0..1000 {
            block_on(tokio::task::yield_now());
        }
    });
}

/// What is borrowed lies on the thread's stack, and the future is polled from elsewhere.
#[test]
fn that_borrow() {
    on_each("that_borrow", || {
        let mut numbers = vec![1, 2, 3];
        block_on(async {
            for number in &mut numbers {
                tokio::task::yield_now().await;
                *number += 1;
            }
        });
        assert_eq!(numbers, [2, 3, 4]);
    });
}

#[test]
fn of_sockets() {
    async fn exchange(client: &mut TcpStream, byte: u8) -> std::io::Result<u8> {
        client.writable().await?;
        assert_eq!(client.try_write(&[byte])?, 1);
        loop {
            client.readable().await?;
            let mut answer = [0];
            match client.try_read(&mut answer) {
                Ok(1) => return Ok(answer[0]),
                Ok(_) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
    on_each("of_sockets", || {
        let listener = block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
        let address = listener.local_addr().expect("bound");
        // The other side is a thread with standin's own sockets.
        let echo = thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            let mut stream = standin::net::TcpStream::connect(address).expect("it listens");
            let mut byte = [0];
            for _ in 0..100 {
                stream.read_exact(&mut byte).expect("it is sent");
                stream.write_all(&[byte[0] + 1]).expect("connected");
            }
        });
        let (mut client, _) = block_on(listener.accept()).expect("one connects");
        for n in 0..100 {
            assert_eq!(block_on(exchange(&mut client, n)).ok(), Some(n + 1));
        }
        echo.join().expect("no panic");
    });
}

/// Threads and tasks of one runtime in one pipeline.
#[test]
fn between_threads_and_tasks() {
    const COUNT: usize = 500;
    on_each("between_threads_and_tasks", || {
        let (to_task, mut questions) = mpsc::channel::<(usize, oneshot::Sender<usize>)>(4);
        let task = tokio::spawn(async move {
            let mut answered = 0;
            while let Some((number, answer)) = questions.recv().await {
                tokio::task::yield_now().await;
                answer.send(number * 2).expect("it is received");
                answered += 1;
            }
            answered
        });
        let asks: Vec<_> = (0..4)
            .map(|_| {
                let to_task = to_task.clone();
                thread::spawn(move || {
                    for n in 0..COUNT {
                        let (answer, question) = oneshot::channel();
                        block_on(to_task.send((n, answer))).expect("it is received");
                        assert_eq!(block_on(question), Ok(2 * n));
                    }
                })
            })
            .collect();
        drop(to_task);
        for thread in asks {
            thread.join().expect("no panic");
        }
        assert_eq!(block_on(task).ok(), Some(4 * COUNT));
    });
}

/// A future that runs sync-style code, waited for by sync-style code.
#[test]
fn that_run_threads() {
    on_each("that_run_threads", || {
        let sum = block_on(async {
            let first = unblock(|| {
                thread::sleep(Duration::from_micros(50));
                block_on(async { 1 })
            });
            first.await + unblock(|| thread::spawn(|| 2).join().expect("no panic")).await
        });
        assert_eq!(sum, 3);
        // One that is dropped is cancelled, and nobody waits for it.
        let ended = Arc::new(AtomicUsize::new(0));
        let ends = ended.clone();
        let dropped = block_on(tokio::time::timeout(
            Duration::from_micros(100),
            unblock(move || {
                thread::sleep(Duration::from_secs(100_000));
                ends.store(1, SeqCst);
            }),
        ));
        assert!(dropped.is_err());
        crate::common::wait::until(|| ended.load(SeqCst) == 1);
    });
}

/// A task waits for threads of its runtime.
#[test]
fn tasks_wait_for_threads() {
    let _watch = watch("tasks_wait_for_threads");
    for kind in KINDS {
        let runtime = kind.runtime();
        let sum = runtime.block_on(async {
            let threads: Vec<_> = (0..100)
                .map(|n| {
                    ASYNC.spawn(move || {
                        assert_eq!(Handle::current().id(), Handle::current().id());
                        thread::sleep(Duration::from_micros(n));
                        n
                    })
                })
                .collect();
            let mut sum = 0;
            for thread in threads {
                sum += thread.expect("there is room").await.expect("no panic");
            }
            sum
        });
        assert_eq!(sum, 99 * 100 / 2);
    }
}

/// In a future that the runtime polls nobody may wait but by `.await`; where the thread polls itself, it may.
#[test]
fn within_futures() {
    on_each("within_futures", || {
        let nested = catch_unwind(|| block_on(async { block_on(async { 1 }) }));
        let panic = nested.expect_err("a task may not block");
        assert!(message(&*panic).contains(".await"), "{}", message(&*panic));
        let nested = standin::block_on_local(async {
            thread::yield_now();
            let inner = block_on(async {
                tokio::task::yield_now().await;
                5
            });
            inner + standin::block_on_local(async { 1 })
        });
        assert_eq!(nested, 6);
        // The thread is as good as before.
        thread::sleep(Duration::from_micros(10));
        assert_eq!(block_on(async { 7 }), 7);
    });
}

/// In a blocking section the thread has its OS thread for itself, and polls by itself.
#[test]
fn in_sections() {
    on_each("in_sections", || {
        let result = engine::blocking(|| {
            block_on(async {
                tokio::time::sleep(Duration::from_micros(100)).await;
                tokio::spawn(async { 4 }).await
            })
        });
        assert_eq!(result.expect("an OS thread").ok(), Some(4));
        assert_eq!(block_on(async { 5 }), 5);
    });
}

/// A token that comes while the thread waits for a future is for its next park.
#[test]
fn and_tokens() {
    on_each("and_tokens", || {
        for _ in 0..200 {
            let own = thread::current();
            let (answer, question) = oneshot::channel();
            let other = thread::spawn(move || {
                own.unpark();
                answer.send(()).expect("it is received");
            });
            block_on(question).expect("it is sent");
            thread::park();
            other.join().expect("no panic");
        }
    });
}

/// Futures work from every context: where there is no runtime around, the process's own serves them.
#[test]
fn from_everywhere() {
    let _watch = watch("from_everywhere");
    let uses_tokio = || {
        block_on(async {
            tokio::time::sleep(Duration::from_micros(100)).await;
            let listener = TcpListener::bind("127.0.0.1:0")
                .await
                .expect("a port is free");
            let address = listener.local_addr().expect("bound");
            let connects = tokio::spawn(TcpStream::connect(address));
            listener.accept().await.expect("one connects");
            connects.await.expect("no panic").expect("it listens");
        });
    };
    uses_tokio();
    for engine in engine::all() {
        engine.run(uses_tokio);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            engine.run(|| block_on(async { panic!("in a future on {engine}") }));
        }));
        assert!(message(&*panic.expect_err("it panics")).contains("in a future"));
    }
}
