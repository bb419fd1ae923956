//! Edition 2024: `Future` and `IntoFuture` are in the prelude, `let` chains, boxed slices iterate by value.

// Without an engine the conversions change nothing.
#![allow(clippy::useless_conversion)]

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs};
use std::panic::{UnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::time::Duration;
use std::{fmt, thread};

#[path = "../../conversations.rs"]
mod conversations;

static GREETING: LazyLock<Box<[u8]>> = LazyLock::new(|| Box::from(*b"good day"));

thread_local! {
    static COUNT: Cell<u32> = panic!("a value that is set first is not made");
    static NAMES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn main() -> io::Result<()> {
    println!("edition: 2024");
    locals();
    println!("names: {}", NAMES.with_borrow(|names| names.join(" and ")));
    between_crates()?;
    sockets()?;
    let future = async { 1 };
    fn of<F: IntoFuture<Output = u32>>(_: F) -> impl fmt::Debug + UnwindSafe {
        size_of::<F>()
    }
    assert!(catch_unwind(|| of(future)).is_ok());
    conversations::run()
}

fn locals() {
    COUNT.set(1);
    assert_eq!(COUNT.replace(2), 1);
    assert_eq!(COUNT.take(), 2);
    for name in Box::<[&str]>::from(["one", "other"]) {
        NAMES.with_borrow_mut(|names| names.push(name.to_owned()));
    }
    let others = thread::spawn(|| NAMES.take().len()).join().unwrap();
    assert_eq!(others, 0);
}

/// A crate that is not renamed has another `TcpStream`, unless no engine is compiled; they convert.
fn between_crates() -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let stream: TcpStream = plain::connect(address)?.into();
    let (mut accepted, peer) = listener.accept()?;
    assert_eq!(peer, stream.local_addr()?);
    accepted.write_all(&GREETING)?;
    let theirs = stream.try_clone()?.into();
    assert_eq!(plain::peer(&theirs)?, address);
    let mut stream = TcpStream::from(theirs);
    let mut greeting = vec![0; GREETING.len()];
    stream.read_exact(&mut greeting)?;
    assert_eq!(greeting, **GREETING);
    Ok(())
}

/// What sockets promise beside the bytes.
fn sockets() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    if let Err(error) = listener.accept()
        && error.kind() != ErrorKind::WouldBlock
    {
        return Err(error);
    }
    listener.set_nonblocking(false)?;
    let address = listener.local_addr()?.to_socket_addrs()?.next().unwrap();
    let client = thread::spawn(move || TcpStream::connect(address));
    let (mut server, _) = listener.accept()?;
    let mut client = client.join().unwrap()?;
    client.set_read_timeout(Some(Duration::from_millis(2)))?;
    let error = client.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    server.write_all(b"end")?;
    server.shutdown(Shutdown::Write)?;
    client.set_read_timeout(None)?;
    assert_eq!(io::read_to_string(&client)?, "end");
    assert!(client.set_read_timeout(Some(Duration::ZERO)).is_err());
    Ok(())
}
