//! A fork without exec.

use super::common::isolated::isolated;
use super::{moved, pinned};
use standin::engine::{MAY, MAY_PINNED, THREADS};
use standin::sync::mpsc;
use standin::thread;
use std::time::Duration;

/// A thread of the engine forks: it goes on in the child, with its OS thread for itself.
#[test]
fn a_thread_that_forks() {
    for name in ["may", "may-pinned"] {
        isolated(&[("TEST_ENGINE", name)], || {
            let engine = if name == "may" { moved() } else { pinned() };
            engine.run(|| {
                let id = thread::current().id();
                // SAFETY: what the child may do is what this test is about.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    assert_eq!(thread::current().id(), id);
                    thread::sleep(Duration::from_millis(1));
                    thread::yield_now();
                    engine.spawn(|| ()).expect_err("nothing of may came along");
                    let (sender, receiver) = mpsc::channel();
                    let spawned = THREADS.spawn(move || sender.send(1));
                    let thread = spawned.expect("OS threads are to be had");
                    assert_eq!(receiver.recv(), Ok(1));
                    assert_eq!(thread.join().expect("no panic"), Ok(()));
                    // SAFETY: the call has no preconditions.
                    unsafe { libc::_exit(7) };
                }
                assert_eq!(status(child), 7);
                thread::yield_now();
                assert_eq!(thread::spawn(|| 1).join().ok(), Some(1));
            });
        })
        .succeeds();
    }
}

/// The child of a plain OS thread, and one whose thread returns.
#[test]
fn other_children() {
    isolated(&[], || {
        moved().run(|| ());
        // SAFETY: as above.
        let child = unsafe { libc::fork() };
        if child == 0 {
            for engine in [MAY, MAY_PINNED] {
                engine.spawn(|| ()).expect_err("nothing of may came along");
            }
            // SAFETY: as above.
            unsafe { libc::_exit(7) };
        }
        assert_eq!(status(child), 7);
        // The process of the child ends with its one thread.
        // SAFETY: as above.
        let child = MAY.run(|| unsafe { libc::fork() });
        assert_eq!(status(child), 0);
    })
    .succeeds();
}

/// What a child ended with.
fn status(child: i32) -> i32 {
    let mut status = 0;
    // SAFETY: the status is written by the call.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert!(libc::WIFEXITED(status), "{status}");
    libc::WEXITSTATUS(status)
}
