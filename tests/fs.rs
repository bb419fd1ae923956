//! Files on engines with one processor: who waits for a disk, or for a lock of a file, stops nobody.

#![cfg(any(feature = "green", feature = "async"))]

mod common;

use common::isolated::isolated;
use standin::engine::{self, Engine};
use standin::fs::File;
use standin::sync::mpsc::channel;
use standin::thread;
use std::ffi::CString;
use std::io::{Read as _, Write as _};
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
