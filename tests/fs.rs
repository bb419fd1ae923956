//! Files on engines with one processor: who waits for a disk, or for a lock of a file, stops nobody.

#![cfg(any(feature = "green", feature = "async"))]

mod common;

use common::isolated::isolated;
use common::reads::{counted, reads};
use standin::engine::{self, Engine};
use standin::fs::File;
use standin::sync::mpsc::channel;
use standin::thread;
use std::ffi::CString;
use std::io::{IoSlice, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

/// Every engine whose threads share OS threads, and the promise that some of them ask for.
fn engines() -> Vec<Engine> {
    // SAFETY: nothing in these tests crosses a wait by a thread-local or on the stack of another library.
    unsafe { engine::accept_pinned() };
    ["green", "green-pinned", "async", "async-pinned"]
        .into_iter()
        .filter_map(|name| engine::named(name).ok())
        .collect()
}

const ONE: &[(&str, &str)] = &[("STANDIN_WORKERS", "1")];

/// A name that nothing has; in a folder that is there.
fn name(what: &str) -> PathBuf {
    std::env::temp_dir().join(format!("standin-{what}-{}", std::process::id()))
}

#[test]
fn a_lock_that_is_waited_for() {
    isolated(ONE, || {
        for engine in engines() {
            engine.run(|| {
                let path = name("lock");
                let first = File::create(&path).expect("the folder is there");
                first.lock().expect("nobody has it");
                let (sender, receiver) = channel();
                let waiter = {
                    let file = File::open(&path).expect("it was made");
                    thread::spawn(move || {
                        sender.send("waits").expect("somebody receives");
                        file.lock().expect("in the end");
                    })
                };
                assert_eq!(receiver.recv(), Ok("waits"));
                // Many turns of the only processor.
                for n in 0..100 {
                    assert_eq!(thread::spawn(move || n).join().ok(), Some(n));
                }
                assert!(!waiter.is_finished());
                first.unlock().expect("this has it");
                waiter.join().expect("no panic");
                std::fs::remove_file(path).expect("it was made");
            });
        }
    })
    .succeeds();
}

/// More threads than there are OS threads for sections wait, and who has the lock needs one to go on.
fn crowd(count: usize) {
    let path = name("crowd");
    let mut first = File::create(&path).expect("the folder is there");
    first.lock().expect("nobody has it");
    let (sender, receiver) = channel();
    let waiters: Vec<_> = (0..count)
        .map(|_| {
            let (path, sender) = (path.clone(), sender.clone());
            thread::spawn(move || {
                let mut file = File::options().append(true).open(path).expect("as above");
                sender.send(()).expect("somebody receives");
                file.lock().expect("in the end");
                file.write_all(b"x").expect("there is room");
                file.unlock().expect("this has it");
            })
        })
        .collect();
    assert_eq!(receiver.iter().take(count).count(), count);
    first.write_all(b"x").expect("there is room");
    first.unlock().expect("this has it");
    for waiter in waiters {
        waiter.join().expect("no panic");
    }
    let length = std::fs::metadata(&path).expect("it was made").len();
    assert_eq!(length, count as u64 + 1);
    std::fs::remove_file(path).expect("it was made");
}

#[test]
fn a_lock_that_many_wait_for() {
    isolated(ONE, || {
        for engine in engines() {
            engine.run(|| crowd(600));
        }
    })
    .succeeds();
}

#[cfg(feature = "async")]
#[test]
fn a_lock_where_one_section_runs_at_a_time() {
    isolated(&[], || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .enable_all()
            .build()
            .expect("there is room for a runtime");
        let _entered = runtime.enter();
        engine::ASYNC.run(|| crowd(3));
    })
    .succeeds();
}

/// It goes on waiting, and lets the others run as before: on a runtime of one OS thread nobody takes that from it.
#[cfg(feature = "async")]
#[test]
fn a_lock_that_a_cancelled_thread_waits_for() {
    isolated(&[], || {
        let _entered = common::current::enter();
        engine::ASYNC.run(|| {
            let path = name("cancelled");
            let first = File::create(&path).expect("the folder is there");
            first.lock().expect("nobody has it");
            let (sender, receiver) = channel();
            let waiter = {
                let file = File::open(&path).expect("it was made");
                thread::spawn(move || {
                    sender.send("waits").expect("somebody receives");
                    file.lock()
                })
            };
            assert_eq!(receiver.recv(), Ok("waits"));
            waiter.thread().cancel();
            for n in 0..100 {
                assert_eq!(thread::spawn(move || n).join().ok(), Some(n));
            }
            assert!(!waiter.is_finished());
            first.unlock().expect("this has it");
            waiter.join().expect("no panic").expect("the lock");
            std::fs::remove_file(path).expect("it was made");
        });
    })
    .succeeds();
}

#[test]
fn a_reader_that_waits() {
    isolated(ONE, || {
        for engine in engines() {
            engine.run(|| {
                let path = name("fifo");
                let text =
                    CString::new(path.to_str().expect("it is text")).expect("it has no zero");
                // SAFETY: the name is a string of C's.
                assert_eq!(unsafe { libc::mkfifo(text.as_ptr(), 0o600) }, 0);
                let reader = {
                    let path = path.clone();
                    // It opens, which waits for the writer, and reads, which waits for what is written.
                    thread::spawn(move || {
                        let mut text = String::new();
                        let mut file = File::open(path).expect("it was made");
                        file.read_to_string(&mut text).map(|_| text)
                    })
                };
                let mut writer = File::options()
                    .write(true)
                    .open(&path)
                    .expect("it was made");
                for n in 0..10 {
                    assert_eq!(thread::spawn(move || n).join().ok(), Some(n));
                    write!(writer, "{n}").expect("somebody reads");
                }
                drop(writer);
                let read = reader.join().expect("no panic").expect("it is text");
                assert_eq!(read, "0123456789");
                std::fs::remove_file(path).expect("it was made");
            });
        }
    })
    .succeeds();
}

/// Also where the kernel knows writes that do not wait: such a one may end in the middle.
#[test]
fn a_write_is_one_of_the_kernel() {
    isolated(&[], || {
        let path = name("written");
        let mut options = File::options();
        let mut file = options.append(true).create(true).open(&path).expect("room");
        let writes = || counted("syscw: ");
        let before = writes();
        for n in 0..10 {
            let bytes = [b'x'; 100];
            assert_eq!(file.write(&bytes).expect("there is room"), 100);
            let parts = [IoSlice::new(&bytes), IoSlice::new(&bytes)];
            assert_eq!(file.write_vectored(&parts).expect("there is room"), 200);
            assert_eq!(file.write_at(&bytes, n).expect("there is room"), 100);
        }
        assert_eq!(writes() - before, 30);
        std::fs::remove_file(path).expect("it was made");
    })
    .succeeds();
}

/// A copy of so much through a buffer of 8 KiB takes 512 reads.
const MUCH: usize = 4 << 20;

#[test]
fn the_kernel_copies() {
    isolated(&[], || {
        let (one, two) = (name("copied"), name("copy"));
        std::fs::write(&one, vec![b'x'; MUCH]).expect("there is room");
        let copy = || {
            let mut from = File::open(&one).expect("it was made");
            let mut to = File::create(&two).expect("the folder is there");
            let before = reads();
            let copied = standin::io::copy(&mut from, &mut to).expect("there is room");
            let count = reads().saturating_sub(before);
            assert_eq!(copied, MUCH as u64);
            assert!(count < 200, "{count} reads");
        };
        copy();
        for engine in engines() {
            engine.run(copy);
        }
        // From a socket to a pipe, where nobody else needs the OS thread.
        let (mut near, mut far) = standin::os::unix::net::UnixStream::pair().expect("two sockets");
        let (mut reader, mut writer) = standin::io::pipe().expect("two ends");
        let before = reads();
        std::thread::scope(|scope| {
            scope.spawn(move || near.write_all(&vec![b'x'; MUCH]).expect("it is read"));
            let received = scope.spawn(move || {
                let mut bytes = vec![0; MUCH];
                // It stays open until the copy has seen the end.
                reader.read_exact(&mut bytes).map(|()| (bytes, reader))
            });
            let copied = standin::io::copy(&mut far, &mut writer).expect("somebody reads");
            assert_eq!(copied, MUCH as u64);
            let (received, _) = received.join().expect("no panic").expect("all of it");
            assert!(received.iter().all(|byte| *byte == b'x'));
        });
        let count = reads().saturating_sub(before);
        assert!(count < 200, "{count} reads");
        std::fs::remove_file(one).expect("it was made");
        std::fs::remove_file(two).expect("it was made");
    })
    .succeeds();
}

/// OS threads that are refused every blocking section from the second on.
#[cfg(feature = "threads")]
mod refusing {
    use standin::engine::{Contract, NewThread, Sleep, Socket, Spawn, THREADS};
    use std::io;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread::JoinHandle;

    /// How many were asked for.
    pub(crate) struct Refusing(pub(crate) AtomicU32);

    impl Contract for Refusing {
        fn name(&self) -> &'static str {
            "refusing"
        }
    }

    impl Spawn for Refusing {
        fn start(&'static self, thread: NewThread) -> io::Result<Option<JoinHandle<()>>> {
            THREADS.contract().start(thread)
        }

        fn blocking(&self, section: &mut (dyn FnMut() + Send)) -> io::Result<()> {
            if self.0.fetch_add(1, Ordering::Relaxed) > 0 {
                return Err(io::Error::other("no section"));
            }
            section();
            Ok(())
        }
    }

    impl Sleep for Refusing {}
    impl Socket for Refusing {}
}

/// As std's after an error: who skips errors comes to an end.
#[cfg(feature = "threads")]
#[test]
fn a_directory_ends_after_a_refused_section() {
    static REFUSING: refusing::Refusing = refusing::Refusing(std::sync::atomic::AtomicU32::new(0));
    Engine::new(&REFUSING).run(|| {
        let mut entries = standin::fs::read_dir("/").expect("the first section");
        let refused = entries.next().expect("it is said");
        assert_eq!(refused.expect_err("refused").to_string(), "no section");
        assert!(entries.next().is_none());
        assert!(entries.next().is_none());
    });
    // Nor does it ask again.
    assert_eq!(REFUSING.0.load(std::sync::atomic::Ordering::Relaxed), 2);
}
