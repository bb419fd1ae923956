//! Which runtime a thread is a task of, and that runtimes leave nothing behind.

use crate::common::isolated::isolated;
use crate::common::limit::open_descriptors;
use crate::common::{current, wait};
use crate::support::{KINDS, Kind, drive, pair, spawn};
use standin::engine::tokio::{accept_pinned, default_runtime, set_runtime};
use standin::engine::{self, ASYNC, ASYNC_PINNED};
use standin::{block_on, thread};
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};

#[test]
fn of_the_context() {
    let entered = current::enter();
    let flavor = || Handle::current().runtime_flavor();
    let flavors = || ASYNC.run(|| [flavor(), thread::spawn(flavor).join().expect("no panic")]);
    assert_eq!(flavors(), [const { RuntimeFlavor::CurrentThread }; 2]);
    drop(entered);
    assert_eq!(flavors(), [const { RuntimeFlavor::MultiThread }; 2]);
}

/// A pinned thread has a home of its own, whatever context it is spawned in; who it spawns on the other engine is on
/// the default runtime.
#[test]
fn of_pinned_threads() {
    isolated(&[("STANDIN_WORKERS", "2")], || {
        // SAFETY: nothing here keeps a pointer through a thread-local, or holds a lock of std's, across a call that
        // parks.
        unsafe { accept_pinned() };
        let here = Kind::MultiThread.runtime();
        let _entered = here.enter();
        let home = || (Handle::current().id(), Handle::current().runtime_flavor());
        for _ in 0..4 {
            let (own, child, free) = ASYNC_PINNED.run(move || {
                let child = thread::spawn(home).join().expect("no panic");
                let free = ASYNC.spawn(home).expect("there is room").join();
                (home(), child, free.expect("no panic"))
            });
            for (id, flavor) in [own, child] {
                assert_ne!(id, here.handle().id());
                assert_eq!(flavor, RuntimeFlavor::CurrentThread);
            }
            assert_eq!(free.0, default_runtime().expect("it was made").id());
        }
    })
    .succeeds();
}

#[test]
fn handed_over() {
    isolated(&[], || {
        let mine = Kind::MultiThread.runtime();
        set_runtime(mine.handle().clone()).expect("there was none");
        set_runtime(mine.handle().clone()).expect("it is the same");
        let other = Kind::MultiThread.runtime();
        let error = set_runtime(other.handle().clone()).expect_err("there is one");
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        let id = || Handle::current().id();
        assert_eq!(
            default_runtime().expect("it is there").id(),
            mine.handle().id()
        );
        assert_eq!(ASYNC.run(id), mine.handle().id());
        assert_eq!(
            block_on(async { Handle::current().id() }),
            mine.handle().id()
        );
        // The context comes first.
        let _entered = other.enter();
        assert_eq!(ASYNC.run(id), other.handle().id());
    })
    .succeeds();
}

#[test]
fn handed_over_too_late() {
    isolated(&[], || {
        let own = ASYNC.run(|| Handle::current().id());
        let mine = Kind::MultiThread.runtime();
        for _ in 0..2 {
            let error = set_runtime(mine.handle().clone()).expect_err("there is one");
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            assert!(error.to_string().contains("before the first"), "{error}");
        }
        assert_eq!(ASYNC.run(|| Handle::current().id()), own);
    })
    .succeeds();
}

/// Threads of one runtime wait for those of another, and of other engines.
#[test]
fn beside_each_other() {
    let _watch = crate::common::watch::watch("beside_each_other");
    let (one, other) = (Kind::MultiThread.runtime(), Kind::MultiThread.runtime());
    for _ in 0..50 {
        let (mut near, mut far) = pair();
        let echo = spawn(&other, move || {
            let mut byte = [0];
            while far.read(&mut byte).expect("connected") == 1 {
                far.write_all(&byte).expect("connected");
            }
        });
        let talks = spawn(&one, move || {
            for n in 0..20 {
                near.write_all(&[n]).expect("connected");
                let mut byte = [0];
                near.read_exact(&mut byte).expect("it is sent");
                assert_eq!(byte, [n]);
            }
            drop(near);
            echo.join().expect("no panic");
        });
        talks.join().expect("no panic");
    }
}

#[test]
fn a_thousand_one_after_another() {
    isolated(&[("STANDIN_WORKERS", "1")], || {
        let once = |kind: Kind| {
            let runtime = kind.runtime();
            let (mut near, mut far) = pair();
            let threads = [
                spawn(&runtime, move || {
                    let mut byte = [0];
                    far.read_exact(&mut byte).expect("it is sent");
                    byte[0]
                }),
                spawn(&runtime, move || {
                    thread::sleep(Duration::from_micros(10));
                    near.write_all(b"x").expect("connected");
                    block_on(async { engine::Control::cancellation() }).into()
                }),
            ];
            drive(&runtime, || {
                threads.iter().all(|thread| thread.is_finished())
            });
            let results = threads.map(|thread| thread.join().expect("no panic"));
            assert_eq!(results, [b'x', 0]);
        };
        for kind in KINDS {
            once(kind);
        }
        let before = open_descriptors().len();
        let count = os_threads();
        for n in 0..1000 {
            once(KINDS[usize::from(n % 10 > 0)]);
        }
        wait::until(|| open_descriptors().len() <= before);
        wait::until(|| os_threads() <= count);
    })
    .succeeds();
}

/// As above, with threads that lose their runtime.
#[test]
fn many_that_end_early() {
    isolated(&[("STANDIN_WORKERS", "1")], || {
        let once = |kind: Kind| {
            let runtime = kind.runtime();
            let (near, _far) = pair();
            let reads = spawn(&runtime, move || (&near).read(&mut [0]).is_err());
            let sleeps = spawn(&runtime, || {
                thread::sleep(Duration::from_secs(100_000));
                true
            });
            drop(runtime);
            assert_eq!(reads.join().ok(), Some(true));
            assert_eq!(sleeps.join().ok(), Some(true));
        };
        for kind in KINDS {
            once(kind);
        }
        let before = open_descriptors().len();
        for n in 0..300 {
            once(KINDS[usize::from(n % 10 > 0)]);
        }
        wait::until(|| open_descriptors().len() <= before);
    })
    .succeeds();
}

fn os_threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .expect("/proc is mounted")
        .count()
}
