//! A server and clients of hyper on every engine: `aio::Stream` below them, and `aio::Runtime` as their executor and
//! their timer.

#![cfg(all(
    feature = "green",
    feature = "async",
    feature = "threads",
    target_os = "linux"
))]

mod aio;

use aio::{Shared, everywhere};
use futures_util::future::{Either, join_all, select};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::rt::{Executor, Sleep, Timer};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use standin::aio::{SpawnExt as _, Stream, Task};
use standin::net::{Shutdown, TcpListener, TcpStream};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

/// hyper's executor and timer.
#[derive(Clone)]
struct Hyper(Shared);

impl<F> Executor<F> for Hyper
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(self.0.spawn_task(future).expect("the engine runs futures"));
    }
}

impl Timer for Hyper {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        let runtime = self.0.clone();
        let sleep = async move { runtime.sleep(duration).await };
        Box::pin(HyperSleep(Mutex::new(Box::pin(sleep))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(deadline.saturating_duration_since(Instant::now()))
    }
}

/// In a mutex, as hyper wants it to be `Sync`.
struct HyperSleep(Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Future for HyperSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.get_mut().unwrap().as_mut().poll(context)
    }
}

impl Sleep for HyperSleep {}

/// A body as long as its path says; or what was sent.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    if parts.method == Method::POST {
        // Of a client that goes away there is nothing to be told.
        let sent = body.collect().await.map(|body| body.to_bytes());
        return Ok(Response::new(Full::new(sent.unwrap_or_default())));
    }
    let length = parts.uri.path()[1..].parse().unwrap_or(0);
    Ok(Response::new(Full::new(pattern(length))))
}

fn pattern(length: usize) -> Bytes {
    let period: Vec<u8> = (0..251).collect();
    let mut bytes = period.repeat(length / period.len() + 1);
    bytes.truncate(length);
    bytes.into()
}

/// Serves until it is dropped, or cancelled.
async fn serve(runtime: Shared, listener: TcpListener, served: Arc<AtomicUsize>) -> io::Result<()> {
    loop {
        let (stream, _) = runtime.accept(&listener).await?;
        let (own, served) = (runtime.clone(), served.clone());
        drop(runtime.spawn_task(async move {
            let io = TokioIo::new(Stream::new(&*own, stream));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(Hyper(own))
                .header_read_timeout(LONG)
                .serve_connection(io, service_fn(answer));
            // It fails if its client goes away.
            let _ = connection.await;
            served.fetch_add(1, SeqCst);
        })?);
    }
}

async fn connect(runtime: &Shared, server: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = runtime.connect(server).await.unwrap();
    let io = TokioIo::new(Stream::new(&**runtime, stream));
    let (sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    Hyper(runtime.clone()).execute(async move { connection.await.unwrap() });
    sender
}

async fn ask(
    sender: &mut SendRequest<Full<Bytes>>,
    method: Method,
    path: &str,
    body: Bytes,
) -> Bytes {
    sender.ready().await.unwrap();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "standin")
        .body(Full::new(body))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.collect().await.unwrap().to_bytes()
}

struct Server {
    address: SocketAddr,
    task: Task<io::Result<()>>,
    /// Connections that have ended.
    served: Arc<AtomicUsize>,
}

impl Server {
    fn start(runtime: &Shared) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let served = Arc::new(AtomicUsize::new(0));
        let serve = serve(runtime.clone(), listener, served.clone());
        let task = runtime.spawn_task(serve).unwrap();
        Self {
            address,
            task,
            served,
        }
    }

    /// Waits until so many connections have ended.
    async fn end(self, runtime: &Shared, served: usize) {
        while self.served.load(SeqCst) < served {
            runtime.sleep(Duration::from_micros(200)).await;
        }
        self.task.cancel();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Runs a client in a task of its own, or several.
async fn all<F>(runtime: &Shared, clients: impl Iterator<Item = F>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let tasks: Vec<_> = clients
        .map(|client| runtime.spawn_task(client).unwrap())
        .collect();
    for task in join_all(tasks).await {
        task.unwrap();
    }
}

#[test]
fn many_requests_on_connections_that_are_kept() {
    everywhere(async |runtime| {
        let server = Server::start(&runtime);
        let address = server.address;
        let (clients, requests) = (20, 10);
        let client = |number| {
            let runtime = runtime.clone();
            async move {
                let mut sender = connect(&runtime, address).await;
                for n in 0..requests {
                    let length = 100 * number + n;
                    let path = format!("/{length}");
                    let body = ask(&mut sender, Method::GET, &path, Bytes::new()).await;
                    assert!(body == pattern(length), "{length} bytes");
                }
            }
        };
        all(&runtime, (0..clients).map(client)).await;
        // A connection for each client, and no more.
        server.end(&runtime, clients).await;
    });
}

#[test]
fn large_bodies_both_ways() {
    everywhere(async |runtime| {
        let server = Server::start(&runtime);
        let address = server.address;
        let client = |_| {
            let runtime = runtime.clone();
            async move {
                let mut sender = connect(&runtime, address).await;
                let data = pattern(1_000_000);
                let echo = ask(&mut sender, Method::POST, "/", data.clone()).await;
                assert!(echo == data, "{} bytes came back", echo.len());
            }
        };
        all(&runtime, (0..4).map(client)).await;
        server.end(&runtime, 4).await;
    });
}

/// The server gets rid of who leaves it in the middle of a request, or of the answer; others are served.
#[test]
fn clients_that_go_away() {
    everywhere(async |runtime| {
        let server = Server::start(&runtime);
        let stream = runtime.connect(server.address).await.unwrap();
        let half = b"POST / HTTP/1.1\r\nhost: standin\r\ncontent-length: 1000\r\n\r\nhalf";
        runtime.send_all(&stream, half).await.unwrap();
        drop(stream);

        let mut sender = connect_raw(&runtime, server.address).await;
        // More than the kernel holds.
        let request = b"GET /30000000 HTTP/1.1\r\nhost: standin\r\n\r\n";
        runtime.send_all(&sender, request).await.unwrap();
        assert!(runtime.receive(&sender, &mut [0; 1000]).await.unwrap() > 0);
        runtime.shutdown(&sender, Shutdown::Both).unwrap();
        sender = connect_raw(&runtime, server.address).await;
        drop(sender);

        let mut sender = connect(&runtime, server.address).await;
        {
            let request = pin!(ask(&mut sender, Method::GET, "/7", Bytes::new()));
            match select(request, runtime.sleep(LONG)).await {
                Either::Left((body, _)) => assert_eq!(body, pattern(7)),
                Either::Right(_) => panic!("ten minutes passed"),
            }
        }
        drop(sender);
        server.end(&runtime, 4).await;
    });
}

async fn connect_raw(runtime: &Shared, server: SocketAddr) -> TcpStream {
    runtime.connect(server).await.unwrap()
}

/// A client takes an answer piece by piece and drops it before its end.
#[test]
fn an_answer_that_is_dropped() {
    everywhere(async |runtime| {
        let server = Server::start(&runtime);
        let stream = runtime.connect(server.address).await.unwrap();
        let io = TokioIo::new(Stream::new(&*runtime, stream));
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        let connection = runtime.spawn_task(connection).unwrap();
        let request = Request::get("/30000000")
            .header("host", "standin")
            .body(Full::new(Bytes::new()))
            .unwrap();
        let mut response = sender.send_request(request).await.unwrap().into_body();
        let first = response.frame().await.unwrap().unwrap();
        assert!(!first.into_data().unwrap().is_empty());
        assert!(!response.is_end_stream());
        drop((response, sender));
        connection.cancel();
        // It may have seen by itself that nobody is there for the answer.
        drop(connection.await);
        server.end(&runtime, 1).await;
    });
}
