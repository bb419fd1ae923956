//! Descriptors that are no sockets: pipes, and what only ever becomes ready.

use super::support::Subject;
use standin::engine::is_cancelled;
use standin::io::{PipeReader, PipeWriter, pipe};
use standin::process::{Command, Stdio};
use standin::sync::mpsc;
use standin::thread;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::fd::OwnedFd;

/// Three times what a pipe has room for.
const LENGTH: usize = 200 << 10;

fn bytes() -> Vec<u8> {
    (0..LENGTH).map(|n| (n % 251) as u8).collect()
}

/// One processor has both ends, and a third thread: none blocks it.
pub(crate) fn with_one_processor(on: &Subject) {
    on.isolated(&[("STANDIN_WORKERS", "1")], || {
        on.run(|| {
            for _ in 0..10 {
                let (mut reader, mut writer) = pipe().expect("descriptors are free");
                let reading = thread::spawn(move || {
                    let mut got = Vec::new();
                    reader.read_to_end(&mut got).map(|_| got)
                });
                thread::spawn(|| ()).join().expect("no panic");
                let bytes = bytes();
                assert_eq!(writer.write(&bytes).ok(), Some(LENGTH));
                let pieces: Vec<_> = bytes.chunks(1_000).map(IoSlice::new).collect();
                assert_eq!(writer.write_vectored(&pieces).ok(), Some(LENGTH));
                drop(writer);
                let got = reading.join().expect("no panic").expect("a pipe");
                assert!(got == [&bytes[..], &bytes[..]].concat());
            }
        });
    })
    .succeeds();
}

/// A pipe that an OS thread and threads of the engine use.
pub(crate) fn every_context_at_once(on: &Subject) {
    const WRITERS: usize = 10;
    const TIMES: usize = 500;
    let (mut reader, writer) = pipe().expect("descriptors are free");
    let writes = |mut writer: PipeWriter| {
        move || {
            for _ in 0..TIMES {
                // Short enough to be taken as a whole.
                writer.write_all(&[7; 100]).expect("a pipe");
            }
        }
    };
    let clone = || writer.try_clone().expect("descriptors are free");
    let threads: Vec<_> = (0..WRITERS).map(|_| on.spawn(writes(clone()))).collect();
    let outside = std::thread::spawn(writes(clone()));
    drop(writer);
    let read = on.run(|| {
        let mut got = Vec::new();
        reader.read_to_end(&mut got).map(|_| got)
    });
    assert_eq!(read.expect("a pipe").len(), (WRITERS + 1) * TIMES * 100);
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("no panic"));
    outside.join().expect("no panic");
}

/// A thread that waits in `wait`, and one that comes there later, get the error.
fn is_ended_by_a_cancellation(
    on: &Subject,
    mut wait: impl FnMut() -> io::Result<()> + Send + 'static,
) {
    let (starts, started) = mpsc::channel();
    let thread = on.spawn(move || {
        starts.send(()).expect("it is received");
        for _ in 0..2 {
            let error = wait().expect_err("it is cancelled");
            assert!(is_cancelled(&error), "{error}");
        }
    });
    started.recv().expect("it starts");
    thread.thread().cancel();
    thread.join().expect("no panic");
}

pub(crate) fn cancelling(on: &Subject) {
    let (mut reader, _writer) = pipe().expect("descriptors are free");
    is_ended_by_a_cancellation(on, move || reader.read(&mut [0]).map(drop));
    let (_reader, mut writer) = pipe().expect("descriptors are free");
    // What it takes before it is full is no error.
    is_ended_by_a_cancellation(on, move || writer.write_all(&bytes()));
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .spawn()
        .expect("it is there");
    let stdin = child.stdin.take();
    is_ended_by_a_cancellation(on, move || child.wait().map(drop));
    drop(stdin);
}

pub(crate) fn not_waiting(on: &Subject) {
    on.run(|| {
        let (reader, writer) = pipe().expect("descriptors are free");
        let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
        for fd in [&reader, &writer] {
            rustix::io::ioctl_fionbio(fd, true).expect("a pipe");
        }
        let (mut reader, mut writer) = (PipeReader::from(reader), PipeWriter::from(writer));
        let would_block = |error: io::Error| error.kind() == ErrorKind::WouldBlock;
        assert!(reader.read(&mut [0]).is_err_and(would_block));
        let written = writer.write(&bytes()).expect("there is some room");
        assert!(written < LENGTH);
        assert!(writer.write(&bytes()).is_err_and(would_block));
        let mut got = vec![0; written];
        reader.read_exact(&mut got).expect("it was written");
        assert!(got == bytes()[..written]);
    });
}
