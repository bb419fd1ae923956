//! What concerns a whole process: an idle one, one that overflows a stack, one with a wrong environment, and
//! one that has too little of something.

#![cfg(all(feature = "green", feature = "threads", target_os = "linux"))]

mod common;

use common::isolated::isolated;
use common::limit;
use rustix::process::Resource;
use standin::engine::{self, Engine, GREEN, GREEN_PINNED};
use standin::net::{TcpListener, TcpStream};
use standin::sync::{Mutex, mpsc};
use standin::thread::{self, Builder};
use std::io::{ErrorKind, Read, Write};
use std::panic::catch_unwind;
use std::time::Duration;

/// Both kinds of green threads, after the promise that the second one asks for.
fn kinds() -> [Engine; 2] {
    // SAFETY: no part of these tests keeps a pointer through a thread-local, or holds a lock of std's, across
    // a call that parks.
    unsafe { engine::green::accept_pinned() };
    [GREEN, GREEN_PINNED]
}

/// CPU time that this process has used.
fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

#[test]
fn an_idle_process_uses_no_cpu() {
    const HOUR: Duration = Duration::from_secs(3600);
    isolated(&[("STANDIN_WORKERS", "4"), ("STANDIN_TEST", "")], || {
        let (arrived, arrivals) = mpsc::channel();
        let mut expected = 0;
        for engine in kinds() {
            let held = Box::leak(Box::new(Mutex::new(())));
            std::mem::forget(held.lock());
            let held: &Mutex<()> = held;
            for n in 0..200 {
                let arrived = arrived.clone();
                expected += 1;
                let thread = engine.spawn(move || {
                    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
                    let address = listener.local_addr().expect("bound");
                    let mut near = TcpStream::connect(address).expect("it listens");
                    let mut far = listener.accept().expect("one has connected").0;
                    // Everything was in use before it rests.
                    far.write_all(b"a").expect("connected");
                    near.read_exact(&mut [0]).expect("connected");
                    thread::sleep(Duration::from_micros(10));
                    engine::blocking(|| ()).expect("an OS thread");
                    arrived.send(()).expect("it is received");
                    match n % 5 {
                        0 => drop(near.read(&mut [0])),
                        1 => drop(listener.accept()),
                        2 => thread::sleep(HOUR),
                        3 => drop(held.lock()),
                        _ => thread::park_timeout(HOUR),
                    }
                    unreachable!("nobody ends the wait");
                });
                drop(thread.expect("there is room"));
            }
        }
        for _ in 0..expected {
            arrivals.recv().expect("it is sent");
        }
        // What the last ones do between their message and their wait, and memory that is given back.
        for engine in kinds() {
            engine.run(|| thread::sleep(Duration::from_millis(1500)));
        }
        let before = cpu_time();
        std::thread::sleep(Duration::from_secs(5));
        let used = cpu_time() - before;
        assert!(used < Duration::from_millis(10), "{used:?} of CPU in 5 s");
    })
    .succeeds();
}

/// Recurses until the stack is used up.
fn overflow(depth: usize) -> usize {
    let frame = std::hint::black_box([depth; 64]);
    if frame[depth % 64] == usize::MAX {
        0
    } else {
        overflow(depth + 1) + frame[(depth + 1) % 64]
    }
}

#[test]
fn an_overflow_names_its_thread_and_aborts() {
    for switches in ["", "mprotect", "hop"] {
        for number in 0..2 {
            let kind = number.to_string();
            let environment = [("STANDIN_TEST", switches), ("TEST_KIND", &*kind)];
            isolated(&environment, || {
                let engine = kinds()[number];
                // Others are there, and it has parked before.
                let others: Vec<_> = (0..10)
                    .map(|_| engine.spawn(thread::park).expect("room"))
                    .collect();
                let thread =
                    Builder::new()
                        .name("the deep one".to_owned())
                        .spawn_on(engine, || {
                            thread::yield_now();
                            thread::sleep(Duration::from_micros(50));
                            println!("{}", overflow(0));
                        });
                drop(thread.expect("there is room").join());
                drop(others);
            })
            .aborts()
            .says("thread 'the deep one' has overflowed its stack");
            let environment = [("STANDIN_TEST", switches), ("TEST_KIND", &*kind)];
            isolated(&environment, || {
                let small = Builder::new()
                    .stack_size(1)
                    .spawn_on(kinds()[number], || overflow(0));
                drop(small.expect("there is room").join());
            })
            .aborts()
            .says("thread '<unknown>' has overflowed its stack");
        }
    }
}

/// `spawn` and `Builder::spawn` say what is wrong with the environment, every time.
#[track_caller]
fn is_refused(test: &str, variable: &str, value: &str, kind: ErrorKind, words: &[&str]) {
    let environment = [
        ("STANDIN_ENGINE", ""),
        ("STANDIN_WORKERS", ""),
        ("STANDIN_TEST", ""),
        (variable, value),
    ];
    common::isolated::named(test, &environment, || {
        for _ in 0..3 {
            let error = Builder::new()
                .spawn(|| ())
                .expect_err("the environment is wrong");
            assert_eq!(error.kind(), kind, "{error}");
            for word in words.iter().chain([&variable]) {
                assert!(
                    error.to_string().contains(word),
                    "{word:?} is not in: {error}"
                );
            }
            let panic = catch_unwind(|| thread::spawn(|| ())).expect_err("nothing falls back");
            let panic = panic.downcast_ref::<String>().expect("a message");
            assert!(panic.contains(&error.to_string()), "{panic}");
            let scoped = catch_unwind(|| thread::scope(|scope| scope.spawn(|| ()).join().is_ok()));
            assert!(scoped.is_err(), "nothing falls back");
        }
    })
    .succeeds();
}

#[test]
fn an_unknown_engine() {
    let words = ["\"gren\"", "green", "threads"];
    is_refused(
        "an_unknown_engine",
        "STANDIN_ENGINE",
        "gren",
        ErrorKind::InvalidInput,
        &words,
    );
}

#[test]
fn an_engine_that_has_to_be_accepted() {
    is_refused(
        "an_engine_that_has_to_be_accepted",
        "STANDIN_ENGINE",
        "green-pinned",
        ErrorKind::PermissionDenied,
        &["accept_pinned"],
    );
}

#[test]
fn no_workers() {
    is_refused(
        "no_workers",
        "STANDIN_WORKERS",
        "0",
        ErrorKind::InvalidInput,
        &["\"0\"", "from 1 to"],
    );
}

#[test]
fn workers_that_are_no_number() {
    is_refused(
        "workers_that_are_no_number",
        "STANDIN_WORKERS",
        "two",
        ErrorKind::InvalidInput,
        &["\"two\"", "from 1 to"],
    );
}

#[test]
fn an_unknown_switch() {
    let words = ["\"jump\"", "no-free", "mprotect", "hop"];
    is_refused(
        "an_unknown_switch",
        "STANDIN_TEST",
        "hop,jump",
        ErrorKind::InvalidInput,
        &words,
    );
}

#[test]
fn the_environment_chooses_the_engine() {
    for (name, other) in [("threads", "green"), ("green", "threads")] {
        isolated(&[("STANDIN_ENGINE", name), ("STANDIN_TEST", "")], || {
            assert_eq!(engine::default().map(Engine::name).ok(), Some(name));
            let engine =
                || engine::Control::current(|control| control.and_then(|control| control.engine()));
            let spawned = thread::spawn(engine).join().expect("no panic");
            assert_eq!(spawned.map(Engine::name), Some(name));
            let error = engine::set_default(engine::named(other).expect("it is compiled"));
            assert_eq!(
                error.expect_err("it is too late").kind(),
                ErrorKind::AlreadyExists
            );
            // Inside a thread of an engine, that engine.
            let other = engine::named(other).expect("it is compiled");
            assert_eq!(
                other.run(|| thread::spawn(engine).join().expect("no panic")),
                Some(other)
            );
        })
        .succeeds();
    }
}

/// The engine cannot start, says why, and starts once it can.
#[test]
fn too_few_descriptors_to_start() {
    for number in 0..2 {
        let kind = number.to_string();
        for left in [0, 1, 3, 7] {
            let left_text = left.to_string();
            let environment = [
                ("STANDIN_WORKERS", "4"),
                ("STANDIN_TEST", ""),
                ("TEST_KIND", &*kind),
                ("LEFT", &*left_text),
            ];
            isolated(&environment, || {
                let engine = kinds()[number];
                let limited = limit::descriptors(left);
                for _ in 0..3 {
                    let error = engine
                        .spawn(|| ())
                        .expect_err("two descriptors a processor");
                    assert!(error.to_string().contains("descriptors"), "{error}");
                }
                drop(limited);
                assert_eq!(engine.run(|| thread::spawn(|| 1).join().ok()), Some(1));
            })
            .succeeds();
        }
    }
}

#[test]
fn too_little_address_space_to_start() {
    for number in 0..2 {
        let kind = number.to_string();
        isolated(&[("STANDIN_TEST", ""), ("TEST_KIND", &*kind)], || {
            let engine = kinds()[number];
            let limited = limit::lower(Resource::As, mapped() + (1 << 20));
            for _ in 0..3 {
                let error = engine
                    .spawn(|| ())
                    .expect_err("a stack of the default size takes more");
                assert!(error.to_string().contains("RLIMIT_AS"), "{error}");
            }
            drop(limited);
            assert_eq!(engine.run(|| thread::spawn(|| 1).join().ok()), Some(1));
        })
        .succeeds();
    }
}

/// Threads are refused one by one when there is no room for another; those that are there go on.
#[test]
fn too_little_address_space_for_more() {
    for number in 0..2 {
        let kind = number.to_string();
        isolated(&[("STANDIN_TEST", ""), ("TEST_KIND", &*kind)], || {
            let engine = kinds()[number];
            let (release, wait) = mpsc::channel::<()>();
            let wait = std::sync::Arc::new(Mutex::new(wait));
            let sum = engine.run(move || {
                let limited = limit::lower(Resource::As, mapped() + (512 << 20));
                let mut threads = Vec::new();
                let error = loop {
                    let wait = wait.clone();
                    let spawned = Builder::new().stack_size(1 << 20).spawn(move || {
                        // Ends when the sender is dropped.
                        let _ = wait.lock().expect("no panic").recv();
                        1
                    });
                    match spawned {
                        Ok(thread) => threads.push(thread),
                        Err(error) => break error,
                    }
                };
                assert!(error.to_string().contains("RLIMIT_AS"), "{error}");
                assert!(!threads.is_empty());
                drop(limited);
                threads.push(thread::spawn(|| 1));
                let count = threads.len();
                drop(release);
                let sum: usize = threads
                    .into_iter()
                    .map(|thread| thread.join().expect("no panic"))
                    .sum();
                assert_eq!(sum, count);
                sum
            });
            assert!(sum > 1);
        })
        .succeeds();
    }
}

/// The address space that this process has mapped, in bytes.
fn mapped() -> u64 {
    let read = || std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    // The first allocation of a thread can map a lot.
    drop(read());
    let status = read();
    let size = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))
        .expect("it is listed");
    let size: u64 = size
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number");
    size << 10
}

/// No OS thread is to be had: for the machines at the start, and for a blocking section.
#[test]
fn no_more_os_threads() {
    // The limit is on a user's threads, and root has none; so the way there is address space for their stacks.
    isolated(
        &[
            ("STANDIN_TEST", ""),
            ("STANDIN_WORKERS", "1"),
            ("RUST_MIN_STACK", "100000000"),
        ],
        || {
            GREEN.run(|| {
                let limited = limit::lower(Resource::As, mapped() + (32 << 20));
                let mut sections = 0;
                let error = loop {
                    // Each of them takes an OS thread along for good.
                    let (sender, receiver) = mpsc::channel();
                    let thread = Builder::new().stack_size(100_000).spawn(move || {
                        engine::blocking(|| {
                            sender.send(Ok(())).expect("it is received");
                            std::thread::sleep(Duration::from_secs(100_000));
                        })
                        .map_err(|error| sender.send(Err(error)).expect("it is received"))
                    });
                    let thread = thread.expect("there is room for a small one");
                    match receiver.recv().expect("it is sent") {
                        Ok(()) => sections += 1,
                        Err(error) => {
                            assert!(thread.join().expect("no panic").is_err());
                            break error;
                        }
                    }
                    assert!(sections < 100, "there is no end");
                };
                assert!(error.to_string().contains("OS thread"), "{error}");
                // This thread, and its processor, are as good as before.
                thread::sleep(Duration::from_micros(10));
                drop(limited);
                assert_eq!(engine::blocking(|| 4).ok(), Some(4));
            });
        },
    )
    .succeeds();
}
