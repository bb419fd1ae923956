//! Every engine as an async library sees it, polled by every kind of executor.

#[path = "../../examples/engine/os_threads.rs"]
mod os_threads;

use standin::aio::Runtime;
use standin::engine::{self, Engine};
use std::future::Future;
use std::sync::Arc;

/// What a library is given.
pub(crate) type Shared = Arc<dyn Runtime>;

/// All engines that there are, and one from outside of the crate.
pub(crate) fn engines() -> Vec<Engine> {
    static EXAMPLE: os_threads::OsThreads = os_threads::OsThreads;
    // SAFETY: nothing in here keeps a pointer through a thread-local, or holds a lock of std's, across a call
    // that parks, or parks while it unwinds on a pinned thread.
    unsafe { engine::tokio::accept_pinned() };
    // What takes long in an unoptimized build is not what is looked at here.
    engine::green::on_blocked(|_| ());
    let mut engines = engine::all();
    engines.push(Engine::new(&EXAMPLE));
    engines
}

/// Who polls the library.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Poller {
    /// A thread of the engine.
    OwnThread,
    OsThread,
    CurrentThread,
    MultiThread,
    Smol,
}

const POLLERS: [Poller; 5] = [
    Poller::OwnThread,
    Poller::OsThread,
    Poller::CurrentThread,
    Poller::MultiThread,
    Poller::Smol,
];

impl Poller {
    fn run(self, engine: Engine, future: impl Future<Output = ()> + Send + 'static) {
        match self {
            Self::OwnThread => engine.run(|| standin::block_on(future)),
            Self::OsThread => standin::block_on(future),
            Self::CurrentThread => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(future),
            Self::MultiThread => tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(async { tokio::spawn(future).await.expect("no panic") }),
            Self::Smol => smol::block_on(async { smol::spawn(future).await }),
        }
    }
}

/// Runs `library` on every engine, polled by everybody.
pub(crate) fn everywhere<F: Future<Output = ()> + Send + 'static>(library: impl Fn(Shared) -> F) {
    for engine in engines() {
        for poller in POLLERS {
            eprintln!("on {engine}, polled by {poller:?}");
            poller.run(engine, library(Arc::new(engine)));
        }
    }
}
