//! OS threads, through std alone.

use crate::meter::{Meter, Sample};
use crate::workload::{
    BACKLOG, BATCH, BATCH_OF_SPAWNER, CAPACITY, GET, Kind, LOOK, PARKED, Peer, SENDERS, SLEEP,
    SPAWNERS, all_computed, all_received, all_right, piece,
};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

pub(super) struct OsThreads;

impl Peer for OsThreads {
    fn name(&self) -> &'static str {
        "os-threads"
    }

    fn note(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Park => "a thread's 16 KiB in the kernel are not counted",
            Kind::Spawn => "1,000 at once",
            _ => "",
        }
    }

    fn at_most(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Park => 10_000,
            Kind::Spawn | Kind::SpawnBatches | Kind::SpawnFromMany => 20_000,
            Kind::Channel | Kind::Channels => 100_000,
            _ => u64::MAX,
        }
    }

    fn has_workers(&self) -> bool {
        false
    }

    fn sleep(&self, n: u64, warm_ups: u64) -> io::Result<Sample> {
        let sleepers = || spawn_all(n, || thread::sleep(SLEEP)).map(join_all);
        for _ in 0..warm_ups {
            sleepers()?;
        }
        let meter = Meter::start()?;
        sleepers()?;
        meter.stop(n)
    }

    fn park(&self, n: u64) -> io::Result<Sample> {
        let begun = Arc::new(AtomicU64::new(0));
        let counter = begun.clone();
        let meter = Meter::start()?;
        let _parked = spawn_all(n, move || {
            counter.fetch_add(1, Ordering::Relaxed);
            thread::sleep(PARKED);
        })?;
        while begun.load(Ordering::Relaxed) < n {
            thread::sleep(LOOK);
        }
        meter.stop(n)
    }

    fn blocking_sleep(&self, n: u64) -> io::Result<Sample> {
        self.sleep(n, 0)
    }

    fn spawn(&self, n: u64, at_once: u64) -> io::Result<Sample> {
        let at_once = at_once.min(BATCH);
        let meter = Meter::start()?;
        for begin in (0..n).step_by(at_once as usize) {
            join_all(spawn_all(at_once.min(n - begin), || ())?);
        }
        meter.stop(n)
    }

    fn spawn_from_many(&self, n: u64) -> io::Result<Sample> {
        let meter = Meter::start()?;
        let spawners = spawn_all(SPAWNERS, move || {
            for _ in 0..n / SPAWNERS / BATCH_OF_SPAWNER {
                join_all(spawn_all(BATCH_OF_SPAWNER, || ())?);
            }
            Ok(())
        })?;
        join_all(spawners).into_iter().collect::<io::Result<()>>()?;
        meter.stop(n)
    }

    fn yield_in_turn(&self, n: u64) -> io::Result<Sample> {
        let meter = Meter::start()?;
        join_all(spawn_all(2, move || {
            for _ in 0..n / 2 {
                thread::yield_now();
            }
        })?);
        meter.stop(n)
    }

    fn channel(&self, pairs: u64, n: u64) -> io::Result<Sample> {
        let meter = Meter::start()?;
        let mut threads = Vec::with_capacity(2 * pairs as usize);
        for _ in 0..pairs {
            let (ping, pinged) = mpsc::sync_channel::<u64>(1);
            let (pong, ponged) = mpsc::sync_channel::<u64>(1);
            threads.push(thread::Builder::new().spawn(move || {
                for message in pinged {
                    pong.send(message).expect("the asker waits for the answer");
                }
            })?);
            threads.push(thread::Builder::new().spawn(move || {
                for i in 0..n / pairs / 2 {
                    ping.send(i).expect("the answerer receives to the end");
                    assert_eq!(ponged.recv(), Ok(i));
                }
            })?);
        }
        join_all(threads);
        meter.stop(n)
    }

    fn send_to_one(&self, n: u64) -> io::Result<Sample> {
        let (sender, receiver) = mpsc::sync_channel::<u64>(CAPACITY);
        let meter = Meter::start()?;
        let senders = spawn_all(SENDERS, move || {
            for i in 0..n / SENDERS {
                sender.send(i).expect("the receiver receives to the end");
            }
        })?;
        let sum = receiver.iter().sum();
        join_all(senders);
        let sample = meter.stop(n)?;
        all_received(sum, n)?;
        Ok(sample)
    }

    fn compute(&self, n: u64) -> io::Result<Sample> {
        let meter = Meter::start()?;
        let mut threads = Vec::with_capacity(n as usize);
        for index in 0..n {
            threads.push(thread::Builder::new().spawn(move || piece(index))?);
        }
        let results = join_all(threads);
        let sample = meter.stop(n)?;
        all_computed(&results)?;
        Ok(sample)
    }

    fn fetch(&self, n: u64, port: u16) -> io::Result<Sample> {
        let meter = Meter::start()?;
        let pages = join_all(spawn_all(n, move || page(port))?);
        let sample = meter.stop(n)?;
        all_right(&pages)?;
        Ok(sample)
    }

    fn echo(&self, listening: fn(u16)) -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        // Listening again sets the backlog; std's own is too short for a thousand at once.
        rustix::net::listen(&listener, BACKLOG)?;
        listening(listener.local_addr()?.port());
        loop {
            let (stream, _) = listener.accept()?;
            stream.set_nodelay(true)?;
            thread::Builder::new().spawn(move || send_back(stream))?;
        }
    }
}

fn page(port: u16) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(GET)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn send_back(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length])?,
        }
    }
}

fn spawn_all<T: Send + 'static>(
    n: u64,
    body: impl Fn() -> T + Send + Clone + 'static,
) -> io::Result<Vec<JoinHandle<T>>> {
    (0..n)
        .map(|_| thread::Builder::new().spawn(body.clone()))
        .collect()
}

fn join_all<T>(threads: Vec<JoinHandle<T>>) -> Vec<T> {
    let joined = threads.into_iter().map(JoinHandle::join);
    joined.map(|end| end.expect("no thread panics")).collect()
}
