//! The async code: a client by hyper, on tokio's own sockets, timers and tasks.
//!
//! Nothing here knows of standin, and nothing was changed for it.

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The page at `path`.
pub(crate) async fn get(
    address: SocketAddr,
    path: &str,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    timeout(PATIENCE, ask(address, path)).await?
}

async fn ask(address: SocketAddr, path: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, address.to_string())
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let answer = requests.send_request(request).await?;
    if !answer.status().is_success() {
        return Err(format!("the server said {}", answer.status()).into());
    }
    let body = answer.into_body().collect().await?.to_bytes();
    connection.await??;
    Ok(String::from_utf8(body.into())?)
}
