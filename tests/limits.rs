//! A process that has too little of something: every operation that needs more says so in an error, what is
//! there goes on, and afterwards everything can be had again.

#![cfg(all(
    feature = "green",
    feature = "async",
    feature = "threads",
    target_os = "linux"
))]

mod common;

#[path = "limits/descriptors.rs"]
mod descriptors;

use common::{isolated, limit};
use standin::engine::{self, Engine, GREEN, THREADS};
use standin::sync::{Mutex, mpsc};
use standin::thread::{self, Builder, JoinHandle};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

/// The engine of this name, after the promise that pinned threads ask for.
fn promised(name: &str) -> Engine {
    // SAFETY: no part of these tests keeps a pointer through a thread-local, or holds a lock of std's, across
    // a call that parks.
    unsafe { engine::green::accept_pinned() };
    engine::named(name).expect("it is compiled")
}

/// Every kind of threads on fibers: free and pinned ones of each engine that has both.
const KINDS: &[&str] = &["green", "green-pinned", "async", "async-pinned"];

/// Those that do with fewer OS threads than they ask for. The homes of `async-pinned` are all there, or there is an
/// error.
const WITH_FEWER: &[&str] = &["green", "green-pinned", "async"];

/// Those whose OS threads are the library's own affair. On `async` they are tokio's: a section that there is no OS
/// thread for waits until one of the runtime's blocking pool is free; it is refused only where the pool has none.
const OF_GREEN: &[&str] = &["green", "green-pinned"];

/// Runs `body` with each of these kinds of threads, in a process of its own.
#[track_caller]
fn on_each_kind<F: Fn(Engine)>(kinds: &[&str], environment: &[(&str, &str)], body: F) {
    let test = isolated::test_of(&body);
    for kind in kinds {
        let mut environment = environment.to_vec();
        environment.push(("TEST_KIND", kind));
        isolated::named(test, &environment, || body(promised(kind))).succeeds();
    }
}

/// Runs `body` from each context there is, in a process of its own.
#[track_caller]
fn on_each_context<F: Fn() + Sync>(environment: &[(&str, &str)], body: F) {
    let test = isolated::test_of(&body);
    for context in [
        "OS thread",
        "threads",
        "green",
        "green-pinned",
        "async",
        "async-pinned",
    ] {
        let mut environment = environment.to_vec();
        environment.push(("TEST_CONTEXT", context));
        isolated::named(test, &environment, || match context {
            "OS thread" => body(),
            name => promised(name).run(&body),
        })
        .succeeds();
    }
}

/// Spawns threads that stay until the returned sender is dropped, until one is refused.
fn spawn_until_refused(
    engine: Engine,
    stack: usize,
) -> (Vec<JoinHandle<usize>>, mpsc::Sender<()>, io::Error) {
    let (release, wait) = mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let mut threads = Vec::new();
    loop {
        let wait = wait.clone();
        let spawned = Builder::new().stack_size(stack).spawn_on(engine, move || {
            // Ends when the sender is dropped.
            let _ = wait.lock().expect("no panic").recv();
            1
        });
        match spawned {
            Ok(thread) => threads.push(thread),
            Err(error) => return (threads, release, error),
        }
    }
}

fn join(threads: Vec<JoinHandle<usize>>) -> usize {
    let results = threads.into_iter().map(|thread| thread.join());
    results.map(|result| result.expect("no panic")).sum()
}

#[track_caller]
fn says(error: &io::Error, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

#[test]
fn too_little_address_space_to_start() {
    on_each_kind(KINDS, &[("STANDIN_TEST", "")], |engine| {
        let limited = limit::address_space(1 << 20);
        for _ in 0..3 {
            let error = engine
                .spawn(|| ())
                .expect_err("a stack of the default size takes more");
            says(&error, &["RLIMIT_AS"]);
        }
        drop(limited);
        assert_eq!(engine.run(|| thread::spawn(|| 1).join().ok()), Some(1));
    });
}

/// No OS thread for the first machine, or for the test whether free threads run here.
#[test]
fn no_os_thread_to_start() {
    on_each_kind(KINDS, &[("STANDIN_TEST", "")], |engine| {
        limit::give_up_root();
        let limited = limit::no_more_os_threads();
        for _ in 0..3 {
            let error = engine.spawn(|| ()).expect_err("a machine is an OS thread");
            says(&error, &["OS thread", "RLIMIT_NPROC"]);
            assert!(
                THREADS.spawn(|| ()).is_err(),
                "the limit is on all OS threads"
            );
        }
        drop(limited);
        assert_eq!(engine.run(|| thread::spawn(|| 1).join().ok()), Some(1));
        assert_eq!(THREADS.run(|| 2), 2);
    });
}

/// Fewer machines than processors: whatever lands in any queue is still run.
#[test]
fn too_few_os_threads_for_every_processor() {
    for switches in ["", "hop"] {
        let environment = [
            ("STANDIN_TEST", switches),
            ("STANDIN_WORKERS", "4"),
            // The stacks of OS threads, which the limit counts.
            ("RUST_MIN_STACK", "100000000"),
        ];
        on_each_kind(WITH_FEWER, &environment, |engine| {
            let limited = limit::address_space(350_000_000);
            let small = || Builder::new().stack_size(100_000);
            let first = small()
                .spawn_on(engine, || 1)
                .expect("one machine is enough");
            drop(limited);
            assert_eq!(first.join().ok(), Some(1));
            let threads = (0..500).map(|n| {
                small().spawn_on(engine, move || {
                    for _ in 0..10 {
                        thread::yield_now();
                        thread::sleep(Duration::from_micros(10));
                    }
                    n
                })
            });
            let threads = threads.map(|thread| thread.expect("there is room"));
            assert_eq!(join(threads.collect()), 500 * 499 / 2);
        });
    }
}

/// Threads are refused one by one when there is no room for another; those that are there go on, and as many
/// can be there again.
#[test]
fn too_little_address_space_for_more() {
    on_each_kind(KINDS, &[("STANDIN_TEST", "")], |engine| {
        engine.run(move || {
            let limited = limit::address_space(512 << 20);
            let (mut threads, release, error) = spawn_until_refused(engine, 1 << 20);
            says(&error, &["1048576 bytes", "RLIMIT_AS", "fewer threads"]);
            assert!(threads.len() > 100, "{} threads", threads.len());
            drop(limited);
            threads.push(thread::spawn(|| 1));
            let count = threads.len();
            drop(release);
            assert_eq!(join(threads), count);

            // Some for the allocator: where that has none, the process ends.
            let limited = limit::address_space(16 << 20);
            let (threads, release, _) = spawn_until_refused(engine, 1 << 20);
            // A machine gives a stack back just after the join of its thread.
            assert!(
                threads.len() * 10 >= count * 9,
                "{} of {count}",
                threads.len()
            );
            drop(limited);
            drop(release);
            join(threads);
        });
    });
}

/// Guards by `mprotect` take mappings, of which a process may have 65,530 by default.
#[test]
fn too_few_mappings_for_more() {
    on_each_kind(KINDS, &[("STANDIN_TEST", "mprotect")], |engine| {
        let (threads, release, error) = spawn_until_refused(engine, 16 << 10);
        says(
            &error,
            &["16384 bytes", "vm.max_map_count", "fewer threads"],
        );
        let count = threads.len();
        assert!(count > 1000, "{count} threads");
        // What is left serves those who go on, and whoever allocates.
        assert_eq!(
            vec![1_u8; 64 << 20]
                .iter()
                .map(|&n| usize::from(n))
                .sum::<usize>(),
            64 << 20
        );
        drop(release);
        assert_eq!(join(threads), count);

        let (threads, release, _) = spawn_until_refused(engine, 16 << 10);
        assert!(threads.len() >= count, "{} of {count}", threads.len());
        let count = threads.len();
        drop(release);
        assert_eq!(join(threads), count);
    });
}

/// std's threads are the guide: small sizes are raised, what no address space holds is an error.
#[test]
fn absurd_stack_sizes() {
    on_each_context(&[("STANDIN_TEST", "")], || {
        let engine =
            engine::Control::current(|control| control.and_then(|control| control.engine()))
                .unwrap_or(GREEN);
        let spawn = |size| {
            Builder::new()
                .stack_size(size)
                .spawn_on(engine, move || size)
        };
        let std_spawn = |size: usize| {
            std::thread::Builder::new()
                .stack_size(size)
                .spawn(move || size)
        };
        for size in [0, 1, 4095, 16 << 10, (16 << 10) + 1, 10 << 20] {
            let std = std_spawn(size).expect("std raises it").join();
            assert_eq!(
                spawn(size).expect("it is raised, as by std").join().ok(),
                std.ok()
            );
        }
        for size in [
            1 << 46,
            1 << 47,
            1 << 62,
            isize::MAX as usize,
            usize::MAX - 4096,
            usize::MAX,
        ] {
            assert!(std_spawn(size).is_err(), "std refuses {size}");
            let error = spawn(size).expect_err("no address space is that large");
            if engine != THREADS {
                says(&error, &[&size.to_string(), "smaller stack size"]);
            }
        }
        // A large one may be had, where the system promises more memory than it has.
        match spawn(1 << 40) {
            Ok(thread) => assert_eq!(thread.join().ok(), Some(1 << 40)),
            Err(error) if engine == THREADS => drop(error),
            Err(error) => says(&error, &["RLIMIT_AS", "vm.overcommit_memory"]),
        }
        assert_eq!(
            spawn(100_000).expect("nothing was lost").join().ok(),
            Some(100_000)
        );
    });
}

#[test]
fn a_large_stack_beyond_the_limit() {
    on_each_kind(KINDS, &[("STANDIN_TEST", "")], |engine| {
        engine.run(|| {
            let limited = limit::address_space(512 << 20);
            let spawn = |size| Builder::new().stack_size(size).spawn(move || size);
            for _ in 0..10 {
                let error = spawn(1 << 30).expect_err("it takes more than is left");
                assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
                says(&error, &["1073741824 bytes", "RLIMIT_AS", "smaller stacks"]);
                let small = spawn(1 << 20).expect("there is room for a smaller one");
                assert_eq!(small.join().ok(), Some(1 << 20));
            }
            drop(limited);
            assert_eq!(spawn(1 << 30).expect("room").join().ok(), Some(1 << 30));
        });
    });
}

/// No OS thread is to be had for a blocking section: it was not called, and says so. Those that run go on.
#[test]
fn no_os_thread_for_a_section() {
    let environment = [("STANDIN_TEST", ""), ("STANDIN_WORKERS", "1")];
    on_each_kind(OF_GREEN, &environment, |engine| {
        limit::give_up_root();
        engine.run(|| {
            let limited = limit::no_more_os_threads();
            let (release, released) = std::sync::mpsc::channel::<()>();
            let released = Arc::new(std::sync::Mutex::new(released));
            let mut sections = Vec::new();
            let error = loop {
                // Each of them keeps an OS thread.
                let (entered, entries) = mpsc::channel();
                let released = released.clone();
                sections.push(thread::spawn(move || {
                    let in_section = entered.clone();
                    engine::blocking(move || {
                        in_section.send(None).expect("it is received");
                        let _ = released.lock().map(|released| released.recv());
                    })
                    .map_err(|error| entered.send(Some(error)).expect("it is received"))
                    .is_ok()
                }));
                match entries.recv().expect("it is sent") {
                    None => assert!(sections.len() < 100, "there is no end"),
                    Some(error) => break error,
                }
            };
            says(&error, &["OS thread", "RLIMIT_NPROC", "blocking sections"]);
            // This thread, its processor, and whoever wants a section are as good as before.
            for _ in 0..10 {
                thread::sleep(Duration::from_micros(10));
                assert!(engine::blocking(|| unreachable!("there is no OS thread")).is_err());
            }
            drop(limited);
            assert_eq!(engine::blocking(|| 4).ok(), Some(4));
            drop(release);
            let refused = sections.pop().expect("the last one was refused");
            assert_eq!(refused.join().ok(), Some(false));
            for section in sections {
                assert_eq!(section.join().ok(), Some(true));
            }
        });
    });
}

/// As above, where the way there is address space for their stacks.
#[test]
fn no_address_space_for_a_section() {
    let environment = [
        ("STANDIN_TEST", ""),
        ("STANDIN_WORKERS", "1"),
        ("RUST_MIN_STACK", "100000000"),
    ];
    on_each_kind(OF_GREEN, &environment, |engine| {
        let first = Builder::new().stack_size(100_000).spawn_on(engine, || {
            let limited = limit::address_space(32 << 20);
            let mut sections = 0;
            let error = loop {
                // Each of them takes an OS thread along for good.
                let (sender, receiver) = mpsc::channel();
                let thread = Builder::new().stack_size(100_000).spawn(move || {
                    let in_section = sender.clone();
                    engine::blocking(move || {
                        in_section.send(Ok(())).expect("it is received");
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
            says(&error, &["OS thread", "RLIMIT_AS"]);
            // This thread, and its processor, are as good as before.
            thread::sleep(Duration::from_micros(10));
            drop(limited);
            assert_eq!(engine::blocking(|| 4).ok(), Some(4));
        });
        first.expect("there is room").join().expect("no panic");
    });
}

/// As under an older kernel, under Valgrind 3.19, and in some containers.
#[test]
fn no_way_to_wait_for_events() {
    on_each_kind(OF_GREEN, &[], |engine| {
        limit::refuse_system_call(libc::SYS_epoll_pwait2);
        let error = engine.spawn(|| ()).expect_err("nobody could wait");
        says(&error, &["epoll_pwait2", "Linux 5.11", "threads"]);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let other = THREADS.spawn(|| 1).expect("it does without");
        assert_eq!(other.join().ok(), Some(1));
    });
}
