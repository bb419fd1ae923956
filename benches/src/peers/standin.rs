//! standin on each of its engines: the code of `os_threads.rs` with other names imported, and
//! begun on a thread of the engine.

use crate::meter::{Meter, Sample};
use crate::workload::{
    BACKLOG, BATCH, BATCH_OF_SPAWNER, CAPACITY, GET, Kind, LOOK, PARKED, Peer, SENDERS, SLEEP,
    SPAWNERS, all_computed, all_received, all_right, piece,
};
use ::standin::engine::{self, green, tokio};
use ::standin::net::{TcpListener, TcpStream};
use ::standin::sync::atomic::{AtomicU64, Ordering};
use ::standin::sync::{Arc, mpsc};
use ::standin::thread::{self, JoinHandle};
use std::io::{self, Read, Write};

pub(super) const GREEN: Standin = Standin {
    name: "green",
    engine: "green",
    most_at_once: u64::MAX,
};
pub(super) const GREEN_PINNED: Standin = Standin {
    name: "green-pinned",
    engine: "green-pinned",
    most_at_once: u64::MAX,
};
pub(super) const ASYNC: Standin = Standin {
    name: "async",
    engine: "async",
    most_at_once: u64::MAX,
};
pub(super) const ASYNC_PINNED: Standin = Standin {
    name: "async-pinned",
    engine: "async-pinned",
    most_at_once: u64::MAX,
};
pub(super) const THREADS: Standin = Standin {
    name: "threads",
    engine: "threads",
    most_at_once: BATCH,
};

/// The engine on may's coroutines, with one worker; the peer `may` is may itself.
pub(super) const MAY_PINNED: Standin = Standin {
    name: "standin-may-pinned",
    engine: "may-pinned",
    most_at_once: MOST_OF_MAY,
};
/// As above, with as many workers as may has.
pub(super) const MAY: Standin = Standin {
    name: "standin-may",
    engine: "may",
    most_at_once: MOST_OF_MAY,
};

/// As many as of may itself.
const MOST_OF_MAY: u64 = 10_000;
/// Words of 8 bytes. Not the 0x1000 that may itself is measured with: that is may's default, for which the
/// engine takes larger stacks, and may keeps none of those for the next coroutine.
const STACK_OF_MAY: usize = 0x2000;

pub(super) struct Standin {
    /// In the tables.
    name: &'static str,
    engine: &'static str,
    /// How many threads of `spawn` exist at once.
    most_at_once: u64,
}

impl Standin {
    /// Runs `body` as a thread of the engine; what it spawns belongs to the engine as well.
    fn run<T: Send>(&self, body: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        // SAFETY: the threads of these workloads use no thread-local and no lock, wait only by
        // standin's own means, and have no destructor that parks.
        unsafe { green::accept_pinned() }
        // SAFETY: as above.
        unsafe { tokio::accept_pinned() }
        if self.engine == "may" {
            // SAFETY: as above; and they keep nothing that belongs to their OS thread.
            unsafe { engine::may::accept_moved() }
        }
        ::may::config().set_stack_size(STACK_OF_MAY);
        engine::named(self.engine)?.run(body)
    }
}

impl Peer for Standin {
    fn name(&self) -> &'static str {
        self.name
    }

    fn note(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Park if self.engine == "threads" => {
                "a thread's 16 KiB in the kernel are not counted"
            }
            Kind::Spawn if self.engine == "threads" => "1,000 at once",
            Kind::Spawn if self.most_at_once == MOST_OF_MAY => "10,000 at once, as may",
            _ => "",
        }
    }

    fn at_most(&self, kind: Kind) -> u64 {
        let is_of_may = self.most_at_once == MOST_OF_MAY;
        match (self.engine, kind) {
            (_, Kind::Park) if is_of_may => MOST_OF_MAY,
            ("threads", Kind::Park) => 10_000,
            ("threads", Kind::Spawn | Kind::SpawnBatches | Kind::SpawnFromMany) => 20_000,
            ("threads", Kind::Channel | Kind::Channels) => 100_000,
            _ => u64::MAX,
        }
    }

    fn sleep(&self, n: u64, warm_ups: u64) -> io::Result<Sample> {
        self.run(|| {
            let sleepers = || spawn_all(n, || thread::sleep(SLEEP)).map(join_all);
            for _ in 0..warm_ups {
                sleepers()?;
            }
            let meter = Meter::start()?;
            sleepers()?;
            meter.stop(n)
        })
    }

    fn park(&self, n: u64) -> io::Result<Sample> {
        self.run(|| {
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
        })
    }

    fn blocking_sleep(&self, n: u64) -> io::Result<Sample> {
        self.sleep(n, 0)
    }

    fn spawn(&self, n: u64, at_once: u64) -> io::Result<Sample> {
        let at_once = at_once.min(self.most_at_once);
        self.run(|| {
            let meter = Meter::start()?;
            for begin in (0..n).step_by(at_once as usize) {
                join_all(spawn_all(at_once.min(n - begin), || ())?);
            }
            meter.stop(n)
        })
    }

    fn spawn_from_many(&self, n: u64) -> io::Result<Sample> {
        self.run(|| {
            let meter = Meter::start()?;
            let spawners = spawn_all(SPAWNERS, move || {
                for _ in 0..n / SPAWNERS / BATCH_OF_SPAWNER {
                    join_all(spawn_all(BATCH_OF_SPAWNER, || ())?);
                }
                Ok(())
            })?;
            join_all(spawners).into_iter().collect::<io::Result<()>>()?;
            meter.stop(n)
        })
    }

    fn yield_in_turn(&self, n: u64) -> io::Result<Sample> {
        self.run(|| {
            let meter = Meter::start()?;
            join_all(spawn_all(2, move || {
                for _ in 0..n / 2 {
                    thread::yield_now();
                }
            })?);
            meter.stop(n)
        })
    }

    fn channel(&self, pairs: u64, n: u64) -> io::Result<Sample> {
        self.run(|| {
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
        })
    }

    fn send_to_one(&self, n: u64) -> io::Result<Sample> {
        self.run(|| {
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
        })
    }

    fn compute(&self, n: u64) -> io::Result<Sample> {
        self.run(|| {
            let meter = Meter::start()?;
            let mut threads = Vec::with_capacity(n as usize);
            for index in 0..n {
                threads.push(thread::Builder::new().spawn(move || piece(index))?);
            }
            let results = join_all(threads);
            let sample = meter.stop(n)?;
            all_computed(&results)?;
            Ok(sample)
        })
    }

    fn fetch(&self, n: u64, port: u16) -> io::Result<Sample> {
        self.run(|| {
            let meter = Meter::start()?;
            let pages = join_all(spawn_all(n, move || page(port))?);
            let sample = meter.stop(n)?;
            all_right(&pages)?;
            Ok(sample)
        })
    }

    fn echo(&self, listening: fn(u16)) -> io::Result<()> {
        self.run(|| {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            // Listening again sets the backlog; std's own is too short for a thousand at once.
            rustix::net::listen(&listener, BACKLOG)?;
            listening(listener.local_addr()?.port());
            loop {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                thread::Builder::new().spawn(move || send_back(stream))?;
            }
        })
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
