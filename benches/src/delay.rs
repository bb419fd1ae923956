//! The server of `fetch`: answers each request 50 ms after it came, by one thread over epoll,
//! in a process of its own, so that the client alone is measured.

use crate::workload::BACKLOG;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

const DELAY: Duration = Duration::from_millis(50);
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
/// The token of the listener; connections count from 1.
const LISTENER: u64 = 0;

/// Serves until it is killed; `listening` gets the port.
pub(crate) fn serve(listening: fn(u16)) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // Listening again sets the backlog; std's own is too short for a thousand at once.
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    let mut server = Server {
        epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        connections: HashMap::new(),
        next: LISTENER + 1,
        due: VecDeque::new(),
    };
    server.watch(&listener, LISTENER)?;
    listening(listener.local_addr()?.port());
    let mut events = Vec::with_capacity(1024);
    loop {
        let timeout = server.until_due();
        match epoll::wait(&server.epoll, spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            match event.data.u64() {
                LISTENER => server.accept(&listener)?,
                token => server.receive(token),
            }
        }
        server.answer();
    }
}

struct Server {
    epoll: OwnedFd,
    connections: HashMap<u64, Connection>,
    /// The token of the next connection.
    next: u64,
    /// Who is to be answered when. Every answer is delayed by the same time, so they are in
    /// order.
    due: VecDeque<(Instant, u64)>,
}

struct Connection {
    stream: TcpStream,
    head: Vec<u8>,
}

impl Server {
    fn watch(&self, source: impl rustix::fd::AsFd, token: u64) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token);
        Ok(epoll::add(
            &self.epoll,
            source,
            data,
            epoll::EventFlags::IN,
        )?)
    }

    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            self.watch(&stream, self.next)?;
            let head = Vec::new();
            self.connections
                .insert(self.next, Connection { stream, head });
            self.next += 1;
        }
    }

    /// Receives a part of a request; its end sets the time of the answer.
    fn receive(&mut self, token: u64) {
        let Some(connection) = self.connections.get_mut(&token) else {
            return;
        };
        let mut buffer = [0; 1024];
        match connection.stream.read(&mut buffer) {
            Ok(length) if length > 0 => {
                connection.head.extend_from_slice(&buffer[..length]);
                if connection.head.ends_with(b"\r\n\r\n") {
                    self.due.push_back((Instant::now() + DELAY, token));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // The client has gone; it counts its own failures.
            _ => drop(self.connections.remove(&token)),
        }
    }

    /// How long nothing has to be answered; `None` without an end.
    fn until_due(&self) -> Option<Timespec> {
        let (due, _) = self.due.front()?;
        let left = due.saturating_duration_since(Instant::now());
        Timespec::try_from(left).ok()
    }

    /// Answers all that are due, and closes their connections.
    fn answer(&mut self) {
        while self
            .due
            .front()
            .is_some_and(|(due, _)| *due <= Instant::now())
        {
            let connection = self
                .due
                .pop_front()
                .and_then(|(_, token)| self.connections.remove(&token));
            if let Some(mut connection) = connection {
                // The answer fits the socket's buffer; a client that has gone misses nothing.
                let _ = connection.stream.write_all(ANSWER);
            }
        }
    }
}
