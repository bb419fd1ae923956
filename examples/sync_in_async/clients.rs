//! The clients: they ask all at once, check every answer, and some go away in the middle.

use crate::service::{Service, Way};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long anything may take before it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);

type Answer = Result<(StatusCode, String), Box<dyn Error + Send + Sync>>;

#[derive(Default)]
pub(crate) struct Report {
    pub(crate) right: usize,
    pub(crate) seconds: f64,
    /// Requests whose handler was dropped in the middle.
    pub(crate) dropped: usize,
    /// How many of these left the blocking library early.
    pub(crate) cancelled: usize,
    pub(crate) failures: Vec<String>,
}

pub(crate) async fn run(
    service: &Service,
    address: SocketAddr,
    requests: usize,
    gone: usize,
) -> Result<Report, Box<dyn Error>> {
    let mut report = Report::default();
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..requests {
        clients.spawn(store_and_read(address, client));
    }
    while let Some(checked) = clients.join_next().await {
        match checked? {
            Ok(()) => report.right += 1,
            Err(error) => report.failures.push(error.to_string()),
        }
    }
    report.seconds = start.elapsed().as_secs_f64();
    drop_in_the_middle(service, address, gone, &mut report).await?;
    Ok(report)
}

/// One client: what it stores it has to read back.
async fn store_and_read(
    address: SocketAddr,
    client: usize,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut connection = Client::connect(address).await?;
    let path = format!("/values/client-{client}");
    let value = format!("what client {client} said");
    let stored = connection.ask(Method::PUT, &path, &value);
    let (status, text) = timeout(PATIENCE, stored).await??;
    if status != StatusCode::OK {
        return Err(format!("client {client} cannot store: {status} {text}").into());
    }
    let read = connection.ask(Method::GET, &path, "");
    let (status, text) = timeout(PATIENCE, read).await??;
    if status != StatusCode::OK || text != value {
        return Err(format!("client {client} stored {value:?} and read {status} {text:?}").into());
    }
    Ok(())
}

/// `gone` clients go away before their answer, and as many outlast the service's patience.
async fn drop_in_the_middle(
    service: &Service,
    address: SocketAddr,
    gone: usize,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    let mut waiting = JoinSet::new();
    for client in 0..gone {
        waiting.spawn(async move {
            let mut connection = Client::connect(address).await?;
            connection
                .ask(Method::GET, &format!("/wait/{client}"), "")
                .await
        });
    }
    let calls = &service.calls;
    reaches(&calls.begun, gone, "calls that began").await?;
    // Drops their connections with them.
    waiting.abort_all();
    reaches(&calls.dropped, gone, "handlers that were dropped").await?;
    for client in 0..gone {
        waiting.spawn(async move {
            let mut connection = Client::connect(address).await?;
            connection
                .ask(Method::GET, &format!("/briefly/{client}"), "")
                .await
        });
    }
    while let Some(answered) = waiting.join_next().await {
        match answered {
            Err(aborted) if aborted.is_cancelled() => {}
            answered => {
                let (status, text) = answered?.map_err(|error| error.to_string())?;
                if status != StatusCode::GATEWAY_TIMEOUT {
                    report
                        .failures
                        .push(format!("no timeout, but {status} {text:?}"));
                }
            }
        }
    }
    if service.way == Way::Unblock {
        reaches(&calls.cancelled, 2 * gone, "calls that were cancelled").await?;
    }
    report.dropped = calls.dropped.load(SeqCst);
    report.cancelled = calls.cancelled.load(SeqCst);
    Ok(())
}

async fn reaches(counter: &AtomicUsize, wanted: usize, what: &str) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    while counter.load(SeqCst) < wanted {
        if start.elapsed() > PATIENCE {
            let counted = counter.load(SeqCst);
            return Err(format!("{what}: {counted} of {wanted}").into());
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// A connection to the service. Dropped, it is closed.
struct Client {
    address: SocketAddr,
    requests: http1::SendRequest<Full<Bytes>>,
    _connection: JoinSet<()>,
}

impl Client {
    async fn connect(address: SocketAddr) -> Result<Client, Box<dyn Error + Send + Sync>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut task = JoinSet::new();
        // Its error is the request's as well.
        task.spawn(async { drop(connection.await) });
        Ok(Client {
            address,
            requests,
            _connection: task,
        })
    }

    async fn ask(&mut self, method: Method, path: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .body(Full::new(Bytes::from(body.to_string())))?;
        self.requests.ready().await?;
        let answer = self.requests.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok((status, String::from_utf8(body.into())?))
    }
}
