//! Servers, whose acceptors wait in different ways until they are cancelled, and the client's side of the
//! conversations.

use super::conversation::{Conversation, End, Sending, Service, Side, Stop};
use super::kinds::Kind;
use super::stream::Stream;
use super::world::{User, World};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use standin::engine::{Engine, is_cancelled};
use standin::net::{TcpListener, TcpStream};
use standin::os::unix::net::{UnixListener, UnixStream};
use standin::thread::{self, JoinHandle};
use std::io::{self, ErrorKind};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// How an acceptor waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepting {
    Blocking,
    Timeout,
    Nonblocking,
}

/// Everything that serves.
pub(crate) struct Servers {
    pub(crate) world: &'static World,
    acceptors: Vec<JoinHandle<()>>,
}

impl Servers {
    pub(crate) fn start(engine: Engine, seed: u64) -> Self {
        let waits = [
            Accepting::Blocking,
            Accepting::Timeout,
            Accepting::Nonblocking,
        ];
        let listeners: Vec<_> = waits.into_iter().map(|wait| (listen(wait), wait)).collect();
        let addresses = listeners
            .iter()
            .map(|(listener, _)| listener.local_addr().expect("bound"))
            .collect();
        // An abstract name that nobody else has.
        let unix = UnixListener::bind("").expect("a name is free");
        let world = World::new(engine, addresses, unix.local_addr().expect("bound"));
        let world: &'static World = Box::leak(Box::new(world));
        let mut acceptors = Vec::new();
        let mut spawn = |user: User, accept: Box<dyn FnOnce(User) + Send>| {
            let thread = engine.spawn(move || accept(user));
            acceptors.push(thread.expect("there is room for it"));
        };
        for (n, (listener, wait)) in listeners.into_iter().enumerate() {
            let clone = listener.try_clone().expect("descriptors are free");
            for (m, listener) in [listener, clone].into_iter().enumerate() {
                let user = User::new(world, seed + (10 * n + m) as u64);
                spawn(
                    user,
                    Box::new(move |mut user| {
                        serve_all(&mut user, wait, || {
                            listener.accept().map(|(stream, _)| stream)
                        });
                    }),
                );
            }
        }
        let user = User::new(world, seed + 100);
        spawn(
            user,
            Box::new(move |mut user| {
                serve_all(&mut user, Accepting::Blocking, || {
                    unix.accept().map(|(stream, _)| stream)
                });
            }),
        );
        Self { world, acceptors }
    }

    /// Ends them by cancelling them.
    pub(crate) fn stop(self) {
        for acceptor in self.acceptors {
            acceptor.thread().cancel();
            acceptor.join().expect("it ends without a panic");
        }
    }
}

fn listen(wait: Accepting) -> TcpListener {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    // More than there are users: a connection that finds no room is tried again after a second.
    rustix::net::listen(&listener, 4096).expect("it is a listener");
    if wait == Accepting::Timeout {
        // std has no method for it, but the system has a timeout for accepting.
        let timeout = Some(Duration::from_millis(3));
        set_socket_timeout(&listener, Timeout::Recv, timeout).expect("it is a socket");
    }
    let listener = TcpListener::from(listener);
    if wait == Accepting::Nonblocking {
        listener.set_nonblocking(true).expect("it is open");
    }
    listener
}

fn serve_all<S: Stream>(user: &mut User, wait: Accepting, accept: impl Fn() -> io::Result<S>) {
    loop {
        match accept() {
            Ok(stream) => {
                user.count(Kind::Accept);
                // The timeout of a listener is handed on to what it accepts.
                stream.set_timeouts(None, None).expect("it is open");
                let mortal = user.random.one_in(20);
                drop(user.spawn(thread::Builder::new(), mortal, move |user| {
                    serve(user, stream)
                }));
            }
            Err(error) if is_cancelled(&error) => {
                assert!(user.is_cancelled());
                return;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                match wait {
                    Accepting::Blocking => panic!("accepting has no timeout here"),
                    Accepting::Timeout => user.count(Kind::AcceptTimedOut),
                    Accepting::Nonblocking => {
                        if user.is_cancelled() {
                            return;
                        }
                        user.count(Kind::AcceptWouldBlock);
                        thread::sleep(Duration::from_millis(2));
                    }
                }
            }
        }
    }
}

fn serve<S: Stream>(user: &mut User, stream: S) {
    let mut header = [0; 8];
    let mut got = 0;
    while got < header.len() {
        match stream.receive(&mut header[got..]) {
            // It was only a visitor.
            Ok(0) => return,
            Ok(count) => got += count,
            Err(error) if is_cancelled(&error) => {
                assert!(user.is_cancelled());
                // Its client waits for it by the flag.
                return;
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
            Err(error) => panic!("{error} ({:?})", error.kind()),
        }
    }
    user.count(Kind::Serve);
    let conversation = user.world.find(u64::from_le_bytes(header));
    let service = conversation.service;
    let mut end = End::new(stream, conversation, Side::Server);
    let _: Result<(), Stop> = match service {
        Service::Echo => echo(user, &mut end),
        Service::Source(length) => end.in_two_threads(user, Sending::AllOf(length)),
        Service::Closer(length) => close(user, &mut end, length),
        Service::Lazy => lazy(user, &mut end),
    };
}

fn echo<S: Stream>(user: &mut User, end: &mut End<S>) -> Result<(), Stop> {
    while !end.ended {
        let length = user.random.length(10_000);
        end.receive(user, length)?;
        while end.sent() < end.received() {
            end.send(user, (end.received() - end.sent()) as usize)?;
        }
    }
    end.half_close(user);
    Ok(())
}

fn close<S: Stream>(user: &mut User, end: &mut End<S>, length: usize) -> Result<(), Stop> {
    end.limit(Duration::from_millis(1));
    for _ in 0..4 {
        match end.receive(user, length) {
            Ok(0) => return Ok(()),
            Ok(_) | Err(Stop::WouldBlock) => {}
            Err(stop) => return Err(stop),
        }
        let length = user.random.length(2_000);
        match end.send(user, length) {
            Ok(_) | Err(Stop::WouldBlock) => {}
            Err(stop) => return Err(stop),
        }
    }
    user.count(Kind::AbruptClose);
    Ok(())
}

fn lazy<S: Stream>(user: &mut User, end: &mut End<S>) -> Result<(), Stop> {
    while !end.conversation.released.load(SeqCst) {
        thread::park_timeout(Duration::from_millis(1));
    }
    drain(user, end)
}

/// Receives to the end.
fn drain<S: Stream>(user: &mut User, end: &mut End<S>) -> Result<(), Stop> {
    while !end.ended {
        let length = user.random.length(30_000);
        match end.receive(user, length) {
            Ok(_) => {}
            Err(Stop::WouldBlock) => end.block(),
            Err(stop) => return Err(stop),
        }
    }
    Ok(())
}

/// A whole conversation, or the beginning of one.
pub(crate) fn converse(user: &mut User) {
    if user.random.one_in(4) {
        user.count(Kind::ConnectUnix);
        match UnixStream::connect_addr(&user.world.unix) {
            Ok(stream) => begin(user, stream),
            Err(error) => refused(user, &error, false),
        }
        return;
    }
    let address = user.world.tcp[user.random.below(user.world.tcp.len())];
    let has_timeout = user.random.one_in(3);
    let connected = if has_timeout {
        user.count(Kind::ConnectTimeout);
        let timeout = [Duration::from_micros(20), Duration::from_secs(100)][user.random.below(2)];
        TcpStream::connect_timeout(&address, timeout)
    } else {
        user.count(Kind::ConnectTcp);
        TcpStream::connect(address)
    };
    match connected {
        Ok(stream) => begin(user, stream),
        Err(error) => refused(user, &error, has_timeout),
    }
}

/// A connection was not made, for a reason.
fn refused(user: &User, error: &io::Error, has_timeout: bool) {
    if is_cancelled(error) {
        assert!(user.is_cancelled(), "nobody has cancelled it");
        user.count(Kind::SawItsCancellation);
    } else {
        assert!(
            has_timeout && error.kind() == ErrorKind::TimedOut,
            "{error} ({:?})",
            error.kind()
        );
    }
}

fn begin<S: Stream>(user: &mut User, stream: S) {
    if user.random.one_in(12) {
        user.count(Kind::ConnectAndLeave);
        return;
    }
    let service = match user.random.below(6) {
        0 | 1 => Service::Echo,
        2 | 3 => Service::Source(user.random.length(600_000) as u64),
        4 => Service::Closer(user.random.length(1_000)),
        _ => Service::Lazy,
    };
    let conversation = user.world.open(|id| Conversation::new(id, service));
    let header = conversation.id.to_le_bytes();
    match stream.send(&header) {
        Ok(count) if count == header.len() => {}
        // Only eight bytes, into an empty queue.
        Ok(count) => panic!("{count} bytes of a header were sent"),
        Err(error) if is_cancelled(&error) => return assert!(user.is_cancelled()),
        // A server that was cancelled before it knew who is there.
        Err(error) => {
            let kind = error.kind();
            assert!(
                matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
                "{error} ({kind:?})"
            );
            return;
        }
    }
    let mut end = End::new(stream, conversation, Side::Client);
    let _: Result<(), Stop> = talk(user, &mut end);
}

/// What a client does with a connection.
fn talk<S: Stream>(user: &mut User, end: &mut End<S>) -> Result<(), Stop> {
    let service = end.conversation.service;
    if service == Service::Lazy {
        end.limit(Duration::from_micros(300));
    }
    for _ in 0..1 + user.random.below(12) {
        if end.ended {
            break;
        }
        let length = user.random.length(20_000);
        // What an echo server owes can be waited for without a timeout, and what a source sends.
        let owed = match service {
            Service::Echo => end.sent() > end.received(),
            Service::Source(_) | Service::Closer(_) => true,
            Service::Lazy => false,
        };
        let step = match user.random.below(16) {
            0..=4 if !end.closed => talk_to(user, end, length),
            5..=8 if owed || !end.is_blocking() => end.receive(user, length),
            9 if owed || !end.is_blocking() => end.peek(user, length),
            10 => {
                let timeout = user.random.microseconds(2_000);
                end.limit(timeout);
                Ok(1)
            }
            11 => {
                end.unblock(user);
                Ok(1)
            }
            12 if service != Service::Lazy => {
                end.block();
                Ok(1)
            }
            13 if !end.ended => end.through_std(user, length),
            14 if !end.closed && matches!(service, Service::Echo | Service::Source(_)) => {
                let pieces = Sending::Pieces(1 + user.random.below(4));
                end.in_two_threads(user, pieces).map(|()| 1)
            }
            _ => {
                user.pause(500);
                Ok(1)
            }
        };
        match step {
            Ok(_) | Err(Stop::WouldBlock) => {}
            Err(stop) => return Err(stop),
        }
    }
    if user.random.one_in(4) {
        user.count(Kind::AbruptClose);
        return Ok(());
    }
    if !end.closed {
        end.half_close(user);
    }
    end.conversation.released.store(true, SeqCst);
    end.block();
    drain(user, end)
}

/// Sends, so that it does not wait for a server which waits for this thread to receive.
fn talk_to<S: Stream>(user: &mut User, end: &mut End<S>, length: usize) -> Result<usize, Stop> {
    const IN_FLIGHT: u64 = 30_000;
    let service = end.conversation.service;
    if service == Service::Lazy {
        // Until nothing more fits in, one time of two.
        let mut sent = end.send(user, length)?;
        while user.random.one_in(2) {
            sent += end.send(user, 100_000)?;
        }
        return Ok(sent);
    }
    if service == Service::Echo && end.is_blocking() {
        while end.sent() - end.received() > IN_FLIGHT {
            if end.receive(user, length)? == 0 {
                return Ok(0);
            }
        }
    }
    end.send(user, length)
}
