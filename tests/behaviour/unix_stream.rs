//! What connections of Unix sockets promise: moving bytes, how they end, and clones. `unix_listener.rs` has
//! connecting and accepting; `unix_mode.rs` timeouts and non-blocking mode; `unix_convert.rs` conversions.

use super::net::{kind, kind_at_last, pattern, rest};
use super::shapes::{net, os, sync, thread};
use net::Shutdown;
use os::unix::net::UnixStream;
use std::io::{self, BufRead, BufReader, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use sync::mpsc::channel;

/// Every body of this file with its name.
pub const ALL: &[(&str, fn())] = &[
    ("unix_stream_pair", unix_stream_pair),
    ("unix_stream_read_waits", unix_stream_read_waits),
    ("unix_stream_read_partial", unix_stream_read_partial),
    (
        "unix_stream_read_exact_and_end",
        unix_stream_read_exact_and_end,
    ),
    ("unix_stream_read_nothing", unix_stream_read_nothing),
    (
        "unix_stream_read_nothing_waits_for_something",
        unix_stream_read_nothing_waits_for_something,
    ),
    ("unix_stream_write_nothing", unix_stream_write_nothing),
    ("unix_stream_large", unix_stream_large),
    (
        "unix_stream_both_ways_at_once",
        unix_stream_both_ways_at_once,
    ),
    ("unix_stream_lines", unix_stream_lines),
    ("unix_stream_vectored", unix_stream_vectored),
    ("unix_stream_vectored_nothing", unix_stream_vectored_nothing),
    ("unix_stream_vectored_many", unix_stream_vectored_many),
    ("unix_stream_vectored_large", unix_stream_vectored_large),
    ("unix_stream_half_close", unix_stream_half_close),
    ("unix_stream_shutdown_read", unix_stream_shutdown_read),
    ("unix_stream_shutdown_both", unix_stream_shutdown_both),
    (
        "unix_stream_shutdown_wakes_reader",
        unix_stream_shutdown_wakes_reader,
    ),
    (
        "unix_stream_shutdown_wakes_writer",
        unix_stream_shutdown_wakes_writer,
    ),
    ("unix_stream_drop_is_the_end", unix_stream_drop_is_the_end),
    (
        "unix_stream_data_with_the_end",
        unix_stream_data_with_the_end,
    ),
    ("unix_stream_reset", unix_stream_reset),
    ("unix_stream_broken_pipe", unix_stream_broken_pipe),
    (
        "unix_stream_broken_pipe_wakes_writer",
        unix_stream_broken_pipe_wakes_writer,
    ),
    ("unix_stream_clone", unix_stream_clone),
    (
        "unix_stream_clone_reads_and_writes",
        unix_stream_clone_reads_and_writes,
    ),
    ("unix_stream_many_readers", unix_stream_many_readers),
    (
        "unix_stream_moves_between_threads",
        unix_stream_moves_between_threads,
    ),
];

pub fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

pub fn unix_stream_pair() {
    let (mut one, mut other) = pair();
    for end in [&one, &other] {
        assert!(end.local_addr().unwrap().is_unnamed());
        assert!(end.peer_addr().unwrap().is_unnamed());
        assert!(end.take_error().unwrap().is_none());
    }
    let answering = thread::spawn(move || {
        let mut question = [0; 4];
        other.read_exact(&mut question).unwrap();
        other.write_all(b"pong").unwrap();
        other.flush().unwrap();
        question
    });
    one.write_all(b"ping").unwrap();
    assert_eq!(rest(&one), b"pong");
    assert_eq!(&answering.join().unwrap(), b"ping");
}

pub fn unix_stream_read_waits() {
    let (mut one, mut other) = pair();
    let (reads, reading) = channel();
    let reader = thread::spawn(move || {
        reads.send(()).unwrap();
        let mut bytes = [0; 8];
        let got = other.read(&mut bytes).unwrap();
        bytes[..got].to_vec()
    });
    reading.recv().unwrap();
    thread::yield_now();
    assert!(!reader.is_finished());
    one.write_all(b"x").unwrap();
    assert_eq!(reader.join().unwrap(), b"x");
}

pub fn unix_stream_read_partial() {
    let (mut one, mut other) = pair();
    one.write_all(b"abc").unwrap();
    one.write_all(b"def").unwrap();
    let mut bytes = [0; 4];
    other.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"abcd");
    assert_eq!(other.read(&mut bytes).unwrap(), 2);
    assert_eq!(&bytes[..2], b"ef");
    // What came after the stream was read empty is found as well.
    one.write_all(b"g").unwrap();
    assert_eq!(other.read(&mut bytes).unwrap(), 1);
    one.write_all(b"hi").unwrap();
    drop(one);
    assert_eq!(rest(&other), b"hi");
}

pub fn unix_stream_read_exact_and_end() {
    let (mut one, mut other) = pair();
    one.write_all(b"abc").unwrap();
    drop(one);
    assert_eq!(
        kind(other.read_exact(&mut [0; 4])),
        ErrorKind::UnexpectedEof
    );
    for _ in 0..3 {
        assert_eq!(other.read(&mut [0; 4]).unwrap(), 0);
    }
}

pub fn unix_stream_read_nothing() {
    let (mut one, mut other) = pair();
    one.write_all(b"x").unwrap();
    let mut byte = [0];
    assert_eq!(other.read(&mut []).unwrap(), 0);
    assert_eq!(other.read(&mut byte).unwrap(), 1);
    assert_eq!(&byte, b"x");
    drop(one);
    assert_eq!(other.read(&mut byte).unwrap(), 0);
    assert_eq!(other.read(&mut []).unwrap(), 0);
}

/// Linux waits for a byte although none is wanted.
pub fn unix_stream_read_nothing_waits_for_something() {
    let (mut one, mut other) = pair();
    let (reads, reading) = channel();
    let reader = thread::spawn(move || {
        reads.send(()).unwrap();
        assert_eq!(other.read(&mut []).unwrap(), 0);
        rest(other)
    });
    reading.recv().unwrap();
    thread::yield_now();
    assert!(!reader.is_finished());
    one.write_all(b"something").unwrap();
    drop(one);
    assert_eq!(reader.join().unwrap(), b"something");
}

pub fn unix_stream_write_nothing() {
    let (mut one, other) = pair();
    assert_eq!(one.write(&[]).unwrap(), 0);
    one.write_all(&[]).unwrap();
    drop(one);
    assert_eq!(rest(other), b"");
}

pub fn unix_stream_large() {
    const LENGTH: usize = 8 << 20;
    let (mut one, other) = pair();
    let reader = thread::spawn(move || rest(other));
    let bytes = pattern(LENGTH);
    // A blocking write takes all, as the kernel's does.
    assert_eq!(one.write(&bytes).unwrap(), LENGTH);
    drop(one);
    assert!(reader.join().unwrap() == bytes);
}

pub fn unix_stream_both_ways_at_once() {
    const LENGTH: usize = 4 << 20;
    let (one, other) = pair();
    let bytes = pattern(LENGTH);
    thread::scope(|scope| {
        for mut end in [&one, &other] {
            let bytes = &bytes;
            scope.spawn(move || {
                end.write_all(bytes).unwrap();
                end.shutdown(Shutdown::Write).unwrap();
            });
            scope.spawn(move || assert!(rest(end) == *bytes));
        }
    });
}

pub fn unix_stream_lines() {
    let (one, other) = pair();
    let echo = thread::spawn(move || {
        for line in BufReader::new(&other).lines() {
            writeln!(&other, "<{}>", line.unwrap()).unwrap();
        }
    });
    let mut answers = BufReader::new(&one).lines();
    for n in 0..100 {
        writeln!(&one, "{n}").unwrap();
        assert_eq!(answers.next().unwrap().unwrap(), format!("<{n}>"));
    }
    one.shutdown(Shutdown::Write).unwrap();
    assert!(answers.next().is_none());
    echo.join().unwrap();
}

pub fn unix_stream_vectored() {
    let (mut one, mut other) = pair();
    let sent = one.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")]);
    assert_eq!(sent.unwrap(), 5);
    let (mut first, mut second) = ([0; 3], [0; 9]);
    let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(other.read_vectored(&mut buffers).unwrap(), 5);
    assert_eq!((&first, &second[..2]), (b"abc", &b"de"[..]));
    let reader = thread::spawn(move || {
        let mut bytes = [0; 4];
        let mut read = || other.read_vectored(&mut [IoSliceMut::new(&mut bytes)]);
        (read().unwrap(), read().unwrap())
    });
    thread::yield_now();
    one.write_all(b"f").unwrap();
    drop(one);
    assert_eq!(reader.join().unwrap(), (1, 0));
}

/// Unlike `read`, the vectored calls return at once if nothing is wanted.
pub fn unix_stream_vectored_nothing() {
    let (mut one, mut other) = pair();
    assert_eq!(other.read_vectored(&mut []).unwrap(), 0);
    let empty = &mut [IoSliceMut::new(&mut [])];
    assert_eq!(other.read_vectored(empty).unwrap(), 0);
    assert_eq!(one.write_vectored(&[]).unwrap(), 0);
    assert_eq!(one.write_vectored(&[IoSlice::new(&[])]).unwrap(), 0);
    drop(one);
    assert_eq!(rest(other), b"");
}

/// More buffers than one call of the kernel takes.
pub fn unix_stream_vectored_many() {
    const COUNT: usize = 3_000;
    let (mut one, mut other) = pair();
    let parts = vec![IoSlice::new(b"z"); COUNT];
    assert_eq!(one.write_vectored(&parts).unwrap(), 1_024);
    let mut bytes = vec![0; COUNT];
    let mut buffers: Vec<_> = bytes.chunks_mut(1).map(IoSliceMut::new).collect();
    assert_eq!(other.read_vectored(&mut buffers).unwrap(), 1_024);
}

/// A blocking vectored write takes all as well.
pub fn unix_stream_vectored_large() {
    const LENGTH: usize = 1 << 20;
    let (mut one, other) = pair();
    let reader = thread::spawn(move || rest(other));
    let bytes = pattern(LENGTH);
    let parts: Vec<_> = bytes.chunks(LENGTH / 7).map(IoSlice::new).collect();
    assert_eq!(one.write_vectored(&parts).unwrap(), LENGTH);
    drop(one);
    assert!(reader.join().unwrap() == bytes);
}

pub fn unix_stream_half_close() {
    let (mut one, mut other) = pair();
    one.write_all(b"question").unwrap();
    one.shutdown(Shutdown::Write).unwrap();
    assert_eq!(kind(one.write_all(b"more")), ErrorKind::BrokenPipe);
    assert_eq!(rest(&other), b"question");
    // The other direction is open.
    other.write_all(b"answer").unwrap();
    let mut bytes = [0; 6];
    one.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"answer");
    drop(other);
    assert_eq!(one.read(&mut bytes).unwrap(), 0);
}

/// Unlike with TCP, the other end learns of it.
pub fn unix_stream_shutdown_read() {
    let (mut one, mut other) = pair();
    other.write_all(b"before").unwrap();
    one.shutdown(Shutdown::Read).unwrap();
    assert_eq!(kind(other.write_all(b"more")), ErrorKind::BrokenPipe);
    // What was there is there.
    assert_eq!(rest(&one), b"before");
    assert_eq!(one.read(&mut [0; 4]).unwrap(), 0);
    one.write_all(b"still").unwrap();
    drop(one);
    assert_eq!(rest(&mut other), b"still");
}

pub fn unix_stream_shutdown_both() {
    let (mut one, mut other) = pair();
    one.shutdown(Shutdown::Both).unwrap();
    one.shutdown(Shutdown::Both).unwrap();
    for end in [&mut one, &mut other] {
        assert_eq!(end.read(&mut [0; 4]).unwrap(), 0);
        assert_eq!(kind(end.write(b"x")), ErrorKind::BrokenPipe);
    }
}

pub fn unix_stream_shutdown_wakes_reader() {
    for how in [Shutdown::Read, Shutdown::Both] {
        let (one, _other) = pair();
        let mut clone = one.try_clone().unwrap();
        let (reads, reading) = channel();
        let reader = thread::spawn(move || {
            reads.send(()).unwrap();
            clone.read(&mut [0; 4]).unwrap()
        });
        reading.recv().unwrap();
        thread::yield_now();
        one.shutdown(how).unwrap();
        assert_eq!(reader.join().unwrap(), 0);
    }
}

/// Fills a stream and goes on, until an error says that it is over.
fn write_until_error(mut stream: UnixStream, filled: impl FnOnce()) -> ErrorKind {
    stream.set_nonblocking(true).unwrap();
    while stream.write(&[0; 4_096]).is_ok() {}
    stream.set_nonblocking(false).unwrap();
    filled();
    kind(stream.write_all(&[0; 1 << 20]))
}

pub fn unix_stream_shutdown_wakes_writer() {
    let (one, _other) = pair();
    let clone = one.try_clone().unwrap();
    let (fills, filled) = channel();
    let writer = thread::spawn(move || write_until_error(clone, || fills.send(()).unwrap()));
    filled.recv().unwrap();
    thread::yield_now();
    assert!(!writer.is_finished());
    one.shutdown(Shutdown::Write).unwrap();
    assert_eq!(writer.join().unwrap(), ErrorKind::BrokenPipe);
}

pub fn unix_stream_drop_is_the_end() {
    let (one, other) = pair();
    let reader = thread::spawn(move || rest(other));
    thread::yield_now();
    drop(one);
    assert_eq!(reader.join().unwrap(), b"");
}

/// The end may come together with the last bytes: it is seen all the same.
pub fn unix_stream_data_with_the_end() {
    for round in 1..60 {
        let (mut one, mut other) = pair();
        let reader = thread::spawn(move || {
            let (mut all, mut buffer) = (0, [0; 4_096]);
            loop {
                match other.read(&mut buffer[..round * 11]).unwrap() {
                    0 => return all,
                    got => all += got,
                }
            }
        });
        (0..round % 5).for_each(|_| thread::yield_now());
        one.write_all(b"the last of it").unwrap();
        drop(one);
        assert_eq!(reader.join().unwrap(), 14);
    }
}

/// Closing with unread bytes is told to who wrote them, once.
pub fn unix_stream_reset() {
    let (mut one, other) = pair();
    one.write_all(b"never read").unwrap();
    let reader = thread::spawn(move || {
        (
            kind(one.read(&mut [0; 4])),
            one.read(&mut [0; 4]).unwrap(),
            kind(one.write(b"x")),
        )
    });
    thread::yield_now();
    drop(other);
    assert_eq!(
        reader.join().unwrap(),
        (ErrorKind::ConnectionReset, 0, ErrorKind::BrokenPipe)
    );
}

pub fn unix_stream_broken_pipe() {
    let (mut one, other) = pair();
    drop(other);
    assert_eq!(kind_at_last(|| one.write(b"x")), ErrorKind::BrokenPipe);
    assert_eq!(kind(one.write_all(&[0; 1 << 20])), ErrorKind::BrokenPipe);
    let parts = [IoSlice::new(b"x"), IoSlice::new(b"y")];
    assert_eq!(kind(one.write_vectored(&parts)), ErrorKind::BrokenPipe);
    assert_eq!(one.read(&mut [0]).unwrap(), 0);
}

pub fn unix_stream_broken_pipe_wakes_writer() {
    let (one, other) = pair();
    let (fills, filled) = channel();
    let writer = thread::spawn(move || write_until_error(one, || fills.send(()).unwrap()));
    filled.recv().unwrap();
    thread::yield_now();
    assert!(!writer.is_finished());
    drop(other);
    let told = writer.join().unwrap();
    // The kernel says first that what was written was not read, if the writer waited already or not.
    assert!(
        matches!(told, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
        "{told}"
    );
}

pub fn unix_stream_clone() {
    let (one, mut other) = pair();
    let mut clone = one.try_clone().unwrap();
    drop(one);
    clone.write_all(b"open").unwrap();
    let mut bytes = [0; 4];
    other.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"open");
    drop(clone);
    assert_eq!(other.read(&mut bytes).unwrap(), 0);
}

pub fn unix_stream_clone_reads_and_writes() {
    let (one, other) = pair();
    let echo = thread::spawn(move || {
        let mut clone = other.try_clone().unwrap();
        io::copy(&mut &other, &mut clone).unwrap();
        clone.shutdown(Shutdown::Write).unwrap();
    });
    let mut writer = one.try_clone().unwrap();
    let bytes = pattern(1 << 20);
    let expected = bytes.clone();
    let writer = thread::spawn(move || {
        writer.write_all(&bytes).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    assert!(rest(&one) == expected);
    writer.join().unwrap();
    echo.join().unwrap();
}

/// Each byte goes to one of those that wait, and the end to all.
pub fn unix_stream_many_readers() {
    const BYTES: usize = 200;
    let (one, other) = pair();
    let got: usize = thread::scope(|scope| {
        let readers = [(); 4].map(|()| {
            scope.spawn(|| {
                let mut got = 0;
                while (&other).read(&mut [0]).unwrap() == 1 {
                    got += 1;
                }
                got
            })
        });
        for n in 0..BYTES {
            (&one).write_all(&[7]).unwrap();
            if n % 16 == 0 {
                thread::yield_now();
            }
        }
        one.shutdown(Shutdown::Write).unwrap();
        readers.map(|reader| reader.join().unwrap()).iter().sum()
    });
    assert_eq!(got, BYTES);
}

pub fn unix_stream_moves_between_threads() {
    let (mut one, mut stream) = pair();
    for n in 0..50 {
        let reader = thread::spawn(move || {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            (byte[0], stream)
        });
        thread::yield_now();
        one.write_all(&[n]).unwrap();
        let (byte, back) = reader.join().unwrap();
        assert_eq!(byte, n);
        stream = back;
    }
}
