//! Workloads that serve until they are killed: one thread a connection.

use standin::net::{TcpListener, TcpStream};
use standin::thread;
use standin::time::Duration;
use std::io::{self, Read, Write};

/// Connections that the kernel may hold until they are accepted.
const BACKLOG: i32 = 4096;
const DEFAULT_SECONDS: u32 = 120;
const HELLO: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
const BAD_REQUEST: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// The code of a server workload.
pub(crate) fn named(workload: &str) -> Option<fn() -> io::Result<()>> {
    match workload {
        "echo" => Some(|| serve(echo)),
        "http" => Some(|| serve(hello)),
        _ => None,
    }
}

fn serve(connection: fn(TcpStream) -> io::Result<()>) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // Listening again sets the backlog; std's own is too short for a thousand at once.
    rustix::net::listen(&listener, BACKLOG)?;
    end_in_time();
    println!("LISTENING {}", listener.local_addr()?.port());
    loop {
        let served = listener.accept().and_then(|(stream, _)| {
            stream.set_nodelay(true)?;
            // A connection's error ends that connection.
            thread::Builder::new().spawn(move || connection(stream))?;
            Ok(())
        });
        if let Err(error) = served {
            eprintln!("bench: error: cannot serve a connection: {error}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Sends back what it receives.
fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length])?,
        }
    }
}

/// Answers each request with the same page, and keeps the connection.
fn hello(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..])? {
            // The client has closed, or its request's head does not fit.
            0 => return Ok(()),
            length => filled += length,
        }
        let mut answered = 0;
        while let Some(length) = match head_length(&buffer[answered..filled]) {
            Ok(length) => length,
            Err(_) => return stream.write_all(BAD_REQUEST),
        } {
            stream.write_all(HELLO)?;
            answered += length;
        }
        buffer.copy_within(answered..filled, 0);
        filled -= answered;
    }
}

/// The length of the first request in `bytes`, if it is complete; it is taken to have no body.
fn head_length(bytes: &[u8]) -> Result<Option<usize>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    Ok(match httparse::Request::new(&mut headers).parse(bytes)? {
        httparse::Status::Complete(length) => Some(length),
        httparse::Status::Partial => None,
    })
}

/// A server that nobody stops ends by itself.
fn end_in_time() {
    let seconds = std::env::var("BENCH_MAX_S")
        .ok()
        .and_then(|text| text.parse().ok());
    // SAFETY: `alarm` has no preconditions; the signal ends the process, no handler runs.
    unsafe { libc::alarm(seconds.unwrap_or(DEFAULT_SECONDS)) };
}
