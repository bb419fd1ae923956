//! Child processes of a process that has little of something: one worker, no descriptors, signals all the time.

#![cfg(all(
    feature = "green",
    feature = "async",
    feature = "threads",
    target_os = "linux"
))]

mod common;

use common::isolated::isolated;
use common::limit;
use standin::engine::{self, Engine};
use standin::io::pipe;
use standin::os::unix::process::CommandExt;
use standin::process::{Child, Command, Stdio};
use standin::sync::mpsc;
use standin::thread;
use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

const ENGINES: [&str; 5] = ["threads", "green", "green-pinned", "async", "async-pinned"];

fn promised(name: &str) -> Engine {
    // SAFETY: no part of these tests keeps a pointer through a thread-local, or holds a lock of std's, across
    // a call that parks.
    unsafe { engine::green::accept_pinned() };
    engine::named(name).expect("it is compiled")
}

/// Ends when it gets a line.
fn waits_for_a_line() -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "read line; exit 5"]);
    command
}

fn large() -> Command {
    let mut command = Command::new("/bin/sh");
    let script = "head -c 1000000 /dev/zero >&2 & head -c 1000000 /dev/zero; wait";
    command.args(["-c", script]);
    command
}

/// On pinned threads nobody could take the others away from a worker that blocks.
#[test]
fn who_waits_for_a_child_stops_nobody_else() {
    for engine in ENGINES {
        isolated(&[("STANDIN_WORKERS", "1"), ("TEST_KIND", engine)], || {
            promised(engine).run(|| {
                let (reader, mut writer) = pipe().expect("descriptors are free");
                let mut child = waits_for_a_line().stdin(reader).spawn().expect("a shell");
                let (starts, started) = mpsc::channel();
                let waiting = thread::spawn(move || {
                    starts.send(()).expect("it is received");
                    child.wait()
                });
                let reading = thread::spawn(|| large().output());
                started.recv().expect("it starts");
                for _ in 0..100 {
                    thread::spawn(|| ()).join().expect("no panic");
                }
                assert!(!waiting.is_finished(), "nobody has written the line");
                writer.write_all(b"line\n").expect("a pipe");
                let status = waiting.join().expect("no panic").expect("a child");
                assert_eq!(status.code(), Some(5));
                let output = reading.join().expect("no panic").expect("a child");
                assert_eq!(output.stdout.len(), 1_000_000);
                assert_eq!(output.stderr.len(), 1_000_000);
            });
        })
        .succeeds();
    }
}

/// A descriptor by which to wait is not needed, only better.
#[test]
fn without_descriptors_a_child_is_waited_for() {
    for engine in ENGINES {
        isolated(&[("TEST_KIND", engine)], || {
            promised(engine).run(|| {
                // Its input ends when it is waited for.
                let mut child = waits_for_a_line()
                    .stdin(Stdio::piped())
                    .spawn()
                    .expect("a shell");
                let with_output = large()
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .expect("a shell");
                // Whatever the engine needs to run a section, it has it.
                engine::blocking(|| ()).expect("an OS thread");
                let none = limit::no_descriptors();
                let status = child.wait();
                let output = with_output.wait_with_output();
                drop(none);
                assert_eq!(status.expect("a child").code(), Some(5));
                let output = output.expect("a child");
                assert_eq!(output.stdout.len(), 1_000_000);
                assert_eq!(output.stderr.len(), 1_000_000);
                let error = {
                    let _none = limit::no_descriptors();
                    Command::new("true")
                        .stdout(Stdio::piped())
                        .spawn()
                        .map(drop)
                };
                let number = error.expect_err("no pipe").raw_os_error();
                assert_eq!(number, Some(libc::EMFILE));
                assert!(
                    Command::new("true")
                        .status()
                        .expect("it is there")
                        .success()
                );
            });
        })
        .succeeds();
    }
}

/// Signals interrupt whatever system call there is; none of it is seen.
#[test]
fn signals_do_not_disturb() {
    extern "C" fn handler(_: i32) {}
    for engine in ENGINES {
        isolated(&[("TEST_KIND", engine)], || {
            // SAFETY: a handler that does nothing; all zeros is a valid action without flags, so calls are interrupted.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = handler as *const () as usize;
                assert_eq!(
                    libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()),
                    0
                );
            }
            static IS_OVER: AtomicBool = AtomicBool::new(false);
            let storm = std::thread::spawn(|| {
                while !IS_OVER.load(Relaxed) {
                    // SAFETY: a signal with a handler, to this process.
                    unsafe { libc::kill(libc::getpid(), libc::SIGUSR1) };
                    std::thread::yield_now();
                }
            });
            promised(engine).run(|| {
                for _ in 0..5 {
                    let mut child = waits_for_a_line()
                        .stdin(Stdio::piped())
                        .spawn()
                        .expect("a shell");
                    let mut stdin = child.stdin.take().expect("a pipe");
                    thread::scope(|scope| {
                        let waiting = scope.spawn(|| child.wait().expect("a child"));
                        thread::yield_now();
                        stdin.write_all(b"line\n").expect("a pipe");
                        assert_eq!(waiting.join().expect("no panic").code(), Some(5));
                    });
                    let output = large().output().expect("a shell");
                    assert_eq!(output.stdout.len() + output.stderr.len(), 2_000_000);
                }
            });
            IS_OVER.store(true, Relaxed);
            storm.join().expect("no panic");
        })
        .succeeds();
    }
}

/// A cancelled thread does not wait for what has not ended, and can wait when it has.
#[test]
fn a_cancelled_thread_does_not_wait() {
    for engine in ENGINES {
        let engine = promised(engine);
        let (sends, gets) = mpsc::channel();
        let thread = engine.spawn(move || {
            let mut child: Child = waits_for_a_line()
                .stdin(Stdio::piped())
                .spawn()
                .expect("a shell");
            // Kept open: the child does not end by itself.
            let mut stdin = child.stdin.take().expect("a pipe");
            sends.send(()).expect("it is received");
            let error = child.wait().expect_err("it has not ended");
            assert!(engine::is_cancelled(&error), "on {engine}: {error}");
            let error = stdin.write(b"line").expect_err("it is cancelled");
            assert!(engine::is_cancelled(&error), "on {engine}: {error}");
            child.kill().expect("it is there");
            (stdin, child)
        });
        let thread = thread.expect("there is room");
        gets.recv().expect("it is sent");
        thread.thread().cancel();
        let (_stdin, mut child) = thread.join().expect("no panic");
        assert!(!child.wait().expect("a child").success());
    }
}

/// What is tried in place of this process leaves its mark on it, as std's does: a part for itself.
#[test]
fn exec_comes_back_with_an_error_only() {
    for engine in ENGINES {
        isolated(&[("TEST_KIND", engine)], || {
            promised(engine).run(|| {
                let error = Command::new("/no/such/program").exec();
                assert_eq!(error.kind(), ErrorKind::NotFound);
                let error = Command::new("/bin/sh").args(["-c", "exit 9"]).exec();
                panic!("{error}");
            });
        })
        .exits(9);
    }
}

/// More children at once than there are OS threads for.
#[test]
fn many_children_take_few_os_threads() {
    for engine in ["green", "green-pinned", "async", "async-pinned"] {
        isolated(&[("STANDIN_WORKERS", "2"), ("TEST_KIND", engine)], || {
            const MANY: usize = 100;
            promised(engine).run(|| {
                let (reader, writer) = pipe().expect("descriptors are free");
                let (starts, started) = mpsc::channel();
                let waiting: Vec<_> = (0..MANY)
                    .map(|_| {
                        let stdin = reader.try_clone().expect("descriptors are free");
                        let mut child = waits_for_a_line()
                            .stdin(stdin)
                            .stdout(Stdio::piped())
                            .spawn()
                            .expect("a shell");
                        let starts = starts.clone();
                        thread::spawn(move || {
                            starts.send(()).expect("it is received");
                            let mut stdout = child.stdout.take().expect("a pipe");
                            let mut nothing = Vec::new();
                            stdout.read_to_end(&mut nothing).expect("a pipe");
                            child.wait()
                        })
                    })
                    .collect();
                (0..MANY).for_each(|_| started.recv().expect("it is sent"));
                let tasks = std::fs::read_dir("/proc/self/task").expect("it is there");
                let os_threads = tasks.count();
                assert!(os_threads < MANY / 2, "{os_threads} OS threads");
                drop(writer);
                for thread in waiting {
                    let status = thread.join().expect("no panic").expect("a child");
                    assert!(status.code().is_some());
                }
            });
        })
        .succeeds();
    }
}
