//! What concerns a whole process: an idle one, one that overflows a stack, one with a wrong environment.

#![cfg(all(feature = "green", feature = "threads", target_os = "linux"))]

mod common;

use common::isolated::isolated;
use standin::engine::{self, Engine, GREEN, GREEN_PINNED, THREADS};
use standin::net::{TcpListener, TcpStream};
use standin::sync::{Barrier, Mutex, mpsc};
use standin::thread::{self, Builder};
use std::io::{ErrorKind, Read, Write};
use std::panic::catch_unwind;
use std::sync::Arc;
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
        ("VARIABLE", variable),
        ("VALUE", value),
    ];
    common::isolated::named(test, &environment, || {
        // Here, because a part takes variables with an empty value away.
        // SAFETY: the process has no other thread that looks at its environment yet.
        unsafe { std::env::set_var(variable, value) };
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
    // The third is the name of a feature that may come; the last ones are not quite right.
    for name in ["gren", "", "sim", "GREEN", " green", "green,threads"] {
        let quoted = format!("{name:?}");
        let words = [
            &quoted,
            "compiled with green, async, threads, green-pinned, async-pinned",
            "Cargo feature",
        ];
        is_refused(
            "an_unknown_engine",
            "STANDIN_ENGINE",
            name,
            ErrorKind::InvalidInput,
            &words,
        );
    }
}

#[test]
fn an_engine_that_has_to_be_accepted() {
    is_refused(
        "an_engine_that_has_to_be_accepted",
        "STANDIN_ENGINE",
        "green-pinned",
        ErrorKind::PermissionDenied,
        &["green-pinned", "accept_pinned"],
    );
}

#[test]
fn a_number_of_workers_that_there_cannot_be() {
    let numbers = [
        "0",
        "-1",
        "two",
        "",
        "1025",
        "18446744073709551616",
        "1.5",
        " 2",
        "0x2",
    ];
    for number in numbers {
        let quoted = format!("{number:?}");
        is_refused(
            "a_number_of_workers_that_there_cannot_be",
            "STANDIN_WORKERS",
            number,
            ErrorKind::InvalidInput,
            &[&quoted, "from 1 to 1024", "unset it"],
        );
    }
}

#[test]
fn an_unknown_switch() {
    for (value, word) in [("nonsense", "\"nonsense\""), ("hop,jump", "\"jump\"")] {
        let words = [word, "no-free", "mprotect", "hop"];
        is_refused(
            "an_unknown_switch",
            "STANDIN_TEST",
            value,
            ErrorKind::InvalidInput,
            &words,
        );
    }
}

/// What `threads` needs of the environment is its own name; what is wrong for `green` does not disturb it.
#[test]
fn only_who_asks_meets_a_wrong_environment() {
    let environment = [
        ("STANDIN_ENGINE", "gren"),
        ("STANDIN_WORKERS", "none"),
        ("STANDIN_TEST", "nonsense"),
    ];
    isolated(&environment, || {
        assert_eq!(THREADS.run(|| thread::spawn(|| 1).join().ok()), Some(1));
        for engine in kinds() {
            let error = engine.spawn(|| ()).expect_err("two variables are wrong");
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
        assert!(thread::Builder::new().spawn(|| ()).is_err());
        engine::set_default(THREADS).expect("none was chosen");
        assert_eq!(thread::spawn(|| 2).join().ok(), Some(2));
    })
    .succeeds();
}

/// White space and empty words between switches mean nothing.
#[test]
fn switches_and_workers_that_are_right() {
    for (switches, workers) in [(" hop , mprotect,", "1"), (",", "1024"), ("hop", "007")] {
        let environment = [("STANDIN_TEST", switches), ("STANDIN_WORKERS", workers)];
        isolated(&environment, || {
            common::limit::raise(rustix::process::Resource::Nofile, 4096);
            for engine in kinds() {
                let threads = (0..100).map(|n| engine.spawn(move || n).expect("there is room"));
                let sum: u32 = threads.map(|thread| thread.join().expect("no panic")).sum();
                assert_eq!(sum, 4950);
            }
        })
        .succeeds();
    }
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

/// Memory that is resident now, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("the kernel says it");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}

/// Uses so much of the stack.
#[inline(never)]
fn touch_stack(bytes: usize) {
    let page = std::hint::black_box([1u8; 1024]);
    if bytes > page.len() {
        touch_stack(bytes - page.len());
    }
    std::hint::black_box(page);
}

#[test]
fn stacks_are_given_back_although_something_goes_on() {
    const COUNT: usize = 500;
    for number in 0..2 {
        let kind = number.to_string();
        let environment = [
            ("STANDIN_WORKERS", "1"),
            ("STANDIN_TEST", ""),
            ("TEST_KIND", &*kind),
        ];
        isolated(&environment, || {
            // Names for a backtrace would take more memory than all stacks.
            engine::green::on_blocked(|_| {});
            kinds()[number].run(|| {
                let all_there = Arc::new(Barrier::new(COUNT + 1));
                let threads: Vec<_> = (0..COUNT)
                    .map(|_| {
                        let all_there = all_there.clone();
                        thread::spawn(move || {
                            touch_stack(16 << 10);
                            all_there.wait();
                        })
                    })
                    .collect();
                all_there.wait();
                let at_most = resident();
                for thread in threads {
                    thread.join().expect("it only waits");
                }
                // This thread wakes its processor all the time.
                while resident() > at_most - (COUNT as u64 * 12) {
                    thread::sleep(Duration::from_millis(2));
                }
            });
        })
        .succeeds();
    }
}

/// Otherwise the table of descriptors grows when they come, and each time the OS thread that opens one stands still for some
/// 20 ms.
#[test]
fn there_is_room_for_descriptors_before_they_come() {
    for number in 0..2 {
        let kind = number.to_string();
        isolated(&[("TEST_KIND", &*kind)], || {
            // Room is made if there is one OS thread, and a test has two.
            // SAFETY: the child goes on with the one thread that it has, and needs no lock of the others.
            match unsafe { libc::fork() } {
                0 => {
                    let thread = kinds()[number].spawn(|| ()).expect("it starts");
                    thread.join().expect("it ends");
                    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
                    let wanted = limit.current.unwrap_or(u64::MAX).min(1 << 14);
                    let has_room = descriptor_places() >= wanted;
                    // SAFETY: it ends the child at once.
                    unsafe { libc::_exit(i32::from(!has_room)) };
                }
                child => {
                    let mut status = 0;
                    // SAFETY: the status is written there.
                    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                    assert_eq!(
                        status, 0,
                        "the child says that there is no room, or crashed"
                    );
                }
            }
        })
        .succeeds();
    }
}

/// How many descriptors the kernel has room for.
fn descriptor_places() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("it is there");
    let places = status
        .lines()
        .find_map(|line| line.strip_prefix("FDSize:"))
        .and_then(|places| places.trim().parse().ok());
    places.expect("it tells the size of the table")
}
