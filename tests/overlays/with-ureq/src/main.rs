//! A thousand HTTPS requests by one agent of `ureq`, with `rustls` on both sides.

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use together::{Door, answer_to, ask_all, listen, serve};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

fn main() {
    let provider = rustls::crypto::ring::default_provider();
    provider.install_default().expect("it is the first");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])
        .expect("the key fits the certificate");
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .expect("the key fits the certificate");
    let server = Arc::new(server);

    let door = Arc::new(Door::default());
    let (listener, port) = listen();
    serve(listener, {
        let door = door.clone();
        move |stream| answer(stream, &server, &door)
    });

    let roots = RootCerts::new_with_certs(&[Certificate::from_der(&certificate).to_owned()]);
    let agent = Agent::config_builder()
        .https_only(true)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(600)))
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .build()
        .new_agent();
    ask_all(&door, move |question| {
        let mut response = agent
            .get(format!("https://127.0.0.1:{port}/{question}"))
            .call()
            .expect("the server answers");
        let body = response.body_mut().read_to_string();
        body.expect("it is text").parse().expect("it is a number")
    });
}

fn answer(stream: TcpStream, config: &Arc<ServerConfig>, door: &Door) {
    let connection = ServerConnection::new(config.clone()).expect("the configuration is right");
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let mut first = String::new();
    stream.read_line(&mut first).expect("the client asks");
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        let count = stream.read_line(&mut line).expect("the request goes on");
        assert_ne!(count, 0, "the request has no end");
    }
    let question = first
        .strip_prefix("GET /")
        .and_then(|rest| rest.strip_suffix(" HTTP/1.1\r\n"))
        .and_then(|question| question.parse().ok())
        .unwrap_or_else(|| panic!("asked {first:?}"));
    door.pass();
    let body = answer_to(question).to_string();
    let length = body.len();
    let stream = stream.get_mut();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .expect("the client listens");
    stream.conn.send_close_notify();
    stream.flush().expect("the client listens");
}
