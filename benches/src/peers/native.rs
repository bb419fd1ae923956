//! No runtime at all: the least work that has the same effect, on one OS thread. A heap of deadlines for threads that
//! sleep, a queue of boxed closures for threads that end, and level-triggered epoll for connections. The others are
//! measured by how much more they cost. What needs a stack or a thread of its own has no such thing.

use crate::meter::{Meter, Sample};
use crate::workload::{BACKLOG, GET, Kind, Peer, SLEEP, all_right};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::rc::Rc;
use std::thread;
use std::time::Instant;

/// The token of the listener; connections count from 1.
const LISTENER: u64 = 0;

pub(super) struct Native;

impl Peer for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn takes_part(&self, kind: Kind) -> bool {
        matches!(
            kind,
            Kind::Sleep
                | Kind::SleepWarm
                | Kind::Spawn
                | Kind::SpawnBatches
                | Kind::Echo
                | Kind::Fetch
        )
    }

    fn sleep(&self, n: u64, warm_ups: u64) -> io::Result<Sample> {
        (0..warm_ups).for_each(|_| sleep_all(n));
        let meter = Meter::start()?;
        sleep_all(n);
        meter.stop(n)
    }

    fn park(&self, _n: u64) -> io::Result<Sample> {
        no_part()
    }

    fn blocking_sleep(&self, _n: u64) -> io::Result<Sample> {
        no_part()
    }

    fn spawn(&self, n: u64, at_once: u64) -> io::Result<Sample> {
        let run = Rc::new(Cell::new(0));
        let meter = Meter::start()?;
        for begin in (0..n).step_by(at_once as usize) {
            let mut queue: VecDeque<Box<dyn FnOnce()>> = VecDeque::new();
            for _ in 0..at_once.min(n - begin) {
                let run = run.clone();
                queue.push_back(Box::new(move || run.set(run.get() + 1)));
            }
            queue.into_iter().for_each(|body| body());
        }
        let sample = meter.stop(n)?;
        assert_eq!(run.get(), n);
        Ok(sample)
    }

    fn spawn_from_many(&self, _n: u64) -> io::Result<Sample> {
        no_part()
    }

    fn yield_in_turn(&self, _n: u64) -> io::Result<Sample> {
        no_part()
    }

    fn channel(&self, _pairs: u64, _n: u64) -> io::Result<Sample> {
        no_part()
    }

    fn send_to_one(&self, _n: u64) -> io::Result<Sample> {
        no_part()
    }

    fn compute(&self, _n: u64) -> io::Result<Sample> {
        no_part()
    }

    fn fetch(&self, n: u64, port: u16) -> io::Result<Sample> {
        let meter = Meter::start()?;
        let epoll = Epoll::new()?;
        let mut fetches = Vec::with_capacity(n as usize);
        for index in 0..n {
            let fetch = Fetch::connect(port)?;
            epoll.add(&fetch.stream, index, EventFlags::OUT)?;
            fetches.push(fetch);
        }
        let mut events = Vec::with_capacity(1024);
        let mut left = n;
        while left > 0 {
            epoll.wait(&mut events)?;
            for event in events.drain(..) {
                let (index, flags) = (event.data.u64(), event.flags);
                let fetch = &mut fetches[index as usize];
                if flags.contains(EventFlags::OUT) {
                    // It fits the socket's buffer, and an error of the connection shows here.
                    fetch.stream.write_all(GET)?;
                    epoll.modify(&fetch.stream, index, EventFlags::IN)?;
                } else if fetch.receive()? {
                    epoll.remove(&fetch.stream)?;
                    left -= 1;
                }
            }
        }
        let sample = meter.stop(n)?;
        let pages: Vec<_> = fetches.into_iter().map(|fetch| Ok(fetch.page)).collect();
        all_right(&pages)?;
        Ok(sample)
    }

    fn echo(&self, listening: fn(u16)) -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        // Listening again sets the backlog; std's own is too short for a thousand at once.
        rustix::net::listen(&listener, BACKLOG)?;
        listener.set_nonblocking(true)?;
        let epoll = Epoll::new()?;
        epoll.add(&listener, LISTENER, EventFlags::IN)?;
        listening(listener.local_addr()?.port());
        // By token, never used again.
        let mut connections = vec![None];
        let mut events = Vec::with_capacity(1024);
        let mut buffer = [0; 1024];
        loop {
            epoll.wait(&mut events)?;
            for event in events.drain(..) {
                let known = event.data.u64();
                if known == LISTENER {
                    // Whoever comes next is another event.
                    let (stream, _) = listener.accept()?;
                    stream.set_nodelay(true)?;
                    epoll.add(&stream, connections.len() as u64, EventFlags::IN)?;
                    connections.push(Some(stream));
                    continue;
                }
                let connection = &mut connections[known as usize];
                if let Some(stream) = connection {
                    match stream.read(&mut buffer)? {
                        0 => *connection = None,
                        length => stream.write_all(&buffer[..length])?,
                    }
                }
            }
        }
    }
}

fn no_part() -> io::Result<Sample> {
    Err(io::Error::other(
        "there is nothing less than a thread that does this",
    ))
}

fn sleep_all(n: u64) {
    let sleepers = (0..n).map(|sleeper| Reverse((Instant::now() + SLEEP, sleeper)));
    let mut asleep: BinaryHeap<_> = sleepers.collect();
    let mut has_slept = vec![false; n as usize];
    while let Some(Reverse((deadline, sleeper))) = asleep.pop() {
        thread::sleep(deadline.saturating_duration_since(Instant::now()));
        has_slept[sleeper as usize] = true;
    }
    assert!(has_slept.iter().all(|slept| *slept));
}

/// A connection that fetches the page.
struct Fetch {
    stream: TcpStream,
    page: Vec<u8>,
}

impl Fetch {
    /// Begins to connect.
    fn connect(port: u16) -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        match rustix::net::connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(Self {
                stream: socket.into(),
                page: Vec::new(),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Receives once; whether that was the end.
    fn receive(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 1024];
        let length = self.stream.read(&mut buffer)?;
        self.page.extend_from_slice(&buffer[..length]);
        Ok(length == 0)
    }
}

struct Epoll(OwnedFd);

impl Epoll {
    fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(CreateFlags::CLOEXEC)?))
    }

    fn add(&self, source: impl AsFd, token: u64, flags: EventFlags) -> io::Result<()> {
        Ok(epoll::add(
            &self.0,
            source,
            EventData::new_u64(token),
            flags,
        )?)
    }

    fn modify(&self, source: impl AsFd, token: u64, flags: EventFlags) -> io::Result<()> {
        Ok(epoll::modify(
            &self.0,
            source,
            EventData::new_u64(token),
            flags,
        )?)
    }

    fn remove(&self, source: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.0, source)?)
    }

    fn wait(&self, events: &mut Vec<Event>) -> io::Result<()> {
        epoll::wait(&self.0, spare_capacity(events), None)?;
        Ok(())
    }
}
