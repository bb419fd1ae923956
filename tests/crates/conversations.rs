//! Five hundred conversations over sockets at once, with a server that delays its answers. A module of the
//! crates beside it: one source for every edition.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};
// For crates without the prelude.
use std::vec::Vec;

const CONVERSATIONS: u32 = 500;
/// Fewer than a listener of std's holds before they are accepted.
const BATCH: u32 = 50;
/// For OS threads that have nothing to do any more to end.
const PATIENCE: Duration = Duration::from_secs(90);

/// Prints what became of them.
pub fn run() -> io::Result<()> {
    let start = Instant::now();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let desk = Arc::new(Desk::default());
    let server = {
        let desk = desk.clone();
        thread::spawn(move || serve(&listener, &desk))
    };

    let (greeted, greetings) = mpsc::channel();
    let mut clients = Vec::new();
    for number in 0..CONVERSATIONS {
        let greeted = greeted.clone();
        let client = thread::Builder::new().name(format!("client {}", number));
        clients.push(client.spawn(move || ask(number, address, &greeted))?);
        if number % BATCH == BATCH - 1 {
            assert_eq!(
                greetings.iter().take(BATCH as usize).count(),
                BATCH as usize
            );
        }
    }

    let mut sum = 0;
    for (number, client) in clients.into_iter().enumerate() {
        assert_eq!(client.thread().name(), Some(&*format!("client {}", number)));
        sum += client.join().expect("no client panics")?;
    }
    server.join().expect("the server does not panic")?;
    println!("sum of the answers: {}", sum);
    println!("OS threads: {}", desk.asked.lock().unwrap().os_threads);
    assert!(
        start.elapsed() >= Duration::from_millis(5),
        "the delays are in it"
    );
    Ok(())
}

/// Asks for twice the number.
fn ask(number: u32, server: SocketAddr, greeted: &mpsc::Sender<u32>) -> io::Result<u32> {
    let mut connection = TcpStream::connect(server)?;
    let mut greeting = [0; 5];
    connection.read_exact(&mut greeting)?;
    assert_eq!(&greeting, b"hello");
    greeted
        .send(number)
        .expect("main listens until all are greeted");
    connection.write_all(&number.to_be_bytes())?;
    receive(&mut connection)
}

/// Where the questions are counted: nobody is answered until all have asked, so all are there at once.
#[derive(Default)]
struct Desk {
    asked: Mutex<Asked>,
    everybody: Condvar,
}

#[derive(Default)]
struct Asked {
    count: u32,
    /// When everybody had asked.
    os_threads: usize,
}

fn serve(listener: &TcpListener, desk: &Arc<Desk>) -> io::Result<()> {
    let mut threads = Vec::new();
    for connection in listener.incoming().take(CONVERSATIONS as usize) {
        let (connection, desk) = (connection?, desk.clone());
        threads.push(thread::spawn(move || answer(connection, &desk)));
    }
    for thread in threads {
        thread.join().expect("no thread of the server panics")?;
    }
    Ok(())
}

fn answer(mut connection: TcpStream, desk: &Desk) -> io::Result<()> {
    connection.write_all(b"hello")?;
    let number = receive(&mut connection)?;
    let mut asked = desk.asked.lock().unwrap();
    asked.count += 1;
    if asked.count == CONVERSATIONS {
        asked.os_threads = settled_os_threads()?;
        desk.everybody.notify_all();
    }
    drop(
        desk.everybody
            .wait_while(asked, |asked| asked.count < CONVERSATIONS),
    );
    thread::sleep(Duration::from_millis(5));
    connection.write_all(&(2 * number).to_be_bytes())
}

fn receive(connection: &mut TcpStream) -> io::Result<u32> {
    let mut bytes = [0; 4];
    connection.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

/// How many OS threads the process has, once they are as few as the argument wants them, if there is one.
fn settled_os_threads() -> io::Result<usize> {
    let most = std::env::args().nth(1).map(|most| most.parse());
    let most: usize = most.map_or(usize::max_value(), |most| most.expect("a number"));
    let start = Instant::now();
    loop {
        let count = os_threads()?;
        if count <= most || start.elapsed() > PATIENCE {
            return Ok(count);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn os_threads() -> io::Result<usize> {
    use std::fs::read_to_string;
    let status = read_to_string("/proc/self/status")?;
    let count = status
        .lines()
        .filter_map(|line| line.strip_prefix("Threads:"))
        .next();
    Ok(count
        .expect("the kernel counts threads")
        .trim()
        .parse()
        .expect("the count is a number"))
}
