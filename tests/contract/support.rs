//! What the cases are given, and what they share.

use crate::common::isolated::{self, Outcome};
use crate::common::watch::{Watch, watch};
use standin::engine::Engine;
use standin::net::{TcpListener, TcpStream};
use standin::thread::{self, JoinHandle};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

/// The engine that a case is about.
pub(crate) struct Subject {
    pub(crate) engine: Engine,
    /// The name of the test, as the test harness knows it.
    test: &'static str,
    _watch: Watch,
}

impl Subject {
    pub(crate) fn new(engine: Engine, path: &'static str) -> Self {
        let test = path.split_once("::").map_or(path, |(_, test)| test);
        Self {
            engine,
            test,
            _watch: watch(test),
        }
    }

    /// Runs `f` in a thread of the engine.
    pub(crate) fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        self.engine.run(f)
    }

    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.engine
            .spawn(f)
            .expect("the engine starts threads here")
    }

    /// Runs `body` in a process of its own.
    #[track_caller]
    pub(crate) fn isolated(&self, environment: &[(&str, &str)], body: impl FnOnce()) -> Outcome {
        isolated::named(self.test, environment, body)
    }
}

pub(crate) fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

/// The two ends of a connection.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let (listener, address) = listen();
    let client = TcpStream::connect(address).expect("it listens");
    (client, listener.accept().expect("one has connected").0)
}

/// A listener whose queue is full, so that to connect to its address takes for ever. The connections in the
/// queue are kept with it.
pub(crate) fn full_listener() -> (OwnedFd, Vec<std::net::TcpStream>, SocketAddr) {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&listener, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port is free");
    listen(&listener, 0).expect("it is bound");
    let address = getsockname(&listener).expect("it is bound");
    let address = SocketAddr::try_from(address).expect("an address of IP");
    let mut queued = Vec::new();
    // The kernel lets in one more than the queue has room for, or a few.
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, FULL) {
        queued.push(stream);
    }
    (listener, queued, address)
}

/// How long an attempt to connect takes before the queue counts as full. Over the loopback interface the kernel
/// lets a connection in before the call that asks for it returns, or drops what it asks with.
const FULL: std::time::Duration = std::time::Duration::from_millis(150);

/// Lets the other threads of the engine run for a while, differently long each time.
pub(crate) fn linger(round: usize) {
    for n in 0..round * 7 % 40 {
        if n % 8 == 7 {
            thread::sleep(std::time::Duration::from_micros(50));
        } else {
            thread::yield_now();
        }
    }
}
