//! Five hundred threads that each sleep, then ask a question over a socket.
//!
//! A program that has never heard of standin. `plain` compiles it as it is, `renamed` with
//! one line in its Cargo.toml; `compare` runs both.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const THREADS: u32 = 500;

fn main() -> io::Result<()> {
    let start = Instant::now();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let clients: Vec<_> = (0..THREADS)
        .map(|number| thread::spawn(move || double(number, address)))
        .collect();

    let mut connections = Vec::new();
    for _ in 0..THREADS {
        connections.push(listener.accept()?.0);
    }
    // Every client has connected, and none has its answer yet: all the threads exist now.
    println!("OS threads: {}", os_threads()?);

    for mut connection in connections {
        let number = receive(&mut connection)?;
        connection.write_all(&(2 * number).to_be_bytes())?;
    }
    let mut sum = 0;
    for client in clients {
        sum += client.join().expect("no client panics")?;
    }
    println!("sum of the answers: {sum}");
    eprintln!("took {} ms", start.elapsed().as_millis());
    Ok(())
}

/// Asks the server for twice the number, after a sleep.
fn double(number: u32, server: SocketAddr) -> io::Result<u32> {
    // Each for another time: std's listener holds no five hundred connections at once.
    thread::sleep(Duration::from_millis(u64::from(number) / 2));
    let mut connection = TcpStream::connect(server)?;
    connection.write_all(&number.to_be_bytes())?;
    receive(&mut connection)
}

fn receive(connection: &mut TcpStream) -> io::Result<u32> {
    let mut bytes = [0; 4];
    connection.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

fn os_threads() -> io::Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("Threads:"));
    Ok(line.map_or("unknown", str::trim).to_string())
}
