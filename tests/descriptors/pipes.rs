//! Pipes of std's own, which engines do not know: they are ready for a byte and block for the next.

use crate::common::wait;
use crate::support::Subject;
use standin::engine::blocking;
use standin::sync::mpsc;
use standin::thread;
use std::io::{PipeReader, Read, Write, pipe};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

/// Three times what a pipe has room for.
const LENGTH: usize = 200 << 10;

fn bytes() -> Vec<u8> {
    (0..LENGTH).map(|n| (n % 251) as u8).collect()
}

fn read_all(mut reader: PipeReader) {
    let mut got = Vec::new();
    reader.read_to_end(&mut got).expect("the writer is there");
    assert!(got == bytes(), "{} of {LENGTH} bytes", got.len());
}

/// The writer blocks in a section. The only processor has the reader meanwhile, which finds what it reads, or
/// waits in the kernel for a writer that goes on. It comes second: whichever thread an engine runs first, it would
/// have the processor for ever before there is a section.
pub(crate) fn a_large_write_in_a_section(on: &Subject) {
    on.isolated(&[("STANDIN_WORKERS", "1")], || {
        on.run(|| {
            for _ in 0..10 {
                let (reader, mut writer) = pipe().expect("descriptors are free");
                let (starts, started) = mpsc::channel();
                let writing = thread::spawn(move || {
                    blocking(move || {
                        starts.send(()).expect("it is received");
                        writer.write_all(&bytes())
                    })
                });
                started.recv().expect("the section starts");
                let reading = thread::spawn(move || read_all(reader));
                let written = writing.join().expect("no panic");
                written
                    .expect("OS threads are to be had")
                    .expect("the reader is there");
                reading.join().expect("what was written");
            }
        });
    })
    .succeeds();
}

/// The reader starts when the writer blocks already, and blocks as well.
pub(crate) fn a_section_for_each_end(on: &Subject) {
    on.isolated(&[("STANDIN_WORKERS", "1")], || {
        on.run(|| {
            for _ in 0..10 {
                let (reader, mut writer) = pipe().expect("descriptors are free");
                let (starts, started) = mpsc::channel();
                let writing = thread::spawn(move || {
                    blocking(move || {
                        starts.send(()).expect("it is received");
                        writer.write_all(&bytes())
                    })
                });
                started.recv().expect("the section starts");
                let reading = thread::spawn(move || blocking(move || read_all(reader)));
                let written = writing.join().expect("no panic");
                written
                    .expect("OS threads are to be had")
                    .expect("the reader is there");
                let read = reading.join().expect("what was written");
                read.expect("OS threads are to be had");
            }
        });
    })
    .succeeds();
}

/// Nobody says that the write may block: whoever watches the processors takes it away from the thread that sits
/// in the kernel. Otherwise the reader, which only a third thread starts, would never run.
pub(crate) fn a_large_write_outside_of_a_section(on: &Subject) {
    on.isolated(&[("STANDIN_WORKERS", "1")], || {
        on.run(|| {
            for _ in 0..5 {
                let (reader, mut writer) = pipe().expect("descriptors are free");
                let written = AtomicBool::new(false);
                thread::scope(|scope| {
                    let (starts, started) = mpsc::channel();
                    let written = &written;
                    scope.spawn(move || {
                        starts.send(()).expect("it is received");
                        writer.write_all(&bytes()).expect("the reader is there");
                        written.store(true, SeqCst);
                    });
                    scope.spawn(move || {
                        started.recv().expect("the writer starts");
                        (0..100).for_each(|_| thread::yield_now());
                        assert!(!written.load(SeqCst), "a pipe has no room for that");
                        scope.spawn(move || read_all(reader));
                    });
                });
            }
        });
    })
    .succeeds();
}

/// A read that blocks the only processor, until another thread writes.
pub(crate) fn a_read_outside_of_a_section(on: &Subject) {
    on.isolated(&[("STANDIN_WORKERS", "1")], || {
        on.run(|| {
            for _ in 0..5 {
                let (mut reader, mut writer) = pipe().expect("descriptors are free");
                let reading = AtomicBool::new(false);
                thread::scope(|scope| {
                    let reading = &reading;
                    scope.spawn(move || {
                        reading.store(true, SeqCst);
                        let mut word = [0; 4];
                        reader.read_exact(&mut word).expect("the writer is there");
                        assert_eq!(&word, b"word");
                    });
                    scope.spawn(move || {
                        wait::until(|| reading.load(SeqCst));
                        writer.write_all(b"word").expect("the reader is there");
                    });
                });
            }
        });
    })
    .succeeds();
}
