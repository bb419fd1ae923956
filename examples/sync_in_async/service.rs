//! The async service: axum on tokio, with handlers that call the blocking library.

use crate::store::Store;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, put};
use standin::{engine, unblock};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::time::timeout;

/// Connections that the kernel may hold until they are accepted.
const BACKLOG: u32 = 4096;
/// How long `/briefly/{key}` waits.
const PATIENCE: Duration = Duration::from_millis(100);

/// How the handlers call code that blocks.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Way {
    Unblock,
    SpawnBlocking,
}

#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) way: Way,
    store: Arc<Store>,
    pub(crate) calls: Arc<Calls>,
}

/// What became of the calls of [`Store::wait`], which no answer ends.
#[derive(Default)]
pub(crate) struct Calls {
    pub(crate) begun: AtomicUsize,
    /// The handler was dropped meanwhile.
    pub(crate) dropped: AtomicUsize,
    /// The library returned the error that says that it was cancelled.
    pub(crate) cancelled: AtomicUsize,
}

impl Service {
    pub(crate) fn new(way: Way, backend: SocketAddr) -> Service {
        Service {
            way,
            store: Arc::new(Store::new(backend)),
            calls: Arc::default(),
        }
    }

    /// Serves on a free port of the loopback address, as a task of the caller's runtime.
    pub(crate) fn serve(&self) -> io::Result<SocketAddr> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let routes = Router::new()
            .route("/values/{key}", put(set).get(value))
            .route("/wait/{key}", get(wait))
            .route("/briefly/{key}", get(wait_briefly))
            .with_state(self.clone());
        tokio::spawn(async { axum::serve(listener, routes).await });
        Ok(address)
    }

    /// Lets the blocking library work; this is all that an async handler needs.
    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> io::Result<T> + Send + 'static,
    ) -> Result<T, (StatusCode, String)> {
        let store = self.store.clone();
        let result = match self.way {
            Way::Unblock => unblock(move || work(&store)).await,
            Way::SpawnBlocking => tokio::task::spawn_blocking(move || work(&store))
                .await
                .map_err(io::Error::other)
                .flatten(),
        };
        result.map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))
    }
}

async fn set(
    State(service): State<Service>,
    Path(key): Path<String>,
    value: String,
) -> Result<(), (StatusCode, String)> {
    service.call(move |store| store.set(&key, &value)).await
}

async fn value(
    State(service): State<Service>,
    Path(key): Path<String>,
) -> Result<String, (StatusCode, String)> {
    let value = service.call(move |store| store.get(&key)).await?;
    value.ok_or_else(|| (StatusCode::NOT_FOUND, String::new()))
}

async fn wait(
    State(service): State<Service>,
    Path(key): Path<String>,
) -> Result<String, (StatusCode, String)> {
    let calls = service.calls.clone();
    let _counted = Dropped(calls.clone());
    let work = move |store: &Store| {
        calls.begun.fetch_add(1, SeqCst);
        let result = store.wait(&key);
        if result.as_ref().is_err_and(engine::is_cancelled) {
            calls.cancelled.fetch_add(1, SeqCst);
        }
        result
    };
    service.call(work).await
}

async fn wait_briefly(
    service: State<Service>,
    key: Path<String>,
) -> Result<String, (StatusCode, String)> {
    match timeout(PATIENCE, wait(service, key)).await {
        Ok(answer) => answer,
        Err(elapsed) => Err((StatusCode::GATEWAY_TIMEOUT, elapsed.to_string())),
    }
}

/// Counts a handler of `wait` that ends; none of them gets an answer.
struct Dropped(Arc<Calls>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, SeqCst);
    }
}

impl Way {
    pub(crate) const ALL: [Way; 2] = [Way::Unblock, Way::SpawnBlocking];
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::Unblock => "unblock",
            Way::SpawnBlocking => "spawn_blocking",
        })
    }
}

impl FromStr for Way {
    type Err = String;

    fn from_str(name: &str) -> Result<Way, String> {
        let mut all = Way::ALL.into_iter();
        all.find(|way| way.to_string() == name)
            .ok_or_else(|| format!("there is no way {name:?}"))
    }
}
