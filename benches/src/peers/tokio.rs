//! tokio on its two runtimes.

use crate::meter::{Meter, Sample};
use crate::process;
use crate::workload::{
    BACKLOG, BATCH_OF_SPAWNER, CAPACITY, GET, Kind, LOOK, PARKED, Peer, SENDERS, SLEEP, SPAWNERS,
    all_computed, all_received, all_right, piece,
};
use ::tokio::io::{AsyncReadExt, AsyncWriteExt};
use ::tokio::net::{TcpSocket, TcpStream};
use ::tokio::runtime::Builder;
use ::tokio::sync::mpsc;
use ::tokio::task::{self, JoinHandle};
use ::tokio::time;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

pub(super) const CURRENT_THREAD: Tokio = Tokio {
    name: "tokio-current",
    builder: Builder::new_current_thread,
};
pub(super) const MULTI_THREAD: Tokio = Tokio {
    name: "tokio-multi",
    builder: Builder::new_multi_thread,
};

pub(super) struct Tokio {
    name: &'static str,
    builder: fn() -> Builder,
}

impl Tokio {
    /// Runs `body` as a task, whose spawns are cheaper on the multi-thread runtime than those
    /// from outside.
    fn run<T: Send + 'static>(
        &self,
        body: impl Future<Output = io::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        let mut builder = (self.builder)();
        if let Some(workers) = process::workers()? {
            builder.worker_threads(workers);
        }
        let runtime = builder.enable_all().build()?;
        runtime
            .block_on(runtime.spawn(body))
            .expect("no task panics")
    }
}

impl Peer for Tokio {
    fn name(&self) -> &'static str {
        self.name
    }

    fn note(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::BlockingSleep => "spawn_blocking: 512 at once",
            _ => "",
        }
    }

    fn sleep(&self, n: u64, warm_ups: u64) -> io::Result<Sample> {
        self.run(async move {
            let sleepers = || join_all(spawn_all(n, || time::sleep(SLEEP)));
            for _ in 0..warm_ups {
                sleepers().await;
            }
            let meter = Meter::start()?;
            sleepers().await;
            meter.stop(n)
        })
    }

    fn park(&self, n: u64) -> io::Result<Sample> {
        self.run(async move {
            let begun = Arc::new(AtomicU64::new(0));
            let meter = Meter::start()?;
            let _parked = spawn_all(n, || {
                let counter = begun.clone();
                async move {
                    counter.fetch_add(1, Ordering::Relaxed);
                    time::sleep(PARKED).await;
                }
            });
            while begun.load(Ordering::Relaxed) < n {
                time::sleep(LOOK).await;
            }
            meter.stop(n)
        })
    }

    fn blocking_sleep(&self, n: u64) -> io::Result<Sample> {
        self.run(async move {
            let meter = Meter::start()?;
            let threads = (0..n).map(|_| task::spawn_blocking(|| thread::sleep(SLEEP)));
            join_all(threads.collect()).await;
            meter.stop(n)
        })
    }

    fn spawn(&self, n: u64, at_once: u64) -> io::Result<Sample> {
        self.run(async move {
            let meter = Meter::start()?;
            for begin in (0..n).step_by(at_once as usize) {
                join_all(spawn_all(at_once.min(n - begin), || async {})).await;
            }
            meter.stop(n)
        })
    }

    fn spawn_from_many(&self, n: u64) -> io::Result<Sample> {
        self.run(async move {
            let meter = Meter::start()?;
            let spawners = spawn_all(SPAWNERS, || async move {
                for _ in 0..n / SPAWNERS / BATCH_OF_SPAWNER {
                    join_all(spawn_all(BATCH_OF_SPAWNER, || async {})).await;
                }
            });
            join_all(spawners).await;
            meter.stop(n)
        })
    }

    fn yield_in_turn(&self, n: u64) -> io::Result<Sample> {
        self.run(async move {
            let meter = Meter::start()?;
            let tasks = spawn_all(2, || async move {
                for _ in 0..n / 2 {
                    task::yield_now().await;
                }
            });
            join_all(tasks).await;
            meter.stop(n)
        })
    }

    fn channel(&self, pairs: u64, n: u64) -> io::Result<Sample> {
        self.run(async move {
            let meter = Meter::start()?;
            let mut tasks = Vec::with_capacity(2 * pairs as usize);
            for _ in 0..pairs {
                let (ping, mut pinged) = mpsc::channel::<u64>(1);
                let (pong, mut ponged) = mpsc::channel::<u64>(1);
                tasks.push(task::spawn(async move {
                    while let Some(message) = pinged.recv().await {
                        let sent = pong.send(message).await;
                        sent.expect("the asker waits for the answer");
                    }
                }));
                tasks.push(task::spawn(async move {
                    for i in 0..n / pairs / 2 {
                        let sent = ping.send(i).await;
                        sent.expect("the answerer receives to the end");
                        assert_eq!(ponged.recv().await, Some(i));
                    }
                }));
            }
            join_all(tasks).await;
            meter.stop(n)
        })
    }

    fn send_to_one(&self, n: u64) -> io::Result<Sample> {
        self.run(async move {
            let (sender, mut receiver) = mpsc::channel::<u64>(CAPACITY);
            let meter = Meter::start()?;
            let senders = spawn_all(SENDERS, || {
                let sender = sender.clone();
                async move {
                    for i in 0..n / SENDERS {
                        let sent = sender.send(i).await;
                        sent.expect("the receiver receives to the end");
                    }
                }
            });
            drop(sender);
            let mut sum = 0;
            while let Some(message) = receiver.recv().await {
                sum += message;
            }
            join_all(senders).await;
            let sample = meter.stop(n)?;
            all_received(sum, n)?;
            Ok(sample)
        })
    }

    fn compute(&self, n: u64) -> io::Result<Sample> {
        self.run(async move {
            let meter = Meter::start()?;
            let tasks = (0..n).map(|index| task::spawn(async move { piece(index) }));
            let results = join_all(tasks.collect()).await;
            let sample = meter.stop(n)?;
            all_computed(&results)?;
            Ok(sample)
        })
    }

    fn fetch(&self, n: u64, port: u16) -> io::Result<Sample> {
        self.run(async move {
            let meter = Meter::start()?;
            let pages = join_all(spawn_all(n, || page(port))).await;
            let sample = meter.stop(n)?;
            all_right(&pages)?;
            Ok(sample)
        })
    }

    fn echo(&self, listening: fn(u16)) -> io::Result<()> {
        self.run(async move {
            let socket = TcpSocket::new_v4()?;
            socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
            let listener = socket.listen(BACKLOG as u32)?;
            listening(listener.local_addr()?.port());
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                task::spawn(send_back(stream));
            }
        })
    }
}

async fn page(port: u16) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(GET).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

async fn send_back(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length]).await?,
        }
    }
}

fn spawn_all<F>(n: u64, body: impl Fn() -> F) -> Vec<JoinHandle<F::Output>>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    (0..n).map(|_| task::spawn(body())).collect()
}

async fn join_all<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut ends = Vec::with_capacity(tasks.len());
    for task in tasks {
        ends.push(task.await.expect("no task panics"));
    }
    ends
}
