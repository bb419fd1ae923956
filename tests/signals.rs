//! Signals: no operation shows its caller that one came, handlers find the thread that they interrupted as it
//! was and leave it so, and none is raised that std's programs do not know.

#![cfg(all(
    feature = "green",
    feature = "async",
    feature = "threads",
    target_os = "linux"
))]

mod common;

#[path = "signals/handlers.rs"]
mod handlers;
#[path = "signals/storm.rs"]
mod storm;

use common::{current, isolated};
use standin::engine::{self, ASYNC, Engine};
use standin::fs::File;
use standin::io::{self, pipe};
use standin::net::{Shutdown, TcpListener, TcpStream};
use standin::sync::{Condvar, Mutex, mpsc};
use standin::thread;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};
use storm::{HANDLED, Storm};

/// Runs `body` in each context, in a process of its own; it gets the engine, or `None` on plain OS threads.
#[track_caller]
fn on_each_context<F: Fn(Option<Engine>) + Sync>(environment: &[(&str, &str)], body: F) {
    let test = isolated::test_of(&body);
    for context in [
        "OS thread",
        "threads",
        "green",
        "green-pinned",
        "async",
        "async-current",
        "async-pinned",
    ] {
        let mut environment = environment.to_vec();
        environment.extend([
            ("TEST_CONTEXT", context),
            ("STANDIN_TEST", ""),
            ("STANDIN_WORKERS", "2"),
        ]);
        isolated::named(test, &environment, || {
            // SAFETY: nothing here keeps a pointer through a thread-local, or holds a lock of std's, across a
            // call that parks.
            unsafe { engine::green::accept_pinned() };
            match context {
                "OS thread" => body(None),
                "async-current" => {
                    let _entered = current::enter();
                    ASYNC.run(|| body(Some(ASYNC)));
                }
                name => {
                    let engine = engine::named(name).expect("it is compiled");
                    engine.run(|| body(Some(engine)));
                }
            }
        })
        .succeeds();
    }
}

type Part<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Runs all at once: in threads of the caller's engine, or in OS threads that no engine made.
fn together<'a>(engine: Option<Engine>, parts: impl IntoIterator<Item = Part<'a>>) {
    match engine {
        Some(_) => {
            thread::scope(|scope| parts.into_iter().for_each(|part| drop(scope.spawn(part))))
        }
        None => {
            std::thread::scope(|scope| parts.into_iter().for_each(|part| drop(scope.spawn(part))));
        }
    }
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
    (near, listener.accept().expect("one has connected").0)
}

/// Fails if less time passes than was asked for.
fn not_early<T>(least: Duration, operation: impl FnOnce() -> T) -> T {
    let before = Instant::now();
    let result = operation();
    let passed = before.elapsed();
    assert!(passed >= least, "{passed:?} of {least:?}");
    result
}

const SHORT: Duration = Duration::from_micros(700);

/// A sequence through a connection, in pieces that fill its buffers, one side vectored.
fn stream() -> [Part<'static>; 2] {
    const LENGTH: usize = 3 << 20;
    let (mut near, mut far) = pair();
    let byte = |at: usize| (at % 251) as u8;
    [
        Box::new(move || {
            let all: Vec<u8> = (0..LENGTH).map(byte).collect();
            let (first, second) = all.split_at(LENGTH / 2);
            near.write_all(first).expect("nobody sees a signal");
            let mut rest = second;
            while !rest.is_empty() {
                let halves = rest.split_at(rest.len() / 2);
                let buffers = [IoSlice::new(halves.0), IoSlice::new(halves.1)];
                let some = near.write_vectored(&buffers).expect("nobody sees a signal");
                rest = &rest[some..];
            }
        }),
        Box::new(move || {
            let mut buffer = [0; 5000];
            let mut at = 0;
            loop {
                match far.read(&mut buffer).expect("nobody sees a signal") {
                    0 => break,
                    some => {
                        for got in &buffer[..some] {
                            assert_eq!(*got, byte(at), "at {at}");
                            at += 1;
                        }
                    }
                }
            }
            assert_eq!(at, LENGTH);
        }),
    ]
}

fn connections() -> [Part<'static>; 2] {
    const COUNT: usize = 200;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("bound");
    [
        Box::new(move || {
            for n in 0..COUNT {
                let mut stream = match n % 2 {
                    0 => TcpStream::connect(address),
                    _ => TcpStream::connect_timeout(&address, Duration::from_secs(3600)),
                }
                .expect("nobody sees a signal");
                stream
                    .write_all(&n.to_ne_bytes())
                    .expect("nobody sees a signal");
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).expect("nobody sees a signal");
                assert_eq!(rest, n.to_ne_bytes());
            }
        }),
        Box::new(move || {
            for _ in 0..COUNT {
                let mut stream = listener.accept().expect("nobody sees a signal").0;
                let mut bytes = [0; size_of::<usize>()];
                stream.read_exact(&mut bytes).expect("nobody sees a signal");
                stream.write_all(&bytes).expect("nobody sees a signal");
            }
        }),
    ]
}

fn waits() -> [Part<'static>; 2] {
    [
        Box::new(|| {
            for _ in 0..100 {
                not_early(SHORT, || thread::sleep(SHORT));
            }
            let (held, condition) = (Mutex::new(()), Condvar::new());
            let (_sender, receiver) = mpsc::channel::<()>();
            for _ in 0..100 {
                let guard = held.lock().expect("no panic");
                let timed_out = not_early(SHORT, || {
                    condition.wait_timeout_while(guard, SHORT, |()| true)
                });
                assert!(timed_out.expect("no panic").1.timed_out());
                let received = not_early(SHORT, || receiver.recv_timeout(SHORT));
                assert_eq!(received, Err(mpsc::RecvTimeoutError::Timeout));
            }
        }),
        Box::new(|| {
            for n in 0..100 {
                let result = engine::blocking(|| {
                    not_early(SHORT, || std::thread::sleep(SHORT));
                    n
                });
                assert_eq!(result.expect("an OS thread"), n);
            }
        }),
    ]
}

/// Locks, a channel with and without room, and a token that goes to and fro.
fn meetings() -> Vec<Part<'static>> {
    const COUNT: usize = 3000;
    let count = Arc::new((Mutex::new(0), Condvar::new()));
    let counters = (0..3).map({
        let count = count.clone();
        move |_| {
            let count = count.clone();
            Box::new(move || {
                for _ in 0..COUNT {
                    *count.0.lock().expect("no panic") += 1;
                    count.1.notify_all();
                }
            }) as Part<'static>
        }
    });
    let all = move || {
        let mut now = count.0.lock().expect("no panic");
        while *now < 3 * COUNT {
            now = count.1.wait(now).expect("no panic");
        }
        assert_eq!(*now, 3 * COUNT);
    };
    let (sender, receiver) = mpsc::channel();
    let (back, forth) = mpsc::sync_channel(0);
    let send = move || {
        for n in 0..COUNT {
            sender.send(n).expect("it is received");
            assert_eq!(forth.recv(), Ok(n));
        }
    };
    let receive = move || {
        for n in 0..COUNT {
            assert_eq!(receiver.recv(), Ok(n));
            back.send(n).expect("it is received");
        }
    };
    let mut parts: Vec<Part<'static>> = counters.collect();
    parts.extend([
        Box::new(all) as Part<'static>,
        Box::new(send),
        Box::new(receive),
    ]);
    parts
}

/// Two threads that unpark each other in turn.
fn parking(engine: Option<Engine>) {
    const COUNT: usize = 2000;
    let turn = AtomicUsize::new(0);
    let (to_first, first_handle) = mpsc::channel();
    let (to_second, second_handle) = mpsc::channel();
    let player = |me: usize, mine: mpsc::Sender<_>, theirs: mpsc::Receiver<thread::Thread>| {
        let turn = &turn;
        move || {
            mine.send(thread::current()).expect("it is received");
            let other = theirs.recv().expect("it is sent");
            for n in 0..COUNT {
                while turn.load(SeqCst) != 2 * n + me {
                    thread::park();
                }
                turn.fetch_add(1, SeqCst);
                other.unpark();
            }
        }
    };
    let parts: [Part<'_>; 2] = [
        Box::new(player(0, to_second, first_handle)),
        Box::new(player(1, to_first, second_handle)),
    ];
    together(engine, parts);
    assert_eq!(turn.load(SeqCst), 2 * COUNT);
}

/// A timeout passes although signals come more often.
fn timeouts() -> [Part<'static>; 2] {
    let timeout = Duration::from_millis(200);
    [
        Box::new(move || {
            let (mut near, _far) = pair();
            near.set_read_timeout(Some(timeout)).expect("a socket");
            let error = not_early(timeout, || near.read(&mut [0])).expect_err("nothing comes");
            assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
        }),
        Box::new(move || {
            let (mut near, _far) = pair();
            near.set_write_timeout(Some(timeout)).expect("a socket");
            let chunk = vec![0; 1 << 20];
            let error = loop {
                if let Err(error) = near.write(&chunk) {
                    break error;
                }
            };
            assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
        }),
    ]
}

#[test]
fn nobody_sees_that_a_signal_came() {
    for flags in ["none", "SA_RESTART", "SA_ONSTACK", "SA_RESTART SA_ONSTACK"] {
        on_each_context(&[("FLAGS", flags)], |engine| {
            let storm = Storm::begin(flags, false);
            let mut parts = Vec::new();
            parts.extend(stream());
            parts.extend(connections());
            parts.extend(waits());
            parts.extend(meetings());
            together(engine, parts);
            parking(engine);
            assert!(storm.end() > 100, "{} signals", HANDLED.load(SeqCst));
        });
    }
}

/// The kernel starts a socket's own timeout anew with each call; the operation's is one.
#[test]
fn timeouts_pass_under_signals() {
    for flags in ["none", "SA_RESTART"] {
        on_each_context(&[("FLAGS", flags)], |engine| {
            let storm = Storm::begin(flags, false);
            together(engine, timeouts());
            storm.end();
        });
    }
}

fn copied_from_file(to: &mut TcpStream) -> io::Result<usize> {
    let path = std::env::current_exe().expect("the program has a path");
    let mut file = File::open(path).expect("it is there");
    io::copy(&mut file, to).map(|copied| copied as usize)
}

fn copied_from_stream(to: &mut TcpStream) -> io::Result<usize> {
    let (mut near, mut far) = pair();
    near.write_all(b"abc").expect("connected");
    drop(near);
    io::copy(&mut far, to).map(|copied| copied as usize)
}

fn copied_from_pipe(to: &mut TcpStream) -> io::Result<usize> {
    let (mut reader, mut writer) = pipe().expect("descriptors are free");
    writer.write_all(b"abc").expect("a pipe");
    drop(writer);
    io::copy(&mut reader, to).map(|copied| copied as usize)
}

/// Rust's programs ignore the signal, but a library for other languages, or a program that asks for it, has the
/// default action: the end of the process.
#[test]
fn writing_to_a_closed_connection_raises_nothing() {
    on_each_context(&[], |engine| {
        // SAFETY: the default action is always there.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let end: Part<'static> = Box::new(|| {
            for how in 0..3 {
                let (mut near, far) = pair();
                match how {
                    0 => near.shutdown(Shutdown::Write).expect("connected"),
                    1 => drop(far),
                    // Closed with bytes that nobody read: a reset.
                    _ => {
                        near.write_all(b"a").expect("connected");
                        far.peek(&mut [0]).expect("one was sent");
                        drop(far);
                    }
                }
                let buffers = [IoSlice::new(b"ab"), IoSlice::new(b"c")];
                for attempt in 0.. {
                    let written = match attempt % 2 {
                        0 => near.write(b"abc"),
                        _ => near.write_vectored(&buffers),
                    };
                    match written {
                        // The other end has not said yet that it is gone.
                        Ok(_) => thread::yield_now(),
                        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
                            break;
                        }
                    }
                }
                for _ in 0..10 {
                    let again = [
                        near.write(b"abc"),
                        near.write_vectored(&buffers),
                        copied_from_file(&mut near),
                        copied_from_stream(&mut near),
                        copied_from_pipe(&mut near),
                    ];
                    for result in again {
                        assert_eq!(
                            result.expect_err("it is closed").kind(),
                            ErrorKind::BrokenPipe
                        );
                    }
                }
            }
        });
        together(engine, [end]);
    });
}
