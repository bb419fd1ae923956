//! Streams: what std's do, on every engine.

use super::support::{Subject, linger, pair};
use crate::common::wait;
use standin::net::{Shutdown, TcpStream};
use standin::thread;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

pub(crate) fn an_exchange(on: &Subject) {
    on.run(|| {
        let (listener, address) = super::support::listen();
        let server = thread::spawn(move || {
            let (mut stream, peer) = listener.accept().expect("one connects");
            let mut question = [0; 8];
            stream.read_exact(&mut question).expect("a question");
            stream.write_all(&question).expect("the client is there");
            assert_eq!(stream.peer_addr().ok(), Some(peer));
            peer
        });
        let mut client = TcpStream::connect(address).expect("it listens");
        assert_eq!(client.peer_addr().ok(), Some(address));
        client.write_all(b"question").expect("connected");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer");
        assert_eq!(answer, "question");
        assert_eq!(server.join().ok(), client.local_addr().ok());
        // By a name, which a blocking section resolves.
        let (listener, address) = super::support::listen();
        assert!(TcpStream::connect(("localhost", address.port())).is_ok());
        drop(listener);
    });
}

pub(crate) fn all_of_a_large_write(on: &Subject) {
    const LENGTH: usize = 4 << 20;
    on.run(|| {
        let (mut near, mut far) = pair();
        let reader = thread::spawn(move || {
            let (mut total, mut buffer) = (0, vec![0; 40_000]);
            loop {
                match far.read(&mut buffer).expect("whole") {
                    0 => return total,
                    got => total += got,
                }
                if total % 7 == 0 {
                    thread::yield_now();
                }
            }
        });
        assert_eq!(
            near.write(&vec![1; LENGTH]).ok(),
            Some(LENGTH),
            "a blocking write takes all"
        );
        drop(near);
        assert_eq!(reader.join().ok(), Some(LENGTH));
    });
}

pub(crate) fn several_buffers(on: &Subject) {
    on.run(|| {
        let (mut near, mut far) = pair();
        let written = near.write_vectored(&[
            IoSlice::new(b"one"),
            IoSlice::new(b""),
            IoSlice::new(b"two"),
        ]);
        assert_eq!(written.ok(), Some(6));
        let (mut first, mut second) = ([0; 2], [0; 8]);
        let mut got = 0;
        while got < 6 {
            let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
            got += far.read_vectored(&mut buffers).expect("whole");
        }
        assert_eq!((&first, &second[..4]), (b"on", &b"etwo"[..]));
    });
}

/// As the kernel's: what does not fit at once is written when there is room.
pub(crate) fn all_of_a_large_vectored_write(on: &Subject) {
    const LENGTH: usize = 4 << 20;
    on.run(|| {
        let (mut near, mut far) = pair();
        let bytes: Vec<u8> = (0..LENGTH).map(|n| (n % 251) as u8).collect();
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            far.read_to_end(&mut all).expect("whole");
            all
        });
        let parts: Vec<_> = bytes.chunks(LENGTH / 3).map(IoSlice::new).collect();
        assert_eq!(near.write_vectored(&parts).ok(), Some(LENGTH));
        drop(near);
        assert!(reader.join().expect("no panic") == bytes);
    });
}

pub(crate) fn more_buffers_than_the_kernel_takes(on: &Subject) {
    const BUFFERS: usize = 1500;
    on.run(|| {
        let (mut near, mut far) = pair();
        // Known to the engine: a read has waited.
        thread::scope(|scope| {
            let reader = scope.spawn(|| far.read_exact(&mut [0]));
            linger(5);
            near.write_all(&[0]).expect("connected");
            reader.join().expect("no panic").expect("a byte");
        });
        near.write_all(&[7; 2 * BUFFERS]).expect("connected");
        let mut left = 2 * BUFFERS;
        while left > 0 {
            let mut bytes = [[0_u8; 1]; BUFFERS];
            let mut buffers: Vec<_> = bytes.iter_mut().map(|byte| IoSliceMut::new(byte)).collect();
            // All is there, so this waits for nothing.
            let got = far.read_vectored(&mut buffers).expect("whole");
            assert!(got > 0 && bytes[..got].iter().all(|byte| *byte == [7]));
            left -= got;
        }
        let slices: Vec<_> = (0..BUFFERS).map(|_| IoSlice::new(&[3])).collect();
        let written = near.write_vectored(&slices).expect("connected");
        assert!((1..=BUFFERS).contains(&written));
        far.read_exact(&mut vec![0; written])
            .expect("what was written");
    });
}

pub(crate) fn peeking(on: &Subject) {
    on.run(|| {
        let (mut near, mut far) = pair();
        for round in 0..30 {
            thread::scope(|scope| {
                let far = &mut far;
                scope.spawn(move || {
                    let mut buffer = [0; 64];
                    // Waits, since all was read in the round before.
                    let seen = far.peek(&mut buffer).expect("whole");
                    assert!(seen > 0 && buffer[..seen].iter().all(|byte| *byte == round));
                    assert!(far.peek(&mut buffer[..1]).is_ok_and(|seen| seen == 1));
                    let mut got = 0;
                    while got < 10 {
                        // More than there is: the stream is drained after it.
                        got += far.read(&mut buffer).expect("whole");
                    }
                    assert_eq!(got, 10);
                });
                linger(usize::from(round));
                near.write_all(&[round; 10]).expect("connected");
            });
        }
    });
}

pub(crate) fn shutting_down(on: &Subject) {
    on.run(|| {
        let (mut near, mut far) = pair();
        near.write_all(b"half").expect("connected");
        near.shutdown(Shutdown::Write).expect("connected");
        assert!(
            near.write(b"more")
                .is_err_and(|error| error.kind() == ErrorKind::BrokenPipe)
        );
        let mut text = String::new();
        far.read_to_string(&mut text).expect("whole");
        assert_eq!((text.as_str(), far.read(&mut [0]).ok()), ("half", Some(0)));
        far.write_all(b"the other").expect("half of it is open");
        drop(far);
        near.read_to_string(&mut text).expect("whole");
        assert_eq!(text, "halfthe other");

        // A reader that waits ends with its own side's shutdown, by another thread.
        for round in 0..20 {
            let (near, far) = pair();
            thread::scope(|scope| {
                let reader = scope.spawn(|| (&near).read(&mut [0; 8]));
                linger(round);
                near.shutdown(Shutdown::Read).expect("connected");
                assert_eq!(reader.join().expect("no panic").ok(), Some(0));
            });
            drop(far);
        }
    });
}

/// A writer that waits for room ends with its own side's shutdown, by another thread.
pub(crate) fn a_shutdown_ends_a_writer(on: &Subject) {
    on.run(|| {
        for round in 0..20 {
            let (near, far) = pair();
            near.set_nonblocking(true).expect("open");
            while (&near).write(&[0; 65_536]).is_ok() {}
            near.set_nonblocking(false).expect("open");
            let clone = near.try_clone().expect("descriptors are free");
            thread::scope(|scope| {
                let writer = scope.spawn(|| (&near).write_all(&[0; 4 << 20]));
                linger(round);
                clone.shutdown(Shutdown::Write).expect("connected");
                let error = writer.join().expect("no panic").expect_err("shut down");
                assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
            });
            drop(far);
        }
    });
}

/// The end of a stream may come together with its last bytes: it is seen all the same.
pub(crate) fn data_with_the_end(on: &Subject) {
    on.run(|| {
        for round in 0..60 {
            let (mut near, mut far) = pair();
            thread::scope(|scope| {
                let reader = scope.spawn(move || {
                    let mut buffer = [0; 4096];
                    let mut all = 0;
                    loop {
                        match far.read(&mut buffer[..1 + round * 11]).expect("whole") {
                            0 => return all,
                            got => all += got,
                        }
                    }
                });
                linger(round);
                near.write_all(b"the last of it").expect("connected");
                drop(near);
                assert_eq!(reader.join().ok(), Some(14));
            });
        }
    });
}

pub(crate) fn a_reset(on: &Subject) {
    on.run(|| {
        for round in 0..20 {
            let (mut near, far) = pair();
            thread::scope(|scope| {
                let reader = scope.spawn(move || {
                    near.write_all(b"not read").expect("connected");
                    let first = near.read(&mut [0; 8]);
                    (
                        first.map_err(|error| error.kind()),
                        near.write(b"a"),
                        near.write(b"a"),
                    )
                });
                linger(round);
                wait::until(|| far.peek(&mut [0; 8]).is_ok_and(|seen| seen == 8));
                // Closed with bytes that nobody read: the other end gets a reset.
                drop(far);
                let (read, first, second) = reader.join().expect("no panic");
                assert_eq!(read, Err(ErrorKind::ConnectionReset));
                assert!(first.is_err() || second.is_err());
            });
        }
    });
}

pub(crate) fn writing_nothing(on: &Subject) {
    on.run(|| {
        let (mut near, mut far) = pair();
        near.set_nonblocking(true).expect("open");
        while near.write(&[0; 65_536]).is_ok() {}
        near.set_nonblocking(false).expect("open");
        near.set_write_timeout(Some(std::time::Duration::from_millis(1)))
            .expect("not zero");
        assert!(
            near.write(&[0; 65_536]).is_err(),
            "it has waited, so the engine knows the stream"
        );
        // Room again, which is used up by a part of a write: now the engine knows that the stream is full.
        far.read_exact(&mut vec![0; 1 << 20])
            .expect("that much was written");
        assert!(
            near.write(&vec![0; 64 << 20])
                .is_ok_and(|written| written < 64 << 20)
        );
        near.set_write_timeout(None).expect("open");
        assert_eq!(near.write(&[]).ok(), Some(0));
        assert_eq!(near.write_vectored(&[]).ok(), Some(0));
        drop(far);
    });
}

/// A read stops short of urgent data though there is more behind it.
pub(crate) fn urgent_data(on: &Subject) {
    use rustix::net::{SendFlags, send};
    on.run(|| {
        for round in 0..20 {
            let (mut near, mut far) = pair();
            let all_is_sent = AtomicBool::new(false);
            thread::scope(|scope| {
                let reader = scope.spawn(|| {
                    // Known to the engine: a read has waited.
                    far.read_exact(&mut [0]).expect("a byte");
                    if round % 2 == 0 {
                        wait::until(|| all_is_sent.load(SeqCst));
                    }
                    let (mut text, mut buffer) = (Vec::new(), [0; 64]);
                    while text.len() < 12 {
                        let got = far.read(&mut buffer).expect("whole");
                        text.extend_from_slice(&buffer[..got]);
                    }
                    text
                });
                linger(round);
                near.write_all(b"0").expect("connected");
                near.write_all(b"before").expect("connected");
                assert_eq!(send(&near, b"!", SendFlags::OOB), Ok(1));
                near.write_all(b"behind").expect("connected");
                all_is_sent.store(true, SeqCst);
                assert_eq!(reader.join().expect("no panic"), b"beforebehind");
            });
        }
    });
}

pub(crate) fn refused(on: &Subject) {
    on.run(|| {
        // Nobody has that port, and no other test is given it.
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        for _ in 0..20 {
            let error = TcpStream::connect(address).expect_err("nobody listens");
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
        }
        assert!(TcpStream::connect("127.0.0.1:0").is_err());
        assert!(TcpStream::connect("no port").is_err());
    });
}

pub(crate) fn signals_are_not_seen(on: &Subject) {
    extern "C" fn nothing(_: i32) {}
    on.isolated(&[], || {
        // SAFETY: zeros are a valid action but for the handler, which does nothing and so is signal-safe.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as *const () as usize;
            assert_eq!(
                libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()),
                0
            );
        }
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    interrupt_all_others();
                    std::thread::yield_now();
                }
            });
            on.run(|| {
                let echo = |mut stream: TcpStream| {
                    std::io::copy(
                        &mut stream.try_clone().expect("descriptors are free"),
                        &mut stream,
                    )
                };
                for round in 0..50 {
                    let (listener, address) = super::support::listen();
                    let server =
                        thread::spawn(move || echo(listener.accept().expect("one connects").0));
                    let mut client = TcpStream::connect(address).expect("it listens");
                    linger(round);
                    client.write_all(&[5; 1000]).expect("connected");
                    // `read_exact` would try again, so plain reads.
                    let (mut got, mut buffer) = (0, [0; 300]);
                    while got < 1000 {
                        got += client.read(&mut buffer).expect("not interrupted");
                    }
                    drop(client);
                    assert_eq!(server.join().expect("no panic").ok(), Some(1000));
                }
            });
            stop.store(true, SeqCst);
        });
    })
    .succeeds();

    fn interrupt_all_others() {
        let own = rustix::thread::gettid().as_raw_nonzero().get();
        for thread in std::fs::read_dir("/proc/self/task")
            .expect("/proc is mounted")
            .flatten()
        {
            let id: i32 = thread
                .file_name()
                .to_str()
                .and_then(|id| id.parse().ok())
                .expect("a number");
            if id != own {
                // SAFETY: a signal that has a handler; the thread may be gone, which is an error only.
                unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), id, libc::SIGUSR1) };
            }
        }
    }
}
