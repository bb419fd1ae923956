//! may: stackful coroutines on workers that are pinned to cores.
//!
//! Its stack size has to be chosen, and its documentation recommends 32 KiB for simple
//! coroutines, which is also the default. Its other settings are the defaults.

use crate::meter::{Meter, Sample};
use crate::process;
use crate::workload::{
    BATCH_OF_SPAWNER, GET, Kind, LOOK, PARKED, Peer, SENDERS, SLEEP, SPAWNERS, all_computed,
    all_received, all_right, piece,
};
use ::may::coroutine::{self, JoinHandle};
use ::may::go;
use ::may::net::{TcpListener, TcpStream};
use ::may::sync::mpsc;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// may counts a stack in words of 8 bytes.
const STACK_WORDS: usize = 0x1000;
/// How many coroutines of `spawn` exist at once. The usual limit of a process's mappings ends
/// it at 32,500.
const MOST_AT_ONCE: u64 = 10_000;

pub(super) struct May;

/// Runs `body` as a coroutine, whose spawns are cheaper than those from outside.
fn run<T: Send + 'static>(body: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    ::may::config().set_stack_size(STACK_WORDS);
    if let Some(workers) = process::workers()? {
        ::may::config().set_workers(workers);
    }
    go!(body).join().expect("no coroutine panics")
}

impl Peer for May {
    fn name(&self) -> &'static str {
        "may"
    }

    fn note(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::BlockingSleep => "the sleep blocks a worker",
            Kind::Spawn => "10,000 at once: its mappings end at 32,500",
            Kind::Channel | Kind::Channels | Kind::SendToOne => "has no bounded channel",
            Kind::Echo => "backlog 1,024",
            _ => "",
        }
    }

    fn at_most(&self, kind: Kind) -> u64 {
        match kind {
            Kind::BlockingSleep => 200,
            Kind::Park => 30_000,
            _ => u64::MAX,
        }
    }

    fn sleep(&self, n: u64, warm_ups: u64) -> io::Result<Sample> {
        run(move || {
            let sleepers = || join_all(spawn_all(n, || coroutine::sleep(SLEEP)));
            for _ in 0..warm_ups {
                sleepers();
            }
            let meter = Meter::start()?;
            sleepers();
            meter.stop(n)
        })
    }

    fn park(&self, n: u64) -> io::Result<Sample> {
        run(move || {
            let begun = Arc::new(AtomicU64::new(0));
            let counter = begun.clone();
            let meter = Meter::start()?;
            let _parked = spawn_all(n, move || {
                counter.fetch_add(1, Ordering::Relaxed);
                coroutine::sleep(PARKED);
            });
            while begun.load(Ordering::Relaxed) < n {
                coroutine::sleep(LOOK);
            }
            meter.stop(n)
        })
    }

    fn blocking_sleep(&self, n: u64) -> io::Result<Sample> {
        run(move || {
            let meter = Meter::start()?;
            join_all(spawn_all(n, || thread::sleep(SLEEP)));
            meter.stop(n)
        })
    }

    fn spawn(&self, n: u64, at_once: u64) -> io::Result<Sample> {
        let at_once = at_once.min(MOST_AT_ONCE);
        run(move || {
            let meter = Meter::start()?;
            for begin in (0..n).step_by(at_once as usize) {
                join_all(spawn_all(at_once.min(n - begin), || ()));
            }
            meter.stop(n)
        })
    }

    fn spawn_from_many(&self, n: u64) -> io::Result<Sample> {
        run(move || {
            let meter = Meter::start()?;
            let spawners = spawn_all(SPAWNERS, move || {
                for _ in 0..n / SPAWNERS / BATCH_OF_SPAWNER {
                    join_all(spawn_all(BATCH_OF_SPAWNER, || ()));
                }
            });
            join_all(spawners);
            meter.stop(n)
        })
    }

    fn yield_in_turn(&self, n: u64) -> io::Result<Sample> {
        run(move || {
            let meter = Meter::start()?;
            join_all(spawn_all(2, move || {
                for _ in 0..n / 2 {
                    coroutine::yield_now();
                }
            }));
            meter.stop(n)
        })
    }

    fn channel(&self, pairs: u64, n: u64) -> io::Result<Sample> {
        run(move || {
            let meter = Meter::start()?;
            let mut coroutines = Vec::with_capacity(2 * pairs as usize);
            for _ in 0..pairs {
                let (ping, pinged) = mpsc::channel::<u64>();
                let (pong, ponged) = mpsc::channel::<u64>();
                coroutines.push(go!(move || {
                    for message in pinged {
                        pong.send(message).expect("the asker waits for the answer");
                    }
                }));
                coroutines.push(go!(move || {
                    for i in 0..n / pairs / 2 {
                        ping.send(i).expect("the answerer receives to the end");
                        assert_eq!(ponged.recv(), Ok(i));
                    }
                }));
            }
            join_all(coroutines);
            meter.stop(n)
        })
    }

    fn send_to_one(&self, n: u64) -> io::Result<Sample> {
        run(move || {
            let (sender, receiver) = mpsc::channel::<u64>();
            let meter = Meter::start()?;
            let senders = spawn_all(SENDERS, move || {
                for i in 0..n / SENDERS {
                    sender.send(i).expect("the receiver receives to the end");
                }
            });
            let sum = receiver.iter().sum();
            join_all(senders);
            let sample = meter.stop(n)?;
            all_received(sum, n)?;
            Ok(sample)
        })
    }

    fn compute(&self, n: u64) -> io::Result<Sample> {
        run(move || {
            let meter = Meter::start()?;
            let mut coroutines = Vec::with_capacity(n as usize);
            for index in 0..n {
                coroutines.push(go!(move || piece(index)));
            }
            let results = join_all(coroutines);
            let sample = meter.stop(n)?;
            all_computed(&results)?;
            Ok(sample)
        })
    }

    fn fetch(&self, n: u64, port: u16) -> io::Result<Sample> {
        run(move || {
            let meter = Meter::start()?;
            let pages = join_all(spawn_all(n, move || page(port)));
            let sample = meter.stop(n)?;
            all_right(&pages)?;
            Ok(sample)
        })
    }

    fn echo(&self, listening: fn(u16)) -> io::Result<()> {
        run(move || {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            listening(listener.local_addr()?.port());
            loop {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                go!(move || send_back(stream));
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
) -> Vec<JoinHandle<T>> {
    (0..n).map(|_| go!(body.clone())).collect()
}

fn join_all<T>(coroutines: Vec<JoinHandle<T>>) -> Vec<T> {
    let joined = coroutines.into_iter().map(JoinHandle::join);
    joined
        .map(|end| end.expect("no coroutine panics"))
        .collect()
}
