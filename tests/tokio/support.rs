//! Runtimes, and conditions that tests wait for.

use standin::engine::ASYNC;
use standin::net::{TcpListener, TcpStream};
use standin::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// A runtime of one of the two kinds, with the drivers that threads need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    MultiThread,
    CurrentThread,
}

pub(crate) const KINDS: [Kind; 2] = [Kind::MultiThread, Kind::CurrentThread];

impl Kind {
    pub(crate) fn runtime(self) -> Runtime {
        let mut builder = match self {
            Self::MultiThread => Builder::new_multi_thread(),
            Self::CurrentThread => Builder::new_current_thread(),
        };
        builder
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("there is room for a runtime")
    }
}

/// Spawns a thread that is a task of `runtime`.
pub(crate) fn spawn<T: Send + 'static>(
    runtime: &Runtime,
    f: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let _entered = runtime.enter();
    ASYNC.spawn(f).expect("there is room for it")
}

/// Drives `runtime`, which may be one that nobody drives otherwise, until `condition` holds.
pub(crate) fn drive(runtime: &Runtime, mut condition: impl FnMut() -> bool) {
    runtime.block_on(async {
        while !condition() {
            // Long enough to stay out of the way of what is waited for; nothing depends on it.
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    });
}

/// The two ends of a connection.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let near = TcpStream::connect(address).expect("it listens");
    (near, listener.accept().expect("one has connected").0)
}

/// The text of a panic.
pub(crate) fn message(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}
