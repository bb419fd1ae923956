//! The client of `echo`: connections with one message in flight on each, by one thread over
//! epoll, in a process of its own. It measures the server's process from outside.

use crate::meter::{Meter, Sample};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const MESSAGE: [u8; 64] = [b'x'; 64];
/// Requests before this are not counted.
const WARM_UP: Duration = Duration::from_millis(100);
/// A server that leaves a connection without its first answer for so long has failed.
const SILENCE: Duration = Duration::from_secs(5);

/// Loads the server at `port`, whose process is `server`, and measures it for `window`.
///
/// # Errors
///
/// A connection was refused or closed, an answer was wrong, or some connection got none.
pub(crate) fn run(
    port: u16,
    server: u32,
    connections: usize,
    window: Duration,
) -> io::Result<Sample> {
    // Memory counts from before the connections, CPU time only within the window.
    let memory = Meter::start_of(server)?;
    let mut client = Client::connect(port, connections)?;
    client.greet()?;
    client.turn_until(Instant::now() + WARM_UP)?;
    client.forget();
    let meter = Meter::start_of(server)?;
    client.turn_until(Instant::now() + window)?;
    let count = client.answered.max(1);
    Ok(Sample {
        memory_kib: memory.stop(count)?.memory_kib,
        silent: client.silent as u64,
        ..meter.stop(count)?
    })
}

struct Client {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    connections: Vec<Connection>,
    /// Complete answers since `forget`.
    answered: u64,
    /// Connections without a complete answer since then.
    silent: usize,
}

struct Connection {
    stream: TcpStream,
    /// Bytes of the present answer.
    received: usize,
    /// Whether it has had no complete answer since `forget`.
    silent: bool,
}

impl Client {
    fn connect(port: u16, connections: usize) -> io::Result<Client> {
        let mut client = Client {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(1024),
            connections: Vec::with_capacity(connections),
            answered: 0,
            silent: connections,
        };
        for i in 0..connections {
            let stream = TcpStream::connect(("127.0.0.1", port))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            // Closing then leaves no port behind that waits for a minute.
            rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
            let data = epoll::EventData::new_u64(i as u64);
            epoll::add(&client.epoll, &stream, data, epoll::EventFlags::IN)?;
            client.connections.push(Connection {
                stream,
                received: 0,
                silent: true,
            });
        }
        Ok(client)
    }

    /// Has one answer on each connection, so that the server has a thread for each, and then
    /// sends the first message of the load.
    fn greet(&mut self) -> io::Result<()> {
        self.send_all()?;
        let end = Instant::now() + SILENCE;
        while self.silent > 0 {
            self.take_answers(|_| Ok(()))?;
            if Instant::now() > end {
                let (silent, all) = (self.silent, self.connections.len());
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("{silent} of {all} connections had no answer in {SILENCE:?}"),
                ));
            }
        }
        self.send_all()
    }

    fn send_all(&mut self) -> io::Result<()> {
        let mut connections = self.connections.iter_mut();
        connections.try_for_each(|connection| connection.stream.write_all(&MESSAGE))
    }

    /// Sends the next message for each answer until `end`.
    fn turn_until(&mut self, end: Instant) -> io::Result<()> {
        while Instant::now() < end {
            self.take_answers(|stream| stream.write_all(&MESSAGE))?;
        }
        Ok(())
    }

    /// Counts anew.
    fn forget(&mut self) {
        self.answered = 0;
        self.silent = self.connections.len();
        for connection in &mut self.connections {
            connection.silent = true;
        }
    }

    /// Waits for answers, for a while at most, and calls `then` for each complete one.
    fn take_answers(
        &mut self,
        mut then: impl FnMut(&mut TcpStream) -> io::Result<()>,
    ) -> io::Result<()> {
        // A server that does not answer must not keep the caller from looking at the time.
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: 10_000_000,
        };
        self.events.clear();
        match epoll::wait(
            &self.epoll,
            spare_capacity(&mut self.events),
            Some(&timeout),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &self.events {
            let connection = &mut self.connections[event.data.u64() as usize];
            if connection.receive()? {
                then(&mut connection.stream)?;
                self.answered += 1;
                self.silent -= usize::from(std::mem::take(&mut connection.silent));
            }
        }
        Ok(())
    }
}

impl Connection {
    /// Receives once; whether the answer is complete now.
    fn receive(&mut self) -> io::Result<bool> {
        let mut buffer = [0; MESSAGE.len()];
        let rest = &mut buffer[self.received..];
        let length = self.stream.read(rest)?;
        if length == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server closed a connection",
            ));
        }
        if rest[..length] != MESSAGE[..length] {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the server answered with other bytes than it was sent",
            ));
        }
        self.received = (self.received + length) % MESSAGE.len();
        Ok(self.received == 0)
    }
}
