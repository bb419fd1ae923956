//! A process that has no descriptor left, or not as many as it wants at once.

use crate::common::isolated::isolated;
use crate::common::{limit, wait};
use crate::{KINDS, join, on_each_context, on_each_kind, says};
use standin::engine::{self, GREEN, GREEN_PINNED};
use standin::net::{TcpListener, TcpStream, UdpSocket};
use standin::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use standin::thread;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::linux::net::SocketAddrExt as _;
use std::time::Duration;

/// Something that takes a descriptor, and its name.
type Attempt<'a> = (&'a str, &'a dyn Fn() -> io::Result<()>);

/// All of them can be done, and whatever they opened is closed again.
#[track_caller]
fn succeed(attempts: &[Attempt<'_>]) {
    let open = limit::open_descriptors().len();
    // Often: others of this process may have one open just now.
    for _ in 0..20 {
        for (name, attempt) in attempts {
            attempt().unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    wait::until(|| limit::open_descriptors().len() <= open);
}

/// The engine cannot start, says why, and starts once it can.
#[test]
fn too_few_descriptors_to_start() {
    for left in [0, 1, 3, 7] {
        let text = left.to_string();
        let environment = [
            ("STANDIN_WORKERS", "4"),
            ("STANDIN_TEST", ""),
            ("LEFT", &*text),
        ];
        // A scheduler takes two and a multi-thread runtime three, however many workers there are; each home of
        // `async-pinned` takes as many as a runtime.
        let is_enough = |kind: &&str| match *kind {
            "green" | "green-pinned" => left >= 2,
            "async" => left >= 3,
            _ => false,
        };
        let kinds: Vec<&str> = KINDS
            .iter()
            .copied()
            .filter(|kind| !is_enough(kind))
            .collect();
        on_each_kind(&kinds, &environment, |engine| {
            let limited = limit::descriptors(left);
            for _ in 0..3 {
                let error = engine.spawn(|| ()).expect_err("it takes more descriptors");
                says(&error, &["descriptors", "RLIMIT_NOFILE"]);
                let is_green = engine == GREEN || engine == GREEN_PINNED;
                says(
                    &error,
                    match is_green {
                        true => &["two descriptors"],
                        false => &["STANDIN_WORKERS"],
                    },
                );
            }
            drop(limited);
            assert_eq!(engine.run(|| thread::spawn(|| 1).join().ok()), Some(1));
        });
    }
}

/// A connection that cannot be accepted stays in the queue.
#[test]
fn no_descriptor_to_accept() {
    on_each_context(&[("STANDIN_TEST", "")], || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("bound");
        // It has waited before, in another thread: engines know the listener.
        thread::scope(|scope| {
            let waiter = scope.spawn(|| listener.accept().map(drop));
            drop(TcpStream::connect(address).expect("it listens"));
            waiter.join().expect("no panic").expect("one has connected");
        });
        let mut clients: Vec<_> = (0..3)
            .map(|_| TcpStream::connect(address).expect("it listens"))
            .collect();
        let limited = limit::no_descriptors();
        for _ in 0..5 {
            let error = listener.accept().expect_err("it takes a descriptor");
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
        }
        drop(limited);
        for (n, client) in clients.iter_mut().enumerate() {
            client.write_all(&[n as u8]).expect("connected");
            let mut byte = [0];
            let mut stream = listener.accept().expect("it is in the queue").0;
            stream.read_exact(&mut byte).expect("it was sent");
            assert_eq!(byte, [n as u8]);
        }
    });
}

#[test]
fn no_descriptor_to_connect_bind_or_clone() {
    on_each_context(&[("STANDIN_TEST", "")], || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("bound");
        let mut near = TcpStream::connect(address).expect("it listens");
        let mut far = listener.accept().expect("one has connected").0;
        let attempts: [(&str, &dyn Fn() -> io::Result<()>); 5] = [
            ("connect", &|| TcpStream::connect(address).map(drop)),
            ("connect_timeout", &|| {
                TcpStream::connect_timeout(&address, Duration::from_secs(3600)).map(drop)
            }),
            ("bind", &|| {
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(drop)
            }),
            ("TcpStream::try_clone", &|| near.try_clone().map(drop)),
            ("TcpListener::try_clone", &|| listener.try_clone().map(drop)),
        ];
        let limited = limit::no_descriptors();
        for (name, attempt) in attempts {
            for _ in 0..3 {
                let error = attempt().expect_err("it takes a descriptor");
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{name}: {error}");
            }
        }
        drop(limited);
        succeed(&attempts);
        // What connected above is in the queue; the first one of all is as it was.
        near.write_all(b"a").expect("connected");
        far.read_exact(&mut [0]).expect("it was sent");
    });
}

/// The same of Unix sockets and datagrams; a pair takes two, and gives the first back if there is no second.
#[test]
fn no_descriptor_for_local_sockets_and_datagrams() {
    on_each_context(&[("STANDIN_TEST", "")], || {
        let address = |name: &str| {
            SocketAddr::from_abstract_name(format!("standin {name} {}", std::process::id()))
                .expect("the name is short")
        };
        let here = address("listener");
        let listener = UnixListener::bind_addr(&here).expect("the name is free");
        let near = UnixStream::connect_addr(&here).expect("it listens");
        let datagrams = UnixDatagram::unbound().expect("a descriptor");
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let free = address("free");
        let attempts: [(&str, &dyn Fn() -> io::Result<()>); 11] = [
            ("UnixStream::pair", &|| UnixStream::pair().map(drop)),
            ("UnixDatagram::pair", &|| UnixDatagram::pair().map(drop)),
            ("UnixDatagram::unbound", &|| {
                UnixDatagram::unbound().map(drop)
            }),
            ("UnixDatagram::bind", &|| {
                UnixDatagram::bind_addr(&free).map(drop)
            }),
            ("UnixDatagram::try_clone", &|| {
                datagrams.try_clone().map(drop)
            }),
            ("UnixListener::bind", &|| {
                UnixListener::bind_addr(&free).map(drop)
            }),
            ("UnixListener::try_clone", &|| {
                listener.try_clone().map(drop)
            }),
            ("UnixStream::try_clone", &|| near.try_clone().map(drop)),
            ("UdpSocket::bind", &|| {
                UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map(drop)
            }),
            ("UdpSocket::try_clone", &|| udp.try_clone().map(drop)),
            // The last one: it can be done once.
            ("UnixListener::accept", &|| listener.accept().map(drop)),
        ];
        let limited = limit::no_descriptors();
        for (name, attempt) in attempts {
            for _ in 0..3 {
                let error = attempt().expect_err("it takes a descriptor");
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{name}: {error}");
            }
        }
        drop(limited);
        let (accept, others) = attempts.split_last().expect("there are some");
        accept.1().expect("it is in the queue");
        succeed(others);
    });
}

/// What makes no descriptor for its caller does not fail for the want of one.
#[test]
fn waiting_takes_no_descriptor() {
    on_each_context(&[("STANDIN_TEST", ""), ("STANDIN_WORKERS", "2")], || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let mut near =
            TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let mut far = listener.accept().expect("one has connected").0;
        // The engine that an OS thread's threads are of.
        thread::spawn(|| ()).join().expect("no panic");
        let limited = limit::no_descriptors();
        thread::scope(|scope| {
            let reader = scope.spawn(move || {
                let mut bytes = [0; 2];
                far.read_exact(&mut bytes).map(|()| bytes)
            });
            // Many, so that there are stacks that were never used.
            let others: Vec<_> = (0..200)
                .map(|n| {
                    scope.spawn(move || {
                        thread::sleep(Duration::from_micros(10));
                        engine::blocking(|| n).expect("it takes an OS thread, no descriptor")
                    })
                })
                .collect();
            let sum: u32 = others
                .into_iter()
                .map(|thread| thread.join().expect("no panic"))
                .sum();
            assert_eq!(sum, 200 * 199 / 2);
            near.write_all(b"ok").expect("connected");
            let read = reader.join().expect("no panic");
            assert_eq!(&read.expect("it was sent"), b"ok");
        });
        drop(limited);
    });
}

/// The most processors there may be, each with an OS thread; all together have two descriptors.
#[test]
fn the_most_workers() {
    let environment = [("STANDIN_TEST", ""), ("STANDIN_WORKERS", "1024")];
    isolated(&environment, || {
        let limited = limit::descriptors(2);
        let sum = GREEN.run(|| {
            let threads = (0..20_000).map(|n| {
                thread::spawn(move || {
                    thread::yield_now();
                    thread::sleep(Duration::from_micros(10));
                    n
                })
            });
            join(threads.collect())
        });
        drop(limited);
        assert_eq!(sum, 20_000 * 19_999 / 2);
    })
    .succeeds();
}
