//! What anonymous pipes promise: moving bytes, how they end, clones, conversions, and how they print.

// On std, conversions into std's types are conversions into themselves.
#![allow(clippy::useless_conversion)]

use super::net::{kind, kind_at_last, pattern};
use super::shapes::{io, sync, thread};
use io::{PipeReader, PipeWriter, pipe};
use rustix::fs::{CWD, FileType, Mode, OFlags, fcntl_getfl};
use rustix::io::{FdFlags, fcntl_getfd};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use sync::mpsc::channel;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("pipe_read_waits", pipe_read_waits),
    ("pipe_write_waits", pipe_write_waits),
    ("pipe_large", pipe_large),
    ("pipe_vectored", pipe_vectored),
    ("pipe_nothing", pipe_nothing),
    ("pipe_end", pipe_end),
    ("pipe_end_wakes_reader", pipe_end_wakes_reader),
    ("pipe_broken", pipe_broken),
    ("pipe_broken_wakes_writer", pipe_broken_wakes_writer),
    ("pipe_clones", pipe_clones),
    ("pipe_many_writers", pipe_many_writers),
    ("pipe_many_readers", pipe_many_readers),
    ("pipe_lines", pipe_lines),
    ("pipe_keeps_its_mode", pipe_keeps_its_mode),
    ("pipe_non_blocking", pipe_non_blocking),
    ("pipe_mode_by_descriptor", pipe_mode_by_descriptor),
    ("pipe_mode_after_conversion", pipe_mode_after_conversion),
    ("pipe_through_descriptors", pipe_through_descriptors),
    ("pipe_with_a_name", pipe_with_a_name),
    ("pipe_of_a_file", pipe_of_a_file),
    ("pipe_text", pipe_text),
    ("pipe_traits", pipe_traits),
];

/// More than a pipe has room for.
const LARGE: usize = 300_000;

/// Everything up to the end.
fn all(mut reader: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

pub fn pipe_read_waits() {
    let (mut reader, mut writer) = pipe().unwrap();
    thread::scope(|scope| {
        let (starts, started) = channel();
        let reading = scope.spawn(move || {
            starts.send(()).unwrap();
            let mut bytes = [0; 8];
            let got = reader.read(&mut bytes).unwrap();
            bytes[..got].to_vec()
        });
        started.recv().unwrap();
        thread::yield_now();
        writer.write_all(b"word").unwrap();
        assert_eq!(reading.join().unwrap(), b"word");
    });
}

pub fn pipe_write_waits() {
    let (reader, mut writer) = pipe().unwrap();
    let is_written = AtomicBool::new(false);
    thread::scope(|scope| {
        let (starts, started) = channel();
        let is_written = &is_written;
        scope.spawn(move || {
            starts.send(()).unwrap();
            // A single write takes all, as a blocking one of the kernel does.
            assert_eq!(writer.write(&pattern(LARGE)).unwrap(), LARGE);
            is_written.store(true, SeqCst);
        });
        started.recv().unwrap();
        (0..10).for_each(|_| thread::yield_now());
        assert!(!is_written.load(SeqCst), "a pipe has no room for that");
        assert!(all(reader) == pattern(LARGE));
    });
    assert!(is_written.load(SeqCst));
}

pub fn pipe_large() {
    let (mut reader, mut writer) = pipe().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            for piece in pattern(LARGE).chunks(1_000) {
                writer.write_all(piece).unwrap();
            }
        });
        let mut bytes = vec![0; LARGE];
        reader.read_exact(&mut bytes).unwrap();
        assert!(bytes == pattern(LARGE));
        assert_eq!(reader.read(&mut bytes).unwrap(), 0);
    });
}

pub fn pipe_vectored() {
    let (mut reader, mut writer) = pipe().unwrap();
    let parts = [
        IoSlice::new(b"one "),
        IoSlice::new(b""),
        IoSlice::new(b"two"),
    ];
    assert_eq!(writer.write_vectored(&parts).unwrap(), 7);
    let (mut one, mut other) = ([0; 3], [0; 9]);
    let got = reader
        .read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut other)])
        .unwrap();
    assert_eq!(got, 7);
    assert_eq!((&one, &other[..4]), (b"one", &b" two"[..]));

    // More than there is room for, in more pieces than one call takes.
    let bytes = pattern(LARGE);
    thread::scope(|scope| {
        let reading = scope.spawn(move || all(&reader));
        let pieces: Vec<_> = bytes.chunks(200).map(IoSlice::new).collect();
        let written = writer.write_vectored(&pieces).unwrap();
        assert_eq!(written, 1024 * 200);
        drop(writer);
        assert!(reading.join().unwrap() == bytes[..written]);
    });
}

pub fn pipe_nothing() {
    let (mut reader, mut writer) = pipe().unwrap();
    // Neither waits.
    assert_eq!(reader.read(&mut []).unwrap(), 0);
    assert_eq!(reader.read_vectored(&mut []).unwrap(), 0);
    assert_eq!(writer.write(&[]).unwrap(), 0);
    assert_eq!(writer.write_vectored(&[]).unwrap(), 0);
    writer.flush().unwrap();
    drop(reader);
    assert_eq!(writer.write(&[]).unwrap(), 0);
}

pub fn pipe_end() {
    let (mut reader, mut writer) = pipe().unwrap();
    writer.write_all(b"the last").unwrap();
    drop(writer);
    assert_eq!(all(&reader), b"the last");
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    assert_eq!(kind(reader.read_exact(&mut [0])), ErrorKind::UnexpectedEof);
}

pub fn pipe_end_wakes_reader() {
    let (reader, writer) = pipe().unwrap();
    thread::scope(|scope| {
        let (starts, started) = channel();
        let reading = scope.spawn(move || {
            starts.send(()).unwrap();
            all(reader)
        });
        started.recv().unwrap();
        thread::yield_now();
        drop(writer);
        assert_eq!(reading.join().unwrap(), b"");
    });
}

pub fn pipe_broken() {
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(b"nobody reads it").unwrap();
    drop(reader);
    assert_eq!(
        kind_at_last(|| writer.write(b"word")),
        ErrorKind::BrokenPipe
    );
    assert_eq!(
        kind(writer.write_vectored(&[IoSlice::new(b"word")])),
        ErrorKind::BrokenPipe
    );
}

pub fn pipe_broken_wakes_writer() {
    let (mut reader, mut writer) = pipe().unwrap();
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            // All that was written before the end counts, so it is the next write that fails.
            kind(writer.write_all(&pattern(LARGE)))
        });
        // It has begun.
        reader.read_exact(&mut [0]).unwrap();
        drop(reader);
        assert_eq!(writing.join().unwrap(), ErrorKind::BrokenPipe);
    });
}

pub fn pipe_clones() {
    let (reader, writer) = pipe().unwrap();
    let (mut also_reads, mut also_writes) =
        (reader.try_clone().unwrap(), writer.try_clone().unwrap());
    assert_ne!(reader.as_raw_fd(), also_reads.as_raw_fd());
    for fd in [also_reads.as_fd(), also_writes.as_fd()] {
        assert!(fcntl_getfd(fd).unwrap().contains(FdFlags::CLOEXEC));
    }
    also_writes.write_all(b"word").unwrap();
    drop(also_writes);
    also_reads.read_exact(&mut [0; 4]).unwrap();
    // One writer is left, so there is no end yet.
    thread::scope(|scope| {
        let reading = scope.spawn(move || all(also_reads));
        thread::yield_now();
        (&writer).write_all(b"more").unwrap();
        drop(writer);
        assert_eq!(reading.join().unwrap(), b"more");
    });
    drop(reader);
}

pub fn pipe_many_writers() {
    const WRITERS: usize = 20;
    const TIMES: usize = 200;
    // Each write is whole: none is longer than what a pipe takes at once.
    const LENGTH: usize = 501;
    let (mut reader, writer) = pipe().unwrap();
    thread::scope(|scope| {
        for n in 0..WRITERS {
            let mut writer = writer.try_clone().unwrap();
            scope.spawn(move || {
                for _ in 0..TIMES {
                    assert_eq!(writer.write(&[n as u8; LENGTH]).unwrap(), LENGTH);
                }
            });
        }
        drop(writer);
        let mut counts = [0; WRITERS];
        for _ in 0..WRITERS * TIMES {
            let mut bytes = [0; LENGTH];
            reader.read_exact(&mut bytes).unwrap();
            assert!(bytes.iter().all(|&byte| byte == bytes[0]));
            counts[usize::from(bytes[0])] += 1;
        }
        assert_eq!(counts, [TIMES; WRITERS]);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    });
}

pub fn pipe_many_readers() {
    let (reader, mut writer) = pipe().unwrap();
    let total: usize = thread::scope(|scope| {
        let readers: Vec<_> = (0..20)
            .map(|_| {
                let reader = &reader;
                scope.spawn(move || all(reader).len())
            })
            .collect();
        for piece in pattern(LARGE).chunks(700) {
            writer.write_all(piece).unwrap();
        }
        drop(writer);
        readers.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(total, LARGE);
}

pub fn pipe_lines() {
    let (reader, mut writer) = pipe().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            for n in 0..100 {
                writeln!(writer, "line {n}").unwrap();
            }
        });
        let lines: Vec<_> = BufReader::new(reader).lines().map(Result::unwrap).collect();
        let expected: Vec<_> = (0..100).map(|n| format!("line {n}")).collect();
        assert_eq!(lines, expected);
    });
}

/// Other processes have the other descriptors of a pipe, which are in the mode in which they are.
pub fn pipe_keeps_its_mode() {
    let (mut reader, mut writer) = pipe().unwrap();
    thread::scope(|scope| {
        let (reader, writer) = (&mut reader, &mut writer);
        scope.spawn(move || writer.write_all(&pattern(LARGE)).unwrap());
        scope.spawn(move || {
            let mut bytes = vec![0; LARGE];
            reader.read_exact(&mut bytes).unwrap();
        });
    });
    let is_blocking = |fd: OwnedFd| !fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK);
    assert!(is_blocking(reader.into()));
    assert!(is_blocking(writer.into()));
}

pub fn pipe_non_blocking() {
    let (reader, mut writer) = pipe().unwrap();
    let fd = OwnedFd::from(reader);
    rustix::io::ioctl_fionbio(&fd, true).unwrap();
    let mut reader = PipeReader::from(fd);
    assert_eq!(kind(reader.read(&mut [0])), ErrorKind::WouldBlock);
    writer.write_all(b"a").unwrap();
    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 1);
    let fd = OwnedFd::from(writer);
    rustix::io::ioctl_fionbio(&fd, true).unwrap();
    let mut writer = PipeWriter::from(fd);
    let mut written = 0;
    let error = loop {
        match writer.write(&pattern(LARGE)) {
            Ok(some) => written += some,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    drop(writer);
    assert_eq!(all(reader).len(), written);
}

/// There is no method for it.
pub fn pipe_mode_by_descriptor() {
    let (mut reader, mut writer) = pipe().unwrap();
    for _ in 0..3 {
        rustix::io::ioctl_fionbio(&reader, true).unwrap();
        assert_eq!(kind(reader.read(&mut [0])), ErrorKind::WouldBlock);
        rustix::io::ioctl_fionbio(&reader, false).unwrap();
        thread::scope(|scope| {
            let (reader, writer) = (&mut reader, &mut writer);
            let reading = scope.spawn(move || reader.read(&mut [0; 8]).unwrap());
            thread::yield_now();
            writer.write_all(b"word").unwrap();
            assert_eq!(reading.join().unwrap(), 4);
        });
    }
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let written = writer.write(&pattern(LARGE)).unwrap();
    assert!(written < LARGE);
    assert_eq!(kind(writer.write(&pattern(LARGE))), ErrorKind::WouldBlock);
    drop(writer);
    assert_eq!(all(reader).len(), written);
}

/// One that came non-blocking need not stay so.
pub fn pipe_mode_after_conversion() {
    let (reader, writer) = pipe().unwrap();
    let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
    rustix::io::ioctl_fionbio(&reader, true).unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let (mut reader, mut writer) = (PipeReader::from(reader), PipeWriter::from(writer));
    assert_eq!(kind(reader.read(&mut [0])), ErrorKind::WouldBlock);
    rustix::io::ioctl_fionbio(&reader, false).unwrap();
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    thread::scope(|scope| {
        let (starts, started) = channel();
        let reading = scope.spawn(move || {
            starts.send(()).unwrap();
            let mut bytes = vec![0; LARGE];
            reader.read_exact(&mut bytes).unwrap();
            bytes
        });
        started.recv().unwrap();
        (0..100).for_each(|_| thread::yield_now());
        assert_eq!(writer.write(&pattern(LARGE)).unwrap(), LARGE);
        assert!(reading.join().unwrap() == pattern(LARGE));
    });
}

pub fn pipe_through_descriptors() {
    let (reader, writer) = pipe().unwrap();
    let numbers = (reader.as_raw_fd(), writer.as_raw_fd());
    // SAFETY: the descriptors are owned by nobody else.
    let (mut reader, mut writer) = unsafe {
        (
            PipeReader::from_raw_fd(reader.into_raw_fd()),
            PipeWriter::from_raw_fd(writer.into_raw_fd()),
        )
    };
    assert_eq!((reader.as_raw_fd(), writer.as_raw_fd()), numbers);
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut word = [0; 4];
            reader.read_exact(&mut word).unwrap();
            word
        });
        thread::yield_now();
        writer.write_all(b"word").unwrap();
        assert_eq!(&reading.join().unwrap(), b"word");
    });
    let mut std = std::io::PipeReader::from(reader);
    writer.write_all(b"for std").unwrap();
    drop(writer);
    let mut text = String::new();
    std.read_to_string(&mut text).unwrap();
    assert_eq!(text, "for std");
}

/// A named pipe is one for which the kernel has no call that does not wait.
pub fn pipe_with_a_name() {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let name = format!(
        "standin-pipe-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, SeqCst)
    );
    let path = std::env::temp_dir().join(name);
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::from_bits_retain(0o600), 0).unwrap();
    // Opened for both, none waits for the other.
    let open = || {
        let mut options = OpenOptions::new();
        OwnedFd::from(options.read(true).write(true).open(&path).unwrap())
    };
    let (mut reader, mut writer) = (PipeReader::from(open()), PipeWriter::from(open()));
    std::fs::remove_file(&path).unwrap();
    thread::scope(|scope| {
        let (reader, writer) = (&mut reader, &mut writer);
        let reading = scope.spawn(move || {
            let mut bytes = vec![0; LARGE];
            reader.read_exact(&mut bytes).unwrap();
            bytes
        });
        thread::yield_now();
        assert_eq!(writer.write(&pattern(LARGE)).unwrap(), LARGE);
        assert!(reading.join().unwrap() == pattern(LARGE));
    });
    for fd in [OwnedFd::from(reader), OwnedFd::from(writer)] {
        assert!(!fcntl_getfl(&fd).unwrap().contains(OFlags::NONBLOCK));
    }
}

/// What is in a file need not be in memory, and no reactor tells when it is.
pub fn pipe_of_a_file() {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let name = format!(
        "standin-pipe-file-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, SeqCst)
    );
    let path = std::env::temp_dir().join(name);
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    let mut writer = PipeWriter::from(OwnedFd::from(file.try_clone().unwrap()));
    writer.write_all(&pattern(LARGE)).unwrap();
    drop(OwnedFd::from(writer));
    file.sync_all().unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(0)).unwrap();
    let reader = PipeReader::from(OwnedFd::from(file));
    assert!(all(reader) == pattern(LARGE));
}

pub fn pipe_text() {
    let (reader, writer) = pipe().unwrap();
    let texts = (format!("{reader:?}"), format!("{writer:#?}"));
    let std = (
        std::io::PipeReader::from(reader),
        std::io::PipeWriter::from(writer),
    );
    assert_eq!(texts, (format!("{:?}", std.0), format!("{:#?}", std.1)));
}

pub fn pipe_traits() {
    fn check<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + AsFd>() {}
    check::<PipeReader>();
    check::<PipeWriter>();
}
