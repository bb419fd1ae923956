//! An engine that is implemented outside of the crate: what it takes, and a program that runs on it.
//!
//! `cargo run --example engine --features threads`

#[cfg(feature = "_engine")]
#[path = "engine/os_threads.rs"]
mod os_threads;

#[cfg(feature = "_engine")]
fn main() -> std::io::Result<()> {
    use standin::engine::Engine;
    use standin::net::{TcpListener, TcpStream};
    use standin::thread;
    use std::io::{Read as _, Write as _};

    static ENGINE: os_threads::OsThreads = os_threads::OsThreads;
    Engine::new(&ENGINE).run(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        // Inside a thread of an engine, `spawn` makes another one of it.
        let server = thread::spawn(move || -> std::io::Result<()> {
            let (mut stream, _) = listener.accept()?;
            stream.write_all(format!("hello from {:?}", thread::current().id()).as_bytes())
        });
        let mut greeting = String::new();
        TcpStream::connect(address)?.read_to_string(&mut greeting)?;
        println!("{:?} got: {greeting}", thread::current().id());
        server.join().expect("the server does not panic")
    })
}

#[cfg(not(feature = "_engine"))]
fn main() {
    eprintln!("without an engine feature standin is std itself: build with --features threads");
    std::process::exit(2);
}
