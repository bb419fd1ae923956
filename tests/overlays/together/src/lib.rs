//! A thousand questions, none of which is answered before all have been asked. The programs beside it bring the server and the
//! clients.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::panic;
use std::process;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

pub const QUESTIONS: u64 = 1000;
/// So many connect at once: a listener of std's holds 128 that are not accepted yet.
const CROWD: u64 = 100;
/// For OS threads that have nothing to do any more to end: `green` keeps a surplus of theirs for 100 ms, tokio its own for
/// ten seconds.
const PATIENCE: Duration = Duration::from_secs(90);

/// Has `ask` ask every question on a thread of its own, and opens the door when all of them wait behind it.
///
/// With an argument, waits until the process has at most so many OS threads meanwhile. A thread that panics ends the program:
/// nobody would come to the door in its place.
pub fn ask_all(door: &Door, ask: impl Fn(u64) -> u64 + Clone + Send + 'static) {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |information| {
        report(information);
        process::exit(101);
    }));

    let mut clients = Vec::new();
    for question in 0..QUESTIONS {
        drop(door.wait_for(question.saturating_sub(CROWD)));
        let ask = ask.clone();
        let client = thread::Builder::new().name(format!("client {question}"));
        let client = client.spawn(move || ask(question));
        clients.push(client.expect("there can be another thread"));
    }
    let os_threads = {
        let mut waiting = door.wait_for(QUESTIONS);
        let os_threads = os_threads();
        waiting.is_open = true;
        os_threads
    };
    door.opened.notify_all();

    for (question, client) in (0..QUESTIONS).zip(clients) {
        let answer = client.join().expect("no client panics");
        assert_eq!(answer, answer_to(question), "the answer to {question}");
    }
    println!("answers: {QUESTIONS}");
    println!("OS threads: {os_threads}");
}

/// Where the server's threads wait with their answers.
#[derive(Default)]
pub struct Door {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    opened: Condvar,
}

#[derive(Default)]
struct Waiting {
    count: u64,
    is_open: bool,
}

impl Door {
    /// By a thread of the server that is about to answer.
    pub fn pass(&self) {
        let mut waiting = self.waiting.lock().unwrap();
        waiting.count += 1;
        self.arrived.notify_one();
        while !waiting.is_open {
            waiting = self.opened.wait(waiting).unwrap();
        }
    }

    /// Waits until so many wait.
    fn wait_for(&self, count: u64) -> MutexGuard<'_, Waiting> {
        let waiting = self.waiting.lock().unwrap();
        self.arrived
            .wait_while(waiting, |waiting| waiting.count < count)
            .unwrap()
    }
}

/// A listener for the server, and the port it has.
pub fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    (listener, address.port())
}

/// Serves each connection on a thread of its own.
pub fn serve(listener: TcpListener, answer: impl Fn(TcpStream) + Clone + Send + 'static) {
    thread::spawn(move || {
        for connection in listener.incoming() {
            let connection = connection.expect("a connection is accepted");
            let answer = answer.clone();
            thread::spawn(move || answer(connection));
        }
    });
}

/// What the server says.
pub fn answer_to(question: u64) -> u64 {
    2 * question + 1
}

/// How many OS threads the process has, once they are as few as the argument wants them.
fn os_threads() -> usize {
    let most = std::env::args().nth(1);
    let most: usize = most.map_or(usize::MAX, |most| most.parse().expect("a number"));
    let start = Instant::now();
    loop {
        let tasks = fs::read_dir("/proc/self/task").expect("the kernel lists threads");
        let count = tasks.count();
        if count <= most || start.elapsed() > PATIENCE {
            return count;
        }
        thread::sleep(Duration::from_millis(20));
    }
}
