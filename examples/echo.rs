//! A server with one thread a connection that sends back what it receives.
//!
//!     cargo run --release --features green --example echo 127.0.0.1:7000
//!
//! `STANDIN_ENGINE=threads` (with the feature `threads`) runs it on OS threads. Without a
//! feature, `standin::net` is `std::net`, and this is the plain std program that it looks like.

use standin::net::{TcpListener, TcpStream};
use standin::thread;
use standin::time::Duration;
use std::io::{self, Read, Write};

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0"))?;
    println!("LISTENING {}", listener.local_addr()?.port());
    loop {
        let served = listener.accept().and_then(|(stream, _)| {
            thread::Builder::new().spawn(move || echo(stream))?;
            Ok(())
        });
        if let Err(error) = served {
            // Out of descriptors or of threads, most likely: let some connections end.
            eprintln!("echo: cannot serve a connection: {error}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Serves one connection. An error of the connection ends it, and nothing else.
fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length])?,
        }
    }
}
