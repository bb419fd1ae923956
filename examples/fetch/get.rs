//! Fetching one page: plain blocking code, written only against std-shaped names.
//!
//! Nothing here knows of engines. On an OS thread `connect`, `read` and `write` block it;
//! on a green thread they park that green thread, rustls's calls of them included.

use crate::answer::{self, Answer};
use crate::failure::{Failure, Kind};
use crate::url::Url;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use standin::net::{SocketAddr, TcpStream, ToSocketAddrs};
use standin::sync::Arc;
use standin::time::Duration;
use std::io::{Read, Write};

/// Fetches the page at `url` and returns its body. The peer may be silent for `patience`.
pub(crate) fn get(
    url: &str,
    tls: &Arc<ClientConfig>,
    patience: Duration,
) -> Result<Vec<u8>, Failure> {
    let url = Url::parse(url).map_err(|error| Failure::new(Kind::MalformedUrl, error))?;
    let stream = connect(&url, patience)?;
    let answer = match url.tls {
        true => exchange_over_tls(&url, stream, tls)?,
        false => exchange(&url, stream)?,
    };
    match answer.status {
        200..=299 => Ok(answer.body),
        300..=399 => Err(Failure::new(
            Kind::ErrorStatus,
            format_args!(
                "{}, the page moved to {}; fetch that instead",
                answer.status,
                answer.location.as_deref().unwrap_or("nowhere")
            ),
        )),
        status => Err(Failure::new(Kind::ErrorStatus, status)),
    }
}

/// Connects to the first of the host's addresses that answers.
fn connect(url: &Url, patience: Duration) -> Result<TcpStream, Failure> {
    let addresses: Vec<SocketAddr> = (url.host.as_str(), url.port)
        .to_socket_addrs()
        .map_err(|e| Failure::new(Kind::UnresolvableHost, format_args!("{:?}: {e}", url.host)))?
        .collect();
    let mut failure = Failure::new(
        Kind::UnresolvableHost,
        format_args!("{:?} has no address", url.host),
    );
    for address in addresses {
        let connected = TcpStream::connect_timeout(&address, patience).and_then(|stream| {
            stream.set_read_timeout(Some(patience))?;
            stream.set_write_timeout(Some(patience))?;
            Ok(stream)
        });
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Failure::to_connect(address, &error),
        }
    }
    Err(failure)
}

// Inlined, the session would take its place on the stack of plain HTTP too.
#[inline(never)]
fn exchange_over_tls(
    url: &Url,
    mut stream: TcpStream,
    tls: &Arc<ClientConfig>,
) -> Result<Answer, Failure> {
    let name = ServerName::try_from(url.host.clone())
        .map_err(|error| Failure::new(Kind::BadTls, format_args!("{:?}: {error}", url.host)))?;
    let mut session = ClientConnection::new(tls.clone(), name)
        .map_err(|error| Failure::new(Kind::BadTls, error))?;
    while session.is_handshaking() {
        let done = session.complete_io(&mut stream);
        done.map_err(|e| Failure::during(Kind::BadTls, "shaking hands", &e))?;
    }
    exchange(url, StreamOwned::new(session, stream))
}

fn exchange(url: &Url, mut stream: impl Read + Write) -> Result<Answer, Failure> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: standin-fetch\r\nConnection: close\r\n\r\n",
        url.target,
        url.host_header()
    );
    let asked = stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.flush());
    asked.map_err(|e| Failure::during(Kind::BrokenAnswer, "sending the request", &e))?;
    answer::read(&mut stream)
}
