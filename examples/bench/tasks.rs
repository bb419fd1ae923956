//! Workloads that do N things and end: what threads, switches and waiting cost.

use crate::meter::{Meter, exit_now, mappings};
use standin::net::TcpStream;
use standin::sync::atomic::{AtomicU64, Ordering};
use standin::sync::{Arc, mpsc};
use standin::thread::{self, JoinHandle};
use standin::time::Duration;
use std::io::{self, Read, Write};

pub(crate) type Workload = fn(&Task);

/// One workload and what it is to do.
pub(crate) struct Task {
    /// The engine, for the report.
    pub(crate) name: String,
    pub(crate) n: u64,
    pub(crate) port: Option<u16>,
    pub(crate) run: Workload,
}

/// The usual N of a workload, and its code.
pub(crate) fn named(workload: &str) -> Option<(u64, Workload)> {
    Some(match workload {
        "w1" => (10_000, sleep),
        "w1warm" => (10_000, sleep_warm),
        "park" => (10_000, park),
        // The blocking sleep, which is the only one that blocking code knows.
        "w2" => (10_000, sleep),
        "w3spawn" => (100_000, spawn_empty),
        "w3yield" => (300_000, yield_in_turn),
        "w3chan" => (100_000, channel),
        "w6" => (1_000, fetch),
        _ => return None,
    })
}

impl Task {
    pub(crate) fn run(&self) {
        (self.run)(self);
    }

    fn meter(&self, n: u64) -> Meter {
        Meter::start(&self.name, n)
    }

    /// OS threads are limited to some ten thousands a machine.
    fn most_at_once(&self) -> u64 {
        match self.name.as_str() {
            "threads" | "std" => 1_000,
            _ => u64::MAX,
        }
    }
}

/// N threads that sleep 10 ms once; joins all.
fn sleep(task: &Task) {
    let meter = task.meter(task.n);
    match spawn(task.n, || thread::sleep(Duration::from_millis(10))) {
        Ok(threads) => {
            join(threads);
            meter.stop("");
        }
        Err((at, error)) => meter.fail(at, &error),
    }
}

/// `sleep` three times in one process: in the third, stacks and memory are warm.
fn sleep_warm(task: &Task) {
    for _ in 0..3 {
        sleep(task);
    }
}

/// N threads that all sleep at once: the memory of a parked thread.
fn park(task: &Task) {
    let meter = task.meter(task.n);
    let begun = Arc::new(AtomicU64::new(0));
    let counter = begun.clone();
    let parked = spawn(task.n, move || {
        counter.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_secs(3600));
    });
    if let Err((at, error)) = parked {
        meter.fail(at, &error);
        exit_now();
    }
    while begun.load(Ordering::Relaxed) < task.n {
        thread::sleep(Duration::from_millis(5));
    }
    meter.stop(&format!("\"vmas\":{}", mappings()));
    exit_now();
}

/// N threads that do nothing; joins all.
fn spawn_empty(task: &Task) {
    let batch = task.most_at_once().min(task.n);
    let meter = task.meter(task.n);
    let mut done = 0;
    while done < task.n {
        match spawn(batch.min(task.n - done), || ()) {
            Ok(threads) => {
                done += threads.len() as u64;
                join(threads);
            }
            Err((at, error)) => return meter.fail(done + at, &error),
        }
    }
    meter.stop(&format!("\"what\":\"{batch} at once\""));
}

/// Two threads that yield to each other, N times each.
fn yield_in_turn(task: &Task) {
    let n = task.n;
    let meter = task.meter(2 * n);
    match spawn(2, move || (0..n).for_each(|_| thread::yield_now())) {
        Ok(threads) => {
            join(threads);
            meter.stop("");
        }
        Err((at, error)) => meter.fail(at, &error),
    }
}

/// A message there and back through channels of capacity 1, N times.
fn channel(task: &Task) {
    let n = task.n;
    let (ping, pinged) = mpsc::sync_channel::<u64>(1);
    let (pong, ponged) = mpsc::sync_channel::<u64>(1);
    let meter = task.meter(2 * n);
    let echo = thread::spawn(move || {
        for message in pinged {
            pong.send(message).expect("the other end waits for it");
        }
    });
    let ask = thread::spawn(move || {
        for i in 0..n {
            ping.send(i)
                .expect("the other end receives until this one ends");
            assert_eq!(ponged.recv(), Ok(i));
        }
    });
    join(vec![ask, echo]);
    meter.stop("");
}

/// N pages at once, fetched by hand from a server on PORT that says `hello`.
fn fetch(task: &Task) {
    let port = task.port.unwrap_or(0);
    let meter = task.meter(task.n);
    match spawn(task.n, move || fetch_one(port)) {
        Ok(threads) => {
            let pages = join(threads).into_iter();
            let right =
                pages.filter(|page| page.as_ref().is_ok_and(|page| page.ends_with(b"hello")));
            meter.stop(&format!("\"ok\":{}", right.count()));
        }
        Err((at, error)) => meter.fail(at, &error),
    }
}

fn fetch_one(port: u16) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// Starts n threads, or says which one could not be started.
fn spawn<T: Send + 'static>(
    n: u64,
    body: impl Fn() -> T + Send + Clone + 'static,
) -> Result<Vec<JoinHandle<T>>, (u64, io::Error)> {
    let start = |i| {
        let thread = thread::Builder::new().spawn(body.clone());
        thread.map_err(|error| (i, error))
    };
    (0..n).map(start).collect()
}

fn join<T>(threads: Vec<JoinHandle<T>>) -> Vec<T> {
    let ended = threads.into_iter().map(JoinHandle::join);
    ended
        .map(|result| result.expect("a workload's thread does not panic"))
        .collect()
}
