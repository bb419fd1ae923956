//! What one thread does alone, with threads of its own at most.

use super::message;
use super::shapes::cancellation::{CANCEL, is_cancelled};
use super::shapes::net::{TcpListener, TcpStream, UdpSocket};
use super::shapes::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use super::shapes::sync::mpsc::{TrySendError, channel, sync_channel};
use super::shapes::sync::{LazyLock, Once, OnceLock, RwLock, RwLockWriteGuard, TryLockError};
use super::shapes::thread::{self, Builder};
use super::shapes::thread_local;
use super::shapes::time::{Duration, Instant};
use super::stage::{Name, failure};
use super::world::LONG;
use crate::program::Solo;
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex as Notes};

/// All that there was to see.
pub fn play(what: Solo, size: usize) -> Vec<String> {
    match what {
        Solo::SharedLock => shared_lock(size as u64),
        Solo::PoisonedShared => poisoned_shared(),
        Solo::PoisonedOnce => poisoned_once(),
        Solo::FullChannel => full_channel(size),
        Solo::NestedScopes => vec![format!("{}", nested(size as u64))],
        Solo::Finished => finished(),
        Solo::LateLocal => late_local(),
        Solo::IdleSockets => idle_sockets(),
        Solo::ShutEnds => shut_ends(),
        Solo::Cancelled => cancelled(),
    }
}

fn tried<T>(result: &Result<T, TryLockError<T>>) -> &'static str {
    match result {
        Ok(_) => "free",
        Err(TryLockError::WouldBlock) => "taken",
        Err(TryLockError::Poisoned(_)) => "poisoned",
    }
}

fn shared_lock(value: u64) -> Vec<String> {
    let lock = RwLock::new(value);
    let mut saw = Vec::new();
    let reader = lock.read().expect("nobody panics with it");
    saw.push(format!("with a reader: {}", tried(&lock.try_read())));
    saw.push(format!(
        "with a reader, to write: {}",
        tried(&lock.try_write())
    ));
    saw.push(format!("read {}", *reader));
    drop(reader);
    let mut writer = lock.write().expect("nobody panics with it");
    *writer += 1;
    saw.push(format!("with a writer: {}", tried(&lock.try_read())));
    saw.push(format!(
        "with a writer, to write: {}",
        tried(&lock.try_write())
    ));
    let reader = RwLockWriteGuard::downgrade(writer);
    saw.push(format!("downgraded: {}", tried(&lock.try_read())));
    saw.push(format!(
        "downgraded, to write: {}",
        tried(&lock.try_write())
    ));
    saw.push(format!("read {}", *reader));
    drop(reader);
    saw.push(format!("free, to write: {}", tried(&lock.try_write())));
    saw
}

fn poisoned_shared() -> Vec<String> {
    let lock = RwLock::new(1);
    let mut saw = Vec::new();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _reader = lock.read();
        panic!("reading, on purpose");
    }));
    saw.push(message(&*caught.expect_err("it panics")));
    saw.push(format!("poisoned by a reader: {}", lock.is_poisoned()));
    let caught = catch_unwind(AssertUnwindSafe(|| {
        *lock.write().expect("it is not poisoned") = 2;
        let _writer = lock.write();
        panic!("writing, on purpose");
    }));
    saw.push(message(&*caught.expect_err("it panics")));
    saw.push(format!("poisoned by a writer: {}", lock.is_poisoned()));
    saw.push(format!("to read: {}", tried(&lock.try_read())));
    saw.push(format!("to write: {}", tried(&lock.try_write())));
    saw.push(format!(
        "read {:?}",
        lock.read()
            .map_err(|poisoned| *poisoned.into_inner())
            .map(|guard| *guard)
    ));
    lock.clear_poison();
    saw.push(format!("cleared: {:?}", lock.into_inner().ok()));
    saw
}

fn poisoned_once() -> Vec<String> {
    let mut saw = Vec::new();
    let mut attempt = |what: &str, f: &mut dyn FnMut() -> String| {
        let result = catch_unwind(AssertUnwindSafe(f));
        saw.push(match result {
            Ok(value) => format!("{what}: {value}"),
            // The text of std's own panics is its own.
            Err(panic) => format!(
                "{what}: panicked, on purpose: {}",
                message(&*panic).contains("on purpose")
            ),
        });
    };
    let once = Once::new();
    attempt("first", &mut || {
        once.call_once(|| panic!("once, on purpose"));
        String::new()
    });
    attempt("second", &mut || {
        once.call_once(|| {});
        String::new()
    });
    attempt("forced", &mut || {
        let mut is_poisoned = false;
        once.call_once_force(|state| is_poisoned = state.is_poisoned());
        format!("{is_poisoned}, {}", once.is_completed())
    });
    let cell = OnceLock::new();
    attempt("cell", &mut || {
        format!("{}", cell.get_or_init(|| panic!("cell, on purpose")))
    });
    attempt("cell again", &mut || {
        format!(
            "{:?}, {:?}, {:?}, {:?}",
            cell.get(),
            cell.set(3),
            cell.set(4),
            cell.get_or_init(|| 5)
        )
    });
    let lazy: LazyLock<u64> = LazyLock::new(|| panic!("lazy, on purpose"));
    attempt("lazy", &mut || format!("{}", *lazy));
    attempt("lazy again", &mut || format!("{}", *lazy));
    saw
}

fn full_channel(bound: usize) -> Vec<String> {
    let (sender, receiver) = sync_channel(bound);
    let mut saw = Vec::new();
    let mut attempt = |value| {
        saw.push(match sender.try_send(value) {
            Ok(()) => format!("sent {value}"),
            Err(TrySendError::Full(value)) => format!("full for {value}"),
            Err(TrySendError::Disconnected(value)) => format!("nobody for {value}"),
        });
    };
    for value in 0..=bound {
        attempt(value);
    }
    let received = receiver.try_recv().ok();
    attempt(bound + 1);
    let more = receiver.try_iter().count();
    drop(receiver);
    attempt(bound + 2);
    saw.push(format!("received {received:?} and {more} more"));
    saw
}

/// A tree of scopes, each of two threads that borrow from it.
fn nested(depth: u64) -> u64 {
    let mut sums = [0; 2];
    thread::scope(|scope| {
        for (sum, own) in sums.iter_mut().zip([1, depth]) {
            scope.spawn(move || {
                *sum = own;
                if depth > 2 {
                    *sum += nested(depth - 1);
                }
            });
        }
    });
    sums.iter().sum()
}

fn finished() -> Vec<String> {
    let (sender, receiver) = channel::<u32>();
    let spawned = Builder::new().spawn(move || receiver.recv().ok());
    let handle = spawned.expect("the thread can be started");
    let before = handle.is_finished();
    sender.send(7).expect("the thread receives it");
    while !handle.is_finished() {
        thread::yield_now();
    }
    vec![
        format!("finished before: {before}"),
        format!("{:?}", handle.join().ok()),
    ]
}

/// Notes its end, and that of another value which it makes then.
struct Early(Arc<Notes<Vec<String>>>);
struct Late(Arc<Notes<Vec<String>>>);

thread_local! {
    static EARLY: RefCell<Option<Early>> = const { RefCell::new(None) };
    static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
}

impl Drop for Early {
    fn drop(&mut self) {
        self.0
            .lock()
            .expect("nobody panics with it")
            .push("early".to_owned());
        LATE.with_borrow_mut(|late| *late = Some(Late(Arc::clone(&self.0))));
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        thread::yield_now();
        let is_gone = EARLY.try_with(|_| ()).is_err();
        let text = format!("late, with the early one gone: {is_gone}");
        self.0.lock().expect("nobody panics with it").push(text);
    }
}

fn late_local() -> Vec<String> {
    let notes = Arc::default();
    let own = Arc::clone(&notes);
    let spawned = Builder::new().spawn(move || EARLY.set(Some(Early(own))));
    spawned
        .expect("the thread can be started")
        .join()
        .expect("it does not panic");
    notes.lock().expect("nobody panics with it").clone()
}

fn idle_sockets() -> Vec<String> {
    const SHORT: Option<Duration> = Some(Duration::from_millis(1));
    let mut buffer = [0; 4];
    let mut saw = Vec::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.set_nonblocking(true).expect("it is a socket");
    saw.push(format!("accept: {}", failure(listener.accept())));
    let udp = UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
    udp.set_read_timeout(SHORT).expect("it is not zero");
    saw.push(format!("UDP: {}", failure(udp.recv_from(&mut buffer))));
    udp.set_nonblocking(true).expect("it is a socket");
    saw.push(format!(
        "UDP, not blocking: {}",
        failure(udp.recv_from(&mut buffer))
    ));
    let (datagram, _other) = UnixDatagram::pair().expect("there are descriptors");
    datagram.set_read_timeout(SHORT).expect("it is not zero");
    saw.push(format!(
        "Unix datagram: {}",
        failure(datagram.recv(&mut buffer))
    ));
    let (mut stream, _other) = UnixStream::pair().expect("there are descriptors");
    stream.set_read_timeout(SHORT).expect("it is not zero");
    saw.push(format!(
        "Unix stream: {}",
        failure(stream.read(&mut buffer))
    ));
    stream.set_nonblocking(true).expect("it is a socket");
    saw.push(format!(
        "Unix stream, not blocking: {}",
        failure(stream.read(&mut buffer))
    ));
    saw
}

fn shut_ends() -> Vec<String> {
    let mut saw = Vec::new();
    let name = Name::new();
    saw.push(format!(
        "no name: {}",
        failure(UnixStream::connect(&name.0))
    ));
    drop(UnixListener::bind(&name.0).expect("the name is free"));
    saw.push(format!(
        "no listener: {}",
        failure(UnixStream::connect(&name.0))
    ));
    saw.push(format!(
        "name taken: {}",
        failure(UnixListener::bind(&name.0))
    ));

    let (mut left, mut right) = UnixStream::pair().expect("there are descriptors");
    left.shutdown(Shutdown::Write).expect("it is connected");
    saw.push(format!("shut: {}", failure(left.write(b"x"))));
    saw.push(format!("at its peer: {:?}", right.read(&mut [0]).ok()));
    right.write_all(b"xyz").expect("that way is open");
    saw.push(format!("the other way: {:?}", left.read(&mut [0; 2]).ok()));
    drop(left);
    saw.push(format!("reset: {}", failure(right.read(&mut [0]))));
    saw.push(format!("peer gone: {}", failure(right.write(b"x"))));

    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = listener.local_addr().expect("it is bound");
    let mut stream = TcpStream::connect(address).expect("it listens");
    let (mut accepted, _) = listener.accept().expect("it is connected");
    stream.shutdown(Shutdown::Both).expect("it is connected");
    saw.push(format!("TCP, shut: {}", failure(stream.write(b"x"))));
    saw.push(format!("TCP, to read: {:?}", stream.read(&mut [0]).ok()));
    saw.push(format!(
        "TCP, at its peer: {:?}",
        accepted.read(&mut [0]).ok()
    ));
    saw
}

/// A thread that is cancelled in a read: reads fail from now on, sleeps end early, all else goes on.
fn cancelled() -> Vec<String> {
    let stated = [
        "read: cancelled",
        "again: cancelled",
        "slept short: true",
        "received 5",
    ];
    let Some(cancel) = CANCEL else {
        return stated.map(str::to_owned).to_vec();
    };
    let (begun, begins) = channel();
    let (sender, receiver) = channel::<u32>();
    let spawned = Builder::new().spawn(move || {
        let (mut stream, _other) = UnixStream::pair().expect("there are descriptors");
        begun.send(()).expect("the canceller waits for it");
        let mut read = || match stream.read(&mut [0]) {
            Err(error) if is_cancelled(&error) => "cancelled".to_owned(),
            other => failure(other),
        };
        let mut saw = vec![format!("read: {}", read()), format!("again: {}", read())];
        let start = Instant::now();
        thread::sleep(LONG);
        saw.push(format!("slept short: {}", start.elapsed() < LONG));
        saw.push(format!("received {}", receiver.recv().expect("it is sent")));
        saw
    });
    let handle = spawned.expect("the thread can be started");
    begins.recv().expect("the thread begins");
    cancel(handle.thread());
    thread::yield_now();
    sender.send(5).expect("the thread receives it");
    handle.join().expect("it does not panic")
}
