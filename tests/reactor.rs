//! No wake-up is lost: sockets, timers, parking and stealing under load from green threads on four
//! processors and from OS threads at once. What is sent is counted, and has to arrive.
//!
//! Each body runs in a process of its own, plain and with a switch that moves a thread at every park, which
//! brings the waiters of a descriptor to all processors in turn. A lost wake-up shows as a hang.

#![cfg(all(feature = "green", feature = "threads", target_os = "linux"))]

mod common;

use common::isolated;
use standin::engine::{Engine, GREEN, GREEN_PINNED, THREADS};
use standin::net::{Shutdown, TcpListener, TcpStream};
use standin::sync::mpsc;
use standin::thread;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::time::Duration;

/// Runs `body` in processes of its own: plain, and hopping.
#[track_caller]
fn on_four_processors<F: Fn()>(body: F) {
    let test = isolated::test_of(&body);
    for switches in ["", "hop"] {
        let environment = [
            ("STANDIN_TEST", switches),
            ("STANDIN_WORKERS", "4"),
            ("STANDIN_ENGINE", ""),
        ];
        isolated::named(test, &environment, || {
            // SAFETY: the bodies keep no pointer through a thread-local and no lock of std's across a call
            // that parks.
            unsafe { standin::engine::green::accept_pinned() };
            body();
        })
        .succeeds();
    }
}

/// A pair of connected streams.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
    (client, listener.accept().expect("one connected").0)
}

/// A generator of numbers that look random, from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }
}

/// Writes `length` bytes of a known sequence in pieces of all sizes.
fn write_sequence(mut stream: &TcpStream, length: usize, seed: u64) {
    let mut random = Random(seed | 1);
    let mut position = 0;
    while position < length {
        let piece = (1 + random.below(20_000)).min(length - position);
        let bytes: Vec<u8> = (position..position + piece)
            .map(|at| (at % 251) as u8)
            .collect();
        stream.write_all(&bytes).expect("the reader is there");
        position += piece;
        if random.below(4) == 0 {
            thread::yield_now();
        }
    }
}

/// Reads to the end of the stream, and checks the sequence; returns how long it was.
fn read_sequence(mut stream: &TcpStream, seed: u64) -> usize {
    let mut random = Random(seed | 1);
    let mut position = 0;
    let mut buffer = [0; 30_000];
    loop {
        let room = 1 + random.below(buffer.len());
        if random.below(8) == 0 {
            match stream.peek(&mut buffer[..room]) {
                Ok(peeked) => check_sequence(&buffer[..peeked], position),
                Err(error) => assert_eq!(
                    error.kind(),
                    ErrorKind::WouldBlock,
                    "at {position}: {error}"
                ),
            }
        }
        let got = match stream.read(&mut buffer[..room]) {
            Ok(0) => return position,
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) => panic!("at {position}: {error}"),
        };
        check_sequence(&buffer[..got], position);
        position += got;
    }
}

fn check_sequence(bytes: &[u8], position: usize) {
    for (n, byte) in bytes.iter().enumerate() {
        assert_eq!(
            usize::from(*byte),
            (position + n) % 251,
            "at {position} + {n}"
        );
    }
}

#[test]
fn streams_in_both_directions() {
    const LENGTH: usize = 800_000;
    const PAIRS: u64 = 12;
    on_four_processors(|| {
        thread::scope(|scope| {
            for number in 0..PAIRS {
                let (left, right) = pair();
                let engines = [GREEN, GREEN, GREEN_PINNED, THREADS];
                let engine = |n: u64| engines[((number + n) % 4) as usize];
                if number % 3 == 0 {
                    // Timeouts that race with the data.
                    right
                        .set_read_timeout(Some(Duration::from_micros(300)))
                        .expect("not zero");
                }
                let (left, right) = (Arc::new(left), Arc::new(right));
                for (n, from, to) in [(0, &left, &right), (2, &right, &left)] {
                    let writer = from.clone();
                    let write = move || {
                        write_sequence(&writer, LENGTH, number);
                        writer.shutdown(Shutdown::Write).expect("still connected");
                    };
                    spawn(scope, engine(n), write);
                    let reader = if number % 2 == 0 {
                        to.clone()
                    } else {
                        // A clone has a registration of its own.
                        Arc::new(to.try_clone().expect("descriptors are free"))
                    };
                    let read = move || assert_eq!(read_sequence(&reader, number), LENGTH);
                    spawn(scope, engine(n + 1), read);
                }
            }
        });
    });
}

fn spawn<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    engine: Engine,
    body: impl FnOnce() + Send + 'scope,
) {
    thread::Builder::new()
        .spawn_scoped_on(engine, scope, body)
        .expect("there is room for it");
}

/// Several readers and several writers, each with a clone of one connection: messages of one byte.
#[test]
fn many_readers_and_writers_of_one_socket() {
    const EACH: usize = 2_000;
    const WRITERS: usize = 4;
    on_four_processors(|| {
        let (left, right) = pair();
        let received = AtomicUsize::new(0);
        thread::scope(|scope| {
            for number in 0..4 {
                let reader = right.try_clone().expect("descriptors are free");
                let received = &received;
                let engine = [GREEN, GREEN_PINNED, GREEN, THREADS][number];
                spawn(scope, engine, move || {
                    let mut buffer = [0; 64];
                    loop {
                        match (&reader).read(&mut buffer[..1 + number * 9]) {
                            Ok(0) => return,
                            Ok(got) => received.fetch_add(got, Relaxed),
                            Err(error) => panic!("{error}"),
                        };
                    }
                });
            }
            thread::scope(|writers| {
                for _ in 0..WRITERS {
                    let mut writer = left.try_clone().expect("descriptors are free");
                    spawn(writers, GREEN, move || {
                        for n in 0..EACH {
                            writer.write_all(&[0]).expect("the readers are there");
                            if n % 16 == 0 {
                                thread::yield_now();
                            }
                        }
                    });
                }
            });
            left.shutdown(Shutdown::Write).expect("still connected");
        });
        assert_eq!(received.into_inner(), WRITERS * EACH);
    });
}

/// One connection that is passed from thread to thread, so that its waiters come from all processors.
#[test]
fn a_socket_that_is_handed_on() {
    const ROUNDS: u32 = 150;
    on_four_processors(|| {
        let threads: Vec<_> = (0..8)
            .map(|_| GREEN.spawn(|| hand_on(ROUNDS)).expect("room"))
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("nothing fails"));
    });

    fn hand_on(rounds: u32) {
        let (mut near, mut far) = pair();
        let echo = thread::spawn(move || {
            let mut buffer = [0; 4];
            while far.read_exact(&mut buffer).is_ok() {
                far.write_all(&buffer).expect("the other end waits for it");
            }
        });
        for round in 0..rounds {
            near = thread::spawn(move || {
                for step in 0..3 {
                    let sent = (round * 3 + step).to_ne_bytes();
                    near.write_all(&sent).expect("connected");
                    let mut received = [0; 4];
                    near.read_exact(&mut received).expect("the echo");
                    assert_eq!(received, sent);
                }
                near
            })
            .join()
            .expect("nothing fails");
            if round % 50 == 49 {
                // Out to std and back: the registrations end, and new ones begin.
                near = TcpStream::from(std::net::TcpStream::from(near));
            }
        }
        drop(near);
        echo.join().expect("nothing fails");
    }
}

/// Short connections to one listener with acceptors of every kind; numbers of descriptors are used again all
/// the time.
#[test]
fn thousands_of_short_connections() {
    const CLIENTS: usize = 16;
    const EACH: usize = 250;
    on_four_processors(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("bound");
        let served = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let listener = Arc::new(listener);
        let mut acceptors = Vec::new();
        for engine in [
            Some(GREEN),
            Some(GREEN),
            Some(GREEN_PINNED),
            Some(THREADS),
            None,
        ] {
            let (listener, served, stop) = (listener.clone(), served.clone(), stop.clone());
            let accept = move || {
                loop {
                    let (stream, _) = listener.accept().expect("a connection");
                    if stop.load(SeqCst) {
                        return;
                    }
                    let served = served.clone();
                    // Each connection has a thread of whichever engine accepted it.
                    thread::Builder::new()
                        .spawn_on(engine.unwrap_or(GREEN), move || serve(stream, &served))
                        .expect("there is room for it");
                }
            };
            acceptors.push(match engine {
                Some(engine) => Ok(engine.spawn(accept).expect("there is room for it")),
                None => Err(std::thread::spawn(accept)),
            });
        }
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let engine = [GREEN, GREEN, GREEN, GREEN_PINNED][number % 4];
                engine
                    .spawn(move || (0..EACH).for_each(|n| ask(address, number, n)))
                    .expect("room")
            })
            .collect();
        clients
            .into_iter()
            .for_each(|client| client.join().expect("every answer came"));
        assert_eq!(served.load(SeqCst), CLIENTS * EACH);
        stop.store(true, SeqCst);
        while acceptors.iter().any(|acceptor| match acceptor {
            Ok(green) => !green.is_finished(),
            Err(os) => !os.is_finished(),
        }) {
            // Whoever takes it sees that all is over.
            drop(TcpStream::connect(address));
        }
    });

    fn serve(mut stream: TcpStream, served: &AtomicUsize) {
        let mut question = [0; 8];
        stream.read_exact(&mut question).expect("a question");
        let mut answer = vec![question[0]; 5_000];
        answer[..8].copy_from_slice(&question);
        served.fetch_add(1, SeqCst);
        stream.write_all(&answer).expect("the client waits");
    }

    fn ask(address: SocketAddr, number: usize, n: usize) {
        let mut stream = TcpStream::connect(address).expect("it listens");
        let question = ((number * EACH + n) as u64).to_ne_bytes();
        stream.write_all(&question).expect("connected");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        assert_eq!((answer.len(), &answer[..8]), (5_000, &question[..]));
    }
}

/// A wake and a deadline that come at the same time: each message is received once, none is lost.
#[test]
fn timers_against_wakes() {
    const PAIRS: u64 = 48;
    const MESSAGES: u64 = 600;
    on_four_processors(|| {
        thread::scope(|scope| {
            for number in 0..PAIRS {
                let (sender, receiver) = mpsc::channel();
                let receive = move || {
                    let mut random = Random(number + 1);
                    let mut next = 0;
                    while next < MESSAGES {
                        match receiver.recv_timeout(Duration::from_micros(random.below(60) as u64))
                        {
                            Ok(message) => {
                                assert_eq!(message, next);
                                next += 1;
                            }
                            Err(mpsc::RecvTimeoutError::Timeout) => {}
                            Err(error) => panic!("after {next} messages: {error}"),
                        }
                    }
                };
                let send = move || {
                    let mut random = Random(number + 1000);
                    for message in 0..MESSAGES {
                        sender.send(message).expect("the receiver is there");
                        if random.below(2) == 0 {
                            thread::sleep(Duration::from_micros(random.below(60) as u64));
                        }
                    }
                };
                spawn(
                    scope,
                    [GREEN, GREEN_PINNED][usize::from(number % 5 == 0)],
                    receive,
                );
                spawn(scope, if number % 8 == 3 { THREADS } else { GREEN }, send);
            }
        });
    });
}

/// Deadlines that have not passed when their threads go on, and pass when these have ended, and their memory
/// is used again.
#[test]
fn deadlines_of_threads_that_are_gone() {
    const THREADS_AT_ONCE: u64 = 300;
    on_four_processors(|| {
        for round in 0..12 {
            let threads: Vec<_> = (0..THREADS_AT_ONCE)
                .map(|n| {
                    let (sender, receiver) = mpsc::channel();
                    let wait = move || {
                        // Long enough that the message is first, nearly always.
                        let timeout = Duration::from_millis(2 + (n + round) % 10);
                        let _ = receiver.recv_timeout(timeout);
                        thread::sleep(Duration::from_micros(n % 3));
                    };
                    let engine = [GREEN, GREEN_PINNED][usize::from(n % 4 == 0)];
                    let thread = engine.spawn(wait).expect("room");
                    thread::yield_now();
                    let _ = sender.send(());
                    thread
                })
                .collect();
            threads
                .into_iter()
                .for_each(|thread| thread.join().expect("nothing fails"));
            if round % 3 == 2 {
                // Beyond the last of them.
                GREEN.run(|| thread::sleep(Duration::from_millis(13)));
            }
        }
    });
}

/// `unpark` from OS threads and green threads, while the parked thread's timeout passes.
#[test]
fn unpark_against_park_timeout() {
    const THREADS_PARKED: usize = 32;
    const ROUNDS: u64 = 400;
    on_four_processors(|| {
        let rounds: Arc<Vec<AtomicU64>> =
            Arc::new((0..THREADS_PARKED).map(|_| AtomicU64::new(0)).collect());
        let granted: Arc<Vec<AtomicU64>> =
            Arc::new((0..THREADS_PARKED).map(|_| AtomicU64::new(0)).collect());
        let parked: Vec<_> = (0..THREADS_PARKED)
            .map(|number| {
                let (rounds, granted) = (rounds.clone(), granted.clone());
                let park = move || {
                    let mut random = Random(number as u64 + 7);
                    for round in 1..=ROUNDS {
                        rounds[number].store(round, SeqCst);
                        while granted[number].load(SeqCst) < round {
                            if random.below(3) == 0 {
                                // Only the wake can end it, unless it came already.
                                thread::park();
                            } else {
                                thread::park_timeout(
                                    Duration::from_micros(random.below(50) as u64),
                                );
                            }
                        }
                    }
                };
                [GREEN, GREEN, GREEN_PINNED][number % 3]
                    .spawn(park)
                    .expect("room")
            })
            .collect();
        let handles: Arc<Vec<_>> = Arc::new(
            parked
                .iter()
                .map(|thread| thread.thread().clone())
                .collect(),
        );
        let grant = move |start: usize| {
            for number in (0..THREADS_PARKED)
                .map(|n| (n + start) % THREADS_PARKED)
                .cycle()
            {
                let round = rounds[number].load(SeqCst);
                if granted[number].fetch_max(round, SeqCst) < round {
                    handles[number].unpark();
                }
                if number == start {
                    thread::yield_now();
                    if granted.iter().all(|granted| granted.load(SeqCst) == ROUNDS) {
                        return;
                    }
                }
            }
        };
        let os = std::thread::spawn({
            let grant = grant.clone();
            move || grant(0)
        });
        let green = GREEN
            .spawn(move || grant(THREADS_PARKED / 2))
            .expect("room");
        parked
            .into_iter()
            .for_each(|thread| thread.join().expect("nothing fails"));
        green.join().expect("nothing fails");
        os.join().expect("nothing fails");
    });
}

/// Trees of threads: what one processor spawns others steal.
#[test]
fn a_storm_of_spawns() {
    on_four_processors(|| {
        let from_os: Vec<_> = (0..3)
            .map(|_| std::thread::spawn(|| (0..200).map(|n| leaf(GREEN, n)).sum::<u64>()))
            .collect();
        for engine in [GREEN, GREEN_PINNED] {
            let root = engine.spawn(|| tree(7)).expect("room");
            assert_eq!(root.join().expect("nothing fails"), 3u64.pow(7));
        }
        for thread in from_os {
            assert_eq!(thread.join().expect("nothing fails"), 199 * 200 / 2);
        }
    });

    fn leaf(engine: Engine, n: u64) -> u64 {
        let thread = engine.spawn(move || {
            thread::yield_now();
            n
        });
        thread.expect("room").join().expect("nothing fails")
    }

    fn tree(depth: u32) -> u64 {
        if depth == 0 {
            if std::hint::black_box(depth) == 0 {
                thread::sleep(Duration::from_micros(10));
            }
            return 1;
        }
        let children: Vec<_> = (0..3)
            .map(|_| thread::spawn(move || tree(depth - 1)))
            .collect();
        children
            .into_iter()
            .map(|child| child.join().expect("nothing fails"))
            .sum()
    }
}

/// Connections that the other end closes while readers and writers wait for them.
#[test]
fn closers() {
    const CONNECTIONS: usize = 150;
    on_four_processors(|| {
        thread::scope(|scope| {
            for number in 0..CONNECTIONS {
                let (near, far) = pair();
                let far_reader = far.try_clone().expect("descriptors are free");
                spawn(scope, GREEN, move || {
                    // Ends with the stream, or with its reset.
                    let _ = std::io::copy(&mut &far_reader, &mut std::io::sink());
                });
                spawn(scope, [GREEN, THREADS][number % 2], move || {
                    // Ends with an error: nobody reads it, and then nobody could.
                    while (&far).write(&[7; 65_536]).is_ok() {}
                });
                spawn(scope, GREEN, move || {
                    let mut near = near;
                    near.write_all(b"last words").expect("connected");
                    if number % 2 == 0 {
                        thread::yield_now();
                    }
                    drop(near);
                });
            }
        });
    });
}
